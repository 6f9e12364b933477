"""Tumbling and sliding windows of event time: half-open ``[start, start + size)``, found by integer arithmetic.

An instant belongs to exactly one tumbling window of a size, and to ``size / hop`` sliding ones. A window of a size is
known by its start alone, so that two processes that never met give it the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ioc.domain.profile import WindowSpec

MINUTE_MS = 60_000
HOUR_MS = 3_600_000

SIZE_MIN_S, SIZE_MAX_S = 10, 86_400
HOPS_MAX = 60  # windows that one event belongs to: each of them is counted, kept and told
QUANTILES_MAX = 8
LOCAL_MIN_S = 3_600  # shorter windows begin at the same instants everywhere, up to quarters of an hour
OFFSET_YEARS = range(2020, 2046)  # in which the distance from UTC is looked at


def start_of(time_ms: int, size_ms: int) -> int:
    """Start of the window that holds ``time_ms``; windows are aligned to 1970-01-01T00:00:00Z.

    Raises:
        ValueError: ``size_ms`` is not positive.
    """
    if size_ms <= 0:
        raise ValueError(f"a window of {size_ms} ms holds nothing")
    return time_ms - time_ms % size_ms


def starts_of(time_ms: int, size_ms: int, hop_ms: int, offset_ms: int = 0) -> range:
    """Starts of all windows that hold ``time_ms``, oldest first; windows start at whole multiples of the hop.

    Args:
        time_ms: the instant.
        size_ms: length of the windows.
        hop_ms: from one start to the next.
        offset_ms: local time less UTC, where multiples are counted from local midnight.

    Raises:
        ValueError: the hop is not positive or not a whole fraction of the size.
    """
    if hop_ms <= 0 or size_ms <= 0 or size_ms % hop_ms:
        raise ValueError(f"a hop of {hop_ms} ms does not divide a window of {size_ms} ms")
    newest_ms = time_ms - (time_ms + offset_ms) % hop_ms
    return range(newest_ms - size_ms + hop_ms, newest_ms + 1, hop_ms)


def fixed_offset_ms(zone: str) -> int | None:
    """Local time less UTC in milliseconds; None where that is not the same all the years, as with summer time.

    Raises:
        ZoneInfoNotFoundError, ValueError: there is no such zone.
    """
    local = ZoneInfo(zone)
    # A summer time lasts for weeks: no two changes lie between two of these days.
    days = (
        datetime(year, month, day, tzinfo=UTC) for year in OFFSET_YEARS for month in range(1, 13) for day in (1, 10, 20)
    )
    offsets = {day.astimezone(local).utcoffset() for day in days}
    [offset] = offsets if len(offsets) == 1 else [None]
    return None if offset is None else round(offset.total_seconds() * 1000)


def problems(
    specs: Iterable[WindowSpec],
    fields: Mapping[str, Collection[str]],
    measures: Collection[str],
    zone: str | None = None,
) -> list[str]:
    """Every problem of the declared windows together; empty when they are good.

    Args:
        specs: the ``[[windows]]`` of a profile.
        fields: payload fields of every type.
        measures: types that have a number.
        zone: the profile's, to check windows of local time; None does not check.
    """
    found: list[str] = []
    seen: set[tuple[str, str, int]] = set()
    for spec in specs:
        said: list[str] = []
        hop_s = spec.hop_s or spec.size_s
        if spec.type not in fields:
            said.append(f"type {spec.type!r} is not in the catalogue")
        if not SIZE_MIN_S <= spec.size_s <= SIZE_MAX_S:
            said.append(f"size_s must be {SIZE_MIN_S} to {SIZE_MAX_S}")
        if spec.size_s * 1000 == MINUTE_MS:
            said.append("the one-minute window is always there")
        if hop_s < 1 or spec.size_s % hop_s or spec.size_s // hop_s > HOPS_MAX:
            said.append(f"hop_s must divide size_s into 1 to {HOPS_MAX} parts")
        if spec.align == "local":
            if spec.size_s < LOCAL_MIN_S:
                said.append(f'align = "local" is for windows of {LOCAL_MIN_S} s or longer')
            if hop_s >= 1 and SIZE_MAX_S % hop_s:
                said.append('align = "local" needs a hop_s (or size_s, without one) that divides a day')
            if zone is not None and fixed_offset_ms(zone) is None:
                said.append(
                    f'align = "local" is not possible in the zone {zone}: its clocks change, so a local day has 23, 24 '
                    "or 25 hours and windows have one length; declare windows of 3600 s and add them up"
                )
        if len(spec.quantiles) > QUANTILES_MAX or not all(0 <= q <= 1 for q in spec.quantiles):
            said.append(f"quantiles are at most {QUANTILES_MAX} numbers from 0 to 1")
        if spec.quantiles and spec.type in fields and spec.type not in measures:
            said.append(f"quantiles: {spec.type} has no number")
        if spec.distinct and spec.distinct != "site" and spec.distinct not in fields.get(spec.type, ()):
            said.append(f"distinct: field {spec.distinct!r} is not in the payload of {spec.type}")
        # A window of one feed and one of every feed would be the same rollup for that feed.
        if any(
            (type_, size_s) == (spec.type, spec.size_s) and (not feed or not spec.feed or feed == spec.feed)
            for type_, feed, size_s in seen
        ):
            said.append("a window of this type and size is declared already")
        seen.add((spec.type, spec.feed, spec.size_s))
        found += [f"window {spec.type} {spec.size_s} s: {text}" for text in said]
    return found


def holds(start_ms: int, size_ms: int, time_ms: int) -> bool:
    """Is the instant inside? The start is, the end is not."""
    return start_ms <= time_ms < start_ms + size_ms


def rollup_key(centre: str, area: str, feed: str, type_: str, start_ms: int, size_ms: int, exercise: str | None) -> str:
    """``centre/area/feed/type/start/size``, with ``/exercise`` at the end in a drill, so that it never mixes in."""
    key = f"{centre}/{area}/{feed}/{type_}/{start_ms}/{size_ms}"
    return f"{key}/{exercise}" if exercise else key
