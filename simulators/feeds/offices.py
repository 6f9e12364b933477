"""Steps of the cases of the one-stop desks."""

from __future__ import annotations

from typing import Any

from ioc.domain.times import rfc3339
from simulators.draw import bits
from simulators.feeds.base import Found
from simulators.parts.offices import CASES_PER_DAY
from simulators.world import World

STEPS_PER_DAY = CASES_PER_DAY * 3.1 / 3  # of one centre, roughly: each case is received, taken up and done


def cases(world: World, centre: str, from_ms: int, to_ms: int) -> list[Found]:
    """Payloads of ``service.case``; a centre with several desks has each case at one of them."""
    desks = sorted(world.setting.points.get("service.case", {}).get(centre, {}))
    found: list[Found] = []
    for step in world.offices.steps(centre, from_ms, to_ms):
        data: dict[str, Any] = {
            "procedure": step.procedure,
            "state": step.state,
            "online": step.online,
            "received_at": rfc3339(step.received_ms),
            "due_at": rfc3339(step.due_ms),
        }
        if step.late_days is not None:
            data["late_days"] = step.late_days
        if desks:
            desk = desks[bits(world.seed, "desk", centre, step.received_ms, step.number) % len(desks)]
            suffix = f"{step.state[:2].upper()}{step.received_ms // 1000 % 100_000_000}-{step.number}"
            found.append((desk, step.time_ms, suffix, data))
    return found
