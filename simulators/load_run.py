"""A load run on a real broker, and its books checked against the broker's own log."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from aiokafka import TopicPartition
from msgspec import Struct, structs

from ioc.adapters import clock
from ioc.adapters.kafka import new_reader, read_to_end
from ioc.domain.profile import Profile
from ioc.errors import BadInput
from ioc.pipeline.validate import is_id
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators.bulk import ANSWER_LIMIT_S, Books, BulkCourier
from simulators.ending import on_signals, sleep_until
from simulators.ledger import Ledger
from simulators.link import KafkaBulkLink
from simulators.load import Load, Loaded, Maker, load_of, play_load
from simulators.spool import MAX_BYTES, Spool

RATE_MAX = 1_000_000.0


class LoadWish(Struct, frozen=True, kw_only=True):
    """A load as somebody wants it.

    Attributes:
        rate: messages per second; 0 is as fast as they are taken.
        events: how many; None goes on until it is stopped; 0 only sends what is in the spool.
        exercise: id of the drill that everything is marked with; ``load-<run>`` when empty. A load is always a drill:
            its values are made up, and its numbers in the series would confuse those of the live sources.
        spool: file for what cannot be sent; None keeps it in memory, and the run stands still.
        spool_max_bytes: its largest size.
        ahead: everything goes to the spool before it is sent.
        ledger: file that gets a line per acknowledged message.
        drain_s: how long the end waits for answers, at most.
        seed: of the world that the readings are taken from.
        run: part of every id; made up when empty.
    """

    rate: float
    events: int | None
    exercise: str = ""
    spool: Path | None = None
    spool_max_bytes: int = MAX_BYTES
    ahead: bool = False
    ledger: Path | None = None
    drain_s: float = 30.0
    seed: int = 0
    run: str = ""


def checked(wish: LoadWish) -> LoadWish:
    """The wish with run and drill named.

    Raises:
        BadInput: it makes no sense; one sentence for people.
    """
    if not 0 <= wish.rate <= RATE_MAX:
        raise BadInput("argument", "rate", f"--rate must be from 0 to {RATE_MAX:,.0f}")
    if wish.events is not None and wish.events < 0:
        raise BadInput("argument", "events", "the number of messages must not be negative")
    if wish.exercise and is_id(wish.exercise) is None:
        detail = f"--exercise: {wish.exercise!r} is not 1 to 128 plain ASCII letters, digits and . _ : ~ + -"
        raise BadInput("argument", "exercise", detail)
    if wish.ahead and wish.spool is None:
        raise BadInput("argument", "spool", "--spool-first needs --spool FILE")
    run = wish.run or secrets.token_hex(4)
    return structs.replace(wish, run=run, exercise=wish.exercise or f"load-{run}")


async def run_load(
    settings: Settings,
    profile: Profile,
    wish: LoadWish,
    *,
    load: Load | None = None,
    handle_signals: bool = True,
    answer_limit_s: float = ANSWER_LIMIT_S,
    shown: Callable[[Books, float], None] = lambda books, behind_s: None,
) -> Loaded:
    """Send a load to the broker of ``settings``; what is in the spool goes first.

    Args:
        load: what to send; made here when left out, which takes a second or two.
        handle_signals: SIGTERM and SIGINT end the run.

    Raises:
        BadInput: the spool or the ledger cannot be used, or a message is larger than the topic takes.
    """
    stopping = on_signals(handle_signals)
    sleep = sleep_until(stopping)

    topics = Topics(settings.topic_prefix, profile.centre_ids)
    if load is None:
        load = await asyncio.to_thread(
            load_of, profile, start_ms=clock.now_ms(), seed=wish.seed, exercise=wish.exercise
        )
    spool = Spool(wish.spool, wish.spool_max_bytes) if wish.spool is not None else None
    try:
        ledger = Ledger(wish.ledger) if wish.ledger is not None else None
        courier = BulkCourier(
            KafkaBulkLink(settings, topics),
            clock=clock.now_ms,
            sleep=sleep,
            stopping=stopping,
            ledger=ledger,
            spool=spool,
            ahead=wish.ahead,
            answer_limit_s=answer_limit_s,
        )
        try:
            return await play_load(
                Maker(load, wish.run),
                courier,
                now_ms=clock.now_ms,
                monotonic_s=clock.monotonic_s,
                sleep=sleep,
                stopping=stopping,
                rate=wish.rate,
                count=wish.events,
                drain_s=wish.drain_s,
                shown=shown,
            )
        finally:
            await courier.close()
            if ledger is not None:
                ledger.close()
    finally:
        if spool is not None:
            spool.close()


class InLog(Struct, frozen=True):
    """What the broker's log holds of the messages of a run.

    Attributes:
        records: so many.
        distinct: different messages among them.
        missing: numbers below ``sent`` that are not there, the first hundred.
        swapped: messages that stand, seen for the first time, behind a newer one of the same key.
    """

    records: int
    distinct: int
    missing: tuple[int, ...]
    swapped: int

    @property
    def again(self) -> int:
        """Records that repeat one before; the pipeline drops them by their ids."""
        return self.records - self.distinct


async def in_log(settings: Settings, topics: Topics, run: str, sent: int) -> InLog:
    """Read all raw topics and count the messages of a run that was to send the numbers below ``sent``.

    Raises:
        BadInput: there is a message of the run that it never sent.
    """
    places = [
        TopicPartition(topics.name(logical), partition)
        for logical in topics.raw.values()
        for partition in range(topics.partitions(logical))
    ]
    find = re.compile(rb"load-%b-([0-9]+)" % re.escape(run.encode())).search
    seen = bytearray(sent)
    newest: dict[tuple[str, bytes], int] = {}
    records = swapped = 0
    reader = new_reader(settings.kafka)
    await reader.start()
    try:
        async for record in read_to_end(reader, places):
            found = find(record.value or b"")
            if found is None:
                continue
            number = int(found[1])
            if number >= sent:
                raise BadInput("log", record.topic, f"message {number} is in the log and was never sent")
            records += 1
            if not seen[number]:
                seen[number] = 1
                key = (record.topic, record.key or b"")
                swapped += newest.get(key, -1) > number
                newest[key] = max(newest.get(key, -1), number)
    finally:
        await reader.stop()
    missing = [number for number in range(sent) if not seen[number]]
    return InLog(records, sent - len(missing), tuple(missing[:100]), swapped)


def problems_of(loaded: Loaded, log: InLog) -> list[str]:
    """What is wrong with a run whose spool was empty at its start; empty when the books agree with the log.

    A message that the broker stored without our having its answer is in the log *and* still in our keeping: so the
    log may hold more than was acknowledged, never less, and nothing that is in neither.
    """
    books = loaded.books
    kept = books.unacknowledged + books.spooled
    problems = []
    if loaded.unbalanced or not books.balanced:
        problems.append(f"the books do not balance ({loaded.unbalanced} times on the way; at the end {books})")
    if log.distinct < books.acked:
        problems.append(f"{books.acked - log.distinct} acknowledged messages are not in the log")
    if len(log.missing) > kept or books.sent - log.distinct > kept:
        problems.append(f"{books.sent - log.distinct - kept} messages are neither in the log nor kept")
    if log.swapped:
        problems.append(f"{log.swapped} messages stand behind a newer one of the same key")
    if log.again and not loaded.failures:
        problems.append(f"{log.again} messages stand twice, though the link never failed")
    return problems
