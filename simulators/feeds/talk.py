"""How much is said about a topic in public posts."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.world import World

PERIOD_S = 60.0  # modelling choice


def mentions(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``social.mention``."""
    return {
        "topic": place.topic,
        "mentions_1h": world.talk.mentions_1h(place.site, t_ms),
        "sentiment": round(world.talk.sentiment(place.site, t_ms), 2),
        "reach": world.talk.reach(place.site, t_ms),
    }
