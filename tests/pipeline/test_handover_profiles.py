"""Another profile takes no signature away, and leaves what was written to its end."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain.profile import Profile
from ioc.domain.shift_times import ShiftTime
from ioc.pipeline.handover_book import REFRESH_MS, HandoverBook
from ioc.pipeline.shift_calendar import Calendar
from tests.pipeline.handover_room import DUTY, END, FIRST, HOUR, PROVINCE, SHIFT_MS, Room
from tests.pipeline.small_province import MIN, S
from tests.pipeline.test_handover_gaps import DUE, missed_lines, raise_, with_shifts


def other_start(hours: int) -> Profile:
    first, second, third = DUTY.rosters[0].shifts
    return with_shifts(replace(first, start=f"{hours:02}:00"), second, replace(third, end=f"{hours:02}:00"))


@pytest.mark.parametrize("hours", [5, 7, 13])
@pytest.mark.parametrize("restart", [False, True])
def test_a_start_that_moves_leaves_the_draft_with_notes_alive(room: Room, hours: int, restart: bool) -> None:
    room.go(END - 20 * MIN)
    room.do("note", text="x")
    room.profile = other_start(hours)
    if restart:
        room.flush()
        room.crash()
    else:
        room.desk.use(room.profile, room.now_ms)
    room.go(room.now_ms + MIN)
    raise_(room, 2)
    room.go(room.now_ms + MIN)
    one = room.handover()
    assert (one.digest.counts["unacknowledged"], one.digest.raised, len(one.notes)) == (2, 2, 1)
    assert one.shift_start_ms == END - (14 - hours) * HOUR
    room.go(END + MIN)
    assert (room.handover().ended_ms is not None, room.take().outcome) == (True, "DONE")
    assert list(room.handovers()) == [FIRST]


def test_a_start_that_moves_and_a_clock_that_is_set_back_judge_no_shift_twice(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("note", text="x")
    room.go(END + MIN)
    before = room.handover()
    room.profile = other_start(7)
    room.desk.use(room.profile, room.now_ms)
    room.go(END - MIN)
    raise_(room, 2)
    room.go(END - MIN + 2 * REFRESH_MS)
    assert room.handover() == before
    room.go(END + MIN)
    assert room.handover() == before


def test_an_end_that_moves_leaves_what_was_written_to_its_own_end(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("note", text="x")
    first, second, third = DUTY.rosters[0].shifts
    room.profile = with_shifts(replace(first, end="15:00"), replace(second, start="15:00"), third)
    room.desk.use(room.profile, room.now_ms)
    room.go(END - 10 * MIN)
    raise_(room, 2)
    room.go(END + MIN)
    one = room.handover()
    assert (one.digest.raised, one.ended_ms is not None) == (2, True)
    room.go(END + HOUR - MIN)
    assert set(room.handovers()) == {FIRST, f"H-ban-{(END + HOUR) // S}"}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("other", ["no table", "another roster"])
def test_what_was_signed_is_never_erased_by_the_profile(room: Room, other: str, restart: bool) -> None:
    room.go(END - 20 * MIN)
    room.do("note", text="x")
    given = room.do("give")
    roster = replace(DUTY.rosters[0], id="khac")
    setup = None if other == "no table" or DUTY.handover is None else replace(DUTY.handover, roster="khac")
    room.profile = replace(PROVINCE, duty=replace(DUTY, rosters=(*DUTY.rosters, roster), handover=setup))
    if restart:
        room.flush()
        room.crash()
    else:
        room.desk.use(room.profile, room.now_ms)
    room.go(room.now_ms + MIN)
    raise_(room, 2)
    room.go(END + MIN)
    one = room.handover()
    assert (one.state, one.given and one.given.at_ms) == ("given", given.at_ms)
    assert (one.ended_ms is not None, one.addendum and one.addendum.raised) == (True, 1)
    room.go(DUE + MIN)
    assert f"handover-unsigned|north|{FIRST}" in [alert.key for alert in room.unsigned()], "it is owed still"
    assert room.take().outcome == "DONE"
    room.go(room.now_ms + MIN)
    assert f"handover-unsigned|north|{FIRST}" not in [alert.key for alert in room.unsigned()]
    signed = room.handover()
    room.profile = replace(PROVINCE, duty=replace(DUTY, handover=None))
    room.desk.use(room.profile, room.now_ms)
    room.go(room.now_ms + 2 * HOUR)
    assert room.handover() == signed


def test_a_half_signed_one_without_a_table_is_missed_in_its_time_and_said_so(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("give")
    room.desk.use(replace(PROVINCE, duty=replace(DUTY, handover=None)), room.now_ms)
    room.go(DUE + SHIFT_MS + S)
    assert (room.handover().state, missed_lines(room)) == ("missed", [(FIRST, "NOT_SIGNED")])


def test_a_draft_that_goes_with_the_table_is_said_when_somebody_wrote_in_it(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.do("note", text="x")
    room.desk.use(replace(PROVINCE, duty=replace(DUTY, handover=None)), room.now_ms)
    room.go(room.now_ms + MIN)
    assert room.handovers() == {}
    [line] = [entry for entry in room.log if entry.what == "handover-dropped"]
    assert (line.alert_id, line.reason, line.accepted) == (FIRST, "NOT_IN_PROFILE", True)


@pytest.mark.parametrize("restart", [False, True])
def test_a_profile_that_erases_signatures_is_found(room: Room, restart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    real = HandoverBook._follow_calendar

    def follow(self: HandoverBook, now_ms: int) -> object:
        if not self.shifts.calendar.used:
            self.handovers = {name: one for name, one in self.handovers.items() if one.state == "taken"}
        return real(self, now_ms)

    monkeypatch.setattr(HandoverBook, "_follow_calendar", follow)
    with pytest.raises((AssertionError, KeyError)):
        test_what_was_signed_is_never_erased_by_the_profile(room, "no table", restart)


def test_a_draft_that_freezes_is_found(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Calendar.same

    def same(self: Calendar, shift: ShiftTime, name: str) -> ShiftTime | None:
        found = real(self, shift, name)
        return found if found is not None and found.start_ms == shift.start_ms else None

    monkeypatch.setattr(Calendar, "same", same)
    with pytest.raises(AssertionError):
        test_a_start_that_moves_leaves_the_draft_with_notes_alive(room, 7, False)
