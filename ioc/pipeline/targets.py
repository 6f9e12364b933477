"""Where events of one centre go: the sites of the registry, and what all events of a site and type have in common."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from ioc.domain.profile import Centre, Profile, Site
from ioc.domain.registry import Registry, SiteSpan
from ioc.errors import BadInput
from ioc.pipeline.feed_health import FeedWatch
from ioc.pipeline.known_ids import HORIZON_MIN, horizon_min
from ioc.pipeline.mapping import Plan
from ioc.pipeline.sequences import Source
from ioc.pipeline.validate import type_word
from ioc.wire.topics import RAW_PARTITIONS, partition_for


class Target:
    """A site and type, in one area, as long as the site's entry holds: ready-made bytes and shared counters."""

    __slots__ = (
        "after_id",
        "after_recorded",
        "astray",
        "by_chance",
        "crc",
        "from_ms",
        "key",
        "long",
        "place",
        "site",
        "source",
        "to_ms",
        "usual",
        "watch",
    )

    def __init__(
        self,
        centre: str,
        kind: str,
        span: SiteSpan,
        area: str,
        watch: FeedWatch,
        source: Source | None,
        long: bool,
        astray: bool,
    ) -> None:
        site, feed = span.site, watch.feed
        self.site, self.from_ms, self.to_ms = site, span.from_ms, span.to_ms
        self.place = (feed.id, area, site.id, kind)
        self.watch, self.source = watch, source
        self.long = long  # its ids are known for as long as a long window counts
        self.by_chance = kind in feed.sporadic_types
        self.usual = source is not None and not self.by_chance
        self.astray = astray  # what comes for it here was not sent under the site's native id
        self.key = f"{centre}/{area}/{feed.id}".encode()
        self.after_id = (
            f'","source":"/{centre}/{feed.id}/{site.id}","type":"{kind}","subject":"{area}","time":"'
        ).encode()
        self.after_recorded = f'","centre":"{centre}","area":"{area}","feed":"{feed.id}'.encode()
        self.crc = crc32(self.after_id)


class Targets:
    """All targets of one partition of a centre.

    Attributes:
        watches: feed id → its health in this partition.
        quick: for each kind of record of the format, in their order: native site → its target. Sites with several
            entries in the registry are not in it: which one holds depends on the time.
        long_min: feed id → minutes that its ids must be known for, of the feeds that need more than the usual ones.
    """

    def __init__(self, registry: Registry, centre: Centre, partition: int, long_min: dict[str, int]) -> None:
        self.long_min = long_min
        self._registry, self._centre, self._partition = registry, centre, partition
        self._sources: dict[str, Source] = {}
        self._elsewhere: dict[tuple[int, str], Target] = {}  # bounded by sites × areas of the profile
        self.watches = {
            feed.id: FeedWatch(centre.id, feed, partition, self._counter(feed.id, partition), registry.review_after)
            for feed in centre.feeds
        }
        feeds = {feed.id: feed for feed in centre.feeds}
        for site in centre.sites:
            for kind in feeds[site.feed].sequence_types:
                key = f"{site.feed}/{site.id}/{kind}"
                self._sources.setdefault(key, Source(f"seq/{key}"))
        for feed in centre.feeds:
            self.watches[feed.id].restarts = self._restarts(feed.id)
        self._targets: list[dict[str, list[Target]]] = []
        self.quick: list[dict[str, Target]] = []
        for record in centre.format["records"]:
            found = self._of_kind(record["feed"], record["type"])
            self._targets.append(found)
            self.quick.append({native: targets[0] for native, targets in found.items() if len(targets) == 1})

    def use(self, long_min: dict[str, int]) -> None:
        """Go on with other windows: their lengths say which ids are known for long."""
        self.long_min = long_min
        of_sites = (target for found in self._targets for targets in found.values() for target in targets)
        for target in (*of_sites, *self._elsewhere.values()):
            target.long = target.watch.feed.id in long_min

    def source(self, key: str) -> Source | None:
        """The source of ``feed/site/type``, when its numbers are kept."""
        return self._sources.get(key)

    def find(self, plan: Plan, native_site: object, time_ms: int) -> Target:
        """The site's entry that holds at that time.

        Raises:
            BadInput: ``schema`` or ``unknown_source``.
        """
        if not isinstance(native_site, str):
            raise BadInput("schema", plan.site_path, f"must be a text, not {type_word(native_site)}")
        for target in self._targets[plan.number].get(native_site, ()):
            if target.from_ms <= time_ms < target.to_ms:
                return target
        shown = native_site[:60]
        raise BadInput("unknown_source", plan.site_path, f"no site '{shown}' of feed {plan.feed} is registered then")

    def moved_to(self, target: Target, plan: Plan, place: object, time_ms: int) -> Target:
        """The same target in the area that the record names, by code, name or alias, inside the area of the site.

        Raises:
            BadInput: ``schema`` or ``unknown_place``.
        """
        if not isinstance(place, str):
            raise BadInput("schema", plan.area_path, f"must be a text, not {type_word(place)}")
        areas = self._registry.places_in(target.site.area, place, time_ms)
        if len(areas) != 1:
            words = "no area" if not areas else "more than one area"
            raise BadInput("unknown_place", plan.area_path, f"{words} '{place[:60]}' in the area of {target.site.id}")
        code = areas[0].code
        if code == target.site.area:
            return target
        key = (id(target), code)
        known = self._elsewhere.get(key)
        if known is None:
            span = SiteSpan(target.site, target.from_ms, target.to_ms)
            known = Target(
                self._centre.id, plan.type, span, code, target.watch, target.source, target.long, target.astray
            )
            self._elsewhere[key] = known
        return known

    def _of_kind(self, feed: str, kind: str) -> dict[str, list[Target]]:
        found: dict[str, list[Target]] = {}
        for site in self._centre.sites:
            if site.feed == feed:
                span = SiteSpan(site, *self._registry.span(site))
                source = self._sources.get(f"{feed}/{site.id}/{kind}")
                # A record of several lines may hold those of several sites under one key.
                alone = self._centre.format["record"] == "json" and "each" not in self._centre.format
                astray = alone and not _belongs(site, feed, self._partition)
                target = Target(
                    self._centre.id, kind, span, site.area, self.watches[feed], source, feed in self.long_min, astray
                )
                found.setdefault(site.native_id or site.id, []).append(target)
        return found

    def _counter(self, feed: str, partition: int) -> Callable[[int], int]:
        """How many sites of a feed send to this partition: records have the native site as their key."""
        spans = [self._registry.span(site) for site in self._centre.sites if _belongs(site, feed, partition)]
        return lambda now_ms: sum(first <= now_ms < end for first, end in spans)

    def _restarts(self, feed: str) -> Callable[[], int]:
        sources = [source for key, source in self._sources.items() if key.startswith(f"{feed}/")]
        return lambda: sum(source.restarts for source in sources)


def horizons_min(profile: Profile, centre: Centre) -> dict[str, int]:
    """Feed id → minutes that its ids must be known for, of the feeds that a long window counts.

    Windows are the declared ones, and those of count and share rules.
    """
    found: dict[str, int] = {}
    for feed in centre.feeds:
        sizes_s = [0.0]
        sizes_s += [spec.size_s for spec in profile.windows if spec.type in feed.types and spec.feed in ("", feed.id)]
        counts = [rule for rule in profile.rules if rule.kind in ("count", "share") and rule.type in feed.types]
        sizes_s += [rule.within_s for rule in counts]
        minutes = horizon_min(max(sizes_s), feed.grace_s)
        if minutes > HORIZON_MIN:
            found[feed.id] = minutes
    return found


def _belongs(site: Site, feed: str, partition: int) -> bool:
    return site.feed == feed and partition_for((site.native_id or site.id).encode(), RAW_PARTITIONS) == partition
