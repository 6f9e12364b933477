"""Silence and absence in drills: by the clock that the player tells, whoever reads what first."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from msgspec.structs import replace

from ioc.domain.alerts import Signal
from ioc.domain.drills import DRILL_OVER_MS, DRILLS_MAX
from ioc.domain.profile import Profile
from ioc.pipeline import drill_silence
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.drill_end import MARGIN_MS
from ioc.pipeline.drill_silence import STEPS_MAX, DrillSilence
from ioc.pipeline.effects import Emit, InRecord
from ioc.wire import codec, progress
from ioc.wire.drill_clock import STEP_MS
from ioc.wire.progress import DrillHeard, Heard
from ioc.wire.topics import RAW_PARTITIONS
from tests.pipeline.small_province import PROFILE, S, T, make_rule

FEED = make_rule("absent", "absence", "*", scope="feed", after_s=120.0, title_vi="{feed} của {centre} từ {since}")
SITE = make_rule("mute-site", "absence", "hydro.level", scope="site", after_s=120.0, title_vi="{site}")
WITH = replace(PROFILE, rules=(*PROFILE.rules, FEED, SITE))
HEART, R1, G1 = ("heartbeat", "NORTH", "source.heartbeat"), ("river", "R1", "hydro.level"), ("rain", "G1", "rain.gauge")
HOME = progress.home_of("north")
SEARCH = settings(max_examples=200, deadline=None, derandomize=True, phases=[Phase.generate])
AFTER_S = 30  # of the rule on heartbeats
Said = tuple[str, str, str, int]  # rule, state, reason, second of the drill
# Who was heard when: second of the drill, whom, and through which raw partition.
Sent = tuple[int, tuple[str, str, str], int]


def clock_of(sent: list[Sent], seconds: int, partition: int, exercise: str = "d", from_s: int = 0) -> list[DrillHeard]:
    """What intake passes on of one raw partition."""
    told, before_ms = [], T + from_s * S
    for at_ms in range(T + from_s * S, T + seconds * S + 1, STEP_MS):
        heard = {
            (feed, site, type_): T + second * S
            for second, (feed, site, type_), place in sent
            if place == partition and before_ms <= T + second * S < at_ms
        }
        told.append(
            DrillHeard(
                exercise=exercise,
                centre="north",
                partition=partition,
                since_ms=before_ms,
                upto_ms=at_ms,
                arrived_ms=T,
                heard=tuple(Heard(feed, "731", site, type_, ms) for (feed, site, type_), ms in heard.items()),
            )
        )
        before_ms = at_ms
    return told


class Room:
    """One partition of detect that is given what intake passes on, and may be started again."""

    def __init__(self, profile: Profile = PROFILE) -> None:
        self.profile, self.step = profile, DetectPartition(profile, HOME)
        self.checkpoint: dict[str, bytes] = {}
        self.said: list[Signal] = []
        self._offsets = count()

    def give(self, *told: DrillHeard) -> None:
        given_ = [InRecord(next(self._offsets), 0, progress.KEY, progress.encode(one)) for one in told]
        self.hear(self.step.step(given_, T).emits)

    def hear(self, emits: list[Emit]) -> None:
        inputs = [codec.decode_alert_input(one.value or b"") for one in emits if one.topic == "alert-inputs"]
        self.said += [one for one in inputs if isinstance(one, Signal) and one.exercise]

    def flush(self) -> None:
        for key, value in self.step.take_dirty():
            if value is None:
                self.checkpoint.pop(key, None)
            else:
                self.checkpoint[key] = value

    def restart(self, profile: Profile | None = None) -> None:
        self.flush()
        self.profile = profile or self.profile
        self.step = DetectPartition(self.profile, HOME)
        for key, value in self.checkpoint.items():
            self.step.load(key, value)

    @property
    def words(self) -> list[Said]:
        return [(one.rule, one.state, one.reason, (one.observed_ms - T) // S) for one in self.said]


def in_order(sent: list[Sent], seconds: int, profile: Profile = PROFILE) -> list[Said]:
    """Everything read in the order of the drill."""
    room = Room(profile)
    for told in zip(*(clock_of(sent, seconds, n) for n in range(RAW_PARTITIONS)), strict=True):
        room.give(*told)
    return room.words


def shuffled(sent: list[Sent], seconds: int, chance: random.Random, profile: Profile = PROFILE) -> list[Said]:
    """The partitions read one ahead of the other, in any portions, and the job started again now and then."""
    room = Room(profile)
    left = [clock_of(sent, seconds, n) for n in range(RAW_PARTITIONS)]
    while any(left):
        part = chance.choice([one for one in left if one])
        size = chance.choice([1, 3, 20])
        room.give(*part[:size])
        del part[:size]
        if chance.random() < 0.2:
            room.restart()
    room.flush()
    assert not [key for key in room.checkpoint if "/step/" in key], "what was judged leaves the checkpoint"
    return room.words


def truth(sent: list[Sent], seconds: int) -> list[Said]:
    """The same by a plain look at the steps in which a heartbeat came."""
    step_s = STEP_MS // S
    heard = {(second // step_s + 1) * step_s for second, (_, _, type_), _ in sent if type_ == HEART[2]}
    found, last_s, silent = list[Said](), 0, False
    for at_s in range(0, seconds + 1, step_s):
        if at_s in heard:
            if silent:
                found.append(("silent", "off", "HEARTBEAT", at_s))
            last_s, silent = at_s, False
        if not silent and at_s - last_s >= AFTER_S:
            found.append(("silent", "on", "NO_HEARTBEAT", at_s))
            silent = True
    return found


SECONDS = 300
hearts = st.lists(
    st.tuples(st.integers(0, SECONDS - 1), st.just(HEART), st.integers(0, RAW_PARTITIONS - 1)), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(hearts, st.integers(0, 2**30))
def test_whoever_is_read_first_makes_no_difference(sent: list[Sent], seed: int) -> None:
    expected = truth(sent, SECONDS)
    assert in_order(sent, SECONDS) == expected
    assert shuffled(sent, SECONDS, random.Random(seed)) == expected


def test_a_clock_that_goes_by_the_newest_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the newest time that anybody told is taken for how far the drill has come."""
    monkeypatch.setattr(drill_silence, "come_to", lambda told: max(told.values()))
    regular: list[Sent] = [(second, HEART, 0) for second in range(0, SECONDS, 10)]
    assert truth(regular, SECONDS) == []
    seeds = st.integers(0, 2**30)
    try:
        find(seeds, lambda seed: shuffled(regular, SECONDS, random.Random(seed)) != [], settings=SEARCH)
    except NoSuchExample:
        pytest.fail("false silences were not found")


def regular(seconds: int, whom: tuple[str, str, str], part: int, lost: range = range(0)) -> list[Sent]:
    return [(second, whom, part) for second in range(0, seconds, 10) if second not in lost]


def test_a_feed_is_absent_and_what_the_centre_explains_is_not() -> None:
    """River is lost from 60 to 300 s; from 400 to 700 s nothing comes of the whole centre."""
    down = range(400, 700)
    river = [one for one in regular(900, R1, 1, range(60, 300)) if one[0] not in down]
    sent = [*regular(900, HEART, 0, down), *regular(900, G1, 2, down), *river]
    expected: list[Said] = [
        ("absent", "on", "NOTHING_SENT", 175),
        ("mute-site", "on", "NOTHING_SENT", 175),
        ("absent", "off", "HEARD_AGAIN", 305),
        ("mute-site", "off", "HEARD_AGAIN", 305),
        ("silent", "on", "NO_HEARTBEAT", 425),
        ("silent", "off", "HEARTBEAT", 705),
    ]
    assert in_order(sent, 900, WITH) == expected
    for seed in range(20):
        assert shuffled(sent, 900, random.Random(seed), WITH) == expected, seed


def test_an_absence_that_stands_is_muted_by_the_silence_of_its_centre() -> None:
    sent = [*regular(900, HEART, 0, range(300, 600)), *regular(60, R1, 1)]
    room = Room(WITH)
    for told in zip(*(clock_of(sent, 900, n) for n in range(RAW_PARTITIONS)), strict=True):
        room.give(*told)
    absent = [(one.reason, bool(one.muted_by), (one.observed_ms - T) // S) for one in room.said if one.rule == "absent"]
    assert absent == [("NOTHING_SENT", False, 175), ("CENTRE_SILENT", True, 325), ("CENTRE_BACK", False, 605)]
    [first] = [one for one in room.said if one.reason == "NOTHING_SENT" and one.rule == "absent"]
    assert (first.title_vi, first.exercise, first.since_ms) == ("river của Miền Bắc từ 10:00:50", "d", T + 50 * S)


def test_a_feed_that_reports_more_seldom_in_the_drill_has_the_longer_time() -> None:
    """Two missed messages, and what it takes to know that the centre is silent: 2 · 200 + 30 + 15 s."""
    room = Room(WITH)
    sent = [*regular(900, HEART, 0), *regular(60, R1, 1)]
    for n in range(RAW_PARTITIONS):
        room.give(*(replace(one, seldom={"river": (200.0, 300.0)}) for one in clock_of(sent, 900, n)))
        room.restart()
    assert room.words == [
        ("absent", "on", "NOTHING_SENT", 55 + 445),
        ("mute-site", "on", "NOTHING_SENT", 55 + 645),
    ]


def test_a_player_that_stops_stops_the_clock() -> None:
    """Also that of one partition: what its records would say is not known."""
    room = Room()
    parts = [clock_of(regular(300, HEART, 0), 300, n) for n in range(RAW_PARTITIONS)]
    room.give(*parts[0], *parts[1], *parts[2], *parts[3][:5])
    for second in range(0, 3_000, 10):
        room.hear(room.step.tick(T + second * S).emits)
    assert room.said == []


def over_ms(from_ms: int) -> int:
    return from_ms + DRILL_OVER_MS + MARGIN_MS


def test_what_is_on_ends_with_the_drill_and_nothing_is_kept() -> None:
    room = Room(WITH)
    for n in range(RAW_PARTITIONS):
        room.give(*clock_of(regular(60, R1, 1), 300, n))
    assert {one.rule for one in room.said if one.state == "on"} == {"silent"}
    room.restart()
    room.said.clear()
    for at_ms in range(T, over_ms(T) + 120 * S, 5 * S):
        room.hear(room.step.tick(at_ms).emits)
    assert room.words == [("silent", "off", "DRILL_OVER", 300)]
    room.flush()
    assert not [key for key in room.checkpoint if key.startswith("drill/")]


def test_other_rules_end_what_they_do_not_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    without = replace(WITH, rules=tuple(rule for rule in WITH.rules if rule.kind not in ("silence", "absence")))
    for while_running in (True, False):
        room = Room(WITH)
        sent = [*regular(400, HEART, 0, range(300, 400)), *regular(60, R1, 1)]
        for told in zip(*(clock_of(sent, 400, n) for n in range(RAW_PARTITIONS)), strict=True):
            room.give(*told)
        room.said.clear()
        if while_running:
            room.hear(room.step.use(without, T).emits)
        else:
            room.restart(without)
            room.hear(room.step.tick(T).emits)
        ended = {(one.rule, one.state, one.reason) for one in room.said}
        assert ended == {(name, "off", "RULE_REMOVED") for name in ("silent", "absent", "mute-site")}, while_running


def test_a_clock_that_begins_anew_proves_no_silence() -> None:
    """Another run under the same id; and a piece that is missing."""
    room = Room()
    for n in range(RAW_PARTITIONS):
        room.give(*clock_of(regular(100, HEART, 0), 100, n))
    for n in range(RAW_PARTITIONS):
        room.give(*clock_of([], 1_220, n, from_s=1_200))
    assert room.words == []
    for n in range(RAW_PARTITIONS):
        room.give(*[one for one in clock_of([], 1_800, n, from_s=1_200) if one.upto_ms > T + 1_600 * S])
    assert room.words == [("silent", "on", "NO_HEARTBEAT", 1_635)]


def test_memory_is_bounded_and_what_is_left_out_proves_no_silence() -> None:
    room, seconds = Room(), (STEPS_MAX + 500) * STEP_MS // S
    sent = regular(seconds, HEART, 0)
    for n in range(RAW_PARTITIONS - 1):
        room.give(*clock_of(sent, seconds, n))
    drills: Any = room.step._heads.drills
    assert len(drills._books["north", "d"].steps) <= STEPS_MAX
    room.give(*clock_of(sent, seconds, RAW_PARTITIONS - 1))
    assert room.words == []
    for number in range(100):
        room.give(*clock_of([], 10, 0, f"x{number}"))
    assert len(drills._books) == DRILLS_MAX


def test_drills_do_not_know_of_each_other() -> None:
    room = Room()
    for n in range(RAW_PARTITIONS):
        room.give(*clock_of(regular(100, HEART, 0), 100, n), *clock_of([], 100, n, "e"))
    assert [(one.exercise, one.rule, one.state) for one in room.said] == [("e", "silent", "on")]


def test_what_detect_is_told_of_a_drill_is_no_event_and_no_live_progress() -> None:
    room = Room()
    before = room.step.counters.records
    room.give(*clock_of([], 100, 0))
    assert (room.step.counters.records, room.step.counters.undecodable) == (before, 0)
    assert not room.step._heads._told, "nothing is said of how far the bus was read"
    bad = InRecord(9_000, 0, progress.KEY, msgspec.json.encode({"kind": "drill", "exercise": 3}))
    room.step.step([bad], T)
    assert room.step.counters.undecodable == 1


def test_an_unknown_centre_is_let_pass() -> None:
    drills = DrillSilence(PROFILE, lambda told, effects: pytest.fail("nothing to say"))
    room = Room()
    room.give(*(replace(one, centre="nowhere") for one in clock_of([], 100, 0)))
    assert not drills.take_dirty()
    assert not [key for key, _ in room.step.take_dirty() if key.startswith("drill/")]
