"""Does a scenario fit a profile? Centres, feeds, sites, areas, rules and levels that it names must be there."""

from __future__ import annotations

from collections.abc import Iterable

from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.domain.profile import Centre, Feed, Profile
from ioc.errors import BadInput
from simulators import feeds
from simulators.expect import Reach, Which
from simulators.faults import Fault, UnitMixUp, WrongCentre
from simulators.incidents import SourceLoss
from simulators.plan import Scenario
from simulators.scenario import Page, near, parse, text_of
from simulators.shapes.base import Reference

_NO_QUANTITIES = {"danger_level", "priority", "seq"}  # numbers with a range, but codes, ranks and running numbers
_OF_NO_TYPE = ("absence", "combination", "refused")  # rules that are not about the events of one type


def load_for(name: str, profile: Profile) -> Scenario:
    """Read a scenario by name or path and check it against a profile.

    Raises:
        BadInput: see :func:`simulators.scenario.load` and :func:`check`.
    """
    text, file = text_of(name)
    scenario = parse(text, file)
    check(scenario, profile, Page(text, file))
    return scenario


def check(scenario: Scenario, profile: Profile, page: Page) -> None:
    """Does the scenario fit the profile? Rules are only looked at when the profile was loaded with them.

    Raises:
        BadInput: a centre, feed, site, area, rule or level that the profile lacks, or a site of the wrong kind.
    """
    known = {centre.id: centre for centre in profile.centres}
    for n, centre in enumerate(scenario.centres or ()):
        _one_of(page, f"centres[{n}]", "centre", centre, known, profile)
    _rate(page, scenario, profile)
    for n, incident in enumerate(scenario.incident):
        where = f"incident[{n}]"
        for reference in incident.refers():
            _refers(page, f"{where}.{reference.field}", reference, profile)
            _played(page, f"{where}.{reference.field}", reference.name, _centres_of(reference, profile), scenario)
        if isinstance(incident, SourceLoss):
            _feeds(page, where, incident.feeds, [known[incident.centre]])
    for n, fault in enumerate(scenario.fault):
        where = f"fault[{n}]"
        for field in ("centre", "to"):
            if (named := getattr(fault, field, None)) is not None:
                _one_of(page, f"{where}.{field}", "centre", named, known, profile)
        if fault.centre is not None:
            _played(page, f"{where}.centre", fault.centre, {fault.centre}, scenario)
        meant = [known[fault.centre]] if fault.centre is not None else list(profile.centres)
        _feeds(page, where, fault.feeds, meant)
        for number, feed in enumerate(fault.feeds):
            having = {centre.id for centre in meant if any(one.id == feed for one in centre.feeds)}
            _played(page, f"{where}.feeds[{number}]", feed, having, scenario)
        for number, site in enumerate(fault.sites):
            _site(page, f"{where}.sites[{number}]", site, meant, profile)
            _played(page, f"{where}.sites[{number}]", site, _with_site(profile, site), scenario)
            of_site = {one.feed for centre in meant for one in centre.sites if one.id == site}
            if fault.feeds and not of_site & set(fault.feeds):
                what = f"'{site}' is of the feed {' and '.join(sorted(of_site))}"
                page.refuse(f"{where}.sites[{number}]", f"{what}, and only {', '.join(fault.feeds)} is concerned")
        hit = [
            (centre, feed)
            for centre in _playing(scenario, meant)
            for feed in centre.feeds
            if _hits(fault, centre, feed)
        ]
        if isinstance(fault, WrongCentre) and {centre.id for centre, _ in hit} == {fault.to}:
            page.refuse(f"{where}.to", "is where these messages belong")
        if isinstance(fault, UnitMixUp):
            types = {type_ for _, feed in hit for type_ in feed.types}
            fields = {name for t in types if t in PAYLOADS for name in PAYLOADS[t].__struct_fields__}
            known_here = quantities(types)
            if fault.field in fields - known_here:
                page.refuse(f"{where}.field", f"'{fault.field}' is no quantity with a unit{near('', known_here)}")
            _one_of(page, f"{where}.field", "field of these feeds", fault.field, known_here, profile)
    for table, claims in (("expect", scenario.expect), ("forbid", scenario.forbid)):
        for n, claim in enumerate(claims):
            _claim(page, f"{table}[{n}]", claim, profile)
            if table == "expect":
                _can_come(page, f"{table}[{n}]", claim, scenario, profile)
            for number, step in enumerate(getattr(claim, "steps", ())):
                _level(page, f"{table}[{n}].steps[{number}]", claim.rule, step, profile)


def _playing(scenario: Scenario, centres: Iterable[Centre]) -> list[Centre]:
    return [centre for centre in centres if scenario.centres is None or centre.id in scenario.centres]


def _hits(fault: Fault, centre: Centre, feed: Feed) -> bool:
    """Can messages of this feed be hit?"""
    named = not fault.feeds or feed.id in fault.feeds
    return named and (not fault.sites or any(s.feed == feed.id and s.id in fault.sites for s in centre.sites))


def _can_come(page: Page, where: str, claim: Which, scenario: Scenario, profile: Profile) -> None:
    """Is what reports to the rule of an expected alert there, and played?"""
    if claim.centre is not None:
        _played(page, f"{where}.centre", claim.centre, {claim.centre}, scenario)
    if claim.site is not None:
        _played(page, f"{where}.site", claim.site, _with_site(profile, claim.site), scenario)
    if claim.area is not None:
        _played(page, f"{where}.area", claim.area, _with_area(profile, claim.area), scenario)
    rule = next((one for one in profile.rules if one.id == claim.rule), None)
    if rule is None or rule.kind in _OF_NO_TYPE:
        return
    meant = [c for c in _playing(scenario, profile.centres) if claim.centre in (None, c.id)]
    areas = set()
    for centre in meant:
        feeds = {feed.id for feed in centre.feeds if rule.type in feed.types}
        areas |= {s.area for s in centre.sites if s.feed in feeds and (not rule.sites or s.id in rule.sites)}
        if feeds and "area" in centre.format:
            return  # its records say where they are
    if not areas:
        what = "'" + claim.centre + "' has" if claim.centre is not None else "the centres that are played have"
        field = "rule" if claim.centre is None else "centre"
        page.refuse(f"{where}.{field}", f"{what} no site that reports {rule.type} to the rule '{rule.id}'")
    if claim.area is not None and claim.area not in areas:
        known = near(claim.area, areas)
        page.refuse(f"{where}.area", f"no site there reports {rule.type} to the rule '{rule.id}'{known}")


def _with_area(profile: Profile, area: str) -> set[str]:
    return {c.id for c in profile.centres if area in c.areas or any(site.area == area for site in c.sites)}


def _with_site(profile: Profile, site: str) -> set[str]:
    return {centre.id for centre in profile.centres if any(one.id == site for one in centre.sites)}


def _centres_of(reference: Reference, profile: Profile) -> set[str]:
    """The centres whose feeds show what happens to what a shape names."""
    if reference.to == ("centre",):
        return {reference.name}
    if reference.to == ("area",):
        return {centre.id for centre in profile.centres if reference.name in centre.areas}
    return _with_site(profile, reference.name)


def _played(page: Page, where: str, name: str, centres: set[str], scenario: Scenario) -> None:
    """Is one of the centres among those that the scenario plays?"""
    if scenario.centres is not None and centres and not centres & set(scenario.centres):
        who = "" if name in centres else f" of {' and '.join(sorted(centres))}"
        page.refuse(where, f"'{name}'{who} is not played: the scenario's centres are {', '.join(scenario.centres)}")


def _rate(page: Page, scenario: Scenario, profile: Profile) -> None:
    """Can the rate be reached?"""
    if scenario.rate is None:
        return
    try:
        feeds.build(
            profile,
            seed=0,
            centres=scenario.centres,
            rate=scenario.rate,
            feedback_factor=scenario.feedback_factor,
            call_factor=scenario.call_factor,
        )
    except BadInput as exc:
        page.refuse("rate", exc.detail)


def quantities(types: Iterable[str]) -> set[str]:
    """Fields of event types that are numbers of something: no codes, no running numbers, nothing that is yes or no."""
    return {name for type_ in types for name in RANGES.get(type_, {})} - _NO_QUANTITIES


def _refers(page: Page, where: str, reference: Reference, profile: Profile) -> None:
    if reference.to == ("centre",):
        _one_of(page, where, "centre", reference.name, profile.centre_ids, profile)
    elif reference.to == ("area",):
        _one_of(page, where, "area", reference.name, [area.code for area in profile.areas], profile)
    else:
        sites = {site for type_ in reference.to for site in _sites(profile, type_)}
        if reference.name not in sites:
            what = f"no site {reference.name!r} that reports {' or '.join(reference.to)} in {profile.id}"
            page.refuse(where, f"{what}{near(reference.name, sites)}")


def _claim(page: Page, where: str, claim: Which, profile: Profile) -> None:
    centres = {centre.id: centre for centre in profile.centres}
    if claim.rule is not None and profile.rules:
        _one_of(page, f"{where}.rule", "rule", claim.rule, {rule.id for rule in profile.rules}, profile)
    if claim.centre is not None:
        _one_of(page, f"{where}.centre", "centre", claim.centre, centres, profile)
    if claim.area is not None:
        _one_of(page, f"{where}.area", "area", claim.area, {area.code for area in profile.areas}, profile)
    if claim.site is not None:
        meant = [centres[claim.centre]] if claim.centre is not None else list(profile.centres)
        _site(page, f"{where}.site", claim.site, meant, profile)
        spoken = {rule.type for rule in profile.rules if rule.id == claim.rule and rule.type}
        if spoken and not any(claim.site in _sites(profile, type_) for type_ in spoken):
            page.refuse(f"{where}.site", f"no site {claim.site!r} that reports {' or '.join(spoken)} in {profile.id}")
    _level(page, where, claim.rule, claim, profile)


def _level(page: Page, where: str, rule: str | None, claim: Which | Reach, profile: Profile) -> None:
    levels = {one.name: one for one_rule in profile.rules if one_rule.id == rule for one in one_rule.levels}
    if claim.level is None or rule is None or not profile.rules:
        return
    found = levels.get(claim.level)
    if found is None:
        page.refuse(f"{where}.level", f"rule '{rule}' has no level {claim.level!r}{near(claim.level, levels)}")
    least = found.priority - (found.escalate_after_s > 0)  # what lasts may be one higher
    if claim.priority is not None and not least <= claim.priority <= found.priority:
        page.refuse(f"{where}.priority", f"is {claim.priority}, and level '{found.name}' has {found.priority}")


def _site(page: Page, where: str, site: str, centres: list[Centre], profile: Profile) -> None:
    """Has one of the centres this site?"""
    if (owners := _with_site(profile, site)) and not owners & {centre.id for centre in centres}:
        of = " and ".join(sorted(owners))
        page.refuse(where, f"the site '{site}' is of {of}, not of {centres[0].id}")
    _one_of(page, where, "site", site, {one.id for centre in centres for one in centre.sites}, profile)


def _feeds(page: Page, where: str, feeds: tuple[str, ...], centres: list[Centre]) -> None:
    known = {feed.id for centre in centres for feed in centre.feeds}
    for number, feed in enumerate(feeds):
        if feed not in known:
            who = f"centre '{centres[0].id}' has" if len(centres) == 1 else "there is"
            page.refuse(f"{where}.feeds[{number}]", f"{who} no feed {feed!r}{near(feed, known)}")


def _one_of(page: Page, where: str, what: str, name: str, known: Iterable[str], profile: Profile) -> None:
    if name not in known:
        page.refuse(where, f"no {what} {name!r} in {profile.id}{near(name, known)}")


def _sites(profile: Profile, type_: str) -> set[str]:
    found = set()
    for centre in profile.centres:
        feeds = {feed.id for feed in centre.feeds if type_ in feed.types}
        found |= {site.id for site in centre.sites if site.feed in feeds}
    return found
