"""Administrative cases of the one-stop desks: received in office hours, due after working days, done in time or late.

No provincial volumes were found. Modelling choices: 400 cases a day in the province, due after 1 to 20 working days, of
these 2 % late, the shares of the desks, the procedures (invented codes), their terms, how much is online, 5 % of them
sent back for a supplement, 1 % withdrawn, how late the late ones are; that the unit in charge takes a case up on the
day on which the desk received it.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from simulators.draw import draw, generator
from simulators.local_time import DAY_MS, HOUR_MS, day_number, day_start_ms, is_day_off
from simulators.parts.setting import Happenings, Remembered, Setting
from simulators.shapes.systems import LateCases

CASES_PER_DAY = 400.0  # of the province, on a working day
DESK_SHARES = {"bien-hoa": 0.38, "long-khanh": 0.10}
REST_SHARE = 0.52  # province and districts
LATE_SHARE, SUPPLEMENT_SHARE, WITHDRAWN_SHARE = 0.02, 0.05, 0.01
LATE_STAYS = 0.45  # chance that a late case is late for one more working day; at most LATE_MAX
LATE_MAX = 10
PROCEDURES = {  # code: working days until due, weight, online weights none/partly/fully; codes are invented
    "HT-01": (1, 0.22, (0.3, 0.3, 0.4)),
    "CT-02": (1, 0.18, (0.6, 0.3, 0.1)),
    "HK-03": (3, 0.12, (0.3, 0.4, 0.3)),
    "DN-04": (3, 0.10, (0.1, 0.4, 0.5)),
    "GT-05": (5, 0.08, (0.4, 0.4, 0.2)),
    "XD-06": (15, 0.07, (0.5, 0.4, 0.1)),
    "DD-07": (10, 0.09, (0.6, 0.4, 0.0)),
    "DD-08": (20, 0.06, (0.7, 0.3, 0.0)),
    "LD-09": (7, 0.08, (0.2, 0.5, 0.3)),
}
ONLINE = ("none", "partly", "fully")
DAYS_BACK = 60  # local days: 20 working days, 10 more when late, and the longest holiday all lie within
OFFICE = ((7.5, 11.5), (13.0, 17.0))


class Step(Struct, frozen=True):
    """One step of a case. ``late_days`` are working days past the due time, None where it makes no sense."""

    time_ms: int
    procedure: str
    state: str
    online: str
    received_ms: int
    due_ms: int
    late_days: float | None
    number: str  # tells apart two of the same instant


class Offices:
    """The desks of every centre; which of them report is the profile's matter."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._late = setting.all_of(LateCases)
        self._received = Remembered(self._cases_of_day, 256)
        self._days: Happenings[str, Step] = Happenings(DAY_MS, self._steps_of_day, 32)

    def steps(self, centre: str, from_ms: int, to_ms: int) -> list[Step]:
        """Steps of the cases of a centre's desks in ``[from_ms, to_ms)``, by time."""
        return self._days.between(centre, from_ms, to_ms)

    def _steps_of_day(self, centre: str, bucket: int) -> list[Step]:
        """A bucket is a day of UTC: office hours of one local day lie in one bucket, 0:30 to 10:00."""
        from_ms, today = bucket * DAY_MS, day_number(bucket * DAY_MS)
        if is_day_off(today):
            return []
        return [
            step
            for day in range(today - DAYS_BACK, today + 1)
            for step in self._received((centre, day))
            if from_ms <= step.time_ms < from_ms + DAY_MS
        ]

    def _cases_of_day(self, key: tuple[str, int]) -> tuple[Step, ...]:
        """Every step of every case that is received on a local day."""
        centre, day = key
        if is_day_off(day):
            return ()
        rng = generator(self._setting.seed, "cases", centre, day)
        mean = CASES_PER_DAY * DESK_SHARES.get(centre, REST_SHARE) * self._load(centre, day)
        count = max(0, round(rng.gauss(mean, mean**0.5)))
        names = list(PROCEDURES)
        found: list[Step] = []
        for index, name in enumerate(rng.choices(names, [PROCEDURES[n][1] for n in names], k=count)):
            term, _, online = PROCEDURES[name]
            how = rng.choices(ONLINE, online)[0]
            came = min(0.99, rng.betavariate(1.6, 1.9))
            received_ms = _office_instant(day, came)
            due_ms = day_start_ms(add_working_days(day, term)) + 17 * HOUR_MS
            fate, share, rest, lot = rng.random(), rng.random(), rng.random(), rng.random()
            number = f"{index}"
            found.append(Step(received_ms, name, "received", how, received_ms, due_ms, None, number))
            taken = draw(self._setting.seed, "cases/taken", centre, day, index)
            if fate < WITHDRAWN_SHARE:
                end_day = add_working_days(day, max(0, round(term * share * 0.5)))
                end = _after(came, rest)
                end_ms = _office_instant(end_day, end if end_day == day else rest)
                taken_ms = _office_instant(day, _between(came, end if end_day == day else 0.999, taken))
                found.append(Step(taken_ms, name, "processing", how, received_ms, due_ms, None, number))
                found.append(Step(end_ms, name, "withdrawn", how, received_ms, due_ms, None, number))
                continue
            soonest = 0
            if fate < WITHDRAWN_SHARE + SUPPLEMENT_SHARE and term >= 3:
                soonest = 2
                asked_ms = _office_instant(add_working_days(day, 1), share)
                found.append(Step(asked_ms, name, "supplement", how, received_ms, due_ms, None, number))
            is_late = lot < self._late_share(centre, due_ms)
            done_day = add_working_days(day, max(soonest, round(term * (0.35 + 0.65 * share))))
            same_day = done_day == day and not is_late
            taken_ms = _office_instant(day, _between(came, _after(came, rest) if same_day else 0.999, taken))
            found.append(Step(taken_ms, name, "processing", how, received_ms, due_ms, None, number))
            if is_late:
                late = 1
                while late < LATE_MAX and rng.random() < LATE_STAYS:
                    late += 1
                found.append(Step(due_ms, name, "overdue", how, received_ms, due_ms, None, number))
                done_ms = _office_instant(add_working_days(day, term + late), rest)
                found.append(Step(done_ms, name, "done", how, received_ms, due_ms, float(late), number))
                continue
            done_ms = _office_instant(done_day, _after(came, rest) if done_day == day else 0.02 + 0.97 * rest)
            found.append(Step(done_ms, name, "done", how, received_ms, due_ms, 0.0, number))
        return tuple(found)

    def _load(self, centre: str, day: int) -> float:
        t_s = self._setting.since_s(day_start_ms(day) + 12 * HOUR_MS)
        return max((s.load for s in self._late if _meant(s, centre) and s.phase_s(t_s) is not None), default=1.0)

    def _late_share(self, centre: str, due_ms: int) -> float:
        t_s = self._setting.since_s(due_ms)
        shares = [s.share for s in self._late if _meant(s, centre) and s.phase_s(t_s) is not None]
        return max(shares, default=LATE_SHARE)


def _meant(shape: LateCases, centre: str) -> bool:
    return shape.centre in ("", centre)


def _office_instant(day: int, share: float) -> int:
    """An instant of the office hours of a local day, 0 ≤ ``share`` < 1 of the way through."""
    hours = share * sum(to_h - from_h for from_h, to_h in OFFICE)
    for from_h, to_h in OFFICE:
        if hours < to_h - from_h:
            return day_start_ms(day) + round((from_h + hours) * HOUR_MS)
        hours -= to_h - from_h
    return day_start_ms(day) + 17 * HOUR_MS - 1


def _after(came: float, share: float) -> float:
    """A share of the office hours that is later on the same day."""
    return came + (0.999 - came) * (0.02 + 0.98 * share)


def _between(came: float, end: float, share: float) -> float:
    """A share of the office hours that lies between two of the same day."""
    return came + (end - came) * (0.02 + 0.96 * share)


@lru_cache(maxsize=8192)
def add_working_days(day: int, count: int) -> int:
    """The ``count``-th working day after a local day; 0 is the day itself when it is one, else the next."""
    while is_day_off(day):
        day += 1
    for _ in range(count):
        day += 1
        while is_day_off(day):
            day += 1
    return day
