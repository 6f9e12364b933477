"""E-commerce floors and links to the national population database."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.world import World

FLOOR_PERIOD_S = 60.0  # modelling choice
LINK_PERIOD_S = 60.0  # modelling choice


def floor(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``ecommerce.kpi``."""
    now = world.platforms.floor(place.site, t_ms)
    return {
        "floor": place.name,
        "available_ratio": round(now.available_ratio, 3),
        "orders_today": now.orders_today,
        "listings": now.listings,
        "accounts": now.accounts,
        "active_accounts": now.active_accounts,
    }


def link(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``population.link``; what is not linked reports only that."""
    data: dict[str, Any] = {"database": place.topic, "linked": world.platforms.linked(place.site, t_ms)}
    if not data["linked"]:
        return {**data, "verifications_h": 0.0}
    now = world.platforms.link(place.site, t_ms)
    data["verifications_h"] = round(now.verifications_h, 1)
    if now.latency_ms is not None:
        data["latency_ms"] = round(now.latency_ms, 1)
    if now.failure_ratio is not None:
        data["failure_ratio"] = round(now.failure_ratio, 4)
    return data
