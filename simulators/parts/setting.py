"""Where and when a simulated world is set, and the buckets in which things happen by chance."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from simulators.draw import draw
from simulators.incidents import Incident
from simulators.shapes.base import Shape

KM_PER_DEG_LAT = 110.6
KM_PER_DEG_LON = 109.3  # at 10.95° N
Point = tuple[float, float]  # lon, lat

S = TypeVar("S", bound=Shape)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Setting(Struct, frozen=True, kw_only=True):
    """What every part of a world is built from.

    Attributes:
        seed: the same seed is the same world.
        start_ms: start of the scenario, which the times of ``incidents`` count from.
        cities: middle of the area of each centre.
        points: where the sites are, event type → centre → {site: point}.
        incidents: shapes of the scenario.
    """

    seed: int
    start_ms: int = 0
    cities: Mapping[str, Point]
    points: Mapping[str, Mapping[str, Mapping[str, Point]]]
    incidents: tuple[Incident, ...] = ()

    def since_s(self, t_ms: int) -> float:
        """Seconds after the scenario's start."""
        return (t_ms - self.start_ms) / 1000

    def all_of(self, kind: type[S]) -> tuple[S, ...]:
        """The incidents of one kind, in the scenario's order."""
        return tuple(incident for incident in self.incidents if isinstance(incident, kind))

    def begun(self, kind: type[S], from_ms: int, to_ms: int) -> list[tuple[int, str, S]]:
        """Occurrences of a kind that begin in ``[from_ms, to_ms)``: instant, number that tells them apart, shape."""
        shapes = self.all_of(kind) if self.incidents else ()
        found = [
            (self.start_ms + round(begin_s * 1000), f"S{index}-{number}", shape)
            for index, shape in enumerate(shapes)
            for number, begin_s in shape.begins(self.since_s(from_ms - 1), self.since_s(to_ms + 1))
        ]
        return [item for item in found if from_ms <= item[0] < to_ms]  # by whole milliseconds, as everything else

    def near(self, centre: str, spread_km: float, *what: str | int) -> Point:
        """A random point around the middle of a centre's area, fixed by ``what``."""
        return beside(self.seed, self.cities[centre], spread_km, centre, *what)


def beside(seed: int, middle: Point, spread_km: float, *what: str | int) -> Point:
    """A random point of the square of ``2 * spread_km`` around ``middle``, fixed by seed and ``what``."""
    lon, lat = middle
    east = spread_km * (2 * draw(seed, "lon", *what) - 1)
    north = spread_km * (2 * draw(seed, "lat", *what) - 1)
    return round(lon + east / KM_PER_DEG_LON, 5), round(lat + north / KM_PER_DEG_LAT, 5)


def distance_km(a: Point, b: Point) -> float:
    """Distance of two points of the province, kilometres, on a flat map."""
    return float((((a[0] - b[0]) * KM_PER_DEG_LON) ** 2 + ((a[1] - b[1]) * KM_PER_DEG_LAT) ** 2) ** 0.5)


def nearest(places: Mapping[K, Point], at: Point) -> K:
    """The nearest of ``places``, which must not be empty."""
    return min(places, key=lambda name: distance_km(places[name], at))


class Timed(Protocol):
    """Something that happens at an instant."""

    @property
    def time_ms(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Remembered(Generic[K, V]):
    """A pure function with a cache of at most ``most`` values; the oldest go first.

    Args:
        make: the function.
        most: how many values are kept; one more costs only its recomputation later.
    """

    def __init__(self, make: Callable[[K], V], most: int = 512) -> None:
        self._make = make
        self._most = most
        self._known: dict[K, V] = {}

    def __call__(self, key: K) -> V:
        try:
            return self._known[key]
        except KeyError:
            value = self._make(key)
            if len(self._known) >= self._most:
                self._known.pop(next(iter(self._known)))
            self._known[key] = value
            return value


class Happenings(Generic[K, T]):
    """What happens by chance, in buckets of equal length, so that any stretch of time can be asked for alone.

    Args:
        length_ms: length of a bucket.
        make: what happens in bucket ``number`` of ``key``; each inside its bucket.
        most: how many buckets are kept.
    """

    def __init__(self, length_ms: int, make: Callable[[K, int], Sequence[T]], most: int = 512) -> None:
        self._length_ms = length_ms
        self._buckets: Remembered[tuple[K, int], tuple[T, ...]] = Remembered(
            lambda key: tuple(sorted(make(key[0], key[1]), key=lambda item: item.time_ms)), most
        )

    def between(self, key: K, from_ms: int, to_ms: int) -> list[T]:
        """What happens in ``[from_ms, to_ms)``, by time."""
        if to_ms <= from_ms:
            return []
        first, last = from_ms // self._length_ms, (to_ms - 1) // self._length_ms
        if first == last and not self._buckets((key, first)):
            return []
        return [
            item
            for number in range(first, last + 1)
            for item in self._buckets((key, number))
            if from_ms <= item.time_ms < to_ms
        ]
