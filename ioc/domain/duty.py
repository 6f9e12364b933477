"""Who is on duty, and who is called when nobody acknowledges: ``duty.toml`` of a profile, as values.

*People* are positions rather than persons ("Trực ban 1"), each with the channels on which it is called. *Rosters* say
who is on shift when, in the local time of the profile: shifts of the week, and changes of a date (a holiday, a swap)
that stand in for them. *Chains* say who is called one after the other about which alerts. One roster may hand over from
shift to shift (:mod:`ioc.domain.handover_setup`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import Literal, Protocol, get_args
from zoneinfo import ZoneInfo

from msgspec import Struct

from ioc.domain.dispatch import Names
from ioc.domain.handover_setup import HandoverSetup
from ioc.domain.handover_setup import problems as handover_problems
from ioc.domain.times import from_ms, minute_of

WAIT_S_MAX = 86_400.0
REPEAT_MAX = 5
"""How often a chain may begin anew; as in Grafana OnCall."""
STEPS_MAX = 20
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,31}")  # as accounts are named

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who can be called. ``channels``: ids of ``dispatch.toml``; ``roles``: free words that steps may name.

    ``account``: the name under which they sign in; where a shift has people with accounts, they sign its handover.
    """

    id: str
    name: str
    channels: tuple[str, ...]
    roles: tuple[str, ...] = ()
    account: str = ""


class Shift(Struct, frozen=True, kw_only=True):
    """A shift of the week, in local time, its end not included.

    An ``end`` not later than ``start`` is on the next day, and belongs to the day on which the shift began. Holidays
    are the dates that the profile lists; ``only`` is a shift of holidays, whatever day of the week they are.
    """

    people: tuple[str, ...]
    days: tuple[Day, ...] = DAYS
    start: str = "00:00"
    end: str = "24:00"
    holidays: Literal["ignore", "skip", "only"] = "ignore"


class RosterChange(Struct, frozen=True, kw_only=True):
    """Who is on duty instead during these hours of one date; nobody when ``people`` is empty. Hours as in a shift."""

    date: str
    people: tuple[str, ...] = ()
    start: str = "00:00"
    end: str = "24:00"
    note: str = ""


class Roster(Struct, frozen=True, kw_only=True):
    """Who is on duty when."""

    id: str
    name_vi: str
    name_en: str
    shifts: tuple[Shift, ...] = ()
    changes: tuple[RosterChange, ...] = ()


class ChainStep(Struct, frozen=True, kw_only=True):
    """Wait ``wait_s`` after the step before, then call one of: a person; who is on shift on a roster; who has a role
    and is on any shift."""

    wait_s: float
    person: str = ""
    roster: str = ""
    role: str = ""


class Chain(Struct, frozen=True, kw_only=True):
    """Who is called about which alerts, and in which order.

    An empty list is no condition; all conditions have to hold, and the first chain of the file that fits counts. Areas
    are those of the alerts themselves, not areas around them. ``repeat``: how often it begins anew after its last step.
    ``escalate_gone``: it calls also about what went away before anybody acknowledged (RTNUN), until somebody does.
    """

    id: str
    steps: tuple[ChainStep, ...]
    priorities: tuple[Literal[1, 2, 3, 4], ...] = ()
    rules: tuple[str, ...] = ()
    centres: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    repeat: int = 0
    escalate_gone: bool = False


class Duty(Struct, frozen=True, kw_only=True):
    """``duty.toml``; an installation without one calls nobody."""

    people: tuple[Person, ...] = ()
    rosters: tuple[Roster, ...] = ()
    chains: tuple[Chain, ...] = ()
    handover: HandoverSetup | None = None


class Called(Struct, frozen=True, kw_only=True):
    """Whom a step reaches at an instant; ``reason`` says why nobody, and is empty otherwise."""

    whom: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    reason: Literal["", "EMPTY_ROSTER", "NOT_IN_PROFILE"] = ""


class Asking(Protocol):
    """What a chain looks at in an alert."""

    @property
    def priority(self) -> int: ...
    @property
    def rule(self) -> str: ...
    @property
    def centre(self) -> str: ...
    @property
    def area(self) -> str: ...


def chain_of(chains: Iterable[Chain], alert: Asking) -> Chain | None:
    """The first chain that fits."""
    for chain in chains:
        if (
            (not chain.priorities or alert.priority in chain.priorities)
            and (not chain.rules or alert.rule in chain.rules)
            and (not chain.centres or alert.centre in chain.centres)
            and (not chain.areas or alert.area in chain.areas)
        ):
            return chain
    return None


def on_shift(roster: Roster, time_ms: int, zone: ZoneInfo, holidays: Collection[str]) -> tuple[str, ...]:
    """Ids of the people of a roster who are on duty at an instant, each once, in the order of the file."""
    local = from_ms(time_ms).astimezone(zone)
    minute, today = local.hour * 60 + local.minute, local.date()
    yesterday = today - timedelta(days=1)

    def holds(start: str, end: str, begins: Iterable[date]) -> bool:
        first, last = minute_of(start), minute_of(end)
        overnight = last <= first
        since_today = first <= minute and (overnight or minute < last)
        return (since_today and today in begins) or (overnight and minute < last and yesterday in begins)

    changes = [one for one in roster.changes if holds(one.start, one.end, [date.fromisoformat(one.date)])]
    if changes:
        return tuple(dict.fromkeys(name for one in changes for name in one.people))
    return tuple(
        dict.fromkeys(
            name
            for shift in roster.shifts
            if holds(
                shift.start, shift.end, [day for day in (today, yesterday) if shift_begins_on(shift, day, holidays)]
            )
            for name in shift.people
        )
    )


def shift_begins_on(shift: Shift, day: date, holidays: Collection[str]) -> bool:
    """Does a shift of the week begin on a local date?"""
    if shift.holidays != "ignore" and (day.isoformat() in holidays) == (shift.holidays == "skip"):
        return False
    return shift.holidays == "only" or DAYS[day.weekday()] in shift.days


def called(duty: Duty, step: ChainStep, time_ms: int, zone: ZoneInfo, holidays: Collection[str]) -> Called:
    """Whom a step reaches at an instant. What it names may have left the profile since it was taken into a chain."""
    people = {person.id: person for person in duty.people}
    if step.person:
        found = [step.person]
        known = step.person in people
    elif step.roster:
        rosters = [roster for roster in duty.rosters if roster.id == step.roster]
        known = bool(rosters)
        found = [name for roster in rosters for name in on_shift(roster, time_ms, zone, holidays)]
    else:
        known = any(step.role in person.roles for person in duty.people)
        on_any = {name for roster in duty.rosters for name in on_shift(roster, time_ms, zone, holidays)}
        found = [person.id for person in duty.people if person.id in on_any and step.role in person.roles]
    if not known:
        return Called(reason="NOT_IN_PROFILE")
    reached = [people[name] for name in found if name in people]
    if not reached:
        return Called(reason="EMPTY_ROSTER")
    return Called(
        whom=tuple(person.name for person in reached),
        channels=tuple(dict.fromkeys(channel for person in reached for channel in person.channels)),
    )


# What is wrong with the file ---------------------------------------------------------------------------------------


def problems(duty: Duty, channels: Collection[str], names: Names | None = None) -> Iterator[str]:
    """One sentence per mistake, each beginning with the place.

    Args:
        duty: the file.
        channels: ids of ``dispatch.toml``.
        names: what matchers may name; None does not look at names.
    """
    people, rosters = [one.id for one in duty.people], [one.id for one in duty.rosters]
    roles = {role for person in duty.people for role in person.roles}
    for table, ids in (("people", people), ("rosters", rosters), ("chains", [one.id for one in duty.chains])):
        for i, name in enumerate(ids):
            if not _ID.fullmatch(name):
                yield f"{table}[{i}] ({name}).id: must be 1 to 40 lower-case letters, digits and -"
        yield from (f"{table}: '{name}' occurs twice" for name in sorted({one for one in ids if ids.count(one) > 1}))
    for i, person in enumerate(duty.people):
        where = f"people[{i}] ({person.id})"
        if not person.name.strip():
            yield f"{where}.name: must say something"
        if not person.channels:
            yield f"{where}.channels: must name a channel, or nobody can be called"
        yield from (f"{where}.channels: there is no channel {one!r}" for one in person.channels if one not in channels)
        if person.account and not _ACCOUNT.fullmatch(person.account):
            yield f"{where}.account: must be lower-case letters, digits, - and _, a letter first, at most 32"
    for i, roster in enumerate(duty.rosters):
        yield from _roster_problems(roster, f"rosters[{i}] ({roster.id})", people)
    for i, chain in enumerate(duty.chains):
        where = f"chains[{i}] ({chain.id})"
        if not 1 <= len(chain.steps) <= STEPS_MAX:
            yield f"{where}.steps: must be 1 to {STEPS_MAX}"
        if not 0 <= chain.repeat <= REPEAT_MAX:
            yield f"{where}.repeat: must be 0 to {REPEAT_MAX}"
        for field in ("rules", "centres", "areas") if names is not None else ():
            known = getattr(names, field)
            for name in getattr(chain, field):
                if known is not None and name not in known:
                    yield f"{where}.{field}: there is no {name!r}"
        for j, step in enumerate(chain.steps):
            yield from _step_problems(step, f"{where}.steps[{j}]", people, rosters, roles)
    if duty.handover is not None:
        yield from handover_problems(duty.handover, rosters)


def without_account(duty: Duty, signers: Collection[str]) -> Iterator[str]:
    """One sentence per person whose account cannot sign for a shift: the file alone does not say so.

    Args:
        duty: the file.
        signers: names of accounts that exist, are enabled, and may sign.
    """
    for i, person in enumerate(duty.people):
        if person.account and person.account not in signers:
            yield f"people[{i}] ({person.id}).account: no account {person.account!r} can sign for a shift"


def _step_problems(
    step: ChainStep, where: str, people: Collection[str], rosters: Collection[str], roles: Collection[str]
) -> Iterator[str]:
    if not 0 <= step.wait_s <= WAIT_S_MAX:
        yield f"{where}.wait_s: must be 0 to {WAIT_S_MAX:g} seconds"
    if [bool(step.person), bool(step.roster), bool(step.role)].count(True) != 1:
        yield f"{where}: must name one of person, roster and role"
    for field, known in (("person", people), ("roster", rosters), ("role", roles)):
        if (name := getattr(step, field)) and name not in known:
            yield f"{where}.{field}: there is no {name!r}"


def _roster_problems(roster: Roster, where: str, people: Collection[str]) -> Iterator[str]:
    for field in ("name_vi", "name_en"):
        if not getattr(roster, field).strip():
            yield f"{where}.{field}: must say something"
    for i, shift in enumerate(roster.shifts):
        at = f"{where}.shifts[{i}]"
        if not shift.people:
            yield f"{at}.people: must name somebody"
        if not shift.days:
            yield f"{at}.days: without a day nobody is ever on this shift"
        yield from _hours_problems(shift.start, shift.end, at)
        yield from (f"{at}.people: there is no person {name!r}" for name in shift.people if name not in people)
    for i, change in enumerate(roster.changes):
        at = f"{where}.changes[{i}]"
        try:
            good = len(change.date) == 10 and bool(date.fromisoformat(change.date))
        except ValueError:
            good = False
        if not good:
            yield f"{at}.date: must be a day such as 2026-01-20"
        yield from _hours_problems(change.start, change.end, at)
        yield from (f"{at}.people: there is no person {name!r}" for name in change.people if name not in people)


def _hours_problems(start: str, end: str, where: str) -> Iterator[str]:
    for field, clock in (("start", start), ("end", end)):
        try:
            minute_of(clock)
        except ValueError as exc:
            yield f"{where}.{field}: {exc}"
    if start == "24:00":
        yield f"{where}.start: a day starts at 00:00"
