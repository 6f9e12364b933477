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
    """Limits of sites: what holds for a limit of the rule holds for them."""
    if rule.kind not in reach.ON_NUMBERS or all(level.limit_from is None for level in rule.levels):
        return
    said: list[str] = []
    for _, site in sites:
        limits: dict[str, float] = {}
        for level in rule.levels:
            limit = level.limit if level.limit_from is None else site.limits.get(level.limit_from)
            if limit is None:
                continue
            limits[level.name] = limit
            if level.limit_from is not None:
                said += reach.limit_problems(rule, level, limit, f"{level.limit_from} of {site.id}")
        said += reach.order(rule, limits, f" of {site.id}") if _from_site(rule.levels, site.limits) else ()
    counts = Counter(text.split(": ", 2)[0] for text in said)
    told: Counter[str] = Counter()
    for text in dict.fromkeys(said):
        where = text.split(": ", 2)[0]
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
