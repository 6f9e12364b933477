"""Look-ups in a profile by date: which site an id meant then, what a place is called, how a feed behaves."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from ioc.domain.profile import Area, Centre, Feed, Profile, Site, Validity
from ioc.domain.times import from_ms


def valid_on(entry: Validity, date: str) -> bool:
    """Does the entry hold on a date (``YYYY-MM-DD``)? The first day is included, the last is not."""
    return (entry.valid_from is None or entry.valid_from <= date) and (entry.valid_to is None or date < entry.valid_to)


class Directory:
    """Indexes of one profile. Unknown ids give None: an event may be older than the profile."""

    def __init__(self, profile: Profile) -> None:
        self._zone = ZoneInfo(profile.timezone)
        self._centres: dict[str, Centre] = {}
        self._areas: dict[str, Area] = {}
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._sites: dict[tuple[str, str], list[Site]] = {}
        self._of_feeds: dict[tuple[str, str], list[Site]] = {}
        for area in profile.areas:
            self._areas[area.code] = area
        for centre in profile.centres:
            self._centres[centre.id] = centre
            for feed in centre.feeds:
                self._feeds[centre.id, feed.id] = feed
            for site in centre.sites:
                self._sites.setdefault((centre.id, site.id), []).append(site)
                self._of_feeds.setdefault((centre.id, site.feed), []).append(site)

    def centre(self, centre: str) -> Centre | None:
        """The centre with this id."""
        return self._centres.get(centre)

    def area(self, code: str) -> Area | None:
        """The area with this code."""
        return self._areas.get(code)

    def feed(self, centre: str, feed: str) -> Feed | None:
        """The feed of a centre."""
        return self._feeds.get((centre, feed))

    def site(self, centre: str, site: str, time_ms: int) -> Site | None:
        """The entry of a site that held at an instant: the local date decides; after all entries, the last."""
        entries = self._sites.get((centre, site))
        if not entries:
            return None
        if len(entries) == 1:
            return entries[0]
        date = from_ms(time_ms).astimezone(self._zone).date().isoformat()
        return next((entry for entry in entries if valid_on(entry, date)), entries[-1])

    def changes(self, centre: str, site: str) -> bool:
        """Does the site have several entries, so that a look-up depends on the date?"""
        return len(self._sites.get((centre, site), ())) > 1

    def expects(self, centre: str, feed: str, site: str, time_ms: int) -> bool:
        """Has the registry an entry of this site, or of any site of the feed when it is empty, at that time?"""
        entries = self._sites.get((centre, site), []) if site else self._of_feeds.get((centre, feed), [])
        found = self._centres.get(centre)
        if found is None:
            return False
        if all(one.valid_from is None and one.valid_to is None for one in (found, *entries)):
            return bool(entries)
        date = from_ms(time_ms).astimezone(self._zone).date().isoformat()
        return valid_on(found, date) and any(entry.feed == feed and valid_on(entry, date) for entry in entries)

    def clock_time(self, time_ms: int) -> str:
        """``HH:MM:SS`` in the profile's time zone."""
        return f"{from_ms(time_ms).astimezone(self._zone):%H:%M:%S}"

    def place(self, area: str, site: Site | None, language: str) -> str:
        """``area · site`` in a language (``vi`` or ``en``), as the wall writes places."""
        found = self._areas.get(area)
        names = []
        if found is not None:
            names.append(found.name_vi if language == "vi" else found.name_en)
        if site is not None:
            names.append(site.name_vi if language == "vi" else site.name_en)
        return " · ".join(dict.fromkeys(name for name in names if name))
