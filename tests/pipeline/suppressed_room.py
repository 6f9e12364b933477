"""A desk with suppression, and an alerting that obeys it, connected by values; for the tests of suppression."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ioc.domain.alerts import Alert, AlertTold, LogEntry
from ioc.domain.covers import CoverSaid
from ioc.domain.desk import DeskAlive, Explained
from ioc.domain.matcher import Matcher
from ioc.domain.profile import Area, Profile
from ioc.domain.schedule import Hours
from ioc.domain.silences import SilenceCommand, silence_id
from ioc.domain.suppression import Suppression as Setup
from ioc.pipeline import desk_suppression, episodes
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.effects import Effects, InRecord
from ioc.wire import codec
from tests.domain.test_suppression import alert, inhibit, window
from tests.pipeline.small_province import PROFILE, T

RULES = Setup(
    inhibit=(inhibit("wide", source=Matcher(rules=("level",)), target=Matcher(rules=("jam",)), equal=("area",)),),
    windows=(
        window("lunch", target=Matcher(rules=("aqi",)), hours=(Hours(start="12:00", end="13:00"),)),
        window("lunch-731", target=Matcher(areas=("731",)), hours=(Hours(start="12:30", end="13:00"),)),
    ),
)
AREAS = (*PROFILE.areas, Area(code="755", name_vi="Xa", name_en="Far", kind="town"))
PROVINCE: Profile = replace(PROFILE, suppression=RULES, areas=AREAS)
NOON = T + 2 * 3_600_000  # 12:00 in Vietnam


def create(number: int, matcher: Matcher, **more: Any) -> SilenceCommand:
    base: dict[str, Any] = {
        "command_id": f"c-{number}",
        "op": "create",
        "silence_id": silence_id(f"c-{number}"),
        "matcher": matcher,
        "reason": "thi công",
        "for_s": 1800,
        "actor": "lan",
        "actor_display": "Lan",
        "role": "dispatcher",
        "station": "bàn 1",
    }
    return SilenceCommand(**(base | more))


def expire(number: int, of: int, **more: Any) -> SilenceCommand:
    return create(number, Matcher(), **({"op": "expire", "silence_id": silence_id(f"c-{of}"), "reason": ""} | more))


class Room:
    """The clock, the alerts as alerting holds them, the topic ``desk``, and what was ordered."""

    def __init__(self, profile: Profile = PROVINCE) -> None:
        self.profile = profile
        self.now_ms = T
        self.alerts: dict[str, Alert] = {}
        self.topic: dict[str, bytes] = {}
        self.log: list[LogEntry] = []
        self.orders: list[tuple[int, Explained]] = []
        self.lost = False  # orders do not arrive
        self._open()
        self.tick(0)

    def _open(self) -> None:
        self.part = desk_suppression.Suppression(self.profile)
        self.desk = DeskPartition(self.profile, [self.part])

    def restart(self, *, forgetting: str = "?") -> None:
        """A new life of the desk; keys that begin with ``forgetting`` were lost."""
        self._keep()
        self._open()
        for key, value in self.topic.items():
            if not key.startswith(forgetting):
                self.desk.load(key, value)
        self.tick(0)

    def tell(self, name: str, **more: Any) -> None:
        """Alerting changes an alert."""
        before = self.alerts.get(name)
        now = alert(name, **more) if before is None else replace(before, version=before.version + 1, **more)
        if not now.active:
            now = replace(now, explained=None)
        self._told(now)

    def tell_again(self, name: str) -> None:
        """Alerting was taken over, and says again what is."""
        self._told(self.alerts[name])

    def do(self, command: SilenceCommand) -> LogEntry:
        """A person commands; the answer."""
        said = len(self.log)
        self._obey(self.desk.step([InRecord(0, 0, None, codec.encode(command))], self.now_ms))
        (answer,) = self.log[said:]
        return answer

    def tick(self, later_ms: int = 500) -> None:
        self.now_ms += later_ms
        self._obey(self.desk.tick(self.now_ms))

    def why(self, name: str) -> str:
        said = self.alerts[name].explained
        return "" if said is None else f"{said.kind} {said.id}"

    def silence(self, number: int) -> Any:
        self._keep()
        return codec.decode_silence(self.topic[f"silence/{silence_id(f'c-{number}')}"])

    def _told(self, now: Alert) -> None:
        self.alerts[now.id] = now
        self._obey(self.desk.step([InRecord(0, 0, None, codec.encode(AlertTold(alert=now)))], self.now_ms))

    def _obey(self, effects: Effects) -> None:
        self._keep()
        for emit in effects.emits:
            assert emit.value is not None
            if emit.topic == "alert-log":
                self.log.append(codec.decode_log_entry(emit.value))
                continue
            order = codec.decode_alert_input(emit.value)
            if isinstance(order, DeskAlive | CoverSaid):
                continue
            assert isinstance(order, Explained)
            self.orders.append((self.now_ms, order))
            held = self.alerts[order.alert_id]
            change = episodes.explain_by(held, order.explanation, self.now_ms)
            if change is not None and not self.lost:
                self._told(change.alert)

    def _keep(self) -> None:
        for key, value in self.desk.take_dirty():
            if value is None:
                self.topic.pop(key, None)
            else:
                self.topic[key] = value
