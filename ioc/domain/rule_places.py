"""What of a rule can never hold at the places of a profile: sites that do not send, limits of sites, too few sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ioc.domain import reach
from ioc.domain.profile import Centre, Level, Rule, Site

NAMED_MAX = 3  # sites named in one sentence


def problems(rules: Iterable[Rule], centres: Sequence[Centre]) -> Iterator[str]:
    """Sentences ``rule <id>: …`` about whole rules and the sites that they are about."""
    rules = list(rules)
    by_id = {rule.id: rule for rule in rules}
    for rule in rules:
        said = [*_sites(rule, centres), *_limits(rule, senders(rule, centres)), *_members(rule, by_id, centres)]
        yield from (f"rule {rule.id}: {text}" for text in said)


def senders(rule: Rule, centres: Iterable[Centre]) -> list[tuple[Centre, Site]]:
    """The sites that a rule judges: those of feeds of its type, and of its list if it has one."""
    return [
        (centre, site)
        for centre in centres
        for feed in centre.feeds
        if rule.type in feed.types
        for site in centre.sites
        if site.feed == feed.id and site.id in (rule.sites or (site.id,))
    ]


def _sites(rule: Rule, centres: Iterable[Centre]) -> Iterator[str]:
    if not rule.sites or rule.kind not in (*reach.ON_NUMBERS, "occurrence", "count"):
        return
    known = {site.id for centre in centres for site in centre.sites}
    sending = {site.id for _, site in senders(rule, centres)}
    for i, name in enumerate(rule.sites):
        if name in known - sending:
            yield f"sites[{i}]: {name!r} sends no {rule.type}, the rule never holds there"


def _limits(rule: Rule, sites: Sequence[tuple[Centre, Site]]) -> Iterator[str]:
    """Limits of sites: what holds for a limit of the rule holds for them.

    That a level never speaks is a mistake of the rule when it is so wherever the level is, at more than one site or
    because two levels take the same limit; else :func:`doubts` says where.
    """
    said: list[str] = []
    dead = _dead(rule, sites)
    for site, limits in _resolved(rule, sites):
        for level in rule.levels:
            if level.limit_from is not None and level.name in limits:
                limit = limits[level.name]
                said += reach.limit_problems(rule, level, limit, f"{level.limit_from} of {site.id}")
        said += [text for text in reach.order(rule, limits, f" of {site.id}") if _level_of(text) in dead]
    yield from _shortened(said)


def doubts(rules: Iterable[Rule], centres: Sequence[Centre]) -> Iterator[str]:
    """As :func:`problems`, of what is allowed: limits of single sites under which a level never speaks there."""
    for rule in rules:
        sites = senders(rule, centres)
        said: list[str] = []
        dead = _dead(rule, sites)
        for site, limits in _resolved(rule, sites):
            of = f" of {site.id}"
            said += [text for text in reach.order(rule, limits, of) if _level_of(text) not in dead]
            said += reach.order_doubts(rule, limits, of)
        yield from (f"rule {rule.id}: {text}" for text in _shortened(said))


def _resolved(rule: Rule, sites: Sequence[tuple[Centre, Site]]) -> Iterator[tuple[Site, dict[str, float]]]:
    """The limits of each site that has its own: name of the level → limit."""
    if rule.kind not in reach.ON_NUMBERS or all(level.limit_from is None for level in rule.levels):
        return
    for _, site in sites:
        if _from_site(rule.levels, site.limits):
            found = {
                level.name: level.limit if level.limit_from is None else site.limits.get(level.limit_from)
                for level in rule.levels
            }
            yield site, {name: limit for name, limit in found.items() if limit is not None}


def _dead(rule: Rule, sites: Sequence[tuple[Centre, Site]]) -> set[str]:
    """Levels (as they stand in sentences) that are judged by limits of sites and never speak, whatever the site."""
    there: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    same: set[str] = set()
    for _, limits in _resolved(rule, sites):
        there.update(list(limits))
        for mild, grave in reach.covered(rule, limits):
            covered[mild.name] += 1
            if mild.limit_from is not None and mild.limit_from in _names(rule, grave):
                same.add(mild.name)
    return {f"level {name!r}" for name, n in covered.items() if n == there[name] and (n > 1 or name in same)}


def _names(rule: Rule, level: Level) -> set[str | None]:
    """Limits that levels at least as grave take."""
    return {one.limit_from for one in rule.levels if one.priority <= level.priority}


def _level_of(text: str) -> str:
    return text.split(": ", 1)[0]


def _shortened(said: Iterable[str]) -> Iterator[str]:
    """The first few of each level, and how many more there are."""
    said = list(dict.fromkeys(said))
    counts = Counter(map(_level_of, said))
    told: Counter[str] = Counter()
    for text in said:
        where = _level_of(text)
        told[where] += 1
        if told[where] <= NAMED_MAX:
            yield text
        elif told[where] == NAMED_MAX + 1:
            yield f"{where}: limit_from: and so at {counts[where] - NAMED_MAX} more"


def _from_site(levels: Iterable[Level], limits: Mapping[str, float]) -> bool:
    return any(level.limit_from in limits for level in levels if level.limit_from is not None)


def _members(rule: Rule, by_id: Mapping[str, Rule], centres: Sequence[Centre]) -> Iterator[str]:
    """A combination that wants more objects than the profile has sites for, where each site is one object."""
    if rule.kind != "combination":
        return
    for i, member in enumerate(rule.members):
        known = by_id.get(member.rule)
        if known is None or known.kind not in reach.ON_NUMBERS:
            continue
        places = {(centre.id, site.area, site.id) for centre, site in senders(known, centres)}
        within = {"area": 2, "centre": 1, "all": 0}.get(rule.scope)
        if within is None or not places:
            continue
        most = max(Counter(place[:within] for place in places).values())
        if member.objects > most:
            where = {"area": "in one area", "centre": "in one centre"}.get(rule.scope, "in all")
            yield (
                f"members[{i}].objects: {member.objects} objects of {member.rule!r} are never on at once: "
                f"it judges at most {most} sites {where}"
            )
