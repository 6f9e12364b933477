"""Intake is away while the heartbeats of the centres wait in its queue: no centre is called silent for that.

Nobody sees anything then, and that is what is said: one alert of the system about itself, until intake speaks again.
Each check is also shown to fail with a fault planted in the step.
"""

from __future__ import annotations

import msgspec
import pytest

from ioc.domain.alerts import Alert, Signal
from ioc.domain.desk import INTAKE_RULE, OWN_RULES
from ioc.pipeline import intake_watch
from ioc.pipeline.detect import STALL_MS, DetectPartition
from ioc.pipeline.effects import InRecord
from ioc.pipeline.heads import Heads
from ioc.pipeline.intake_watch import LOST_MS, START_MS, TOGETHER_MS
from ioc.pipeline.reach import PATIENCE_MS, Reach
from ioc.pipeline.runner import Runner
from ioc.wire import codec, progress
from ioc.wire.topics import Topics
from tests.pipeline.small_province import NORTH, PROFILE, S, T, heartbeat, river
from tests.pipeline.test_alert_order import QUICK
from tests.pipeline.test_reach import OF_HEARTBEATS, Fed, everyone, told
from tests.pipeline.test_silent_centre import HEARTS, Province

MIN = 60_000


class Away(Province):
    """The province, whose intake can be taken away; what the centres send waits."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = Runner(self.profile, self.runner.now_ms, tick_every_ms=1_000)
        self._all, self._tell = self.runner.cells, self.runner._tell_progress

    def away(self, *centres: str) -> None:
        """Nobody reads the raw topics of these centres."""
        gone = {f"raw.{centre}" for centre in centres}
        self.runner.cells = [cell for cell in self._all if cell.topic not in gone]
        whole = self.runner.cells

        def tell(read_ms: int) -> None:
            self._tell(read_ms)
            assert self.runner.cells is whole

        self.runner._tell_progress = tell  # type: ignore[method-assign]

    def back(self) -> None:
        self.runner.cells, self.runner._tell_progress = self._all, self._tell  # type: ignore[method-assign]

    def found(self, rule: str) -> list[Alert]:
        return [alert for alert in self.runner.alerts().values() if alert.rule == rule]


@pytest.mark.parametrize("outage_s", [10, 25, 60, 300])
def test_nobody_is_called_silent_whose_heartbeats_are_queued(outage_s: int) -> None:
    province = Away()
    province.live(3)
    province.away(*HEARTS)
    province.live(outage_s / 60)
    assert province.found("source-silent") == []
    found = province.found(INTAKE_RULE)
    assert [(one.state, one.priority, one.reason) for one in found] == (
        [("UNACK", 1, "INTAKE_SILENT")] if outage_s >= 60 else []
    )
    province.back()
    province.live(3)
    assert province.found("source-silent") == []
    assert [one.reason for one in province.found(INTAKE_RULE)] == ["INTAKE_HEARD"] * len(found)
    assert not [one for one in province.runner.alerts().values() if one.rule.startswith("feed-")]
    assert len({one.id for one in province.found(INTAKE_RULE)}) == len(found)


def test_who_fell_silent_meanwhile_is_told_when_it_is_known() -> None:
    province = Away()
    province.live(3)
    province.away(*HEARTS)
    province.live(2, "bien-hoa")
    province.back()
    province.live(2, "bien-hoa")
    assert [one.centre for one in province.found("source-silent")] == ["bien-hoa"]


def test_one_centre_that_nobody_reads_is_said_and_named_and_the_others_go_on() -> None:
    province = Away()
    province.live(3)
    province.away("bien-hoa")
    province.live(2, "long-khanh")
    assert [one.centre for one in province.found("source-silent")] == ["long-khanh"]
    [found] = province.found(INTAKE_RULE)
    assert (found.priority, found.value, found.centre) == (2, 1.0, "tinh")
    name = next(one.name_vi for one in province.profile.centres if one.id == "bien-hoa")
    assert name in found.title_vi


def test_a_runner_that_stands_still_at_night_begins_the_day_without_a_wrong_alert() -> None:
    """Everything was down; in the morning intake is the last that comes."""
    province = Away()
    province.live(3)
    province.runner.now_ms += 8 * 3_600_000
    province.away(*HEARTS)
    for topic in ("events", "alert-inputs"):
        province.runner.crash(topic)
    province.live(START_MS / MIN - 0.5)
    province.back()
    for topic in dict.fromkeys(cell.topic for cell in province.runner.cells):
        province.runner.crash(topic)
    province.live(0.4, *HEARTS)  # the centres themselves begin a little later
    province.live(3)
    assert [one for one in province.runner.alerts().values() if one.rule in ("source-silent", INTAKE_RULE)] == []


# ---- the step ----------------------------------------------------------------------------------------------------


def watch(partition: int | None = None) -> Fed:
    own = intake_watch.partition_of(PROFILE) if partition is None else partition
    return Fed(DetectPartition(QUICK, own, watch_intake=True))


def lets(feed: Fed, first_s: int, last_s: int, *, read: bool = False, lagging: bool = False) -> dict[int, list[str]]:
    """What is said of intake when time passes, second by second; ``read``: it speaks, and no centre sends anything."""
    return {
        second: mine
        for second, words in passes(feed, first_s, last_s, read=read, lagging=lagging).items()
        if (mine := [word for word in words if INTAKE_RULE in word])
    }


def passes(feed: Fed, first_s: int, last_s: int, *, read: bool = False, lagging: bool = False) -> dict[int, list[str]]:
    said = {}
    for second in range(first_s, last_s):
        words = feed(at_s=second, read_s=everyone(second)) if read else []
        feed.step.lagging = lagging
        if words := words + told(feed.step.tick(T + second * S)):
            said[second] = words
    return said


WAIT_S = (LOST_MS + TOGETHER_MS) // S
START_S = (START_MS + TOGETHER_MS) // S
ON, OFF = [f"{INTAKE_RULE} on INTAKE_SILENT"], [f"{INTAKE_RULE} off INTAKE_HEARD"]


def test_it_is_said_after_half_a_minute_once_and_ends_with_the_first_word() -> None:
    feed = watch()
    assert lets(feed, 0, 60, read=True) == {}
    assert lets(feed, 60, 300) == {59 + WAIT_S: ON}
    assert lets(feed, 300, 400, read=True) == {300: OFF}
    assert lets(feed, 400, 500) == {399 + WAIT_S: ON}


def test_it_is_said_by_one_partition_only() -> None:
    own = intake_watch.partition_of(PROFILE)
    for partition in range(Topics("", ()).partitions("events")):
        feed = watch(partition)
        lets(feed, 0, 5, read=True)
        said = [words for words in lets(feed, 5, 60).values() for words in words if INTAKE_RULE in words]
        assert said == (ON if partition == own else []), partition


def test_while_everything_starts_it_has_longer() -> None:
    assert lets(watch(), 0, START_S) == {}
    assert lets(watch(), 0, 300) == {START_S: ON}


def test_who_did_not_read_his_own_input_says_nothing_of_intake() -> None:
    feed = watch()
    lets(feed, 0, 10, read=True)
    assert lets(feed, 10, 200, lagging=True) == {}
    assert lets(feed, 200, 200 + WAIT_S - 1) == {}
    assert lets(feed, 200 + WAIT_S - 1, 300) == {199 + WAIT_S: ON}


def test_who_lags_after_it_was_said_takes_nothing_back() -> None:
    feed = watch()
    lets(feed, 0, 10, read=True)
    assert list(lets(feed, 10, 60).values()) == [ON]
    assert lets(feed, 60, 80, lagging=True) == {}
    assert lets(feed, 80, 200) == {}
    assert lets(feed, 200, 210, read=True) == {200: OFF}


def test_a_process_that_stood_still_takes_nobody_for_gone() -> None:
    feed = watch()
    lets(feed, 0, 10, read=True)
    assert told(feed.step.tick(T + 10 * S + 10 * STALL_MS)) == []


def test_a_clock_of_intake_that_is_put_right_is_no_silence() -> None:
    feed = watch()
    for second in range(200):
        ahead_s = 60 if second < 50 else 0
        said = feed(at_s=second, read_s=everyone(second + ahead_s)) + told(feed.step.tick(T + second * S))
        assert not [word for word in said if INTAKE_RULE in word], second


def test_centres_that_are_lost_together_are_one_word() -> None:
    """Their last words are a little apart, and a tick falls in between."""
    south = msgspec.structs.replace(NORTH, id="south")
    profile = msgspec.structs.replace(QUICK, centres=(NORTH, south))
    step = DetectPartition(profile, intake_watch.partition_of(profile), watch_intake=True)
    for n, (centre, at_ms) in enumerate((("north", T), ("south", T + 20))):
        value = progress.encode(progress.Progress(read_ms={centre: dict.fromkeys(range(4), at_ms)}))
        step.step([InRecord(n, 0, progress.KEY, value)], at_ms)
    emits = [emit for at_ms in range(T + 10, T + 60_000, 500) for emit in step.tick(at_ms).emits]
    given = [codec.decode_alert_input(e.value) for e in emits if e.topic == "alert-inputs" and e.value]
    [said] = [one for one in given if isinstance(one, Signal) and one.rule == INTAKE_RULE]
    assert (said.priority, said.value, said.since_ms) == (1, 2.0, T)


def test_a_restart_neither_forgets_nor_repeats_it() -> None:
    feed = watch()
    lets(feed, 0, 10, read=True)
    [said] = [one for one in signals(feed, 10, 60) if one.state == "on"]
    kept = {key: value for key, value in feed.step.take_dirty() if value is not None}
    again = watch()
    for key, value in kept.items():
        again.step.load(key, value)
    assert signals(again, 60, 400) == []
    [over] = signals(again, 400, 401, read=True)
    assert (over.state, over.since_ms, over.revision > said.revision) == ("off", said.since_ms, True)
    assert (over.exercise, said.exercise) == (None, None)


def signals(feed: Fed, first_s: int, last_s: int, *, read: bool = False) -> list[Signal]:
    found = []
    for second in range(first_s, last_s):
        emits = []
        if read:
            value = progress.encode(progress.Progress(read_ms={"north": dict.fromkeys(range(4), T + second * S)}))
            emits += feed.step.step([InRecord(second, 0, progress.KEY, value)], T + second * S).emits
        emits += feed.step.tick(T + second * S).emits
        given = [codec.decode_alert_input(e.value) for e in emits if e.topic == "alert-inputs" and e.value]
        found += [one for one in given if isinstance(one, Signal)]
    return found


def test_a_bus_without_intake_is_not_watched() -> None:
    feed = Fed(DetectPartition(QUICK, intake_watch.partition_of(PROFILE)))
    assert lets(feed, 0, 300) == {}
    assert INTAKE_RULE in OWN_RULES


def test_before_intake_has_ever_spoken_no_centre_is_silent() -> None:
    feed = watch(OF_HEARTBEATS)
    assert passes(feed, 0, START_MS // S) == {}
    assert passes(feed, 119, 149, read=True) == {}
    assert passes(feed, 149, 160, read=True) == {149: ["silent on NO_HEARTBEAT"]}


def test_a_centre_that_intake_does_not_know_yet_is_not_silent_because_it_knows_others() -> None:
    south = msgspec.structs.replace(NORTH, id="south")
    step = DetectPartition(
        msgspec.structs.replace(QUICK, centres=(NORTH, south)),
        Topics("", ()).partition("events", b"south/731/heartbeat"),
    )
    feed = Fed(step)
    feed(river("R1", T, 1.0), at_s=0)
    assert [words for words in passes(feed, 0, 100, read=True).values() if "south" in str(words)] == []
    assert [one for one in step._board.silences if one.watched.centre == "south" and one.state.on] == []


def test_what_waited_is_judged_although_nobody_reads_on() -> None:
    feed = Fed(DetectPartition(QUICK, 0))
    feed(river("R1", T, 1.9), at_s=0, read_s=everyone(0))
    assert passes(feed, 1, 40) == {PATIENCE_MS // S: ["level on LIMIT_REACHED"]}


def test_who_comes_back_first_does_not_speak_for_the_others() -> None:
    """A worker takes half of the partitions; the heartbeats of the outage wait in the other half."""
    feed = Fed(DetectPartition(QUICK, OF_HEARTBEATS))
    feed(heartbeat(T), at_s=0, read_s=everyone(0))
    assert passes(feed, 1, 100) == {}
    said = []
    for second in range(100, 100 + PATIENCE_MS // S):
        said += feed(at_s=second, read_s={0: second, 1: second}) + told(feed.step.tick(T + second * S))
    beats = [heartbeat(T + second * S) for second in range(10, 120, 10)]
    said += feed(*beats, at_s=119, read_s=everyone(119))
    assert said + list(passes(feed, 119, 130, read=True).values()) == []


# ---- the checks can fail -----------------------------------------------------------------------------------------


def test_seen_a_head_that_goes_on_when_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Reach.read_ms

    def read_ms(self: Reach, now_ms: int) -> int:
        found = honest(self, now_ms)
        return now_ms if found is None else found

    monkeypatch.setattr(Reach, "read_ms", read_ms)
    with pytest.raises(AssertionError):
        test_nobody_is_called_silent_whose_heartbeats_are_queued(60)


def test_seen_only_a_greater_value_as_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Reach.tell

    def tell(self: Reach, partition: int, read_ms: int, now_ms: int) -> bool:
        return read_ms > self.told.get(partition, -2) and honest(self, partition, read_ms, now_ms)

    monkeypatch.setattr(Reach, "tell", tell)
    with pytest.raises(AssertionError):
        test_a_clock_of_intake_that_is_put_right_is_no_silence()


def test_seen_a_first_word_that_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_watch, "TOGETHER_MS", 0)
    with pytest.raises(ValueError, match="too many values"):
        test_centres_that_are_lost_together_are_one_word()


def test_seen_patience_that_is_not_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Reach.tell

    def tell(self: Reach, partition: int, read_ms: int, now_ms: int) -> bool:
        since_ms = self.since_ms
        said = honest(self, partition, read_ms, now_ms)
        self.since_ms = since_ms
        return said

    monkeypatch.setattr(Reach, "tell", tell)
    with pytest.raises(AssertionError):
        test_who_comes_back_first_does_not_speak_for_the_others()


def test_seen_a_watch_that_is_not_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Heads.take_dirty
    monkeypatch.setattr(Heads, "take_dirty", lambda self: [row for row in honest(self) if row[0] != "intake"])
    with pytest.raises((AssertionError, ValueError)):
        test_a_restart_neither_forgets_nor_repeats_it()
