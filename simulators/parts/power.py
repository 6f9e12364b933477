"""Distribution feeders: which are without power, since when, why, and how many customers that concerns."""

from __future__ import annotations

from msgspec import Struct

from simulators.draw import between, choose, draw, poisson
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_start_ms, is_day_off
from simulators.model import power as model
from simulators.parts.floods import Floods
from simulators.parts.setting import Happenings, Point, Remembered, Setting, beside, nearest
from simulators.parts.sky import Sky
from simulators.shapes.city import PowerCut

# Feeders of a centre whose power company reports nothing, so that its lights depend on some (modelling choice).
UNSEEN_FEEDERS = 6
ROUND_MS = 15 * MINUTE_MS  # expected end, as a company tells it


class Outage(Struct, frozen=True):
    """One interruption of one feeder."""

    time_ms: int
    end_ms: int
    centre: str
    feeder: str
    customers: int
    planned: bool
    cause: str
    number: str  # tells apart two of the same instant


class Supply(Struct, frozen=True):
    """A feeder at a moment; both numbers 0 when all have power. ``restore_ms`` is the end that is expected."""

    unplanned: int = 0
    planned: int = 0
    cause: str | None = None
    restore_ms: int | None = None

    @property
    def out(self) -> bool:
        """Is anybody without power?"""
        return self.unplanned + self.planned > 0


class Power:
    """The feeders of every centre (sites of ``power.outage``)."""

    def __init__(self, setting: Setting, sky: Sky, floods: Floods) -> None:
        self._setting = setting
        self._sky = sky
        self._floods = floods
        given = setting.points.get("power.outage", {})
        self.feeders = {centre: dict(given.get(centre) or _unseen(setting, centre)) for centre in setting.cities}
        self._centre_of = {feeder: centre for centre, found in self.feeders.items() for feeder in found}
        self._spots = {
            feeder: floods.near(centre, at, model.DEEP_KM)
            for centre, found in self.feeders.items()
            for feeder, at in found.items()
        }
        self._days: Happenings[str, Outage] = Happenings(DAY_MS, self._of_day, 256)
        self._cuts = setting.all_of(PowerCut)
        self._hours = Remembered(self._of_hour_round, 1024)
        self._feeder_of = Remembered(self._nearest, 4096)

    def outages(self, centre: str, from_ms: int, to_ms: int) -> list[Outage]:
        """Interruptions that begin in ``[from_ms, to_ms)``, by chance and by the scenario, by time."""
        found = self._days.between(centre, from_ms, to_ms)
        for begin_ms, number, cut in self._setting.begun(PowerCut, from_ms, to_ms):
            if self._centre_of.get(cut.site) == centre:
                customers = model.customers_of(self._setting.seed, cut.site)
                end_ms = begin_ms + round(cut.length_s * 1000)
                found.append(Outage(begin_ms, end_ms, centre, cut.site, customers, cut.planned, cut.cause, number))
        return sorted(found, key=lambda o: (o.time_ms, o.feeder, o.number))

    def supply(self, centre: str, feeder: str, t_ms: int) -> Supply:
        """How a feeder stands; of several interruptions at once the one that concerns most customers counts."""
        now = [o for o in self._hours((centre, t_ms // HOUR_MS)) if o.feeder == feeder and o.time_ms <= t_ms < o.end_ms]
        if now:
            worst = max(now, key=lambda o: (o.customers, o.end_ms))
            expected_ms = -(-worst.end_ms // ROUND_MS) * ROUND_MS
            unplanned = 0 if worst.planned else worst.customers
            return Supply(unplanned, worst.customers - unplanned, worst.cause, expected_ms)
        if self._in_deep_water(feeder, t_ms):
            return Supply(model.customers_of(self._setting.seed, feeder), 0, "storm", None)
        return Supply()

    def dark(self, centre: str, at: Point, t_ms: int) -> bool:
        """Is the feeder that supplies a place without power?"""
        feeder = self._feeder_of((centre, at))
        return self.supply(centre, feeder, t_ms).out

    def without(self, centre: str, t_ms: int) -> int:
        """Customers of a centre without power by faults."""
        return sum(self.supply(centre, feeder, t_ms).unplanned for feeder in self.feeders[centre])

    def _of_hour_round(self, key: tuple[str, int]) -> tuple[Outage, ...]:
        """Every interruption that touches an hour since 1970."""
        centre, hour = key
        from_ms, to_ms = hour * HOUR_MS, (hour + 1) * HOUR_MS
        longest_ms = max(DAY_MS, *(round(cut.length_s * 1000) for cut in self._cuts)) if self._cuts else DAY_MS
        return tuple(o for o in self.outages(centre, from_ms - longest_ms, to_ms) if o.end_ms > from_ms)

    def _in_deep_water(self, feeder: str, t_ms: int) -> bool:
        spots = self._spots[feeder]
        if not spots:
            return False
        steps = range(0, model.DEEP_AFTER_MS + 1, 10 * MINUTE_MS)
        return any(self._floods.deepest_cm(spots, t_ms - back_ms) >= model.DEEP_CM for back_ms in steps)

    def _nearest(self, key: tuple[str, Point]) -> str:
        return nearest(self.feeders[key[0]], key[1])

    def _of_day(self, centre: str, bucket: int) -> list[Outage]:
        """Interruptions by chance that begin in a day of UTC."""
        found = []
        for hour in range(bucket * 24, bucket * 24 + 24):
            stormy = self._sky.rains(centre, hour * HOUR_MS, hour * HOUR_MS + HOUR_MS)
            for feeder, at in self.feeders[centre].items():
                found += self._of_hour(centre, feeder, at, hour, stormy)
        return found

    def _of_hour(self, centre: str, feeder: str, at: Point, hour: int, stormy: bool) -> list[Outage]:
        seed, from_ms = self._setting.seed, hour * HOUR_MS
        factor = 1.0
        if stormy:
            factor = model.storm_factor(self._sky.rain_mm(centre, at, from_ms, from_ms + HOUR_MS))
        found = []
        sustained = model.SUSTAINED_PER_YEAR / model.HOURS_PER_YEAR * factor
        causes = model.STORM_CAUSES if factor > 1 else model.FAIR_CAUSES
        for kind, mean in (
            ("sustained", sustained),
            ("short", sustained * model.SHORT_PER_YEAR / model.SUSTAINED_PER_YEAR),
        ):
            for index in range(poisson(mean, seed, "power", kind, feeder, hour)):
                what = (kind, feeder, hour, index)
                begin_ms = from_ms + int(draw(seed, "power/at", *what) * HOUR_MS)
                length_ms = (
                    model.duration_ms(seed, *what)
                    if kind == "sustained"
                    else round(between(20, 240, seed, "power/short", *what)) * 1000
                )
                customers = model.cut_off(seed, model.customers_of(seed, feeder), *what)
                cause = choose(causes, seed, "power/cause", *what)
                found.append(
                    Outage(
                        begin_ms, begin_ms + length_ms, centre, feeder, customers, False, cause, f"{kind[:2]}{index}"
                    )
                )
        return found + self._planned(centre, feeder, hour)

    def _planned(self, centre: str, feeder: str, hour: int) -> list[Outage]:
        """Announced work begins between 8 and 9 h of a working day and takes two to six hours."""
        seed, from_ms = self._setting.seed, hour * HOUR_MS
        day = (from_ms + 7 * HOUR_MS) // DAY_MS
        if from_ms != day_start_ms(day) + 8 * HOUR_MS or is_day_off(day):
            return []
        if draw(seed, "power/planned", feeder, day) >= model.PLANNED_PER_YEAR / 248:  # working days of a year
            return []
        begin_ms = from_ms + int(draw(seed, "power/planned/at", feeder, day) * HOUR_MS)
        length_ms = round(between(120, 360, seed, "power/planned/length", feeder, day)) * MINUTE_MS
        customers = max(
            1, round(model.customers_of(seed, feeder) * between(0.1, 0.5, seed, "power/planned/who", feeder, day))
        )
        return [Outage(begin_ms, begin_ms + length_ms, centre, feeder, customers, True, "work", "P")]


def _unseen(setting: Setting, centre: str) -> dict[str, Point]:
    middle = setting.cities[centre]
    return {
        f"~{centre}-{index}": beside(setting.seed, middle, 4.0, "feeder", centre, index)
        for index in range(UNSEEN_FEEDERS)
    }
