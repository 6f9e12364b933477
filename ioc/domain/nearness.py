"""Places that lie together: groups in which each is near to another one, by distance on the ground."""

from __future__ import annotations

from collections.abc import Mapping
from math import asin, cos, degrees, radians, sin, sqrt

Point = tuple[float, float]  # longitude, latitude in degrees, WGS 84

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG); on a sphere distances are right to about half a per cent


def distance_m(a: Point, b: Point) -> float:
    """Great-circle distance in metres (haversine formula)."""
    (lon_a, lat_a), (lon_b, lat_b) = a, b
    half_lat, half_lon = radians(lat_b - lat_a) / 2, radians(lon_b - lon_a) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat_a)) * cos(radians(lat_b)) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))


def groups(places: Mapping[str, Point | None], near_m: float) -> list[list[str]]:
    """Names in groups: neighbours are at most ``near_m`` apart, and neighbours of neighbours belong together.

    A place whose position nobody knows is alone. Names within a group and groups are in the order of their names, so
    that the order in which places are given makes no difference.
    """
    root = {name: name for name in places}

    def find(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    known = sorted((at[1], at[0], name) for name, at in places.items() if at is not None)
    reach = degrees(near_m / EARTH_RADIUS_M) * 1.001  # of latitude; nothing farther north can be near
    first = 0
    for n, (lat, lon, name) in enumerate(known):
        while known[first][0] < lat - reach:
            first += 1
        for other_lat, other_lon, other in known[first:n]:
            if distance_m((lon, lat), (other_lon, other_lat)) <= near_m:
                root[find(other)] = find(name)
    found: dict[str, list[str]] = {}
    for name in sorted(places):
        found.setdefault(find(name), []).append(name)
    return sorted(found.values())
