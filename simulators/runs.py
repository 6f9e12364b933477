"""What one run of a scenario is, and what came of it, as values; and the judgement over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec import Struct

from ioc.domain import canary
from ioc.domain.alerts import Alert
from ioc.domain.drills import OTHER
from ioc.domain.profile import Profile
from ioc.domain.times import rfc3339
from ioc.domain.verdicts import LIVE_WITHIN_MS
from ioc.errors import BadInput
from ioc.pipeline.validate import is_id
from simulators import fit
from simulators.drill_time import DrillTime
from simulators.episodes import episodes
from simulators.faults import Tally
from simulators.plan import DURATION_MAX_S, RATE_MAX, SEED_END, START_END_MS, START_MIN_MS, Scenario
from simulators.programme import Programme
from simulators.stream import Stream
from simulators.verdict import Verdict, judge

SPEED_MIN, SPEED_MAX = 0.5, 1000.0
# What is raised so long after the last message was due is no work of the scenario: its feeds have ended.
AFTERMATH_MS = 15_000


class Wish(Struct, frozen=True, kw_only=True):
    """How somebody wants a scenario to be run.

    Attributes:
        name: a scenario's name, or the path of a ``.toml`` file.
        speed: event seconds per wall second.
        rate: messages per event second in total; None takes the scenario's.
        duration_s: length in event time; None takes the scenario's.
        seed: None takes the scenario's, else the settings'.
        from_s: begin so far inside the scenario, seconds.
        start_ms: when a scenario that starts "now" begins, epoch milliseconds of event time; None is now.
        exercise: id of the drill that everything is marked with; None is the live picture.
        quiet: sites that stay silent.
        stepwise: advances when somebody says so.
        dry: in memory, without a broker.
    """

    name: str
    speed: float = 1.0
    rate: float | None = None
    duration_s: float | None = None
    seed: int | None = None
    from_s: float = 0.0
    start_ms: int | None = None
    exercise: str | None = None
    quiet: tuple[str, ...] = ()
    stepwise: bool = False
    dry: bool = False


class Plan(Struct, frozen=True, kw_only=True):
    """A wish that can be granted: everything that a run needs is fixed."""

    wish: Wish
    scenario: Scenario
    seed: int
    start_ms: int
    from_ms: int
    duration_s: float | None

    def stream(self, profile: Profile) -> Stream:
        """A fresh stream of its messages.

        Raises:
            BadInput: a rate that cannot be reached.
        """
        wish, scenario = self.wish, self.scenario
        try:
            programme = Programme(
                profile,
                scenario,
                start_ms=self.start_ms,
                seed=self.seed,
                rate=wish.rate,
                duration_s=wish.duration_s,
                quiet=wish.quiet,
            )
        except BadInput as exc:
            option = "--rate" if wish.rate is not None else f"{wish.name}: rate"
            raise BadInput("argument", "rate", f"{option}: {exc.detail}") from exc
        return Stream(programme, scenario.fault, seed=self.seed, from_ms=self.from_ms)

    def drill_time(self, profile: Profile, stream: Stream) -> DrillTime | None:
        """The clock that is told among the messages of a stream; None when it is no drill.

        It speaks for every centre: one that a scenario leaves out is silent, as it is in the live picture.
        """
        if self.wish.exercise is None:
            return None
        seldom = stream.programme.seldom(profile)
        return DrillTime(self.wish.exercise, profile.centre_ids, stream.start_ms, stream.end_ms, seldom)


class FaultBook(Struct, frozen=True, kw_only=True):
    """What one fault did."""

    kind: str
    came: int
    touched: int
    dropped: int
    added: int
    out: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a run. Instants are RFC 3339; ``behind_max_s`` and ``waited_s`` are wall seconds.

    ``ended`` is True when it was played to the scenario's own end: not stopped, not cut by a shorter length, and not
    endless. ``stopped`` is True when somebody ended it before the length that was wished. Messages that came out of the
    last fault are ``sent``, ``skipped`` (due before ``from_s``) or ``waiting`` (still held back when the run ended),
    exactly. ``verdict`` is None when the scenario expects nothing. ``took_s`` is how long the sending took, wall
    seconds: ``(played_s - from_s) / took_s`` is the speed that was reached. It is None in memory and step by step.
    """

    scenario: str
    seed: int
    start: str
    from_s: float
    played_s: float
    ended: bool
    stopped: bool
    dry: bool
    speed: float
    exercise: str | None
    made: int
    sent: int
    skipped: int
    waiting: int
    acked: int
    unacknowledged: int
    repeats: int
    behind_max_s: float
    took_s: float | None
    faults: tuple[FaultBook, ...]
    refused: dict[str, int]
    verdict: Verdict | None
    notes: tuple[str, ...] = ()


def plan_of(wish: Wish, profile: Profile, *, now_ms: int, default_seed: int) -> Plan:
    """Check a wish and fix what it leaves open.

    Args:
        wish: see :class:`Wish`.
        profile: with its rules, when what the scenario says of alerts shall be checked.
        now_ms: wall clock, where a scenario that starts now begins or ends.
        default_seed: of the installation.

    Raises:
        BadInput: the scenario or a part of the wish is wrong; one sentence for people.
    """
    if not SPEED_MIN <= wish.speed <= SPEED_MAX:
        raise BadInput("argument", "speed", f"--speed must be from {SPEED_MIN:g} to {SPEED_MAX:g}")
    # Written so that a number that is none (nan) is refused too.
    if wish.duration_s is not None and not 0 < wish.duration_s <= DURATION_MAX_S:
        detail = f"--duration-s must be above 0 and at most {DURATION_MAX_S} seconds"
        raise BadInput("argument", "duration", detail)
    if wish.rate is not None and not 0 < wish.rate <= RATE_MAX:
        raise BadInput("argument", "rate", f"--rate must be above 0 and at most {RATE_MAX} messages per second")
    if wish.seed is not None and not 0 <= wish.seed < SEED_END:
        raise BadInput("argument", "seed", f"--seed must be from 0 to {SEED_END - 1}")
    if wish.exercise is not None:
        check_exercise(wish.exercise)
    scenario = fit.load_for(wish.name, profile)
    _check_sites(profile, wish.quiet)
    length_s = wish.duration_s if wish.duration_s is not None else scenario.duration_s
    if length_s is not None and wish.from_s >= length_s:
        raise BadInput("argument", "from", f"--from is not before the end of the scenario ({length_s:g} s)")
    if wish.from_s < 0:
        raise BadInput("argument", "from", "--from must not be before the start")
    if wish.from_s > DURATION_MAX_S:
        raise BadInput("argument", "from", f"--from must be at most {DURATION_MAX_S // 86_400}d")
    start_ms = start_of(wish, scenario, now_ms)
    if not wish.dry and wish.exercise is None:
        _check_live(wish, scenario, length_s)
    return Plan(
        wish=wish,
        scenario=scenario,
        seed=wish.seed if wish.seed is not None else (scenario.seed if scenario.seed is not None else default_seed),
        start_ms=start_ms,
        from_ms=start_ms + round(wish.from_s * 1000),
        duration_s=length_s,
    )


def check_exercise(exercise: str) -> None:
    """Is this an id that a drill may have?

    Raises:
        BadInput: no id, or one that the software uses for itself.
    """
    if is_id(exercise) is None:
        detail = f"--exercise: {exercise!r} is not 1 to 128 plain ASCII letters, digits and . _ : ~ + -"
        raise BadInput("argument", "exercise", detail)
    if exercise in (canary.EXERCISE, OTHER):
        detail = f"--exercise: the id {exercise!r} belongs to the software itself; choose another one"
        raise BadInput("argument", "exercise", detail)


def start_of(wish: Wish, scenario: Scenario, now_ms: int) -> int:
    """Event time of a scenario's start.

    A start that was given holds for a scenario that says ``now``; the same start and seed are the same bytes on any
    day. ``now`` is a whole second, because some formats have no finer times. At real time or slower it begins now (its
    part from ``from_s`` on). Faster than real time, it begins so far back that event time meets the clock at the end:
    no reading is ever of the future.

    Raises:
        BadInput: an endless scenario that starts now cannot run faster than real time; or a start that cannot be given.
    """
    length_s = wish.duration_s if wish.duration_s is not None else scenario.duration_s
    if wish.start_ms is not None:
        _check_start(wish, wish.start_ms, scenario, length_s, now_ms)
        return wish.start_ms
    if scenario.start_ms is not None:
        return scenario.start_ms
    begun_ms = (now_ms - round(wish.from_s * 1000)) // 1000 * 1000
    if wish.speed <= 1 or wish.dry:
        return begun_ms
    if length_s is None:
        detail = "an endless scenario that starts now cannot run faster than real time; give it --duration-s"
        raise BadInput("scenario", wish.name, detail)
    return begun_ms - round((length_s - wish.from_s) * 1000 * (1 - 1 / wish.speed))


def _check_start(wish: Wish, start_ms: int, scenario: Scenario, length_s: float | None, now_ms: int) -> None:
    """Can a scenario begin at the start that was given?"""
    detail = ""
    if scenario.start_ms is not None:
        detail = f"{wish.name} begins at its own time, {scenario.start}; --start is for scenarios that start now"
    elif not START_MIN_MS <= start_ms < START_END_MS:
        detail = "--start must lie in the years 2000 to 2099"
    elif not wish.dry:
        left_s = 0.0 if length_s is None else length_s - wish.from_s
        ahead_ms = start_ms + round((wish.from_s + left_s * max(0.0, 1 - 1 / wish.speed)) * 1000) - now_ms
        if ahead_ms > 0:
            detail = f"--start is {ahead_ms / 1000:.0f} s too late: readings of the future are refused"
    if detail:
        raise BadInput("argument", "start", detail)


def _check_live(wish: Wish, scenario: Scenario, length_s: float | None) -> None:
    """The live picture takes readings of now: others need the mark of a drill, or no broker at all."""
    remedy = "run it as a drill (--exercise ID), or without a broker (--dry)"
    if wish.start_ms is not None or scenario.start_ms is not None:
        begins = scenario.start if wish.start_ms is None else rfc3339(wish.start_ms)
        detail = f"{wish.name}: its event times begin at {begins}, which the live picture refuses; {remedy}"
        raise BadInput("argument", "exercise", detail)
    if wish.stepwise:
        raise BadInput("argument", "step", f"--step lets event time stand still, which only a drill may; {remedy}")
    if scenario.is_judged and length_s is not None:
        lag_ms = (length_s - wish.from_s) * 1000 * abs(1 - 1 / wish.speed)
        if lag_ms > LIVE_WITHIN_MS:
            detail = (
                f"{wish.name}: at --speed {wish.speed:g} its readings are up to {lag_ms / 60_000:.0f} minutes old when "
                f"they arrive, and those older than {LIVE_WITHIN_MS // 60_000} raise no alert; {remedy}"
            )
            raise BadInput("argument", "speed", detail)


def _check_sites(profile: Profile, quiet: Collection[str]) -> None:
    known = {site.id for centre in profile.centres for site in centre.sites}
    for site in quiet:
        if site not in known:
            raise BadInput("argument", "quiet", f"--quiet: no site {site!r} in {profile.id}")


def silences_of(profile: Profile) -> frozenset[str]:
    """Rules that ask when something arrived: a silence or an absence."""
    return frozenset(rule.id for rule in profile.rules if rule.kind in ("silence", "absence"))


def verdict_of(plan: Plan, profile: Profile, alerts: Iterable[Alert], stream: Stream, played_ms: int) -> Verdict | None:
    """Judge the alerts of a run; None when the scenario expects nothing.

    Args:
        plan: what was run.
        profile: with its rules.
        alerts: every version of every alert that was heard.
        stream: what was sent.
        played_ms: how far the run came, event time since the start.
    """
    scenario = plan.scenario
    if not scenario.is_judged:
        return None
    whole_ms = None if scenario.duration_s is None else round(scenario.duration_s * 1000)
    cut = whole_ms is not None and played_ms < whole_ms
    last_ms = played_ms if cut or stream.last_ms is None else stream.last_ms - plan.start_ms
    # In a drill they are judged by the drill's clock, and say its time themselves.
    by_arrival = silences_of(profile) if plan.wish.exercise is None else ()
    found = episodes(alerts, plan.start_ms, plan.wish.exercise, by_arrival)
    return judge(
        scenario.expect,
        scenario.forbid,
        scenario.alerts,
        [one for one in found if one.raised_ms <= last_ms + AFTERMATH_MS],
        from_ms=plan.from_ms - plan.start_ms,
        upto_ms=played_ms if cut else None,
        drill=plan.wish.exercise is not None,
    )


def books_of(stream: Stream) -> tuple[FaultBook, ...]:
    """The books of all faults."""
    return tuple(_book(kind, tally) for kind, tally in stream.chain.books())


def _book(kind: str, tally: Tally) -> FaultBook:
    return FaultBook(
        kind=kind,
        came=tally.came,
        touched=tally.touched,
        dropped=tally.dropped,
        added=tally.added,
        out=tally.out,
    )


def outcome(
    plan: Plan,
    stream: Stream,
    *,
    played_ms: int,
    acked: int,
    verdict: Verdict | None,
    unacknowledged: int = 0,
    repeats: int = 0,
    behind_max_s: float = 0.0,
    took_s: float | None = None,
    refused: Counter[str] | None = None,
    notes: Sequence[str] = (),
) -> Outcome:
    """Put together what is known of a run."""
    own_s = plan.scenario.duration_s
    return Outcome(
        scenario=plan.wish.name,
        seed=plan.seed,
        start=rfc3339(plan.start_ms),
        from_s=plan.wish.from_s,
        played_s=played_ms / 1000,
        ended=stream.over and own_s is not None and played_ms >= round(own_s * 1000),
        stopped=plan.duration_s is None or played_ms < round(plan.duration_s * 1000),
        dry=plan.wish.dry,
        speed=plan.wish.speed,
        exercise=plan.wish.exercise,
        made=stream.made,
        sent=stream.taken,
        skipped=stream.skipped,
        waiting=stream.waiting,
        acked=acked,
        unacknowledged=unacknowledged,
        repeats=repeats,
        behind_max_s=round(behind_max_s, 1),
        took_s=took_s,
        faults=books_of(stream),
        refused=dict(sorted((refused or Counter()).items())),
        verdict=verdict,
        notes=tuple(notes),
    )


def to_json(result: Outcome) -> str:
    """One line for programs."""
    return msgspec.json.encode(result).decode()
