"""Attempts to deliver that have no outcome, because the notifier that had begun them ended or hangs.

Such an attempt counts as one that failed when it began: the delivery has the same key, its next attempt is
``BACKOFF_FIRST_MS`` after the beginning of a first attempt and later after each further one, and a day after the notice
was made it is given up. So a delivery that ends the process does so ever more seldom. It might take others with it,
those that are tried at the same time; therefore what got lost repeatedly is tried alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ioc.pipeline.notices import Again, Delivery, after

ALONE_AFTER = 2  # attempts in a row without an outcome: one is a restart, two may be the delivery's own doing
UNANSWERED = "UNANSWERED: the notifier that had begun this attempt did not say how it ended"


class Due(Struct, frozen=True, kw_only=True):
    """A delivery that could be claimed; ``lost``: attempts without an outcome since the last one that had one."""

    id: str
    lost: int


def unanswered(delivery: Delivery, began_ms: int) -> Delivery:
    """The delivery after an attempt without an outcome: due again, counted from its beginning, or given up."""
    return after(delivery, Again(UNANSWERED), began_ms)


def together(due: Sequence[Due]) -> tuple[str, ...]:
    """Ids of those that may be tried at the same time now, in the order in which they are due.

    One that was lost ``ALONE_AFTER`` times is tried alone when it is the first.
    """
    if due and due[0].lost >= ALONE_AFTER:
        return (due[0].id,)
    return tuple(one.id for one in due if one.lost < ALONE_AFTER)
