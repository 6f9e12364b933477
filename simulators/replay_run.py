"""``ioc replay``: plays a recording as a drill, on a running system or in memory, and judges the alerts that come."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import cast

import msgspec
from msgspec import Struct

from ioc.adapters import clock
from ioc.domain.alerts import Alert
from ioc.domain.profile import Profile
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import faults
from simulators.courier import Courier
from simulators.drill_time import DrillTime
from simulators.dry import in_memory
from simulators.ending import on_signals, sleep_until
from simulators.episodes import episodes
from simulators.expect import Bounds
from simulators.link import KafkaLink
from simulators.listen import LIMIT_S, Listener
from simulators.live import BEHIND_NOTED_S, UNSURE
from simulators.player import Played, Progress, play
from simulators.replay import Parcel, Recording, ReplayStream, Start, start_of
from simulators.runs import AFTERMATH_MS, SPEED_MAX, SPEED_MIN, check_exercise
from simulators.verdict import Verdict, judge

log = logging.getLogger(__name__)


class ReplayWish(Struct, frozen=True, kw_only=True):
    """How somebody wants a recording to be replayed; ``centres`` empty: all that it holds."""

    exercise: str
    speed: float = 1.0
    start: Start = "day"
    centres: tuple[str, ...] = ()
    settle_s: float = LIMIT_S


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of a replay. ``skipped``: messages that could not be made ones of a drill, by reason code.

    ``verdict`` is None when the recording holds no alert of these centres.
    """

    recording: str
    exercise: str
    start: str
    played_s: float
    ended: bool
    dry: bool
    speed: float
    messages: int
    sent: int
    acked: int
    unacknowledged: int
    repeats: int
    behind_max_s: float
    skipped: dict[str, int]
    refused: dict[str, int]
    verdict: Verdict | None
    notes: tuple[str, ...] = ()


class Replay:
    """A recording and a wish that fit together.

    Raises:
        BadInput: the wish cannot be granted; one sentence for people.
    """

    def __init__(self, found: Recording, wish: ReplayWish, profile: Profile, now_ms: int) -> None:
        if not SPEED_MIN <= wish.speed <= SPEED_MAX:
            raise BadInput("argument", "speed", f"--speed must be from {SPEED_MIN:g} to {SPEED_MAX:g}")
        check_exercise(wish.exercise)
        for centre in wish.centres:
            if centre not in found.centres:
                detail = f"--centre: the recording holds {', '.join(found.centres)}, not '{centre}'"
                raise BadInput("argument", "centre", detail)
        self.found, self.wish, self.profile = found, wish, profile
        self.centres = wish.centres or found.centres
        self.start_ms = start_of(found, wish.start, wish.speed, now_ms)
        self.length_ms = found.to_ms - found.from_ms
        self.expect = tuple(one for one in found.expect if one.centre is None or one.centre in self.centres)
        self.stream = ReplayStream(found, profile, self.centres, wish.exercise, self.start_ms)
        self.time = DrillTime(wish.exercise, self.centres, self.start_ms, self.stream.end_ms)

    def verdict(self, alerts: list[Alert], event_ms: int) -> Verdict | None:
        """Judge the alerts of the drill; None when nothing is expected."""
        if not self.expect:
            return None
        played_ms = event_ms - self.start_ms
        found = episodes(alerts, self.start_ms, self.wish.exercise)
        return judge(
            self.expect,
            (),
            Bounds(),
            [one for one in found if one.raised_ms <= self.length_ms + AFTERMATH_MS],
            upto_ms=None if self.stream.over else played_ms,
        )

    def outcome(
        self,
        played: Played,
        verdict: Verdict | None,
        *,
        dry: bool = False,
        refused: Counter[str] | None = None,
        notes: list[str] | None = None,
    ) -> Replayed:
        """Put together what is known."""
        return Replayed(
            recording=str(self.found.file),
            exercise=self.wish.exercise,
            start=rfc3339(self.start_ms),
            played_s=(played.event_ms - self.start_ms) / 1000,
            ended=self.stream.over,
            dry=dry,
            speed=self.wish.speed,
            messages=self.stream.made,
            sent=played.sent,
            acked=played.acked,
            unacknowledged=played.unacknowledged,
            repeats=played.repeats,
            behind_max_s=round(played.behind_max_s, 1),
            skipped=dict(sorted(self.stream.skipped.items())),
            refused=dict(sorted((refused or Counter()).items())),
            verdict=verdict,
            notes=tuple(notes or ()),
        )


def replay_dry(
    replay: Replay,
    shown: Callable[[int, int], None] = lambda at_ms, alerts: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Replay in memory, on a virtual clock that keeps the recorded gaps: sends nothing and touches nothing.

    Args:
        replay: what is replayed.
        shown: told how far event time has come and how many changes of alerts there are.
        stopping: asked again and again whether the replay shall end now.
    """
    stream = replay.stream
    length_s = replay.length_ms / 1000
    heard = in_memory(
        replay.profile,
        replay.start_ms,
        length_s,
        stream,
        lambda one: (one.centre, one.key, one.value),
        shown,
        stopping,
        replay.time,
    )
    at_ms = stream.end_ms if stream.over else min(heard.at_ms, stream.end_ms)
    played = Played(stream.taken, stream.taken, 0, 0, 0, 0.0, at_ms)
    return replay.outcome(played, replay.verdict(heard.alerts, at_ms), dry=True, refused=heard.refused)


def replay_live(
    settings: Settings,
    replay: Replay,
    shown: Callable[[Progress], None] = lambda progress: None,
    *,
    handle_signals: bool = True,
) -> Replayed:
    """Replay into the broker of ``settings`` until it ends, or SIGTERM or SIGINT; then judge.

    Raises:
        BadInput: the drill's id is taken; nothing was sent.
        Unavailable: Kafka does not answer.
    """
    return asyncio.run(_live(settings, replay, shown, handle_signals))


async def _live(
    settings: Settings, replay: Replay, shown: Callable[[Progress], None], handle_signals: bool
) -> Replayed:
    stopping = on_signals(handle_signals)
    sleep = sleep_until(stopping)

    def native(parcel: faults.Parcel) -> tuple[bytes, bytes]:
        ready = cast(Parcel, parcel)  # what the stream gave to the player
        return ready.key, ready.value

    topics = Topics(settings.topic_prefix, replay.profile.centre_ids)
    listener = Listener(settings, topics, clock.now_ms)
    notes: list[str] = []
    try:
        await listener.start(replay.wish.exercise)
        courier = Courier(KafkaLink(settings, topics), clock=clock.now_ms, sleep=sleep, stopping=stopping)
        try:
            played = await play(
                replay.stream.as_stream,
                courier,
                native,
                now_ms=clock.now_ms,
                sleep=sleep,
                stopping=stopping,
                speed=replay.wish.speed,
                shown=shown,
                time=replay.time,
            )
        finally:
            await courier.close()
        if played.behind_max_s > BEHIND_NOTED_S:
            notes.append(f"the player was up to {played.behind_max_s:.1f} s behind its clock")
        if replay.expect and not await listener.settled(clock.now_ms(), replay.wish.settle_s):
            notes.append(UNSURE.format(replay.wish.settle_s))
        verdict = replay.verdict(listener.alerts, played.event_ms)
    finally:
        await listener.close()
        replay.stream.close()
    if played.unacknowledged:
        log.error("%d messages were not acknowledged", played.unacknowledged)
    return replay.outcome(played, verdict, notes=notes)


def to_json(result: Replayed) -> str:
    """One line for programs."""
    return msgspec.json.encode(result).decode()
