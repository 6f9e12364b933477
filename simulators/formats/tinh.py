"""Systems of the whole province: CloudEvents 1.0 with payload names of their own, time with the local offset.

Levels are in cm, trends in cm/h, lags in ms, answer times in s, shares in percent; emergency numbers and states of
cases are numbers, forest-fire levels Roman numerals, sequences texts of digits.
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
TYPES = {
    "emergency.call": ("vn.dongnai.khancap.cuocgoi", "khan-cap"),
    "hydro.level": ("vn.dongnai.thuyvan.mucnuoc", "thuy-van"),
    "service.kpi": ("vn.dongnai.chisoso.chitieu", "chi-so-so"),
    "source.heartbeat": ("vn.dongnai.hethong.nhiptim", "he-thong"),
    "population.link": ("vn.dongnai.dancu.ketnoi", "dan-cu"),
    "service.case": ("vn.dongnai.motcua.hoso", "mot-cua"),
    "ecommerce.kpi": ("vn.dongnai.tmdt.san", "tmdt"),
    "social.mention": ("vn.dongnai.mangxahoi.nhacden", "mang-xa-hoi"),
    "forest.fire_level": ("vn.dongnai.kiemlam.capchay", "kiem-lam"),
    "health.dengue": ("vn.dongnai.yte.sotxuathuyet", "y-te"),
    "cyber.soc": ("vn.dongnai.antoanthongtin.canhbao", "attt"),
}
_CASES = {"received": 1, "processing": 2, "supplement": 3, "done": 4, "overdue": 5, "withdrawn": 6}
_ONLINE = {"none": "khong", "partly": "motPhan", "fully": "toanTrinh"}
_FIRE_LEVELS = {1: "I", 2: "II", 3: "III", 4: "IV", 5: "V"}
_CYBER = {
    "malware_beacon": "MALWARE",
    "defacement": "DEFACE",
    "brute_force": "BRUTE",
    "phishing": "PHISH",
    "scan": "SCAN",
    "denial_of_service": "DDOS",
    "data_leak": "LEAK",
}
_SEVERITIES = {"low": 1, "medium": 2, "high": 3, "critical": 4}


def encode(reading: Reading, station: str) -> bytes:
    """One event.

    Raises:
        BadInput: the province sends no such type.
    """
    if reading.type not in TYPES:
        raise BadInput("unknown_type", "type", f"the province sends no {reading.type}")
    kind, system = TYPES[reading.type]
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": reading.id,
            "source": f"/tinh/{system}/{station}",
            "type": kind,
            "time": _local(reading.time_ms),
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
        case "population.link":
            body = {
                "coSoDuLieu": data["database"],
                "daKetNoi": data["linked"],
                "luotXacThucGio": data.get("verifications_h"),
                "doTreGiay": _times(data.get("latency_ms"), Decimal("0.001")),
                "tyLeLoiPt": _times(data.get("failure_ratio"), 100),
            }
        case "service.case":
            online = data.get("online")
            body = {
                "thuTuc": data["procedure"],
                "trangThai": _CASES[data["state"]],
                "mucDo": _ONLINE[online] if online is not None else None,
                "ngayTiepNhan": _local_of(data.get("received_at")),
                "hanTra": _local_of(data.get("due_at")),
                "soNgayTre": data.get("late_days"),
            }
        case "ecommerce.kpi":
            body = {
                "san": data["floor"],
                "khaDungPt": _times(data["available_ratio"], 100),
                "donHomNay": data.get("orders_today"),
                "sanPham": data.get("listings"),
                "taiKhoan": data.get("accounts"),
                "taiKhoanHoatDong": data.get("active_accounts"),
            }
        case "social.mention":
            body = {
                "chuDe": data["topic"],
                "luotNhac1Gio": data["mentions_1h"],
                "sacThaiPt": _times(data.get("sentiment"), 100),
                "tiepCan": data.get("reach"),
            }
        case "forest.fire_level":
            body = {"capDuBao": _FIRE_LEVELS[data["danger_level"]], "diemNong24Gio": data.get("hotspots_24h")}
        case "health.dengue":
            body = {
                "caMac7Ngay": data["cases_7d"],
                "oDich": data.get("outbreaks"),
                "muoiMotBay": data.get("mosquitoes"),
            }
        case "cyber.soc":
            body = {
                "loai": _CYBER[data["kind"]],
                "luat": data["rule"],
                "taiSan": data["asset"],
                "mucDo": _SEVERITIES[data["severity"]],
                "daChan": data.get("blocked"),
            }
        case _:
            body = {"thuTu": data["seq"], "treMs": _times(data.get("lag_s"), 1000)}
    if data.get("lon") is not None:
        body["toaDo"] = {"kinhDo": data["lon"], "viDo": data["lat"]}
    return {name: value for name, value in body.items() if value is not None}


def _local(ms: int) -> str:
    return from_ms(ms).astimezone(_ZONE).isoformat(timespec="milliseconds")


def _local_of(moment: str | None) -> str | None:
    return None if moment is None else _local(parse_rfc3339(moment))


def _times(value: float | None, factor: int | Decimal) -> float | None:
    return None if value is None else float(Decimal(repr(value)) * factor)
