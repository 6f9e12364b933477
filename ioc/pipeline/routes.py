"""Where events go: a feed with its clock, the lanes and objects of one source and type, and who owns a heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from ioc.domain.profile import Profile, Rule
from ioc.domain.silence import SilenceState
from ioc.domain.watermark import EventClock, Frontier
from ioc.pipeline.lanes import Lane
from ioc.pipeline.meters import ThresholdSubject
from ioc.pipeline.signals import Watched
from ioc.pipeline.subjects import Subject
from ioc.wire.topics import Topics

if TYPE_CHECKING:
    from ioc.pipeline.in_order import InOrder

NEVER_MS = 2**62
# A reading that waits to be judged: event time, id, offset, arrival, route, payload, area, and the record's value. A
# plain tuple, because it sorts by the first three.
Turn = tuple[int, str, int, int, "Route", Any, str, bytes]


KeptDue = tuple[int, int, int, bool]  # newest event time, newest arrival, what has passed by it, seen by the clock


class FeedRecord(Struct):
    """A feed's clock as it is kept in the checkpoint."""

    centre: str
    area: str
    feed: str
    exercise: str | None
    clock: EventClock
    judged_ms: int | None = None
    dues: list[KeptDue] = []  # steps that are not judged yet, where intake says how far it has read


class Due(Struct, eq=False):
    """Events of one feed that come due together: those that arrived in ``[from_ms, to_ms)``.

    ``newest_ms`` and ``arrived_ms`` are the newest event time and arrival, for the feed's clock, until ``seen`` by it.
    ``at_ms`` is when the readings among them are judged; ``passed_ms`` the newest of the event times, as the rules
    believe them: what is older is judged with them.
    """

    from_ms: int
    to_ms: int
    at_ms: int = 0
    newest_ms: int = -1
    arrived_ms: int = -1
    passed_ms: int = -1
    seen: bool = False


NO_DUE = Due(0, 0)


class Feed(Struct, eq=False):
    """One feed of one area (one key of the topic): its clock, the lanes that the clock closes, and what waits.

    ``judged`` is how far the rules have come, and what time it is for their objects; ``held`` the readings that wait
    for their neighbours, oldest first, ``fresh`` those not yet sorted in, ``waiting`` the number of both, and
    ``order_ms`` how long they do (:mod:`ioc.pipeline.in_order`).
    """

    centre: str
    area: str
    feed: str
    exercise: str | None
    clock: EventClock
    grace_ms: int
    lanes: dict[tuple[str, int], Lane]  # by type and size of the window
    order_ms: int = 0
    judged: Frontier = field(default_factory=Frontier)
    held: list[Turn] = []
    fresh: list[Turn] = []
    waiting: int = 0
    dues: dict[int, Due] = {}  # by the end of their arrivals
    due: Due = field(default_factory=lambda: NO_DUE)  # the one that was added to last
    in_order: InOrder = None  # type: ignore[assignment]  # set by the board that makes the feed

    @property
    def key(self) -> str:
        """``centre/area/feed``, in a drill with ``/drill`` at the end."""
        return feed_key(self.centre, self.area, self.feed, self.exercise)

    def record(self) -> FeedRecord:
        """Its clock for the checkpoint."""
        mark_ms, told = self.judged.mark_ms, self.in_order.reach is not None
        dues = [(due.newest_ms, due.arrived_ms, due.passed_ms, due.seen) for due in self.dues.values() if told]
        return FeedRecord(self.centre, self.area, self.feed, self.exercise, self.clock, mark_ms, dues)


class Route(Struct, eq=False):
    """Where the events of one source and type go."""

    feed: Feed
    lane: Lane
    more: list[Lane]  # declared windows beside the minute
    decode: Callable[[Any], Any] | None  # None: neither a number nor a rule wants the payload
    measure: Callable[[Any], Any] | None
    fixed: list[ThresholdSubject]  # objects that are the site itself
    by_arrival: list[Subject]  # objects that are only heard: they do not wait
    happenings: list[Rule]  # rules whose object depends on the payload
    site: str
    object: str  # the site; with the area, where the record put the site into another one than its own
    judged: bool = False  # some rule looks at the events
    canary: bool = False  # passed on to alerting, and looked at by no rule


def feed_key(centre: str, area: str, feed: str, exercise: str | None) -> str:
    """Key of a clock; the topic's key, and the drill."""
    key = f"{centre}/{area}/{feed}"
    return f"{key}/{exercise}" if exercise else key


def heartbeats(profile: Profile, partition: int) -> Iterator[tuple[Rule, Watched]]:
    """Those of :func:`every_heartbeat` whose key belongs to this partition."""
    topics = Topics("", ())
    for rule, watched in every_heartbeat(profile):
        key = feed_key(watched.centre, watched.area, watched.feed, None)
        if topics.partition("events", key.encode()) == partition:
            yield rule, watched


def every_heartbeat(profile: Profile, exercise: str | None = None) -> Iterator[tuple[Rule, Watched]]:
    """Every centre under a ``silence`` rule, as nothing was heard of it; in a drill when one is named."""
    for rule in profile.rules:
        if rule.kind != "silence":
            continue
        for centre in profile.centres:
            for feed in centre.feeds:
                if rule.type not in feed.types:
                    continue
                site = next((s for s in centre.sites if s.feed == feed.id), None)
                yield (
                    rule,
                    Watched(
                        rule=rule.id,
                        centre=centre.id,
                        object=centre.id,
                        exercise=exercise,
                        area=site.area if site else next(iter(centre.areas), ""),
                        feed=feed.id,
                        site=site.id if site else "",
                        machine=SilenceState(),
                    ),
                )
                break
