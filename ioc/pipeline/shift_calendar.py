"""The shifts of the roster that hands over, around the present: what a handover takes from the profile."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from msgspec.structs import replace

from ioc.domain.handover import Digest, Handover
from ioc.domain.profile import Profile
from ioc.domain.shift_times import ShiftTime, shifts_between

AHEAD_MS = 16 * 86_400_000  # a next shift that is farther away is none
BACK_MS = 14 * 86_400_000  # shifts that ended longer ago are not asked for
ALONE_MS = 86_400_000  # without a next shift, a handover is missed so long after it fell due
_HOUR_MS = 3_600_000


class Calendar:
    """Shifts and names by a profile; without ``[handover]`` there is no shift."""

    def __init__(self, profile: Profile) -> None:
        setup = profile.duty.handover
        self._roster = next((one for one in profile.duty.rosters if setup and one.id == setup.roster), None)
        self._sign_ms = round(setup.sign_within_s * 1000) if setup else 0
        self.draft_before_ms = round(setup.draft_before_s * 1000) if setup else 0
        self._zone, self._holidays = ZoneInfo(profile.timezone), frozenset(profile.holidays)
        self._people = {person.id: person for person in profile.duty.people}
        self._from: dict[int, list[ShiftTime]] = {}  # whole hours → the shifts from then on

    @property
    def used(self) -> bool:
        """Does anybody hand over?"""
        return self._roster is not None

    def name(self, shift: ShiftTime) -> str:
        """Id of the handover at the end of a shift."""
        assert self._roster is not None
        return f"H-{self._roster.id}-{shift.end_ms // 1000}"

    def at(self, time_ms: int) -> ShiftTime | None:
        """The shift that runs at an instant."""
        return next((one for one in self._shifts(time_ms) if one.start_ms <= time_ms < one.end_ms), None)

    def same(self, shift: ShiftTime, name: str) -> ShiftTime | None:
        """The shift of this profile with this end, maybe with another start or other people; None when there is none,
        or the handover at its end has another name."""
        if self._roster is None or name != self.name(shift):
            return None
        found = self.at(shift.end_ms - 1)
        return found if found is not None and found.end_ms == shift.end_ms else None

    def ended(self, after_ms: int, until_ms: int) -> list[ShiftTime]:
        """The shifts that ended after an instant and not later than another, in their order; of two weeks at most."""
        after_ms = max(after_ms, until_ms - BACK_MS)
        return [one for one in self._shifts(after_ms) if after_ms < one.end_ms <= until_ms]

    def next_begins_ms(self, shift: ShiftTime) -> int:
        """When the next shift begins; the end of this one when there is none."""
        return next((one.start_ms for one in self._shifts(shift.end_ms) if one.start_ms >= shift.end_ms), shift.end_ms)

    def handover(self, shift: ShiftTime, digest: Digest) -> Handover:
        """The draft at the end of a shift; notes and hash are not yet those of it."""
        assert self._roster is not None
        following = [one for one in self._shifts(shift.end_ms) if one.start_ms >= shift.end_ms][:2]
        begins_ms = [one.start_ms for one in following[:1]] or [shift.end_ms]
        due_ms = begins_ms[0] + self._sign_ms
        missed_ms = due_ms + ALONE_MS
        if following:
            missed_ms = max([following[0].end_ms, *(one.start_ms for one in following[1:])]) + self._sign_ms
        return Handover(
            id=self.name(shift),
            roster=self._roster.id,
            roster_vi=self._roster.name_vi,
            roster_en=self._roster.name_en,
            shift_start_ms=shift.start_ms,
            shift_end_ms=shift.end_ms,
            due_ms=due_ms,
            missed_ms=missed_ms,
            outgoing=self._names(shift),
            incoming=self._names(following[0]) if following else (),
            outgoing_accounts=self._accounts(shift),
            incoming_accounts=self._accounts(following[0]) if following else (),
            digest=digest,
        )

    def renamed(self, handover: Handover) -> Handover:
        """A handover that is not over, with the people that this profile has on its shifts; who signed stays. One
        whose shift this profile does not have stays as it is."""
        shift = self.at(handover.shift_end_ms - 1)
        if shift is None or shift.end_ms != handover.shift_end_ms or self.name(shift) != handover.id:
            return handover
        present = self.handover(shift, handover.digest)
        after = replace(handover, incoming=present.incoming, incoming_accounts=present.incoming_accounts)
        if handover.given is not None:
            return after
        return replace(after, outgoing=present.outgoing, outgoing_accounts=present.outgoing_accounts)

    def _names(self, shift: ShiftTime) -> tuple[str, ...]:
        return tuple(self._people[one].name for one in shift.people if one in self._people)

    def _accounts(self, shift: ShiftTime) -> tuple[str, ...]:
        named = (self._people[one].account for one in shift.people if one in self._people)
        return tuple(dict.fromkeys(account for account in named if account))

    def _shifts(self, time_ms: int) -> list[ShiftTime]:
        """Those that are not over at an instant's hour, for some two weeks."""
        if self._roster is None:
            return []
        hour = time_ms // _HOUR_MS
        if hour not in self._from:
            if len(self._from) >= 8:
                self._from.clear()
            start_ms = hour * _HOUR_MS
            self._from[hour] = shifts_between(
                self._roster, start_ms, start_ms + AHEAD_MS, self._zone, self._holidays
            )  # fmt: skip
        return self._from[hour]
