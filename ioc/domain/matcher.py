"""Which alerts a rule of suppression, a planned window or a silence is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.desk import AUDIT_RULE, UNSIGNED_RULE

Label = Literal["rule", "type", "centre", "area", "site", "feed"]
_LISTS: tuple[tuple[str, Label], ...] = (
    *(("rules", "rule"), ("types", "type"), ("centres", "centre")),
    *(("areas", "area"), ("sites", "site"), ("feeds", "feed")),
)
NAMES_MAX = 100  # names in one list: a longer one is slow to match, and nobody can read it


class Matcher(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions that all have to hold; an empty list is no condition.

    ``priority``: this one or a less urgent one (1 is the most urgent, so 1 is no condition).
    """

    rules: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    centres: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    priority: Literal[1, 2, 3, 4] = 1

    @property
    def empty(self) -> bool:
        """Has it no condition, so that it is about every alert?"""
        return self.priority == 1 and not any(getattr(self, name) for name, _ in _LISTS)

    def holds(self, alert: Alert) -> bool:
        """Is it about the alert?"""
        if alert.priority < self.priority:
            return False
        for name, label in _LISTS:
            allowed: tuple[str, ...] = getattr(self, name)
            if allowed and getattr(alert, label) not in allowed:
                return False
        return True

    def may_hide(self, alert: Alert) -> bool:
        """As :meth:`holds`, for what people and plans hide: a P1 alert only when the matcher names its rule.

        So nobody hides by a wide condition ("this area, everything") what people may die of, nor that nobody is called
        about it, nor that nobody took the shift over.
        """
        wide = alert.priority > 1 and alert.rule not in (AUDIT_RULE, UNSIGNED_RULE)
        return self.holds(alert) and (wide or alert.rule in self.rules)


class Names(Struct, frozen=True, kw_only=True):
    """What a matcher may name, as the profile has it."""

    types: frozenset[str]
    centres: frozenset[str]
    areas: frozenset[str]
    sites: frozenset[str]
    feeds: frozenset[str]
    rules: frozenset[str] | None  # None: rules are not looked at


def problems(matcher: Matcher, names: Names | None) -> Iterator[str]:
    """What is wrong with it, each sentence beginning with the list; None does not look at names."""
    for name, _ in _LISTS:
        given: tuple[str, ...] = getattr(matcher, name)
        if len(given) > NAMES_MAX:
            yield f"{name}: has more than {NAMES_MAX} names"
        known: frozenset[str] | None = None if names is None else getattr(names, name)
        yield from (f"{name}: there is no {one!r}" for one in given if known is not None and one not in known)
