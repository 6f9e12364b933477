"""The canary: a heartbeat that this installation sends to itself, the whole way that a centre's record goes.

It is an event of a drill that is called ``canary`` and never ends. So the rules about drills keep it out of the live
picture, the figures and the registers of a centre; on top of that no rule looks at it and it is no sign of life of its
feed. A centre's file says how it is written in the centre's own format (:class:`ioc.domain.profile.Canary`).
"""

from __future__ import annotations

from string import Template

from ioc.domain.profile import Canary, Centre, Profile
from ioc.domain.times import rfc3339

EXERCISE = "canary"
KEY = "@canary"
"""Key under which detect passes it on to alerting, and alerting keeps the newest one among its private records."""

NAMES = frozenset({"id", "time", "epoch_ms", "seq"})


def home_of(profile: Profile) -> tuple[Centre, Canary] | None:
    """The centre through which canaries go, the first that says how; None: there are no canaries here."""
    return next(((centre, centre.canary) for centre in profile.centres if centre.canary is not None), None)


def compose(canary: Canary, sender: str, seq: int, sent_ms: int) -> bytes:
    """The native record.

    Args:
        canary: of the centre.
        sender: letters and digits that no other sender has; part of the id.
        seq: number of the record, growing.
        sent_ms: when it is sent, the event's time, epoch milliseconds.
    """
    words = {"id": f"canary-{sender}-{seq}", "time": rfc3339(sent_ms), "epoch_ms": sent_ms, "seq": seq}
    return Template(canary.record).substitute(words).encode()
