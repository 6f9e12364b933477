"""Long Khánh: NGSI-LD entities in normalised form, after the FIWARE smart data models.

TrafficFlowObserved, RoadAccident, Alert, AirQualityObserved and the commons of Weather and Device are names of the
smart data models; what those lack (rain of 10 minutes and a day, blocked lanes, citizens' reports in the words of
Open311 GeoReport) is added as further properties, as NGSI-LD allows.
"""

from __future__ import annotations

from typing import Any

import orjson

from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from simulators.readings import Reading

_CONTEXT = ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"]
_SUBCATEGORIES = {"breakdown": "carStopped", "wrong_way": "carWrongDirection", "road_closed": "roadClosed"}
_CHANNELS = {"phone": "call", "app": "mobile", "mail": "email", "web": "web"}
_POLLUTANTS = {
    "pm25": "pm25_ug_m3",
    "pm10": "pm10_ug_m3",
    "o3": "o3_ug_m3",
    "no2": "no2_ug_m3",
    "so2": "so2_ug_m3",
    "co": "co_ug_m3",
}


def encode(reading: Reading, station: str) -> bytes:
    """One entity.

    Raises:
        BadInput: the centre sends no such type.
    """
    data, when = reading.data, _moment(reading.time_ms)
    match reading.type:
        case "traffic.flow":
            kind, body = (
                "TrafficFlowObserved",
                {
                    "dateObserved": when,
                    "intensity": _property(data["intensity_veh_h"]),
                    "occupancy": _property(data.get("occupancy_ratio")),
                    "averageVehicleSpeed": _property(data["speed_km_h"]),
                    "congested": _property(data.get("congested")),
                },
            )
        case "traffic.incident" if data["kind"] == "accident":
            kind, body = (
                "RoadAccident",
                {
                    "accidentDate": when,
                    "status": _property("onGoing"),
                    "totalInjured": _property(data.get("injured")),
                    "lanesBlocked": _property(data.get("lanes_blocked")),
                    "description": _property(data.get("text")),
                },
            )
        case "traffic.incident":
            more = {"lanesBlocked": data.get("lanes_blocked"), "injured": data.get("injured")}
            kind, body = (
                "Alert",
                {
                    "dateIssued": when,
                    "alertSource": _property(f"urn:ngsi-ld:Device:{station}"),
                    "category": _property("traffic"),
                    "subCategory": _property(_SUBCATEGORIES[data["kind"]]),
                    "data": _property({name: value for name, value in more.items() if value is not None}),
                    "description": _property(data.get("text")),
                },
            )
        case "rain.gauge":
            kind, body = (
                "WeatherObserved",
                {
                    "dateObserved": when,
                    "precipitation": _property(data["mm_1h"]),
                    "precipitation10Min": _property(data["mm_10min"]),
                    "precipitation24h": _property(data["mm_24h"]),
                },
            )
        case "air.quality":
            kind, body = "AirQualityObserved", {"dateObserved": when}
            for name, field in _POLLUTANTS.items():
                value = _property(data.get(field))
                body[name] = value | {"unitCode": "GQ"} if value is not None else None
        case "feedback.1022":
            kind, body = (
                "Open311ServiceRequest",
                {
                    "requested_datetime": _property(rfc3339(reading.time_ms)),
                    "expected_datetime": _property(data.get("due_at")),
                    "source_channel": _property(_CHANNELS[data["channel"]]),
                    "service_code": _property(data["field"]),
                    "description": _property(data.get("text")),
                },
            )
        case "source.heartbeat":
            state = [data["seq"], data["lag_s"]] if data.get("lag_s") is not None else [data["seq"]]
            kind, body = "Device", {"dateLastValueReported": when, "value": _property(state)}
        case _:
            raise BadInput("unknown_type", "type", f"Long Khánh sends no {reading.type}")
    if data.get("lon") is not None:
        point = {"type": "Point", "coordinates": [data["lon"], data["lat"]]}
        body["location"] = {"type": "GeoProperty", "value": point}
    entity = {
        "id": f"urn:ngsi-ld:{kind}:long-khanh:{reading.id}",
        "type": kind,
        **{name: value for name, value in body.items() if value is not None},
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{station}"},
        "sequenceNumber": _property(reading.seq),
        "@context": _CONTEXT,
    }
    return orjson.dumps(entity)


def _property(value: object) -> dict[str, Any] | None:
    return None if value is None else {"type": "Property", "value": value}


def _moment(ms: int) -> dict[str, Any]:
    return {"type": "Property", "value": {"@type": "DateTime", "@value": rfc3339(ms)}}
