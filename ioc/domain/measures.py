"""What the jobs measure: one-minute rollups and the health of feeds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FeedState = Literal[
    "unknown",
    "on_time",
    "slow",
    "silent",
    "out_of_service",
    "clock_skewed",
    "duplicating",
    "dead",  # earlier name of out_of_service, in checkpoints and histories; not given any more
]
NOT_HEARD: frozenset[FeedState] = frozenset({"silent", "out_of_service", "dead"})
"""Nothing comes from the feed."""


class Rollup(Struct, frozen=True, kw_only=True):
    """Absolute aggregate of one centre, area, feed and type over one event-time window ``[start, start+length)``.

    ``revision`` grows with every recomputation; the highest wins. ``sum`` and the others are of the type's measure
    and absent when the type is only counted. ``values`` of the ``n`` events carried a number: the mean is
    ``sum / values``. Quantiles and distinct counts are of declared windows only (see :mod:`ioc.domain.sketches`).
    """

    key: str  # centre/area/feed/type/window_start_ms/window_ms
    centre: str
    area: str
    feed: str
    type: str
    window_start_ms: int
    window_ms: int
    n: int
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    last: float | None = None
    revision: int
    final: bool
    exercise: str | None = None
    values: int = 0
    quantiles: dict[str, float] | None = None  # "0.95" → the number at that rank, right to 1 % of its value
    distinct: int | None = None  # how many different values of the window's ``distinct`` field
    distinct_exact: bool = True  # False: an estimate with a standard error of 3.25 %

    @property
    def mean(self) -> float | None:
        """Mean of the numbers; None while there is none."""
        return None if self.sum is None or not self.values else self.sum / self.values


class FeedHealth(Struct, frozen=True, kw_only=True):
    """How one feed does, as one intake partition sees it; readers merge the partitions of a feed.

    In the ministry's four words: *đúng* is the share accepted of what came, *đủ* what was ``received`` against what was
    ``expected``, *sạch* says how few ``duplicates`` and ``conflicts`` there were, *sống* how old the last event is, how
    long events travel (``lag_s``) and how far time has come (``watermark_ms``: by the rule of
    :class:`ioc.domain.watermark.EventClock`, drills left out; when nothing else changes it is told every 30 s).

    Counters are of the last hour: the running minute of arrival and the 59 before it. ``received`` and ``expected``
    are of the full minutes among the last 60, without what comes by chance. ``rate_per_min`` is of the last full
    minute.
    """

    key: str  # centre/feed/partition
    centre: str
    feed: str
    partition: int
    state: FeedState
    since_ms: int
    last_event_ms: int | None
    last_received_ms: int | None
    rate_per_min: float
    expected_period_s: float
    accepted: int
    rejected: int
    duplicates: int
    watermark_ms: int | None
    updated_ms: int
    sporadic: bool = False  # reports what happens: nothing can be missing, silence proves nothing
    sites: int = 0  # sites of the feed whose records belong to this partition
    received: int = 0
    expected: float | None = None  # None: sporadic, or not a full minute seen yet
    conflicts: int = 0  # same id, other content: refused
    flagged: int = 0  # accepted, with text that looks garbled
    lag_s: float | None = None  # mean time from event to arrival in the last two minutes; negative: a clock ahead
    review_ms: int | None = None  # out of service: when somebody should look at it again
    late: int = 0  # accepted, for a minute that was final already and is corrected
    too_late: int = 0  # accepted, for a minute that is beyond correction: in the history alone
    presumed: int = 0  # of the duplicates: dropped for number and time alone; a source that began anew may look so
    unkeyed: int = 0  # accepted in a partition that is not the one of the site's native id: sent under another key
    restarts: int = 0  # times that a source began its numbers anew, since the checkpoint began


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A refused input with its reason; ``sample_b64`` holds at most 64 KiB, ``sha256`` is of the whole.

    When a record holds several lines and one is refused, the letter is about this line: size, hash and sample are of
    the line (with the line of column names, where there is one), which by itself is a complete record.
    """

    id: str  # topic/partition/offset, or topic/partition/offset/line
    code: str
    path: str
    detail: str
    centre: str
    topic: str
    partition: int
    offset: int
    received_ms: int
    refused_ms: int
    size_bytes: int
    sha256: str
    key_b64: str | None
    sample_b64: str
    line: int | None = None  # from 1
