"""Records for the hub, and the client that the wall protocol asks for: the yardstick of the hub's tests."""

from __future__ import annotations

import json
from typing import Any

from ioc.domain.alerts import Alert
from ioc.domain.measures import FeedHealth, FeedState, Rollup
from ioc.domain.times import rfc3339
from ioc.wire import codec
from ioc.wire.frames import Since
from ioc.wire.positions import Layout

BASE_MS = 1_795_500_000_000 // 60_000 * 60_000
LAYOUT = Layout((("alerts", 2), ("feeds", 1), ("events", 2), ("rollups", 2)))
EPOCH = "e1"

Record = tuple[bytes, bytes | None]


def alert(alert_id: str, version: int = 1, **changes: Any) -> Alert:
    values: dict[str, Any] = dict(
        id=alert_id,
        key=f"hydro-level|bien-hoa|{alert_id}",
        rule="hydro-level",
        version=version,
        state="UNACK",
        active=True,
        acked=False,
        priority=2,
        centre="bien-hoa",
        area="731",
        site="BIENHOA",
        feed="hydro",
        type="hydro.level",
        title_vi="Mực nước",
        title_en="River level",
        started_ms=BASE_MS,
        raised_ms=BASE_MS,
        updated_ms=BASE_MS + version,
        observed_ms=BASE_MS,
    )
    return Alert(**(values | changes))


def alert_record(alert_id: str, version: int | None) -> Record:
    return alert_id.encode(), None if version is None else codec.encode(alert(alert_id, version))


def feed_record(centre: str, partition: int, accepted: int, state: FeedState = "on_time", **more: Any) -> Record:
    key = f"{centre}/rain/{partition}"
    health = FeedHealth(
        key=key,
        centre=centre,
        feed="rain",
        partition=partition,
        state=state,
        since_ms=BASE_MS,
        last_event_ms=BASE_MS,
        last_received_ms=BASE_MS + 5,
        rate_per_min=2.0,
        expected_period_s=30.0,
        accepted=accepted,
        rejected=0,
        duplicates=0,
        watermark_ms=BASE_MS,
        updated_ms=BASE_MS + accepted,
        **more,
    )
    return key.encode(), codec.encode(health)


def event_record(
    site: str, minute: int, value: int, *, type_: str = "rain.gauge", second: int = 0, **more: Any
) -> Record:
    at_ms = BASE_MS + minute * 60_000 + second * 1000
    event = {
        "specversion": "1.0",
        "id": f"{site}-{minute}-{value}",
        "source": f"/bien-hoa/rain/{site}",
        "type": type_,
        "subject": "731",
        "time": rfc3339(at_ms),
        "recordedtime": rfc3339(at_ms + 400),
        "centre": "bien-hoa",
        "area": "731",
        "feed": "rain",
        "datacontenttype": "application/json",
        "data": {"mm_10min": value, "mm_1h": 0, "mm_24h": 0},
        **more,
    }
    return b"bien-hoa/731/rain", json.dumps(event).encode()


def rollup_record(name: str, minute: int, revision: int, n: int, **changes: Any) -> Record:
    start_ms = BASE_MS + minute * 60_000
    values: dict[str, Any] = dict(
        key=f"bien-hoa/731/{name}/rain.gauge/{start_ms}/60000",
        centre="bien-hoa",
        area="731",
        feed=name,
        type="rain.gauge",
        window_start_ms=start_ms,
        window_ms=60_000,
        n=n,
        revision=revision,
        final=False,
    )
    rollup = Rollup(**(values | changes))
    return rollup.key.encode(), codec.encode(rollup)


class Client:
    """Keeps the picture exactly as the protocol tells, and refuses whatever breaks its rules."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {kind: {} for kind in ("alerts", "feeds", "readings", "minutes")}
        self.pos: str | None = None
        self.snapshots: list[str] = []
        self._suspect: set[tuple[str, str]] | None = None

    @property
    def since(self) -> Since | None:
        return None if self.pos is None else Since(epoch=EPOCH, pos=self.pos)

    def take(self, frames: list[bytes]) -> None:
        for raw in frames:
            self.take_frame(json.loads(raw))

    def take_frame(self, frame: dict[str, Any]) -> None:
        kind = frame["t"]
        if kind == "snapshot_begin":
            assert self._suspect is None, "a snapshot inside a snapshot"
            self.snapshots.append(frame["reason"])
            self._suspect = {(name, key) for name, items in self.held.items() for key in items}
        elif kind == "snapshot":
            self._put(frame)
        elif kind == "snapshot_end":
            assert self._suspect is not None, "an end without a begin"
            for name, key in self._suspect:
                del self.held[name][key]
            self._suspect = None
            self.pos = frame["pos"]
        elif kind == "delta":
            assert self._suspect is None, "a delta inside a snapshot"
            assert frame["prev"] == self.pos, "a delta that does not continue this position"
            self._put(frame)
            for name, keys in (frame.get("gone") or {}).items():
                for key in keys:
                    self.held[name].pop(key, None)
            self.pos = frame["pos"]
        elif kind == "beat":
            assert frame["pos"] == self.pos, "a beat from another position"

    def _put(self, frame: dict[str, Any]) -> None:
        for name, items in self.held.items():
            for item in frame.get(name, ()):
                key = item["id"] if name == "alerts" else item["key"]
                items[key] = item
                if self._suspect is not None:
                    self._suspect.discard((name, key))
