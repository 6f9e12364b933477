"""A made-up centre with a format of its own, for the tests of mapping and intake."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson

from ioc.domain.profile import Area, Centre, Feed, Profile, Site
from ioc.pipeline.effects import InRecord

NOW = 1_764_000_000_000  # 2025-11-24T16:00:00Z

FORMAT: dict[str, Any] = {
    "record": "json",
    "bytes_max": 100_000,
    "centre": {"from": {"path": "meta.owner"}, "accept": ["ALPHA"]},
    "version": {"from": {"path": "meta.v"}, "accept": [2, 3]},
    "id": {"template": "{meta.station}:{meta.n}"},
    "time": {"path": "at", "time": "epoch_ms"},
    "site": {"path": "meta.station"},
    "sequence": {"path": "meta.n"},
    "exercise": {"path": "drill", "optional": True},
    "records": [
        {
            "when": {"what": "level"},
            "type": "hydro.level",
            "feed": "water",
            "fields": {
                "level_m": {"path": "values[0].ft", "convert": "ft→m"},
                "trend_m_h": {"path": "values[1].ft", "convert": "ft_h->m_h", "optional": True},
                "position": {"path": "where", "position": True, "optional": True},
            },
        },
        {
            "when": {"what": ["report", "note"], "meta.kind": 7},
            "type": "feedback.1022",
            "feed": "voices",
            "fields": {
                "channel": {"path": "by", "lookup": {"1": "phone", "true": "app"}},
                "field": {"path": ["odd.key", 0]},
                "text": {"path": "text", "optional": True},
                "due_at": {"path": "due", "time": "%Y-%m-%d %H:%M", "zone": "Asia/Ho_Chi_Minh", "optional": True},
            },
        },
    ],
}


def table(**changes: Any) -> dict[str, Any]:
    """The format with some top-level keys replaced; None removes."""
    made = deepcopy(FORMAT) | changes
    return {key: value for key, value in made.items() if value is not None}


def centre(format_table: dict[str, Any] | None = None) -> Centre:
    def feed(name: str, kind: str) -> Feed:
        return Feed(id=name, name_vi=name, name_en=name, types=(kind,), expected_period_s=10, silent_after_s=30)

    return Centre(
        id="alpha",
        name_vi="Alpha",
        name_en="Alpha",
        kind="city",
        simulated=True,
        areas=("1",),
        feeds=(feed("water", "hydro.level"), feed("voices", "feedback.1022")),
        sites=(
            Site(id="W1", feed="water", area="1", name_vi="W1", name_en="W1", native_id="w-1"),
            Site(id="W0", feed="water", area="1", name_vi="W0", name_en="W0", native_id="w-0", valid_to="2020-01-01"),
            Site(id="V1", feed="voices", area="2", name_vi="V1", name_en="V1", native_id="v-1"),
        ),
        format=FORMAT if format_table is None else format_table,
    )


def profile(one: Centre | None = None) -> Profile:
    return Profile(
        id="p",
        name_vi="P",
        name_en="P",
        title_vi="P",
        title_en="P",
        timezone="Asia/Ho_Chi_Minh",
        geo_box=(106.5, 10.25, 107.85, 11.85),
        areas=(
            Area(code="1", name_vi="Một", name_en="One", kind="city"),
            Area(code="2", name_vi="Hai", name_en="Two", kind="city"),
        ),
        centres=(one or centre(),),
        rules=(),
        targets=(),
    )


def level(n: int = 1, **changes: Any) -> dict[str, Any]:
    """A good native record; a change of None removes a key, ``meta__owner`` changes inside ``meta``."""
    made: dict[str, Any] = {
        "what": "level",
        "meta": {"owner": "ALPHA", "v": 2, "station": "w-1", "n": n},
        "at": NOW - 1000 + n,
        "values": [{"ft": 10.0}, {"ft": 0.5}],
        "where": [106.82, 10.95],
    }
    for key, value in changes.items():
        place, name = (made["meta"], key[6:]) if key.startswith("meta__") else (made, key)
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return made


def record(native: object, offset: int = 0, at_ms: int = NOW, key: bytes | None = b"w-1") -> InRecord:
    value = native if isinstance(native, bytes | None) else orjson.dumps(native)
    return InRecord(offset, at_ms, key, value)
