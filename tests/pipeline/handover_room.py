"""Alerting and a desk with handovers alone; orders may be lost, the desk restarted, the clock set."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.desk import UNSIGNED_RULE
from ioc.domain.duty import Duty, Person, Roster, Shift
from ioc.domain.handover import Handover, HandoverCommand, Suppressing
from ioc.domain.handover_setup import HandoverSetup
from ioc.domain.profile import Profile
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.desk_handover import HandoverPart
from ioc.pipeline.effects import Effects, InRecord
from ioc.wire import codec
from tests.pipeline.escalation_room import Room as AlertingRoom
from tests.pipeline.life_room import RULES
from tests.pipeline.small_province import MIN, S, T

HOUR = 60 * MIN
# Local times: T is 10:00. The first shift ends at 14:00, the second at 22:00, the third at 06:00.
DUTY = Duty(
    people=tuple(Person(id=name, name=name.title(), channels=("log",)) for name in ("an", "binh", "chi")),
    rosters=(
        Roster(
            id="ban",
            name_vi="Bàn",
            name_en="Desk",
            shifts=(
                Shift(people=("an",), start="06:00", end="14:00"),
                Shift(people=("binh",), start="14:00", end="22:00"),
                Shift(people=("chi",), start="22:00", end="06:00"),
            ),
        ),
    ),
    handover=HandoverSetup(roster="ban"),
)
PROVINCE: Profile = replace(RULES, duty=DUTY)
END = T + 4 * HOUR  # of the first shift
SHIFT_MS = 8 * HOUR
FIRST = f"H-ban-{END // S}"


def name_of(number: int) -> str:
    """Id of the handover at the end of the shift of that number, from 0."""
    return f"H-ban-{(END + number * SHIFT_MS) // S}"


class Room(AlertingRoom):
    """See the module; ``lost``: signals do not arrive."""

    def __init__(self, profile: Profile = PROVINCE) -> None:
        self.in_force: tuple[Suppressing, ...] = ()
        self.numbers = 0
        self.lost = False
        super().__init__(profile)

    def _new_desk(self) -> DeskPartition:
        self.hand = HandoverPart(self.profile, lambda _: self.in_force)
        desk = DeskPartition(self.profile, [self.hand])
        for key, value in self.topic.items():
            desk.load(key, value)
        return desk

    def _from_desk(self, effects: Effects) -> None:
        for emit in effects.emits:
            if emit.topic == "alert-log":
                assert emit.value is not None
                self.log.append(codec.decode_log_entry(emit.value))
            elif emit.key != b"@desk":
                assert emit.topic == "alert-inputs"
                assert emit.value is not None
                self.unwritten.append(emit.value)

    def go(self, to_ms: int) -> None:
        """The clock is at a time; two turns of everything."""
        self.now_ms = to_ms - 500
        for _ in range(2):
            self.hear()
            self.tick()
            self.flush()
            if self.lost:
                self.orders.clear()
            self.deliver()
        self.hear()

    def do(self, op: str, who: str = "lan", of: str = FIRST, **more: Any) -> LogEntry:
        """A person commands; the answer."""
        self.numbers += 1
        base: dict[str, Any] = {
            "command_id": f"c-{self.numbers}", "op": op, "handover_id": of, "actor": who, "actor_display": who.title(),
            "role": "dispatcher", "station": "bàn 1",
        }  # fmt: skip
        return self.send(HandoverCommand(**(base | more)))

    def send(self, command: HandoverCommand) -> LogEntry:
        said = len(self.log)
        self._from_desk(self.desk.step([InRecord(0, 0, None, codec.encode(command))], self.now_ms))
        answers = [entry for entry in self.log[said:] if entry.kind == "command"]
        self.flush()
        assert len(answers) == 1, "exactly one line answers a command"
        return answers[0]

    def take(self, who: str = "hung", of: str = FIRST, **more: Any) -> LogEntry:
        """Sign for what stands."""
        return self.do("take", who, of, **({"digest_hash": self.handover(of).digest_hash} | more))

    def handovers(self) -> dict[str, Handover]:
        """As people see them."""
        self.flush()
        shown = {key: value for key, value in self.topic.items() if key.startswith("handover/")}
        return {key.removeprefix("handover/"): codec.decode_handover(value) for key, value in shown.items()}

    def handover(self, of: str = FIRST) -> Handover:
        return self.handovers()[of]

    def unsigned(self) -> list[Alert]:
        """The alerts about signatures that stand."""
        newest = [versions[-1] for versions in self.history.values()]
        return [one for one in newest if one.rule == UNSIGNED_RULE and one.active]
