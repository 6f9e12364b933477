"""The event types that the common stream carries: one typed payload each, units in the field names.

``RANGES`` are plausible physical limits, not alert thresholds: a value outside is a broken reading and goes to
quarantine. ``MEASURE`` names the field whose numbers the one-minute rollups summarise; a type without one is
only counted. Ranges are this project's choice, wide enough for every record the domain knows (river stages in
metres above the local datum, 24 h rain record far below 2,000 mm).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Text = Annotated[str, Meta(max_length=2000)]
Short = Annotated[str, Meta(max_length=200)]


class Located(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields that every payload may carry: where, in WGS 84 degrees."""

    lon: Lon | None = None
    lat: Lat | None = None


class HydroLevel(Located, frozen=True, kw_only=True):
    """River or reservoir stage."""

    level_m: float
    trend_m_h: float | None = None


class RainGauge(Located, frozen=True, kw_only=True):
    """Rain sums over the last 10 minutes, hour and day, in millimetres."""

    mm_10min: float
    mm_1h: float
    mm_24h: float


class AirQuality(Located, frozen=True, kw_only=True):
    """Hourly mean concentrations in µg/m³ (CO included)."""

    pm25_ug_m3: float | None = None
    pm10_ug_m3: float | None = None
    o3_ug_m3: float | None = None
    no2_ug_m3: float | None = None
    so2_ug_m3: float | None = None
    co_ug_m3: float | None = None


class TrafficFlow(Located, frozen=True, kw_only=True):
    """Traffic at one counting place over its reporting period."""

    intensity_veh_h: float
    occupancy_ratio: float | None = None
    speed_km_h: float
    congested: bool = False


class TrafficIncident(Located, frozen=True, kw_only=True):
    """An accident, breakdown or wrong-way drive."""

    kind: Literal["accident", "breakdown", "wrong_way", "road_closed"]
    lanes_blocked: int = 0
    injured: int = 0
    text: Text = ""


class EmergencyCall(Located, frozen=True, kw_only=True):
    """A call to 113 (police), 114 (fire and rescue) or 115 (ambulance)."""

    number: Literal["113", "114", "115"]
    kind: Short
    priority: int = 0
    text: Text = ""


class Feedback1022(Located, frozen=True, kw_only=True):
    """A citizen's report to the 1022 hotline."""

    channel: Literal["phone", "app", "mail", "web"]
    field: Short
    text: Text = ""
    due_at: Short | None = None


class ServiceKpi(Located, frozen=True, kw_only=True):
    """One indicator of the three pillars at a moment; ``target`` only where one was set."""

    indicator: Short
    value: float
    unit: Short = ""
    target: float | None = None


class SourceHeartbeat(Located, frozen=True, kw_only=True):
    """Sign of life of a centre's link: a counter and the lag it sees itself, in seconds."""

    seq: int
    lag_s: float = 0.0


PAYLOADS: dict[str, type[Located]] = {
    "hydro.level": HydroLevel,
    "rain.gauge": RainGauge,
    "air.quality": AirQuality,
    "traffic.flow": TrafficFlow,
    "traffic.incident": TrafficIncident,
    "emergency.call": EmergencyCall,
    "feedback.1022": Feedback1022,
    "service.kpi": ServiceKpi,
    "source.heartbeat": SourceHeartbeat,
}

RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "hydro.level": {"level_m": (-5.0, 150.0), "trend_m_h": (-20.0, 20.0)},
    "rain.gauge": {"mm_10min": (0.0, 100.0), "mm_1h": (0.0, 300.0), "mm_24h": (0.0, 2000.0)},
    "air.quality": {
        "pm25_ug_m3": (0.0, 1500.0),
        "pm10_ug_m3": (0.0, 3000.0),
        "o3_ug_m3": (0.0, 2000.0),
        "no2_ug_m3": (0.0, 5000.0),
        "so2_ug_m3": (0.0, 5000.0),
        "co_ug_m3": (0.0, 300_000.0),
    },
    "traffic.flow": {
        "intensity_veh_h": (0.0, 30_000.0),
        "occupancy_ratio": (0.0, 1.0),
        "speed_km_h": (0.0, 200.0),
    },
    "traffic.incident": {"lanes_blocked": (0, 12), "injured": (0, 500)},
    "emergency.call": {"priority": (0, 9)},
    "feedback.1022": {},
    "service.kpi": {"value": (-1e9, 1e12), "target": (-1e9, 1e12)},
    "source.heartbeat": {"seq": (0, 2**53), "lag_s": (0.0, 86_400.0)},
}

MEASURE: dict[str, str | None] = {
    "hydro.level": "level_m",
    "rain.gauge": "mm_1h",
    "air.quality": "pm25_ug_m3",
    "traffic.flow": "speed_km_h",
    "traffic.incident": None,
    "emergency.call": None,
    "feedback.1022": None,
    "service.kpi": "value",
    "source.heartbeat": "lag_s",
}
