"""Which centres, feeds and sites are out of service, as alerting knows it for the alert keys of one partition.

Lives in the alerting job, which tells the desk (:class:`ioc.domain.alerts.SourceTold`): the alert that said a source
was silent ends when it goes out of service, so no open alert says it any more. ``@out/<alert key>`` is what was told.

A feed or site is out when all its parts are (:mod:`ioc.pipeline.absences`), whether or not an alert ever said so. A
centre is out from the end of its silence's alert with that reason until it is heard, or nobody watches it any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ioc.domain.alerts import CentreSilent, PartHeard, Signal, SourceTold
from ioc.domain.profile import Rule
from ioc.pipeline.absences import Absences
from ioc.wire.codec import encode

PREFIX = "@out/"
REASON = "OUT_OF_SERVICE"
_decode = msgspec.json.Decoder(SourceTold).decode


class SourcesOut:
    """See the module. ``known``: those that are out, by alert key; bounded by the registry."""

    def __init__(self) -> None:
        self.known: dict[str, SourceTold] = {}
        self._dirty: set[str] = set()

    def load(self, key: str, value: bytes) -> None:
        """Take one record of the checkpoint back; ``key`` without its prefix."""
        self.known[key] = _decode(value)

    def signal(self, said: Signal, rule: Rule | None) -> Iterator[SourceTold]:
        """A signal changed its alert: that of a silence may say that its centre is out of service."""
        if said.reason == REASON and said.exercise is None and rule is not None and rule.kind == "silence":
            yield from self._put(
                SourceTold(
                    key=said.key,
                    rule=said.rule,
                    centre=said.centre,
                    out=True,
                    since_ms=said.since_ms,
                    out_ms=said.observed_ms,
                )
            )

    def centre(self, told: CentreSilent) -> Iterator[SourceTold]:
        """A centre was heard again, or nobody watches it any more."""
        if not told.alert_id:
            yield from self._end(told.key)

    def part(self, told: PartHeard, absences: Absences) -> Iterator[SourceTold]:
        """A part of a feed or site was told of; ``absences`` know it already."""
        since_ms = absences.out_since_ms(told.key)
        if since_ms is None:
            yield from self._end(told.key)
        elif told.key not in self.known:
            yield from self._out(told.key, told.centre, told.feed, told.site, since_ms, told.observed_ms)

    def sweep(self, rules: Mapping[str, Rule], absences: Absences) -> Iterator[SourceTold]:
        """End what no rule speaks of any more, and begin what one speaks of only now. ``rules``: by id."""
        for key, told in list(self.known.items()):
            rule = rules.get(told.rule)
            held = rule is not None and rule.kind == "silence" and not told.feed
            if not held and absences.out_since_ms(key) is None:
                yield from self._end(key)
        for key, part, since_ms in absences.all_out():
            if key not in self.known:
                out_ms = max(one.observed_ms for one in part.state.parts.values())
                yield from self._out(key, part.centre, part.feed, part.site, since_ms, out_ms)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed records, by their whole keys."""
        rows = [
            (PREFIX + key, encode(self.known[key]) if key in self.known else None) for key in sorted(self._dirty)
        ]  # fmt: skip
        self._dirty.clear()
        return rows

    def _out(self, key: str, centre: str, feed: str, site: str, since_ms: int, out_ms: int) -> Iterator[SourceTold]:
        rule = key.partition("|")[0]
        yield from self._put(
            SourceTold(
                key=key, rule=rule, centre=centre, feed=feed, site=site, out=True, since_ms=since_ms, out_ms=out_ms
            )
        )

    def _put(self, told: SourceTold) -> Iterator[SourceTold]:
        if self.known.get(told.key) != told:
            self.known[told.key] = told
            self._dirty.add(told.key)
            yield told

    def _end(self, key: str) -> Iterator[SourceTold]:
        told = self.known.pop(key, None)
        if told is not None:
            self._dirty.add(key)
            yield msgspec.structs.replace(told, out=False)
