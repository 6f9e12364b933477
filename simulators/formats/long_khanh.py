"""Long Khánh: NGSI-LD entities in normalised form, after the FIWARE smart data models.

TrafficFlowObserved, RoadAccident, TrafficViolation, Alert, AirQualityObserved, FloodMonitoring, MosquitoDensity,
StreetlightControlCabinet and the commons of Weather and Device are names of the smart data models; what those lack
(rain of 10 minutes and a day, blocked lanes, cases of dengue fever, citizens' reports in the words of Open311
GeoReport) is added as further properties, as NGSI-LD allows. Where no model exists an entity is made in the same
manner: PowerOutageObserved, WaterNetworkObserved, PublicServiceCase. The systems of the city beside its sensors of
air, water and traffic flow are in :mod:`simulators.formats.long_khanh_city`.
"""

from __future__ import annotations

import orjson

from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from simulators.formats.long_khanh_city import city_entity
from simulators.formats.ngsi import moment, property_of
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
    data, when = reading.data, moment(reading.time_ms)
    match reading.type:
        case "traffic.flow":
            kind, body = (
                "TrafficFlowObserved",
                {
                    "dateObserved": when,
                    "intensity": property_of(data["intensity_veh_h"]),
                    "occupancy": property_of(data.get("occupancy_ratio")),
                    "averageVehicleSpeed": property_of(data["speed_km_h"]),
                    "congested": property_of(data.get("congested")),
                },
            )
        case "traffic.incident" if data["kind"] == "accident":
            kind, body = (
                "RoadAccident",
                {
                    "accidentDate": when,
                    "status": property_of("onGoing"),
                    "totalInjured": property_of(data.get("injured")),
                    "lanesBlocked": property_of(data.get("lanes_blocked")),
                    "description": property_of(data.get("text")),
                },
            )
        case "traffic.incident":
            more = {"lanesBlocked": data.get("lanes_blocked"), "injured": data.get("injured")}
            kind, body = (
                "Alert",
                {
                    "dateIssued": when,
                    "alertSource": property_of(f"urn:ngsi-ld:Device:{station}"),
                    "category": property_of("traffic"),
                    "subCategory": property_of(_SUBCATEGORIES[data["kind"]]),
                    "data": property_of({name: value for name, value in more.items() if value is not None}),
                    "description": property_of(data.get("text")),
                },
            )
        case "rain.gauge":
            kind, body = (
                "WeatherObserved",
                {
                    "dateObserved": when,
                    "precipitation": property_of(data["mm_1h"]),
                    "precipitation10Min": property_of(data["mm_10min"]),
                    "precipitation24h": property_of(data["mm_24h"]),
                },
            )
        case "air.quality":
            kind, body = "AirQualityObserved", {"dateObserved": when}
            for name, field in _POLLUTANTS.items():
                value = property_of(data.get(field))
                body[name] = value | {"unitCode": "GQ"} if value is not None else None
        case "feedback.1022":
            at = property_of(rfc3339(reading.time_ms))
            kind, body = (
                "Open311ServiceRequest",
                {
                    "requested_datetime": at if data.get("state") != "overdue" else None,
                    "updated_datetime": at,
                    "status_notes": property_of(data.get("state")),
                    "expected_datetime": property_of(data.get("due_at")),
                    "source_channel": property_of(_CHANNELS[data["channel"]]),
                    "service_code": property_of(data["field"]),
                    "description": property_of(data.get("text")),
                },
            )
        case "source.heartbeat":
            state = [data["seq"], data["lag_s"]] if data.get("lag_s") is not None else [data["seq"]]
            kind, body = "Device", {"dateLastValueReported": when, "value": property_of(state)}
        case _:
            made = city_entity(reading.type, data, when, station)
            if made is None:
                raise BadInput("unknown_type", "type", f"Long Khánh sends no {reading.type}")
            kind, body = made
    if data.get("lon") is not None:
        point = {"type": "Point", "coordinates": [data["lon"], data["lat"]]}
        body["location"] = {"type": "GeoProperty", "value": point}
    entity = {
        "id": f"urn:ngsi-ld:{kind}:long-khanh:{reading.id}",
        "type": kind,
        **{name: value for name, value in body.items() if value is not None},
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{station}"},
        "sequenceNumber": property_of(reading.seq),
        "@context": _CONTEXT,
    }
    return orjson.dumps(entity)
