"""Long Khánh's systems beside its sensors: violations, cameras, floods, supply networks, one-stop desk, health."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.formats.ngsi import property_of

Body = dict[str, Any]
_VIOLATIONS = {
    "speeding": "overSpeed",
    "red_light": "redLight",
    "wrong_way": "wrongDirection",
    "wrong_lane": "wrongLane",
    "no_stopping": "illegalStopping",
    "forbidden_zone": "forbiddenZone",
}
# kind → sub-category of the smart data model, word of the camera's software
_SEEN = {
    "intrusion": ("suspiciousAction", "intrusion"),
    "crowd": ("crowdRisk", "crowd"),
    "fire": ("buildingFire", "flame"),
    "smoke": ("fireRisk", "smoke"),
    "littering": ("suspiciousAction", "litter"),
}
_CAUSES = {
    "storm": "storm",
    "equipment": "equipmentFailure",
    "vehicle": "vehicleCollision",
    "tree": "treeContact",
    "overload": "overload",
    "work": "plannedWork",
    "unknown": "unknown",
}
_CASES = {
    "received": "received",
    "processing": "inProgress",
    "supplement": "awaitingApplicant",
    "done": "completed",
    "overdue": "overdue",
    "withdrawn": "withdrawn",
}
_ONLINE = {"none": "none", "partly": "partial", "fully": "full"}
# Depths of a flooded road, in metres, from which the centre calls it flooded and dangerous: this project's choice of
# alarm levels for road flooding (20 and 40 cm).
_ALERT_M, _DANGER_M = 0.2, 0.4


def city_entity(event_type: str, data: dict[str, Any], when: Body, station: str) -> tuple[str, Body] | None:
    """Entity type and properties of one reading; None for a type that the city does not send."""
    match event_type:
        case "traffic.violation":
            return "TrafficViolation", {
                "observationDateTime": when,
                "equipmentId": property_of(station),
                "equipmentType": property_of("Camera"),
                "titleCode": property_of(_VIOLATIONS[data["rule"]]),
                "vehicleSpeed": property_of(data.get("speed_km_h"), "KMH"),
                "speedLimit": property_of(data.get("limit_km_h"), "KMH"),
                "plateHash": property_of(data.get("plate_hash")),
            }
        case "cctv.analytics":
            category, word = _SEEN[data["kind"]]
            seen = {"detection": word, "confidence": data["confidence_ratio"], "people": data.get("people")}
            return "Alert", {
                "dateIssued": when,
                "alertSource": property_of(f"urn:ngsi-ld:Device:{station}"),
                "category": property_of("security"),
                "subCategory": property_of(category),
                "data": property_of({name: value for name, value in seen.items() if value is not None}),
            }
        case "flood.spot":
            depth_m = float(Decimal(repr(data["depth_cm"])) * Decimal("0.01"))
            status = "Danger" if depth_m >= _DANGER_M else "Alert" if depth_m >= _ALERT_M else "Normal"
            return "FloodMonitoring", {
                "observationDateTime": when,
                "stationID": property_of(station),
                "currentLevel": property_of(depth_m, "MTR"),
                "alertLevel": property_of(_ALERT_M, "MTR"),
                "dangerLevel": property_of(_DANGER_M, "MTR"),
                "floodLevelStatus": property_of(status),
                "levelTrend": property_of(data.get("trend_cm_h")),
            }
        case "power.outage":
            cause = data.get("cause")
            return "PowerOutageObserved", {
                "dateObserved": when,
                "feederCode": property_of(data["feeder"]),
                "customersAffected": property_of(data["unplanned_customers"]),
                "customersPlanned": property_of(data.get("planned_customers")),
                "cause": property_of(_CAUSES[cause] if cause is not None else None),
                "estimatedRestoration": property_of(data.get("restore_at")),
            }
        case "water.pressure":
            return "WaterNetworkObserved", {
                "dateObserved": when,
                "pressure": property_of(data["pressure_bar"], "BAR"),
                "flow": property_of(data.get("flow_m3_h"), "MQH"),
                "pipeBurst": property_of(data.get("burst")),
            }
        case "lighting.cabinet":
            return "StreetlightControlCabinet", {
                "dateObserved": when,
                "powerState": property_of("on" if data["on"] else "off"),
                "lampsOffRatio": property_of(data["off_ratio"]),
                "faultCount": property_of(data.get("faults")),
            }
        case "service.case":
            online = data.get("online")
            return "PublicServiceCase", {
                "dateObserved": when,
                "procedureCode": property_of(data["procedure"]),
                "status": property_of(_CASES[data["state"]]),
                "onlineLevel": property_of(_ONLINE[online] if online is not None else None),
                "dateReceived": property_of(data.get("received_at")),
                "dateDue": property_of(data.get("due_at")),
                "delayDays": property_of(data.get("late_days")),
            }
        case "health.dengue":
            return "MosquitoDensity", {
                "observationDateTime": when,
                "deviceId": property_of(station),
                "speciesName": property_of("Aedes aegypti"),
                "speciesTotal": property_of(data.get("mosquitoes")),
                "dengueCases7Days": property_of(data["cases_7d"]),
                "activeOutbreaks": property_of(data.get("outbreaks")),
            }
        case _:
            return None
