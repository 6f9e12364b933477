"""How long answers to commands are remembered: noise pushes out nothing that somebody may still ask for again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.alerts import LogEntry
from ioc.pipeline import answered
from ioc.pipeline.answered import BYTES_MAX, EFFECTIVE_KEPT, KEPT_MS, OTHERS_KEPT, Answered
from ioc.wire.codec import encode
from tests.pipeline.life_room import TARGET, Room, a_room
from tests.pipeline.small_province import MIN, T
from tests.pipeline.test_alerting import ack, signal

PEOPLE = [f"người-{number}" for number in range(16)]
Given = tuple[int, bool, int]  # milliseconds since the one before, effective, characters of its note
givens = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1_000, 60_000, KEPT_MS - 1, KEPT_MS, -5_000_000, 3_600_000]),
        st.booleans(),
        st.sampled_from([1, 1, 60_000, 120_000, BYTES_MAX]),
    ),
    max_size=60,
)


@pytest.fixture
def room() -> Room:
    return a_room()


def noise(room: Room, each: int) -> None:
    """Everybody gives commands of both kinds."""
    for _ in range(each):
        for who in PEOPLE:
            room.do("ack", who=who)
            room.do("comment", who=who, note="x")


# ---- what people see ---------------------------------------------------------------------------------------------


def test_whoever_won_hears_so_again_whatever_came_since(room: Room) -> None:
    command = room.command("ack")
    room.give(command)
    won = room.last
    noise(room, 5)
    room.give(command)
    assert room.last == won
    room.restart()
    room.give(command)
    assert (room.last, room.last.outcome) == (won, "DONE")


def test_a_comment_stands_once(room: Room) -> None:
    command = room.command("comment", note="một lần")
    room.give(command)
    noise(room, 5)
    comments = room.alert.comments
    room.give(command)
    assert room.alert.comments == comments


def test_what_had_an_effect_outlives_what_had_none(room: Room) -> None:
    command = room.command("comment", note="một lần")
    room.give(command)
    done = room.last
    room.do("ack")
    for _ in range(4):
        room.tick(KEPT_MS)
        for who in PEOPLE * 3:
            room.do("ack", who=who)
    room.give(command)
    assert room.last == done


def test_mismatches_push_out_nothing(room: Room) -> None:
    command = room.command("ack")
    room.give(command)
    won = room.last
    ids = set()
    for number in range(3 * (EFFECTIVE_KEPT + OTHERS_KEPT)):
        room.now_ms += KEPT_MS // 10
        room.give(replace(command, note=f"x{number % 3}"))
        assert room.last.outcome == "MISMATCH"
        ids.add(room.last.id)
    assert len(ids) == 3 * (EFFECTIVE_KEPT + OTHERS_KEPT), "two lines never share an id"
    room.give(command)
    assert room.last == won
    assert b"MISMATCH" not in room.topic[f"@cmd/{TARGET}"]


def test_records_of_before_are_read_without_their_mismatches(room: Room) -> None:
    command = room.command("ack")
    room.give(command)
    won = room.last
    wrong = [replace(won, id=f"{won.id}/{number}", outcome="MISMATCH", digest=f"{number}") for number in range(32)]
    room.topic[f"@cmd/{TARGET}"] = encode([*wrong, won])
    room.restart()
    room.give(command)
    assert room.last == won
    room.give(replace(command, note="khác"))
    assert room.last.outcome == "MISMATCH"


# ---- beside a plain model ----------------------------------------------------------------------------------------


def answer(number: int, at_ms: int, effective: bool, length: int) -> LogEntry:
    outcome = "DONE" if effective else "ALREADY_ACKED"
    return LogEntry(
        id=f"A/command/{number}", alert_id="A", key="k", kind="command", what="comment", accepted=effective,
        at_ms=at_ms, command_id=f"{number}", digest="d", outcome=outcome, note="x" * length,  # type: ignore[arg-type]
    )  # fmt: skip


def remembered(memory: Answered) -> list[str]:
    return [entry.command_id or "" for entry in memory.of("A")]


def follow(story: list[Given], restart_at: int) -> None:
    """Give answers one after the other; a plain list, thinned by the rules in words, has to have the same."""
    memory, now_ms, plain = Answered(), T, []
    for number, (later_ms, effective, length) in enumerate(story):
        now_ms += later_ms
        entry = answer(number, now_ms, effective, length)
        memory.remember(entry, known=True)
        plain.append(entry)
        for kind, most in ((True, EFFECTIVE_KEPT), (False, OTHERS_KEPT)):
            those = [one for one in plain if one.accepted is kind]
            for one in those[: max(0, len(those) - most)]:
                if one.at_ms + KEPT_MS <= now_ms:
                    plain.remove(one)
        while sum(len(encode(one)) + 1 for one in plain) > BYTES_MAX and len(plain) > 1:
            without = [one for one in plain[:-1] if not one.accepted]
            plain.remove((without or plain)[0])
        assert remembered(memory) == [one.command_id for one in plain]
        if number == restart_at:
            [(name, value)] = memory.take_dirty()
            assert value is not None
            assert len(value) <= BYTES_MAX + 1 or len(plain) == 1
            memory = Answered()
            memory.load(name, value)
        told = story_so_far(story, number)
        if sum(size for _, _, size in told) <= BYTES_MAX and now_ms == max(at_ms for _, at_ms, _ in told):
            young = {name for name, at_ms, _ in told if at_ms > now_ms - KEPT_MS}
            assert young <= set(remembered(memory)), "forgotten too early"


def story_so_far(story: list[Given], number: int) -> list[tuple[str, int, int]]:
    """Command id, time and size of everything that was given."""
    found, now_ms = [], T
    for place, (later_ms, effective, length) in enumerate(story[: number + 1]):
        now_ms += later_ms
        found.append((f"{place}", now_ms, len(encode(answer(place, now_ms, effective, length))) + 1))
    return found


@settings(max_examples=150, deadline=None)
@given(givens, st.integers(0, 60))
def test_the_memory_is_that_of_a_plain_list(story: list[Given], restart_at: int) -> None:
    follow(story, restart_at)


def many() -> list[Given]:
    """A crowd within ten minutes, then quiet, then a crowd again; and long notes at the end."""
    crowd = [(1_000, number % 3 == 0, 1) for number in range(250)]
    return [*crowd, (KEPT_MS, True, 1), *crowd, *[(0, number % 2 == 0, 60_000) for number in range(12)]]


def test_a_crowd_is_remembered_for_ten_minutes() -> None:
    follow(many(), 300)
    memory = Answered()
    for number in range(300):
        memory.remember(answer(number, T + number, number % 2 == 0, 1), known=True)
    assert len(remembered(memory)) == 300
    memory.remember(answer(300, T + KEPT_MS + MIN, True, 1), known=True)
    assert len(remembered(memory)) == EFFECTIVE_KEPT + OTHERS_KEPT


def test_an_answer_has_the_size_that_the_document_says(room: Room) -> None:
    room.do("ack", note="đã báo đội trực, đang cử người ra hiện trường")
    [entry] = msgspec.json.decode(room.topic[f"@cmd/{TARGET}"], type=list[LogEntry])
    assert 400 < len(encode(entry)) < 700


def test_unknown_alerts_are_bounded_too(room: Room) -> None:
    command = ack("A-0", 1, command_id="first")
    room.give(command)
    first = room.last
    for number in range(5 * OTHERS_KEPT):
        room.give(ack("A-0", 1, command_id=f"u{number}"))
    room.give(command)
    assert room.last == first
    room.tick(KEPT_MS)
    room.give(signal(revision=2), ack("A-0", 1, command_id="last"))
    assert len(msgspec.json.decode(room.topic["@cmd/?"])) == OTHERS_KEPT


# ---- the checks can fail -----------------------------------------------------------------------------------------


def _by_number(kept: list[answered.Kept], now_ms: int) -> set[int]:
    return set(range(len(kept) - OTHERS_KEPT))


def _never(kept: list[answered.Kept], now_ms: int) -> set[int]:
    return set()


def _the_oldest_first(kept: list[answered.Kept], now_ms: int) -> set[int]:
    over, found = sum(one.size for one in kept) - BYTES_MAX, set()
    for place, one in enumerate(kept[:-1]):
        if over > 0:
            found.add(place)
            over -= one.size
    return found


@pytest.mark.parametrize("wrong", [_by_number, _never, _the_oldest_first])
def test_a_wrong_memory_is_found(
    wrong: Callable[[list[answered.Kept], int], set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered, "leaving", wrong)
    with pytest.raises(AssertionError):
        follow(many(), 300)
