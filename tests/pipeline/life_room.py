"""A desk at which alerts are handled: rules that re-alarm and latch, and commands by their operation."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ioc.domain.alerts import Command, alert_id
from ioc.domain.profile import Agency, ChecklistStep
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.episodes import facts_of
from tests.pipeline.small_province import MIN, PROFILE, T
from tests.pipeline.test_alerting import KEY, Desk, signal

HOUR = 60 * MIN
FIRE = KEY.replace("level|", "fire|")
_LEVEL = next(rule for rule in PROFILE.rules if rule.id == "level")
STEPS = (ChecklistStep(id="call", text_vi="Gọi", text_en="Call"),)
RULES = replace(
    PROFILE,
    rules=(
        *(rule for rule in PROFILE.rules if rule.id != "level"),
        replace(_LEVEL, realarm_s=600.0, checklist=STEPS),
        replace(_LEVEL, id="fire", latching=True, checklist=STEPS),
    ),
    agencies=(Agency(id="114", name_vi="Cứu hỏa", name_en="Fire", phone="114"),),
)
TARGET = alert_id("level", KEY, T)


class Room(Desk):
    """A desk whose rules re-alarm and latch; commands by their operation."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.restart()

    def restart(self) -> None:
        super().restart()
        self.step = AlertingPartition(RULES, 4)
        for key, value in self.topic.items():
            self.step.load(key, value)

    def do(self, op: str, *, version: int | None = None, who: str = "lan", role: str = "", **more: Any) -> str:
        """Give one command about the newest state that is known; its outcome."""
        self.give(self.command(op, version=version, who=who, role=role, **more))
        return str(self.last.outcome if self.last.kind == "command" else self.log[-2].outcome)

    def command(self, op: str, *, version: int | None = None, who: str = "lan", role: str = "", **more: Any) -> Command:
        self.number += 1
        engineer = op in ("out_of_service", "return_to_service")
        values: dict[str, Any] = {
            "key": KEY,
            "command_id": f"k{self.number}",
            "op": op,
            "alert_id": TARGET,
            "expected_version": self.step.alerts[TARGET].version if version is None else version,
            "actor": who,
            "actor_display": who.title(),
            "role": role or ("engineer" if engineer else "dispatcher"),
            "station": "bàn 2",
        }
        return Command(**(values | more))

    @property
    def where(self) -> str:
        """Place in the life cycle's table, and the letter beside it."""
        facts = facts_of(self.alert)
        assert (self.alert.state, self.alert.closed) == (facts.state, facts.closed)
        return facts.place


def a_room() -> Room:
    """A room in which one alert was raised."""
    found = Room()
    found.give(signal())
    return found


def off(revision: int, **more: Any) -> Any:
    return signal("off", revision=revision, value=1.0, **more)
