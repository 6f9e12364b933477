"""Biên Hòa: flat JSON, Vietnamese field names, local time without zone, decimal commas in texts, own codes.

Times have whole seconds, occupancy is in percent, the trend of a river in cm/h, carbon monoxide in mg/m³.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson

from ioc.domain.times import from_ms, parse_rfc3339
from ioc.errors import BadInput
from simulators.readings import Reading

_ZONE = timezone(timedelta(hours=7))
SYSTEMS = {
    "traffic.flow": "giao_thong",
    "traffic.incident": "su_co_gt",
    "rain.gauge": "mua",
    "hydro.level": "thuy_van",
    "air.quality": "khong_khi",
    "feedback.1022": "pa_1022",
    "source.heartbeat": "nhip_tim",
}
_INCIDENTS = {"accident": "TN", "breakdown": "HX", "wrong_way": "NC", "road_closed": "DC"}
_CHANNELS = {"phone": "DT", "app": "UD", "mail": "TD", "web": "WEB"}


def encode(reading: Reading, station: str) -> bytes:
    """One flat message.

    Raises:
        BadInput: the centre has no system for this type.
    """
    system = SYSTEMS.get(reading.type)
    if system is None:
        raise BadInput("unknown_type", "type", f"Biên Hòa sends no {reading.type}")
    data = reading.data
    body: dict[str, Any] = {
        "don_vi": "IOC-BH",
        "phien_ban": "1.1",
        "ma_ban_tin": reading.id,
        "he_thong": system,
        "ma_tram": station,
        "thoi_gian": _local(reading.time_ms),
        "so_thu_tu": reading.seq,
    }
    match reading.type:
        case "traffic.flow":
            body["luu_luong"] = _comma(data["intensity_veh_h"])
            body["chiem_dung_pt"] = _comma(data.get("occupancy_ratio"), 100)
            body["toc_do"] = _comma(data["speed_km_h"])
            body["un_tac"] = "C" if data.get("congested") else "K"
        case "traffic.incident":
            body["loai"] = _INCIDENTS[data["kind"]]
            body["so_lan_chan"], body["bi_thuong"] = data.get("lanes_blocked"), data.get("injured")
            body["mo_ta"] = data.get("text")
        case "rain.gauge":
            body["mua_10p"], body["mua_1g"] = _comma(data["mm_10min"]), _comma(data["mm_1h"])
            body["mua_24g"] = _comma(data["mm_24h"])
        case "hydro.level":
            body["muc_nuoc"], body["xu_the_cm_gio"] = _comma(data["level_m"]), _comma(data.get("trend_m_h"), 100)
        case "air.quality":
            body["bui_pm25"], body["bui_pm10"] = _comma(data.get("pm25_ug_m3")), _comma(data.get("pm10_ug_m3"))
            body["o3"], body["no2"] = _comma(data.get("o3_ug_m3")), _comma(data.get("no2_ug_m3"))
            body["so2"], body["co_mg"] = _comma(data.get("so2_ug_m3")), _comma(data.get("co_ug_m3"), Decimal("0.001"))
        case "feedback.1022":
            body["kenh"], body["linh_vuc"] = _CHANNELS[data["channel"]], data["field"]
            body["noi_dung"] = data.get("text")
            due = data.get("due_at")
            body["han_xu_ly"] = _local(parse_rfc3339(due)) if due is not None else None
        case "source.heartbeat":
            body["dem"], body["tre_giay"] = data["seq"], _comma(data.get("lag_s"))
    body["kinh_do"], body["vi_do"] = _comma(data.get("lon")), _comma(data.get("lat"))
    return orjson.dumps({key: value for key, value in body.items() if value is not None})


def _local(ms: int) -> str:
    return f"{from_ms(ms).astimezone(_ZONE):%d/%m/%Y %H:%M:%S}"


def _comma(value: float | None, factor: int | Decimal = 1) -> str | None:
    """``1.83`` → ``1,83``; exact, never in exponent form."""
    if value is None:
        return None
    exact = Decimal(repr(value)) * factor
    text = f"{exact:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return (text or "0").replace(".", ",")
