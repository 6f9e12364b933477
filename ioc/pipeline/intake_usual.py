"""The way of nearly all readings, in one piece: a live one, of a form that came before, with its source's next number.

Everything else is left to :mod:`ioc.pipeline.intake`, which asks here first. What is said and remembered here is what
it would say and remember; tests compare the two. Only the price differs: for each record one call instead of six.
"""

from __future__ import annotations

from zlib import crc32

from ioc.pipeline.effects import Emit
from ioc.pipeline.intake_arrival import Arrival
from ioc.pipeline.mapping_fast import Found
from ioc.pipeline.mapping_stencil import Stencils
from ioc.pipeline.sequences import Source
from ioc.pipeline.targets import Target


class UsualWay:
    """The usual way of one partition.

    Args:
        stencils: the forms that came before.
        targets: for each kind of record: native site → its target.
        moved: where sources are noted whose numbers changed.

    Attributes:
        events: how many were made since somebody set it to 0.
    """

    __slots__ = ("_bytes_max", "_forms", "_moved", "_targets", "events")

    def __init__(self, stencils: Stencils, targets: list[dict[str, Target]], moved: dict[Source, None]) -> None:
        self._forms, self._bytes_max = stencils.forms, stencils.bytes_max
        self._targets, self._moved = targets, moved
        self.events = 0

    def take(self, key: bytes | None, value: bytes, arrival: Arrival) -> Emit | Found | None:
        """The event of a record; or what the record says, for intake to judge; or None, and it has to be decoded."""
        forms = self._forms(key)
        if forms is None or len(value) > self._bytes_max:
            return None
        try:
            text = value.decode()
            for read in forms:
                found = read(text)
                if found is not None:
                    break
            else:
                return None
        except Exception:  # noqa: BLE001 whatever it was, the record is decoded and looked at again
            return None
        kind, event_id, time_ms, time, site, sequence, data = found
        target = self._targets[kind].get(site)
        if target is None or sequence is None or not target.usual or not data.isascii():
            return found
        # On time, and by no clock ahead, whose numbers prove too little.
        received_ms = arrival.received_ms
        if not arrival.oldest_ms <= time_ms <= received_ms or not target.from_ms <= time_ms < target.to_ms:
            return found
        id_bytes, source = event_id.encode(), target.source
        if source is None or not source.follows(sequence, id_bytes, crc32(data, crc32(time, target.crc)), time_ms):
            return found
        self._moved[source] = None
        watch = target.watch
        if target.astray:
            watch.astray.append(len(watch.times_ms))
        watch.times_ms.append(time_ms)
        watch.arrivals_ms.append(received_ms)
        self.events += 1
        return Emit(
            "events",
            target.key,
            b"".join(
                (
                    b'{"specversion":"1.0","id":"',
                    id_bytes,
                    target.after_id,
                    time,
                    arrival.text,
                    target.after_recorded,
                    b'","sequence":"%012d","datacontenttype":"application/json","data":' % sequence,
                    data,
                    b"}",
                )
            ),
        )
