"""Biên Hòa: flat JSON, Vietnamese field names, local time without zone, decimal commas in texts, own codes.

Times have whole seconds, shares are in percent, the trend of a river in cm/h, carbon monoxide in mg/m³, the depth of
water on a road in metres, pressure in kilopascal.
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
    "traffic.violation": "vi_pham",
    "cctv.analytics": "camera_ai",
    "hydro.tide": "trieu",
    "flood.spot": "diem_ngap",
    "power.outage": "luoi_dien",
    "water.pressure": "cap_nuoc",
    "lighting.cabinet": "chieu_sang",
    "service.case": "mot_cua",
}
_INCIDENTS = {"accident": "TN", "breakdown": "HX", "wrong_way": "NC", "road_closed": "DC"}
_CHANNELS = {"phone": "DT", "app": "UD", "mail": "TD", "web": "WEB"}
_VIOLATIONS = {
    "speeding": "TD",
    "red_light": "DD",
    "wrong_way": "NC",
    "wrong_lane": "SL",
    "no_stopping": "DX",
    "forbidden_zone": "CV",
}
_SEEN = {"intrusion": "XN", "crowd": "TT", "fire": "LUA", "smoke": "KHOI", "littering": "RAC"}
_CAUSES = {
    "storm": "BAO",
    "equipment": "TB",
    "vehicle": "XE",
    "tree": "CAY",
    "overload": "QT",
    "work": "CT",
    "unknown": "KR",
}
_CASES = {
    "received": "TN",
    "processing": "DXL",
    "supplement": "BS",
    "done": "DTKQ",
    "overdue": "QH",
    "withdrawn": "RUT",
}
_FEEDBACK_STATES = {"received": "TN", "overdue": "QH"}
_ONLINE = {"none": "KO", "partly": "MP", "fully": "TT"}


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
            body["han_xu_ly"] = _local_of(data.get("due_at"))
            body["tinh_trang"] = _FEEDBACK_STATES[data["state"]] if "state" in data else None
        case "source.heartbeat":
            body["dem"], body["tre_giay"] = data["seq"], _comma(data.get("lag_s"))
        case _:
            body |= _city(reading.type, data)
    body["kinh_do"], body["vi_do"] = _comma(data.get("lon")), _comma(data.get("lat"))
    return orjson.dumps({key: value for key, value in body.items() if value is not None})


def _city(event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """The systems of a city beside its sensors of air, water and traffic flow."""
    match event_type:
        case "traffic.violation":
            return {
                "loai": _VIOLATIONS[data["rule"]],
                "toc_do": _comma(data.get("speed_km_h")),
                "toc_do_cho_phep": _comma(data.get("limit_km_h")),
                "bam_bien_so": data.get("plate_hash"),
            }
        case "cctv.analytics":
            return {
                "hanh_vi": _SEEN[data["kind"]],
                "do_tin_cay_pt": _comma(data["confidence_ratio"], 100),
                "so_nguoi": data.get("people"),
            }
        case "hydro.tide":
            return {
                "trieu_du_bao": _comma(data["predicted_m"]),
                "trieu_thuc_do": _comma(data.get("observed_m")),
                "dinh_trieu": _comma(data.get("crest_m")),
                "gio_dinh_trieu": _local_of(data.get("crest_at")),
            }
        case "flood.spot":
            return {
                "do_sau_m": _comma(data["depth_cm"], Decimal("0.01")),
                "xu_the_cm_gio": _comma(data.get("trend_cm_h")),
            }
        case "power.outage":
            cause = data.get("cause")
            return {
                "xuat_tuyen": data["feeder"],
                "kh_su_co": data["unplanned_customers"],
                "kh_ke_hoach": data.get("planned_customers"),
                "nguyen_nhan": _CAUSES[cause] if cause is not None else None,
                "du_kien_co_dien": _local_of(data.get("restore_at")),
            }
        case "water.pressure":
            burst = data.get("burst")
            return {
                "ap_luc_kpa": _comma(data["pressure_bar"], 100),
                "luu_luong_m3_gio": _comma(data.get("flow_m3_h")),
                "vo_ong": None if burst is None else "C" if burst else "K",
            }
        case "lighting.cabinet":
            return {
                "trang_thai": "BAT" if data["on"] else "TAT",
                "den_tat_pt": _comma(data["off_ratio"], 100),
                "so_loi": data.get("faults"),
            }
        case _:  # service.case
            online = data.get("online")
            return {
                "thu_tuc": data["procedure"],
                "trang_thai": _CASES[data["state"]],
                "muc_dvc": _ONLINE[online] if online is not None else None,
                "ngay_nhan": _local_of(data.get("received_at")),
                "han_tra": _local_of(data.get("due_at")),
                "tre_ngay": _comma(data.get("late_days")),
            }


def _local_of(moment: str | None) -> str | None:
    return None if moment is None else _local(parse_rfc3339(moment))


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
