"""Canonical events as the detecting job reads them: only what it needs, because it reads every event of the province.

Intake has checked the whole event; see :class:`ioc.domain.events.Event` for all of it.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct


class Arrival(Struct, frozen=True, gc=False):
    """The attributes that detecting uses; ``data`` stays undecoded JSON."""

    id: str
    source: str
    type: str
    time: str
    recordedtime: str
    centre: str
    area: str
    feed: str
    exercise: str | None = None
    data: Raw = Raw(b"null")

    @property
    def site(self) -> str:
        """Id of the site that reported: the last step of ``source``."""
        return self.source.rsplit("/", 1)[-1]


decode_arrival = msgspec.json.Decoder(Arrival).decode
