"""The files of a profile that running jobs read anew beside ``rules.toml``: what each holds and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from msgspec import Struct

from ioc.domain.catalogue import PAYLOADS
from ioc.domain.dispatch import Names
from ioc.domain.duty import Duty
from ioc.domain.duty import problems as duty_problems
from ioc.domain.grouping import Grouping
from ioc.domain.grouping import problems as grouping_problems
from ioc.domain.matcher import Names as Matchable
from ioc.domain.profile import Area, Centre, Profile
from ioc.domain.suppression import Suppression
from ioc.domain.suppression import problems as suppression_problems


class Known(Struct, frozen=True, kw_only=True):
    """What a part may name. ``rules``: ids; None does not look at names of rules."""

    centres: tuple[Centre, ...]
    areas: tuple[Area, ...]
    rules: frozenset[str] | None


class Part(Struct, frozen=True, kw_only=True):
    """One such file, which may be absent.

    Attributes:
        name: of the file, without ``.toml``.
        field: of :class:`ioc.domain.profile.Profile`.
        kind: what it holds; its defaults are those of a profile without the file.
        problems: what is wrong with a value: (value, what it may name or None, ids of channels of ``dispatch.toml``) →
            sentences that begin with the place.
    """

    name: str
    field: str
    kind: type[Struct]
    problems: Callable[[Any, Known | None, Collection[str]], Iterable[str]]

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.name}.toml"


def known_of(profile: Profile, *, with_rules: bool) -> Known:
    """What the parts of a profile may name."""
    rules = frozenset(rule.id for rule in profile.rules) if with_rules else None
    return Known(centres=profile.centres, areas=profile.areas, rules=rules)


def _suppression(value: Suppression, known: Known | None, channels: Collection[str]) -> Iterable[str]:
    if known is None:
        return suppression_problems(value, None)
    names = Matchable(
        types=frozenset(PAYLOADS),
        centres=frozenset(one.id for one in known.centres),
        areas=frozenset(area.code for area in known.areas),
        sites=frozenset(site.id for one in known.centres for site in one.sites),
        feeds=frozenset(feed.id for one in known.centres for feed in one.feeds),
        rules=known.rules,
    )
    return suppression_problems(value, names)


def _incidents(value: Grouping, known: Known | None, channels: Collection[str]) -> Iterable[str]:
    return grouping_problems(value, None if known is None else known.rules)


def _duty(value: Duty, known: Known | None, channels: Collection[str]) -> Iterable[str]:
    return duty_problems(value, channels, None if known is None else names_of(known))


def names_of(known: Known) -> Names:
    """The same for chains and routes."""
    return Names(
        centres=frozenset(one.id for one in known.centres),
        areas=frozenset(area.code for area in known.areas),
        rules=known.rules,
        types=frozenset(PAYLOADS),
    )


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(name="suppression", field="suppression", kind=Suppression, problems=_suppression),
        Part(name="incidents", field="grouping", kind=Grouping, problems=_incidents),
        Part(name="duty", field="duty", kind=Duty, problems=_duty),
    )
}
"""By name."""
