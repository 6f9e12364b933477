"""What must hold for any order of signals and commands, any batches and any crashes; and that each check can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry, alert_id
from ioc.domain.lifecycle import Facts
from ioc.pipeline import acknowledge, alerting, episodes
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.answered import Answered
from ioc.pipeline.effects import Emit, InRecord
from ioc.wire import codec
from tests.pipeline.small_province import PROFILE, S, T
from tests.pipeline.test_alerting import KEY, ack, signal

Move = tuple[str, int, int, int, int]  # (what, episode, priority, revision or version, command number)
moves = st.lists(
    st.tuples(
        st.sampled_from(["on", "off", "blind", "ack", "ack"]),
        st.integers(0, 2),
        st.integers(1, 4),
        st.integers(1, 8),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=25,
)
one_episode = st.lists(  # for the planted faults: a small world, so that the search meets the fault quickly
    st.tuples(
        st.sampled_from(["on", "off", "ack", "ack"]),
        st.just(0),
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(0, 3),
    ),
    min_size=3,
    max_size=15,
)
# The same search every time: a test of a test must not depend on luck.
SEARCH = settings(max_examples=1500, deadline=None, derandomize=True, phases=[Phase.generate])
cuts = st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.booleans()), min_size=1, max_size=6)
NOW = T + 60 * S


def stream(given_moves: list[Move]) -> list[InRecord]:
    values = []
    for what, episode, priority, number, command in given_moves:
        since_ms = T + episode * S
        if what == "ack":
            target = alert_id("level", KEY, since_ms)
            values.append(codec.encode(ack(target, number, command_id=f"c{command}", actor=f"p{command % 2}")))
        else:
            values.append(codec.encode(signal(what, since_ms=since_ms, priority=priority, revision=number)))
    return [InRecord(i, 0, None, value) for i, value in enumerate(values)]


def run(records: list[InRecord], plan: list[tuple[int, bool, bool]]) -> list[Emit]:
    """As the shell: (how many, flush?, crash?); a crash loses what was not flushed and reads the topic again."""
    told: list[Emit] = []
    waiting: list[Emit] = []
    topic: dict[str, bytes | None] = {}
    step, position, flushed, turn = AlertingPartition(PROFILE, 0), 0, 0, 0
    while position < len(records):
        size, flush, crash = plan[turn % len(plan)]
        turn += 1
        waiting += step.step(records[position : position + size], NOW).emits
        position += size
        if turn > 4 * len(records):
            flush, crash = True, False
        if flush or position >= len(records):
            topic.update((e.key.decode(), e.value) for e in waiting if e.topic == "alerts")
            topic.update(step.take_dirty())
            told, waiting, flushed = told + waiting, [], position
        if crash and position < len(records):
            step, position, waiting = AlertingPartition(PROFILE, 0), flushed, []
            for key, value in topic.items():
                if value is not None:
                    step.load(key, value)
    return told


def decoded(emits: list[Emit]) -> tuple[list[Alert], list[LogEntry]]:
    alerts = [codec.decode_alert(e.value) for e in emits if e.topic == "alerts" and e.value is not None]
    return alerts, [codec.decode_log_entry(e.value) for e in emits if e.topic == "alert-log" and e.value is not None]


def broken_promises(given_moves: list[Move]) -> list[str]:
    """Every promise that one run breaks."""
    alerts, log = decoded(run(stream(given_moves), [(1, True, False)]))
    said = []
    versions: dict[str, int] = {}
    open_now: dict[str, bool] = {}
    for alert in alerts:
        if alert.version != versions.get(alert.id, 0) + 1:
            said.append("versions grow by one")
        versions[alert.id] = alert.version
        facts = Facts(alert.active, alert.acked)
        if (alert.state, alert.closed) != (facts.state, facts.closed):
            said.append("the state follows the facts")
        if open_now.get(alert.id) is False and not alert.closed:
            said.append("closed stays closed")
        open_now[alert.id] = not alert.closed
        if alert.acked and alert.active and not alert.acked_by:
            said.append("nothing is acknowledged without a person")
        if not alert.acked and alert.priority > alert.present_priority:
            said.append("priority is at least the present one")
    if sum(open_now.values()) > 1:
        said.append("one open alert per object")
    raised = [entry.alert_id for entry in log if entry.what == "raised"]
    if len(raised) != len(set(raised)):
        said.append("an episode is raised once")
    commands = [entry for entry in log if entry.kind == "command"]
    if len(commands) != sum(1 for move in given_moves if move[0] == "ack"):
        said.append("every command has one answer")
    answers: dict[str, LogEntry] = {}
    for entry in log:
        if answers.setdefault(entry.id, entry) != entry:
            said.append("a line keeps its content")
    changed = {f"{a.id}/{a.version}" for a in alerts}
    told = [f"{e.alert_id}/{e.version}" for e in answers.values() if e.accepted]
    if len(told) != len(set(told)) or not set(told) <= changed:
        said.append("an accepted line is one change")
    return said


@settings(max_examples=300, deadline=None)
@given(moves)
def test_promises(given_moves: list[Move]) -> None:
    assert broken_promises(given_moves) == []


def cut_makes_no_difference(given_moves: list[Move], plan: list[tuple[int, bool, bool]]) -> bool:
    records = stream(given_moves)
    plain = run(records, [(1, True, False)])
    return plain == run(records, [(len(records), True, False)]) == run(records, plan)


@settings(max_examples=200, deadline=None)
@given(moves, cuts)
def test_batches_and_crashes_make_no_difference(given_moves: list[Move], plan: list[tuple[int, bool, bool]]) -> None:
    assert cut_makes_no_difference(given_moves, plan)


@settings(max_examples=100, deadline=None)
@given(moves)
def test_the_whole_input_again_raises_nothing_again(given_moves: list[Move]) -> None:
    once = {a.id for a in decoded(run(stream(given_moves), [(1, True, False)]))[0]}
    alerts, log = decoded(run(stream(given_moves + given_moves), [(1, True, False)]))
    assert {a.id for a in alerts} == once
    raised = [entry.alert_id for entry in log if entry.what == "raised"]
    assert sorted(raised) == sorted(once)


# ---- the checks can fail -----------------------------------------------------------------------------------------


def found(strategy: Any, condition: Callable[[Any], bool]) -> bool:
    try:
        find(strategy, condition, settings=SEARCH)
    except NoSuchExample:
        return False
    return True


def test_seen_answers_that_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answered, "find", lambda self, command: None)
    assert found(one_episode, lambda m: "a line keeps its content" in broken_promises(m))


def test_seen_an_acknowledgement_that_silently_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people acknowledge the same version: exactly one answer may be DONE."""

    def two_winners(given_moves: list[Move]) -> bool:
        alerts, log = decoded(run(stream(given_moves), [(1, True, False)]))
        asked = {f"{a.id}/{a.decisive_version}" for a in alerts if a.active and not a.acked}
        lines = {entry.id: entry for entry in log if entry.outcome == "DONE" and entry.from_state != "RTNUN"}
        return len(lines) > len(asked)

    assert not found(one_episode, two_winners)
    honest = acknowledge.decide

    def decide(alert: Alert | None, *rest: Any) -> acknowledge.Answer:
        return honest(replace(alert, acked=False) if alert is not None and alert.active else alert, *rest)

    monkeypatch.setattr(acknowledge, "decide", decide)
    assert found(one_episode, two_winners)


def test_seen_a_closed_episode_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = episodes.apply

    def apply(alert: Alert, given_signal: Any, now_ms: int, **rule: bool) -> Any:
        return honest(alert, given_signal, now_ms, **rule) or (
            episodes.begin(given_signal, now_ms, None) if given_signal.state == "on" else None
        )

    monkeypatch.setattr(episodes, "apply", apply)
    assert found(one_episode, lambda m: "an episode is raised once" in broken_promises(m))


def test_seen_two_open_alerts_of_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "_object_key", lambda key, exercise: str(id(object())))
    assert found(moves, lambda m: "one open alert per object" in broken_promises(m))


def test_seen_state_that_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AlertingPartition, "take_dirty", lambda self: [])
    assert found(st.tuples(moves, cuts), lambda pair: not cut_makes_no_difference(*pair))


def test_seen_priority_that_falls_before_anybody_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept apart from the promises: it needs the history of one alert."""

    def fell(given_moves: list[Move]) -> bool:
        worst: dict[str, int] = {}
        for alert in decoded(run(stream(given_moves), [(1, True, False)]))[0]:
            if not alert.acked and alert.priority > worst.get(alert.id, 4):
                return True
            worst[alert.id] = 4 if alert.acked else alert.priority
        return False

    assert not found(one_episode, fell)
    monkeypatch.setattr(episodes, "min", lambda *values: max(values), raising=False)
    assert found(one_episode, fell)
