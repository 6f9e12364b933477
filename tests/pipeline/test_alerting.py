from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import Alert, Command, LogEntry, Signal, alert_id
from ioc.pipeline.alerting import CLOSED_KEPT_MS, AlertingPartition
from ioc.pipeline.answered import EFFECTIVE_KEPT, KEPT_MS, OTHERS_KEPT
from ioc.pipeline.effects import Effects, InRecord
from ioc.wire import codec
from tests.pipeline.small_province import MIN, PROFILE, S, T

KEY = "level|north|R1"


def signal(state: str = "on", **more: Any) -> Signal:
    base: dict[str, Any] = {
        "key": KEY,
        "rule": "level",
        "state": state,
        "centre": "north",
        "area": "731",
        "site": "R1",
        "feed": "river",
        "type": "hydro.level",
        "priority": 2,
        "level": "BĐ2",
        "since_ms": T,
        "observed_ms": T,
        "revision": 1,
        "value": 2.05,
        "limit": 2.0,
        "unit": "m",
        "title_vi": "Mực nước 2,05 m, trên BĐ2",
        "title_en": "Level 2.05 m, above BĐ2",
        "reason": "LIMIT_REACHED",
    }
    return Signal(**(base | more))


def ack(target: str, version: int, **more: Any) -> Command:
    base: dict[str, Any] = {
        "key": KEY,
        "command_id": f"c-{target}-{version}",
        "op": "ack",
        "alert_id": target,
        "expected_version": version,
        "actor": "lan",
        "actor_display": "Lan",
        "station": "bàn 1",
        "note": "đang gọi",
    }
    return Command(**(base | more))


class Desk:
    """One partition of alerting, its outputs decoded, and its clock."""

    def __init__(self) -> None:
        self.step = AlertingPartition(PROFILE, 4)
        self.now_ms = T + 5 * S
        self.log: list[LogEntry] = []
        self.topic: dict[str, bytes] = {}

    def give(self, *given: Signal | Command | bytes) -> Effects:
        values = [item if isinstance(item, bytes) else codec.encode(item) for item in given]
        effects = self.step.step([InRecord(i, 0, None, value) for i, value in enumerate(values)], self.now_ms)
        return self._take(effects)

    def tick(self, later_ms: int) -> Effects:
        self.now_ms += later_ms
        return self._take(self.step.tick(self.now_ms))

    def restart(self) -> None:
        """As the shell does: everything from the compacted topic."""
        self.step = AlertingPartition(PROFILE, 4)
        for key, value in self.topic.items():
            self.step.load(key, value)
        self.step.load("@position", b"17")

    @property
    def alert(self) -> Alert:
        """The only alert."""
        (found,) = self.step.alerts.values()
        return found

    @property
    def last(self) -> LogEntry:
        return self.log[-1]

    def _take(self, effects: Effects) -> Effects:
        assert effects.urgent == bool(effects.emits)
        for emit in effects.emits:
            if emit.topic == "alert-log":
                assert emit.value is not None
                assert emit.partition is None
                entry = codec.decode_log_entry(emit.value)
                assert emit.key == entry.alert_id.encode()
                self.log.append(entry)
            elif emit.topic == "desk-inputs":  # as it was written, right behind it
                assert emit.value is not None
                assert emit.partition == 0
                assert codec.decode_desk_input(emit.value).alert == codec.decode_alert(self.topic[emit.key.decode()])
            else:
                assert (emit.topic, emit.partition) == ("alerts", 4)
                self._write(emit.key.decode(), emit.value)
        for key, value in self.step.take_dirty():
            assert key.startswith("@")  # alerts are written once, by the effects
            self._write(key, value)
        return replace(effects, emits=[emit for emit in effects.emits if emit.topic != "desk-inputs"])

    def _write(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.topic.pop(key, None)
        else:
            self.topic[key] = value


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- signals -----------------------------------------------------------------------------------------------------


def test_an_episode_is_raised_once(desk: Desk) -> None:
    desk.give(signal(), signal(), signal(revision=1, value=9.0))
    assert desk.alert.id == alert_id("level", KEY, T)
    assert (desk.alert.version, desk.alert.state, desk.alert.priority) == (1, "UNACK", 2)
    assert (desk.alert.started_ms, desk.alert.raised_ms, desk.alert.late_s) == (T, T + 5 * S, 5.0)
    assert desk.alert.title_vi == "Mực nước 2,05 m, trên BĐ2"
    assert [(e.what, e.from_state, e.to_state) for e in desk.log] == [("raised", "NORM", "UNACK")]


def test_figures_make_a_version_but_no_line(desk: Desk) -> None:
    desk.give(signal())
    effects = desk.give(signal(revision=2, value=2.11, count=3, observed_ms=T + 30 * S))
    assert [emit.topic for emit in effects.emits] == ["alerts"]
    assert (desk.alert.version, desk.alert.value, desk.alert.count) == (2, 2.11, 3)
    assert desk.alert.decisive_version == 1


def test_priority_keeps_the_worst_until_somebody_acknowledges(desk: Desk) -> None:
    desk.give(
        signal(priority=2), signal(priority=1, level="BĐ3", revision=2), signal(priority=3, level="BĐ1", revision=3)
    )
    assert (desk.alert.priority, desk.alert.present_priority, desk.alert.level) == (1, 3, "BĐ1")
    assert [e.what for e in desk.log] == ["raised", "escalated", "eased"]
    desk.give(ack(desk.alert.id, 3))
    assert (desk.alert.priority, desk.alert.state) == (3, "ACKED")


def test_worse_than_what_was_acknowledged_asks_anew(desk: Desk) -> None:
    desk.give(signal())
    desk.give(ack(desk.alert.id, 1))
    desk.give(signal(priority=1, level="BĐ3", revision=2))
    assert (desk.alert.state, desk.alert.priority, desk.alert.acked_by) == ("UNACK", 1, None)
    assert (desk.last.what, desk.last.from_state, desk.last.to_state) == ("escalated", "ACKED", "UNACK")


def test_milder_while_acknowledged_goes_down_without_asking(desk: Desk) -> None:
    desk.give(signal())
    desk.give(ack(desk.alert.id, 1))
    desk.give(signal(priority=3, level="BĐ1", revision=2))
    assert (desk.alert.state, desk.alert.priority, desk.alert.acked_by) == ("ACKED", 3, "lan")


def test_gone_before_anybody_looked_stays_listed(desk: Desk) -> None:
    desk.give(signal(), signal("off", revision=2, value=1.9, observed_ms=T + MIN))
    assert (desk.alert.state, desk.alert.closed, desk.alert.cleared_ms, desk.alert.value) == (
        "RTNUN",
        False,
        T + MIN,
        1.9,
    )
    assert desk.last.what == "cleared"


def test_gone_after_acknowledgement_closes_and_is_not_raised_again(desk: Desk) -> None:
    desk.give(signal())
    desk.give(ack(desk.alert.id, 1))
    desk.give(signal("off", revision=2))
    assert (desk.alert.state, desk.alert.closed) == ("NORM", True)
    assert (desk.last.what, desk.last.to_state) == ("closed", "NORM")
    version = desk.alert.version
    assert desk.give(signal(revision=3), signal("off", revision=4), signal("blind", revision=5)).emits == []
    assert desk.alert.version == version


def test_blind_is_said_and_ends(desk: Desk) -> None:
    desk.give(signal(), signal("blind", revision=2))
    assert (desk.alert.blind, desk.alert.state) == (True, "UNACK")
    desk.give(signal(revision=3))
    assert not desk.alert.blind
    assert [e.what for e in desk.log] == ["raised", "blind", "seen"]


def test_the_same_episode_again_after_it_was_gone(desk: Desk) -> None:
    desk.give(signal(), signal("off", revision=2), signal(revision=3))
    assert (desk.alert.state, desk.alert.cleared_ms, desk.last.what) == ("UNACK", None, "re-raised")


def test_off_and_blind_of_something_unknown_do_nothing(desk: Desk) -> None:
    assert desk.give(signal("off"), signal("blind", revision=2)).emits == []
    assert desk.step.counters.without_effect == 2


def test_a_new_episode_takes_over_what_nobody_acknowledged(desk: Desk) -> None:
    desk.give(signal(priority=1, count=2), signal("off", revision=2, priority=1, count=2))
    desk.give(signal(since_ms=T + MIN, observed_ms=T + MIN, revision=3, priority=3))
    old, new = (desk.step.alerts[alert_id("level", KEY, start)] for start in (T, T + MIN))
    assert (old.state, old.closed, old.acked_by) == ("NORM", True, None)
    assert (new.state, new.priority, new.present_priority, new.count) == ("UNACK", 1, 3, 3)
    assert [(e.what, e.alert_id) for e in desk.log[-2:]] == [("superseded", old.id), ("raised", new.id)]
    assert new.id in desk.log[-2].reason


def test_a_new_episode_after_an_acknowledged_one_starts_clean(desk: Desk) -> None:
    desk.give(signal(priority=1))
    desk.give(ack(desk.alert.id, 1))
    desk.give(signal(since_ms=T + MIN, revision=2, priority=3))
    new = desk.step.alerts[alert_id("level", KEY, T + MIN)]
    assert (new.priority, new.count) == (3, 1)
    assert desk.step.alerts[alert_id("level", KEY, T)].closed


def test_a_drill_has_its_own_alert(desk: Desk) -> None:
    desk.give(signal(), signal(exercise="drill-7"))
    assert {a.exercise for a in desk.step.alerts.values()} == {None, "drill-7"}
    assert all(not a.closed for a in desk.step.alerts.values())


# ---- commands ----------------------------------------------------------------------------------------------------


def test_done(desk: Desk) -> None:
    desk.give(signal())
    desk.now_ms += 7 * S
    desk.give(ack(desk.alert.id, 1))
    alert = desk.alert
    assert (alert.state, alert.version, alert.acked_by, alert.acked_by_display) == ("ACKED", 2, "lan", "Lan")
    assert (alert.acked_ms, alert.ack_note) == (desk.now_ms, "đang gọi")
    entry = desk.last
    assert (entry.kind, entry.what, entry.accepted, entry.outcome) == ("command", "ack", True, "DONE")
    assert (entry.from_state, entry.to_state, entry.station, entry.version) == ("UNACK", "ACKED", "bàn 1", 2)


def test_figures_since_do_not_make_it_stale(desk: Desk) -> None:
    desk.give(signal())
    desk.give(
        signal(revision=2, value=2.2), signal("blind", revision=3), signal(revision=4), signal(revision=5, priority=3)
    )
    assert desk.alert.version == 5
    desk.give(ack(desk.alert.id, 1))
    assert desk.last.outcome == "DONE"


def test_worse_since_is_stale_and_changes_nothing(desk: Desk) -> None:
    desk.give(signal(), signal(revision=2, priority=1, level="BĐ3"))
    before = desk.alert
    desk.give(ack(desk.alert.id, 1))
    assert (desk.last.outcome, desk.last.accepted, desk.last.version) == ("STALE", False, 2)
    assert desk.alert == before
    desk.give(ack(desk.alert.id, 2))
    assert desk.last.outcome == "DONE"


def test_of_two_one_wins_and_the_other_is_told_who_and_when(desk: Desk) -> None:
    desk.give(signal())
    target, first_ms = desk.alert.id, desk.now_ms
    desk.give(ack(target, 1, command_id="a"))
    desk.now_ms += 2 * S
    before = desk.alert
    desk.give(ack(target, 1, command_id="b", actor="minh", actor_display="Minh"))
    entry = desk.last
    assert (entry.outcome, entry.accepted, entry.actor) == ("ALREADY_ACKED", False, "minh")
    assert (entry.by, entry.by_display, entry.by_at_ms) == ("lan", "Lan", first_ms)
    assert desk.alert == before


def test_both_in_one_batch(desk: Desk) -> None:
    target = alert_id("level", KEY, T)
    desk.give(
        signal(), ack(target, 1, command_id="a"), ack(target, 1, command_id="b", actor="minh", actor_display="Minh")
    )
    assert [e.outcome for e in desk.log if e.kind == "command"] == ["DONE", "ALREADY_ACKED"]


def test_gone_meanwhile_is_recorded_as_seen(desk: Desk) -> None:
    desk.give(signal(), signal("off", revision=2))
    desk.give(ack(desk.alert.id, 1))
    assert (desk.last.outcome, desk.last.accepted, desk.last.to_state) == ("CLEARED_ALREADY", True, "NORM")
    assert (desk.alert.acked_by, desk.alert.closed) == ("lan", True)


def test_who_saw_that_it_is_gone_closes_it(desk: Desk) -> None:
    desk.give(signal(), signal("off", revision=2))
    desk.give(ack(desk.alert.id, 2))
    assert (desk.last.outcome, desk.alert.closed) == ("DONE", True)


def test_closed_meanwhile(desk: Desk) -> None:
    desk.give(signal())
    desk.give(ack(desk.alert.id, 1), signal("off", revision=2))
    desk.give(ack(desk.alert.id, 1, command_id="b", actor="minh", actor_display="Minh"))
    assert (desk.last.outcome, desk.last.accepted, desk.last.by) == ("ALREADY_ACKED", False, "lan")


def test_not_found_and_refused(desk: Desk) -> None:
    desk.give(signal())
    target = desk.alert.id
    before = desk.alert
    for command, outcome, reason in (
        (ack("A-0000000000000000", 1), "NOT_FOUND", "UNKNOWN_ALERT"),
        (ack(target, 1, key="other|north|R1", command_id="k"), "NOT_FOUND", "UNKNOWN_ALERT"),
        (ack(target, 2, command_id="v"), "REFUSED", "VERSION_NEVER_SHOWN"),
        (ack(target, 1, command_id="w", actor=""), "REFUSED", "NO_ACTOR"),
        (ack(target, 1, command_id=""), "REFUSED", "NO_COMMAND_ID"),
    ):
        desk.give(command)
        assert (desk.last.outcome, desk.last.reason, desk.last.accepted) == (outcome, reason, False)
    assert desk.alert == before


def test_the_same_command_again_gets_the_same_line(desk: Desk) -> None:
    desk.give(signal())
    command = ack(desk.alert.id, 1)
    desk.give(command)
    version = desk.alert.version
    desk.now_ms += MIN
    effects = desk.give(command)
    assert [emit.topic for emit in effects.emits] == ["alert-log"]
    assert desk.log[-1] == desk.log[-2]
    desk.restart()
    desk.give(command)
    assert desk.log[-1] == desk.log[-2]
    assert desk.alert.version == version
    unknown = ack("A-0000000000000000", 1)
    desk.give(unknown, unknown)
    assert desk.log[-1] == desk.log[-2]


def test_memory_of_answers_is_bounded(desk: Desk) -> None:
    desk.give(signal())
    target = desk.alert.id
    for number in range(3 * EFFECTIVE_KEPT):
        noted = replace(ack(target, 1, command_id=f"c{number}", role="dispatcher"), op="comment", note="n")
        desk.give(noted, ack(target, 1, command_id=f"k{number}"), ack("A-0", 1, command_id=f"u{number}"))
    desk.now_ms += KEPT_MS
    desk.give(ack(target, 1, command_id="last"), ack("A-0", 1, command_id="u-last"))
    sizes = {key: len(codec.msgspec.json.decode(value)) for key, value in desk.topic.items() if key.startswith("@cmd/")}
    assert sizes == {f"@cmd/{target}": EFFECTIVE_KEPT + OTHERS_KEPT, "@cmd/?": OTHERS_KEPT}


def test_rubbish_is_counted_and_left(desk: Desk) -> None:
    effects = desk.give(b"", b"{}", b'{"kind":"signal"}', b'{"kind":"command","op":"delete"}', b"\xff")
    assert (effects.emits, desk.step.counters.undecodable) == ([], 5)
    assert desk.step.step([InRecord(0, 0, None, None)], T).emits == []


# ---- memory ------------------------------------------------------------------------------------------------------


def test_everything_comes_back_from_the_topic(desk: Desk) -> None:
    desk.give(signal(), signal(exercise="d"), signal(key="level|north|R2", site="R2"))
    desk.give(signal("off", revision=2, exercise="d"))
    alerts = dict(desk.step.alerts)
    desk.restart()
    assert desk.step.alerts == alerts
    desk.give(signal(since_ms=T + MIN, revision=2))
    assert desk.step.alerts[alert_id("level", KEY, T)].closed  # superseded: the open alert of the key was known again


def test_a_closed_alert_leaves_after_a_day_and_cannot_be_raised_by_a_replay(desk: Desk) -> None:
    desk.give(signal())
    desk.give(ack(desk.alert.id, 1), signal("off", revision=2))
    assert desk.tick(CLOSED_KEPT_MS - MIN).emits == []
    effects = desk.tick(2 * MIN)
    assert [(emit.key.decode(), emit.value) for emit in effects.emits] == [(alert_id("level", KEY, T), None)]
    assert not desk.step.alerts
    assert list(desk.topic) == [f"@last/{KEY}"]
    desk.restart()
    assert desk.give(signal(), signal(since_ms=T - 1)).emits == []
    desk.give(signal(since_ms=T + 1))
    assert desk.alert.id == alert_id("level", KEY, T + 1)


def test_an_open_alert_never_leaves(desk: Desk) -> None:
    desk.give(signal(), signal("off", revision=2))
    assert desk.tick(100 * CLOSED_KEPT_MS).emits == []
    assert desk.alert.state == "RTNUN"
