"""The shell of the simulators: paces readings in real time, encodes them, hands them to the courier.

The only state is how far event time has been played. Readings are a pure function of time, so when the broker is
away nothing piles up: the player stands still, says that it is behind, and makes the missed readings when it can
send again, with the event times and ids they always have.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from msgspec import Struct

from ioc.adapters import clock
from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.errors import BadInput
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import formats, overrides, scenario
from simulators.courier import Courier, Message
from simulators.ledger import Ledger
from simulators.link import KafkaLink
from simulators.programme import Programme
from simulators.readings import Reading

log = logging.getLogger(__name__)

TICK_S = 0.05  # pause between two looks at the clock; a reading is sent at most this late
SLICE_S = 1.0  # wall seconds of readings made at once when behind; bounds the memory of a burst
BEHIND_S = 2.0  # wall seconds behind from which it is reported
REPORT_S = 5.0  # pause between two reports that it is behind
SPEED_MIN, SPEED_MAX = 0.01, 1000.0
EXIT_UNSENT = 75  # ended with messages that the broker did not acknowledge

Encode = Callable[[Reading], tuple[bytes, bytes]]


class Played(Struct, frozen=True):
    """What a run did. ``behind_max_s`` in wall seconds."""

    sent: int
    acked: int
    unacknowledged: int
    repeats: int
    failures: int
    behind_max_s: float


async def play(
    programme: Programme,
    courier: Courier,
    encode: Encode,
    *,
    now_ms: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]],
    stopping: asyncio.Event,
    speed: float = 1.0,
    held: overrides.Overrides | None = None,
) -> Played:
    """Play a programme from its start, which is now, to its end or until ``stopping`` is set; then drain.

    Args:
        programme: what to send.
        courier: how to deliver it.
        encode: reading → record key and native bytes.
        now_ms: wall clock.
        sleep: waits seconds.
        stopping: ends the run early.
        speed: event seconds per wall second.
        held: values that persons have put on sites.
    """
    started_ms = now_ms()
    cursor_ms = programme.start_ms
    slice_ms = max(1, round(SLICE_S * 1000 * speed))
    behind_max_s, reported_ms, behind = 0.0, started_ms, False
    while not stopping.is_set() and (programme.end_ms is None or cursor_ms < programme.end_ms):
        wall_ms = now_ms()
        due_ms = programme.start_ms + int((wall_ms - started_ms) * speed)
        if programme.end_ms is not None:
            due_ms = min(due_ms, programme.end_ms)
        behind_s = (due_ms - cursor_ms) / 1000 / speed
        behind_max_s = max(behind_max_s, behind_s)
        if behind_s > BEHIND_S and wall_ms - reported_ms >= REPORT_S * 1000:
            log.warning("behind by %.1f s; %d messages wait for the broker", behind_s, courier.unacknowledged)
            reported_ms, behind = wall_ms, True
        elif behind and behind_s < BEHIND_S:
            log.info("caught up")
            behind = False
        upto_ms = min(due_ms, cursor_ms + slice_ms)
        if upto_ms > cursor_ms:
            for reading in programme.between(cursor_ms, upto_ms):
                shown = held.apply(reading, wall_ms) if held is not None else reading
                key, value = encode(shown)
                if not await courier.offer(
                    Message(
                        shown.id, shown.centre, key, value, f"{shown.feed}/{shown.site}/{shown.type}", shown.time_ms
                    )
                ):
                    break
            cursor_ms = upto_ms
            courier.flush()
        if upto_ms == due_ms:
            await sleep(TICK_S)
    left = await courier.drain()
    courier.flush()
    return Played(courier.sent, courier.acked, left, courier.repeats, courier.failures, behind_max_s)


def start_of(name: str, plan: scenario.Scenario, now_ms: int, speed: float, duration_s: float | None) -> int:
    """Event time at which a run begins.

    ``now`` at real time or slower begins now. Faster than real time, it begins so far back that event time meets
    the clock at the end: no reading is ever of the future.

    Raises:
        BadInput: an endless scenario that starts now cannot run faster than real time.
    """
    if plan.start_ms is not None:
        return plan.start_ms
    if speed <= 1:
        return now_ms
    length_s = duration_s if duration_s is not None else plan.duration_s
    if length_s is None:
        detail = "an endless scenario that starts now cannot run faster than real time; give it a duration"
        raise BadInput("scenario", name, detail)
    return now_ms - round(length_s * 1000 * (1 - 1 / speed))


def run_scenario(
    settings: Settings,
    name: str,
    *,
    speed: float = 1.0,
    rate: float | None = None,
    duration_s: float | None = None,
    ledger: Path | None = None,
    quiet: Collection[str] = (),
    seed: int | None = None,
    handle_signals: bool = True,
) -> int:
    """Play a scenario into the broker of ``settings`` until it ends, or SIGTERM or SIGINT; then drain.

    Args:
        settings: broker, prefix, profile, data folder, seed.
        name: a scenario's name, or the path of a ``.toml`` file.
        speed: event seconds per wall second, 0.01 to 1000.
        rate: messages per event second in total; None takes the scenario's.
        duration_s: length in event time; None takes the scenario's.
        ledger: file that gets a line per acknowledged message.
        quiet: sites that stay silent.
        seed: None takes the scenario's, else the settings'.
        handle_signals: SIGTERM and SIGINT end the run; False where it does not own the main thread.

    Returns:
        0, or 75 when at the end some messages were not acknowledged.

    Raises:
        BadInput: the scenario, or one of the arguments, is wrong; nothing was sent.
    """
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise BadInput("argument", "speed", f"must be from {SPEED_MIN:g} to {SPEED_MAX:g}")
    if duration_s is not None and duration_s <= 0:
        raise BadInput("argument", "duration", "must be above 0 seconds")
    profile = load_profile(settings.profile, with_rules=False)
    plan = scenario.load(name)
    scenario.check(plan, profile, name)
    _check_sites(profile, quiet)
    programme = Programme(
        profile,
        plan,
        start_ms=start_of(name, plan, clock.now_ms(), speed, duration_s),
        seed=seed if seed is not None else (plan.seed if plan.seed is not None else settings.seed),
        rate=rate,
        duration_s=duration_s,
        quiet=quiet,
    )
    played = asyncio.run(_run(settings, profile, programme, name, speed, ledger, handle_signals))
    log.info(
        "%s ended: %d sent, %d acknowledged, %d repeated, at most %.1f s behind",
        name,
        played.sent,
        played.acked,
        played.repeats,
        played.behind_max_s,
    )
    if played.unacknowledged:
        log.error("%d messages were not acknowledged", played.unacknowledged)
        return EXIT_UNSENT
    return 0


async def _run(
    settings: Settings,
    profile: Profile,
    programme: Programme,
    name: str,
    speed: float,
    ledger: Path | None,
    handle_signals: bool,
) -> Played:
    stopping = asyncio.Event()
    if handle_signals:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    book = Ledger(ledger) if ledger is not None else None
    link = KafkaLink(settings, Topics(settings.topic_prefix, profile.centre_ids))

    async def sleep(seconds: float) -> None:
        """Wait; a request to end cuts the first such wait short."""
        if stopping.is_set():
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)

    courier = Courier(link, clock=clock.now_ms, sleep=sleep, stopping=stopping, ledger=book)
    log.info("%s: about %.1f messages/s of event time, speed %g", name, programme.per_second, speed)
    try:
        return await play(
            programme,
            courier,
            lambda reading: formats.encode(profile, reading),
            now_ms=clock.now_ms,
            sleep=sleep,
            stopping=stopping,
            speed=speed,
            held=overrides.Overrides(overrides.path_in(settings.data_dir)),
        )
    finally:
        await courier.close()
        if book is not None:
            book.close()


def _check_sites(profile: Profile, quiet: Collection[str]) -> None:
    known = {site.id for centre in profile.centres for site in centre.sites}
    for site in quiet:
        if site not in known:
            raise BadInput("argument", "quiet", f"no site {site!r} in {profile.id}")
