"""The alerts of a run as episodes: what the judge looks at, in event time since the scenario's start. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.desk import UNSIGNED_RULE
from ioc.domain.spans import clock


class Moment(Struct, frozen=True, kw_only=True):
    """One version of an alert: when (event time since the start), and how it stood."""

    at_ms: int
    active: bool
    level: str
    priority: int


class Episode(Struct, frozen=True, kw_only=True):
    """One alert of the run with all its versions; ``moments`` is never empty."""

    id: str
    rule: str
    centre: str
    area: str
    site: str
    object: str
    title_en: str
    moments: tuple[Moment, ...]

    @property
    def raised_ms(self) -> int:
        """When it was raised."""
        return self.moments[0].at_ms

    @property
    def cleared_ms(self) -> int | None:
        """When it was cleared for good; None while it holds."""
        if self.moments[-1].active:
            return None
        ends = [n for n, moment in enumerate(self.moments) if moment.active]
        return self.moments[ends[-1] + 1 if ends else 0].at_ms

    @property
    def name(self) -> str:
        """For people: ``hydro-level BĐ1 P3 at TALAI``."""
        first = self.moments[0]
        place = self.site or self.area or self.centre
        return f"{self.rule}{' ' + first.level if first.level else ''} P{first.priority} at {place}"

    @property
    def course(self) -> str:
        """For people: ``raised at 5m, cleared at 1h``."""
        cleared_ms = self.cleared_ms
        over = "still on" if cleared_ms is None else f"cleared at {since(cleared_ms)}"
        return f"raised at {since(self.raised_ms)}, {over}"

    def __str__(self) -> str:
        return f"{self.name}, {self.course}"


def episodes(
    alerts: Iterable[Alert], start_ms: int, exercise: str | None, by_arrival: Collection[str] = ()
) -> list[Episode]:
    """The alerts of a run from their versions, in the order in which they were raised.

    Args:
        alerts: versions in any order; repeats do no harm. Alerts of another drill, or of none, are left out, and so is
            that nobody signed for a shift: that is a matter of the hour and of people, not of the run.
        start_ms: start of the scenario, epoch milliseconds of event time.
        exercise: id of the drill; None for a run that is none.
        by_arrival: rules that ask when something arrived, not when it happened (silence), where the clock of the run
            is the clock of the events. Their changes count when the province knew. In a drill such rules go by the
            drill's clock and say when it was themselves.
    """
    versions: dict[str, dict[int, Alert]] = {}
    for alert in alerts:
        if alert.exercise == exercise and alert.rule != UNSIGNED_RULE:
            versions.setdefault(alert.id, {})[alert.version] = alert
    found = []
    for each in versions.values():
        ordered = [each[version] for version in sorted(each)]
        first = ordered[0]
        moments = tuple(
            Moment(
                at_ms=(a.updated_ms if a.rule in by_arrival else a.observed_ms) - start_ms,
                active=a.active,
                level=a.level,
                priority=a.present_priority,
            )
            for a in ordered
        )
        found.append(
            Episode(
                id=first.id,
                rule=first.rule,
                centre=first.centre,
                area=first.area,
                site=first.site,
                object=first.key.split("|", 2)[-1],
                title_en=first.title_en,
                moments=moments,
            )
        )
    return sorted(found, key=lambda one: (one.raised_ms, one.id))


def since(ms: int) -> str:
    """Event time since the start for people, to the second; before the start with a minus."""
    whole_ms = round(abs(ms) / 1000) * 1000
    return clock(whole_ms) if ms >= 0 else f"-{clock(whole_ms)}"
