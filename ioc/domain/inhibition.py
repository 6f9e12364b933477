"""Which standing alert explains which other one, by the inhibition rules of the profile. Pure; kept up by changes.

The rules of Alertmanager, but for the last two:

* a source explains a target when both are there, in the same drill or both live, with the same values of all ``equal``
  labels; an alert never explains itself;
* what matches both sides of a rule is not explained by one of which the same is true;
* a source on a shelf, out of service, silenced by a person or a planned window, or blind explains nothing: it asks
  nobody itself, or nobody knows whether it is still there;
* a source that is itself explained by another alert explains nothing. What it would have said is said
  by the one that explains it, if that one's rule is about the target.

Where rules go round in a circle (A explains B, B explains A), the alert with the lowest id stays visible. So the answer
depends on what is there now and not on the order in which it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.suppression import Inhibit

Group = tuple[int, str, tuple[str, ...]]  # number of the rule, drill (empty: live), values of the equal labels


class _Members(Struct):
    """Alerts of one group. ``both`` match source and target; ``sources`` and ``targets`` only that side."""

    sources: set[str] = set()
    both: set[str] = set()
    targets: set[str] = set()

    @property
    def empty(self) -> bool:
        return not (self.sources or self.both or self.targets)


class Explainer(Struct, frozen=True):
    """The rule by which, and the id of the alert that explains."""

    rule: Inhibit
    alert_id: str


class Inhibitions:
    """Standing alerts by the groups that their labels put them into."""

    def __init__(self, rules: Sequence[Inhibit]) -> None:
        self._rules = list(rules)
        self._groups: dict[Group, _Members] = {}
        self._of: dict[str, tuple[Group, ...]] = {}
        self._relays: set[str] = set()  # on the source side of one group and on the target side of one
        self._mute: set[str] = set()  # relays that are explained, and so explain nothing
        self._best: dict[tuple[Group, bool], str | None] = {}
        self._changed: set[Group] = set()  # since it was taken last

    def put(self, alert: Alert) -> set[str]:
        """An alert as it is now, there or not; gives the ids whose answer may have changed, its own among them."""
        before = self._of.get(alert.id, ())
        sides_before = [self._side(group, alert.id) for group in before]
        now = self._sides(alert) if alert.active and not alert.closed else []
        if [group for group, _ in now] == list(before) and [side for _, side in now] == sides_before:
            return {alert.id}
        changed = self._remove(alert.id)
        for group, side in now:
            members = self._groups.setdefault(group, _Members(set(), set(), set()))
            getattr(members, side).add(alert.id)
        if now:
            self._of[alert.id] = tuple(group for group, _ in now)
            sides = [side for _, side in now]
            if any(side != "targets" for side in sides) and any(side != "sources" for side in sides):
                self._relays.add(alert.id)
        changed |= {group for group, side in now if side != "targets"}
        return self._settle(changed) | {alert.id}

    def drop(self, alert_id: str) -> set[str]:
        """The alert is gone; gives the other ids whose answer may have changed."""
        return self._settle(self._remove(alert_id)) - {alert_id}

    def explainer(self, alert_id: str, present: str = "") -> Explainer | None:
        """What explains the alert: ``present`` while that still does, otherwise the one with the lowest id.

        Of several rules by which it does, the first of the file counts.
        """
        found: Explainer | None = None
        for group in self._of.get(alert_id, ()):
            members = self._groups[group]
            if alert_id in members.sources:
                continue
            only_sources = alert_id in members.both
            if present and self._explains(members, present, only_sources):
                return Explainer(self._rules[group[0]], present)
            best = self._best_of(group, only_sources)
            if best is not None and (found is None or best < found.alert_id):
                found = Explainer(self._rules[group[0]], best)
        return found

    def take_changed(self) -> list[tuple[Inhibit, Group, str, str]]:
        """Groups in which another alert may explain now than at the last call.

        Each with its rule, the alert that explains what is a target only, and the one for what matches both sides;
        empty: none does.
        """
        found = []
        for group in sorted(self._changed):
            bests = [self._best_of(group, only) or "" if group in self._groups else "" for only in (False, True)]
            found.append((self._rules[group[0]], group, bests[0], bests[1]))
        self._changed.clear()
        return found

    def _sides(self, alert: Alert) -> list[tuple[Group, str]]:
        found = []
        for i, rule in enumerate(self._rules):
            source, target = speaks(alert) and rule.source.holds(alert), rule.target.holds(alert)
            if source or target:
                group = (i, alert.exercise or "", tuple(getattr(alert, label) for label in rule.equal))
                found.append((group, "both" if source and target else "sources" if source else "targets"))
        return found

    def _side(self, group: Group, alert_id: str) -> str:
        members = self._groups[group]
        return next(side for side in ("sources", "both", "targets") if alert_id in getattr(members, side))

    def _remove(self, alert_id: str) -> set[Group]:
        """Take an alert out of its groups; gives those whose sources changed."""
        changed = set()
        for group in self._of.pop(alert_id, ()):
            side, members = self._side(group, alert_id), self._groups[group]
            getattr(members, side).discard(alert_id)
            if side != "targets":
                changed.add(group)
            if members.empty:
                del self._groups[group]
                self._forget_best(group)
        self._relays.discard(alert_id)
        self._mute.discard(alert_id)
        return changed

    def _settle(self, changed: set[Group]) -> set[str]:
        """After the sources of groups changed: who of the relays is explained, and whose answer may be another."""
        for group in changed:
            self._forget_best(group)
        if changed and self._relays:
            mute = self._judge_relays()
            for relay in mute ^ self._mute:
                for group in self._of.get(relay, ()):
                    if relay not in self._groups[group].targets:
                        changed.add(group)
                        self._forget_best(group)
            self._mute = mute
        return {one for group in changed if group in self._groups for one in self._asked(self._groups[group])}

    def _asked(self, members: _Members) -> Iterable[str]:
        yield from members.targets
        yield from members.both

    def _judge_relays(self) -> set[str]:
        mute, free, undecided = set[str](), set[str](), sorted(self._relays)
        while undecided:
            waiting = []
            for relay in undecided:
                sources = set(self._sources_of(relay))
                if any(one not in self._relays or one in free for one in sources):
                    mute.add(relay)
                elif sources <= mute:
                    free.add(relay)
                else:
                    waiting.append(relay)
            if len(waiting) == len(undecided):
                free.add(waiting.pop(0))  # a circle: the lowest id stays visible
            undecided = waiting
        return mute

    def _sources_of(self, alert_id: str) -> Iterator[str]:
        for group in self._of[alert_id]:
            members = self._groups[group]
            if alert_id not in members.sources:
                yield from members.sources
                if alert_id in members.targets:
                    yield from members.both

    def _explains(self, members: _Members, source: str, only_sources: bool) -> bool:
        return source not in self._mute and (source in members.sources or (not only_sources and source in members.both))

    def _best_of(self, group: Group, only_sources: bool) -> str | None:
        key = (group, only_sources)
        if key not in self._best:
            members = self._groups[group]
            able = (members.sources if only_sources else members.sources | members.both) - self._mute
            self._best[key] = min(able, default=None)
        return self._best[key]

    def _forget_best(self, group: Group) -> None:
        self._changed.add(group)
        self._best.pop((group, True), None)
        self._best.pop((group, False), None)


def speaks(alert: Alert) -> bool:
    """May it explain others? Being explained by another alert by these rules is looked at apart."""
    hidden = alert.suppression in ("shelved-until", "shelved-oneshot", "out-of-service")
    by_people = alert.explained is not None and alert.explained.kind != "alert"
    return not (alert.muted_by or alert.blind or hidden or by_people)
