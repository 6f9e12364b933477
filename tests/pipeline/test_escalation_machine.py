"""Escalation under random lives of alerts, clock steps, crashes of the desk, and orders that get lost or come twice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from msgspec.structs import replace

from ioc.domain import escalation
from ioc.domain.alerts import Command
from ioc.domain.duty import Called
from ioc.pipeline import desk_escalation, episodes
from ioc.pipeline.desk_escalation import EscalationPart
from tests.pipeline.escalation_room import MIN, Room, Run, check, runs_of
from tests.pipeline.small_province import S
from tests.pipeline.test_alerting import KEY, signal

KEYS = (KEY, KEY.replace("R1", "R2"))
OPS = ("ack", "ack", "unack", "shelve", "unshelve", "close", "out_of_service", "return_to_service")
LATER_MS = (1, S, 20 * S, MIN, 3 * MIN, 11 * MIN, 3_600_000, 9 * 3_600_000)


class Life(RuleBasedStateMachine):
    """Two objects; everything that moves an alert takes at least a millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.revision = 0
        self.on: dict[str, int] = {}
        self.since: dict[str, int] = {}

    @rule(key=st.sampled_from(KEYS), priority=st.integers(1, 4))
    def rule_says_on(self, key: str, priority: int) -> None:
        self.room.now_ms += 1
        if key not in self.on:
            self.since[key] = self.room.now_ms
        self.on[key] = priority
        self._signal(key, "on", priority)

    @rule(key=st.sampled_from(KEYS))
    def rule_says_off(self, key: str) -> None:
        self.room.now_ms += 1
        if key in self.on:
            self._signal(key, "off", self.on.pop(key))

    @rule(key=st.sampled_from(KEYS), away_ms=st.sampled_from(LATER_MS), same=st.booleans())
    def flaps(self, key: str, away_ms: int, same: bool) -> None:
        """It goes away and comes back, as the same episode or as another one."""
        if key in self.on:
            priority = self.on[key]
            self.rule_says_off(key)
            self.room.tick(away_ms)
            if same:
                self.on[key] = priority
                self._signal(key, "on", priority)
            else:
                self.rule_says_on(key, priority)

    def _signal(self, key: str, state: str, priority: int) -> None:
        self.revision += 1
        self.room.give(signal(state, key=key, since_ms=self.since[key], revision=self.revision, priority=priority))

    @rule(key=st.sampled_from(KEYS), op=st.sampled_from(OPS))
    def command(self, key: str, op: str) -> None:
        self.room.now_ms += 1
        if key not in self.since:
            return
        alert, self.revision = self.room.alert(key), self.revision + 1
        self.room.give(
            Command(
                key=key,
                command_id=f"k{self.revision}",
                op=op,  # type: ignore[arg-type]
                alert_id=alert.id,
                expected_version=alert.version,
                actor="lan",
                actor_display="Lan",
                role="engineer" if op.endswith("service") else "dispatcher",
                reason="r",
                for_s=900 if op == "shelve" else None,
                review_ms=self.room.now_ms + 86_400_000 if op == "out_of_service" else None,
                result="handled" if op == "close" else None,
            )
        )

    @rule()
    def hear(self) -> None:
        self.room.hear()

    @rule(later_ms=st.sampled_from(LATER_MS))
    def time_passes(self, later_ms: int) -> None:
        self.room.tick(later_ms)

    @rule()
    def flush(self) -> None:
        self.room.flush()

    @rule(later_ms=st.sampled_from((0, *LATER_MS)))
    def crash(self, later_ms: int) -> None:
        self.room.now_ms += later_ms
        self.room.crash()

    @rule(twice=st.booleans())
    def deliver(self, twice: bool) -> None:
        self.room.deliver(twice=twice)
        check(self.room, settled=False)

    @rule(first=st.booleans())
    def lose(self, first: bool) -> None:
        orders = self.room.orders
        if orders:
            orders.pop(0 if first else -1)

    @rule()
    def work(self) -> None:
        self.room.settle()

    def runs(self) -> list[Run]:
        superseded = {entry.alert_id for entry in self.room.log if entry.what == "superseded"}
        return [
            run for key in KEYS for run in runs_of([one for one in self.room.versions if one.key == key], superseded)
        ]

    def teardown(self) -> None:
        """Everything works again: in time, whatever is due is carried out, and the auditor is content."""
        room = self.room
        for _ in range(45):
            room.settle(turns=1)
            room.tick(10 * S)
        room.settle(turns=45)
        check(room, settled=True)
        assert room.part.auditor.audit.overdue == 0


def test_lives() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life, settings=settings(max_examples=25, stateful_step_count=80, deadline=None)
    )


def test_a_chain_that_is_through_begins_anew_when_the_alert_gets_worse() -> None:
    life = Life()
    life.hear()
    life.rule_says_on(key=KEYS[0], priority=2)
    for _ in range(40):
        life.time_passes(later_ms=20 * S)
        life.work()
    through = len(life.room.summonses(life.room.alert(KEYS[0]).id))
    life.rule_says_on(key=KEYS[0], priority=1)
    life.teardown()
    lines = life.room.summonses(life.room.alert(KEYS[0]).id)
    assert through == 12
    assert [one.step for _, one in lines[through : through + 2]] == [0, 1]


def wander(seed: int, steps: int = 150) -> Life:
    """One long life by chance alone."""
    chance, life = Random(seed), Life()
    ways = {
        "on": 3,
        "off": 1,
        "flaps": 2,
        "command": 3,
        "hear": 3,
        "time": 5,
        "flush": 5,
        "crash": 2,
        "deliver": 4,
        "lose": 6,
        "work": 4,
    }
    for way in chance.choices(list(ways), list(ways.values()), k=steps):
        key = chance.choice(KEYS)
        if way == "on":
            life.rule_says_on(key=key, priority=chance.choice((1, 2, 3, 3, 4)))
        elif way == "off":
            life.rule_says_off(key=key)
        elif way == "flaps":
            life.flaps(key=key, away_ms=chance.choice(LATER_MS), same=chance.random() < 0.5)
        elif way == "command":
            life.command(key=key, op=chance.choice(OPS))
        elif way == "time":
            life.time_passes(later_ms=chance.choice(LATER_MS))
        elif way == "crash":
            life.crash(later_ms=chance.choice((0, *LATER_MS)))
        elif way == "deliver":
            life.deliver(twice=chance.random() < 0.3)
        elif way == "lose":
            life.lose(first=chance.random() < 0.5)
        else:
            getattr(life, way)()
    life.teardown()
    return life


def many_lives() -> list[Life]:
    return [wander(seed) for seed in range(30)]


def test_long_lives_meet_every_reason() -> None:
    lives = many_lives()
    said = [entry.summons for life in lives for entry in life.room.log if entry.summons is not None]
    assert {one.reason for one in said} == {"STEP_DUE", "STEP_LATE", "EMPTY_ROSTER", "NO_CHAIN"}
    assert max(one.round for one in said) == 2
    again = {
        name
        for life in lives
        for name in life.room.history
        if len({one.began_ms for _, one in life.room.summonses(name)}) > 1
    }
    assert len(again) >= 3, "nothing began anew"
    on = [run for life in lives for run in life.runs() if len(run.asked) > 1 and run.done is not None]
    assert len({alert for run in on for alert, _ in run.asked}) > len(on) > 20, (
        "nothing was gone on with by a successor"
    )
    assert any(alert == next_ for run in on for (alert, _), (next_, _) in pairwise(run.asked)), "nothing came back"


# ---- the checker can fail ----------------------------------------------------------------------------------------


def _writes_no_state(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EscalationPart, "take_dirty", lambda self: [])


def _goes_on_without_waiting_for_the_alert(patch: pytest.MonkeyPatch) -> None:
    honest = escalation.decide

    def hasty(running: escalation.Escalation, found: Called, last: object, now_ms: int) -> escalation.Escalation:
        decided = honest(running, found, last, now_ms)  # type: ignore[arg-type]
        return replace(escalation.settle(decided, decided.owed, now_ms), owed=decided.owed)

    patch.setattr(escalation, "decide", hasty)


def _counts_from_when_it_was_carried_out(patch: pytest.MonkeyPatch) -> None:
    honest = escalation.settle

    def late(running: escalation.Escalation, last: object, at_ms: int) -> escalation.Escalation:
        after = honest(running, last, at_ms)  # type: ignore[arg-type]
        return (
            after if after.due_ms is None or after.step == running.step else replace(after, due_ms=after.due_ms + 700)
        )

    patch.setattr(escalation, "settle", late)


def _goes_through_at_once_after_a_stop(patch: pytest.MonkeyPatch) -> None:
    honest = escalation.settle
    patch.setattr(escalation, "settle", lambda running, last, at_ms: honest(running, last, 0))


def _goes_on_after_an_acknowledgement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_escalation, "asks", lambda alert: alert.active)
    patch.setattr(episodes, "summon", _obedient)


def _obedient(alert: object, summons: object, now_ms: int) -> episodes.Change:
    after = replace(alert, version=alert.version + 1, summons=summons, updated_ms=now_ms)  # type: ignore[attr-defined, type-var]
    return episodes.Change(after, "summoned", "", after.state)


def _never_orders_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_escalation, "RETRY_MS", 10**15)


def _numbers_every_order(patch: pytest.MonkeyPatch) -> None:
    honest = EscalationPart._must_send

    def eager(self: EscalationPart, name: str, number: int, now_ms: int) -> bool:
        running = self.live[name]
        if name in self._sent and running.owed is not None:
            self.live[name] = replace(running, owed=replace(running.owed, number=number + 1))
        return honest(self, name, number, now_ms)

    patch.setattr(EscalationPart, "_must_send", eager)
    patch.setattr(escalation, "settle", lambda running, last, at_ms: running)


def _obeys_orders_of_before(patch: pytest.MonkeyPatch) -> None:
    honest = episodes.summon
    patch.setattr(episodes, "summon", lambda alert, one, now_ms: honest(replace(alert, asked_ms=None), one, now_ms))


def _forgets_to_begin_anew(patch: pytest.MonkeyPatch) -> None:
    begin = EscalationPart._begin
    patch.setattr(EscalationPart, "_drop", lambda self, name: None)
    patch.setattr(
        EscalationPart, "_begin", lambda self, alert, at_ms: alert.id in self.live or begin(self, alert, at_ms)
    )


def _begins_anew_when_it_comes_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escalation, "go_on", lambda running, at_ms: None)


def _begins_anew_in_a_successor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EscalationPart, "_leave", lambda self, key, left: None)


def _goes_on_though_somebody_had_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_escalation, "rests", lambda alert: alert.state in ("RTNUN", "ACKED"))


def _goes_on_with_the_order_of_before(patch: pytest.MonkeyPatch) -> None:
    honest = escalation.go_on

    def hasty(running: escalation.Escalation, at_ms: int) -> escalation.Escalation | None:
        on = honest(running, at_ms)
        return on if on is None else replace(on, owed=running.owed)

    patch.setattr(escalation, "go_on", hasty)


def _forgets_what_went_away(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escalation, "calls_gone", lambda chain: False)


def _calls_about_all_that_went_away(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escalation, "calls_gone", lambda chain: chain is not None)


def _takes_what_went_away_for_new(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(episodes, "_asked_ms", lambda alert, facts, now_ms: now_ms if facts.state == "UNACK" else None)


@pytest.mark.parametrize(
    "plant",
    [
        _writes_no_state,
        _goes_on_without_waiting_for_the_alert,
        _counts_from_when_it_was_carried_out,
        _goes_through_at_once_after_a_stop,
        _goes_on_after_an_acknowledgement,
        _never_orders_again,
        _numbers_every_order,
        _obeys_orders_of_before,
        _forgets_to_begin_anew,
        _begins_anew_when_it_comes_back,
        _begins_anew_in_a_successor,
        _goes_on_though_somebody_had_it,
        _goes_on_with_the_order_of_before,
        _forgets_what_went_away,
        _calls_about_all_that_went_away,
        _takes_what_went_away_for_new,
    ],
)
def test_the_checker_finds_a_fault(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        many_lives()
