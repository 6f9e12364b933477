"""The conditions of a matcher as people read them: names of rules, centres, areas, sites and feeds, no ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ioc.domain.matcher import Matcher
from ioc.domain.profile import Profile


class _Named(Protocol):
    @property
    def name_vi(self) -> str: ...

    @property
    def name_en(self) -> str: ...


class MatcherWords:
    """The names of one profile."""

    def __init__(self, profile: Profile) -> None:
        centres = profile.centres
        self._names: dict[str, dict[str, _Named]] = {
            "rules": {one.id: one for one in profile.rules},
            "types": {},  # they have no names
            "centres": {one.id: one for one in centres},
            "areas": {one.code: one for one in profile.areas},
            "sites": {site.id: site for centre in centres for site in centre.sites},
            # Centres may use the same id: the name is that of the first.
            "feeds": {feed.id: feed for centre in reversed(centres) for feed in centre.feeds},
        }

    def of(self, matcher: Matcher) -> tuple[str, str]:
        """``Ùn tắc · Biên Hòa · ≥ P3`` in Vietnamese and in English; empty without a condition.

        What has no name is said by its id.
        """
        vi, en = [], []
        for listed, names in self._names.items():
            found = [(key, names.get(key)) for key in _ids(matcher, listed)]
            vi += [key if one is None else one.name_vi or key for key, one in found]
            en += [key if one is None else one.name_en or one.name_vi or key for key, one in found]
        least = [f"≥ P{matcher.priority}"] if matcher.priority > 1 else []
        return " · ".join(vi + least), " · ".join(en + least)


def _ids(matcher: Matcher, listed: str) -> Iterable[str]:
    found: tuple[str, ...] = getattr(matcher, listed)
    return found
