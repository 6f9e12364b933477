"""Each kind of rule through the detecting step, and combinations through the whole runner."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.alerts import Condition, Signal
from ioc.domain.measures import Rollup
from ioc.domain.profile import Level, Member
from ioc.domain.rules import problems
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Emit
from ioc.pipeline.meters import NofMSubject, RateSubject, ThresholdSubject
from ioc.pipeline.runner import Runner
from ioc.wire import codec
from tests.pipeline.kinds_province import PROFILE_OF_KINDS, kpi, rain
from tests.pipeline.small_province import MIN, PROFILE, S, T, crash, event, records, river, road
from tests.pipeline.test_detect_determinism import run as run_cut

HOUR = 60 * MIN
WEEK = 168 * HOUR


def detect() -> DetectPartition:
    return DetectPartition(PROFILE_OF_KINDS, 0)


def signals(emits: list[Emit]) -> list[Signal]:
    given_ = [codec.decode_alert_input(e.value) for e in emits if e.topic == "alert-inputs" and e.value is not None]
    return [one for one in given_ if isinstance(one, Signal)]


def conditions(emits: list[Emit]) -> list[Condition]:
    given_ = [codec.decode_alert_input(e.value) for e in emits if e.topic == "alert-inputs" and e.value is not None]
    return [one for one in given_ if isinstance(one, Condition)]


def one_by_one(step: DetectPartition, values: list[tuple[int, bytes]]) -> list[Emit]:
    emits: list[Emit] = []
    for at_ms, value in values:
        emits += step.step(records([value]), at_ms).emits
    return emits


def rising(first_s: int, last_s: int, m_per_h: float, from_m: float = 1.0, site: str = "R1") -> list[tuple[int, bytes]]:
    return [
        (T + second * S, river(site, T + second * S, from_m + m_per_h * (second - first_s) / 3600))
        for second in range(first_s, last_s + 1, 10)
    ]


def test_the_rules_of_this_province_are_good() -> None:
    assert problems(PROFILE_OF_KINDS.rules, {"R1"}, {"north"}) == []


# ---- rate --------------------------------------------------------------------------------------------------------


def test_a_river_that_rises_fast_is_said_once_the_span_is_covered() -> None:
    emits = one_by_one(detect(), [*rising(0, 120, 12.0), *rising(130, 300, 0.0, 1.4)])
    said = signals(emits)
    assert [(s.key, s.state, s.reason) for s in said if s.reason != "VALUE_CHANGED"] == [
        ("rise|north|R1", "on", "LIMIT_REACHED"),
        ("rise|north|R1", "off", "BACK_TO_NORMAL"),
    ]
    assert said[0].observed_ms == T + 60 * S
    assert said[0].value == pytest.approx(12.0)
    assert said[0].title_vi == "Lên 12,00 m/giờ, hiện 1,20 m"


def test_a_slow_rise_another_site_and_a_rise_across_a_gap_are_nothing() -> None:
    assert signals(one_by_one(detect(), rising(0, 600, 5.9))) == []
    assert signals(one_by_one(detect(), rising(0, 600, 12.0, site="R2"))) == []
    assert signals(one_by_one(detect(), [*rising(0, 50, 0.0), *rising(120, 170, 0.0, 3.0)])) == []


def test_a_rate_goes_blind_and_speaks_again_only_when_the_span_is_covered_again() -> None:
    step = detect()
    one_by_one(step, rising(0, 120, 12.0))
    emits = one_by_one(step, [(T + 200 * S, river("R2", T + 200 * S, 1.0))])
    assert [s.state for s in signals(emits)] == ["blind"]
    emits = one_by_one(step, rising(210, 260, 12.0))
    assert signals(emits) == []
    emits = one_by_one(step, rising(270, 280, 12.0, 1.2))
    assert [(s.state, s.reason) for s in signals(emits)] == [("on", "SEEN_AGAIN")]


# ---- n of m ------------------------------------------------------------------------------------------------------


def test_two_of_three_slow_readings() -> None:
    speeds = [50, 10, 50, 50, 10, 50, 10, 50, 50, 50]
    emits = one_by_one(detect(), [(T + i * 10 * S, road(T + i * 10 * S, v)) for i, v in enumerate(speeds)])
    said = signals(emits)
    assert [(s.state, (s.observed_ms - T) // (10 * S)) for s in said] == [("on", 6), ("off", 7)]


def test_a_combination_hears_that_an_occurrence_became_graver() -> None:
    levels = (
        Level(name="bad", priority=1, match={"injured": {"min": 3}}),
        Level(name="mild", priority=3, match={"injured": {"min": 1}}),
    )
    injury = next(rule for rule in PROFILE.rules if rule.id == "injury")
    wave = next(rule for rule in PROFILE_OF_KINDS.rules if rule.id == "wave")
    level = next(rule for rule in PROFILE.rules if rule.id == "level")
    both = replace(wave, members=(Member(rule="injury", priority=1), Member(rule="level")))
    step = DetectPartition(replace(PROFILE, rules=(replace(injury, levels=levels, match={}), level, both)), 0)
    values = [(T, crash(T, 1, id_="a")), (T + S, crash(T + S, 5, id_="b")), (T + 2 * S, crash(T + 2 * S, 1, id_="c"))]
    assert [(one.state, one.priority) for one in conditions(one_by_one(step, values))] == [("on", 3), ("on", 1)]


# ---- ratio -------------------------------------------------------------------------------------------------------


def test_an_indicator_below_its_target_and_one_that_is_better_when_lower() -> None:
    step = detect()
    assert signals(one_by_one(step, [(T, kpi(T, "used", 40.0)), (T, kpi(T, "rank", 10.0))])) == []
    (said,) = signals(one_by_one(step, [(T + MIN, kpi(T + MIN, "used", 30.0))]))
    assert (said.key, said.priority, said.value, said.limit) == ("target|north|USED", 4, 75.0, 100.0)
    assert said.title_vi == "30,00 trên mục tiêu 40,00"
    (said,) = signals(one_by_one(step, [(T + MIN, kpi(T + MIN, "rank", 20.0))]))
    assert (said.key, said.value) == ("target|north|RANK", 50.0)


def test_the_best_value_of_an_indicator_that_is_better_when_lower_clears() -> None:
    rule = next(rule for rule in PROFILE_OF_KINDS.rules if rule.id == "target")
    rule = replace(rule, off_delay_s=60.0, title_vi="{value} %")
    step = DetectPartition(replace(PROFILE_OF_KINDS, rules=(rule,)), 0)
    values = [(T, kpi(T, "rank", 20.0)), *((T + n * MIN, kpi(T + n * MIN, "rank", 0.0)) for n in (1, 2))]
    said = signals(one_by_one(step, values))
    assert [(one.reason, one.value) for one in said] == [
        ("LIMIT_REACHED", 50.0),
        ("VALUE_CHANGED", 1000.0),
        ("BACK_TO_NORMAL", 1000.0),
    ]
    assert said[1].title_vi == "≥ 1000 %"


def test_without_a_target_there_is_nothing_to_be_below() -> None:
    emits = one_by_one(detect(), [(T, kpi(T, "open", -5.0)), (T, kpi(T, "unknown", 0.0)), (T, kpi(T, "rank", 0.0))])
    assert signals(emits) == []


# ---- anomaly -----------------------------------------------------------------------------------------------------


def test_an_anomaly_needs_its_weeks_and_survives_a_restart() -> None:
    step = detect()
    emits: list[Emit] = []
    for week in range(3):
        start = T + week * WEEK
        emits += one_by_one(step, [(at, rain(at, 2.0)) for at in range(start, start + 2 * HOUR, 5 * MIN)])
    assert signals(emits) == []
    held = {key: value for key, value in step.take_dirty() if value is not None}
    assert any(key.startswith("baseline/odd|north|G1") for key in held)
    again = detect()
    for key, value in held.items():
        again.load(key, value)
    at = T + 3 * WEEK
    (said,) = signals(one_by_one(again, [(at, rain(at, 9.0))]))
    assert (said.key, said.state, said.level) == ("odd|north|G1", "on", "odd")
    assert said.value is not None
    assert said.value > 4


def test_an_anomaly_in_the_first_weeks_is_not_one() -> None:
    emits = one_by_one(detect(), [(T, rain(T, 2.0)), (T + WEEK, rain(T + WEEK, 90.0))])
    assert signals(emits) == []


# ---- count -------------------------------------------------------------------------------------------------------


def test_three_of_a_kind_in_an_area_and_the_end_by_the_watermark() -> None:
    step = detect()
    emits = one_by_one(step, [(T + i * MIN, crash(T + i * MIN, 0)) for i in range(3)])
    (said,) = signals(emits)
    assert (said.key, said.count, said.since_ms) == ("surge|north|731/accident", 3, T)
    assert said.title_vi == "3 lần accident"
    emits = one_by_one(step, [(T + 11 * MIN, road(T + 11 * MIN, 50.0))])
    (said,) = signals(emits)
    assert (said.state, said.reason, said.observed_ms) == ("off", "COUNT_FELL", T + 10 * MIN)


def test_different_fields_are_different_objects() -> None:
    def incident(at_ms: int, kind: str) -> bytes:
        return event("J1", at_ms, {"kind": kind}, type_="traffic.incident", feed="road", id_=f"{kind}{at_ms}")

    values = [(T + i * S, incident(T + i * S, kind)) for i, kind in enumerate(["accident", "breakdown"] * 2)]
    assert signals(one_by_one(detect(), values)) == []


# ---- schedule ----------------------------------------------------------------------------------------------------


def test_a_night_rule_is_silent_by_day_but_ends_what_the_night_began() -> None:
    step = detect()  # T is 10:00 in Vietnam
    assert signals(one_by_one(step, [(T, rain(T, 0.0, 9.0))])) == []
    night = T + 13 * HOUR
    (said,) = signals(one_by_one(step, [(night, rain(night, 0.0, 9.0))]))
    assert (said.key, said.state) == ("night|north|G1", "on")
    day = T + 22 * HOUR
    said_by_day = signals(one_by_one(step, [(day, rain(day, 0.0, 0.0))]))
    assert said_by_day[-1].state == "off"


# ---- windows -----------------------------------------------------------------------------------------------------


def rollups(emits: list[Emit]) -> dict[tuple[int, int], Rollup]:
    newest: dict[tuple[int, int], Rollup] = {}
    for emit in emits:
        if emit.topic == "rollups" and emit.value is not None:
            found = codec.decode_rollup(emit.value)
            newest[found.window_start_ms, found.window_ms] = found
    return newest


def test_sliding_windows_with_a_quantile_and_a_distinct_count() -> None:
    values = [(T + i * 10 * S, river("R1" if i % 2 else "R2", T + i * 10 * S, 1.0 + i * 0.1)) for i in range(19)]
    found = rollups(one_by_one(detect(), [*values, (T + 6 * MIN, river("R1", T + 6 * MIN, 1.0))]))
    assert found[T - MIN, 2 * MIN].n == 6
    full = found[T, 2 * MIN]
    assert (full.n, full.values, full.final, full.distinct, full.distinct_exact) == (12, 12, True, 2, True)
    assert full.mean == pytest.approx(1.55)
    assert full.quantiles is not None
    assert full.quantiles["0.5"] == pytest.approx(1.5, rel=0.011)
    assert found[T + MIN, 2 * MIN].n == 12
    assert found[T, MIN].quantiles is None
    assert found[T, MIN].n == 6


def test_ten_seconds_windows_and_a_window_that_is_not_declared_any_more() -> None:
    step = detect()
    found = rollups(one_by_one(step, [(T + i * 5 * S, road(T + i * 5 * S, 30.0)) for i in range(4)]))
    assert [(start - T, r.n) for (start, size), r in found.items() if size == 10 * S] == [(0, 2), (10 * S, 2)]
    held = {key: value for key, value in step.take_dirty() if value is not None}
    after = DetectPartition(replace(PROFILE_OF_KINDS, windows=()), 0)
    for key, value in held.items():
        after.load(key, value)
    gone = {key for key, value in after.take_dirty() if value is None}
    assert gone == {key for key in held if key.startswith("window/") and key.endswith(("/10000", "/120000"))}


def test_state_per_key_is_as_small_as_the_documents_say() -> None:
    """Bytes in the checkpoint, measured on objects that hold as much as they can."""
    step = detect()
    for i in range(600):
        at = T + i * S
        step.step(records([river("R1", at, 1.0 + i * 0.001), road(at, 40.0), crash(at, 0, id_=f"c{i}")]), at)
        step.step(records([rain(at, 2.0 + i % 7)]), at)
    small = DetectPartition(PROFILE, 0)
    for i in range(13):
        at = T + i * HOUR
        air = event("A1", at, {"pm25_ug_m3": 150.123, "pm10_ug_m3": 250.123})
        small.step(records([air, crash(at, 2, id_=f"d{i}")]), at)
    sizes: dict[str, int] = {}
    for key, value in [*step.take_dirty(), *small.take_dirty()]:
        if value is not None:
            name = key.split("|")[0].split("/")[0] + "/" + key.split("|")[0].split("/")[-1]
            sizes[name] = max(sizes.get(name, 0), len(value))
    assert sizes["object/rise"] < 1_600
    assert sizes["object/jumpy"] < 800
    assert sizes["object/surge"] < 256 * 14 + 700
    assert sizes["object/odd"] < 800
    assert sizes["object/night"] < 600
    assert sizes["object/aqi"] < 1_300
    assert sizes["object/injury"] < 600
    assert sizes["feed/road"] < 300
    assert max(size for name, size in sizes.items() if name.startswith("window/")) < 2_500


# ---- the short way is never more than a short way ----------------------------------------------------------------

Item = tuple[int, int, int, int]
items = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([0, 1, 7, 15, 30, 90, 700]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 3, 20, 55]),
    ),
    min_size=2,
    max_size=30,
)
cuts = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), min_size=1, max_size=8)


def stream(given_items: list[Item]) -> list[tuple[int, bytes]]:
    at_ms, made = T, []
    for number, (what, after_s, value, late_s) in enumerate(given_items):
        at_ms += after_s * S
        arrived, name = at_ms + late_s * S, f"e{number:03d}"
        more: dict[str, Any] = {"id_": name, "arrived_ms": arrived}
        body = (
            river("R1", at_ms, 1.0 + 0.3 * value, **more),
            road(at_ms, 8.0 + 5 * value, **more),
            crash(at_ms, value, **more),
            rain(at_ms, 1.0 + 20 * value, 4.0 * value, **more),
            river("R2", at_ms, 1.0 + value, **more),
        )[what]
        made.append((arrived, body))
    return [(arrived, body) for arrived, body in sorted(made, key=lambda pair: pair[0])]


def told(given_items: list[Item], plan: list[tuple[int, bool, bool]]) -> dict[str, list[object]]:
    values = stream(given_items)
    end_ms = values[-1][0] + HOUR
    closing = [river("R1", end_ms, 1.0, id_="z1"), road(end_ms, 50.0, id_="z2"), rain(end_ms, 1.0, id_="z3")]
    emits = run_cut(records([*(body for _, body in values), *closing]), plan, end_ms, PROFILE_OF_KINDS)
    by_key: dict[str, list[object]] = {}
    for emit in emits:
        if emit.topic == "alert-inputs" and emit.value is not None:
            given_ = codec.decode_alert_input(emit.value)
            by_key.setdefault(given_.object if isinstance(given_, Condition) else given_.key, []).append(given_)
        elif emit.topic == "rollups" and emit.value is not None:
            rollup = codec.decode_rollup(emit.value)
            held = by_key.setdefault(rollup.key, [rollup])
            assert isinstance(held[0], Rollup)
            if rollup.revision > held[0].revision:
                by_key[rollup.key] = [rollup]
    return by_key


@settings(max_examples=150, deadline=None)
@given(items, cuts)
def test_batches_and_crashes_make_no_difference_to_any_kind(
    given_items: list[Item], plan: list[tuple[int, bool, bool]]
) -> None:
    assert told(given_items, [(1, True, False)]) == told(given_items, plan)


@settings(max_examples=150, deadline=None)
@given(items)
def test_the_short_way_says_the_same_as_the_long_one(given_items: list[Item]) -> None:
    plain = told(given_items, [(3, True, False)])
    with pytest.MonkeyPatch.context() as patch:
        for kind in (ThresholdSubject, NofMSubject):
            patch.setattr(kind, "quiet", lambda *_: False)
        assert told(given_items, [(3, True, False)]) == plain


RISE: list[Item] = [(0, 30, value, 0) for value in (0, 0, 1, 2, 3)] + [(0, 30, 3, 0)] * 4


def test_seen_a_short_way_that_takes_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    jam: list[Item] = [(1, 15, 0, 0)] * 4
    plain = told(jam, [(3, True, False)])
    assert "jumpy|north|J1" in plain
    monkeypatch.setattr(NofMSubject, "quiet", lambda *_: True)
    assert told(jam, [(3, True, False)]) != plain


def test_seen_a_memory_that_is_not_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = told(RISE, [(1, True, False)])
    assert "rise|north|R1" in plain
    honest = RateSubject.number

    def forgetful(self: RateSubject, seen: Any) -> float | None:
        found = honest(self, seen)
        kept, self.watched.memory = self.watched.memory, None
        self.__dict__["kept"] = kept
        return found

    def number(self: RateSubject, seen: Any) -> float | None:
        self.watched.memory = self.__dict__.get("kept")
        return forgetful(self, seen)

    monkeypatch.setattr(RateSubject, "number", number)
    assert told(RISE, [(1, True, True)]) != plain


# ---- combination -------------------------------------------------------------------------------------------------


def wave(runner: Runner, crash_between: bool = False, exercise: str | None = None) -> None:
    def send(key: str, body: bytes) -> None:
        runner.events([(key, body)])
        if crash_between:
            runner.crash("events")
            runner.crash("alert-inputs")

    for at_ms, level in ((second, 1.0 + 12.0 * second / 3600) for second in range(0, 121, 10)):
        at = T + at_ms * S
        runner.now_ms = max(runner.now_ms, at)
        send("north/731/river", river("R1", at, level, exercise=exercise))
        if at_ms in (80, 90, 100):
            send("north/731/road", crash(at, 0, exercise=exercise))
    for second in range(130, 300, 10):
        at = T + second * S
        runner.now_ms = max(runner.now_ms, at)
        send("north/731/river", river("R1", at, 1.4, exercise=exercise))


def test_a_combination_is_raised_once_and_ends_with_its_first_member() -> None:
    runner = Runner(PROFILE_OF_KINDS, T)
    wave(runner)
    found = {alert.rule: alert for alert in runner.alerts().values()}
    assert set(found) == {"rise", "surge", "wave"}
    both = found["wave"]
    assert (both.key, both.priority, both.state, both.started_ms) == ("wave|north|north", 1, "RTNUN", T + 80 * S)
    assert (both.title_vi, both.place_vi) == ("Lũ từ 10:01:20", "Miền Bắc")
    assert [e.what for e in runner.log() if e.alert_id == both.id] == ["raised", "cleared"]
    assert found["rise"].cleared_ms == both.cleared_ms


def test_crashes_change_nothing_in_a_combination() -> None:
    plain, crashed = Runner(PROFILE_OF_KINDS, T), Runner(PROFILE_OF_KINDS, T, batch_max=1)
    wave(plain)
    wave(crashed, crash_between=True)
    assert {(a.id, a.state, a.count) for a in plain.alerts().values()} == {
        (a.id, a.state, a.count) for a in crashed.alerts().values()
    }


def test_a_drill_has_its_own_combinations() -> None:
    runner = Runner(PROFILE_OF_KINDS, T)
    wave(runner, exercise="drill-7")
    assert {(a.rule, a.exercise) for a in runner.alerts().values() if a.rule == "wave"} == {("wave", "drill-7")}


def test_a_member_says_its_changes_but_not_its_figures() -> None:
    emits = one_by_one(detect(), [*rising(0, 120, 12.0), *rising(130, 200, 24.0, 1.4), *rising(210, 300, 0.0, 1.9)])
    assert len(signals(emits)) > 2
    assert [(c.key, c.object, c.state) for c in conditions(emits)] == [
        ("wave|north|north", "rise|north|R1", "on"),
        ("wave|north|north", "rise|north|R1", "off"),
    ]
