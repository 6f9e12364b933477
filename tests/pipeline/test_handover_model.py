"""Whatever happens around shifts, each is signed for or missed, once; and the alert stands exactly while it has to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain import handover_signing
from ioc.domain.handover import Handover
from ioc.domain.handover_digest import digest_hash, next_hash
from ioc.pipeline import desk_handover, handover_book, shift_book, shift_calendar
from tests.pipeline.handover_room import END, HOUR, SHIFT_MS, Room, name_of
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, signal

SIGN_MS = 10 * MIN
STEPS = st.one_of(
    st.tuples(st.just("on"), st.sampled_from(["R1", "R2"])),
    st.tuples(st.just("off"), st.sampled_from(["R1", "R2"])),
    st.tuples(st.just("note"), st.sampled_from(["lan", "hung"]), st.integers(0, 1)),
    st.tuples(st.just("give"), st.sampled_from(["lan", "hung"]), st.integers(0, 1)),
    st.tuples(st.just("take"), st.sampled_from(["lan", "hung"]), st.integers(0, 1)),
    st.tuples(st.just("stale"), st.sampled_from(["lan", "hung"]), st.integers(0, 1)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("lose"), st.booleans()),
    st.tuples(st.just("back"), st.sampled_from([S, 11 * MIN])),
    st.tuples(st.just("pass"), st.sampled_from([MIN, 11 * MIN, 25 * MIN, HOUR, 4 * HOUR])),
)


class Watch:
    """What was seen of each handover before, against which the next look is judged."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.locked: dict[str, Handover] = {}
        self.over: dict[str, str] = {}
        self.seen: dict[str, Handover] = {}
        self.clock_was_set = False
        self.latest_ms = room.now_ms

    def look(self) -> None:
        room = self.room
        self.latest_ms = max(self.latest_ms, room.now_ms)
        for name, one in room.handovers().items():
            assert one.digest_hash == next_hash(one), "the hash does not verify"
            for signed, what in (
                (one.given, digest_hash(one.digest, one.notes)),
                (one.taken, digest_hash(one.digest, one.notes, one.addendum, one.given)),
            ):
                assert signed is None or signed.digest_hash == what, "a signature does not verify"
            assert one.given is None or one.taken is None or one.given.actor != one.taken.actor, (
                "one person signed both"
            )
            self.seen[name] = one
            before = self.locked.get(name)
            if before is not None:
                assert (one.digest, one.notes) == (before.digest, before.notes), "a locked digest changed"
                assert before.taken is None or one.addendum == before.addendum, "a signed addendum changed"
                assert one.given == before.given, "a signature changed"
                assert before.taken in (None, one.taken), "a signature changed"
            if one.given or one.taken:
                self.locked[name] = one
            assert self.over.get(name, one.state) == one.state, "it was over"
            if one.state in ("taken", "missed"):
                self.over[name] = one.state
            assert one.unsigned_ms is None or self.latest_ms >= one.due_ms
            assert one.state != "missed" or self.latest_ms >= one.missed_ms

    def counted(self) -> int:
        """Alerts that began, by all handovers there were and what is still counted."""
        running = self.room.hand.book.shifts.running
        found = 0
        for name, one in self.seen.items():
            signed = one.addendum.raised if one.addendum and (name not in running or one.state == "taken") else 0
            found += signed + (0 if name in running else one.digest.raised)
        return found + sum(one.tally.raised + (one.later.tally.raised if one.later else 0) for one in running.values())

    def settled(self) -> None:
        """Everything works, and has had its time."""
        room = self.room
        room.lost = False
        for _ in range(3):
            room.go(room.now_ms + desk_handover.RETRY_MS)
        self.look()
        due = {
            f"handover-unsigned|north|{name}"
            for name, one in room.handovers().items()
            if one.state in ("draft", "given") and room.now_ms >= one.due_ms
        }
        standing = {one.key for one in room.unsigned()}
        early = {
            f"handover-unsigned|north|{name}"
            for name, one in room.handovers().items()
            if one.state in ("draft", "given") and self.latest_ms >= one.due_ms
        }
        assert due <= standing <= early, "the alert stands if and only if it is due and nobody signed"


def play(steps: list[Any]) -> None:
    room = Room()
    room.give(signal())
    room.go(T + MIN)
    room.go(END - 20 * MIN)
    watch = Watch(room)
    revision = 1
    for step in steps:
        name = name_of(0 if len(step) < 3 else step[2])
        if step[0] in ("on", "off"):
            revision += 1
            room.give(signal(step[0], key=KEY.replace("R1", step[1]), revision=revision, since_ms=T + revision))
            room.hear()
        elif step[0] in ("note", "give"):
            room.do(step[0], step[1], name, text="x")
        elif step[0] == "take":
            shown = room.handovers().get(name)
            answer = room.do("take", step[1], name, digest_hash=shown.digest_hash if shown else "")
            if answer.reason == "STARTING":
                room.tick()
                shown = room.handovers().get(name)
                answer = room.do("take", step[1], name, digest_hash=shown.digest_hash if shown else "")
            shown = room.handovers().get(name) if answer.outcome == "STALE" else shown  # the addendum was made anew
            if answer.outcome == "STALE":
                answer = room.do("take", step[1], name, digest_hash=shown.digest_hash if shown else "")
            free = shown is not None and shown.taken is None and shown.state != "missed"
            if free and shown and shown.given and shown.given.actor != step[1] and room.now_ms < shown.missed_ms:
                assert answer.outcome == "DONE", "what was read could not be signed"
        elif step[0] == "stale":
            assert room.do("take", step[1], name, digest_hash="0" * 64).outcome != "DONE"
        elif step[0] == "restart":
            room.flush()
            room.crash()
        elif step[0] == "lose":
            room.lost = step[1]
        elif step[0] == "back":
            room.go(room.now_ms - step[1])
            watch.clock_was_set = True
        else:
            room.go(room.now_ms + step[1])
        watch.look()
    watch.settled()
    for number in range(2):  # through the next shift, hour by hour, to the end of what is due
        while room.now_ms < END + number * SHIFT_MS + SIGN_MS + MIN:
            room.go(min(room.now_ms + HOUR, END + number * SHIFT_MS + SIGN_MS + MIN))
            watch.look()
    watch.settled()
    first = room.handovers()[name_of(0)]
    assert first.state in ("taken", "missed"), "each shift that is due is signed for or missed"
    lines = [entry.alert_id for entry in room.log if entry.what == "handover-missed"]
    assert len(lines) == len(set(lines)), "said twice"
    assert set(lines) == {name for name, state in watch.over.items() if state == "missed"}
    signed = [entry.alert_id for entry in room.log if entry.what == "handover-take" and entry.accepted]
    assert sorted(signed) == sorted(name for name, state in watch.over.items() if state == "taken")
    alerts = {name for name, versions in room.history.items() if versions[-1].rule != "handover-unsigned"}
    assert watch.clock_was_set or watch.counted() == len(alerts), "an alert is in no shift, or in two"
    raised = [versions for versions in room.history.values() if versions[-1].rule == "handover-unsigned"]
    assert len({versions[0].key for versions in raised}) == len(raised), "announced twice"


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=14))
def test_each_shift_is_signed_for_or_missed_and_asks_until_then(steps: list[Any]) -> None:
    play(steps)


def _nobody_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_calendar, "ALONE_MS", 10**12)
    real = shift_calendar.Calendar.handover
    monkeypatch.setattr(
        shift_calendar.Calendar, "handover", lambda self, *given: replace(real(self, *given), missed_ms=10**14)
    )


def _one_person_signs_both(monkeypatch: pytest.MonkeyPatch) -> None:
    real = handover_signing._take

    def take(known: Handover, command: Any, now_ms: int) -> Any:
        return real(known, replace(command, actor=command.actor + " "), now_ms)

    def signature(command: Any, accounts: Any, signed: str, now_ms: int) -> Any:
        return real_signature(replace(command, actor=command.actor.strip()), accounts, signed, now_ms)

    real_signature = handover_signing._signature
    monkeypatch.setattr(handover_signing, "_take", take)
    monkeypatch.setattr(handover_signing, "_signature", signature)


def _notes_after_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    real = handover_signing._note

    def note(known: Handover, command: Any, now_ms: int) -> Any:
        found = real(replace(known, state="draft"), command, now_ms)
        return handover_signing.Decision(found.entry, found.handover and replace(found.handover, state=known.state))

    monkeypatch.setattr(handover_signing, "_note", note)


def _the_hash_leaves_notes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_signing, "next_hash", lambda one: digest_hash(one.digest, ()))


def _forgets_what_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_book.HandoverBook, "unsigned", lambda _: [])


def _signs_what_was_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    real = handover_signing._take
    monkeypatch.setattr(
        handover_signing, "_take", lambda k, c, now_ms: real(k, replace(c, digest_hash=k.digest_hash), now_ms)
    )


def _makes_a_locked_draft_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    real = handover_book.HandoverBook._draft

    def draft(self: Any, name: str, running: Any, view: Any, now_ms: int) -> None:
        known = self.handovers.get(name)
        if known is not None and known.state == "given":
            self.handovers[name] = replace(known, state="draft")
        real(self, name, running, view, now_ms)
        if known is not None and known.state == "given":
            self._put(replace(self.handovers[name], state="given", given=known.given))

    monkeypatch.setattr(handover_book.HandoverBook, "_draft", draft)


def _appends_to_what_was_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = handover_book.HandoverBook._append

    def append(self: Any, name: str, running: Any, view: Any, now_ms: int) -> None:
        known = self.handovers.get(name)
        if known is not None and known.state == "taken":
            self.handovers[name] = replace(known, state="given")
        real(self, name, running, view, now_ms)
        if known is not None and known.state == "taken":
            self._put(replace(self.handovers[name], state="taken"))

    monkeypatch.setattr(handover_book.HandoverBook, "_append", append)


def _counts_on_in_a_locked_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_book.ShiftBook, "lock", lambda *_, **__: None)


def _hands_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shift_book.ShiftBook.stop
    monkeypatch.setattr(shift_book.ShiftBook, "stop", lambda self, name, **_: real(self, name))


@pytest.mark.parametrize(
    ("mistake", "steps"),
    [
        (_nobody_is_missed, []),
        (_one_person_signs_both, [("give", "lan", 0), ("take", "lan", 0)]),
        (_notes_after_the_lock, [("give", "lan", 0), ("note", "lan", 0)]),
        (_the_hash_leaves_notes_out, [("note", "lan", 0)]),
        (_forgets_what_was_due, [("pass", 25 * MIN), ("pass", 11 * MIN)]),
        (_signs_what_was_not_read, [("give", "lan", 0), ("stale", "hung", 0)]),
        (_makes_a_locked_draft_anew, [("give", "lan", 0), ("on", "R2"), ("pass", MIN)]),
        (_appends_to_what_was_signed, [("give", "lan", 0), ("take", "hung", 0), ("on", "R2"), ("pass", MIN)]),
        (_counts_on_in_a_locked_digest, [("give", "lan", 0), ("on", "R2"), ("pass", MIN)]),
        (_hands_nothing_on, [("give", "lan", 0), ("take", "hung", 0), ("on", "R2"), ("pass", MIN)]),
    ],
)
def test_the_comparison_finds_a_planted_mistake(
    mistake: Any, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    play(steps)
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        play(steps)
