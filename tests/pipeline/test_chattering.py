"""What chatters is held: one alert, no new sound, and it says so."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import alert_id
from ioc.domain.chatter import Chatter
from ioc.domain.desk import DESK_RULE
from ioc.pipeline import timed
from tests.pipeline.life_room import HOUR, RULES, TARGET, Room, off
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, signal


class Loose(Room):
    """A loose contact: every time that it comes is an episode of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.revision = 0
        self.since_ms = T

    def come(self, **more: Any) -> None:
        self.revision += 1
        self.since_ms = self.now_ms
        self.give(signal(since_ms=self.since_ms, observed_ms=self.now_ms, revision=self.revision, **more))

    def go(self, **more: Any) -> None:
        self.revision += 1
        self.give(off(self.revision, since_ms=self.since_ms, observed_ms=self.now_ms, **more))

    def flap(self, times: int, **more: Any) -> None:
        for _ in range(times):
            self.come(**more)
            self.now_ms += 5 * S
            self.go()
            self.now_ms += 5 * S

    @property
    def newest(self) -> Any:
        """The newest alert."""
        return max(self.step.alerts.values(), key=lambda alert: alert.started_ms)

    @property
    def words(self) -> list[str]:
        return [entry.what for entry in self.log]


@pytest.fixture
def loose() -> Loose:
    """It came and went three times in half a minute, and is away."""
    found = Loose()
    found.flap(3)
    return found


def test_the_third_time_is_held_and_the_alert_says_so(loose: Loose) -> None:
    alert = loose.newest
    assert (alert.state, alert.active, alert.count) == ("UNACK", True, 3)
    assert alert.chatter == Chatter(
        times=3, off_delay_s=60, since_ms=loose.now_ms - 5 * S, returns_at_ms=loose.now_ms + 55 * S
    )
    assert loose.words == ["raised", "cleared", "superseded", "raised", "cleared", "superseded", "raised", "chattering"]
    line = loose.last
    assert (line.kind, line.accepted, line.reason, line.from_state, line.to_state) == (
        *("transition", True, "CHATTERING"),
        *("UNACK", "UNACK"),
    )
    assert alert.reason == "LIMIT_REACHED", "why it was raised"


def test_nothing_is_raised_or_asked_while_it_is_held_and_the_count_goes_on(loose: Loose) -> None:
    held, lines = loose.newest, len(loose.log)
    assert loose.do("ack", alert_id=held.id, version=held.version) == "DONE"
    loose.flap(4)
    alert = loose.newest
    assert alert.id == held.id
    assert (alert.state, alert.acked_by, alert.count) == ("ACKED", "lan", 7)
    assert alert.chatter is not None
    assert (alert.chatter.times, alert.chatter.off_delay_s) == (7, 960)
    assert [entry.what for entry in loose.log[lines:]] == [
        "ack",
        "chattering",
        "chattering",
        "chattering",
        "chattering",
    ]
    loose.flap(5)
    assert loose.newest.chatter.off_delay_s == 1800
    assert loose.words[lines:].count("chattering") == 5, "told once more, not for each hold of the same length"


def test_it_goes_when_it_stayed_away(loose: Loose) -> None:
    went_ms = loose.now_ms - 5 * S
    loose.tick(55 * S - 1)
    assert loose.newest.active
    loose.tick(1)
    alert = loose.newest
    assert (alert.state, alert.chatter, alert.cleared_ms) == ("RTNUN", None, went_ms)
    line = loose.last
    assert (line.what, line.reason, line.event_ms, line.at_ms) == ("cleared", "CHATTER_OVER", went_ms, loose.now_ms)
    loose.come()
    assert loose.newest.id != alert.id, "another occurrence"


def test_acknowledged_it_closes_when_it_stayed_away(loose: Loose) -> None:
    held = loose.newest
    loose.do("ack", alert_id=held.id, version=held.version)
    loose.tick(MIN)
    assert (loose.last.what, loose.newest.closed) == ("closed", True)
    assert loose.do("reopen", alert_id=held.id, version=loose.newest.version, reason="r") == "DONE"


def test_what_went_on_with_another_episode_can_be_opened_again(loose: Loose) -> None:
    held = loose.newest
    loose.flap(1)
    loose.do("ack", alert_id=held.id, version=held.version)
    loose.tick(2 * MIN)
    assert loose.newest.closed
    assert loose.do("reopen", alert_id=held.id, version=loose.newest.version, reason="r") == "DONE"


def test_a_repeat_of_what_was_gone_on_with_raises_nothing(loose: Loose) -> None:
    loose.flap(1)
    loose.tick(2 * MIN)
    ids, lines = set(loose.step.alerts), len(loose.log)
    loose.restart()
    loose.give(
        signal(since_ms=loose.since_ms, revision=loose.revision - 1), off(loose.revision, since_ms=loose.since_ms)
    )
    assert (set(loose.step.alerts), len(loose.log)) == (ids, lines)


def test_a_worse_priority_passes_at_once(loose: Loose) -> None:
    held = loose.newest
    loose.do("ack", alert_id=held.id, version=held.version)
    loose.come(priority=1)
    alert = loose.newest
    assert (alert.id, alert.state, alert.priority) == (held.id, "UNACK", 1)
    assert (loose.last.what, loose.last.reason) == ("escalated", "LIMIT_REACHED")
    assert alert.chatter is not None
    assert (alert.chatter.off_delay_s, alert.chatter.returns_at_ms) == (120, None)


@pytest.mark.parametrize("later_ms", [MIN, 10 * MIN])
def test_what_a_backlog_brings_after_it_is_another_occurrence(loose: Loose, later_ms: int) -> None:
    """It chattered and is acknowledged. The link was down; what comes at once now was minutes apart."""
    held = loose.newest
    loose.do("ack", alert_id=held.id, version=held.version)
    lines = len(loose.log)
    went_ms, loose.revision = held.observed_ms, loose.revision + 2
    comes_ms = went_ms + later_ms
    loose.give(signal(since_ms=comes_ms, observed_ms=comes_ms, revision=loose.revision))
    assert loose.words[lines:] == ["closed", "raised"]
    over = loose.log[lines]
    assert (over.alert_id, over.reason, over.event_ms) == (held.id, "CHATTER_OVER", went_ms)
    assert (loose.newest.state, loose.newest.acked, loose.newest.chatter) == ("UNACK", False, None)
    loose.give(off(loose.revision + 1, since_ms=comes_ms, observed_ms=comes_ms + 5 * S))
    assert loose.newest.state == "RTNUN", "it has to chatter again"
    loose.restart()
    loose.give(signal(since_ms=comes_ms + HOUR, observed_ms=comes_ms + HOUR, revision=loose.revision + 2))
    assert loose.words[lines + 2 :] == ["cleared", "superseded", "raised"]


def test_what_nobody_has_seen_of_it_goes_on_in_the_next_one(loose: Loose) -> None:
    held = loose.newest
    since_ms = held.observed_ms + MIN
    loose.give(signal(since_ms=since_ms, observed_ms=since_ms, revision=loose.revision + 1))
    assert loose.words[-3:] == ["cleared", "superseded", "raised"]
    assert loose.newest.count == held.count + 1


def test_what_was_there_for_an_hour_of_a_backlog_goes_at_once(loose: Loose) -> None:
    loose.come()
    assert loose.newest.chatter is not None
    loose.revision += 1
    loose.give(off(loose.revision, since_ms=loose.since_ms, observed_ms=loose.now_ms + HOUR))
    assert (loose.newest.state, loose.newest.chatter) == ("RTNUN", None)


def test_it_survives_a_restart_and_ends_then(loose: Loose) -> None:
    loose.restart()
    loose.tick(54 * S)
    assert loose.newest.active
    loose.restart()
    loose.flap(1)
    assert loose.newest.chatter.off_delay_s == 120
    loose.now_ms += HOUR
    loose.restart()
    loose.tick(S)
    assert (loose.last.what, loose.last.reason) == ("cleared", "CHATTER_OVER")


def test_a_clock_that_was_set_back_does_not_hold_it_for_long(loose: Loose) -> None:
    loose.tick(-6 * HOUR)
    assert loose.newest.active
    assert loose.newest.chatter.returns_at_ms == loose.now_ms + MIN
    loose.tick(MIN)
    assert loose.last.reason == "CHATTER_OVER"


def test_behind_a_shelf_it_comes_and_goes_without_a_hold(loose: Loose) -> None:
    loose.come()
    held = loose.newest
    loose.do("shelve", alert_id=held.id, version=held.version, reason="r")
    loose.go()
    alert = loose.newest
    assert (alert.state, alert.active, alert.chatter, alert.hidden_changes) == ("SHLVD", False, None, 1)
    loose.flap(3)
    assert (loose.newest.state, loose.newest.chatter) == ("SHLVD", None)
    assert "chattering" not in loose.words[-8:]


def test_a_hold_that_is_shelved_ends_behind_the_shelf(loose: Loose) -> None:
    held = loose.newest
    loose.do("shelve", alert_id=held.id, version=held.version, reason="r")
    loose.tick(MIN)
    assert (loose.newest.state, loose.newest.active, loose.last.reason) == ("SHLVD", False, "CHATTER_OVER")
    loose.tick(2 * HOUR)
    assert (loose.last.what, loose.newest.closed) == ("hidden-occurrence", True)


def test_blind_is_what_is_there_and_not_what_is_away(loose: Loose) -> None:
    loose.revision += 1
    loose.give(signal("blind", since_ms=loose.since_ms, revision=loose.revision))
    assert not loose.newest.blind, "it went away, that is known"
    loose.come()
    loose.revision += 1
    loose.give(signal("blind", since_ms=loose.since_ms, revision=loose.revision))
    assert loose.newest.blind
    loose.go()
    assert (loose.newest.blind, loose.newest.active, loose.newest.chatter.off_delay_s) == (False, True, 120)


def test_it_does_not_ask_anew_while_it_is_away(loose: Loose, monkeypatch: pytest.MonkeyPatch) -> None:
    held = loose.newest
    loose.do("ack", alert_id=held.id, version=held.version)
    loose.flap(4)  # now it is held for 16 minutes; the rule asks anew after 10
    loose.tick(12 * MIN)
    assert loose.newest.state == "ACKED"
    loose.come()
    loose.tick(S)
    assert (loose.last.what, loose.newest.state) == ("re-alarmed", "UNACK")


def test_an_hour_without_a_change_is_forgotten(loose: Loose) -> None:
    loose.come()
    loose.tick(HOUR - 1)
    assert loose.newest.chatter is not None
    loose.tick(1)
    assert loose.newest.chatter is None
    lines = len(loose.log)
    loose.go()
    assert [entry.what for entry in loose.log[lines:]] == ["cleared"]
    loose.tick(HOUR)
    loose.tick(MIN)
    assert not [key for key in loose.topic if key.startswith("@chatter/")]


def test_an_end_for_good_is_not_held() -> None:
    loose = Loose()
    loose.flap(2)
    loose.come()
    loose.go(reason="SITE_REMOVED")
    assert (loose.newest.state, loose.last.reason) == ("RTNUN", "SITE_REMOVED")
    loose.come()
    loose.step.use(replace(RULES, rules=()), loose.now_ms)
    loose.go()
    assert loose.newest.state == "RTNUN", "of a rule that the profile does not have"


def test_what_the_system_says_of_itself_is_not_held() -> None:
    loose = Loose()
    key = KEY.replace("level|", f"{DESK_RULE}|")
    for i in range(4):
        since_ms = loose.now_ms + i
        loose.give(signal(key=key, rule=DESK_RULE, since_ms=since_ms, revision=1))
        loose.give(off(2, key=key, rule=DESK_RULE, since_ms=since_ms))
    assert loose.newest.state == "RTNUN"


def test_the_same_episode_again_and_again_is_held_too() -> None:
    loose = Loose()
    for i in range(3):
        loose.give(signal(revision=2 * i + 1))
        loose.give(off(2 * i + 2))
    assert loose.words == ["raised", "cleared", "re-raised", "cleared", "re-raised", "chattering"]
    assert loose.newest.id == TARGET == alert_id("level", KEY, T)
    assert timed.elapse(loose.newest, loose.now_ms) is None
