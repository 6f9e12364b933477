"""Where events go: a feed with its clock, the lanes and objects of one source and type, and who owns a heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from ioc.domain.profile import Centre, Profile, Rule
from ioc.domain.watermark import EventClock
from ioc.pipeline.lanes import Lane
from ioc.pipeline.subjects import Subject
from ioc.wire.topics import Topics


class Feed(Struct, eq=False):
    """One feed of one area (one key of the topic): its clock and the lanes that the clock closes."""

    centre: str
    area: str
    feed: str
    exercise: str | None
    clock: EventClock
    grace_ms: int
    lanes: dict[tuple[str, int], Lane]  # by type and size of the window

    @property
    def key(self) -> str:
        """``centre/area/feed``, in a drill with ``/drill`` at the end."""
        return feed_key(self.centre, self.area, self.feed, self.exercise)


class FeedRecord(Struct):
    """A feed's clock as it is kept in the checkpoint."""

    centre: str
    area: str
    feed: str
    exercise: str | None
    clock: EventClock


class Route(Struct, eq=False):
    """Where the events of one source and type go."""

    feed: Feed
    lane: Lane
    more: list[Lane]  # declared windows beside the minute
    decode: Callable[[Any], Any] | None  # None: neither a number nor a rule wants the payload
    measure: Callable[[Any], Any] | None
    fixed: list[Subject]  # objects that are the site itself
    happenings: list[Rule]  # rules whose object depends on the payload
    site: str
    object: str  # the site; with the area, where the record put the site into another one than its own
    canary: bool = False  # passed on to alerting, and looked at by no rule


def feed_key(centre: str, area: str, feed: str, exercise: str | None) -> str:
    """Key of a clock; the topic's key, and the drill."""
    key = f"{centre}/{area}/{feed}"
    return f"{key}/{exercise}" if exercise else key


def heartbeats(profile: Profile, partition: int) -> Iterator[tuple[Rule, Centre, str, str, str]]:
    """(rule, centre, area, feed, site) of every centre whose heartbeat key belongs to this partition."""
    topics = Topics("", ())
    for rule in profile.rules:
        if rule.kind != "silence":
            continue
        for centre in profile.centres:
            for feed in centre.feeds:
                if rule.type not in feed.types:
                    continue
                site = next((s for s in centre.sites if s.feed == feed.id), None)
                area = site.area if site else next(iter(centre.areas), "")
                if topics.partition("events", feed_key(centre.id, area, feed.id, None).encode()) == partition:
                    yield rule, centre, area, feed.id, site.id if site else ""
                break
