"""``incidents.toml`` of a profile: which alerts belong together, and what is a flood. As values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal

from msgspec import Struct

from ioc.domain.desk import OWN_RULES
from ioc.domain.flood import FloodLimits

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
TITLE_MAX = 120  # characters; a longer one fits no list
WITHIN_M_MAX = 100_000.0  # farther than that is another province
WITHIN_S_MAX = 86_400.0  # what begins a day later is something else
ALERTS_MIN_MAX = 100
FLOOD_MAX = 10_000  # alerts
FLOOD_WINDOW_S_MAX = 3_600.0
POSITIONS_MAX = 100


class Group(Struct, frozen=True, kw_only=True):
    """Alerts of these rules belong together when they are near each other and one begins soon after another.

    Attributes:
        rules: ids of rules; a rule is in at most one group.
        near: ``area``: same area, or within ``within_m`` metres; ``centre``: same centre; ``all``: anywhere.
        within_m: of ``area`` only; 0: the same area alone counts.
        within_s: an alert joins when it was raised at most so long after the newest member.
        alerts_min: so many make an incident; fewer are single alerts.
    """

    id: str
    title_vi: str
    title_en: str
    rules: tuple[str, ...]
    near: Literal["area", "centre", "all"] = "area"
    within_m: float = 0.0
    within_s: float = 1800.0
    alerts_min: int = 2


class Grouping(Struct, frozen=True, kw_only=True):
    """``incidents.toml``; without one there are no incidents, and floods are judged by the usual limits."""

    groups: tuple[Group, ...] = ()
    flood: FloodLimits = FloodLimits()


def problems(grouping: Grouping, rules: Collection[str] | None) -> Iterator[str]:
    """What is wrong, in words with the place first. ``rules``: ids of the profile's rules; None: not known."""
    seen: set[str] = set()
    group_of: dict[str, str] = {}
    for i, group in enumerate(grouping.groups):
        where = f"groups[{i}] ({group.id})"
        yield from _head_problems(group, where, seen)
        if not group.rules:
            yield f"{where}.rules: names no rule"
        yield from _unknown(group.rules, f"{where}.rules", rules)
        for rule in group.rules:
            if rule in group_of:
                yield f"{where}.rules: {rule!r} is in {group_of[rule]} already"
            group_of.setdefault(rule, where)
        yield from _reach_problems(group, where)
    yield from _flood_problems(grouping.flood, rules)


def _head_problems(group: Group, where: str, seen: set[str]) -> Iterator[str]:
    if not _ID.fullmatch(group.id):
        yield f"{where}.id: must be 1 to 40 lower-case letters, digits and -"
    if group.id in seen:
        yield f"{where}.id: {group.id!r} is there already"
    seen.add(group.id)
    for name in ("title_vi", "title_en"):
        title = getattr(group, name).strip()
        if not title:
            yield f"{where}.{name}: must say something"
        elif len(title) > TITLE_MAX:
            yield f"{where}.{name}: at most {TITLE_MAX} characters"


def _reach_problems(group: Group, where: str) -> Iterator[str]:
    if not 0 <= group.within_m <= WITHIN_M_MAX:
        yield f"{where}.within_m: must be 0 to {WITHIN_M_MAX:g} metres"
    elif group.within_m and group.near != "area":
        yield f'{where}.within_m: is read only with near = "area"'
    if not 0 < group.within_s <= WITHIN_S_MAX:
        yield f"{where}.within_s: must be more than 0 and at most {WITHIN_S_MAX:g} seconds"
    if not 2 <= group.alerts_min <= ALERTS_MIN_MAX:
        yield f"{where}.alerts_min: must be 2 to {ALERTS_MIN_MAX}"


def _flood_problems(flood: FloodLimits, rules: Collection[str] | None) -> Iterator[str]:
    if not 1 <= flood.above <= FLOOD_MAX:
        yield f"flood.above: must be 1 to {FLOOD_MAX}"
    if not 1 <= flood.below <= flood.above:
        yield "flood.below: must be at least 1 and at most above"
    if not 0 < flood.window_s <= FLOOD_WINDOW_S_MAX:
        yield f"flood.window_s: must be more than 0 and at most {FLOOD_WINDOW_S_MAX:g} seconds"
    if not 1 <= flood.positions <= POSITIONS_MAX:
        yield f"flood.positions: must be 1 to {POSITIONS_MAX}"
    yield from _unknown(flood.always, "flood.always", None if rules is None else {*rules, *OWN_RULES})


def _unknown(named: tuple[str, ...], where: str, known: Collection[str] | None) -> Iterator[str]:
    yield from (
        f"{where}: {one!r} stands there twice" for one in sorted({one for one in named if named.count(one) > 1})
    )
    if known is not None:
        yield from (f"{where}: there is no rule {one!r}" for one in dict.fromkeys(named) if one not in known)
