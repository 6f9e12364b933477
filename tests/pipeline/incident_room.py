"""A desk with incidents and the flood, and alerts that are told to it; for their tests."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ioc.domain.alerts import Alert, AlertTold, LogEntry
from ioc.domain.flood import Flood, FloodLimits
from ioc.domain.grouping import Group, Grouping
from ioc.domain.incidents import Incident, IncidentCommand
from ioc.domain.profile import Profile
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.desk_flood import FloodPart
from ioc.pipeline.desk_incidents import IncidentPart
from ioc.pipeline.effects import Effects, InRecord
from ioc.wire import codec
from tests.domain.test_suppression import alert
from tests.pipeline.small_province import PROFILE, T

GROUPS = (
    Group(
        id="road", title_vi="Đường", title_en="Road", rules=("jam", "crash"), within_m=2000.0, within_s=1800.0,
        alerts_min=2,
    ),
    Group(
        id="rain", title_vi="Mưa", title_en="Rain", rules=("rain", "level"), near="all", within_s=3600.0, alerts_min=3
    ),
    Group(id="net", title_vi="Mạng", title_en="Network", rules=("lag",), near="centre", within_s=600.0),
)  # fmt: skip
LIMITS = FloodLimits(above=3, below=2, window_s=600.0, always=("crash",))
PROVINCE: Profile = replace(PROFILE, grouping=Grouping(groups=GROUPS, flood=LIMITS))


def handle(number: int, op: str, incident_id: str, **more: Any) -> IncidentCommand:
    base: dict[str, Any] = {
        "command_id": f"c-{number}", "op": op, "incident_id": incident_id, "actor": "lan", "actor_display": "Lan",
        "role": "dispatcher", "station": "bàn 1",
    }  # fmt: skip
    return IncidentCommand(**(base | more))


class Room:
    """The clock, the alerts as alerting holds them, the topic ``desk``, and the log."""

    def __init__(self, profile: Profile = PROVINCE) -> None:
        self.profile = profile
        self.now_ms = T
        self.alerts: dict[str, Alert] = {}
        self.topic: dict[str, bytes] = {}
        self.written: list[tuple[str, bytes | None]] = []
        self.log: list[LogEntry] = []
        self._open()
        self.tick(0)

    def _open(self) -> None:
        self.part, self.flood_part = IncidentPart(self.profile), FloodPart(self.profile)
        self.desk = DeskPartition(self.profile, [self.part, self.flood_part])

    def restart(self, *, forgetting: str = "?") -> None:
        """A new life of the desk; keys that begin with ``forgetting`` were lost."""
        self._keep()
        self._open()
        for key, value in self.topic.items():
            if not key.startswith(forgetting):
                self.desk.load(key, value)
        self.tick(0)

    def tell(self, name: str, **more: Any) -> None:
        """Alerting changes an alert, or raises it now."""
        before = self.alerts.get(name)
        more = {"updated_ms": self.now_ms} | more
        if before is None:
            fresh = {"raised_ms": self.now_ms, "asked_ms": self.now_ms} | more
            now = alert(name, **fresh)
        else:
            if more.get("state", before.state) == "UNACK" != before.state:
                more = {"asked_ms": self.now_ms} | more
            now = replace(before, version=before.version + 1, **more)
        self.alerts[name] = now
        self.tell_again(name)

    def end(self, name: str) -> None:
        """An alert closes, and a moment passes."""
        self.tell(name, active=False, acked=True, state="NORM", closed=True)
        self.tick(0)

    def tell_again(self, name: str) -> None:
        """Alerting says again what is."""
        self.give(codec.encode(AlertTold(alert=self.alerts[name])))

    def give(self, value: bytes | None) -> None:
        """A record for the desk."""
        self._obey(self.desk.step([InRecord(0, 0, None, value)], self.now_ms))

    def do(self, command: IncidentCommand) -> LogEntry:
        """A person commands; the answer."""
        said = len(self.log)
        self._obey(self.desk.step([InRecord(0, 0, None, codec.encode(command))], self.now_ms))
        [answer] = [line for line in self.log[said:] if line.kind == "command"]
        return answer

    def tick(self, later_ms: int = 500) -> None:
        self.now_ms += later_ms
        self._obey(self.desk.tick(self.now_ms))

    def incidents(self) -> list[Incident]:
        """All that are in the topic, by number."""
        self._keep()
        rows = (value for key, value in self.topic.items() if key.startswith("incident/"))
        return sorted(map(codec.decode_incident, rows), key=lambda one: one.number)

    def names(self) -> list[tuple[int, list[str]]]:
        """Open incidents: number, and the names of the members that are open."""
        return [
            (one.number, [member.alert_id for member in one.members if member.left_ms is None])
            for one in self.incidents()
            if one.state == "open"
        ]

    def flood(self) -> Flood:
        self._keep()
        return codec.decode_flood(self.topic["flood"])

    def said(self) -> list[str]:
        """The words of the log."""
        return [line.what for line in self.log]

    def _obey(self, effects: Effects) -> None:
        self._keep()
        for emit in effects.emits:
            if emit.topic == "alert-log":
                assert emit.value is not None
                self.log.append(codec.decode_log_entry(emit.value))

    def _keep(self) -> None:
        rows = self.desk.take_dirty()
        self.written += rows
        for key, value in rows:
            if value is None:
                self.topic.pop(key, None)
            else:
                self.topic[key] = value


def words(line: LogEntry) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.detail.split(" ") if "=" in word)


def homes_by(log: list[LogEntry]) -> dict[str, str]:
    """Which alert belongs to which incident, by the lines of the log; alerts that closed there too."""
    found: dict[str, str] = {}
    for line in log:
        if line.what == "incident-joined":
            found |= dict.fromkeys(words(line)["alerts"].split(","), line.alert_id)
        elif line.what == "incident-split" and line.accepted and words(line)["into"] in found:
            del found[words(line)["into"]]  # alone
        elif line.what == "incident-closed":
            found = {name: home for name, home in found.items() if home != line.alert_id}
    return found
