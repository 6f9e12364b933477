"""What each role may do on ``/live``, as one table; whatever is not listed is refused."""

from __future__ import annotations

from msgspec import Struct

from ioc.domain.handling import RIGHTS, Op


class Rights(Struct, frozen=True, kw_only=True):
    """Rights of one role.

    Attributes:
        commands: operations the role may send.
        frames_per_s, frames_burst: token bucket of inbound frames.
        connections_max: open websockets per account; more are closed with 1013.
        session_s: longest life of a sign-in, seconds.
    """

    commands: frozenset[Op] = frozenset()
    frames_per_s: float = 2.0
    frames_burst: int = 10
    connections_max: int = 10
    session_s: int = 8 * 3600


_SHIFT_S = 8 * 3600  # one shift
ROLES: dict[str, Rights] = {
    # A wall display: looks, never acts, stays signed in; many screens may share its account.
    "wall": Rights(connections_max=400, session_s=30 * 86_400),
    "viewer": Rights(connections_max=400, session_s=_SHIFT_S),
    "operator": Rights(session_s=_SHIFT_S),
    # Dispatchers work through a list by keyboard: ten commands a second, twenty at once.
    "dispatcher": Rights(commands=RIGHTS["dispatcher"], frames_per_s=10.0, frames_burst=20, session_s=_SHIFT_S),
    # Engineers look after feeds and rules. They take objects out of service; answering an alert is not their work.
    "engineer": Rights(commands=RIGHTS["engineer"], session_s=_SHIFT_S),
    "admin": Rights(commands=RIGHTS["admin"], frames_per_s=10.0, frames_burst=20, session_s=_SHIFT_S),
}


def rights(role: str) -> Rights:
    """Rights of a role; a role that is not in the table has the least: look only."""
    return ROLES.get(role, Rights())
