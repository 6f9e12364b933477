"""The recorded stream, read back in the order in which the province received it: from the database or from a file.

Both are read in portions; nothing is held but one of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw
from psycopg import AsyncConnection

from ioc.adapters.database import connect_args, translating
from ioc.domain.events import Event
from ioc.domain.times import from_ms as instant
from ioc.domain.times import rfc3339, to_ms
from ioc.errors import BadInput
from ioc.services.backtest import Moment
from ioc.wire.codec import decode_event, encode

PORTION = 5_000  # events at once, about 3 MB
# Intake takes events of at most 24 h; what was driven again later than that is history and raises nothing.
OLDEST_MS = 25 * 3_600_000
NEWEST_MS = 180_000  # ahead of its arrival

_SELECT = (
    "SELECT id, source, type, subject, time, recorded_at, centre, area, feed, sequence, exercise, data::text"
    " FROM event WHERE time >= %s AND time < %s AND recorded_at >= %s AND recorded_at < %s"
    " ORDER BY recorded_at, topic_partition, topic_offset"
)


async def from_database(database_url: str, from_ms: int, to_ms_: int) -> AsyncGenerator[list[Moment], None]:
    """Events that were recorded in ``[from_ms, to_ms_)``, in portions, by a cursor in the server.

    The server sorts them (on its disk, when they are many), so the first portion may take its time. Reads one
    snapshot; the recorder goes on meanwhile.

    Raises:
        Unavailable: the database does not answer, or ends the reading.
    """
    args = connect_args(database_url, "backtest", statement_timeout_s=0, lock_timeout_s=5)
    bounds = (from_ms - OLDEST_MS, to_ms_ + NEWEST_MS, from_ms, to_ms_)
    with translating():
        # The default limit of 15 s between two statements is for programs that hang, not for a replay.
        options = f"{args['options']} -c idle_in_transaction_session_timeout=600000"
        conn = await AsyncConnection.connect(
            args["conninfo"], options=options, application_name=args["application_name"]
        )
        async with conn, conn.cursor(name="backtest") as cursor:
            await cursor.execute(_SELECT, [instant(max(0, ms)) for ms in bounds])
            while rows := await cursor.fetchmany(PORTION):
                yield [_moment(*row) for row in rows]


def from_file(path: Path, from_ms: int | None = None, to_ms_: int | None = None) -> Iterator[list[Moment]]:
    """Events of a file with one canonical event per line, in the order of ``recordedtime``, in portions.

    Raises:
        BadInput: the file cannot be read, or a line is no event or out of order, with the line's number.
    """
    portion: list[Moment] = []
    newest_ms = 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                moment = _of_line(line.strip(), f"{path}:{number}")
                if moment.recorded_ms < newest_ms:
                    raise BadInput("order", "recordedtime", f"{path}:{number}: is not in the order of recordedtime")
                newest_ms = moment.recorded_ms
                if (from_ms is None or from_ms <= newest_ms) and (to_ms_ is None or newest_ms < to_ms_):
                    portion.append(moment)
                if len(portion) == PORTION:
                    yield portion
                    portion = []
    except OSError as exc:
        raise BadInput("malformed", str(path), f"{path}: cannot be read: {exc.strerror}") from exc
    if portion:
        yield portion


def range_of_file(path: Path) -> tuple[int, int]:
    """Instants of the first event, and just after the last one. Reads the whole file. Raises BadInput."""
    first_ms = last_ms = -1
    for portion in from_file(path):
        first_ms = portion[0].recorded_ms if first_ms < 0 else first_ms
        last_ms = portion[-1].recorded_ms
    if first_ms < 0:
        raise BadInput("malformed", str(path), f"{path}: holds no event")
    return first_ms, last_ms + 1


def _of_line(line: bytes, where: str) -> Moment:
    try:
        event = decode_event(line)
        return Moment(event.topic_key, line, event.recorded_ms)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise BadInput("malformed", where, f"{where}: is no canonical event: {exc}") from exc


def _moment(
    id_: str,
    source: str,
    type_: str,
    subject: str,
    time: datetime,
    recorded_at: datetime,
    centre: str,
    area: str,
    feed: str,
    sequence: str | None,
    exercise: str | None,
    data: str,
) -> Moment:
    recorded_ms = to_ms(recorded_at)
    event = Event(
        specversion="1.0",
        id=id_,
        source=source,
        type=type_,
        subject=subject,
        time=rfc3339(to_ms(time)),
        recordedtime=rfc3339(recorded_ms),
        centre=centre,
        area=area,
        feed=feed,
        sequence=UNSET if sequence is None else sequence,
        exercise=UNSET if exercise is None else exercise,
        data=Raw(data.encode()),
    )
    return Moment(event.topic_key, encode(event), recorded_ms)
