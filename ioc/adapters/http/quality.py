"""``GET /api/quality``: the load of the operators and the quality of the alerts (:mod:`ioc.domain.alarm_quality`)."""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.api import ALERTS_MAX_MS, time_range
from ioc.adapters.http.parts import ApiError, answer, need_viewer, parts
from ioc.domain.alarm_quality import LOOK_BACK_MS, measure, standing

# Of the log, read in the loop that serves the walls: under 0.1 s. Of a busier span the newest lines are counted.
LINES_MAX = 20_000
POSITIONS_MAX = 100


async def quality(request: Request) -> Response:
    """``?from_ms=…&to_ms=…&positions=…``: figures of a span of at most 7 days, and what stands now."""
    need_viewer(request)
    query = request.query_params
    from_ms, to_ms = time_range(query.get("from_ms"), query.get("to_ms"), ALERTS_MAX_MS, "7 days")
    text = query.get("positions", "1")
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= POSITIONS_MAX:
        raise ApiError(400, "bad_positions", f"positions must be a whole number from 1 to {POSITIONS_MAX}")
    p = parts(request)
    now_ms = p.clock()
    lines = await p.history.log_lines(max(0, from_ms - LOOK_BACK_MS), to_ms, LINES_MAX)
    complete_from_ms = from_ms
    if len(lines) >= LINES_MAX:
        complete_from_ms = min(max(from_ms, lines[0].at_ms), to_ms - 1)
    # Not in the loop that serves the walls.
    span = await asyncio.to_thread(measure, lines, complete_from_ms, to_ms, int(text))
    return answer({"span": span, "now": standing(p.alerts(), now_ms), "complete_from_ms": complete_from_ms})
