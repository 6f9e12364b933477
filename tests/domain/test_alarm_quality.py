"""Figures of alerts: made-up histories whose figures are known, and what holds for any history."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ioc.domain import alarm_quality
from ioc.domain.alarm_quality import (
    ACTORS_MAX,
    SLOT_MS,
    STALE_AFTER_MS,
    Line,
    acknowledges,
    announces,
    cleared,
    line_of,
    measure,
    standing,
    times,
)
from ioc.domain.alerts import LogEntry
from tests.samples import T0_MS, an_alert

START_MS = T0_MS // SLOT_MS * SLOT_MS
HOUR_MS = 3_600_000
MOVES = {
    "raised": ("NORM", "UNACK"),
    "re-raised": ("RTNUN", "UNACK"),
    "cleared": ("UNACK", "RTNUN"),
    "closed": ("ACKED", "NORM"),
    "superseded": ("ACKED", "NORM"),
    "escalated": ("UNACK", "UNACK"),
    "escalated-acked": ("ACKED", "UNACK"),
    "level": ("UNACK", "UNACK"),
    "blind": ("UNACK", "UNACK"),
    "raised-hidden": ("NORM", "SHLVD"),
    "escalated-hidden": ("SHLVD", "SHLVD"),
    "cleared-hidden": ("SHLVD", "SHLVD"),
    "cleared-latched": ("ACKED", "ACKED"),
    "unhidden": ("SHLVD", "UNACK"),
    "muted": ("UNACK", "DSUPR"),
    "unmuted": ("DSUPR", "UNACK"),
    "hidden-occurrence": ("SHLVD", "NORM"),
}
COMMANDS = {
    "ack": ("UNACK", "ACKED"),
    "unack": ("ACKED", "UNACK"),
    "comment": ("UNACK", "UNACK"),
    "shelve": ("UNACK", "SHLVD"),
    "unshelve": ("SHLVD", "UNACK"),
    "reset": ("ACKED", "NORM"),
    "close": ("UNACK", "ACKED"),
    "close-gone": ("RTNUN", "NORM"),
    "close-acked": ("ACKED", "ACKED"),
}


def line(at_s: float, what: str, alert: str = "A-1", *, priority: int = 2, obj: str = "X", centre: str = "bh") -> Line:
    kind, moves = ("command", COMMANDS) if what in COMMANDS else ("transition", MOVES)
    word = what
    for ending in ("-acked", "-hidden", "-latched", "-gone"):
        word = word.removesuffix(ending)
    at_ms = START_MS + int(at_s * 1000)
    return Line(at_ms, alert, f"rule|{centre}|{obj}", kind, word, priority, *moves[what])


def test_an_hour_that_was_counted_by_hand() -> None:
    lines = [
        line(0, "raised", "A-1", priority=1),
        line(30, "ack", "A-1", priority=1),
        line(600, "closed", "A-1", priority=1),
        line(650, "raised", "A-2", obj="Y", centre="lk"),
        line(700, "escalated", "A-2", priority=1, obj="Y", centre="lk"),
        line(710, "level", "A-2", obj="Y", centre="lk"),
        line(740, "ack", "A-2", obj="Y", centre="lk"),
        line(800, "escalated-acked", "A-2", priority=1, obj="Y", centre="lk"),
        line(810, "ack", "A-2", priority=1, obj="Y", centre="lk"),
        line(1250, "closed", "A-2", obj="Y", centre="lk"),
    ]
    found = measure(lines, START_MS, START_MS + HOUR_MS, positions=2)
    assert (found.announced, found.slots) == (4, [1, 3, 0, 0, 0, 0])
    assert found.rate_per_10min == pytest.approx(4 / 2 / 6)
    assert found.peak_per_10min == 1.5
    assert found.by_priority == {"1": 3, "2": 1}
    assert found.by_centre == {"bh": 1, "lk": 3}
    assert found.acknowledge.all == times([30_000, 90_000, 10_000])
    assert found.acknowledge.by_priority["2"].p50_s == 90
    assert found.acknowledge.by_centre["lk"].p90_s == 90
    assert found.clear.all == times([600_000, 600_000])
    assert [(actor.key, actor.times) for actor in found.bad_actors] == [("rule|lk|Y", 3), ("rule|bh|X", 1)]
    assert found.bad_actors[0].share == 0.75


def test_what_began_before_the_span_ends_in_it() -> None:
    lines = [line(-100, "raised"), line(20, "ack"), line(50, "closed")]
    found = measure(lines, START_MS, START_MS + HOUR_MS)
    assert found.announced == 0
    assert (found.acknowledge.all.p50_s, found.clear.all.p50_s) == (120, 150)
    before = measure(lines, START_MS - HOUR_MS, START_MS)
    assert (before.announced, before.acknowledge.all.n, before.acknowledge.all.p50_s) == (1, 0, None)


def test_a_flood_is_more_than_ten_per_position() -> None:
    def share(number: int, positions: int) -> float:
        lines = [line(n, "raised", f"A-{n}", obj=str(n)) for n in range(number)]
        return measure(lines, START_MS, START_MS + 2 * SLOT_MS, positions).flood_share

    assert (share(10, 1), share(11, 1), share(20, 2), share(21, 2)) == (0, 0.5, 0, 0.5)


def flapping(count: int, every_s: float) -> list[Line]:
    """An object whose episodes are new alerts each time."""
    return [
        made
        for n in range(count)
        for made in (line(n * every_s, "raised", f"A-{n}"), line(n * every_s + 1, "cleared", f"A-{n}"))
    ]


@pytest.mark.parametrize(
    ("count", "every_s", "times_"), [(2, 10, 0), (3, 29, 1), (3, 30, 1), (3, 31, 0), (5, 10, 3), (9, 61, 0)]
)
def test_chattering_is_three_times_within_a_minute(count: int, every_s: float, times_: int) -> None:
    found = measure(flapping(count, every_s), START_MS, START_MS + HOUR_MS).chattering
    assert [actor.times for actor in found] == ([times_] if times_ else [])


def test_what_is_held_because_it_chatters_is_seen_too() -> None:
    held = structs.replace(line(25, "raised", "A-9"), what="chattering", from_state="UNACK")
    found = measure([*flapping(2, 10), held], START_MS, START_MS + HOUR_MS)
    assert [actor.times for actor in found.chattering] == [1]
    assert measure([*flapping(2, 10)], START_MS, START_MS + HOUR_MS).chattering == []


def took_s(*lines: Line) -> list[tuple[str, int | None]]:
    """Words of the lines by which something went away, and after how many seconds."""
    return [(one.what, None if since is None else (one.at_ms - since) // 1000) for one, since in cleared(lines)]


@pytest.mark.parametrize(
    ("whats", "expected"),
    [
        (["raised", "superseded"], []),
        (["raised", "ack", "closed"], [("closed", 20)]),
        (["raised", "cleared", "ack"], [("cleared", 10)]),
        (["raised", "cleared", "re-raised", "cleared"], [("cleared", 10), ("cleared", 10)]),
        (["raised", "shelve", "unhidden", "ack", "closed"], [("closed", 40)]),
        (["raised", "shelve", "cleared-hidden", "hidden-occurrence"], [("cleared", 20)]),
        (["raised", "shelve", "hidden-occurrence"], [("hidden-occurrence", 20)]),
        (["raised-hidden", "cleared-hidden"], [("cleared", 10)]),
        (["raised", "ack", "cleared-latched", "reset"], [("cleared", 20)]),
        (["closed"], [("closed", None)]),
    ],
)
def test_when_a_condition_went_away_and_how_long_it_was_there(
    whats: list[str], expected: list[tuple[str, int | None]]
) -> None:
    assert took_s(*(line(10 * n, what) for n, what in enumerate(whats))) == expected


def test_what_asks_for_somebody() -> None:
    asking = {what for what in (*MOVES, *COMMANDS) if announces(line(0, what))}
    assert asking == {"raised", "re-raised", "escalated", "escalated-acked", "unhidden", "unack", "unshelve", "unmuted"}


def test_who_closes_what_nobody_had_took_notice() -> None:
    assert {what for what in (*MOVES, *COMMANDS) if acknowledges(line(0, what))} == {"ack", "close", "close-gone"}


def test_what_a_person_gives_back_or_takes_from_the_shelf_asks_from_then_on() -> None:
    lines = [line(0, "raised"), line(10, "ack"), line(100, "unack"), line(130, "shelve")]
    lines += [line(200, "unshelve"), line(240, "close")]
    found = measure(lines, START_MS, START_MS + HOUR_MS)
    assert found.announced == 3
    assert found.acknowledge.all == times([10_000, 40_000])


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ([(0, "raised"), (4.999, "muted")], 0),
        ([(0, "raised"), (5, "muted")], 1),
        ([(0, "raised"), (1, "escalated"), (2, "muted")], 0),
        ([(0, "raised"), (1, "muted"), (2, "unmuted"), (60, "muted")], 1),
        ([(0, "raised"), (1, "ack"), (2, "muted")], 1),
        ([(0, "raised"), (60, "escalated"), (61, "muted")], 2),
        ([(0, "raised"), (1, "shelve"), (2, "unshelve"), (3, "muted")], 1),
    ],
)
def test_what_is_muted_within_seconds_was_no_announcement(steps: list[tuple[float, str]], count: int) -> None:
    found = measure([line(at, what) for at, what in steps], START_MS, START_MS + HOUR_MS)
    assert (found.announced, sum(found.slots), sum(found.by_priority.values())) == (count, count, count)
    assert sum(actor.times for actor in found.bad_actors) == count


def test_what_was_muted_after_the_span_is_not_of_it_either() -> None:
    lines = [line(599, "raised"), line(600, "muted")]
    assert [measure(lines, START_MS, START_MS + ms).announced for ms in (SLOT_MS, 2 * SLOT_MS)] == [0, 0]
    assert measure(lines[:1], START_MS, START_MS + SLOT_MS).announced == 1


def test_drills_and_refused_commands_count_nowhere() -> None:
    entry = LogEntry(
        id="x", alert_id="A", key="r|c|o", kind="transition", what="raised", accepted=True, at_ms=1, to_state="UNACK"
    )
    assert line_of(entry) is not None
    assert line_of(structs.replace(entry, exercise="drill")) is None
    assert line_of(structs.replace(entry, accepted=False)) is None
    assert line_of(entry).centre == "c"  # type: ignore[union-attr]


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_quantiles_are_values_that_so_many_are_not_above(values: list[int]) -> None:
    found = times(values)
    if not values:
        assert (found.p50_s, found.p90_s) == (None, None)
        return
    for part, value in ((50, found.p50_s), (90, found.p90_s)):
        assert value is not None
        ms = round(value * 1000)
        assert ms in values
        assert sum(v <= ms for v in values) * 100 >= part * len(values)
        assert sum(v < ms for v in values) * 100 < part * len(values)


HISTORY = st.lists(
    st.tuples(
        st.integers(-3600, 7200),
        st.sampled_from([*MOVES, *COMMANDS]),
        st.integers(0, 15),
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    max_size=60,
)


def made(history: list[tuple[Any, ...]]) -> list[Line]:
    return [line(at, what, f"A-{n}", priority=p, obj=str(n), centre=f"c{c}") for at, what, n, p, c in history]


@given(HISTORY, st.integers(1, 5), st.randoms(use_true_random=False))
def test_parts_add_up_and_order_does_not_matter(
    history: list[tuple[Any, ...]], positions: int, rng: random.Random
) -> None:
    lines = sorted(made(history), key=lambda one: one.at_ms)
    if len({one.at_ms for one in lines}) < len(lines):
        return  # of two lines of one moment the order is the order given
    found = measure(lines, START_MS, START_MS + HOUR_MS, positions)
    assert found.announced == sum(found.slots) == sum(found.by_priority.values()) == sum(found.by_centre.values())
    assert found.acknowledge.all.n == sum(t.n for t in found.acknowledge.by_priority.values())
    assert found.clear.all.n == sum(t.n for t in found.clear.by_centre.values())
    assert 0 <= found.bad_actors_share <= 1
    assert len(found.bad_actors) <= ACTORS_MAX
    halves = [measure(lines, START_MS + a, START_MS + b) for a, b in ((0, HOUR_MS // 2), (HOUR_MS // 2, HOUR_MS))]
    assert sum(half.announced for half in halves) == found.announced
    assert sum(half.acknowledge.all.n for half in halves) == found.acknowledge.all.n
    shuffled = [*lines]
    rng.shuffle(shuffled)
    assert measure(shuffled, START_MS, START_MS + HOUR_MS, positions) == found


def test_counting_lines_that_ask_nobody_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: every transition counts."""
    monkeypatch.setattr(alarm_quality, "announces", lambda one: one.kind == "transition")
    with pytest.raises(AssertionError):
        test_an_hour_that_was_counted_by_hand()


# -- what stands --------------------------------------------------------------------------------------------------


def test_what_stands_now() -> None:
    now_ms = T0_MS + 10 * STALE_AFTER_MS

    def alert(name: str, **changes: Any) -> Any:
        base = structs.replace(an_alert(name, 1), started_ms=now_ms - 1000)
        return structs.replace(base, **changes)

    found = standing(
        [
            alert("fresh"),
            alert("acked", acked=True, state="ACKED", priority=1),
            alert("old", started_ms=now_ms - STALE_AFTER_MS - 1),
            alert("older", started_ms=now_ms - STALE_AFTER_MS - 2),
            alert("a day", started_ms=now_ms - STALE_AFTER_MS),
            alert("gone", active=False, state="RTNUN", started_ms=0),
            alert("closed", active=False, acked=True, closed=True, state="NORM"),
            alert("blind", blind=True),
            alert("muted", muted_by="A-9", state="DSUPR", suppression="by-design"),
            alert("shelved", state="SHLVD", started_ms=0),
            alert("drill", exercise="d"),
        ],
        now_ms,
    )
    assert found.standing == {"1": 1, "2": 5}
    assert found.unacknowledged == 6
    assert (found.blind, found.muted, found.hidden) == (1, 1, {"DSUPR": 1, "SHLVD": 1})
    assert (found.stale_count, found.stale) == (2, ["older", "old"])
