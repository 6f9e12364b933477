"""The canonical event: CloudEvents 1.0 in structured JSON, with this field's extension attributes.

``time`` is when it happened, ``recordedtime`` when the province received it. ``exercise`` is present only in
drills and replays. ``source`` is ``/<centre>/<feed>/<site>``. The payload of each ``type`` is in
:mod:`ioc.domain.catalogue`.
"""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from ioc.domain.times import parse_rfc3339


class Event(Struct, frozen=True, kw_only=True):
    """One canonical event; field order is the order on the wire. ``data`` stays undecoded JSON."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    recordedtime: str
    centre: str
    area: str
    feed: str
    sequence: str | UnsetType = UNSET
    exercise: str | UnsetType = UNSET
    datacontenttype: str = "application/json"
    data: Raw = Raw(b"null")

    @property
    def site(self) -> str:
        """Id of the site (sensor, junction, hotline) that reported: the last step of ``source``."""
        return self.source.rsplit("/", 1)[-1]

    @property
    def time_ms(self) -> int:
        """When it happened, epoch milliseconds."""
        return parse_rfc3339(self.time)

    @property
    def recorded_ms(self) -> int:
        """When the province received it, epoch milliseconds."""
        return parse_rfc3339(self.recordedtime)

    @property
    def topic_key(self) -> str:
        """Key of ``ioc.events``: one centre, area and feed share a partition, hence an order."""
        return f"{self.centre}/{self.area}/{self.feed}"
