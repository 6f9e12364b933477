"""Minutes made whole again: one-minute summaries are computed anew from ``event`` when readings came too late.

The detecting job gives a minute up when its feed's watermark is ``grace_s`` beyond the end; what comes later is stored
in ``event`` alone, and the summary would stay wrong for ever. Each batch notes the minutes of such readings in
``rollup_due``, in its own transaction: nothing that happens later can lose one. :func:`correct` takes noted minutes,
newest first, and writes their summaries and strikes them out in one transaction.

The revision follows the content as everywhere (``2·n``, plus 1 when final), so a correction counts only when it knows
more readings than the summary that is there, repeating one changes nothing, and order does not matter. Drills are left
out (their clocks are their own), and so are longer windows. A value that is no plausible number counts as none: nothing
stored can stop a correction.

What is judged late: arrived at least ``grace_s − AHEAD_S`` after the end of its minute. The watermark of a feed is at
most ``AHEAD_S`` ahead of the clock by which arrival is told, so no reading that the job gave up is missed; one that it
still took is counted here the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from ioc.domain.catalogue import MEASURE

MINUTES_MAX = 10  # minutes made anew in one go: each costs one look at the events of all feeds in it
SETTLE_S = (
    10.0  # so long after it was noted: the streams speak first, and a re-delivery is counted once and not ten times
)
AHEAD_S = 5.0  # a watermark is at most so far ahead of the arrival clock, see ioc.domain.watermark
GRACE_S = 60.0  # of a feed that the profile does not have

NOTE = (
    "INSERT INTO rollup_due (window_start, centre, area, feed, type)"
    " SELECT DISTINCT date_trunc('minute', s.time), s.centre, s.area, s.feed, s.type FROM stage_event AS s"
    " LEFT JOIN unnest(%s::text[], %s::text[], %s::float8[]) AS g(centre, feed, grace_s) USING (centre, feed)"
    " WHERE s.exercise IS NULL AND s.recorded_at >= date_trunc('minute', s.time)"
    " + make_interval(secs => 60 + greatest(0, coalesce(g.grace_s, %s) - %s))"
    " ON CONFLICT DO NOTHING"
)

_CORRECT = """
WITH minutes AS (
    SELECT window_start FROM rollup_due WHERE noted_at <= now() - make_interval(secs => %(settle)s)
    GROUP BY 1 ORDER BY 1 DESC LIMIT %(minutes)s
), due AS (
    DELETE FROM rollup_due AS d USING minutes AS m WHERE d.window_start = m.window_start
    RETURNING d.window_start, d.centre, d.area, d.feed, d.type
), found AS (
    SELECT m.window_start, f.* FROM minutes AS m CROSS JOIN LATERAL (
        SELECT e.centre, e.area, e.feed, e.type, count(*) AS n,
            (sum(round(e.value * 1000000)::numeric) * 0.000001)::float8 AS sum, min(e.value), max(e.value),
            (array_agg(e.value ORDER BY e.time DESC, e.id COLLATE "C" DESC) FILTER (WHERE e.value IS NOT NULL))[1]
                AS last
        FROM (
            SELECT x.centre, x.area, x.feed, x.type, x.time, x.id,
                CASE WHEN jsonb_typeof(x.data -> k.field) = 'number' AND abs((x.data ->> k.field)::numeric) < 1e15
                    THEN (x.data ->> k.field)::float8 END AS value
            FROM event AS x
            LEFT JOIN unnest(%(types)s::text[], %(fields)s::text[]) AS k(type, field) ON k.type = x.type
            WHERE x.time >= m.window_start AND x.time < m.window_start + interval '1 minute' AND x.exercise IS NULL
        ) AS e GROUP BY 1, 2, 3, 4
    ) AS f
)
INSERT INTO rollup AS old (window_start, centre, area, feed, type, window_ms, n, sum, min, max, last, revision, final,
    corrected)
SELECT window_start, centre, area, feed, type, 60000, n, sum, min, max, last, 2 * n + 1, true, true
FROM found JOIN due USING (window_start, centre, area, feed, type)
ON CONFLICT (centre, area, feed, type, window_ms, exercise, window_start) DO UPDATE SET n = excluded.n,
    sum = excluded.sum, min = excluded.min, max = excluded.max, last = excluded.last, revision = excluded.revision,
    final = true, corrected = true
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


async def correct(conn: AsyncConnection[TupleRow], *, settle_s: float = SETTLE_S) -> tuple[int, bool]:
    """Make up to ``MINUTES_MAX`` noted minutes anew; all or nothing.

    Returns:
        Summaries that changed, and whether anything is still noted.
    """
    measured = {type_: field for type_, field in MEASURE.items() if field is not None}
    values = {"settle": settle_s, "minutes": MINUTES_MAX, "types": list(measured), "fields": list(measured.values())}
    async with conn.transaction():
        changed = (await conn.execute(_CORRECT.encode(), values)).rowcount
        row = await (await conn.execute("SELECT EXISTS (SELECT 1 FROM rollup_due)")).fetchone()
    return changed, row == (True,)
