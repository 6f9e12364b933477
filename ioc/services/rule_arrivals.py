"""The readings of a story, one by one in the order of their arrival: series, ramps, faults, heartbeats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from ioc.domain.catalogue import PAYLOADS
from ioc.domain.profile import Centre, Profile, Site
from ioc.domain.spans import duration, span
from ioc.errors import BadInput
from ioc.pipeline.validate import encode_payload, field_kinds
from ioc.services.rule_stories import Readings, Timeline

READINGS_MAX = 200_000  # of one series; more is a mistake in `every`
DELAY_MS = 400  # from the instrument to the province, when `late_by` says nothing
_RAMP = re.compile(r"\s*-?\d+(?:\.\d+)?(?:\s*->\s*-?\d+(?:\.\d+)?)+\s*")


class Arrival(Struct, frozen=True, kw_only=True):
    """One reading of a story: when it was taken and when it arrives, milliseconds since the start."""

    time_ms: int
    arrives_ms: int
    id: str
    centre: str
    site: Site
    type: str
    data: bytes
    exercise: str | None = None


def arrivals(timeline: Timeline, profile: Profile) -> list[Arrival]:
    """All readings of a story in the order of their arrival, heartbeats too.

    Raises:
        BadInput: a reading is not possible, with its place inside the test.
    """
    found: list[Arrival] = []
    for block, readings in enumerate(timeline.readings):
        found += _series(readings, profile, f"readings[{block}]", f"t{block}")
    if timeline.heartbeats:
        found += _heartbeats(timeline, profile)
    found.sort(key=lambda one: (one.arrives_ms, one.time_ms, one.id))
    return found


def site_of(profile: Profile, centre: str | None, site: str) -> tuple[Centre, Site] | None:
    """The one site of that name; None when there is none or it is not clear which."""
    found = [
        (one, place) for one in profile.centres if centre in (None, one.id) for place in one.sites if place.id == site
    ]
    return found[0] if found and len({one.id for one, _ in found}) == 1 else None


def _series(readings: Readings, profile: Profile, where: str, name: str) -> Iterator[Arrival]:
    found = site_of(profile, readings.centre, readings.site)
    if found is None:
        of = f" of centre {readings.centre}" if readings.centre else ""
        raise BadInput("schema", f"{where}.site", f"there is not exactly one site {readings.site!r}{of}")
    centre, site = found
    feed = next((feed for feed in centre.feeds if feed.id == site.feed), None)
    types = feed.types if feed else ()
    by_clock = [kind for kind in types if feed and kind not in feed.sporadic_types]
    kind = readings.type or next((some[0] for some in (types, by_clock) if len(some) == 1), "")
    if kind not in types or kind not in PAYLOADS:
        raise BadInput("schema", f"{where}.type", f"{kind!r} is not one of {', '.join(types)}")
    times = _times(readings, where)
    gaps = [span(gap) for gap in readings.gaps]
    late_ms = duration(readings.late_by) or DELAY_MS
    paths = {field: f"{where}.values.{field}" for field in readings.values}
    for number, time_ms in enumerate(times):
        if any(time_ms in gap for gap in gaps):
            continue
        data = {
            field: _value(kind, field, value, number, len(times), f"{where}.values.{field}")
            for field, value in readings.values.items()
        }
        one = Arrival(
            time_ms=time_ms,
            arrives_ms=time_ms + late_ms,
            id=f"{site.id}-{name}-{number}",
            centre=centre.id,
            site=site,
            type=kind,
            data=_payload(kind, data, paths, f"{where}.values"),
            exercise=readings.exercise,
        )
        for _ in range(1 + readings.repeats):
            yield one


def _payload(kind: str, data: dict[str, object], paths: dict[str, str], where: str) -> bytes:
    try:
        return encode_payload(kind, data, paths)
    except BadInput as exc:
        raise BadInput(exc.code, exc.path or where, exc.detail) from exc


def _times(readings: Readings, where: str) -> list[int]:
    series = (readings.from_, readings.to, readings.every)
    if readings.at is not None and series == (None, None, None):
        return [duration(readings.at)]
    if readings.at is not None or None in series:
        raise BadInput("schema", where, "needs either at, or from, to and every")
    first, last, every = (duration(text or "") for text in series)
    if every <= 0 or last < first:
        raise BadInput("schema", f"{where}.every", "needs from ≤ to, and every above 0")
    if (last - first) // every >= READINGS_MAX:
        raise BadInput("schema", f"{where}.every", f"makes more than {READINGS_MAX} readings")
    return list(range(first, last + 1, every))


def _value(kind: str, field: str, value: object, number: int, count: int, where: str) -> object:
    """The value of one reading: as it stands, the next of a list (again from the start), or a point of a ramp."""
    if isinstance(value, list):
        if not value:
            raise BadInput("schema", where, "is empty")
        return value[number % len(value)]
    what = field_kinds(kind).get(field, ("", 0))[0]
    if what not in ("number", "integer") or not isinstance(value, str):
        return value
    if _RAMP.fullmatch(value) is None:
        raise BadInput("schema", where, f"{value!r} is neither a number nor a ramp such as '1.2 -> 2.0 -> 1.5'")
    corners = [float(part) for part in value.split("->")]
    at = number / max(1, count - 1) * (len(corners) - 1)
    left = min(int(at), len(corners) - 2)
    here = round(corners[left] + (corners[left + 1] - corners[left]) * (at - left), 6)
    return round(here) if what == "integer" else here


def _heartbeats(timeline: Timeline, profile: Profile) -> Iterator[Arrival]:
    for centre in profile.centres:
        feed = next((feed for feed in centre.feeds if "source.heartbeat" in feed.types), None)
        site = next((site for site in centre.sites if feed is not None and site.feed == feed.id), None)
        if feed is None or site is None:
            continue
        quiet = span(timeline.silent[centre.id]) if centre.id in timeline.silent else None
        every_ms = max(1_000, round(feed.expected_period_s * 1_000))
        for number, time_ms in enumerate(range(0, duration(timeline.lasts) + 1, every_ms)):
            if quiet is None or time_ms not in quiet:
                yield Arrival(
                    time_ms=time_ms,
                    arrives_ms=time_ms + DELAY_MS,
                    id=f"{site.id}-beat-{number}",
                    centre=centre.id,
                    site=site,
                    type="source.heartbeat",
                    data=b'{"seq":%d,"lag_s":0.0}' % number,
                )
