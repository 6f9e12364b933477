"""Nothing is lost between two shifts: after the outgoing signature, in hours without anybody, and while the desk was
down."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain import handover_digest
from ioc.domain.duty import Duty, Shift
from ioc.domain.handover import Handover, Item, Suppressing
from ioc.domain.handover_digest import digest_hash
from ioc.domain.profile import Profile
from ioc.pipeline import shift_book
from ioc.pipeline.handover_book import REFRESH_MS, HandoverBook
from ioc.pipeline.shift_book import SLEPT_MAX, ShiftBook
from tests.pipeline.handover_room import DUTY, END, FIRST, HOUR, PROVINCE, SHIFT_MS, Room, name_of
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, ack, signal

DUE = END + 10 * MIN
DAY = 24 * HOUR


def key(number: int) -> str:
    return KEY.replace("R1", f"R{number}")


def raise_(room: Room, number: int, **more: Any) -> None:
    room.give(signal(key=key(number), since_ms=room.now_ms, observed_ms=room.now_ms, **more))
    room.hear()


def acknowledge(room: Room, number: int, who: str = "lan") -> None:
    one = room.alert(key(number))
    room.give(replace(ack(one.id, one.version), actor=who, command_id=f"a-{number}-{one.version}", key=one.key))
    room.hear()


def end(room: Room, number: int) -> None:
    room.give(signal("off", key=key(number), revision=9, since_ms=room.alert(key(number)).started_ms))
    room.hear()


def added(one: Handover, section: str) -> list[Item]:
    return [item for item in one.addendum.items if item.section == section] if one.addendum else []


def with_shifts(*shifts: Shift, base: Duty = DUTY) -> Profile:
    return replace(PROVINCE, duty=replace(base, rosters=(replace(base.rosters[0], shifts=shifts),)))


# After the outgoing signature ----------------------------------------------------------------------------------------


def test_what_happens_after_the_outgoing_signature_is_read_and_signed_by_the_incoming_one(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    locked = room.handover()
    assert locked.given is not None
    assert (locked.addendum, locked.given.digest_hash) == (None, digest_hash(locked.digest, locked.notes))
    raise_(room, 2)
    raise_(room, 3)
    acknowledge(room, 3)
    end(room, 3)
    acknowledge(room, 1)
    room.go(room.now_ms + REFRESH_MS)
    one = room.handover()
    assert (one.digest, one.given) == (locked.digest, locked.given)
    assert one.addendum is not None
    assert (one.addendum.raised, one.addendum.ended, one.addendum.since_ms) == (2, 1, locked.given.at_ms)
    assert [item.alert_id for item in added(one, "unacknowledged")] == [room.alert(key(2)).id]
    assert [item.alert_id for item in added(one, "acknowledged")] == [room.alert().id], (
        "it stood in the digest otherwise"
    )
    assert [item.alert_id for item in added(one, "ended")] == [room.alert(key(3)).id]
    assert one.addendum.counts["ended"] == 1
    assert (one.digest.raised, one.digest.ended) == (1, 0)
    assert room.take(digest_hash=locked.digest_hash).outcome == "STALE", "that was read before"
    room.go(END + MIN)
    assert room.take().outcome == "DONE"
    one = room.handover()
    assert one.taken is not None
    assert one.taken.digest_hash == digest_hash(one.digest, one.notes, one.addendum, one.given)


def test_the_last_moments_before_the_end_are_in_the_addendum_and_the_first_after_it_are_not(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    room.go(END - 2 * S)
    raise_(room, 2)
    room.go(END + S)
    raise_(room, 3)
    room.go(END + MIN)
    one = room.handover()
    assert [item.alert_id for item in added(one, "unacknowledged")] == [room.alert(key(2)).id]
    assert (one.addendum and one.addendum.raised, one.ended_ms is not None) == (1, True)
    room.go(END + SHIFT_MS - MIN)
    assert room.handover(name_of(1)).digest.raised == 1


def test_what_happens_after_an_early_incoming_signature_is_of_the_next_shift(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    raise_(room, 2)
    assert room.take(digest_hash=room.handover().digest_hash).outcome == "STALE", "made anew for who signs"
    assert room.take().outcome == "DONE"
    raise_(room, 3)
    acknowledge(room, 3)
    end(room, 3)
    room.crash()
    room.go(END + MIN)
    one = room.handover()
    assert one.addendum is not None
    assert (one.state, one.addendum.raised, one.addendum.ended) == ("taken", 1, 0)
    room.go(END + SHIFT_MS - MIN)
    assert (room.handover(name_of(1)).digest.raised, room.handover(name_of(1)).digest.ended) == (1, 1)


def test_no_alert_is_counted_twice_or_never(room: Room) -> None:
    """One alert every seven minutes over three shifts, signed early, late and not at all."""
    raised = 1
    while room.now_ms < END + 3 * SHIFT_MS:
        raised += 1
        raise_(room, raised)
        room.go(room.now_ms + 7 * MIN)
        if END - 20 * MIN < room.now_ms < END - 13 * MIN:
            room.do("give")
        if END - 13 * MIN < room.now_ms < END - 6 * MIN:
            room.take()
            room.take()
        if END + SHIFT_MS - 20 * MIN < room.now_ms < END + SHIFT_MS - 13 * MIN:
            room.do("give", of=name_of(1))
        if END + SHIFT_MS < room.now_ms < END + SHIFT_MS + 7 * MIN:
            room.crash()
    shown = [room.handover(name_of(number)) for number in range(4)]
    assert [one.state for one in shown] == ["taken", "missed", "draft", "draft"]
    counted = sum(one.digest.raised + (one.addendum.raised if one.addendum else 0) for one in shown)
    running = sum(one.tally.raised for one in room.hand.book.shifts.running.values())
    assert counted + running == raised


def test_drills_and_the_alert_of_the_signature_are_in_no_addendum(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    room.give(signal(key=key(2), exercise="tập"))
    room.hear()
    room.go(DUE + MIN)
    assert len(room.unsigned()) == 1
    assert room.handover().addendum is None


def test_it_does_not_change_after_the_next_shift_began(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    raise_(room, 2)
    room.go(END + MIN)
    one = room.handover()
    acknowledge(room, 2)
    room.go(END + 5 * MIN)
    assert room.handover() == one


def test_hours_without_anybody_are_in_the_addendum() -> None:
    room = Room(with_shifts(DUTY.rosters[0].shifts[0]))
    room.give(signal())
    room.go(T + MIN)
    room.go(END + MIN)
    assert room.handover().addendum is None
    raise_(room, 2)
    acknowledge(room, 2)
    end(room, 2)
    room.go(END + 16 * HOUR + MIN)
    one = room.handover()
    assert one.addendum is not None
    assert (one.addendum.raised, one.addendum.ended, len(added(one, "ended"))) == (1, 1, 1)
    assert room.do("give", digest_hash=one.digest_hash).outcome == "DONE"
    assert room.take().outcome == "DONE"
    room.go(END + 24 * HOUR - MIN)
    assert room.handover(f"H-ban-{(END + DAY) // S}").digest.raised == 0, "counted before"


def test_hours_without_anybody_after_a_quiet_shift_are_counted_in_the_next_one() -> None:
    room = Room(with_shifts(DUTY.rosters[0].shifts[0]))
    room.go(T + MIN)
    room.go(END + MIN)
    assert room.handovers() == {}
    raise_(room, 2)
    acknowledge(room, 2)
    end(room, 2)
    room.crash()
    room.go(END + 16 * HOUR + MIN)
    room.go(END + 24 * HOUR - MIN)
    digest = room.handover(f"H-ban-{(END + DAY) // S}").digest
    assert (digest.raised, digest.ended) == (1, 1)


# While the desk was down ----------------------------------------------------------------------------------------------


def wake(room: Room, at_ms: int) -> None:
    """The desk was down until then; alerting was not."""
    room.flush()
    room.now_ms = at_ms
    room.crash()
    room.go(at_ms + S)


def missed_lines(room: Room) -> list[tuple[str, str]]:
    return [(entry.alert_id, entry.reason) for entry in room.log if entry.what == "handover-missed"]


def test_a_shift_that_the_desk_slept_through_has_a_late_handover_that_asks(room: Room) -> None:
    wake(room, END + SHIFT_MS + 30 * MIN)
    first, second = room.handover(), room.handover(name_of(1))
    assert (first.state, second.state) == ("missed", "draft")
    assert second.ended_ms is not None
    assert second.ended_ms > second.shift_end_ms
    assert second.digest.counts["unacknowledged"] == 1
    assert (second.outgoing, second.incoming) == (("Binh",), ("Chi",))
    assert [one.key for one in room.unsigned()] == [f"handover-unsigned|north|{name_of(1)}"]
    assert missed_lines(room) == [(FIRST, "NOT_SIGNED")]
    assert room.take(of=name_of(1)).outcome == "DONE"


@pytest.mark.parametrize(
    ("late_ms", "shown"), [(9 * MIN, set()), (11 * MIN, {FIRST}), (SHIFT_MS + MIN, {FIRST, name_of(1)})]
)
def test_of_a_quiet_shift_nobody_knows_when_the_desk_was_away_at_its_end(late_ms: int, shown: set[str]) -> None:
    room = Room()
    room.go(T + MIN)
    wake(room, END + late_ms)
    assert set(room.handovers()) == shown


def test_what_happened_meanwhile_counts_in_the_shift_in_which_it_happened(room: Room) -> None:
    room.flush()
    room.crash()
    for at_ms, number in ((END - HOUR, 2), (END + HOUR, 3), (END + 2 * HOUR, 4), (END + SHIFT_MS + MIN, 5)):
        room.now_ms = at_ms
        room.give(signal(key=key(number), since_ms=at_ms, observed_ms=at_ms))
    wake(room, END + SHIFT_MS + 30 * MIN)
    assert [room.handover(name_of(number)).digest.raised for number in (0, 1)] == [2, 2]
    room.go(END + 2 * SHIFT_MS - MIN)
    assert room.handover(name_of(2)).digest.raised == 1


def test_after_a_week_the_handovers_are_few_and_the_log_says_how_many_shifts_there_were(room: Room) -> None:
    wake(room, END + 7 * DAY + 30 * MIN)
    shown = room.handovers()
    assert len(shown) == SLEPT_MAX + 1, "and the one that was running when it stopped"
    newest = [name_of(21 - n) for n in range(SLEPT_MAX)]
    assert set(shown) == {FIRST, *newest}
    assert [one.state for _, one in sorted(shown.items())].count("draft") == 1
    assert len(room.unsigned()) == 1
    [line] = [entry for entry in room.log if entry.reason == "DESK_DOWN"]
    assert (line.alert_id, line.key) == (name_of(1), f"handover|{name_of(1)}")
    assert line.detail == f"shifts={20 - SLEPT_MAX + 1} last={name_of(21 - SLEPT_MAX)}"
    said = len(room.log)
    wake(room, room.now_ms + MIN)
    room.go(room.now_ms + MIN)
    assert (len(room.log), set(room.handovers())) == (said, set(shown)), "once"
    room.go(room.now_ms + 71 * HOUR)
    assert name_of(19) in room.handovers(), "what was missed while it slept stays readable for its time"


def test_a_first_start_and_a_new_table_notice_nothing_of_before() -> None:
    room = Room(replace(PROVINCE, duty=replace(DUTY, handover=None)))
    room.give(signal())
    room.go(T + MIN)
    room.go(END + 3 * DAY)
    assert room.handovers() == {}
    room.profile = PROVINCE
    room.desk.use(PROVINCE, room.now_ms)
    room.go(room.now_ms + MIN)
    assert (room.handovers(), missed_lines(room)) == ({}, [])


def test_a_clock_that_was_days_ahead_stops_nothing(room: Room) -> None:
    room.go(T + 9 * DAY)
    assert len(room.handovers()) == SLEPT_MAX + 1
    room.go(END - MIN)
    room.go(END - MIN + S)
    assert set(room.handovers()) == {FIRST}, "what is far ahead is forgotten, or those shifts would have none later"
    room.go(END + MIN)
    room.go(END + SHIFT_MS - MIN)
    assert room.handover(name_of(1)).state == "draft"
    wake(room, END + 2 * SHIFT_MS + 30 * MIN)
    assert name_of(2) in room.handovers(), "sleeping is noticed again"


# Planted mistakes -----------------------------------------------------------------------------------------------------


def _no_addendum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HandoverBook, "_append", lambda *_: None)


def _hands_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ShiftBook.stop
    monkeypatch.setattr(ShiftBook, "stop", lambda self, name, **_: real(self, name))


def _counts_on_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShiftBook, "lock", lambda *_, **__: None)


def _never_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShiftBook, "_slept", lambda *_: [])


def _without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_book, "SLEPT_MAX", 100)


def _leaves_what_closed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = handover_digest.Later.note
    monkeypatch.setattr(
        handover_digest.Later, "note", lambda self, before, now: None if now.closed else real(self, before, now)
    )


@pytest.mark.parametrize(
    ("mistake", "test"),
    [
        (_no_addendum, test_what_happens_after_the_outgoing_signature_is_read_and_signed_by_the_incoming_one),
        (
            _leaves_what_closed_out,
            test_what_happens_after_the_outgoing_signature_is_read_and_signed_by_the_incoming_one,
        ),
        (_counts_on_in_the_digest, test_no_alert_is_counted_twice_or_never),
        (_hands_nothing_on, test_no_alert_is_counted_twice_or_never),
        (_never_wakes, test_a_shift_that_the_desk_slept_through_has_a_late_handover_that_asks),
        (_without_bound, test_after_a_week_the_handovers_are_few_and_the_log_says_how_many_shifts_there_were),
    ],
)
def test_a_planted_mistake_is_found(room: Room, mistake: Any, test: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake(monkeypatch)
    with pytest.raises((AssertionError, ValueError, KeyError)):
        test(room)


@pytest.mark.parametrize(("version", "late_ms", "counts"), [(1, 0, True), (2, 0, True), (2, MIN, False)])
def test_what_is_hidden_from_its_first_moment_counts_as_raised(
    room: Room, version: int, late_ms: int, counts: bool
) -> None:
    """Of such the second version is heard first; an alert that the desk hears of late is none."""
    shifts, now_ms = room.hand.book.shifts, room.now_ms
    [before] = [tally.raised for tally in shifts._tallies(now_ms)]
    [known] = room.alerting.alerts.values()
    shifts.heard(None, replace(known, id="A-9", version=version, raised_ms=now_ms, updated_ms=now_ms + late_ms))
    [after] = [tally.raised for tally in shifts._tallies(now_ms)]
    assert after - before == counts


def test_a_silence_that_is_over_before_anybody_signs_for_it_leaves_the_addendum(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    begun_ms = room.now_ms
    room.in_force = (
        Suppressing(kind="silence", id="S-1", about="rules=a", why_vi="x", since_ms=begun_ms, until_ms=begun_ms + HOUR),
    )
    room.go(END - 9 * MIN)
    assert room.handover().addendum is not None
    signed_for = room.handover().digest_hash
    room.in_force = ()
    room.go(END - 8 * MIN)
    assert (room.handover().addendum, room.handover().digest_hash != signed_for) == (None, True)
    assert room.take().outcome == "DONE"
