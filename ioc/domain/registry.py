"""Who is known: centres, areas and sites of a profile, looked up by native id, code or name, and by date.

Validity dates are local days of the profile's time zone; an entry holds from the first instant of ``valid_from``
to the last before ``valid_to``. An event keeps the area code it came with: areas that were abolished since stay
known, so that their history can be read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from ioc.domain.hours import review_after
from ioc.domain.profile import Area, Centre, Feed, Profile, Site, Validity
from ioc.domain.times import MAX_MS, MIN_MS, to_ms


class SiteSpan(Struct, frozen=True):
    """A site and when it holds, epoch milliseconds, end exclusive."""

    site: Site
    from_ms: int
    to_ms: int


class Registry:
    """Look-ups in one profile; built once."""

    def __init__(self, profile: Profile) -> None:
        self._zone = ZoneInfo(profile.timezone)
        self._holidays = frozenset(profile.holidays)
        self._centres = {centre.id: centre for centre in profile.centres}
        self._areas: dict[str, list[Area]] = {}
        self._places: dict[str, list[Area]] = {}
        for area in profile.areas:
            self._areas.setdefault(area.code, []).append(area)
            for key in {place_key(name) for name in (area.name_vi, area.name_en, *area.aliases)}:
                self._places.setdefault(key, []).append(area)
        self._sites: dict[str, dict[str, list[SiteSpan]]] = {}
        for centre in profile.centres:
            native = self._sites.setdefault(centre.id, {})
            for site in centre.sites:
                native.setdefault(site.native_id or site.id, []).append(SiteSpan(site, *self.span(site)))

    def span(self, entry: Validity) -> tuple[int, int]:
        """From when to when an entry holds: epoch milliseconds, end exclusive."""
        return (
            self._midnight(entry.valid_from) if entry.valid_from else MIN_MS,
            self._midnight(entry.valid_to) if entry.valid_to else MAX_MS + 1,
        )

    def _midnight(self, day: str) -> int:
        return to_ms(datetime.fromisoformat(day).replace(tzinfo=self._zone))

    def centre(self, centre: str) -> Centre | None:
        """The centre of that id."""
        return self._centres.get(centre)

    def feed(self, centre: str, feed: str) -> Feed | None:
        """A feed of a centre."""
        found = self._centres.get(centre)
        return next((one for one in found.feeds if one.id == feed), None) if found else None

    def review_after(self, time_ms: int) -> int:
        """When somebody should look at what went out of service at that time; see :mod:`ioc.domain.hours`."""
        return review_after(time_ms, self._zone, self._holidays)

    def site_spans(self, centre: str, native_id: str) -> list[SiteSpan]:
        """All entries of a native station id, of whatever date; empty when there was never one."""
        return self._sites.get(centre, {}).get(native_id, [])

    def site(self, centre: str, native_id: str, at_ms: int) -> Site | None:
        """The site that the centre calls ``native_id`` at that time."""
        return _at(self.site_spans(centre, native_id), at_ms)

    def area(self, code: str, at_ms: int | None = None) -> Area | None:
        """The area of that code at that time; without a time, or when none holds then, the last one known."""
        found = self._areas.get(code, [])
        for area in found:
            first, end = self.span(area)
            if at_ms is not None and first <= at_ms < end:
                return area
        return found[-1] if found else None

    def holds(self, entry: Validity, at_ms: int) -> bool:
        """Whether an entry is valid at that time."""
        first, end = self.span(entry)
        return first <= at_ms < end

    def places_in(self, within: str, place: str, at_ms: int) -> tuple[Area, ...]:
        """Areas valid then that a text means, by code, name or alias, and that are ``within`` that area or it itself.

        Names are compared by :func:`place_key`. Normally one; none or several mean that the text does not tell.
        """
        named = self._areas.get(place) or self._places.get(place_key(place), [])
        return tuple(area for area in named if self.holds(area, at_ms) and self._is_within(area, within))

    def _is_within(self, area: Area, within: str) -> bool:
        here: Area | None = area
        for _ in range(_LEVELS_MAX):
            if here is None or here.code == within:
                break
            here = self.area(here.parent) if here.parent is not None else None
        return here is not None and here.code == within


def _at(spans: Iterable[SiteSpan], at_ms: int) -> Site | None:
    for span in spans:
        if span.from_ms <= at_ms < span.to_ms:
            return span.site
    return None


_LEVELS_MAX = 8  # of administrative units, province to hamlet; also ends a circle of parents


def place_key(text: str) -> str:
    """A place name as two writers of Vietnamese agree on it, with all its diacritics: ``BIÊN  HOÀ`` is ``biên hòa``.

    NFC; case and repeated blanks do not count; the old and the new place of a tone (``oà``, ``òa``; ``uý``, ``úy``) are
    one; Ð (U+00D0, Icelandic) is read as Đ (U+0110), which it is typed for.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).translate(_ETH).casefold().split())
    return _OLD_TONES.sub(lambda found: _NEW_TONES[found[0]], plain)


_ETH = str.maketrans({"Ð": "Đ", "ð": "đ"})
_NEW_TONES = {
    first + old: new + second
    for first, second, olds, news in (
        ("o", "a", "àáảãạ", "òóỏõọ"),
        ("o", "e", "èéẻẽẹ", "òóỏõọ"),
        ("u", "y", "ỳýỷỹỵ", "ùúủũụ"),
    )
    for old, new in zip(olds, news, strict=True)
}
_OLD_TONES = re.compile("|".join(_NEW_TONES))
