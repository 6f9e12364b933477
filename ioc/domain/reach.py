"""Conditions of a rule that can never hold, never end, or never be seen: a rule that is silently dead.

What a payload can hold is in :mod:`ioc.domain.fields`: the types, closed lists and plausible ranges that validation
refuses by. Each sentence begins with the place inside the rule (``level 'BĐ1': limit: …``), so that it has its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ioc.domain.aqi import INDEX
from ioc.domain.fields import Field, field_of, never
from ioc.domain.profile import Level, Rule
from ioc.domain.readings import RATIO_MAX

ON_NUMBERS = frozenset({"threshold", "aqi", "rate", "sum", "n_of_m", "ratio", "share", "anomaly"})
"""Kinds that judge a number against levels, with deadband, delays and gaps."""

Range = tuple[float, float]
_LEVEL_KEYS = {"limit": None, "limit_from": None, "field": None, "deadband": None, "within_s": 0.0}


def problems(rule: Rule, whole: bool = True) -> Iterator[str]:
    """Every condition that cannot be meant.

    Args:
        rule: one whose type is in the catalogue; names of fields that are not in the payload are not looked at.
        whole: False for a rule of which parts could not be read: what compares its parts is left out.
    """
    yield from _unread(rule)
    for where, match in _matches(rule):
        for name, want in match.items():
            field = field_of(rule.type, name)
            if field is not None:
                yield from _wanted(f"{where}.{name}", field, want)
    for level in rule.levels:
        if level.limit is not None and rule.kind in ON_NUMBERS:
            yield from _limit(rule, level, level.limit, "limit", f"{level.limit:g}")
    if not whole:
        return
    if rule.kind == "occurrence":
        yield from _order_of_matches(rule)
    if rule.kind == "share":
        yield from _share(rule)
    yield from order(rule, _own_limits(rule))


def doubts(rule: Rule) -> Iterator[str]:
    """What is allowed but most probably not meant: conditions that always hold, levels that speak only afterwards."""
    yield from order_doubts(rule, _own_limits(rule))
    for where, match in _matches(rule):
        for name, want in match.items():
            if (field := field_of(rule.type, name)) is not None:
                yield from _idle(f"{where}.{name}", field, want)
    for level in rule.levels:
        found = _range(rule, level) if level.limit is not None and rule.kind in ON_NUMBERS else None
        if found is not None and level.limit is not None and _reaches(rule, found[1], level.limit):
            words = _span_words(*found[0])
            yield (
                f"level {level.name!r}: limit: {level.limit:g} always holds: also at {found[1]:g}, "
                f"the range {found[2]} is {words}"
            )


def _own_limits(rule: Rule) -> dict[str, float]:
    return {level.name: level.limit for level in rule.levels if level.limit is not None}


def limit_problems(rule: Rule, level: Level, limit: float, source: str) -> Iterator[str]:
    """As :func:`problems`, of one level whose limit is of a site; ``source`` says whose."""
    yield from _limit(rule, level, limit, "limit_from", f"{source} = {limit:g}")


def order(rule: Rule, limits: Mapping[str, float], of: str = "") -> Iterator[str]:
    """Levels that never speak because a graver one holds whenever they do.

    Args:
        rule: the rule.
        limits: name of the level → its limit.
        of: whose limits, for the sentence.
    """
    for mild, grave in covered(rule, limits):
        yield _covered_words(mild, limits, of) + (
            f"never speaks: the graver level {grave.name!r} holds already {_from_words(rule, limits[grave.name])}"
        )


def order_doubts(rule: Rule, limits: Mapping[str, float], of: str = "") -> Iterator[str]:
    """As :func:`order`, of levels that speak only afterwards: the graver one begins no later, and ends before them."""
    dead = {mild.name for mild, _ in covered(rule, limits)}
    for mild, grave in covered(rule, limits, ends=False):
        if mild.name not in dead:
            yield _covered_words(mild, limits, of) + (
                f"speaks only after the graver level {grave.name!r}, which holds already "
                f"{_from_words(rule, limits[grave.name])} and ends before it"
            )


def covered(rule: Rule, limits: Mapping[str, float], ends: bool = True) -> Iterator[tuple[Level, Level]]:
    """Each level that begins no earlier, and ends no later, than a graver one, and that one.

    Readings that were overtaken are left out where the two add up windows of their own.

    Args:
        rule: the rule.
        limits: name of the level → its limit.
        ends: False for those that end later, too.
    """
    sign = 1 if _is_above(rule) else -1
    for i, mild in enumerate(rule.levels):
        for j, grave in enumerate(rule.levels):
            if grave.priority >= mild.priority or not {mild.name, grave.name} <= limits.keys():
                continue
            same = (mild.field or rule.field) == (grave.field or rule.field)
            longer = _window(rule, grave) - _window(rule, mild)
            if not same or longer < 0 or (longer > 0 and sign < 0):
                continue  # a longer window holds more, so it is under a limit less often
            if i > j and mild.escalate_after_s > 0 and mild.priority - 1 <= grave.priority:
                continue  # of two with the same priority the later one speaks
            later = sign * limits[grave.name] <= sign * limits[mild.name]
            if later and (not ends or sign * _end(rule, grave, limits) <= sign * _end(rule, mild, limits)):
                yield mild, grave
                break


def _is_above(rule: Rule) -> bool:
    return rule.direction == "above" or rule.kind == "count"


def _end(rule: Rule, level: Level, limits: Mapping[str, float]) -> float:
    """Inside of what a level ends."""
    limit, deadband = limits[level.name], rule.deadband if level.deadband is None else level.deadband
    if rule.kind == "count":
        return round(limit - max(1.0, deadband))
    return limit - deadband if _is_above(rule) else limit + deadband


def _covered_words(mild: Level, limits: Mapping[str, float], of: str) -> str:
    key = "limit" if mild.limit is not None else "limit_from"
    return f"level {mild.name!r}: {key}: {limits[mild.name]:g}{of} "


def _from_words(rule: Rule, limit: float) -> str:
    return f"{'from' if _is_above(rule) else 'under'} {limit:g}"


def worst(rule: Rule) -> int:
    """The gravest priority that an alert of the rule can have."""
    if not rule.levels:
        return rule.priority
    return min(level.priority - (level.escalate_after_s > 0 and level.priority > 1) for level in rule.levels)


# Values of match ---------------------------------------------------------------------------------------------------


def _matches(rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "match", rule.match
    yield "part", rule.part
    for level in rule.levels:
        yield f"level {level.name!r}: match", level.match


def _unread(rule: Rule) -> Iterator[str]:
    """Keys of a level that the rule's kind does not read."""
    for level in rule.levels:
        if level.match and rule.kind not in ("occurrence", "count", "share"):
            yield f"level {level.name!r}: match has no meaning for the kind {rule.kind}"
        unread: tuple[str, ...] = ()
        if rule.kind == "occurrence":
            unread = tuple(_LEVEL_KEYS)
        elif rule.kind == "count":
            unread = ("limit_from", "field", "within_s")
        for name in unread:
            if getattr(level, name) != _LEVEL_KEYS[name]:
                yield f"level {level.name!r}: {name} has no meaning for the kind {rule.kind}"


def _wanted(where: str, field: Field, want: object) -> Iterator[str]:
    if isinstance(want, Mapping):
        if want and set(want) <= {"min", "max"} and all(isinstance(one, int | float) for one in want.values()):
            yield from _between(where, field, want)
    elif isinstance(want, list | tuple):
        if not want:
            yield f"{where}: an empty list matches nothing"
        for i, one in enumerate(want):
            if (said := never(field, one)) is not None:
                yield f"{where}[{i}]: {one!r} {said}"
    elif (said := never(field, want)) is not None:
        yield f"{where}: {want!r} {said}"


def _between(where: str, field: Field, want: Mapping[str, float]) -> Iterator[str]:
    if not field.is_number:
        kind = {"flag": "true or false", "code": "one of a list of words"}.get(field.word, "a text")
        yield f"{where}: min and max are for numbers, the field is {kind}"
        return
    low, high = want.get("min", -math.inf), want.get("max", math.inf)
    first, last = max(low, field.least), min(high, field.greatest)
    if field.word == "integer":
        first = first if math.isinf(first) else math.ceil(first)
        last = last if math.isinf(last) else math.floor(last)
    plausible = f"the plausible range of {field.least:g} to {field.greatest:g}"
    if low > high:
        yield f"{where}: min {low:g} is greater than max {high:g}"
    elif first > last:
        whole = " and no whole number is between" if field.least <= low <= high <= field.greatest else ""
        yield f"{where}: {_words(want)} never holds: {plausible}{whole}"


def _idle(where: str, field: Field, want: object) -> Iterator[str]:
    """A condition that shuts nothing out, or reaches beyond what is plausible."""
    if not isinstance(want, Mapping) or not field.is_number or list(_between(where, field, want)):
        return
    low, high = want.get("min", -math.inf), want.get("max", math.inf)
    plausible = f"the plausible range of {field.least:g} to {field.greatest:g}"
    if low <= field.least and high >= field.greatest and (not field.optional or len(want) == 2):
        yield f"{where}: {_words(want)} says nothing: it is all of {plausible}"
    elif not math.isinf(low) and low < field.least:
        yield f"{where}: min {low:g} is below {plausible}"
    elif not math.isinf(high) and high > field.greatest:
        yield f"{where}: max {high:g} is above {plausible}"


def _words(want: Mapping[str, float]) -> str:
    return " and ".join(f"{name} {value:g}" for name, value in want.items())


def _fits(want: object, value: object) -> bool:
    if isinstance(want, Mapping):
        return isinstance(value, int | float) and want.get("min", value) <= value <= want.get("max", value)
    return value in want if isinstance(want, list | tuple) else value == want


def _values(want: object) -> list[object] | None:
    """The single values that are wanted; None of a range."""
    return None if isinstance(want, Mapping) else list(want) if isinstance(want, list | tuple) else [want]


def _span(want: object) -> Range:
    assert isinstance(want, Mapping)
    return want.get("min", -math.inf), want.get("max", math.inf)


def _implies(narrow: object, wide: object) -> bool:
    """Is every value that ``narrow`` wants wanted by ``wide``?"""
    values = _values(narrow)
    if values is not None:
        return all(_fits(wide, value) for value in values)
    if _values(wide) is not None:
        return False
    return _span(wide)[0] <= _span(narrow)[0] and _span(narrow)[1] <= _span(wide)[1]


def _excludes(one: object, other: object) -> bool:
    """Can no value be wanted by both?"""
    for a, b in ((one, other), (other, one)):
        if (values := _values(a)) is not None:
            return not any(_fits(b, value) for value in values)
    return _span(one)[0] > _span(other)[1] or _span(other)[0] > _span(one)[1]


def _order_of_matches(rule: Rule) -> Iterator[str]:
    """The first level that matches counts: one after a wider one never does, nor one that the rule shuts out."""
    for i, level in enumerate(rule.levels):
        against = [
            name for name in level.match if name in rule.match and _excludes(level.match[name], rule.match[name])
        ]
        yield from (
            f"level {level.name!r}: match.{name}: never holds, match of the rule wants {rule.match[name]!r}"
            for name in against
        )
        takers = {_taker(one, rule.levels[:i]) for one in _singles({**rule.match, **level.match})}
        if None not in takers:
            where = f"match.{next(iter(level.match))}" if level.match else "name"
            names = " and ".join(sorted(repr(name) for name in takers))
            yield f"level {level.name!r}: {where}: never holds, level {names} before it takes all of them"


def _singles(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The conditions, once for each value of the first list in them: one level may take some, another the rest."""
    for name, want in wanted.items():
        if isinstance(want, list | tuple) and want:
            return [{**wanted, name: value} for value in want]
    return [wanted]


def _taker(wanted: Mapping[str, Any], levels: Iterable[Level]) -> str | None:
    """The level that every event with these conditions is of."""
    for level in levels:
        if all(name in wanted and _implies(wanted[name], wide) for name, wide in level.match.items()):
            return level.name
    return None


def _share(rule: Rule) -> Iterator[str]:
    if rule.match and rule.part and all(
        name in rule.match and _implies(rule.match[name], wide) for name, wide in rule.part.items()
    ):  # fmt: skip
        name = next(iter(rule.match))
        yield f"match.{name}: part takes all of match, so the share is always 100 per cent"


# Limits ------------------------------------------------------------------------------------------------------------


def _window(rule: Rule, level: Level) -> float:
    return (level.within_s or rule.covers_s) if rule.kind == "sum" else 0.0


def _range(rule: Rule, level: Level) -> tuple[Range, float, str] | None:
    """Least and greatest number that is judged, the calmest of them, and what it is, for sentences."""
    above = rule.direction == "above"
    if rule.kind == "aqi":
        found: Range = (INDEX[0], INDEX[-1])
        return found, found[not above], "of VN_AQI"
    if rule.kind == "share":
        return (0.0, 100.0), 0.0 if above else 100.0, "of a share in per cent"
    if rule.kind == "ratio":
        return (-math.inf, RATIO_MAX), RATIO_MAX, "of a ratio in per cent"
    name = level.field or rule.field
    field = field_of(rule.type, name)
    if rule.kind == "anomaly":
        return (-math.inf, math.inf), 0.0, "of deviations"
    if field is None or not field.is_number:
        return None
    found = (field.least, field.greatest)
    if rule.kind == "rate":
        if rule.span_s <= 0 or rule.per_s <= 0:
            return None
        most = (found[1] - found[0]) * rule.per_s / rule.span_s
        return (-most, most), 0.0, f"of changes of {name}"
    if rule.kind == "sum" and level.within_s:
        if rule.covers_s <= 0:
            return None
        times = level.within_s / rule.covers_s
        found = (found[0] * times, found[1] * times)
        return found, found[not above], f"of {name} within {level.within_s:g} s"
    return found, found[not above], f"of {name}"


def _limit(rule: Rule, level: Level, limit: float, key: str, said: str) -> Iterator[str]:
    name = level.field or rule.field
    field = field_of(rule.type, name)
    where = f"level {level.name!r}: "
    if rule.kind not in ("aqi", "ratio", "share") and field is not None and not field.is_number:
        yield f"{where}{key}: {said} is compared with {name}, which is no number"
        return
    found = _range(rule, level)
    if found is None:
        return
    (least, greatest), calm, what = found
    extreme = greatest if rule.direction == "above" else least
    if not _reaches(rule, extreme, limit):
        beyond = "above" if rule.direction == "above" else "below"
        exactly = " exactly" if limit == extreme else ""
        yield (
            f"{where}{key}: {said} never holds: nothing plausible is {beyond} it{exactly}, "
            f"the range {what} is {_span_words(least, greatest)}"
        )
        return
    if _reaches(rule, calm, limit):
        return  # see doubts
    deadband = rule.deadband if level.deadband is None else level.deadband
    end = limit - deadband if rule.direction == "above" else limit + deadband
    if deadband > 0 and _reaches(rule, calm, end):
        inside = "deadband" if level.deadband is not None else key
        yield f"{where}{inside}: {said} with a deadband of {deadband:g} would never end: not even at {calm:g}"


def _span_words(least: float, greatest: float) -> str:
    if math.isinf(least) or math.isinf(greatest):
        return f"at most {greatest:g}" if math.isinf(least) else f"at least {least:g}"
    return f"{least:g} to {greatest:g}"


def _reaches(rule: Rule, value: float, limit: float) -> bool:
    if rule.direction == "above":
        return value >= limit if rule.inclusive else value > limit
    return value <= limit if rule.inclusive else value < limit
