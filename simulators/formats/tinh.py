"""Systems of the whole province: CloudEvents 1.0 with payload names of their own, time with the local offset.

Levels are in cm, trends in cm/h, lags in ms; emergency numbers are numbers, sequences are texts of digits.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson

from ioc.domain.times import from_ms
from ioc.errors import BadInput
from simulators.readings import Reading

_ZONE = timezone(timedelta(hours=7))
TYPES = {
    "emergency.call": ("vn.dongnai.khancap.cuocgoi", "khan-cap"),
    "hydro.level": ("vn.dongnai.thuyvan.mucnuoc", "thuy-van"),
    "service.kpi": ("vn.dongnai.chisoso.chitieu", "chi-so-so"),
    "source.heartbeat": ("vn.dongnai.hethong.nhiptim", "he-thong"),
}


def encode(reading: Reading, station: str) -> bytes:
    """One event.

    Raises:
        BadInput: the province sends no such type.
    """
    if reading.type not in TYPES:
        raise BadInput("unknown_type", "type", f"the province sends no {reading.type}")
    kind, system = TYPES[reading.type]
    moment = from_ms(reading.time_ms).astimezone(_ZONE)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": reading.id,
            "source": f"/tinh/{system}/{station}",
            "type": kind,
            "time": moment.isoformat(timespec="milliseconds"),
            "sequence": f"{reading.seq:012d}",
            "datacontenttype": "application/json",
            "data": _data(reading.type, reading.data),
        }
    )


def _data(event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    match event_type:
        case "emergency.call":
            body = {
                "dauSo": int(data["number"]),
                "loai": data["kind"],
                "mucUuTien": data.get("priority"),
                "noiDung": data.get("text"),
            }
        case "hydro.level":
            body = {"mucNuocCm": _times(data["level_m"], 100), "xuTheCmGio": _times(data.get("trend_m_h"), 100)}
        case "service.kpi":
            body = {
                "chiTieu": data["indicator"],
                "giaTri": data["value"],
                "donVi": data.get("unit"),
                "mucTieu": data.get("target"),
            }
        case _:
            body = {"thuTu": data["seq"], "treMs": _times(data.get("lag_s"), 1000)}
    if data.get("lon") is not None:
        body["toaDo"] = {"kinhDo": data["lon"], "viDo": data["lat"]}
    return {name: value for name, value in body.items() if value is not None}


def _times(value: float | None, factor: int) -> float | None:
    return None if value is None else float(Decimal(repr(value)) * factor)
