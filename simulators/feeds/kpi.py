"""Indicators of the three pillars; the id of a site is the indicator in upper case."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.model.indicators import COURSES
from simulators.world import World

PERIOD_S = 30.0  # modelling choice: slow figures, but the age of the source must show


def indicator(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``service.kpi``; the target is the one of the profile, where it has one."""
    name = place.site.lower()
    course = COURSES.get(name)
    data: dict[str, Any] = {
        "indicator": name,
        "value": world.indicator(name, t_ms),
        "unit": place.unit or (course.unit if course else ""),
    }
    if place.target is not None:
        data["target"] = place.target
    return data
