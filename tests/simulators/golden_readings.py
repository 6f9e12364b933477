"""One reading of every type at every centre that sends it, with all of its fields: invented values, fixed for good."""

from __future__ import annotations

from typing import Any

from ioc.domain.profile import Profile
from simulators.readings import Reading

TIME_MS = 1_764_000_000_000  # 2025-11-24T16:00:00Z, 23:00 local time
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
WITH_A_PLACE = frozenset({"traffic", "rain", "hydro", "air", "camera", "flood", "power", "water", "lighting"})

PAYLOADS: dict[str, dict[str, Any]] = {
    "hydro.level": {"level_m": 1.83, "trend_m_h": 0.12},
    "rain.gauge": {"mm_10min": 2.4, "mm_1h": 18.5, "mm_24h": 42.0},
    "air.quality": {
        "pm25_ug_m3": 31.5, "pm10_ug_m3": 58.0, "o3_ug_m3": 61.0, "no2_ug_m3": 22.4, "so2_ug_m3": 9.1,
        "co_ug_m3": 912.0,
    },
    "traffic.flow": {"intensity_veh_h": 1240.0, "occupancy_ratio": 0.215, "speed_km_h": 31.5, "congested": False},
    "traffic.incident": {"kind": "accident", "lanes_blocked": 1, "injured": 2, "text": "Va chạm giữa hai xe máy"},
    "traffic.violation": {"rule": "speeding", "speed_km_h": 87.0, "limit_km_h": 60.0, "plate_hash": HASH},
    "cctv.analytics": {"kind": "smoke", "confidence_ratio": 0.87, "people": 3},
    "hydro.tide": {"predicted_m": 1.42, "observed_m": 1.47, "crest_m": 1.93, "crest_at": "2025-11-25T10:20:00.000Z"},
    "flood.spot": {"depth_cm": 23.5, "trend_cm_h": 6.0},
    "power.outage": {
        "feeder": "477 E3", "unplanned_customers": 1430, "planned_customers": 0, "cause": "storm",
        "restore_at": "2025-11-24T17:30:00.000Z",
    },
    "water.pressure": {"pressure_bar": 0.92, "flow_m3_h": 148.5, "burst": False},
    "lighting.cabinet": {"on": True, "off_ratio": 0.125, "faults": 4},
    "service.case": {
        "procedure": "1.004222", "state": "overdue", "online": "partly", "received_at": "2025-11-03T01:15:00.000Z",
        "due_at": "2025-11-24T10:00:00.000Z", "late_days": 0.5,
    },
    "feedback.1022": {
        "channel": "app", "field": "ngap-nuoc", "text": "Đường ngập sau mưa, xe không qua được",
        "due_at": "2025-11-29T16:00:00.000Z", "state": "received",
    },
    "emergency.call": {"number": "114", "kind": "fire", "priority": 1, "text": "Báo cháy nhà dân"},
    "service.kpi": {"indicator": "dvc_online_pct", "value": 41.3, "unit": "%", "target": 40.0},
    "population.link": {
        "database": "Cổng dịch vụ công", "linked": True, "verifications_h": 318.0, "latency_ms": 412.0,
        "failure_ratio": 0.012,
    },
    "social.mention": {"topic": "Giao thông", "mentions_1h": 46, "sentiment": -0.35, "reach": 128_000},
    "forest.fire_level": {"danger_level": 4, "hotspots_24h": 1},
    "health.dengue": {"cases_7d": 18, "outbreaks": 2, "mosquitoes": 3.5},
    "cyber.soc": {
        "kind": "malware_beacon", "rule": "DNS beacon 5 phút", "asset": "may-chu-web-03", "severity": "high",
        "blocked": True,
    },
    "ecommerce.kpi": {
        "floor": "Sàn TMĐT Đồng Nai", "available_ratio": 0.985, "orders_today": 61, "listings": 214, "accounts": 25,
        "active_accounts": 22,
    },
    "source.heartbeat": {"seq": 5, "lag_s": 0.25},
}  # fmt: skip


def readings(profile: Profile, centre: str | None = None) -> list[Reading]:
    """The readings of one centre, or of all, in the order of the profile."""
    found = []
    for one in profile.centres:
        for feed in one.feeds if centre in (None, one.id) else ():
            site = next(site for site in one.sites if site.feed == feed.id)
            for kind in feed.types:
                place = {"lon": 106.93841, "lat": 10.92619} if feed.id in WITH_A_PLACE else {}
                found.append(
                    Reading(
                        centre=one.id,
                        feed=feed.id,
                        site=site.id,
                        area=site.area,
                        type=kind,
                        time_ms=TIME_MS,
                        seq=42,
                        data=PAYLOADS[kind] | place,
                        id=f"{one.id}-{kind}-42",
                    )
                )
    return found
