"""``suppression.toml`` of a profile: which alerts explain which, and when nobody is to be asked by plan. As values.

Neither closes an alert: what is suppressed is there, is shown apart with the reason, and asks again when the reason
ends and it is still there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from msgspec import Struct

from ioc.domain.hours import problems as hours_problems
from ioc.domain.matcher import Matcher, Names
from ioc.domain.matcher import problems as matcher_problems
from ioc.domain.schedule import Hours

EqualLabel = Literal["centre", "area", "site", "feed", "type", "rule"]
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


class Inhibit(Struct, frozen=True, kw_only=True):
    """While an alert stands that ``source`` is about, nobody is asked about those that ``target`` is about.

    ``equal``: labels that have to be the same in both; a label that is empty in both is the same. Without ``equal``
    one source explains every target of the province.
    """

    id: str
    source: Matcher
    target: Matcher
    equal: tuple[EqualLabel, ...] = ()
    why_vi: str
    why_en: str


class PlannedWindow(Struct, frozen=True, kw_only=True):
    """When nobody is to be asked, because people know: maintenance, a festival, a drill of a neighbour.

    Either ``hours``, which come again, or once from ``starts`` to before ``ends`` (``2026-12-01T22:00``). All are local
    times of the profile's zone. ``owner``: who answers for it, in words; handovers name them.
    """

    id: str
    target: Matcher
    hours: tuple[Hours, ...] = ()
    starts: str = ""
    ends: str = ""
    owner: str = ""
    why_vi: str
    why_en: str


class Suppression(Struct, frozen=True, kw_only=True):
    """``suppression.toml``; without one only silences of people suppress, and what rules say themselves."""

    inhibit: tuple[Inhibit, ...] = ()
    windows: tuple[PlannedWindow, ...] = ()


def problems(suppression: Suppression, names: Names | None = None) -> Iterator[str]:
    """What is wrong with it, each sentence beginning with the place; None does not look at names."""
    seen: set[str] = set()
    for i, rule in enumerate(suppression.inhibit):
        where = f"inhibit[{i}]"
        yield from _head_problems(rule, where, seen)
        yield from _matcher_problems(rule.source, f"{where}.source", names)
        yield from _matcher_problems(rule.target, f"{where}.target", names)
        if len(set(rule.equal)) < len(rule.equal):
            yield f"{where}.equal: a label stands there twice"
    seen = set()
    for i, window in enumerate(suppression.windows):
        where = f"windows[{i}]"
        yield from _head_problems(window, where, seen)
        yield from _matcher_problems(window.target, f"{where}.target", names)
        yield from _time_problems(window, where)


def _head_problems(one: Inhibit | PlannedWindow, where: str, seen: set[str]) -> Iterator[str]:
    if not _ID.fullmatch(one.id):
        yield f"{where}.id: must be 1 to 40 lower-case letters, digits and -"
    if one.id in seen:
        yield f"{where}.id: {one.id!r} is there already"
    seen.add(one.id)
    for name in ("why_vi", "why_en"):
        if not getattr(one, name).strip():
            yield f"{where}.{name}: must say something"


def _matcher_problems(matcher: Matcher, where: str, names: Names | None) -> Iterator[str]:
    if matcher.empty:
        yield f"{where}: has no condition: it would be about every alert"
    yield from (f"{where}.{said}" for said in matcher_problems(matcher, names))


def _time_problems(window: PlannedWindow, where: str) -> Iterator[str]:
    once = bool(window.starts or window.ends)
    if once == bool(window.hours):
        yield f"{where}: wants either hours, or starts and ends"
    yield from (f"{where}.hours: {said.removeprefix('schedule ')}" for said in hours_problems(window.hours))
    if not once:
        return
    readable = [local_time(getattr(window, name)) for name in ("starts", "ends")]
    for name, moment in zip(("starts", "ends"), readable, strict=True):
        if moment is None:
            yield f"{where}.{name}: must be a local time such as 2026-12-01T22:00"
    if readable[0] is not None and readable[1] is not None and readable[0] >= readable[1]:
        yield f"{where}.ends: must be after starts"


def local_time(text: str) -> datetime | None:
    """``2026-12-01T22:00`` without a zone; None for anything else."""
    if not _LOCAL.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
