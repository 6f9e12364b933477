"""The life of alerts under random signals, commands, clock steps, crashes and retries, beside a simple model.

The machine does what the shell and the people do: inputs go into a log; batches of it go through the real step; a flush
makes outputs, state and position visible together; a crash throws away what was not flushed and reads the log again,
later; who has no visible answer sends the same command again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from ioc.domain import chatter
from ioc.domain.alerts import Command, LogEntry, Outcome, Signal, alert_id
from ioc.domain.handling import OPS
from ioc.domain.lifecycle import PLACES
from ioc.pipeline import episodes, handle, timed
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.answered import Answered
from ioc.pipeline.chattering import Chattering
from ioc.pipeline.effects import Effects, Emit, InRecord
from ioc.wire import codec
from tests.pipeline.life_model import Model, Seen, same
from tests.pipeline.life_room import FIRE, RULES
from tests.pipeline.small_province import S, T
from tests.pipeline.test_alerting import KEY, signal

KEYS = (KEY, FIRE, KEY.replace("R1", "R2"))
MIN, HOUR = 60 * S, 3_600_000
CHANCES = st.integers(0, 19)
# Event time has a clock of its own here: a backlog comes at once, and what is slow comes late.
LATER_MS = [S] * 20 + [50 * S, 3 * MIN, 2 * HOUR]
LATER = st.sampled_from(LATER_MS)


class Life(RuleBasedStateMachine):
    """One partition, three objects, three people."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = T + 5 * S
        self.log: list[bytes] = []
        self.meant: list[tuple[Command, Seen] | Signal] = []  # beside ``log``: what a record means to the model
        self.read = self.flushed = 0
        self.step = AlertingPartition(RULES, 0)
        self.topic: dict[str, bytes] = {}
        self.waiting: list[Emit] = []
        self.model = Model({"fire"}, {"level": 600 * S}, {"114"}, {"call"})
        self.kept = self.model.copy()
        self.told: dict[str, LogEntry] = {}
        self.answered: dict[str, LogEntry] = {}
        self.asked: list[tuple[Command, Seen]] = []
        self.shown: dict[str, list[tuple[str, Seen]]] = {}  # object → what was on screens, newest last
        self.since: dict[str, int] = {}
        self.on: dict[str, bool] = {}
        self.event_ms = T
        self.revision = 0

    # --- signals ---

    @rule(key=st.sampled_from(KEYS), priority=st.integers(1, 4), chance=CHANCES, again=st.booleans(), later_ms=LATER)
    def rule_says_on(self, key: str, priority: int, chance: int, again: bool, later_ms: int) -> None:
        self.event_ms += later_ms
        if not self.on.get(key) and not (again and key in self.since):
            self.since[key] = max(self.event_ms, self.since.get(key, 0) + 1)
        self.on[key] = True
        self._signal(key, "on", priority=priority, muted_by="A-0" if chance == 1 else "")

    @rule(key=st.sampled_from(KEYS), later_ms=LATER)
    def rule_says_off(self, key: str, later_ms: int) -> None:
        self.event_ms += later_ms
        if self.on.get(key):
            self.on[key] = False
            self._signal(key, "off")

    def _signal(self, key: str, state: str, **more: Any) -> None:
        self.revision += 1
        given = signal(
            state,
            key=key,
            rule=key.partition("|")[0],
            since_ms=self.since[key],
            observed_ms=self.event_ms,
            revision=self.revision,
            **more,
        )
        self._put(given, given)

    # --- people ---

    @rule(
        key=st.sampled_from(KEYS),
        op=st.sampled_from(OPS),
        who=st.sampled_from(["lan", "minh", "hoa"]),
        chance=CHANCES,
        once=st.booleans(),
    )
    def command(self, key: str, op: str, who: str, chance: int, once: bool) -> None:
        """What is on the screen is mostly new, the role mostly right, the command mostly complete."""
        shown = self.shown.get(key)
        if not shown:
            return
        target, seen = shown[max(0, len(shown) - 1 - {1: 1, 2: 2, 3: 5}.get(chance, 0))]
        known = chance != 4
        given: dict[str, Any] = {
            "assign": {"assignee": "hoa" if once else "minh"},
            "dispatch": {"agency": "114" if known else "116"},
            "comment": {"note": "n"},
            "step": {"item": "call"},
            "shelve": {"once": once, "for_s": 900 if who == "lan" else None},
            "out_of_service": {"review_ms": self.now_ms + 300 * 24 * HOUR},
            "close": {"result": "handled"},
        }.get(op, {})
        command = Command(
            key=key,
            command_id=f"k{len(self.asked)}",
            op=op,  # type: ignore[arg-type]
            alert_id="A-none" if chance == 7 else target,
            expected_version=seen.version,
            actor=who,
            actor_display=who,
            role="viewer" if chance == 5 else "engineer" if op.endswith("service") else "dispatcher",
            reason="" if chance == 6 else "r",
            sent_ms=0 if chance == 8 else self.now_ms,
            **given,
        )
        self.asked.append((command, seen))
        self._put(command, self.asked[-1])

    @precondition(lambda self: self.asked)
    @rule(back=st.integers(0, 4), other=st.booleans())
    def retry(self, back: int, other: bool) -> None:
        """The same command again, from another station; or, by mistake, another one under its id."""
        command, seen = self.asked[max(0, len(self.asked) - 1 - back)]
        if command.alert_id not in self.step.alerts:
            return  # answers are kept as long as the alert
        again = replace(command, station="b", sent_ms=self.now_ms, note="khác" if other and back == 0 else command.note)
        self._put(again, (again, seen))

    def _put(self, given: Signal | Command, meant: Any) -> None:
        self.log.append(codec.encode(given))
        self.meant.append(meant)

    # --- the shell ---

    @rule(size=st.integers(1, 6))
    def work(self, size: int) -> None:
        self._step(len(self.log[self.read : self.read + size]))

    @rule(later_ms=st.sampled_from([1, S, MIN, 11 * MIN, HOUR, 3 * HOUR, 9 * HOUR, -S, -11 * MIN, -5 * HOUR]))
    def time_passes(self, later_ms: int) -> None:
        """Or goes back: somebody set the clock."""
        self._step(len(self.log) - self.read)
        self.now_ms += later_ms
        effects = self.step.tick(self.now_ms)
        self.model.elapse(self.now_ms)
        self._take(effects, {})

    @rule()
    def flush(self) -> None:
        self._step(len(self.log) - self.read)
        for emit in self.waiting:
            if emit.topic == "alerts":
                self._keep(emit.key.decode(), emit.value)
            elif emit.topic == "desk-inputs":
                assert emit.value is not None
                assert codec.decode_desk_input(emit.value).alert == codec.decode_alert(self.topic[emit.key.decode()])
            else:
                assert emit.value is not None
                entry = codec.decode_log_entry(emit.value)
                assert self.told.setdefault(entry.id, entry) == entry, "a line keeps its content"
                if entry.command_id and entry.outcome != "MISMATCH":
                    first = self.answered.setdefault(f"{entry.alert_id}/{entry.command_id}", entry)
                    assert first == entry, "one answer for one command"
        for key, value in self.step.take_dirty():
            self._keep(key, value)
        self.waiting, self.flushed, self.kept = [], self.read, self.model.copy()
        for key in KEYS:
            name = self.model.newest.get(key)
            if name in self.step.alerts:
                one, alert = self.model.all[name], self.step.alerts[name]
                self.shown.setdefault(key, []).append((name, Seen(alert.version, one.decisive, one.given)))

    def _keep(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.topic.pop(key, None)
        else:
            self.topic[key] = value

    @rule(later_ms=st.sampled_from([0, S, MIN, HOUR]))
    def crash(self, later_ms: int) -> None:
        self.now_ms += later_ms
        self.step, self.model = AlertingPartition(RULES, 0), self.kept.copy()
        for key, value in self.topic.items():
            self.step.load(key, value)
        self.read, self.waiting = self.flushed, []
        self._compare()

    def _step(self, size: int) -> None:
        if size == 0:
            return
        batch = range(self.read, self.read + size)
        self.read += size
        effects = self.step.step([InRecord(i, 0, None, self.log[i]) for i in batch], self.now_ms)
        self.model.elapse(self.now_ms)
        wanted: dict[tuple[str, str], list[str]] = {}
        for i in batch:
            meant = self.meant[i]
            if isinstance(meant, Signal):
                self.model.signal(meant, self.now_ms)
            else:
                outcome = self.model.command(*meant, self.now_ms)
                wanted.setdefault((meant[0].command_id, meant[0].digest), []).append(outcome)
        self._take(effects, wanted)

    def _take(self, effects: Effects, wanted: dict[tuple[str, str], list[str]]) -> None:
        self.waiting += effects.emits
        said: dict[tuple[str, str], list[str]] = {}
        for emit in effects.emits:
            if emit.topic == "alert-log" and emit.value is not None:
                entry = codec.decode_log_entry(emit.value)
                if entry.kind == "command":
                    said.setdefault((entry.command_id or "", entry.digest), []).append(entry.outcome or "")
        assert said == wanted
        self._compare()

    def _compare(self) -> None:
        for name, one in list(self.model.all.items()):
            alert = self.step.alerts.get(name)
            if alert is None:
                assert one.closed, "only what is closed leaves"
                del self.model.all[name]
                asked = {command.command_id for command, _ in self.asked if command.alert_id == name}
                self.model.answers = {k: v for k, v in self.model.answers.items() if k not in asked}
            else:
                assert same(one, alert) == []
        assert set(self.step.alerts) == set(self.model.all)
        for key in KEYS:
            still = [alert for alert in self.step.alerts.values() if alert.key == key and not alert.closed]
            assert len(still) <= 1, "one open alert per object"

    def teardown(self) -> None:
        """Everybody who has no answer asks again, and gets one."""
        for command, seen in self.asked[-5:]:
            if command.alert_id in self.step.alerts:
                self._put(command, (command, seen))
        self.flush()
        for command, _ in self.asked:
            lines = [e for e in self.told.values() if e.command_id == command.command_id and e.outcome != "MISMATCH"]
            assert len(lines) == 1 or command.alert_id not in self.step.alerts


def test_life() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life, settings=settings(max_examples=25, stateful_step_count=250, deadline=None)
    )


def wander(seed: int, steps: int = 400) -> Life:
    """One long life, by chance alone: the search above prefers small examples, this one meets what is rare."""
    chance = Random(seed)
    life = Life()
    ways = {"on": 5, "off": 3, "command": 9, "retry": 1, "work": 3, "time": 2, "flush": 5, "crash": 1, "flap": 1}
    for way in chance.choices(list(ways), list(ways.values()), k=steps):
        key, low = chance.choice(KEYS), chance.randrange(20)
        later_ms = chance.choice([S] * 9 + [50 * S, 3 * MIN, 2 * HOUR])
        if way == "on":
            life.rule_says_on(key=key, priority=chance.randint(1, 4), chance=low % 5, again=low > 9, later_ms=later_ms)
        elif way == "off":
            life.rule_says_off(key=key, later_ms=later_ms)
        elif way == "flap":
            for i in range(chance.randint(3, 6)):
                life.rule_says_on(key=key, priority=3, chance=0, again=False, later_ms=later_ms if i == 0 else S)
                life.rule_says_off(key=key, later_ms=S)
        elif way == "command":
            who, op = chance.choice(["lan", "minh", "hoa"]), chance.choice(OPS)
            life.command(key=key, op=op, who=who, chance=low, once=chance.random() < 0.5)
        elif way == "retry":
            if life.asked:
                life.retry(back=low % 5, other=chance.random() < 0.3)
        elif way == "work":
            life.work(size=low % 6 + 1)
        elif way == "time":
            life.time_passes(later_ms=chance.choice([1, S, MIN, 11 * MIN, 11 * MIN, HOUR, 3 * HOUR, -S, -HOUR]))
        elif way == "flush":
            life.flush()
        else:
            life.crash(later_ms=chance.choice([0, S, MIN, HOUR]))
    life.teardown()
    return life


def many_lives() -> list[Life]:
    return [wander(seed) for seed in range(40)]


def test_long_lives_meet_every_place_and_every_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    met: set[str] = set()
    delays: set[int] = set()
    compare = Life._compare

    def noting(self: Life) -> None:
        compare(self)
        met.update(episodes.facts_of(alert).place for alert in self.step.alerts.values())
        delays.update(alert.chatter.off_delay_s for alert in self.step.alerts.values() if alert.chatter)

    monkeypatch.setattr(Life, "_compare", noting)
    lives = many_lives()
    assert met == set(PLACES) - {"DSUPR-"}  # what is over needs no explanation: it is shown, or closed, at once
    outcomes = {entry.outcome for life in lives for entry in life.told.values() if entry.kind == "command"}
    assert outcomes == set(get_args(Outcome)) - {"UNKNOWN"}
    words = {entry.what for life in lives for entry in life.told.values() if entry.kind == "transition"}
    hiding = {"unhidden", "hidden-occurrence", "muted", "unmuted"}
    assert words >= {"chattering", "re-alarmed", "superseded", "closed", *hiding}
    over = {entry.what for life in lives for entry in life.told.values() if entry.reason == "CHATTER_OVER"}
    assert over >= {"cleared", "closed"}
    assert max(delays) >= 240
    assert any(life.model.carried for life in lives)
    done = {entry.what for life in lives for entry in life.told.values() if entry.outcome == "DONE"}
    assert done == set(OPS)


# ---- the machine can fail ----------------------------------------------------------------------------------------


def _forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answered, "find", lambda self, command: None)


def _acknowledges_in_passing(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = timed.explain
    monkeypatch.setattr(timed, "explain", lambda facts, muted: replace(honest(facts, muted), acked=True))


def _never_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "is_timed", lambda alert: alert.suppression != "none")


def _believes_every_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "CLOCK_BACK_MS", 10**12)


def _loses_the_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = episodes.begin
    monkeypatch.setattr(episodes, "begin", lambda signal, now_ms, before, **rule: honest(signal, now_ms, None, **rule))


def _lets_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "may", lambda role, op: True)


def _takes_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "is_old", lambda command, now_ms: False)


def _writes_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AlertingPartition, "take_dirty", lambda self: [])


def _never_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = chatter.went
    monkeypatch.setattr(
        chatter, "went", lambda past, now_ms, event_ms, **how: honest(past, now_ms, event_ms, may_hold=False)
    )


def _holds_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = chatter.went
    monkeypatch.setattr(chatter, "went", lambda past, now_ms, event_ms, **how: honest(past, now_ms, event_ms))


def _never_holds_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = chatter.came
    monkeypatch.setattr(
        chatter,
        "came",
        lambda past, now_ms, event_ms: replace(honest(past, now_ms, event_ms), off_delay_s=past.off_delay_s),
    )


def _raises_anew_in_a_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chattering, "carries", lambda self, alert: False)


def _forgets_the_hold_in_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chattering, "take_dirty", lambda self: [])


def _holds_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatter, "passed", lambda past, now_ms, event_ms=None: past)


def _remembers_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatter, "recalled", lambda past, now_ms, event_ms=None: past)


def _swallows_a_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = chatter.passed
    monkeypatch.setattr(chatter, "passed", lambda past, now_ms, event_ms=None: honest(past, now_ms))


def _holds_by_arrival_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = chatter.recalled
    monkeypatch.setattr(chatter, "recalled", lambda past, now_ms, event_ms=None: honest(past, now_ms))


@pytest.mark.parametrize(
    "plant",
    [
        _forgets,
        _acknowledges_in_passing,
        _never_asks_again,
        _believes_every_clock,
        _loses_the_shelf,
        _lets_everybody,
        _takes_what_is_old,
        _writes_no_state,
        _never_holds,
        _holds_what_is_hidden,
        _never_holds_longer,
        _raises_anew_in_a_hold,
        _forgets_the_hold_in_a_crash,
        _holds_for_ever,
        _remembers_for_ever,
        _swallows_a_backlog,
        _holds_by_arrival_alone,
    ],
)
def test_the_machine_finds_a_fault(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        many_lives()


def test_ids_of_the_model_are_those_of_the_product() -> None:
    assert alert_id("level", KEY, T) == episodes.episode_id(signal())
