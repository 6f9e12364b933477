"""Rules on what intake refuses, of one partition of a centre's raw topic; see :mod:`ioc.domain.refused`."""

from __future__ import annotations

import msgspec

from ioc.domain import refused
from ioc.domain.directory import Directory
from ioc.domain.profile import Profile, Rule
from ioc.domain.refused import RefusedState
from ioc.domain.verdicts import Verdict
from ioc.pipeline.effects import Emit
from ioc.pipeline.removed import ends
from ioc.pipeline.signals import Watched, signal
from ioc.wire.codec import encode


class Refusals:
    """The rules and how they stand.

    Args:
        profile: with its rules.
        centre: whose raw topic it is.
        partition: of that topic.
    """

    def __init__(self, profile: Profile, centre: str, partition: int) -> None:
        self._centre, self._partition = centre, partition
        self._watched: dict[str, Watched] = {}  # by rule
        self._dirty: set[str] = set()
        self._know(profile)

    def load(self, rule: str, value: bytes) -> None:
        """Take one record of the checkpoint back."""
        self._watched[rule] = msgspec.json.decode(value, type=Watched)

    def refuse(self, code: str, arrived_ms: int) -> list[Emit]:
        """A record was refused; the signals that follow."""
        emits: list[Emit] = []
        for rule in self._by_code.get(code, ()):
            watched = self._watched.get(rule.id)
            if watched is None:
                watched = self._watched[rule.id] = Watched(
                    rule=rule.id, centre=self._centre, object=f"raw/{self._partition}", machine=RefusedState()
                )
            assert isinstance(watched.machine, RefusedState)
            within_ms, hold_ms = round(rule.within_s * 1000), round(rule.hold_s * 1000)
            self._dirty.add(rule.id)
            for verdict in refused.refuse(watched.machine, rule.priority, rule.n, within_ms, hold_ms, arrived_ms):
                self._say(rule, watched, verdict, emits)
        return emits

    def tick(self, head_ms: int) -> list[Emit]:
        """Let time pass: ``head_ms`` is how far the partition was read, by arrival."""
        emits: list[Emit] = []
        for name, watched in list(self._watched.items()):
            assert isinstance(watched.machine, RefusedState)
            rule = self._rules.get(name)
            if rule is not None:
                self._say(rule, watched, refused.lapse(watched.machine, round(rule.hold_s * 1000), head_ms), emits)
                continue
            over = ends(watched, head_ms)
            if over is not None:
                emits.append(Emit("alert-inputs", over.key.encode(), encode(over)))
            del self._watched[name]
            self._dirty.add(name)
        return emits

    def use(self, profile: Profile) -> None:
        """Go on with other rules; what a rule that is gone had raised ends with the next tick."""
        self._know(profile)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """``refused/<rule>``."""
        rows: list[tuple[str, bytes | None]] = []
        for name in sorted(self._dirty):
            watched = self._watched.get(name)
            rows.append((f"refused/{name}", None if watched is None else encode(watched)))
        self._dirty.clear()
        return rows

    def _know(self, profile: Profile) -> None:
        self._directory = Directory(profile)
        self._rules = {rule.id: rule for rule in profile.rules if rule.kind == "refused"}
        self._by_code: dict[str, list[Rule]] = {}
        for rule in self._rules.values():
            for code in rule.codes:
                self._by_code.setdefault(code, []).append(rule)

    def _say(self, rule: Rule, watched: Watched, verdict: Verdict | None, emits: list[Emit]) -> None:
        if verdict is None:
            return
        self._dirty.add(rule.id)
        said = signal(self._directory, rule, watched, verdict)
        emits.append(Emit("alert-inputs", said.key.encode(), encode(said)))
