"""The intake step: events, dead letters, duplicates, health of feeds, restart."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.events import Event
from ioc.domain.measures import DeadLetter, FeedHealth
from ioc.domain.profile import WindowSpec
from ioc.domain.reasons import REASONS
from ioc.domain.watermark import DISORDER_MS, SKEW_MS
from ioc.pipeline.effects import Emit, InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping_samples import check_samples
from ioc.wire.codec import decode_dead, decode_event, decode_feed, encode
from tests.pipeline.made_up import NOW, level, profile, record


def intake() -> IntakePartition:
    return IntakePartition(profile(), "alpha", 3)


def events(emits: Iterable[Emit]) -> list[Event]:
    return [decode_event(emit.value or b"") for emit in emits if emit.topic == "events"]


def dead(emits: Iterable[Emit]) -> list[DeadLetter]:
    return [decode_dead(emit.value or b"") for emit in emits if emit.topic == "dead"]


def feeds(emits: Iterable[Emit]) -> dict[str, FeedHealth]:
    found = [decode_feed(emit.value or b"") for emit in emits if emit.topic == "feeds"]
    return {health.feed: health for health in found}


def one_reason(native: object, at_ms: int = NOW) -> tuple[str, str]:
    (letter,) = dead(intake().step([record(native, at_ms=at_ms)], NOW).emits)
    return letter.code, letter.path


# Events --------------------------------------------------------------------------------------------------------------


def test_a_good_record_becomes_the_canonical_event() -> None:
    (emit,) = intake().step([record(level(42))], NOW + 5).emits
    assert (emit.topic, emit.key, emit.partition) == ("events", b"alpha/1/water", None)
    event = decode_event(emit.value or b"")
    assert event == Event(
        specversion="1.0",
        id="w-1:42",
        source="/alpha/water/W1",
        type="hydro.level",
        subject="1",
        time="2025-11-24T15:59:59.042Z",
        recordedtime="2025-11-24T16:00:00.000Z",
        centre="alpha",
        area="1",
        feed="water",
        sequence="000000000042",
        data=msgspec.Raw(b'{"lon":106.82,"lat":10.95,"level_m":3.048,"trend_m_h":0.1524}'),
    )
    assert event.topic_key.encode() == emit.key
    assert emit.value == encode(event)  # written by hand, but exactly as the typed encoder writes it


def test_a_drill_is_marked_and_its_ids_are_its_own() -> None:
    step = intake()
    emits = step.step([record(level(1)), record(level(1, drill="drill-7"), 1)], NOW).emits
    real, drill = events(emits)
    assert real.exercise is msgspec.UNSET
    assert drill.exercise == "drill-7"
    assert emits[1].value == encode(drill)
    later = NOW + 3 * 365 * 86_400_000  # a drill may play what was years ago
    assert len(events(step.step([record(level(2, drill="drill-7"), 2, at_ms=later)], later).emits)) == 1
    assert one_reason(level(1), later)[0] == "ancient"
    assert one_reason(level(1, drill="drill-7"), NOW - 200_000)[0] == "future"


def test_order_is_kept_across_good_and_bad_records() -> None:
    natives: list[object] = [level(1), b"rubbish", level(2), level(3, what="x"), level(4)]
    emits = intake().step([record(native, i) for i, native in enumerate(natives)], NOW).emits
    assert [emit.topic for emit in emits] == ["events", "dead", "events", "dead", "events"]
    assert [event.id for event in events(emits)] == ["w-1:1", "w-1:2", "w-1:4"]


def test_a_site_is_known_only_while_it_holds() -> None:
    assert one_reason(level(meta__station="w-0")) == ("unknown_source", "meta.station")
    assert one_reason(level(meta__station="w-9")) == ("unknown_source", "meta.station")
    assert one_reason(level(meta__station="v-1")) == ("unknown_source", "meta.station")  # of another feed
    old = level(meta__station="w-0", at=1_500_000_000_000)
    (event,) = events(intake().step([record(old, at_ms=1_500_000_000_000)], NOW).emits)
    assert event.source == "/alpha/water/W0"


# Dead letters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        (b"", ("malformed", "")),
        (b"[]", ("not_object", "")),
        (b'{"a":1,"a":2}', ("duplicate_key", "a")),
        (level(meta__owner="BETA"), ("centre_mismatch", "meta.owner")),
        (level(meta__v=9), ("unsupported_version", "meta.v")),
        (level(what="x"), ("unknown_type", "")),
        (level(at=NOW + 120_001), ("future", "at")),
        (level(at=NOW - 86_400_001), ("ancient", "at")),
        (level(at=NOW // 1000), ("ancient", "at")),  # seconds taken for milliseconds
        (level(at=NOW * 1000), ("range", "at")),  # microseconds
        (level(at=0), ("ancient", "at")),
        (level(at="2025-11-24"), ("schema", "at")),
        (level(at=None), ("schema", "at")),
        (level(meta__n=2**53 + 1), ("range", "meta.n")),
        (level(meta__n=-1), ("range", "meta.n")),
        (level(meta__n="7x"), ("schema", "meta.n")),
        (level(meta__n=True), ("schema", "meta.n")),
        (level(meta__station="w 1"), ("id", "{meta.station}:{meta.n}")),
        (level(where=[10.95, 106.82]), ("geo", "where")),
        (level(drill="a b"), ("id", "drill")),
        (level(drill=7), ("schema", "drill")),
    ],
)
def test_reasons(native: object, expected: tuple[str, str]) -> None:
    assert one_reason(native) == expected


def test_texts_are_checked() -> None:
    note: dict[str, Any] = {
        "what": "report",
        "meta": {"owner": "ALPHA", "v": 2, "station": "v-1", "n": 1, "kind": 7},
        "at": NOW,
        "by": 1,
        "odd.key": ["x"],
    }
    (event,) = events(intake().step([record(note | {"text": "<img onerror=x> '; DROP\n{{7*7}}"})], NOW).emits)
    assert orjson.loads(bytes(event.data))["text"] == "<img onerror=x> '; DROP\n{{7*7}}"  # kept as it is, never run
    assert event.area == "2"
    assert one_reason(note | {"text": "a\x00b"}) == ("control_char", "text")
    assert one_reason(note | {"text": "x" * 2001}) == ("too_long", "text")
    assert one_reason(note | {"odd.key": ["x" * 201]}) == ("too_long", "odd.key.0")
    assert one_reason(note | {"by": "phone"}) == ("enum", "by")
    assert one_reason(note | {"due": "soon"}) == ("time", "due")


def test_a_dead_letter_tells_everything() -> None:
    value = b"\xff" + b"x" * 70_000
    (emit,) = intake().step([InRecord(17, NOW - 5, b"key", value)], NOW).emits
    letter = decode_dead(emit.value or b"")
    assert (emit.topic, emit.key) == ("dead", b"key")
    assert (letter.id, letter.topic, letter.partition, letter.offset) == ("raw.alpha/3/17", "raw.alpha", 3, 17)
    assert (letter.code, letter.centre) == ("encoding", "alpha")
    assert (letter.received_ms, letter.refused_ms) == (NOW - 5, NOW)
    assert (letter.size_bytes, letter.sha256) == (70_001, sha256(value).hexdigest())
    assert base64.b64decode(letter.sample_b64) == value[:65_536]
    assert base64.b64decode(letter.key_b64 or "") == b"key"


def test_a_record_without_key_has_an_empty_key() -> None:
    (emit,) = intake().step([record(b"x", key=None)], NOW).emits
    assert emit.key == b""
    assert decode_dead(emit.value or b"").key_b64 is None


def test_our_own_failure_is_a_dead_letter_too(monkeypatch: pytest.MonkeyPatch) -> None:
    step = intake()

    def broken(*everything: object) -> Emit:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(step, "_finish", broken)
    (letter,) = dead(step.step([record(level())], NOW).emits)
    assert (letter.code, letter.detail) == ("internal", "ZeroDivisionError")
    assert feeds(step.tick(NOW).emits)["water"].rejected == 1


def test_tombstones_are_counted_only() -> None:
    step = intake()
    assert step.step([record(None)], NOW).emits == []
    assert step.totals.tombstones == 1


# Duplicates -----------------------------------------------------------------------------------------------------------


def test_the_same_again_is_dropped_and_another_content_refused() -> None:
    step = intake()
    again = level(1, values=[{"ft": 11.0}])
    later = level(1, at=NOW - 5)
    emits = step.step([record(level(1)), record(level(1), 1), record(again, 2), record(later, 3)], NOW).emits
    assert [emit.topic for emit in emits] == ["events", "dead", "dead"]
    assert {letter.code for letter in dead(emits)} == {"id_conflict"}
    health = feeds(step.tick(NOW).emits)["water"]
    assert (health.accepted, health.duplicates, health.rejected) == (1, 1, 2)


def test_a_refused_id_may_come_again() -> None:
    step = intake()
    emits = step.step([record(level(1, values=[])), record(level(1), 1)], NOW).emits
    assert [emit.topic for emit in emits] == ["dead", "events"]


# Processing again -----------------------------------------------------------------------------------------------------


def restore(source: IntakePartition, state: dict[str, bytes]) -> IntakePartition:
    for key, value in source.take_dirty():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    fresh = intake()
    for key in sorted(state, reverse=True):
        fresh.load(key, state[key])
    return fresh


NATIVES = st.one_of(
    st.integers(0, 12).map(level),
    st.builds(lambda n, ft: level(n, values=[{"ft": ft}]), st.integers(0, 12), st.sampled_from([1.0, 2.0])),
    st.integers(0, 5).map(lambda n: level(n, at=NOW + 999_999)),
    st.sampled_from([b"{", None, level(1, what="x"), level(2, meta__owner="B")]),
)


@settings(max_examples=60)
@given(st.lists(NATIVES, max_size=40), st.lists(st.integers(1, 9), max_size=20), st.integers(0, 10**7))
def test_batches_restarts_and_the_clock_make_no_difference(
    natives: list[object], cuts: list[int], now_shift_ms: int
) -> None:
    records = [record(native, i, NOW + i * 900) for i, native in enumerate(natives)]
    plain = intake()
    expected = plain.step(records, NOW).emits
    step, got, at = intake(), [], 0
    state: dict[str, bytes] = {}
    for number, cut in enumerate([*cuts, len(records)]):
        got += step.step(records[at : at + cut], NOW + now_shift_ms).emits
        at += cut
        if number % 2:
            step = restore(step, state)

    def comparable(emits: Sequence[Emit]) -> list[object]:
        letters = iter(dead(emits))
        return [
            emit if emit.topic == "events" else msgspec.structs.replace(next(letters), refused_ms=0) for emit in emits
        ]

    assert comparable(got) == comparable(expected)
    assert step.totals == plain.totals


def test_a_backlog_is_judged_by_its_arrival_not_by_the_clock() -> None:
    a_week_later = NOW + 7 * 86_400_000
    (event,) = events(intake().step([record(level(1))], a_week_later).emits)
    assert event.recordedtime == "2025-11-24T16:00:00.000Z"


def test_a_record_without_timestamp_is_taken_as_received_now() -> None:
    (event,) = events(intake().step([record(level(1), at_ms=-1)], NOW).emits)
    assert event.recordedtime == "2025-11-24T16:00:00.000Z"


# The books ------------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=80), NATIVES.map(lambda n: record(n).value)), max_size=20))
def test_each_record_is_exactly_one_thing(values: list[bytes | None]) -> None:
    step = intake()
    emits = step.step([InRecord(i, NOW, b"k", value) for i, value in enumerate(values)], NOW).emits
    totals = step.totals
    assert totals.records == len(values) == totals.events + totals.dead + totals.duplicates + totals.tombstones
    assert len(events(emits)) == totals.events
    assert len(dead(emits)) == totals.dead
    assert {letter.code for letter in dead(emits)} <= set(REASONS) - {"internal"}
    health = feeds(step.tick(NOW).emits)
    assert sum(h.accepted for h in health.values()) == totals.events
    assert sum(h.duplicates for h in health.values()) == totals.duplicates
    assert sum(h.rejected for h in health.values()) == totals.dead - totals.unattributed


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.data())
def test_a_good_record_with_anything_anywhere_never_breaks_us(data: st.DataObject) -> None:
    native = level()
    place = data.draw(st.sampled_from([native, native["meta"], native["values"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    try:
        value = msgspec.json.encode(native)
    except (UnicodeEncodeError, OverflowError):
        return
    (emit,) = intake().step([record(value)], NOW).emits
    if emit.topic == "dead":
        assert decode_dead(emit.value or b"").code != "internal"


# Health of feeds ------------------------------------------------------------------------------------------------------


def test_states_by_age() -> None:
    step = intake()
    first = feeds(step.tick(NOW).emits)
    assert {name: health.state for name, health in first.items()} == {"water": "unknown", "voices": "unknown"}
    assert first["water"].key == "alpha/water/3"
    step.step([record(level(1), at_ms=NOW)], NOW)
    for age_s, state in ((2, "on_time"), (20, "on_time"), (23, "slow"), (30, "slow"), (33, "silent")):
        found = feeds(step.tick(NOW + age_s * 1000).emits)
        health = found.get("water", first["water"])
        first["water"] = health
        assert health.state == state
    assert health.since_ms == NOW + 33_000
    step.step([record(level(2, at=NOW + 40_000), at_ms=NOW + 40_000)], NOW + 40_000)
    assert feeds(step.tick(NOW + 40_000).emits)["water"].state == "on_time"


def test_published_every_two_seconds_and_only_when_changed() -> None:
    step = intake()
    assert len(step.tick(NOW).emits) == 2
    assert step.tick(NOW + 500).emits == []
    step.step([record(level(1))], NOW)
    assert step.tick(NOW + 1999).emits == []
    (emit,) = step.tick(NOW + 2000).emits
    assert emit.key == b"alpha/water/3"
    assert step.tick(NOW + 4000).emits == []


def test_rate_of_the_last_full_minute() -> None:
    step = intake()
    start = NOW  # a full minute
    assert start % 60_000 == 0
    step.step([record(level(n, at=start + n), n, start + n * 100) for n in range(30)], start)
    assert feeds(step.tick(start + 50_000).emits)["water"].rate_per_min == 0.0
    assert feeds(step.tick(start + 60_000).emits)["water"].rate_per_min == 30.0
    assert feeds(step.tick(start + 120_000).emits)["water"].rate_per_min == 0.0


def test_rejects_are_no_sign_of_life() -> None:
    step = intake()
    step.step([record(level(1, values=[]))], NOW)
    health = feeds(step.tick(NOW).emits)["water"]
    assert (health.state, health.rejected, health.last_received_ms) == ("unknown", 1, None)


def test_watermark_never_goes_back() -> None:
    step = intake()
    step.step([record(level(1, at=NOW - 500)), record(level(2, at=NOW - 50_000), 1)], NOW)
    health = feeds(step.tick(NOW).emits)["water"]
    assert (health.last_event_ms, health.watermark_ms) == (NOW - 500, NOW - 500 - DISORDER_MS)
    # A reading from the future moves it to 5 s beyond its arrival at most.
    step.step([record(level(3, at=NOW + 110_000), 2)], NOW)
    health = feeds(step.tick(NOW + 2_000).emits)["water"]
    assert (health.last_event_ms, health.watermark_ms) == (NOW + 110_000, NOW + SKEW_MS - DISORDER_MS)


def test_the_watermark_of_an_idle_feed_follows_what_was_read() -> None:
    step = intake()
    step.step([record(level(1, at=NOW))], NOW)
    told = {at: feeds(step.tick(NOW + at * 1000).emits).get("water") for at in range(0, 200, 2)}
    marks = [health.watermark_ms for health in told.values() if health is not None]
    assert marks[-1] is not None
    assert NOW + 198_000 - 60_000 - 30_000 < marks[-1] <= NOW + 198_000 - 60_000
    assert sum(health is not None for at, health in told.items() if at >= 100) <= 4  # alone it is told rarely
    fresh = restore(step, {})
    later = feeds(fresh.tick(NOW + 200_000).emits)["water"]
    assert later.watermark_ms == NOW + 198_000 - 60_000
    # A backlog is not read yet: time stands where its records are, however late it is worked off.
    behind = intake()
    behind.step([record(level(1, at=NOW))], NOW + 600_000)
    behind.tick(NOW + 600_000)
    behind.step([record(level(2, at=NOW + 1_000), at_ms=NOW + 1_500)], NOW + 602_000)
    health = feeds(behind.tick(NOW + 602_000).emits)["water"]
    assert (health.watermark_ms, health.late, health.too_late) == (NOW + 1_000 - DISORDER_MS, 0, 0)


def test_events_for_a_closed_minute_are_counted_as_late_and_too_late() -> None:
    step = intake()
    at_ms = NOW + 600_000
    times = (at_ms, at_ms - 30_000, at_ms - 61_000, at_ms - 119_000, at_ms - 121_000, at_ms - 500_000)
    step.step([record(level(n, at=time_ms), n, at_ms) for n, time_ms in enumerate(times)], at_ms)
    drill = [level(9, at=at_ms - 700_000, drill="d1"), level(10, at=at_ms - 700_000, drill="d1")]
    step.step([record(one, 9, at_ms) for one in drill], at_ms)
    for one in (step, restore(step, {})):
        health = feeds(one.tick(at_ms).emits)["water"]
        assert (health.accepted, health.late, health.too_late) == (6, 2, 2)


def test_health_survives_a_restart() -> None:
    step = intake()
    step.step([record(level(n, at=NOW), n) for n in range(5)] + [record(level(1, at=NOW), 9)], NOW)
    step.tick(NOW + 100)
    fresh = restore(step, {})
    assert fresh.take_dirty() == []
    health = feeds(fresh.tick(NOW + 200).emits)["water"]
    assert (health.accepted, health.duplicates, health.state, health.since_ms) == (5, 1, "on_time", NOW + 100)


def test_unknown_keys_of_a_checkpoint_are_left_alone() -> None:
    step = intake()
    step.load("feed/gone", b"{}")
    step.load("@other", b"x")
    assert step.take_dirty() == []


# Samples --------------------------------------------------------------------------------------------------------------


def test_samples_show_events_or_what_is_wrong() -> None:
    old = level(1, at=1_700_000_000_000)
    results = check_samples(profile(), "alpha", map(orjson.dumps, [old, old, level(2, what="x"), level(3, values=[])]))
    assert [result.good for result in results] == [True, False, False, False]
    assert results[0].event is not None
    assert results[0].event.time_ms == 1_700_000_000_000
    assert [result.code for result in results] == ["", "duplicate", "unknown_type", "schema"]
    assert results[3].path == "values[0].ft"
    (late,) = check_samples(profile(), "alpha", [orjson.dumps(old)], received_ms=NOW)
    assert late.code == "ancient"


def test_an_event_counts_once_for_as_long_as_a_window_can_count_it() -> None:
    day = WindowSpec(type="feedback.1022", size_s=86_400, hop_s=3_600)
    made = replace(profile(), windows=(day,))
    voice = {"what": "report", "by": 1, "odd.key": ["roads"], "at": NOW, "where": None}
    native = level(1, **voice, meta__kind=7, meta__station="v-1")
    step, state = IntakePartition(made, "alpha", 0), {}
    assert [emit.topic for emit in step.step([record(native), record(level(1))], NOW).emits] == ["events", "events"]
    state |= dict(step.take_dirty())
    step = IntakePartition(made, "alpha", 0)
    for key, value in state.items():
        assert value is not None
        step.load(key, value)
    later_ms = NOW + 23 * 3_600_000
    assert step.step([record(native, at_ms=later_ms)], later_ms).emits == []  # a window of the day is open yet
    assert len(step.step([record(level(1), at_ms=later_ms - 60_000)], later_ms).emits) == 1  # nothing counts it twice
