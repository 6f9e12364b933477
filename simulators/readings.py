"""What a simulated instrument reports, before its centre's native format.

A reading is a value: the feeds make it, :mod:`simulators.formats` turns it into the bytes of its centre,
the player sends them. Imports nothing of the project.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Reading(Struct, frozen=True, kw_only=True):
    """One message of one site.

    Attributes:
        centre: id of the centre that sends it, for instance ``bien-hoa``.
        feed: id of the feed inside the centre, for instance ``hydro``.
        site: id of the site inside the feed, for instance ``BIENHOA``.
        area: code of the administrative unit it concerns, for instance ``731``.
        type: event type of ``ioc.domain.catalogue``, for instance ``hydro.level``.
        time_ms: when the instrument took the value, epoch milliseconds.
        seq: number of the reading within its site; grows, may have holes for sites that report by chance.
        data: payload in the canonical field names of the type (units in the names); ``lon`` and ``lat`` are
            optional. Values are str, int, float, bool or None.
        id: what the centre calls this message; the same reading always has the same id.
    """

    centre: str
    feed: str
    site: str
    area: str
    type: str
    time_ms: int
    seq: int
    data: dict[str, Any]
    id: str
