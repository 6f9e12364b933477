"""The typed payload of each event type, units in the field names; which type has which is in the catalogue.

Field names that end in ``_at`` hold RFC 3339 times as text. Nothing here can hold a person's name, a plate number, a
picture or the text of a post: a field that does not exist cannot leak. Free ``text`` is what a hotline wrote down.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Text = Annotated[str, Meta(max_length=2000)]
Short = Annotated[str, Meta(max_length=200)]
KeyedHash = Annotated[str, Meta(max_length=64, pattern="^[0-9a-f]{64}$")]


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
    """A citizen's report to the 1022 hotline.

    ``state`` is ``overdue`` in a second message, sent at the moment when ``due_at`` passes without a result.
    """

    channel: Literal["phone", "app", "mail", "web"]
    field: Short
    text: Text = ""
    due_at: Short | None = None
    state: Literal["received", "overdue"] = "received"


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


class TrafficViolation(Located, frozen=True, kw_only=True):
    """A violation seen by an enforcement camera. No plate: at most its keyed hash.

    ``plate_hash`` is HMAC-SHA-256 of the plate, 64 hexadecimal digits, under a secret of the centre that never leaves
    it and is changed daily, so that the same vehicle can be told for a day and nobody can be found by trying plates.
    """

    rule: Literal["speeding", "red_light", "wrong_way", "wrong_lane", "no_stopping", "forbidden_zone"]
    speed_km_h: float | None = None
    limit_km_h: float | None = None
    plate_hash: KeyedHash | None = None


class CctvAnalytics(Located, frozen=True, kw_only=True):
    """What the software of a camera believes to see; ``people`` counted where the kind is a crowd. No pictures."""

    kind: Literal["intrusion", "crowd", "fire", "smoke", "littering"]
    confidence_ratio: float
    people: int | None = None


class HydroTide(Located, frozen=True, kw_only=True):
    """Tide at a station, in metres of the same datum as its ``hydro.level``.

    ``predicted_m`` is the tide table at the moment of the reading, ``observed_m`` the gauge (absent where there is
    none), ``crest_m`` the highest water predicted for the 24 hours from then on, reached at ``crest_at`` (RFC 3339).
    """

    predicted_m: float
    observed_m: float | None = None
    crest_m: float | None = None
    crest_at: Short | None = None


class FloodSpot(Located, frozen=True, kw_only=True):
    """Depth of water on a road or square at a sensor; 0 is dry."""

    depth_cm: float
    trend_cm_h: float | None = None


class PowerOutage(Located, frozen=True, kw_only=True):
    """One distribution feeder: how many customers are without power now. Both numbers 0: all have power.

    ``unplanned_customers`` are those of a fault, ``planned_customers`` those of announced work; ``restore_at`` is when
    the company expects to be done (RFC 3339).
    """

    feeder: Short
    unplanned_customers: int
    planned_customers: int = 0
    cause: Literal["storm", "equipment", "vehicle", "tree", "overload", "work", "unknown"] | None = None
    restore_at: Short | None = None


class WaterPressure(Located, frozen=True, kw_only=True):
    """Pressure above the atmosphere and flow at a point of the supply network; ``burst`` when its owner reports one."""

    pressure_bar: float
    flow_m3_h: float | None = None
    burst: bool = False


class LightingCabinet(Located, frozen=True, kw_only=True):
    """A cabinet of the street lights: is it switched on, which share of its lamps is dark, how many faults it counts.

    ``off_ratio`` is 1 for a cabinet that is off, by day too.
    """

    on: bool
    off_ratio: float
    faults: int = 0


class ServiceCase(Located, frozen=True, kw_only=True):
    """One step of an administrative case of a one-stop desk (một cửa). No applicant, no text, no case number.

    ``procedure`` is the code of the procedure; ``online`` how much of it can be done online: ``none``, ``partly``
    (một phần) or ``fully`` (toàn trình). ``state`` is ``overdue`` at the moment when the due time passes without a
    result. ``late_days`` are working days past the due time, 0 for a result in time.
    """

    procedure: Short
    state: Literal["received", "processing", "supplement", "done", "overdue", "withdrawn"]
    online: Literal["none", "partly", "fully"] = "none"
    received_at: Short | None = None
    due_at: Short | None = None
    late_days: float | None = None


class SocialMention(Located, frozen=True, kw_only=True):
    """How much is said about a topic in public posts: counts only, no author and no text.

    ``mentions_1h`` in the last hour, ``reach`` the people these posts may have reached, ``sentiment`` their mean tone
    from -1 (all bad) to 1 (all good).
    """

    topic: Short
    mentions_1h: int
    sentiment: float | None = None
    reach: int | None = None


class ForestFireLevel(Located, frozen=True, kw_only=True):
    """Forest-fire danger of a district: level I to V as 1 to 5 (Nghị định 156/2018/NĐ-CP, article 46).

    ``hotspots_24h`` are places of heat that satellites saw in its forests within 24 hours.
    """

    danger_level: int
    hotspots_24h: int = 0


class HealthDengue(Located, frozen=True, kw_only=True):
    """Dengue fever in an area: counts only.

    ``cases_7d`` are new cases of the last 7 days, ``outbreaks`` the outbreaks (ổ dịch) under treatment now,
    ``mosquitoes`` the Aedes caught by one trap in a week.
    """

    cases_7d: int
    outbreaks: int = 0
    mosquitoes: float | None = None


class CyberSoc(Located, frozen=True, kw_only=True):
    """An alarm of the security operations centre of the government's network.

    ``rule`` is the name of the detection, ``asset`` the machine or site by its inventory name, never a person.
    """

    kind: Literal["malware_beacon", "defacement", "brute_force", "phishing", "scan", "denial_of_service", "data_leak"]
    rule: Short
    asset: Short
    severity: Literal["low", "medium", "high", "critical"]
    blocked: bool = False


class EcommerceKpi(Located, frozen=True, kw_only=True):
    """An e-commerce floor at a moment.

    ``available_ratio`` is the share of the checks of the last 5 minutes that the floor answered, 0 to 1;
    ``orders_today`` since local midnight; ``listings`` products on offer; accounts of households, and those active.
    """

    floor: Short
    available_ratio: float
    orders_today: int = 0
    listings: int | None = None
    accounts: int | None = None
    active_accounts: int | None = None


class PopulationLink(Located, frozen=True, kw_only=True):
    """The link of one database or system of the province to the national population database (Đề án 06).

    Counts of verifications only, never who was verified. One that is not ``linked`` yet reports 0 verifications.
    ``latency_ms`` is the median answer time and ``failure_ratio`` the share of failed calls, both of the last minute;
    a call that the database answers with "no such person" has not failed.
    """

    database: Short
    linked: bool
    verifications_h: float = 0.0
    latency_ms: float | None = None
    failure_ratio: float | None = None
