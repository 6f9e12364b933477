"""Suppression on the desk: what explains each alert that stands, and the orders that follow from it.

An alert is explained by another alert (rules of ``suppression.toml``), else by a silence of a person, else by a planned
window; by one of them only, and by the present one while it still does. The order goes out when the alert says
otherwise. It is not given again within ``REPEAT_MS``, so that two ticks do not order what is on its way; what was lost
on the way is ordered again then.

**After a start** the desk may know some alerts before others. What hides an alert is then not taken away, for
``START_MS`` at most, only because the desk has not heard of it yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.covers import CoverSaid
from ioc.domain.desk import Explained, Explanation, Order
from ioc.domain.handover import Suppressing
from ioc.domain.inhibition import Inhibitions
from ioc.domain.matcher import Names
from ioc.domain.matcher_words import MatcherWords
from ioc.domain.planned import Opening, Plan
from ioc.domain.profile import Profile
from ioc.domain.silences import SilenceCommand, about
from ioc.pipeline.desk_covers import CoverTeller, explained_by, of_groups, of_windows
from ioc.pipeline.desk_parts import Seen
from ioc.pipeline.episodes import explain_by
from ioc.pipeline.silence_book import PREFIX, SilenceBook
from ioc.pipeline.window_book import Opened, WindowBook

REPEAT_MS = 10_000  # an order comes back as a changed alert within a second; more would flood an alerting that is away
START_MS = 5_000  # alerting tells all open alerts within a second of its own start


class _Given(Struct, frozen=True):
    """An order on its way."""

    explanation: Explanation | None
    at_ms: int


class Suppression:
    """The part of the desk; see :class:`ioc.pipeline.desk_parts.DeskPart`."""

    prefix = PREFIX
    commands = SilenceCommand

    def __init__(self, profile: Profile) -> None:
        self.book = SilenceBook()
        self.windows = WindowBook()
        self._given: dict[str, _Given] = {}
        self._again: set[str] = set()  # to be looked at with the next tick
        self._started_ms: int | None = None
        self._ticked = False
        self._ended: set[str] = set()  # alerts that closed since the start, while that matters
        self._openings: tuple[str, ...] = ()  # planned windows that were open at the last look
        self._lines: list[LogEntry] = []
        self._teller = CoverTeller()
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Other rules and windows: every alert is looked at anew with the next tick."""
        zone = ZoneInfo(profile.timezone)
        self._names = names_of(profile)
        self._words = MatcherWords(profile)
        self._plan = Plan(profile.suppression.windows, zone, profile.holidays)
        self._inhibitions = Inhibitions(profile.suppression.inhibit)
        self._whole = True  # alerts have to be put into the groups anew
        self._teller.begin_anew()

    def load(self, key: str, value: bytes) -> None:
        """Take one record back."""
        if not self.windows.load(key, value):
            self.book.load(key, value)

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """An alert changed: look at it, and at those that it explains or explained."""
        if self._started_ms is None:
            self._started_ms = now_ms
        now = seen.now
        said = now.explained
        if said is not None and said.kind == "silence":
            self.book.hid(said.id, now.id)
        elif said is not None and said.kind == "window":
            self.windows.elapse(self._plan.open_at(now_ms), now_ms)  # one that opened just now counts from its start
            self.windows.hid(said.id, now.id)
        if now.closed:
            self.windows.closed(now.id)
            self._given.pop(now.id, None)
            self._again.discard(now.id)
            if now_ms - self._started_ms < START_MS:
                self._ended.add(now.id)
        if self._whole:
            return self._look_at_all(alerts, now_ms)
        touched = self._inhibitions.drop(now.id) if now.closed else self._inhibitions.put(now)
        return self._look(touched, alerts, now_ms)

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """Silences and windows begin and end; what was lost is ordered again."""
        if self._started_ms is None:
            self._started_ms = now_ms
        lines, ended = self.book.elapse(now_ms)
        self._lines += lines
        openings = tuple(f"{one.window.id} {one.until_ms}" for one in self._plan.open_at(now_ms))
        self.windows.elapse(self._plan.open_at(now_ms), now_ms)
        if not self._ticked:
            self._ticked = True
            self._given.clear()  # no order goes out before the first tick
            return self._look_at_all(alerts, now_ms)
        if self._whole or ended or openings != self._openings:
            return self._look_at_all(alerts, now_ms)
        if now_ms - self._started_ms >= START_MS:
            self._ended.clear()
        again, self._again = self._again, set()
        return self._look(again, alerts, now_ms)

    def command(self, command: SilenceCommand, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """A person begins or ends a silence; the answer is a line of the log."""
        entry, changed = self.book.command(command, self._names, now_ms)
        self._lines.append(entry)
        return self._look_at_all(alerts, now_ms) if changed else []

    def foresee(self, alert: Alert, now_ms: int) -> Alert:
        """What asks and is explained already, as alerting will make it by the order; any other alert as it is."""
        wanted = self._wanted(alert, now_ms) if alert.state == "UNACK" else None
        change = None if wanted is None else explain_by(alert, wanted, alert.updated_ms)
        return alert if change is None else replace(change.alert, version=alert.version)

    def take_covers(self, now_ms: int) -> list[CoverSaid]:
        """What alerting has to know beforehand, as far as it is other than it was told."""
        if self._whole:
            return []  # not looked at yet
        people = [*self.book.covers(), *of_windows(self._plan.open_at(now_ms))]
        return self._teller.tell(people, of_groups(self._inhibitions.take_changed()), now_ms)

    def in_force(self, now_ms: int) -> tuple[Suppressing, ...]:
        """Silences that run and windows that are open, as a shift hands them over."""
        windows = (self._window(one, now_ms) for one in self._plan.open_at(now_ms))
        return (*self.book.in_force(self._words), *windows)

    def take_lines(self) -> list[LogEntry]:
        """Lines for the log since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        return self.book.take_dirty() + self.windows.take_dirty()

    def _look_at_all(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        if self._whole:
            self._whole = False
            for alert in alerts.values():
                self._inhibitions.put(alert)
        self._openings = tuple(f"{one.window.id} {one.until_ms}" for one in self._plan.open_at(now_ms))
        self._again.clear()
        return self._look(alerts, alerts, now_ms)

    def _look(self, ids: Iterable[str], alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        found = (self._order(alerts[one], alerts, now_ms) for one in sorted(ids) if one in alerts)
        return [order for order in found if order is not None]

    def _order(self, alert: Alert, alerts: Mapping[str, Alert], now_ms: int) -> Order | None:
        wanted = self._wanted(alert, now_ms)
        given = self._given.get(alert.id)
        if wanted == alert.explained and (given is None or given.explanation == wanted):
            self._given.pop(alert.id, None)
            return None
        self._again.add(alert.id)
        if not alert.active:
            # Alerting takes it away itself when the condition goes; nothing can be ordered there.
            self._again.discard(alert.id)
            self._given.pop(alert.id, None)
            return None
        if wanted is None and self._may_be_unheard_of(alert.explained, alerts, now_ms):
            return None
        # Where the alert is as wanted and another order is on its way, this one takes that one back.
        if given is not None and given.explanation == wanted and now_ms - given.at_ms < REPEAT_MS:
            return None
        self._given[alert.id] = _Given(wanted, now_ms)
        return Explained(key=alert.key, alert_id=alert.id, explanation=wanted, at_ms=now_ms)

    def _wanted(self, alert: Alert, now_ms: int) -> Explanation | None:
        if not alert.active:
            return None
        said = alert.explained
        present = {said.kind: said.id} if said is not None else {}
        by_alert = self._inhibitions.explainer(alert.id, present.get("alert", ""))
        if by_alert is not None:
            rule = by_alert.rule
            return Explanation(kind="alert", id=by_alert.alert_id, why_vi=rule.why_vi, why_en=rule.why_en)
        by_person = self.book.explanation(alert, present.get("silence", ""))
        if by_person is not None:
            return by_person
        return self._by_plan(alert, present.get("window", ""), now_ms)

    def _by_plan(self, alert: Alert, present: str, now_ms: int) -> Explanation | None:
        if alert.exercise is not None:
            return None
        found = [one for one in self._plan.open_at(now_ms) if one.window.target.may_hide(alert)]
        return explained_by(next((one for one in found if one.window.id == present), found[0])) if found else None

    def _window(self, opening: Opening, now_ms: int) -> Suppressing:
        window = opening.window
        opened = self.windows.opened.get(window.id, Opened(since_ms=now_ms))
        about_vi, about_en = self._words.of(window.target)
        return Suppressing(
            kind="window",
            id=window.id,
            about=about(window.target),
            about_vi=about_vi,
            about_en=about_en,
            why_vi=window.why_vi,
            why_en=window.why_en,
            owner=window.owner or None,
            owner_display=window.owner or None,
            since_ms=opened.since_ms,
            until_ms=opening.until_ms,
            hid=opened.count,
        )

    def _may_be_unheard_of(self, said: Explanation | None, alerts: Mapping[str, Alert], now_ms: int) -> bool:
        """Is what hides an alert only not known yet? Of alerts, for a short time after the start."""
        if said is None or said.kind != "alert" or said.id in alerts or said.id in self._ended:
            return False
        return self._started_ms is not None and now_ms - self._started_ms < START_MS


def names_of(profile: Profile) -> Names:
    """What matchers may name in an installation."""
    return Names(
        types=frozenset(PAYLOADS),
        centres=frozenset(profile.centre_ids),
        areas=frozenset(area.code for area in profile.areas),
        sites=frozenset(site.id for centre in profile.centres for site in centre.sites),
        feeds=frozenset(feed.id for centre in profile.centres for feed in centre.feeds),
        rules=frozenset(rule.id for rule in profile.rules),
    )
