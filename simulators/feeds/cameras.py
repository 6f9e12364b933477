"""What cameras see by themselves, and violations at the counting places."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Found
from simulators.world import World

SEEN_PER_DAY = 0.55  # of one camera on an ordinary day; what the rates of the kinds come to (modelling choice)
VIOLATIONS_PER_DAY = 20.0  # of one counting place


def seen(world: World, centre: str, from_ms: int, to_ms: int) -> list[Found]:
    """Payloads of ``cctv.analytics``."""
    points = world.setting.points.get("cctv.analytics", {}).get(centre, {})
    found: list[Found] = []
    for sighting in world.cameras.sightings(centre, from_ms, to_ms):
        lon, lat = points[sighting.site]
        data: dict[str, Any] = {
            "kind": sighting.kind,
            "confidence_ratio": round(sighting.confidence, 2),
            "lon": lon,
            "lat": lat,
        }
        if sighting.people is not None:
            data["people"] = sighting.people
        found.append((sighting.site, sighting.time_ms, sighting.index, data))
    return found


def violations(world: World, centre: str, from_ms: int, to_ms: int) -> list[Found]:
    """Payloads of ``traffic.violation``."""
    points = world.setting.points.get("traffic.violation", {}).get(centre, {})
    found: list[Found] = []
    for violation in world.cameras.violations(centre, from_ms, to_ms):
        if violation.site not in points:
            continue
        lon, lat = points[violation.site]
        data: dict[str, Any] = {"rule": violation.rule, "plate_hash": violation.plate_hash, "lon": lon, "lat": lat}
        if violation.speed_km_h is not None:
            data["speed_km_h"] = round(violation.speed_km_h, 1)
            data["limit_km_h"] = violation.limit_km_h
        found.append((violation.site, violation.time_ms, violation.index, data))
    return found
