from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from ioc.domain.alerts import CentreSilent, Signal
from ioc.domain.drills import DRILLS_MAX, OTHER
from ioc.domain.measures import Rollup
from ioc.pipeline.board import OBJECTS_MAX
from ioc.pipeline.detect import STALL_MS, DetectPartition
from ioc.pipeline.effects import Effects, Emit
from ioc.pipeline.heads import QUIET_MS
from ioc.pipeline.instants import Instants
from ioc.wire import codec
from ioc.wire.topics import partition_for
from tests.pipeline.small_province import MIN, NORTH, PROFILE, S, T, crash, event, heartbeat, records, river, road

HEARTBEATS = partition_for(b"north/731/heartbeat", 12)


def detect(partition: int = 0) -> DetectPartition:
    return DetectPartition(PROFILE, partition)


def signals(emits: list[Emit]) -> list[Signal]:
    found = []
    for emit in emits:
        if emit.topic == "alert-inputs":
            assert emit.value is not None
            given = codec.decode_alert_input(emit.value)
            if isinstance(given, CentreSilent):
                continue
            assert isinstance(given, Signal)
            assert emit.key == given.key.encode()
            found.append(given)
    return found


def rollups(emits: list[Emit]) -> list[Rollup]:
    return [codec.decode_rollup(e.value) for e in emits if e.topic == "rollups" and e.value is not None]


def run(step: DetectPartition, values: list[bytes], now_ms: int) -> Effects:
    return step.step(records(values), now_ms)


def tick_for(step: DetectPartition, from_ms: int, duration_ms: int) -> list[Emit]:
    """Ticks twice a second, as the shell does."""
    emits = []
    for now_ms in range(from_ms, from_ms + duration_ms + 1, 500):
        emits += step.tick(now_ms).emits
    return emits


# ---- rollups -----------------------------------------------------------------------------------------------------


def test_a_minute_is_told_provisional_final_and_corrected() -> None:
    step = detect(3)
    first = run(step, [river("R1", T, 1.0), river("R2", T + 10 * S, 1.4)], T + 10 * S)
    (told,) = rollups(first.emits)
    assert (told.n, told.sum, told.min, told.max, told.last, told.final) == (2, 2.4, 1.0, 1.4, 1.4, False)
    assert told.key == f"north/731/river/hydro.level/{T}/60000"
    assert all(emit.partition == 3 for emit in first.emits)
    assert not first.urgent

    second = run(step, [river("R1", T + 62 * S, 1.0)], T + 62 * S)
    final = next(r for r in rollups(second.emits) if r.window_start_ms == T)
    assert final.final
    assert final.revision > told.revision

    late = run(step, [river("R2", T + 50 * S, 1.6)], T + 64 * S)
    corrected = next(r for r in rollups(late.emits) if r.window_start_ms == T)
    assert (corrected.n, corrected.last, corrected.final) == (3, 1.6, True)
    assert corrected.revision > final.revision


def test_too_late_is_counted_and_left() -> None:
    step = detect()
    run(step, [river("R1", T, 1.0), river("R1", T + 122 * S, 1.0)], T + 122 * S)
    after = run(step, [river("R2", T + 30 * S, 1.0)], T + 123 * S)
    assert [r for r in rollups(after.emits) if r.window_start_ms == T] == []
    assert step.counters.too_late == 1


def test_a_growing_minute_is_told_at_most_once_a_second_and_not_forgotten() -> None:
    step = detect()
    told = []
    for i in range(20):
        told += rollups(run(step, [river("R1", T + i * 100, 1.0)], T + i * 100).emits)
    assert len(told) == 2
    told += rollups(step.tick(T + 3 * S).emits)
    assert told[-1].n == 20


def test_closed_windows_leave_memory_and_the_checkpoint() -> None:
    step = detect()
    run(step, [river("R1", T, 1.0)], T)
    held = dict(step.take_dirty())
    run(step, [river("R1", T + 10 * MIN, 1.0)], T + 10 * MIN)
    held.update(step.take_dirty())
    windows = {key: value for key, value in held.items() if key.startswith("window/")}
    assert [key for key, value in windows.items() if value is None] == [f"window/north/731/river/hydro.level/{T}/60000"]
    assert len(windows) == 2


def test_an_idle_feed_closes_its_minute() -> None:
    step = detect()
    run(step, [river("R1", T, 1.0)], T)
    told = rollups(tick_for(step, T, 2 * MIN + QUIET_MS))
    assert told
    assert told[-1].final


def test_a_type_without_a_number_is_counted() -> None:
    step = detect()
    (told,) = rollups(run(step, [crash(T, 0)], T).emits)
    assert (told.n, told.sum, told.last) == (1, None, None)


def test_what_is_not_an_event_is_counted_and_left() -> None:
    step = detect()
    bad = [
        b"",
        b"{}",
        b"\xff",
        river("R1", T, 1.0)[:-9],
        event("R1", T, {"level_m": "x"}),
        event("R1", T, {}, type_="no.such"),
    ]
    effects = run(step, [*bad, river("R1", T, 1.0)], T)
    assert step.counters.undecodable == len(bad)
    assert len(rollups(effects.emits)) == 1
    assert step.step([*records([b"null"]), *records([b"[]"])], T).emits == []


# ---- rules -------------------------------------------------------------------------------------------------------


def test_a_river_over_level_two_is_said_at_once_in_both_languages() -> None:
    step = detect()
    effects = run(step, [river("R1", T, 1.5), river("R1", T + 10 * S, 2.05, arrived_ms=T + 11 * S)], T + 11 * S)
    (said,) = signals(effects.emits)
    assert effects.urgent
    assert (said.key, said.state, said.level, said.priority) == ("level|north|R1", "on", "BĐ2", 2)
    assert (said.value, said.limit, said.unit, said.reason) == (2.05, 2.0, "m", "LIMIT_REACHED")
    assert (said.since_ms, said.observed_ms, said.revision) == (T + 10 * S, T + 10 * S, 1)
    assert (said.title_vi, said.title_en) == ("Mực nước 2,05 m, trên BĐ2", "Level 2.05 m, above BĐ2")
    assert (said.place_vi, said.place_en) == ("Thành Phố · Trạm R1", "City · Site R1")
    assert (said.lon, said.lat, said.event_id) == (1.0, 2.0, f"R1-{T + 10 * S}")


def test_the_title_says_when_the_deadband_holds() -> None:
    step = detect()
    said = signals(run(step, [river("R1", T, 2.05), river("R1", T + 31 * S, 1.97)], T + 31 * S).emits)
    assert said[-1].title_vi == "Mực nước 1,97 m, sát BĐ2"
    said = signals(run(step, [river("R1", T + 40 * S, 1.9)], T + 40 * S).emits)
    assert (said[-1].level, said[-1].title_vi) == ("BĐ1", "Mực nước 1,90 m, trên BĐ1")


def test_a_level_that_a_station_does_not_have_is_never_reached() -> None:
    step = detect()
    (said,) = signals(run(step, [river("R1", T, 9.0)], T).emits)
    assert said.level == "BĐ2"
    (said,) = signals(run(step, [river("R2", T, 9.0)], T).emits)
    assert (said.level, said.priority) == ("BĐ3", 1)


def test_a_silent_station_makes_its_alert_blind_while_others_report() -> None:
    step = detect()
    run(step, [river("R1", T, 2.05)], T)
    said = signals(run(step, [river("R2", T + 70 * S, 1.0)], T + 70 * S).emits)
    assert [(s.key, s.state, s.reason) for s in said] == [("level|north|R1", "blind", "NO_READINGS")]
    assert said[0].title_vi == "Mực nước 2,05 m, trên BĐ2"
    said = signals(run(step, [river("R1", T + 80 * S, 2.06)], T + 80 * S).emits)
    assert [(s.state, s.reason) for s in said] == [("on", "SEEN_AGAIN")]


def test_late_by_more_than_ten_minutes_never_raises() -> None:
    step = detect()
    late = river("R1", T, 2.5, arrived_ms=T + 10 * MIN + 1)
    assert signals(run(step, [late], T + 11 * MIN).emits) == []
    timely = river("R1", T + 20 * S, 2.5, arrived_ms=T + 10 * MIN + 20 * S)
    (said,) = signals(run(step, [timely], T + 11 * MIN).emits)
    assert said.since_ms == T


def test_congestion_needs_its_minute() -> None:
    step = detect()
    slow = [road(T + i * 10 * S, 8.0) for i in range(7)]
    assert signals(run(step, slow[:6], T + MIN).emits) == []
    (said,) = signals(run(step, slow[6:], T + MIN).emits)
    assert (said.key, said.since_ms, said.observed_ms) == ("jam|north|J1", T, T + MIN)


def test_air_quality_is_an_index_with_the_name_of_its_band() -> None:
    step = detect()
    assert signals(run(step, [event("A1", T, {"pm25_ug_m3": 80.0})], T).emits) == []
    (said,) = signals(run(step, [event("A1", T + S, {"pm25_ug_m3": 150.1})], T + S).emits)
    assert (said.value, said.level, said.title_vi) == (200.0, "Xấu", "VN_AQI 200, Xấu")
    assert signals(run(detect(), [event("A1", T, {"no2_ug_m3": 3000.0})], T).emits) == []  # no particles, no index


def test_an_accident_is_one_episode_with_a_count_until_the_hold_time_is_over() -> None:
    step = detect()
    assert signals(run(step, [crash(T, 0)], T).emits) == []
    (said,) = signals(run(step, [crash(T + S, 2)], T + S).emits)
    assert (said.title_vi, said.priority, said.count) == ("Tai nạn, 2 người bị thương", 1, 1)
    said = signals(run(step, [crash(T + 40 * S, 1)], T + 40 * S).emits)[0]
    assert (said.reason, said.count, said.since_ms) == ("REPEATED", 2, T + S)
    (said,) = signals(run(step, [road(T + 40 * S + 302 * S, 50.0)], T + 343 * S).emits)
    assert (said.state, said.count, said.observed_ms) == ("off", 2, T + 340 * S)


def test_an_occurrence_ends_by_itself_when_nothing_else_comes() -> None:
    step = detect()
    call = event("C114", T, {"number": "114", "kind": "a|b"}, type_="emergency.call", feed="calls")
    (said,) = signals(run(step, [call], T).emits)
    assert said.key == "call|north|C114/a_b"  # the bar separates the parts of a key
    (off,) = signals(tick_for(step, T, 370 * S))
    assert (off.state, off.observed_ms) == ("off", T + 300 * S)


# ---- silence -----------------------------------------------------------------------------------------------------


def test_a_silent_centre_is_said_once_and_ends_with_the_next_heartbeat() -> None:
    step = detect(HEARTBEATS)
    run(step, [heartbeat(T, arrived_ms=T + 100)], T + 100)
    assert signals(tick_for(step, T + 100, 29 * S)) == []
    (said,) = signals(tick_for(step, T + 29 * S, 60 * S))
    assert (said.key, said.since_ms, said.title_vi) == ("silent|north|north", T, "Miền Bắc im lặng từ 10:00:00")
    assert (said.place_vi, said.site, said.feed) == ("Miền Bắc", "NORTH", "heartbeat")
    (off,) = signals(run(step, [heartbeat(T + 90 * S)], T + 90 * S).emits)
    assert (off.state, off.since_ms, off.revision) == ("off", T, 2)


def test_a_centre_never_heard_counts_from_the_first_tick_and_only_in_its_own_partition() -> None:
    step = detect(HEARTBEATS)
    assert signals([*step.tick(T).emits]) == []  # nothing ever came: perhaps intake is not there yet
    run(step, [river("R1", T, 1.0)], T)
    (said,) = signals(tick_for(step, T, 31 * S))
    assert said.since_ms == T
    assert signals(tick_for(detect((HEARTBEATS + 1) % 12), T, 60 * S)) == []


def test_a_backlog_is_not_silence() -> None:
    """The job was away for an hour. Its checkpoint is old, the heartbeats of that hour are still in the queue."""
    before = detect(HEARTBEATS)
    run(before, [heartbeat(T)], T)
    step = detect(HEARTBEATS)
    for key, value in before.take_dirty():
        assert value is not None
        step.load(key, value)
    now = T + 60 * MIN
    emits = list(step.tick(now).emits)
    for i in range(1, 361):
        emits += run(step, [heartbeat(T + i * 10 * S)], now + i).emits
        emits += step.tick(now + i).emits
    assert signals(emits) == []
    assert len(signals(tick_for(step, now + 500, 31 * S))) == 1


def test_a_stopped_process_does_not_call_others_silent() -> None:
    step = detect(HEARTBEATS)
    run(step, [heartbeat(T)], T)
    tick_for(step, T, 5 * S)
    assert signals(step.tick(T + 5 * S + 60 * S + STALL_MS).emits) == []


# ---- drills ------------------------------------------------------------------------------------------------------


def test_a_drill_never_touches_the_live_picture() -> None:
    step = detect(HEARTBEATS)
    past = T - 500 * MIN
    drill = [river("R1", past + i * 10 * S, 2.05, arrived_ms=T, exercise="drill-7") for i in range(20)]
    effects = run(step, [river("R1", T, 1.0), *drill, heartbeat(T, exercise="drill-7")], T)
    (said,) = signals(effects.emits)
    assert (said.key, said.exercise, said.since_ms) == ("level|north|R1", "drill-7", past)
    by_exercise = {r.exercise: r.n for r in rollups(effects.emits) if r.type == "hydro.level"}
    assert by_exercise[None] == 1
    assert "drill-7" in by_exercise
    live = next(r for r in rollups(effects.emits) if r.exercise is None)
    assert not live.final  # the drill's clock is its own
    assert len(signals(tick_for(step, T, 40 * S))) == 1  # the drill's heartbeat is not the centre's


def test_what_is_on_when_a_drill_is_over_ends_with_that_reason() -> None:
    step = detect()
    [raised] = signals(run(step, [river("R1", T, 1.9, exercise="x")], T).emits)
    said = signals(tick_for(step, T + 30 * S, 62 * MIN))
    assert [(one.key, one.exercise, one.state, one.reason) for one in said] == [
        (raised.key, "x", "blind", "NO_READINGS"),
        (raised.key, "x", "off", "DRILL_OVER"),
    ]
    assert said[1].since_ms == raised.since_ms
    assert said[1].revision > said[0].revision
    assert said[1].observed_ms >= said[0].observed_ms
    assert not step._board.watched_by(step._board.feed("north", "731", "river", "x"))


def test_an_ended_drill_leaves_memory_and_the_checkpoint() -> None:
    step = detect()
    run(step, [river("R1", T, 2.05, exercise="x"), river("R1", T, 2.05)], T)
    held = {key for key, _ in step.take_dirty() if "|x" in key or "/x" in key}
    tick_for(step, T, 62 * MIN)
    gone = {key for key, value in step.take_dirty() if value is None}
    assert held <= gone
    assert "object/level|north|R1" not in gone


# ---- sites in other areas ----------------------------------------------------------------------------------------


def in_area(body: bytes, area: str) -> bytes:
    event_ = msgspec.json.decode(body)
    return msgspec.json.encode(event_ | {"area": area, "subject": area})


def test_a_site_that_a_record_puts_into_another_area_is_another_object() -> None:
    for make in (lambda t, name: crash(t, 1, id_=name), lambda t, name: river("R1", t, 2.05, id_=name)):
        here, there = detect(0), detect(1)
        (own,) = signals(run(here, [make(T, "a")], T).emits)
        (other,) = signals(run(there, [in_area(make(T + S, "b"), "732")], T + S).emits)
        assert (other.site, other.area) == (own.site, "732")
        assert (own.key.split("|")[2], other.key.split("|")[2]) == (own.site, f"{own.site}/732")


def test_objects_of_two_areas_end_by_their_own_clocks_also_after_a_restart() -> None:
    def ends(crashed: bool) -> list[tuple[str, str, int]]:
        step = detect()
        run(step, [crash(T, 1, id_="a"), in_area(crash(T + 40 * S, 1, id_="b"), "732")], T + 40 * S)
        if crashed:
            state = dict(step.take_dirty())
            step = detect()
            for key, value in state.items():
                assert value is not None
                step.load(key, value)
        found = []
        for minute in range(1, 12):
            at_ms = T + minute * MIN
            found += signals(run(step, [road(at_ms, 50.0, id_=f"r{minute}")], at_ms).emits)
        return [(signal.key, signal.state, signal.observed_ms) for signal in found]

    assert ends(False) == ends(True)
    assert [(key, state) for key, state, _ in ends(False)] == [("injury|north|J1", "off")]


@pytest.mark.parametrize("site", ["J1", "R1"])
def test_a_site_whose_next_entry_lies_in_another_area_is_judged_there(site: str) -> None:
    (entry,) = (one for one in NORTH.sites if one.id == site)
    moved = replace(entry, area="732", valid_from="2026-11-25", valid_to=None)
    sites = (replace(entry, valid_to="2026-11-25"), moved, *(one for one in NORTH.sites if one.id != site))
    profile = replace(PROFILE, centres=(replace(NORTH, sites=sites), *PROFILE.centres[1:]))
    day_ms = T + 14 * 60 * MIN  # 2026-11-25, 00:00 in Vietnam

    def make(t: int, name: str) -> bytes:
        return crash(t, 1, id_=name) if site == "J1" else river(site, t, 2.05, id_=name)

    def said(crashed: bool) -> list[tuple[str, str, str, str]]:
        step, found, state = DetectPartition(profile, 0), [], {}
        events = [(make(day_ms - 20 * S, "a"), -20), (in_area(make(day_ms + 10 * S, "b"), "732"), 10)]
        events += [(river("R2", day_ms + n * 60 * S, 1.0), n * 60) for n in range(1, 9)]
        events += [(in_area(river("R2", day_ms + 60 * n * S + S, 1.0), "732"), n * 60 + 1) for n in range(9, 20)]
        for body, after_s in events:
            found += signals(run(step, [body], day_ms + after_s * S).emits)
            if crashed:
                state |= {key: value for key, value in step.take_dirty() if value is not None}
                step = DetectPartition(profile, 0)
                for key, value in state.items():
                    step.load(key, value)
        return [(signal.key, signal.state, signal.area, signal.reason) for signal in found]

    assert said(True) == said(False)
    assert {key.split("|")[2] for key, *_ in said(False)} == {site}
    assert said(False)[-1][2] == "732"


# ---- bounds ------------------------------------------------------------------------------------------------------


def texts(first: int, last: int) -> list[bytes]:
    """Calls of ever new kinds, one a second."""
    return [
        event("C114", T + n * S, {"kind": f"free {n}", "number": "114"}, type_="emergency.call", feed="calls")
        for n in range(first, last)
    ]


def test_free_texts_of_a_source_fill_no_memory() -> None:
    def kept(crashed: bool) -> tuple[set[str], list[str], int]:
        step, state, keys = detect(), {}, []
        for first in range(0, OBJECTS_MAX + 200, 100):
            emits = run(step, texts(first, first + 100), T + (first + 100) * S).emits
            keys += [signal.key for signal in signals(emits) if signal.state == "on"]
            if crashed:
                state |= {key: value for key, value in step.take_dirty() if value is not None}
                step = detect()
                for key, value in reversed(state.items()):
                    step.load(key, value)
        return {key for key in step._board.subjects if key.startswith("call|")}, keys, step.counters.others

    objects, said, others = kept(False)
    assert len(objects) == OBJECTS_MAX + 1
    assert f"call|north|C114/{OTHER}" in objects
    assert others == 200
    assert said.count(f"call|north|C114/{OTHER}") > 0
    assert kept(True) == (objects, said, others)


def test_names_of_drills_fill_no_memory_and_make_room_again() -> None:
    step = detect()
    run(step, [river("R1", T, 2.05, exercise=f"x{n}", id_=f"i{n}") for n in range(500)], T)
    drills = {feed.exercise for feed in step._board.feeds.values() if feed.exercise}
    assert drills == {f"x{n}" for n in range(DRILLS_MAX)} | {OTHER}
    assert step.counters.others == 500 - DRILLS_MAX
    tick_for(step, T, 62 * MIN)
    run(step, [river("R1", T + 63 * MIN, 2.05, exercise="x499")], T + 63 * MIN)
    assert {feed.exercise for feed in step._board.feeds.values() if feed.exercise} == {"x499"}


# ---- reading of instants -----------------------------------------------------------------------------------------


def test_instants() -> None:
    read = Instants()
    assert read("2026-11-24T03:00:00.410Z") == T + 410
    assert read("2026-11-24T03:00:00.999Z") == T + 999
    assert read("2026-11-24T10:00:00+07:00") == T
    for wrong in ("2026-11-24T03:00:60.000Z", "2026-11-24T03:00:00.+10Z", "2026-11-24T03:00:00.000", "x" * 24, ""):
        with pytest.raises(ValueError, match=r"."):
            read(wrong)


def test_a_rule_that_cannot_be_used_is_no_fault_of_the_event() -> None:
    level = next(rule for rule in PROFILE.rules if rule.id == "level")
    step = DetectPartition(replace(PROFILE, rules=(replace(level, off_delay_s=float("nan")),)), 0)
    with pytest.raises(ValueError, match="NaN"):
        step.step(records([river("R1", T, 9.9)]), T)
    assert step.counters.undecodable == 0


def test_the_clock_of_the_worker_has_no_part_in_what_records_say() -> None:
    values = [river("R1", T + n * 10 * S, 1.0 + n / 10, arrived_ms=T + n * 10 * S) for n in range(20)]
    right, behind = detect(), detect()
    assert run(right, values, T + 200 * S).emits == run(behind, values, T + 60 * S).emits
    assert dict(right.take_dirty()) == dict(behind.take_dirty())
    assert (right._heads.shared.head_ms, behind._heads.shared.head_ms) == (T + 190 * S, T + 60 * S)
