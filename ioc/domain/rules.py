"""What is wrong with a rule: the check that runs before rules are used, one plain sentence per problem.

The deciding code of the kinds is in :mod:`ioc.domain.threshold` (all kinds on a number; what they judge is made in
:mod:`ioc.domain.readings`, :mod:`ioc.domain.sums`, :mod:`ioc.domain.shares`, :mod:`ioc.domain.baseline` and
:mod:`ioc.domain.aqi`), :mod:`ioc.domain.occurrence`,
:mod:`ioc.domain.counting`, :mod:`ioc.domain.silence` and :mod:`ioc.domain.combination`; what they answer is in
:mod:`ioc.domain.verdicts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache

import msgspec
from msgspec import NODEFAULT

from ioc.domain import hours, reach, shares, titles
from ioc.domain.absence import ANY_TYPE, HEARTBEAT
from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.domain.counting import LIMIT_MAX
from ioc.domain.profile import Level, Rule
from ioc.domain.reach import ON_NUMBERS
from ioc.domain.readings import OF_MAX, RATIO_MAX
from ioc.domain.reasons import REASONS
from ioc.domain.refused import N_MAX
from ioc.domain.sums import COVERS_MAX

GROUPS = frozenset(
    {
        "emergency",
        "traffic",
        "rain",
        "river",
        "utilities",
        "environment",
        "feedback",
        "service",
        "cyber",
        "source",
    }
)

NUMBER_MAX = 1e12  # greatest number of a rule or of a site's limit, in its unit; as seconds about 30,000 years
DECIMALS_MAX = 9
REALARM_MIN_S = 60  # sooner, an alert that nobody can end would ask all the time
REALARM_MAX_S = 86_400
STEP_ID_MAX = 40  # characters

_NUMBER = frozenset({"field", "direction", "levels", "deadband", "on_delay_s", "off_delay_s", "max_gap_s", "inclusive"})
_OWN: dict[str, frozenset[str]] = {
    "threshold": _NUMBER,
    "aqi": _NUMBER - {"field"},
    "rate": _NUMBER | {"span_s", "per_s"},
    "sum": _NUMBER | {"covers_s"},
    "n_of_m": _NUMBER | {"n", "of", "within_s"},
    "ratio": _NUMBER - {"field"},
    "share": (_NUMBER - {"field"}) | {"match", "part", "within_s", "count_min"},
    "anomaly": _NUMBER | {"weeks_min", "deviation_min"},
    "occurrence": frozenset({"levels", "priority", "hold_s", "match", "object"}),
    "count": frozenset({"levels", "deadband", "within_s", "match", "object", "scope"}),
    "silence": frozenset({"priority", "after_s"}),
    "absence": frozenset({"priority", "after_s", "scope", "feeds"}),
    "combination": frozenset({"priority", "members", "scope", "home"}),
    "refused": frozenset({"priority", "codes", "n", "within_s", "hold_s"}),
}
_EVERY = frozenset(
    {"id", "kind", "type", "group", "name_vi", "name_en", "title_vi", "title_en", "unit", "decimals", "guidance_vi"}
    | {"guidance_en", "words_vi", "words_en", "sites", "schedule", "cap", "latching", "realarm_s", "checklist"}
)


def problems(
    rules: Iterable[Rule],
    sites: Collection[str] | None = None,
    centres: Collection[str] | None = None,
    partial: Collection[str] = (),
) -> list[str]:
    """Every problem of a rule file together; empty when it is good.

    Args:
        rules: the rules of one file.
        sites: ids of the profile's sites, to check what rules say about them; None does not check.
        centres: ids of the profile's centres, in the same way.
        partial: ids of rules of which parts, or all, could not be read: what they do not have is not missed.
    """
    rules = list(rules)
    found: list[str] = []
    by_id: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in by_id:
            found.append(f"rule {rule.id}: the id is used twice")
        by_id[rule.id] = rule
    for rule in rules:
        whole = rule.id not in partial
        said = [*_problems(rule, whole), *(_members(rule, by_id, partial) if whole else ())]
        if sites is not None:
            said += [f"there is no site {site!r}" for site in rule.sites if site not in sites]
        if centres is not None and rule.home and rule.home not in centres:
            said.append(f"home: there is no centre {rule.home!r}")
        found += [f"rule {rule.id}: {text}" for text in said]
    return found


@cache
def payload_fields(type_: str) -> frozenset[str]:
    """Field names of a type's payload; empty for an unknown type."""
    payload = PAYLOADS.get(type_)
    return frozenset(f.name for f in msgspec.structs.fields(payload)) if payload else frozenset()


def _numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float) and bounded(value) for value in values)


def bounded(value: float) -> bool:
    """Is a number finite, and small enough that milliseconds and sums of it are too?"""
    return -NUMBER_MAX <= value <= NUMBER_MAX  # also False for NaN


def _unbounded(rule: Rule) -> list[str]:
    """Numbers that no arithmetic can be done with."""
    found = []
    for one in (rule, *rule.levels):
        where = f"level {one.name!r}: " if isinstance(one, Level) else ""
        found += [
            f"{where}{name} must be a finite number of at most {NUMBER_MAX:g}"
            for name in one.__struct_fields__
            if isinstance(value := getattr(one, name), float | int) and not bounded(value)
        ]
    return found


def _problems(rule: Rule, whole: bool) -> list[str]:
    if found := _unbounded(rule):
        return found  # other checks would stumble over them
    fields = payload_fields(rule.type)
    if not rule.id or "|" in rule.id:
        found.append("the id must not be empty and not contain '|'")
    if not fields and not (rule.kind in ("absence", "refused") and rule.type == ANY_TYPE):
        found.append(f"type {rule.type!r} is not in the catalogue")
    if rule.group not in GROUPS:
        found.append(f"group {rule.group!r} is not one of {', '.join(sorted(GROUPS))}")
    seconds = [rule.on_delay_s, rule.off_delay_s, rule.max_gap_s, rule.hold_s, rule.after_s, rule.deadband]
    seconds += [rule.span_s, rule.within_s, rule.covers_s, rule.deviation_min]
    seconds += [s for level in rule.levels for s in (level.escalate_after_s, level.within_s)]
    if any(s < 0 for s in seconds):
        found.append("delays, gaps, spans and deadbands are not negative")
    if not 0 <= rule.decimals <= DECIMALS_MAX:
        found.append(f"decimals must be between 0 and {DECIMALS_MAX}")
    templates = [rule.title_vi, rule.title_en, *(t for lv in rule.levels for t in (lv.title_vi, lv.title_en) if t)]
    found += titles.problems(templates, () if rule.kind == "combination" else fields)
    found += _foreign(rule)
    found += hours.problems(rule.schedule)
    found += _life(rule)
    if len({level.name for level in rule.levels}) < len(rule.levels):
        found.append("two levels have the same name")
    wanted = {*rule.match, *rule.part, *(name for level in rule.levels for name in level.match)}
    wanted |= set(rule.object) - {"area"}
    found += [f"field {name!r} is not in the payload of {rule.type}" for name in sorted(wanted - fields)]
    for match in (rule.match, rule.part, *(level.match for level in rule.levels)):
        for name, want in match.items():
            if isinstance(want, dict) and not (want and set(want) <= {"min", "max"} and _numbers(want.values())):
                found.append(f"match of {name!r} must be a value, a list, or min and max as numbers")
    found += reach.problems(rule, whole)
    return found + _wanted(rule, fields) if whole else found


def _wanted(rule: Rule, fields: Collection[str]) -> list[str]:
    """What a rule of its kind must have."""
    found: list[str] = []
    if rule.kind in ON_NUMBERS:
        found += _on_number(rule, fields)
    else:
        found += [
            f"level {level.name!r}: escalate_after_s is for kinds on a number" for level in rule.levels
            if level.escalate_after_s > 0
        ]  # fmt: skip
    if rule.kind == "occurrence" and rule.hold_s <= 0:
        found.append("an occurrence needs hold_s, otherwise it never ends")
    if rule.kind == "count":
        found += _count(rule)
    if rule.kind == "silence" and rule.after_s <= 0:
        found.append("a silence needs after_s")
    if rule.kind == "absence":
        found += _absence(rule)
    if rule.kind == "refused":
        found += _refused(rule)
    return found


def _life(rule: Rule) -> list[str]:
    """What a rule says about the life of its alerts."""
    found = []
    if rule.realarm_s != 0 and not REALARM_MIN_S <= rule.realarm_s <= REALARM_MAX_S:
        found.append(f"realarm_s must be 0 or between {REALARM_MIN_S} and {REALARM_MAX_S} seconds")
    ids = [step.id for step in rule.checklist]
    if len(set(ids)) < len(ids):
        found.append("checklist: two steps have the same id")
    for step in rule.checklist:
        if not step.id or len(step.id) > STEP_ID_MAX or not step.id.replace("-", "").replace("_", "").isalnum():
            found.append(f"checklist: the id {step.id!r} must be 1 to {STEP_ID_MAX} letters, digits, - or _")
        if not step.text_vi.strip() or not step.text_en.strip():
            found.append(f"checklist: the step {step.id!r} needs a text in both languages")
    return found


def _foreign(rule: Rule) -> list[str]:
    """Keys that the rule's kind does not read: most often a slip, and it would be silent."""
    known = _EVERY | _OWN[rule.kind]
    found = []
    for one in msgspec.structs.fields(Rule):
        if one.name in known:
            continue
        default = one.default_factory() if one.default_factory is not NODEFAULT else one.default
        if getattr(rule, one.name) != default:
            found.append(f"{one.name} has no meaning for the kind {rule.kind}")
    if rule.kind == "combination":
        found += [f"{name} has no meaning for a combination: put it on its members" for name in ("sites", "schedule")
                  if getattr(rule, name)]  # fmt: skip
    return found


def _on_number(rule: Rule, fields: Collection[str]) -> list[str]:
    found: list[str] = []
    if "field" in _OWN[rule.kind]:
        many = rule.kind in ("threshold", "sum")
        used = {level.field or rule.field for level in rule.levels} if many else {rule.field}
        found += [f"field {name!r} is not in the payload of {rule.type}" for name in sorted(used - set(fields))]
    if rule.kind not in ("threshold", "sum"):
        found += [
            f"level {level.name!r}: only a threshold or a sum has levels on other fields"
            for level in rule.levels
            if level.field
        ]
    if not rule.levels:
        found.append("a threshold without levels never fires")
    if rule.kind != "sum":
        found += [
            f"level {level.name!r}: only a sum has levels with within_s" for level in rule.levels if level.within_s
        ]
    for level in rule.levels:
        if (level.limit is None) == (level.limit_from is None):
            found.append(f"level {level.name!r} needs exactly one of limit and limit_from")
        if level.escalate_after_s > 0 and level.priority == 1:
            found.append(f"level {level.name!r}: there is no priority above 1 to escalate to")
    if rule.kind == "rate" and (rule.span_s <= 0 or rule.per_s <= 0):
        found.append("a rate needs span_s and per_s")
    if rule.kind == "n_of_m" and not 1 <= rule.n <= rule.of <= OF_MAX:
        found.append(f"n_of_m needs 1 <= n <= of <= {OF_MAX}")
    if rule.kind == "ratio":
        if rule.type != "service.kpi":
            found.append("a ratio is about service.kpi, the indicators that have targets")
        if any((level.limit or 0) >= RATIO_MAX for level in rule.levels):
            found.append(f"the limits of a ratio are below {RATIO_MAX:g} per cent, where counting ends")
        if rule.direction != "below":
            found.append('a ratio is in per cent of the target reached: direction must be "below"')
    if rule.kind == "sum":
        found += _sum(rule)
    if rule.kind == "share":
        if rule.within_s <= 0:
            found.append("a share needs within_s, the length of its window")
        if not rule.match or not rule.part:
            found.append("a share needs part, the events whose share it is, and match, the others that count")
        if not 1 <= rule.count_min <= shares.KEPT_MAX:
            found.append(f"count_min of a share is from 1 to {shares.KEPT_MAX}, the events that are kept")
        found += [
            f"level {level.name!r}: match of a share is the rule's, not a level's" for level in rule.levels
            if level.match
        ]  # fmt: skip
    if rule.kind == "anomaly":
        if rule.deviation_min <= 0:
            found.append("an anomaly needs deviation_min, otherwise a steady value makes any change an anomaly")
        if rule.weeks_min < 1:
            found.append("an anomaly needs weeks_min of at least 1")
    return found


def _sum(rule: Rule) -> list[str]:
    found: list[str] = []
    if rule.covers_s <= 0:
        return ["a sum needs covers_s, how long before it a reading of the field covers"]
    if rule.direction != "above":
        found.append('a sum only grows while readings are missing: direction must be "above"')
    if RANGES.get(rule.type, {}).get(rule.field, (0.0, 0.0))[0] < 0:
        found.append(f"a sum is of amounts: {rule.field} may be negative")
    if not any(level.within_s for level in rule.levels):
        found.append("a sum needs a level with within_s, the window that is added up")
    for level in rule.levels:
        if level.within_s and level.field:
            found.append(f"level {level.name!r}: what is added up is the rule's field")
        covers = level.within_s / rule.covers_s
        if level.within_s and not (covers == int(covers) and 1 <= covers <= COVERS_MAX):
            found.append(
                f"level {level.name!r}: within_s must be 1 to {COVERS_MAX} times covers_s, a whole number of them"
            )
    return found


def _count(rule: Rule) -> list[str]:
    found: list[str] = []
    if rule.within_s <= 0:
        found.append("a count needs within_s, the length of its window")
    if rule.scope not in ("site", "area"):
        found.append("a count has the scope site or area: wider scopes are of a combination")
    if not rule.levels:
        found.append("a count without levels never fires")

    def whole(level: Level) -> bool:
        return level.limit is not None and level.limit == int(level.limit) and 1 <= level.limit <= LIMIT_MAX

    found += [
        f"level {level.name!r}: the limit of a count is a whole number from 1 to {LIMIT_MAX}" for level in rule.levels
        if not whole(level)
    ]  # fmt: skip
    for level in rule.levels:
        if level.match:
            found.append(f"level {level.name!r}: match of a count is the rule's, not a level's")
        deadband = rule.deadband if level.deadband is None else level.deadband
        if level.limit is not None and deadband >= max(level.limit, 1) and deadband > 1:
            found.append(f"level {level.name!r}: a deadband of {deadband:g} under {level.limit:g} would never end")
    return found


def _absence(rule: Rule) -> list[str]:
    found: list[str] = []
    if rule.after_s <= 0:
        found.append("an absence needs after_s")
    if rule.scope not in ("site", "feed"):
        found.append("an absence has the scope site or feed: a whole centre is of a silence")
    if rule.type == HEARTBEAT:
        found.append("an absence is not about heartbeats: they are of a silence")
    if rule.sites and rule.scope == "feed":
        found.append('sites are for the scope "site": a feed is absent when none of its sites sends')
    return found


def _refused(rule: Rule) -> list[str]:
    found: list[str] = []
    if rule.type != ANY_TYPE:
        found.append(f"what is refused has no type: it must be {ANY_TYPE!r}")
    if not rule.codes:
        found.append("codes: which reasons of dead letters count")
    found += [f"codes: {code!r} is no reason of a dead letter" for code in rule.codes if code not in REASONS]
    if not 1 <= rule.n <= N_MAX:
        found.append(f"n must be 1 to {N_MAX}, the records that have to be refused")
    if rule.hold_s <= 0:
        found.append("needs hold_s, otherwise it never ends")
    return found


def _members(rule: Rule, by_id: dict[str, Rule], partial: Collection[str]) -> list[str]:
    if rule.kind != "combination":
        return []
    found: list[str] = []
    if rule.scope == "site":
        found.append("a combination has the scope area, centre or all")
    if (rule.scope == "all") != bool(rule.home):
        found.append('home names a centre when, and only when, the scope is "all"')
    if sum(member.objects for member in rule.members) < 2:
        found.append("a combination needs at least two members, or two objects of one")
    for member in rule.members:
        known = by_id.get(member.rule)
        if known is None:
            if member.rule in partial:
                continue
            found.append(f"member {member.rule!r}: there is no such rule in this file")
        elif known.kind == "combination":
            found.append(f"member {member.rule!r}: a combination of combinations is not known")
        elif member.rule not in partial and member.priority < (grave := reach.worst(known)):
            found.append(
                f"member {member.rule!r}: counts only alerts of priority {member.priority} or above, "
                f"and they have at most priority {grave}: it never holds"
            )
        if not (bounded(member.near_m) and member.near_m >= 0):
            found.append(f"member {member.rule!r}: near_m is a distance in metres, not negative")
        if member.near_m and member.objects < 2:
            found.append(f"member {member.rule!r}: one object has no neighbours: near_m needs objects of at least 2")
        if member.objects < 1:
            found.append(f"member {member.rule!r}: objects must be at least 1")
    if len({member.rule for member in rule.members}) < len(rule.members):
        found.append("a member is named twice")
    return found
