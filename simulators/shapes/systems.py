"""Incident shapes of information systems, offices, health and public talk."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from simulators.shapes.base import Reference, Shape

Minutes = Annotated[float, Meta(gt=0, le=43_200)]


class CyberAttack(Shape, frozen=True, kw_only=True, tag="cyber_attack"):
    """A burst of alarms of one detection on one asset, on top of the ordinary noise.

    Attributes:
        what: kind of the alarms.
        asset: machine or site by its inventory name, never a person.
        severity: of the alarms; every tenth of them (at least the first) has it, the others are one step lower.
        minutes: how long.
        per_minute: alarms a minute at the height of it.
        blocked: the defence stopped it.
    """

    what: Literal[
        "malware_beacon", "defacement", "brute_force", "phishing", "scan", "denial_of_service", "data_leak"
    ] = "malware_beacon"
    asset: Annotated[str, Meta(min_length=1, max_length=100)] = "SRV-MOTCUA-01"
    severity: Literal["low", "medium", "high", "critical"] = "high"
    minutes: Minutes = 30
    per_minute: Annotated[float, Meta(gt=0, le=600)] = 4
    blocked: bool = False

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 … 1 at its height."""
        return self.ramped(t_s, self.length_s / 6)


class PlatformOutage(Shape, frozen=True, kw_only=True, tag="platform_outage"):
    """A platform does not answer: an e-commerce floor takes no orders, a link to the population database fails.

    Attributes:
        site: site of ``ecommerce.kpi`` or ``population.link``.
        minutes: how long.
        answered: share of the checks or calls that is still answered, 0 for none.
    """

    site: str
    minutes: Minutes = 20
    answered: Annotated[float, Meta(ge=0, lt=1)] = 0.0

    def refers(self) -> tuple[Reference, ...]:
        return (
            Reference(
                "site",
                (
                    "ecommerce.kpi",
                    "population.link",
                ),
                self.site,
            ),
        )

    @property
    def length_s(self) -> float:
        return self.minutes * 60


class LateCases(Shape, frozen=True, kw_only=True, tag="late_cases"):
    """Offices fall behind: of the cases that are due while it lasts, a larger share passes its due time.

    Attributes:
        days: how long.
        share: share of these cases that is late; 0.02 is ordinary.
        load: how many times more cases come in, for instance before the end of a month.
        centre: whose offices; empty means all.
    """

    days: Annotated[float, Meta(gt=0, le=366)] = 3
    share: Annotated[float, Meta(ge=0, le=1)] = 0.2
    load: Annotated[float, Meta(ge=1, le=20)] = 1.5
    centre: str = ""

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("centre", ("centre",), self.centre),) if self.centre else ()

    @property
    def length_s(self) -> float:
        return self.days * 86_400


class DengueOutbreak(Shape, frozen=True, kw_only=True, tag="dengue_outbreak"):
    """Dengue spreads in one area: more cases than the season has, and outbreaks (ổ dịch) under treatment.

    Attributes:
        area: code of the administrative unit, for instance ``731``.
        weeks: how long, with a rise and a fall of a third each.
        factor: times as many cases at its height.
        outbreaks: outbreaks under treatment at its height.
    """

    area: Annotated[str, Meta(min_length=1, max_length=20)]
    weeks: Annotated[float, Meta(gt=0, le=52)] = 6
    factor: Annotated[float, Meta(ge=1, le=50)] = 3
    outbreaks: Annotated[int, Meta(ge=0, le=10_000)] = 5

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("area", ("area",), self.area),)

    @property
    def length_s(self) -> float:
        return self.weeks * 604_800

    def weight(self, t_s: float) -> float:
        """0 … 1 at its height."""
        return self.ramped(t_s, self.length_s / 3)


class Rumour(Shape, frozen=True, kw_only=True, tag="rumour"):
    """A topic is talked about much more than usual, and fades.

    Attributes:
        site: site of ``social.mention``, which is the topic.
        mentions_h: additional mentions an hour at the height of it.
        minutes: until it has faded.
        sentiment: mean tone of these mentions, -1 … 1.
    """

    site: str
    mentions_h: Annotated[float, Meta(gt=0, le=1_000_000)] = 300
    minutes: Minutes = 240
    sentiment: Annotated[float, Meta(ge=-1, le=1)] = -0.7

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("social.mention",), self.site),)

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 … 1 at its height."""
        return self.ramped(t_s, self.length_s / 5)
