"""What the three jobs made of their input, and what differs between two such pictures. Pure.

In a picture is everything that must not depend on how the work was cut and interrupted: the canonical events, the dead
letters, the final rollups and the alert episodes. Left out is what tells when the work was done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.measures import Rollup
from ioc.wire import codec

TOPICS = ("events", "dead", "rollups", "alerts", "alert-log")
PROCESSING = ("raised_ms", "updated_ms", "asked_ms", "late_s")  # fields of an alert that tell when the work was done
SHOWN = 3  # differences per kind

Row = tuple[bytes | None, bytes | None]  # key, value


class Picture(Struct):
    """See the module. ``events`` and ``dead`` count how often each one came."""

    events: Counter[tuple[str, ...]]
    dead: Counter[tuple[str, str]]  # (topic/partition/offset, code)
    rollups: dict[str, Rollup]  # the final ones
    alerts: dict[str, dict[str, Any]]
    raised: Counter[str]  # alert id → how often the log says "raised"

    @property
    def codes(self) -> Counter[str]:
        """Dead letters per reason code."""
        found: Counter[str] = Counter()
        for (_, code), times in self.dead.items():
            found[code] += times
        return found


def picture(rows: Mapping[str, Iterable[Row]]) -> Picture:
    """From the records of ``TOPICS``, those of a partition in their order."""
    rollups: dict[str, Rollup] = {}
    for _, value in rows["rollups"]:
        rollup = codec.decode_rollup(value or b"")
        if rollup.key not in rollups or rollup.revision > rollups[rollup.key].revision:
            rollups[rollup.key] = rollup
    alerts: dict[str, Alert] = {}
    for key, value in rows["alerts"]:
        if key and value and not key.startswith(b"@"):
            alerts[key.decode()] = codec.decode_alert(value)
    letters = [codec.decode_dead(value or b"") for _, value in rows["dead"]]
    log = [codec.decode_log_entry(value or b"") for _, value in rows["alert-log"]]
    return Picture(
        events=Counter(_event(value or b"") for _, value in rows["events"]),
        dead=Counter((letter.id, letter.code) for letter in letters),
        rollups={key: rollup for key, rollup in rollups.items() if rollup.final},
        alerts={id_: _episode(alert) for id_, alert in alerts.items()},
        raised=Counter(entry.alert_id for entry in log if entry.what == "raised"),
    )


def _event(value: bytes) -> tuple[str, ...]:
    event = json.loads(value)
    parts = (event[name] for name in ("centre", "id", "type", "source", "time", "recordedtime"))
    return (*parts, json.dumps(event["data"], sort_keys=True))


def _episode(alert: Alert) -> dict[str, Any]:
    return {name: value for name, value in json.loads(codec.encode(alert)).items() if name not in PROCESSING}


def differences(wanted: Picture, found: Picture) -> list[str]:
    """Everything in which ``found`` is not ``wanted``, and what neither may hold: anything twice."""
    said: list[str] = []
    for name in ("events", "dead", "raised"):
        a, b = getattr(wanted, name), getattr(found, name)
        said += _few(f"{name}: {item} {b[item]} times, must be {a[item]}" for item in a | b if a[item] != b[item])
        said += _few(f"{name}: {item} came {times} times" for item, times in b.items() if times != 1)
    for name in ("rollups", "alerts"):
        one, other = getattr(wanted, name), getattr(found, name)
        said += _few(
            f"{name}: {key} is {other.get(key)}, must be {one.get(key)}"
            for key in one | other
            if one.get(key) != other.get(key)
        )
    said += _few(f"alert {id_} was raised {found.raised[id_]} times" for id_ in found.alerts if found.raised[id_] != 1)
    return said


def _few(sentences: Iterable[str]) -> list[str]:
    found = list(sentences)
    return found[:SHOWN] + ([f"… and {len(found) - SHOWN} more of the kind"] if len(found) > SHOWN else [])
