"""A run on a real broker: plays a plan, listens to the alerts that come of it, and judges them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from ioc.adapters import clock
from ioc.domain.profile import Profile
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import overrides
from simulators.courier import Courier
from simulators.ending import on_signals, sleep_until
from simulators.faults import Parcel
from simulators.ledger import Ledger
from simulators.link import KafkaLink
from simulators.listen import LIMIT_S, Listener
from simulators.player import Played, Progress, play, play_steps
from simulators.runs import Outcome, Plan, outcome, verdict_of
from simulators.stream import Stream, encode

log = logging.getLogger(__name__)

BEHIND_NOTED_S = 2.0  # from so many wall seconds behind the verdict says so
UNSURE = "the end was not confirmed by a canary: none came nearer to it for {:g} s, and later alerts are missing"

Ask = Callable[[Progress], Awaitable[bool]]


class Ways(Struct, kw_only=True):
    """How a run meets the outside.

    Attributes:
        ledger: file that gets a line per acknowledged message.
        handle_signals: SIGTERM and SIGINT end the run; False where it does not own the main thread.
        shown: told how the run stands.
        ask: for a stepwise run, waits until the next step is wanted.
        step_ms: length of such a step, event time.
        settle_s: how long the end waits for alerts while no canary says that the jobs come nearer to it.
    """

    ledger: Path | None = None
    handle_signals: bool = True
    shown: Callable[[Progress], None] = lambda progress: None
    ask: Ask | None = None
    step_ms: int = 60_000
    settle_s: float = LIMIT_S


def run_live(settings: Settings, plan: Plan, profile: Profile, ways: Ways) -> Outcome:
    """Play a plan into the broker of ``settings`` until it ends, or SIGTERM or SIGINT; then drain and judge.

    Raises:
        BadInput: the drill's id is taken, or the ledger cannot be written; nothing was sent.
        Unavailable: a scenario that is judged needs the broker from the beginning.
    """
    return asyncio.run(_run(settings, plan, profile, ways))


async def _run(settings: Settings, plan: Plan, profile: Profile, ways: Ways) -> Outcome:
    stopping = on_signals(ways.handle_signals)
    stream = plan.stream(profile)
    topics = Topics(settings.topic_prefix, profile.centre_ids)
    book = Ledger(ways.ledger) if ways.ledger is not None else None
    listener = Listener(settings, topics, clock.now_ms) if plan.scenario.is_judged else None
    try:
        if listener is not None:
            await listener.start(plan.wish.exercise)
        played = await _play(settings, plan, profile, ways, stream, topics, book, stopping)
        notes: list[str] = []
        if played.behind_max_s > BEHIND_NOTED_S:
            notes.append(f"the player was up to {played.behind_max_s:.1f} s behind its clock")
        verdict = None
        if listener is not None:
            if not await listener.settled(clock.now_ms(), ways.settle_s):
                notes.append(UNSURE.format(ways.settle_s))
            verdict = verdict_of(plan, profile, listener.alerts, stream, played.event_ms - plan.start_ms)
    finally:
        if listener is not None:
            await listener.close()
        if book is not None:
            book.close()
    log.info(
        "%s ended: %d sent, %d acknowledged, %d repeated, at most %.1f s behind",
        plan.wish.name,
        played.sent,
        played.acked,
        played.repeats,
        played.behind_max_s,
    )
    if played.unacknowledged:
        log.error("%d messages were not acknowledged", played.unacknowledged)
    return outcome(
        plan,
        stream,
        played_ms=played.event_ms - plan.start_ms,
        acked=played.acked,
        unacknowledged=played.unacknowledged,
        repeats=played.repeats,
        behind_max_s=played.behind_max_s,
        took_s=played.took_s,
        verdict=verdict,
        notes=notes,
    )


async def _play(
    settings: Settings,
    plan: Plan,
    profile: Profile,
    ways: Ways,
    stream: Stream,
    topics: Topics,
    book: Ledger | None,
    stopping: asyncio.Event,
) -> Played:
    def native(parcel: Parcel) -> tuple[bytes, bytes]:
        return encode(profile, parcel, plan.wish.exercise)

    link = KafkaLink(settings, topics)
    sleep = sleep_until(stopping)
    courier = Courier(link, clock=clock.now_ms, sleep=sleep, stopping=stopping, ledger=book)
    time = plan.drill_time(profile, stream)
    per_s, speed = stream.programme.per_second, plan.wish.speed
    log.info("%s: about %.1f messages/s of event time, speed %g", plan.wish.name, per_s, speed)
    try:
        if ways.ask is not None:
            return await play_steps(
                stream,
                courier,
                native,
                now_ms=clock.now_ms,
                ask=ways.ask,
                step_ms=ways.step_ms,
                stopping=stopping,
                time=time,
            )
        # What persons hold on sites belongs to the live picture; a drill stays what its file says.
        held = None if plan.wish.exercise else overrides.Overrides(overrides.path_in(settings.data_dir))
        return await play(
            stream,
            courier,
            native,
            now_ms=clock.now_ms,
            sleep=sleep,
            stopping=stopping,
            speed=speed,
            held=held,
            shown=ways.shown,
            time=time,
        )
    finally:
        await courier.close()
