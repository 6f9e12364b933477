"""What a scenario says about the alerts of its run, as values: expected ones, forbidden ones, how many in all.

Durations are texts such as ``90s`` or ``1h30m``, spans ``2m..3m`` (an end that is left out is open). All of them are
event time since the start of the scenario: *raised* is the time of the reading that decided, not when somebody knew.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ioc.domain.spans import LASTS_MAX_MS, Span, clock, duration, span

Priority = Literal[1, 2, 3, 4]
Count = Annotated[int, Meta(ge=0, le=100_000)]


class Which(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alerts are meant: those that have all that is given.

    Attributes:
        rule, centre, area, site: as in the alert.
        object: third part of the alert key, for instance a kind of call.
        level, priority: when it is raised.
    """

    rule: str | None = None
    centre: str | None = None
    area: str | None = None
    site: str | None = None
    object: str | None = None
    level: str | None = None
    priority: Priority | None = None

    @property
    def name(self) -> str:
        """For people: ``hydro-level at TALAI``."""
        what = self.rule or "an alert"
        if self.level is not None:
            what += f" {self.level}"
        if self.priority is not None:
            what += f" P{self.priority}"
        place = next((one for one in (self.site, self.area, self.centre) if one is not None), None)
        what += f" at {place}" if place else ""
        return what + (f" ({self.object})" if self.object is not None else "")


class Reach(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``steps`` of an expectation: a level or a priority that the alert reaches within a span; in this order."""

    within: str
    level: str | None = None
    priority: Priority | None = None

    @property
    def span(self) -> Span:
        """``within`` as a value."""
        return span(self.within)

    @property
    def name(self) -> str:
        """For people: ``BĐ3``."""
        return " ".join(one for one in (self.level, f"P{self.priority}" if self.priority else "") if one)


class Expect(Which, frozen=True, kw_only=True):
    """``[[expect]]``: an alert that must appear.

    Attributes:
        raised: span in which it is raised.
        cleared: span in which it is cleared, or ``never``; None does not say.
        not_before: no such alert is raised before; None does not say.
        in_drills: False when it is true of the live picture only, where late readings raise nothing.
        steps: levels that it reaches.
        at_least: so many such alerts, each of another object or episode.
        why: for the reader of the verdict.
    """

    raised: str
    cleared: str | None = None
    not_before: str | None = None
    in_drills: bool = True
    steps: tuple[Reach, ...] = ()
    at_least: Annotated[int, Meta(ge=1, le=1000)] = 1
    why: str = ""

    @property
    def raised_span(self) -> Span:
        """``raised`` as a value."""
        return span(self.raised)

    @property
    def cleared_span(self) -> Span | None:
        """``cleared`` as a value; None for ``never`` and when nothing is said."""
        return None if self.cleared in (None, "never") else span(str(self.cleared))

    @property
    def not_before_ms(self) -> int | None:
        """``not_before`` as a value."""
        return None if self.not_before is None else duration(self.not_before)

    @property
    def says(self) -> str:
        """For people, what is expected: ``raised 10m..20m, cleared 1h..2h``."""
        said = [f"raised {written(self.raised_span)}"]
        said += [f"{step.name} within {written(step.span)}" for step in self.steps]
        if self.cleared is not None:
            said.append("never cleared" if self.cleared == "never" else f"cleared {written(span(self.cleared))}")
        return ", ".join(said)


class Forbid(Which, frozen=True, kw_only=True):
    """``[[forbid]]``: an alert that must not appear, at any time or ``within`` a span."""

    within: str | None = None
    in_drills: bool = True
    why: str = ""

    @property
    def span(self) -> Span:
        """``within`` as a value; the whole run when nothing is said."""
        return Span(0, LASTS_MAX_MS) if self.within is None else span(self.within)


class Bounds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[alerts]``: how many alerts the run raises, in all and in its busiest ten minutes.

    ``others`` says what is thought of alerts that no expectation names.
    """

    least: Count | None = None
    most: Count | None = None
    in_10_min_least: Count | None = None
    in_10_min_most: Count | None = None
    others: Literal["allowed", "refused"] = "allowed"

    @property
    def says_something(self) -> bool:
        """Is there anything to judge?"""
        return self != Bounds()


def written(value: Span) -> str:
    """A span for people; an open end stays open."""
    if value.to_ms >= LASTS_MAX_MS:
        return f"from {clock(value.from_ms)} on" if value.from_ms else "at any time"
    return f"{clock(value.from_ms)}..{clock(value.to_ms)}"
