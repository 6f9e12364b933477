"""The handover on the desk: drafts, notes, signatures, and the alert when nobody signs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain.duty import Shift
from ioc.domain.handover import Suppressing
from ioc.domain.handover_digest import digest_hash
from ioc.domain.handover_setup import HandoverSetup
from ioc.domain.handover_signing import NOTES_MAX
from ioc.domain.matcher import Matcher
from ioc.domain.profile import Profile
from ioc.pipeline import cap_messages, desk_escalation
from ioc.pipeline.desk import make_desk
from ioc.pipeline.desk_handover import RETRY_MS, HandoverPart
from ioc.pipeline.handover_book import KEPT_MS, REFRESH_MS
from tests.pipeline.handover_room import DUTY, END, FIRST, HOUR, PROVINCE, SHIFT_MS, Room, name_of
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, ack, signal

DUE = END + 10 * MIN


def silence(now_ms: int) -> Suppressing:
    return Suppressing(kind="silence", id="S-1", about="rules=a", why_vi="x", since_ms=now_ms, until_ms=now_ms + HOUR)


def acknowledge(room: Room) -> None:
    room.give(ack(room.alert().id, room.alert().version))
    room.hear()


def test_the_desk_has_the_part() -> None:
    assert [type(part) for part in make_desk(PROVINCE).parts][-1] is HandoverPart


# Drafts ---------------------------------------------------------------------------------------------------------------


def test_a_draft_appears_half_an_hour_before_the_end_and_is_made_anew(room: Room) -> None:
    room.go(END - 30 * MIN - S)
    assert room.handovers() == {}
    room.go(END - 30 * MIN + S)
    draft = room.handover()
    assert (draft.state, draft.outgoing, draft.incoming) == ("draft", ("An",), ("Binh",))
    assert (draft.shift_start_ms, draft.shift_end_ms, draft.due_ms) == (END - SHIFT_MS, END, DUE)
    assert draft.missed_ms == DUE + SHIFT_MS
    assert (draft.digest.raised, draft.digest.counts["unacknowledged"]) == (1, 1)
    acknowledge(room)
    room.tick(S)
    assert room.handover() == draft, "it is fresh"
    room.tick(REFRESH_MS)
    after = room.handover()
    assert (after.digest.counts["unacknowledged"], after.digest.counts["acknowledged"]) == (0, 1)
    assert after.digest.acknowledge_p50_s is not None
    assert after.digest_hash == digest_hash(after.digest, ()) != draft.digest_hash


def test_a_draft_is_written_only_when_it_changed(room: Room) -> None:
    room.go(END - 20 * MIN)
    room.flush()
    for _ in range(20):
        room.now_ms += REFRESH_MS
        room.desk.tick(room.now_ms)
        assert [key for key, _ in room.desk.take_dirty() if key.startswith("handover/")] == []


def test_after_the_end_it_stays_as_it_was(room: Room) -> None:
    room.go(END - MIN)
    room.go(END + S)
    last = room.handover()
    acknowledge(room)
    room.go(END + 5 * MIN)
    assert room.handover() == last
    assert last.digest.counts["unacknowledged"] == 1


def test_a_shift_without_anything_hands_nothing_over() -> None:
    room = Room()
    room.go(END - MIN)
    assert room.handover().state == "draft"
    room.go(END + S)
    assert room.handovers() == {}
    room.go(DUE + S)
    assert room.unsigned() == []


@pytest.mark.parametrize("what", ["alert", "silence", "note", "give"])
def test_what_makes_a_shift_hand_over(what: str) -> None:
    room = Room()
    room.go(END - MIN)
    if what == "alert":
        room.give(signal())
    elif what == "silence":
        room.in_force = (silence(room.now_ms),)
    else:
        assert room.do(what, text="x").outcome == "DONE"
    room.go(END - S)
    room.in_force = ()
    room.go(DUE + S)
    assert [one.key for one in room.unsigned()] == [f"handover-unsigned|north|{FIRST}"]


def test_drills_and_alerts_of_the_centre_itself_make_none() -> None:
    room = Room()
    room.give(signal(exercise="tập"))
    room.go(END - MIN)
    assert room.handover().digest.raised == 0
    room.go(END + S)
    assert room.handovers() == {}


def test_without_a_table_nobody_hands_over(room: Room) -> None:
    room.go(DUE + MIN)
    room.do("note", text="x")
    assert len(room.unsigned()) == 1
    room.desk.use(replace(PROVINCE, duty=replace(DUTY, handover=None)), room.now_ms)
    room.go(DUE + 2 * MIN)
    assert (room.handovers(), room.unsigned()) == ({}, [])
    room.go(END + SHIFT_MS)
    assert room.handovers() == {}


def test_a_desk_that_was_away_over_the_end_makes_the_draft_when_it_comes_back(room: Room) -> None:
    room.now_ms = END + 3 * MIN
    room.crash()
    room.tick()
    assert (room.handover().state, room.handover().digest.counts["unacknowledged"]) == ("draft", 1)
    assert room.unsigned() == []


def test_another_roster_of_hours_takes_the_empty_draft_along(room: Room) -> None:
    room.go(END - MIN)
    shifts = (replace(DUTY.rosters[0].shifts[0], end="15:00"), *DUTY.rosters[0].shifts[1:])
    later = replace(DUTY, rosters=(replace(DUTY.rosters[0], shifts=shifts),))
    room.desk.use(replace(PROVINCE, duty=later), room.now_ms)
    room.go(END - 5 * S)
    # From 14:00 to 15:00 both are on duty: that is a shift too, so 14:00 is still an end.
    assert list(room.handovers()) == [FIRST]
    shifts = (shifts[0], replace(shifts[1], start="15:00"), shifts[2])
    room.desk.use(replace(PROVINCE, duty=replace(DUTY, rosters=(replace(later.rosters[0], shifts=shifts),))), END - S)
    room.tick()
    assert room.handovers() == {}
    room.go(END + HOUR - MIN)
    assert list(room.handovers()) == [f"H-ban-{(END + HOUR) // S}"]


def test_over_a_gap_the_next_shift_has_the_time_to_sign() -> None:
    shifts = (DUTY.rosters[0].shifts[0],)
    room = Room(replace(PROVINCE, duty=replace(DUTY, rosters=(replace(DUTY.rosters[0], shifts=shifts),))))
    room.give(signal())
    room.go(T + MIN)
    room.go(END + MIN)
    one = room.handover()
    assert (one.incoming, one.due_ms, one.missed_ms) == (
        ("An",), END + 16 * HOUR + 10 * MIN, END + 40 * HOUR + 10 * MIN,
    )  # fmt: skip


# Commands -------------------------------------------------------------------------------------------------------------


def test_notes_then_both_sign(room: Room) -> None:
    room.go(END - 5 * MIN)
    assert (room.do("note", text=" Đỉnh triều 17:40.\nTheo dõi. ").reason, len(room.handover().notes)) == ("NOTED", 1)
    assert room.handover().notes[0].text == "Đỉnh triều 17:40.\nTheo dõi."
    assert room.take().reason == "NOT_GIVEN"
    given = room.do("give")
    one = room.handover()
    assert one.given is not None
    assert (given.outcome, given.reason, given.detail) == ("DONE", "GIVEN", f"digest={one.given.digest_hash}")
    assert (given.key, given.what, given.alert_id) == (f"handover|{FIRST}", "handover-give", FIRST)
    assert (one.state, one.given and one.given.actor) == ("given", "lan")
    assert room.do("note", text="x").reason == "LOCKED"
    assert room.take(who="lan").reason == "SAME_PERSON"
    assert (room.take(digest_hash="0" * 64).outcome, room.take(digest_hash="").outcome) == ("STALE", "STALE")
    room.give(signal(key=KEY.replace("R1", "R2")))
    room.go(END - MIN)
    after = room.handover()
    assert (after.digest, after.notes, after.given) == (one.digest, one.notes, one.given), "locked"
    taken = room.take()
    one = room.handover()
    assert (taken.outcome, one.state, one.taken and one.taken.actor) == ("DONE", "taken", "hung")
    again = room.take(who="minh")
    assert (again.outcome, again.by, again.by_at_ms) == ("ALREADY", "hung", taken.at_ms)
    again = room.do("give", who="minh")
    assert (again.outcome, again.by, again.by_at_ms) == ("ALREADY", "lan", given.at_ms)
    room.go(DUE + MIN)
    assert room.unsigned() == []


def test_who_gives_signs_for_what_was_read(room: Room) -> None:
    room.go(END - MIN)
    read = room.handover().digest_hash
    room.give(signal(key=KEY.replace("R1", "R2")))
    room.hear()
    answer = room.do("give", digest_hash=read)
    assert (answer.outcome, answer.reason) == ("STALE", "DIGEST_CHANGED")
    assert room.do("give", digest_hash=room.handover().digest_hash).outcome == "DONE"


def test_nobody_signs_before_a_desk_that_starts_has_read_everything(room: Room) -> None:
    room.go(END - 10 * MIN)
    read = room.handover().digest_hash
    room.now_ms = END + 3 * MIN
    room.crash()
    answer = room.do("take", "hung", digest_hash=read)
    assert (answer.outcome, answer.reason) == ("REFUSED", "STARTING")
    room.tick()
    assert room.take().outcome == "DONE"


def test_a_swap_in_the_running_shift_keeps_its_counts_and_its_draft_alive(room: Room) -> None:
    room.go(END - 20 * MIN)
    assert room.do("note", text="xem triều").outcome == "DONE"
    swapped = Shift(people=("chi",), start="06:00", end="14:00")
    roster = replace(DUTY.rosters[0], shifts=(swapped, *DUTY.rosters[0].shifts[1:]))
    room.desk.use(replace(PROVINCE, duty=replace(DUTY, rosters=(roster,))), room.now_ms)
    room.give(signal(key=KEY.replace("R1", "R2")))
    room.go(END - MIN)
    draft = room.handover()
    assert (draft.outgoing, draft.digest.raised, draft.digest.counts["unacknowledged"]) == (("Chi",), 2, 2)
    assert len(draft.notes) == 1


def test_who_signs_last_before_the_end_signs_for_what_is_then(room: Room) -> None:
    room.go(END - 5 * MIN)
    acknowledge(room)
    assert room.do("give").outcome == "DONE"
    assert room.handover().digest.counts["acknowledged"] == 1


def test_without_an_outgoing_signature_the_next_shift_signs_alone_after_the_end(room: Room) -> None:
    room.go(END + MIN)
    read = room.handover().digest_hash
    assert room.do("note", who="hung", text="không ai giao").outcome == "DONE"
    assert room.take(digest_hash=read).reason == "DIGEST_CHANGED"
    assert room.take().outcome == "DONE"
    one = room.handover()
    assert (one.state, one.given) == ("taken", None)
    assert (room.do("give").outcome, room.do("give").by) == ("ALREADY", "hung")


def test_what_is_refused(room: Room) -> None:
    room.go(END - MIN)
    assert (room.do("note", text="x", role="leader").outcome, room.do("give", role="").outcome) == (
        "FORBIDDEN", "FORBIDDEN",
    )  # fmt: skip
    assert room.do("give", of="H-none").outcome == "NOT_FOUND"
    assert room.do("give", sent_ms=room.now_ms - 300_001).reason == "TOO_OLD"
    assert (room.do("give", who="").reason, room.do("give", command_id="").reason) == ("NO_ACTOR", "NO_COMMAND_ID")
    texts = {" ": "NO_REASON", "a\x00b": "BAD_TEXT", "x" * 501: "LONG_REASON"}
    assert {text: room.do("note", text=text).reason for text in texts} == texts
    assert room.do("note", text="x", role="admin").outcome == "DONE"
    for _ in range(NOTES_MAX - 1):
        room.do("note", text="x")
    assert (room.do("note", text="x").reason, len(room.handover().notes)) == ("TOO_MANY", NOTES_MAX)


def test_the_same_command_has_the_same_answer_also_after_a_restart(room: Room) -> None:
    room.go(END - MIN)
    given = room.do("give", command_id="c-9")
    assert room.do("give", command_id="c-9") == given
    room.crash()
    assert room.do("give", command_id="c-9") == given
    other = room.do("note", command_id="c-9", text="x")
    assert (other.outcome, other.id != given.id) == ("MISMATCH", True)


# Nobody signs ---------------------------------------------------------------------------------------------------------


def test_an_alert_asks_from_the_due_time_until_somebody_signs(room: Room) -> None:
    room.go(DUE - S)
    assert room.unsigned() == []
    room.go(DUE + S)
    [one] = room.unsigned()
    assert (one.priority, one.started_ms, one.reason) == (2, DUE, "HANDOVER_UNSIGNED")
    assert one.title_vi == "Chưa ai ký nhận ca 06:00–14:00 24/11 (Bàn)"
    room.go(DUE + HOUR)
    assert len(room.unsigned()) == 1
    assert room.take().outcome == "DONE"
    room.go(room.now_ms + S)
    assert room.unsigned() == []
    assert [one.count for one in [room.history[one.id][-1]]] == [1]


def test_an_outgoing_signature_alone_is_not_enough(room: Room) -> None:
    room.go(END - MIN)
    room.do("give")
    room.go(DUE + S)
    assert len(room.unsigned()) == 1
    assert room.take().outcome == "DONE"


def test_what_got_lost_is_said_again_and_what_was_heard_is_not(room: Room) -> None:
    room.lost = True
    room.go(DUE + S)
    assert room.unsigned() == []
    room.lost = False
    room.go(DUE + S + RETRY_MS)
    [one] = room.unsigned()
    versions = len(room.history[one.id])
    for turn in range(3):
        room.crash()
        room.go(DUE + MIN * (turn + 1))
    assert len(room.history[one.id]) == versions
    room.lost = True
    room.take()
    room.go(room.now_ms + S)
    assert len(room.unsigned()) == 1
    room.lost = False
    room.go(room.now_ms + RETRY_MS)
    assert room.unsigned() == []


def test_it_is_missed_when_the_next_one_falls_due(room: Room) -> None:
    room.go(END + MIN)
    room.go(DUE + SHIFT_MS - S)
    assert room.handover().state == "draft"
    room.go(DUE + SHIFT_MS + S)
    assert (room.handover().state, room.handover(name_of(1)).unsigned_ms is not None) == ("missed", True)
    assert [one.key for one in room.unsigned()] == [f"handover-unsigned|north|{name_of(1)}"]
    [line] = [one for one in room.log if one.what == "handover-missed"]
    assert (line.key, line.kind, line.accepted) == (f"handover|{FIRST}", "transition", True)
    assert (room.take().reason, room.do("give").reason) == ("MISSED", "MISSED")
    room.crash()
    room.go(room.now_ms + MIN)
    assert len([one for one in room.log if one.what == "handover-missed"]) == 1


def test_a_clock_that_is_set_back_takes_no_alert_away(room: Room) -> None:
    room.go(DUE + S)
    room.go(END - MIN)
    assert len(room.unsigned()) == 1
    before = room.handover()
    room.go(END + MIN)
    assert room.handover() == before, "judged once"
    room.go(DUE + S)
    assert len(room.unsigned()) == 1


def test_what_is_over_goes_after_three_days(room: Room) -> None:
    room.go(END + MIN)
    room.take()
    room.go(room.now_ms + KEPT_MS - MIN)
    assert FIRST in room.handovers()
    room.go(room.now_ms + 2 * MIN)
    assert FIRST not in room.handovers()
    assert not [key for key in room.topic if key.startswith(("handover/", "@handover/shift/")) and FIRST in key]


def test_it_is_escalated_nobody_hides_it_by_a_wide_condition_and_cap_does_not_tell_it(room: Room) -> None:
    room.go(DUE + S)
    [one] = room.unsigned()
    assert desk_escalation.asks(one)
    assert not Matcher(centres=("north",)).may_hide(one)
    assert Matcher(rules=("handover-unsigned",)).may_hide(one)
    assert cap_messages.decide(one, None, PROVINCE, room.now_ms) is None


def test_counts_are_of_the_shift_in_which_it_happened(room: Room) -> None:
    room.give(signal("off", revision=2))
    room.hear()
    acknowledge(room)
    room.go(END - MIN)
    first = room.handover().digest
    assert (first.raised, first.ended) == (1, 1)
    room.go(END + S)
    room.give(signal(key=KEY.replace("R1", "R2")))
    room.go(END + SHIFT_MS - MIN)
    second = room.handover(name_of(1)).digest
    assert (second.raised, second.ended, second.acknowledge_p50_s) == (1, 0, None)


def test_a_profile_may_ask_sooner_and_louder() -> None:
    setup = HandoverSetup(roster="ban", sign_within_s=60.0, draft_before_s=60.0, priority=1)
    profile: Profile = replace(PROVINCE, duty=replace(DUTY, handover=setup))
    room = Room(profile)
    room.give(signal())
    room.go(END - MIN - S)
    assert room.handovers() == {}
    room.go(END + MIN + S)
    assert [one.priority for one in room.unsigned()] == [1]


# Beside the open alerts -----------------------------------------------------------------------------------------------


def test_the_digest_names_what_is_in_force_and_is_made_anew_with_what_it_hid(room: Room) -> None:
    said = silence(room.now_ms)
    room.in_force = (said,)
    room.go(END - 20 * MIN)
    assert (room.handover().digest.suppressing, room.handover().digest.silences) == ((said,), 1)
    before = room.handover().digest_hash
    room.in_force = (replace(said, hid=4),)
    room.go(END - 19 * MIN)
    digest = room.handover().digest
    assert digest.suppressing == room.in_force
    assert room.handover().digest_hash == digest_hash(digest, ()) != before


def test_a_silence_that_begins_after_the_outgoing_signature_is_in_the_addendum(room: Room) -> None:
    room.in_force = (silence(room.now_ms),)
    room.go(END - 20 * MIN)
    room.do("give")
    room.go(END - 10 * MIN)
    assert room.handover().addendum is None
    begun = replace(silence(room.now_ms), id="S-2")
    room.in_force += (begun,)
    room.go(END - 9 * MIN)
    addendum = room.handover().addendum
    assert addendum is not None
    assert (addendum.suppressing, addendum.items) == ((begun,), ())
    assert room.take().outcome == "DONE"


@pytest.mark.parametrize("restart", [False, True])
def test_an_alert_that_was_known_late_and_closed_is_named(room: Room, restart: bool) -> None:
    key = KEY.replace("R1", "R2")
    room.now_ms = T + 10 * MIN
    room.give(signal(key=key, since_ms=T + 5 * MIN, observed_ms=T + 5 * MIN))
    room.hear()
    late = room.alert(key)
    assert late.late_s == 300
    room.give(ack(late.id, late.version, key=key))
    room.give(signal("off", key=key, revision=9, since_ms=late.started_ms))
    room.hear()
    assert room.alert(key).closed
    if restart:
        room.flush()
        room.crash()
    room.go(END - 20 * MIN)
    digest = room.handover().digest
    [item] = [one for one in digest.items if one.section == "corrected"]
    assert (item.alert_id, item.ended_ms, digest.counts["corrected"]) == (late.id, T + 10 * MIN, 1)
