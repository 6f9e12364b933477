"""Minutes made whole again: one-minute summaries are computed anew from ``event`` when readings came too late.

The detecting job gives a minute up when its feed's watermark is ``grace_s`` beyond the end; what comes later is stored
in ``event`` alone, and the summary would stay wrong for ever. Each batch notes the minutes of such readings in
``rollup_due``, in its own transaction: nothing that happens later can lose one. :func:`correct` takes noted minutes,
newest first, and writes the summaries of one and strikes them out in one transaction, in a short time or not at all:
the recorder's one connection is meanwhile not there for live records.

The revision follows the content as everywhere (``2·n``, plus 1 when final), so a correction counts only when it knows
more readings than the summary that is there, repeating one changes nothing, and order does not matter. Drills are left
out (their clocks are their own), and so are longer windows. A value that is no plausible number counts as none: nothing
stored can stop a correction.

What is judged late: arrived, or written into ``events`` by intake, at least ``grace_s − AHEAD_S`` after the end of its
minute. The later of the two counts: a reading may reach the province in time and wait for an intake worker, while the
other partitions of its feed go on. The watermark of a feed is at most ``AHEAD_S`` ahead of the clock by which arrival
is told, so no reading that the job gave up is missed; one that it still took (all of intake was away) is counted here
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from ioc.domain.catalogue import MEASURE

MINUTES_MAX = 10  # minutes made anew in one go: each costs one look at the events of all feeds in it
GO_S = 0.25  # no other minute is begun in a go that took so long: live records wait for it
STATEMENT_TIMEOUT_S = 5.0  # of one minute; 40,000 events take 1 s at load 15, see docs/performance.md
PUT_OFF_S = 300.0  # so long after it could not be made in that time, a minute is tried again
SETTLE_S = (
    10.0  # so long after it was noted: the streams speak first, and a re-delivery is counted once and not ten times
)
AHEAD_S = 5.0  # a watermark is at most so far ahead of the arrival clock, see ioc.domain.watermark
GRACE_S = 60.0  # of a feed that the profile does not have

NOTE = (
    "INSERT INTO rollup_due (window_start, centre, area, feed, type)"
    " SELECT DISTINCT date_trunc('minute', s.time), s.centre, s.area, s.feed, s.type FROM stage_event AS s"
    " LEFT JOIN unnest(%s::text[], %s::text[], %s::float8[]) AS g(centre, feed, grace_s) USING (centre, feed)"
    " WHERE s.exercise IS NULL AND greatest(s.recorded_at, s.written_at) >= date_trunc('minute', s.time)"
    " + make_interval(secs => 60 + greatest(0, coalesce(g.grace_s, %s) - %s))"
    " ON CONFLICT DO NOTHING"
)

_NEWEST = "SELECT max(window_start) FROM rollup_due WHERE noted_at <= now() - make_interval(secs => %s)"

_STRIKE = "DELETE FROM rollup_due WHERE window_start = %s RETURNING centre, area, feed, type"

_PUT_OFF = "UPDATE rollup_due SET noted_at = now() + make_interval(secs => %s) WHERE window_start = %s"

# The bounds are values, so `event_time` is used in the one chunk; what is due comes as arrays, whose lengths the
# planner knows. `e` is materialized: each value is taken out of its JSON once, and not by each aggregate. Nothing is
# sorted but the events of the newest moment. Sums of integers are exact, and much faster than those of the rare huge
# numbers.
_CORRECT = """
WITH k AS MATERIALIZED (
    SELECT * FROM unnest(%(centres)s::text[], %(areas)s::text[], %(feeds)s::text[], %(types)s::text[],
        %(fields)s::text[]) WITH ORDINALITY AS k(centre, area, feed, type, field, key)
), e AS MATERIALIZED (
    SELECT k.key, x.time, x.id,
        CASE WHEN jsonb_typeof(x.data -> k.field) = 'number' AND abs((x.data -> k.field)::numeric) < 1e15
            THEN (x.data -> k.field)::float8 END AS value
    FROM event AS x JOIN k USING (centre, area, feed, type)
    WHERE x.time >= %(start)s AND x.time < %(end)s AND x.exercise IS NULL
), whole AS MATERIALIZED (
    SELECT key, count(*) AS n, count(value) AS measured, min(value), max(value),
        max(time) FILTER (WHERE value IS NOT NULL) AS newest,
        CASE WHEN count(value) > 0 THEN (coalesce(sum(round(value * 1000000)::int8) FILTER (WHERE abs(value) < 1e12), 0)
            + coalesce(sum(round(value * 1000000)::numeric) FILTER (WHERE abs(value) >= 1e12), 0)) * 0.000001
        END::float8 AS sum
    FROM e GROUP BY key
), newest AS (
    SELECT DISTINCT ON (key) key, e.value AS last FROM e JOIN whole USING (key)
    WHERE e.time = whole.newest AND e.value IS NOT NULL ORDER BY key, e.id COLLATE "C" DESC
)
INSERT INTO rollup AS old (window_start, centre, area, feed, type, window_ms, n, sum, min, max, last, revision, final,
    measured, corrected)
SELECT %(start)s, centre, area, feed, type, 60000, n, sum, min, max, last, 2 * n + 1, true, measured, true
FROM whole JOIN k USING (key) LEFT JOIN newest USING (key)
ON CONFLICT (centre, area, feed, type, window_ms, exercise, window_start) DO UPDATE SET n = excluded.n,
    sum = excluded.sum, min = excluded.min, max = excluded.max, last = excluded.last, revision = excluded.revision,
    final = true, measured = excluded.measured, corrected = true
WHERE old.revision < excluded.revision
"""


async def note(conn: AsyncConnection[TupleRow], grace_s: Mapping[tuple[str, str], float]) -> int:
    """Note the minutes of staged events that came too late; inside the transaction that stores them.

    Args:
        conn: with the staged events.
        grace_s: (centre, feed) → how long after its end a minute is still corrected by the streams, seconds.

    Returns:
        Summaries noted that were not before.
    """
    centres, feeds = [centre for centre, _ in grace_s], [feed for _, feed in grace_s]
    values = [centres, feeds, list(grace_s.values()), GRACE_S, AHEAD_S]
    return (await conn.execute(NOTE.encode(), values)).rowcount


async def correct(
    conn: AsyncConnection[TupleRow], monotonic_s: Callable[[], float], *, settle_s: float = SETTLE_S
) -> tuple[int, bool]:
    """Make noted minutes anew, newest first, one transaction each, until ``GO_S`` are used; at least one minute, at
    most ``MINUTES_MAX``.

    Args:
        conn: that is in no transaction.
        monotonic_s: measures what was used.
        settle_s: minutes noted later than so long ago are left.

    Returns:
        Summaries that changed, and whether anything is still noted.

    Raises:
        psycopg.Error: also when the statement for one minute takes longer than ``STATEMENT_TIMEOUT_S`` or waits for a
            lock; that minute is then put off by ``PUT_OFF_S``, so that it does not stop the others.
    """
    until_s = monotonic_s() + GO_S
    changed = 0
    for _ in range(MINUTES_MAX):
        row = await (await conn.execute(_NEWEST.encode(), [settle_s])).fetchone()
        if row is None or row[0] is None:
            break
        try:
            changed += await _make_anew(conn, row[0])
        except (errors.QueryCanceled, errors.LockNotAvailable):
            await conn.execute(_PUT_OFF.encode(), [PUT_OFF_S, row[0]])
            raise
        if monotonic_s() >= until_s:
            break
    row = await (await conn.execute("SELECT EXISTS (SELECT 1 FROM rollup_due)")).fetchone()
    return changed, row == (True,)


async def _make_anew(conn: AsyncConnection[TupleRow], start: datetime) -> int:
    limit = f"{STATEMENT_TIMEOUT_S * 1000:.0f}"
    async with conn.transaction():
        await conn.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)", [limit, limit]
        )
        due = await (await conn.execute(_STRIKE.encode(), [start])).fetchall()
        values = {name: [row[at] for row in due] for at, name in enumerate(("centres", "areas", "feeds", "types"))} | {
            "fields": [MEASURE.get(row[3]) for row in due]
        }
        times = {"start": start, "end": start + timedelta(minutes=1)}
        # Never prepared: a plan for any bounds would not know the chunk.
        return (await conn.execute(_CORRECT.encode(), values | times, prepare=False)).rowcount
