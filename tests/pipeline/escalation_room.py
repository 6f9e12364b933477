"""Alerting and a desk with escalation alone, with orders that may be lost, held or delivered twice, and a checker.

The checker knows nothing of the machine. From what alerting wrote it takes when each alert asked, and from the log who
was called; which steps there have to be at which times is worked out in a few lines from the chain as a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.desk import Summons
from ioc.domain.duty import Chain, ChainStep, Duty, Person, Roster, Shift
from ioc.domain.profile import Profile
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.desk_escalation import EscalationPart
from ioc.pipeline.effects import Effects, InRecord
from ioc.wire import codec
from tests.pipeline.life_room import RULES
from tests.pipeline.small_province import S, T
from tests.pipeline.test_alerting import KEY

MIN = 60 * S
DUTY = Duty(
    people=(
        Person(id="an", name="An", channels=("log",)),
        Person(id="binh", name="Bình", channels=("log", "mail"), roles=("chief",)),
    ),
    rosters=(
        Roster(id="desk", name_vi="Bàn", name_en="Desk", shifts=(Shift(people=("an",)),)),
        Roster(id="hole", name_vi="Trống", name_en="Empty"),
    ),
    chains=(
        Chain(
            id="urgent",
            priorities=(1, 2),
            steps=(
                ChainStep(wait_s=60, roster="desk"),
                ChainStep(wait_s=120, roster="hole"),
                ChainStep(wait_s=30, role="chief"),
                ChainStep(wait_s=0, person="binh"),
            ),
            repeat=2,
        ),
        Chain(
            id="usual",
            priorities=(3,),
            escalate_gone=True,
            steps=(ChainStep(wait_s=0, person="an"), ChainStep(wait_s=600, roster="desk")),
        ),
    ),
)
PROVINCE: Profile = replace(RULES, duty=DUTY)
# (wait, is somebody reached) of the chains above, and their rounds: nobody with the role is ever on a shift.
SHAPES: dict[str, tuple[list[tuple[int, bool]], int]] = {
    "urgent": ([(60, True), (120, False), (30, False), (0, True)], 3),
    "usual": ([(0, True), (600, True)], 1),
}
GONE = ("usual",)  # call also about what went away unseen
CHAIN_OF = {1: "urgent", 2: "urgent", 3: "usual", 4: ""}


def schedule(chain: str, began_ms: int, done_ms: Sequence[int] = ()) -> Iterator[tuple[int, int, int]]:
    """Round, step and due time of all that there has to be. ``done_ms``: when the first ones were carried out; what
    was over a minute late has the next one wait from then on."""
    if not chain:
        yield 0, 0, began_ms
        return
    steps, rounds = SHAPES[chain]
    at_ms, reached, carried_ms = began_ms, True, dict(enumerate(done_ms))
    for round_ in range(rounds):
        for i, (wait_s, there) in enumerate(steps):
            if reached or i == 0:
                before_ms = carried_ms.get(round_ * len(steps) + i - 1, at_ms)
                at_ms = wait_s * S + (before_ms if before_ms - at_ms > MIN else at_ms)
            yield round_, i, at_ms
            reached = there


class Run(Struct):
    """A stretch of an object's life in which one chain has to be worked off.

    ``asked``: alert, and when it began to ask, each time; more than once where it went away unseen and came back, in
    the same alert or in a successor. ``done``: round and step that were carried out last. ``end_ms`` None: it still
    asks so. ``worse``: it ended with another chain, an order may be on its way then.
    """

    asked: list[tuple[str, int]]
    chain: str
    priority: int
    done: tuple[int, int] | None = None
    end_ms: int | None = None
    worse: bool = False

    @property
    def through(self) -> bool:
        """Was everybody of the chain called, as often as it says?"""
        return self.done == list(schedule(self.chain, 0))[-1][:2]


class Room:
    """What is written becomes visible by :meth:`flush`; :meth:`crash` loses what is not."""

    def __init__(self, profile: Profile = PROVINCE) -> None:
        self.profile = profile
        self.now_ms = T + 5 * S
        self.alerting = AlertingPartition(profile, 0)
        self.bus: list[bytes] = []  # desk-inputs
        self.orders: list[bytes] = []  # written, not yet with alerting
        self.topic: dict[str, bytes] = {}
        self.history: dict[str, list[Alert]] = {}
        self.versions: list[Alert] = []  # of all alerts, as they were written
        self.log: list[LogEntry] = []
        self.read = self.flushed = 0
        self.unwritten: list[bytes] = []
        self.desk = self._new_desk()

    def _new_desk(self) -> DeskPartition:
        self.part = EscalationPart(self.profile)
        desk = DeskPartition(self.profile, [self.part])
        for key, value in self.topic.items():
            desk.load(key, value)
        return desk

    def give(self, *given: Any) -> None:
        """Signals, commands and orders to alerting."""
        records = [
            InRecord(i, 0, None, one if isinstance(one, bytes) else codec.encode(one)) for i, one in enumerate(given)
        ]
        self._from_alerting(self.alerting.step(records, self.now_ms))

    def hear(self) -> None:
        """The desk reads what alerting told it."""
        records = [InRecord(i, 0, None, self.bus[i]) for i in range(self.read, len(self.bus))]
        self.read = len(self.bus)
        self._from_desk(self.desk.step(records, self.now_ms))

    def tick(self, later_ms: int = 500) -> None:
        self.now_ms += later_ms
        self._from_alerting(self.alerting.tick(self.now_ms))
        self._from_desk(self.desk.tick(self.now_ms))

    def flush(self) -> None:
        for key, value in self.desk.take_dirty():
            if value is None:
                self.topic.pop(key, None)
            else:
                self.topic[key] = value
        self.orders += self.unwritten
        self.unwritten, self.flushed = [], self.read

    def crash(self) -> None:
        self.unwritten, self.read = [], self.flushed
        self.desk = self._new_desk()

    def deliver(self, *, twice: bool = False) -> None:
        """All orders reach alerting."""
        orders, self.orders = self.orders, []
        self.give(*(orders * (2 if twice else 1)))

    def settle(self, turns: int = 2) -> None:
        """Everything works; whatever is due at this moment comes to its end."""
        for _ in range(turns):
            self.hear()
            self.tick()
            self.flush()
            self.deliver()
        self.hear()

    def alert(self, key: str = KEY) -> Alert:
        """The newest of an object."""
        return [versions[-1] for versions in self.history.values() if versions[-1].key == key][-1]

    def summonses(self, alert_id: str) -> list[tuple[LogEntry, Summons]]:
        return [(e, e.summons) for e in self.log if e.alert_id == alert_id and e.what == "summoned" and e.summons]

    def _from_alerting(self, effects: Effects) -> None:
        for emit in effects.emits:
            if emit.value is None:
                continue  # closed a day ago
            if emit.topic == "desk-inputs":
                self.bus.append(emit.value)
            elif emit.topic == "alert-log":
                self.log.append(codec.decode_log_entry(emit.value))
            elif emit.topic == "alerts":
                alert = codec.decode_alert(emit.value)
                self.history.setdefault(alert.id, []).append(alert)
                self.versions.append(alert)

    def _from_desk(self, effects: Effects) -> None:
        for emit in effects.emits:
            assert emit.topic == "alert-inputs"
            assert emit.value is not None
            if emit.key != b"@desk":  # that it lives
                self.unwritten.append(emit.value)


def runs_of(versions: list[Alert], superseded: set[str]) -> list[Run]:
    """When the alerts of one object asked, and with which chain, by what alerting wrote.

    Args:
        versions: of all alerts of the object, as they were written.
        superseded: those whose place another one took.
    """
    found: list[Run] = []
    run: Run | None = None
    asking = False
    for alert in versions:
        if run is not None and alert.id != run.asked[-1][0] and alert.closed:
            continue  # somebody says what became of an earlier one
        asks = alert.active and not alert.acked and alert.suppression == "none"
        if not asks:
            waits = not alert.active and not alert.acked and alert.suppression == "none"
            if run is None and waits and CHAIN_OF[alert.priority] in GONE:
                run = _begin(found, alert)
            if run is not None:
                _note(run, alert)
                if run.end_ms is None and not (waits and run.chain in GONE):
                    run.end_ms = alert.updated_ms
            left = alert.closed and alert.id in superseded  # to the next that is written
            run, asking = (run if waits or left else None), False
            continue
        if not asking:
            if run is not None and run.chain and not run.through:
                run.asked.append((alert.id, alert.updated_ms))
                run.end_ms = None
            else:
                if run is not None and run.end_ms is None:
                    run.end_ms = alert.updated_ms
                run = _begin(found, alert)
        assert run is not None
        if alert.priority < run.priority:
            run.priority = alert.priority
            another = CHAIN_OF[alert.priority] not in ("", run.chain)
            if another or (run.chain == CHAIN_OF[alert.priority] and run.through):
                run.end_ms, run.worse = alert.updated_ms, True
                if (alert.id, alert.updated_ms) == run.asked[-1]:
                    run.asked.pop()  # worse in the very moment in which it began to ask
                run = _begin(found, alert)
        _note(run, alert)
        asking = True
    return [run for run in found if run.asked]


def _note(run: Run, alert: Alert) -> None:
    if (said := alert.summons) is not None and (alert.id, said.began_ms) == run.asked[-1]:
        run.done = (said.round, said.step)


def _begin(found: list[Run], alert: Alert) -> Run:
    run = Run([(alert.id, alert.updated_ms)], CHAIN_OF[alert.priority], alert.priority)
    found.append(run)
    return run


def check(room: Room, *, settled: bool) -> None:
    """Who was called against who had to be called; ``settled``: everything had its time.

    Raises:
        AssertionError: a step was left out, came twice, came without being asked for, or has another due time.
    """
    superseded = {entry.alert_id for entry in room.log if entry.what == "superseded"}
    objects: dict[str, list[Alert]] = {}
    for alert in room.versions:
        if alert.rule == "escalation-audit" or alert.exercise is not None:
            assert room.summonses(alert.id) == []
        else:
            objects.setdefault(alert.key, []).append(alert)
    for versions in objects.values():
        lines = [line for name in dict.fromkeys(one.id for one in versions) for line in _numbered(room, name)]
        runs = runs_of(versions, superseded)
        stretches = [one for run in runs for one in run.asked]
        assert {(entry.alert_id, one.began_ms) for entry, one in lines} <= set(stretches)
        said: set[str] = set()  # alerts in which it was said last that no chain fits
        for run in runs:
            mine = [(entry, one) for entry, one in lines if (entry.alert_id, one.began_ms) in run.asked]
            done = [(one.round, one.step, one.at_ms) for _, one in mine]
            if run.end_ms is not None and not run.worse:
                assert all(entry.at_ms <= run.end_ms for entry, _ in mine), "an order of before it was acknowledged"
            name, began_ms = run.asked[0]
            wanted = list(schedule(run.chain, began_ms, [entry.at_ms for entry, _ in mine]))
            if not run.chain and name in said:
                wanted = wanted[: len(done)]  # said once in a row; said again only if the first was never heard
            said_now = not run.chain and (name in said or bool(done))
            said = {run.asked[-1][0]} if said_now else set()
            assert {one.gone for _, one in mine} <= {run.chain in GONE}
            assert done == wanted[: len(done)], "in order, each once, at its time"
            if settled and run.end_ms is None:
                due = [one for one in wanted if one[2] <= room.now_ms]
                assert len(done) >= len(due), "left out"
            assert len(set(done)) == len(done)
        for _, one in lines:
            assert (one.whom == ()) == (one.reason in ("EMPTY_ROSTER", "NO_CHAIN"))


def _numbered(room: Room, name: str) -> list[tuple[LogEntry, Summons]]:
    lines = room.summonses(name)
    assert [one.number for _, one in lines] == list(range(1, len(lines) + 1)), "numbers"
    asks = [entry.to_state == "UNACK" or (entry.to_state == "RTNUN" and one.gone) for entry, one in lines]
    assert all(asks), "somebody has it, and people were called"
    return lines
