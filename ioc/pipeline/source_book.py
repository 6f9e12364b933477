"""Sources out of service on the desk, as alerting told of them, and how a shift hands them over.

``@handover/out/<alert key>`` is one that is out.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from ioc.domain.alerts import SourceTold
from ioc.domain.directory import Directory
from ioc.domain.handover import OutOfService
from ioc.domain.hours import review_after
from ioc.domain.profile import Centre, Feed, Profile, Site
from ioc.wire.codec import encode

_OUT = "@handover/out/"
_decode = msgspec.json.Decoder(SourceTold).decode


class SourceBook:
    """See the module. Bounded by the registry."""

    def __init__(self, profile: Profile) -> None:
        self._out: dict[str, SourceTold] = {}
        self._changed: set[str] = set()
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Other names and holidays."""
        self._directory, self._zone = Directory(profile), ZoneInfo(profile.timezone)
        self._holidays = frozenset(profile.holidays)
        self._shown: tuple[OutOfService, ...] | None = None

    def load(self, key: str, value: bytes) -> bool:
        """Take one record back, in any order; False: it is none of this book."""
        if not key.startswith(_OUT):
            return False
        self._out[key.removeprefix(_OUT)] = _decode(value)
        self._shown = None
        return True

    def take(self, told: SourceTold) -> None:
        """Alerting tells of one; the same again changes nothing."""
        now = told if told.out else None
        if self._out.get(told.key) == now:
            return
        if now is not None:
            self._out[told.key] = now
        else:
            del self._out[told.key]
        self._changed.add(told.key)
        self._shown = None

    def standing(self) -> tuple[OutOfService, ...]:
        """Those that are out, by key: a centre says it of its feeds, a feed of its sites."""
        if self._shown is None:
            centres = {one.centre for one in self._out.values() if not one.feed}
            feeds = {(one.centre, one.feed) for one in self._out.values() if not one.site}
            found = [
                self._named(one)
                for _, one in sorted(self._out.items())
                if not (one.feed and one.centre in centres) and not (one.site and (one.centre, one.feed) in feeds)
            ]
            self._shown = tuple(one for one in found if one is not None)
        return self._shown

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        rows = [(_OUT + key, encode(self._out[key]) if key in self._out else None) for key in sorted(self._changed)]
        self._changed.clear()
        return rows

    def _named(self, one: SourceTold) -> OutOfService | None:
        """None where the profile has no such source."""
        found = self._directory.centre(one.centre)
        named: Centre | Feed | Site | None = found
        if one.site:
            named = self._directory.site(one.centre, one.site, one.out_ms)
        elif one.feed:
            named = self._directory.feed(one.centre, one.feed)
        if found is None or named is None:
            return None
        return OutOfService(
            key=one.key,
            rule=one.rule,
            centre=one.centre,
            feed=one.feed,
            site=one.site,
            name_vi=named.name_vi,
            name_en=named.name_en,
            since_ms=one.since_ms,
            out_ms=one.out_ms,
            review_ms=review_after(one.out_ms, self._zone, self._holidays),
        )
