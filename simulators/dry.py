"""A run without a broker: the messages go through intake, detect and alerting in memory, on a virtual clock.

Takes seconds for hours of event time, sends nothing, touches nothing, and gives the same verdict as a run on a real
system, because the deciding steps are the same and the judge compares event times only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.profile import Profile
from ioc.errors import BadInput
from ioc.pipeline.effects import Emit
from ioc.pipeline.runner import Runner
from ioc.wire import codec, drill_clock
from simulators.drill_time import DrillTime, Sent, Told
from simulators.faults import Parcel
from simulators.runs import AFTERMATH_MS, Outcome, Plan, outcome, verdict_of
from simulators.stream import encode

# How often time passes: a message arrives at most so late, and an alert that needs time comes at most so late.
TICK_SHORT_MS, SHORT_S = 1_000, 3_600
TICK_LONG_MS = 10_000  # below a heartbeat's three periods, or every link would look dead
FORGET_MS = 60_000  # what was read leaves memory so often, virtual time
SETTLE_MS = 10_000  # what is under way at the end comes through; below 30 s, or silence would be raised
ALERTS_MAX = 200_000

P_co = TypeVar("P_co", bound=Sent, covariant=True)


def tick_for(length_s: float) -> int:
    """Step of the virtual clock for a run of this length."""
    return TICK_SHORT_MS if length_s <= SHORT_S else TICK_LONG_MS


class Sending(Protocol[P_co]):
    """What is played: messages by the time of their sending."""

    @property
    def over(self) -> bool: ...
    def take(self, upto_ms: int) -> Sequence[P_co]: ...


class Heard(Struct):
    """What came of a run: every version of every alert, refusals by code, how many messages were given in, and how far
    the clock came (epoch milliseconds)."""

    alerts: list[Alert]
    refused: Counter[str]
    sent: int = 0
    at_ms: int = 0


def in_memory(
    profile: Profile,
    start_ms: int,
    length_s: float,
    stream: Sending[P_co],
    native: Callable[[P_co], tuple[str, bytes, bytes]],
    shown: Callable[[int, int], None],
    stopping: Callable[[], bool] = lambda: False,
    time: DrillTime | None = None,
) -> Heard:
    """Play a stream to its end, or until it shall end, through intake, detect and alerting on a virtual clock.

    Args:
        profile: with its rules.
        start_ms: where the clock begins, epoch milliseconds.
        length_s: how long it will take on that clock; decides how often time passes.
        stream: what is played.
        native: message → centre, record key and native bytes.
        shown: told how far event time has come (epoch milliseconds) and how many alerts there are.
        stopping: asked after each tick of the clock whether it shall end now; what is under way still comes through.
        time: the clock of a drill, which is told among the messages; None where it is none.

    Raises:
        BadInput: more alerts than anybody can judge, or what ``native`` raises.
    """
    tick_ms = tick_for(length_s)
    runner = Runner(profile, start_ms, batch_max=5_000, tick_every_ms=tick_ms, intake_tick_every_ms=FORGET_MS)
    heard, collected_ms = Heard([], Counter()), start_ms

    def collect() -> None:
        taken = runner.take_off()
        for record in taken.get("alerts", ()):
            if record.value is not None and not (record.key or b"").startswith(b"@"):
                heard.alerts.append(codec.decode_alert(record.value))
        heard.refused.update(codec.decode_dead(record.value).code for record in taken.get("dead", ()) if record.value)
        if len(heard.alerts) > ALERTS_MAX:
            raise BadInput("too_many", "alerts", f"more than {ALERTS_MAX} changes of alerts: a rule must be wrong")

    while not stream.over and not stopping():
        runner.advance(tick_ms)
        parcels = stream.take(runner.now_ms)
        heard.sent += len(parcels)
        for one in parcels if time is None else time.among(parcels, runner.now_ms):
            if isinstance(one, Told):
                runner.put(Emit(f"raw.{one.centre}", drill_clock.KEY, one.value, one.partition))
            else:
                centre, key, value = native(one)
                runner.put(Emit(f"raw.{centre}", key, value))
        runner.settle()
        if runner.now_ms - collected_ms >= FORGET_MS:
            collected_ms = runner.now_ms
            collect()
            shown(runner.now_ms, len(heard.alerts))
    heard.at_ms = runner.now_ms
    runner.advance(SETTLE_MS)
    collect()
    return heard


def run_dry(
    plan: Plan,
    profile: Profile,
    shown: Callable[[int, int], None] = lambda at_ms, alerts: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Play a plan to its end in memory and judge it; what was not played is not judged.

    Args:
        plan: with an end.
        profile: with its rules.
        shown: told how far event time has come (epoch milliseconds) and how many alerts there are.
        stopping: asked again and again whether the run shall end now.

    Raises:
        BadInput: the plan has no end, or a message cannot be written in its centre's format.
    """
    stream = plan.stream(profile)
    if stream.last_ms is None or plan.duration_s is None:
        detail = f"{plan.wish.name} is endless: give it --duration-s to play it without a broker"
        raise BadInput("scenario", plan.wish.name, detail)

    def native(parcel: Parcel) -> tuple[str, bytes, bytes]:
        return parcel.centre, *encode(profile, parcel, plan.wish.exercise)

    time = plan.drill_time(profile, stream)
    heard = in_memory(profile, plan.from_ms, plan.duration_s, stream, native, shown, stopping, time)
    played_ms = round(plan.duration_s * 1000)
    if not stream.over:
        played_ms = min(played_ms, heard.at_ms - plan.start_ms)
    verdict = verdict_of(plan, profile, heard.alerts, stream, played_ms)
    return outcome(plan, stream, played_ms=played_ms, acked=heard.sent, verdict=verdict, refused=heard.refused)


assert SETTLE_MS <= AFTERMATH_MS
