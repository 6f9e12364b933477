"""The feeds of every centre of a profile: world → readings, one file per kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ioc.domain.profile import Centre, Profile, Site
from ioc.errors import BadInput
from simulators.feeds import (
    air,
    cameras,
    cyber,
    emergency,
    feedback,
    flood,
    heartbeat,
    hydro,
    kpi,
    nature,
    networks,
    offices,
    platforms,
    power,
    rain,
    talk,
    tide,
    traffic,
)
from simulators.feeds.base import ByChance, Look, Periodic, Place, Sample, Source
from simulators.incidents import Incident
from simulators.model import arrivals
from simulators.model.places import ROUGH_MIDDLES
from simulators.parts.setting import Point
from simulators.world import World

# type → sample, period in seconds, may the period be changed to reach a wanted rate
PERIODIC: dict[str, tuple[Sample, float, bool]] = {
    "traffic.flow": (traffic.flow, traffic.FLOW_PERIOD_S, True),
    "rain.gauge": (rain.gauge, rain.PERIOD_S, True),
    "hydro.level": (hydro.level, hydro.PERIOD_S, True),
    "hydro.tide": (tide.tide, tide.PERIOD_S, True),
    "air.quality": (air.quality, air.PERIOD_S, True),
    "flood.spot": (flood.spot, flood.PERIOD_S, True),
    "power.outage": (power.feeder, power.PERIOD_S, True),
    "water.pressure": (networks.pressure, networks.PRESSURE_PERIOD_S, True),
    "lighting.cabinet": (networks.cabinet, networks.CABINET_PERIOD_S, True),
    "forest.fire_level": (nature.forest, nature.FOREST_PERIOD_S, False),
    "health.dengue": (nature.dengue, nature.DENGUE_PERIOD_S, False),
    "social.mention": (talk.mentions, talk.PERIOD_S, False),
    "ecommerce.kpi": (platforms.floor, platforms.FLOOR_PERIOD_S, False),
    "population.link": (platforms.link, platforms.LINK_PERIOD_S, False),
    "service.kpi": (kpi.indicator, kpi.PERIOD_S, False),
    "source.heartbeat": (heartbeat.beat, heartbeat.PERIOD_S, False),
}
# type → what happens, messages a day of one place
HAPPENING: dict[str, tuple[Look, float]] = {
    "cctv.analytics": (cameras.seen, cameras.SEEN_PER_DAY),
    "traffic.violation": (cameras.violations, cameras.VIOLATIONS_PER_DAY),
    "service.case": (offices.cases, offices.STEPS_PER_DAY),
    "cyber.soc": (cyber.alarms, cyber.ALARMS_PER_DAY),
}
BY_CHANCE = frozenset({"traffic.incident", "feedback.1022", "emergency.call", *HAPPENING})
FALLBACK_POINT: Point = (106.95, 10.95)  # between the cities, when a profile gives no coordinates at all


def cities(profile: Profile) -> dict[str, Point]:
    """Middle of each centre: the mean of its sites that have coordinates, else of its areas."""
    found = {}
    for centre in profile.centres:
        points = [(s.lon, s.lat) for s in centre.sites if s.lon is not None and s.lat is not None]
        if not points:
            points = [
                (a.lon, a.lat)
                for a in profile.areas
                if a.code in centre.areas and a.lon is not None and a.lat is not None
            ]
        if points:
            found[centre.id] = (sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points))
        else:
            found[centre.id] = FALLBACK_POINT
    return found


def points(profile: Profile) -> dict[str, dict[str, dict[str, Point]]]:
    """Where everything is that reports: event type → centre → {site: point}. A site without coordinates is put in the
    middle of its district where the model knows it, else of its centre."""
    middles = cities(profile)
    found: dict[str, dict[str, dict[str, Point]]] = {}
    for centre in profile.centres:
        for feed in centre.feeds:
            sites = {
                site.id: (site.lon, site.lat)
                if site.lon is not None and site.lat is not None
                else ROUGH_MIDDLES.get(site.area, middles[centre.id])
                for site in centre.sites
                if site.feed == feed.id
            }
            for type_ in feed.types if sites else ():
                found.setdefault(type_, {}).setdefault(centre.id, {}).update(sites)
    return found


def world_of(
    profile: Profile, seed: int, *, start_ms: int = 0, incidents: Sequence[Incident] = (), dropouts: bool = False
) -> World:
    """The world of a profile, see :class:`~simulators.world.World`."""
    return World(
        seed,
        cities(profile),
        roads(profile),
        start_ms=start_ms,
        incidents=incidents,
        dropouts=dropouts,
        points=points(profile),
    )


def roads(profile: Profile) -> dict[str, dict[str, str]]:
    """Counting places of each centre that has any: centre → {site: printed name}."""
    found: dict[str, dict[str, str]] = {}
    for centre in profile.centres:
        feeds = {feed.id for feed in centre.feeds if "traffic.flow" in feed.types}
        sites = {site.id: site.name_vi for site in centre.sites if site.feed in feeds}
        if sites:
            found[centre.id] = sites
    return found


def build(
    profile: Profile,
    *,
    seed: int,
    centres: Collection[str] | None = None,
    rate: float | None = None,
    feedback_factor: float = 1.0,
    call_factor: float = 1.0,
    quiet: Collection[str] = (),
) -> list[Source]:
    """All sources of the wanted centres.

    Args:
        profile: whose centres, feeds and sites.
        seed: fixes the offset of each site within its period.
        centres: ids to play; None for all.
        rate: wanted messages per second in total. Periods of the measuring feeds are shortened or lengthened to
            reach it (at least 5 ms); heartbeats, indicators and other slow figures keep theirs. None keeps all periods.
        feedback_factor, call_factor: scale the calibrated number of 1022 reports and of emergency calls.
        quiet: sites that stay silent.

    Raises:
        BadInput: the rate is below what the fixed feeds alone send, or no site measures anything.
    """
    plans: list[tuple[str, tuple[Place, ...]]] = []
    for centre in profile.centres:
        if centres is not None and centre.id not in centres:
            continue
        for feed in centre.feeds:
            places = places_of(profile, centre, feed.id, quiet)
            plans += [(type_, places) for type_ in feed.types if places]
    factor = _factor(plans, rate)
    towns = _towns(profile, centres)
    sources: list[Source] = []
    for type_, places in plans:
        if type_ in PERIODIC:
            sample, period_s, scalable = PERIODIC[type_]
            period_ms = max(5, round(period_s * 1000 / (factor if scalable else 1.0)))
            sources.append(Periodic(places, type_, sample, period_ms, seed))
        elif type_ == "traffic.incident":
            per_day = arrivals.INCIDENTS_PER_DAY.get(places[0].centre, arrivals.INCIDENTS_PER_DAY_OTHER)
            sources.append(traffic.Incidents(places, per_day))
        elif type_ == "feedback.1022":
            sources.append(feedback.Reports(places, feedback_factor))
        elif type_ == "emergency.call":
            sources.append(emergency.Calls(places, towns, call_factor))
        elif type_ in HAPPENING:
            look, per_day = HAPPENING[type_]
            sources.append(ByChance(places, type_, look, per_day))
        else:
            raise BadInput("profile", f"{places[0].centre}/{places[0].feed}", f"no simulator makes {type_}")
    return sources


def places_of(profile: Profile, centre: Centre, feed: str, quiet: Collection[str] = ()) -> tuple[Place, ...]:
    """The sites of a feed as places, without the quiet ones."""
    middle = cities(profile)[centre.id]
    targets = {target.indicator: target for target in profile.targets}

    def place(site: Site) -> Place:
        target = targets.get(site.id.lower())
        return Place(
            centre=centre.id,
            feed=feed,
            site=site.id,
            area=site.area,
            name=site.name_vi,
            at=(site.lon, site.lat) if site.lon is not None and site.lat is not None else middle,
            target=target.target if target else None,
            unit=target.unit if target else "",
        )

    return tuple(place(site) for site in centre.sites if site.feed == feed and site.id not in quiet)


def _factor(plans: list[tuple[str, tuple[Place, ...]]], rate: float | None) -> float:
    if rate is None:
        return 1.0
    fixed = scalable = 0.0
    for type_, places in plans:
        if type_ in PERIODIC:
            _, period_s, can_scale = PERIODIC[type_]
            if can_scale:
                scalable += len(places) / period_s
            else:
                fixed += len(places) / period_s
    if not scalable:
        raise BadInput("rate", "rate", "no site of these centres measures anything, so no rate can be reached")
    if rate <= fixed:
        raise BadInput("rate", "rate", f"must be above {fixed:.2f}/s, which heartbeats and indicators alone send")
    return (rate - fixed) / scalable


def _towns(profile: Profile, centres: Collection[str] | None) -> dict[str, float]:
    """Where callers are: the city centres, the first weighted double (modelling choice), else any centre."""
    names = [c.id for c in profile.centres if c.kind == "city"] or [c.id for c in profile.centres]
    return {name: 2.0 if index == 0 else 1.0 for index, name in enumerate(names)}
