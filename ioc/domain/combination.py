"""Combination rules: several other rules on at once within a scope, for instance rain here and a rising river there.

The detecting job tells the scope of every change of a member's object (a :class:`Condition`), under the key of the
combination, so that all of them come in one order to one place. A member holds when enough different objects are on.
An object that is blind may or may not be on: when that decides, the combination is blind too, and neither raises nor
clears. A member with ``near_m`` holds when enough of its objects lie together, each near to another one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from ioc.domain import nearness
from ioc.domain.alerts import Condition, Priority, alert_key
from ioc.domain.profile import Member, Rule
from ioc.domain.verdicts import Verdict

Place = Callable[[str], nearness.Point | None]
"""From the alert key of an object to where it is; None when nobody knows."""

OBJECTS_MAX = 2_000  # objects on at once per scope; more are counted out: the condition holds anyway by then


class Standing(Struct, array_like=True):
    """One object of a member that is on or blind."""

    since_ms: int
    observed_ms: int
    priority: Priority
    blind: bool


class CombinationState(Struct, kw_only=True):
    """Memory of one combination in one scope: about 200 bytes and 80 per object that is on."""

    objects: dict[str, Standing] = {}  # alert key of the object
    on: bool = False
    blind: bool = False
    since_ms: int = -1
    count: int = 0
    revision: int = 0
    at_ms: int = -1  # event time of the newest condition


def key_of(rule: Rule, centre: str, area: str) -> str:
    """Alert key of the combination that an object of this centre and area belongs to."""
    if rule.scope == "area":
        return alert_key(rule.id, centre, area)
    if rule.scope == "centre":
        return alert_key(rule.id, centre, centre)
    return alert_key(rule.id, rule.home, "all")


def has_scope(rule: Rule, centre: str, place: str) -> bool:
    """Can an alert key of the combination have this centre and this third part?"""
    if rule.scope == "all":
        return (centre, place) == (rule.home, "all")
    return (place == centre) == (rule.scope == "centre") and place != "all"


def word_of(rules: Iterable[Rule], more: Iterable[str] = ()) -> str:
    """A word for the combinations of a rule set: another one when their scopes or members are others.

    Args:
        rules: the rule set.
        more: what else it depends on.
    """
    said = [
        f"{rule.id}|{rule.scope}|{rule.home}|{'+'.join(sorted(member.rule for member in rule.members))}"
        for rule in rules
        if rule.members
    ]
    said += more
    return sha256("\n".join(sorted(said)).encode()).hexdigest()[:16] if said else ""


def nowhere(_: str) -> None:
    """Nobody knows where anything is."""


def take(rule: Rule, state: CombinationState, condition: Condition, place: Place = nowhere) -> Verdict | None:
    """Take one change of a member's object in; an answer when the combination changed."""
    state.at_ms = max(state.at_ms, condition.observed_ms)
    if condition.state == "off":
        state.objects.pop(condition.object, None)
    elif condition.object in state.objects or len(state.objects) < OBJECTS_MAX:
        state.objects[condition.object] = Standing(
            condition.since_ms, condition.observed_ms, condition.priority, condition.state == "blind"
        )
    return judge(rule, state, condition.observed_ms, place)


def judge(rule: Rule, state: CombinationState, at_ms: int, place: Place = nowhere) -> Verdict | None:
    """Judge what is held, also under another version of the rule; an answer when the combination changed.

    Args:
        rule: the combination.
        state: memory of the scope; changed in place.
        at_ms: event time of what gave the occasion.
        place: where objects are; asked only for members whose objects must be neighbours.
    """
    found = [_judge(member, state.objects, place) for member in rule.members]
    count = sum(n for _, _, n in found)
    if any(word == "no" for word, _, _ in found):
        if not state.on:
            return None
        state.on = state.blind = False
        return _verdict(rule, state, "off", at_ms)
    if any(word == "unknown" for word, _, _ in found):
        if not state.on or state.blind:
            return None
        state.blind = True
        return _verdict(rule, state, "blind", at_ms)
    if state.on and not state.blind and count == state.count:
        return None
    if not state.on:
        state.since_ms = max(*(since_ms for _, since_ms, _ in found), state.since_ms + 1)
    state.on, state.blind, state.count = True, False, count
    return _verdict(rule, state, "on", at_ms)


def forget_others(rule: Rule, state: CombinationState) -> bool:
    """Forget objects of rules that are no members; True when there were some. Nobody tells of them any more."""
    members = {member.rule for member in rule.members}
    gone = [key for key in state.objects if key.partition("|")[0] not in members]
    for key in gone:
        del state.objects[key]
    return bool(gone)


def _judge(
    member: Member, objects: Mapping[str, Standing], place: Place
) -> tuple[Literal["yes", "no", "unknown"], int, int]:
    """(does the member hold, since when, by how many objects)."""
    held = {
        key: standing
        for key, standing in objects.items()
        if key.startswith(f"{member.rule}|") and standing.priority <= member.priority
    }
    if not member.near_m:
        return _enough(member.objects, held.values())
    # Blind ones may link two groups or not: sure is what the others hold alone, possible what all hold together.
    seen = {key: place(key) for key, standing in held.items() if not standing.blind}
    sure = [
        [held[key] for key in group] for group in nearness.groups(seen, member.near_m) if len(group) >= member.objects
    ]
    if sure:
        since_ms = min(_enough(member.objects, group)[1] for group in sure)
        return "yes", since_ms, sum(map(len, sure))
    possible = nearness.groups({key: place(key) for key in held}, member.near_m)
    return ("unknown" if any(len(group) >= member.objects for group in possible) else "no"), -1, 0


def _enough(wanted: int, held: Iterable[Standing]) -> tuple[Literal["yes", "no", "unknown"], int, int]:
    """The same for objects wherever they are."""
    held = list(held)
    starts = sorted(standing.since_ms for standing in held if not standing.blind)
    if len(starts) >= wanted:
        return "yes", starts[wanted - 1], len(starts)
    return ("unknown" if len(held) >= wanted else "no"), -1, len(starts)


def _verdict(rule: Rule, state: CombinationState, word: Literal["on", "off", "blind"], observed_ms: int) -> Verdict:
    reasons: dict[str, Literal["ALL_MEMBERS", "MEMBER_OVER", "MEMBER_BLIND"]] = {
        "on": "ALL_MEMBERS",
        "off": "MEMBER_OVER",
        "blind": "MEMBER_BLIND",
    }
    return Verdict(
        state=word,
        reason=reasons[word],
        since_ms=state.since_ms,
        observed_ms=observed_ms,
        priority=rule.priority,
        value=float(state.count),
        count=max(1, state.count),
    )
