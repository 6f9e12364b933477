"""``[handover]`` of ``duty.toml``: which roster hands over from shift to shift, and how long people have to sign."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from msgspec import Struct

SIGN_S_MAX = 4 * 3600.0
DRAFT_S_MAX = 24 * 3600.0
REALARM_S_MAX = 4 * 3600.0


class HandoverSetup(Struct, frozen=True, kw_only=True):
    """Without this table nobody hands over.

    Attributes:
        roster: whose shifts they are.
        sign_within_s: so long after the next shift began an alert asks for its signature.
        draft_before_s: the draft appears so long before the end of the shift.
        priority: of that alert.
        realarm_s: so long after somebody acknowledged or closed that alert it asks anew, while nobody has signed.
    """

    roster: str
    sign_within_s: float = 600.0
    draft_before_s: float = 1800.0
    priority: Literal[1, 2, 3, 4] = 2
    realarm_s: float = 900.0


def problems(setup: HandoverSetup, rosters: Collection[str]) -> Iterator[str]:
    """One sentence per mistake, each beginning with the place; ``rosters``: ids of those of the file."""
    if setup.roster not in rosters:
        yield f"handover.roster: there is no {setup.roster!r}"
    if not 60 <= setup.sign_within_s <= SIGN_S_MAX:
        yield f"handover.sign_within_s: must be 60 to {SIGN_S_MAX:g} seconds"
    if not 60 <= setup.draft_before_s <= DRAFT_S_MAX:
        yield f"handover.draft_before_s: must be 60 to {DRAFT_S_MAX:g} seconds"
    if not 60 <= setup.realarm_s <= REALARM_S_MAX:
        yield f"handover.realarm_s: must be 60 to {REALARM_S_MAX:g} seconds"
