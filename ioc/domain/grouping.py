"""``incidents.toml`` of a profile: which alerts belong together, and what is a flood. As values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from msgspec import Struct

from ioc.domain.flood import FloodLimits


class Group(Struct, frozen=True, kw_only=True):
    """Alerts of these rules belong together when they are near each other and one begins soon after another.

    Attributes:
        rules: ids of rules; a rule is in at most one group.
        near: ``area``: same area, or within ``within_m`` metres; ``centre``: same centre; ``all``: anywhere.
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
    yield from ()
