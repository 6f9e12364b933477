"""A scenario over a profile: the readings of any stretch of event time. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ioc.domain.profile import Profile
from simulators import feeds
from simulators.feeds.base import Periodic
from simulators.plan import Scenario
from simulators.readings import Reading


class Programme:
    """What is sent when.

    Args:
        profile: whose centres and sites.
        scenario: what happens.
        start_ms: event time of the beginning, epoch milliseconds.
        seed: seed of the world.
        rate: messages per second in total; overrides the scenario's.
        duration_s: length in event time; overrides the scenario's.
        quiet: sites to leave out.

    Raises:
        BadInput: a rate that cannot be reached.
    """

    def __init__(
        self,
        profile: Profile,
        scenario: Scenario,
        *,
        start_ms: int,
        seed: int,
        rate: float | None = None,
        duration_s: float | None = None,
        quiet: Collection[str] = (),
    ) -> None:
        length_s = duration_s if duration_s is not None else scenario.duration_s
        self.start_ms = start_ms
        self.end_ms = None if length_s is None else start_ms + round(length_s * 1000)
        self.world = feeds.world_of(
            profile, seed, start_ms=start_ms, incidents=scenario.incident, dropouts=scenario.dropouts
        )
        self._sources = feeds.build(
            profile,
            seed=seed,
            centres=scenario.centres,
            rate=rate if rate is not None else scenario.rate,
            feedback_factor=scenario.feedback_factor,
            call_factor=scenario.call_factor,
            quiet=quiet,
        )

    @property
    def per_second(self) -> float:
        """Messages per second of event time, on average."""
        return sum(source.per_second for source in self._sources)

    def seldom(self, profile: Profile) -> dict[str, dict[str, tuple[float, float]]]:
        """Feeds that report more seldom here than they do by the profile, because the rate is low.

        Returns:
            Centre → feed → longest time in which none of its sites reports, and how often one does, seconds.
        """
        usual_s = {(centre.id, feed.id): feed.expected_period_s for centre in profile.centres for feed in centre.feeds}
        found: dict[tuple[str, str], tuple[float, float]] = {}
        for source in self._sources:
            if isinstance(source, Periodic):
                here_s = (source.gap_ms / 1000, source.period_ms / 1000)
                gap_s, period_s = found.get(source.feed, here_s)
                found[source.feed] = (min(gap_s, here_s[0]), min(period_s, here_s[1]))
        seldom: dict[str, dict[str, tuple[float, float]]] = {}
        for (centre, feed), (gap_s, period_s) in found.items():
            if period_s > usual_s[centre, feed]:
                seldom.setdefault(centre, {})[feed] = (gap_s, period_s)
        return seldom

    def between(self, from_ms: int, to_ms: int) -> list[Reading]:
        """Readings with ``from_ms <= time < to_ms`` that arrive, ordered by time, then id.

        However a stretch of time is cut, the pieces joined are the whole.
        """
        found = [reading for source in self._sources for reading in source.between(self.world, from_ms, to_ms)]
        found = [reading for reading in found if self.world.arrives(reading.centre, reading.feed, reading.time_ms)]
        found.sort(key=lambda reading: (reading.time_ms, reading.id))
        return found
