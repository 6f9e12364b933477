"""Canonical events for ``detect``: a province's mix of readings, some late, too late, from the future or broken.

Sites and feeds are those of the profile, so keys, partitions and rules are the real ones. Values keep below the alarm
limits but for a few accidents with injured people and emergency calls; a benchmark of nothing but alarms would measure
something else. Twice delivered readings are not in here: ``intake`` has dropped them.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ioc.bench.stream_made import BASE_MS, EVENTS_PER_S, Made, Stream, Text
from ioc.domain.profile import Profile, Site

# Shares of the types in thousandths: a traffic counter every 10 s weighs more than a gauge every minute.
MIX = {
    "traffic.flow": 640,
    "rain.gauge": 100,
    "hydro.level": 60,
    "air.quality": 80,
    "service.kpi": 40,
    "source.heartbeat": 60,
    "traffic.incident": 10,
    "feedback.1022": 8,
    "emergency.call": 2,
}
LATE, TOO_LATE, FUTURE, BROKEN = 0.03, 0.01, 0.005, 0.01  # shares


def canonical(profile: Profile, count: int, seed: int) -> Stream:
    """``count`` records of the topic ``events``, in the order of their arrival."""
    rnd = random.Random(f"canonical {seed}")
    text = Text()
    sources = {
        kind: [
            (centre.id, site.area, feed.id, feed.grace_s, site)
            for centre in profile.centres
            for feed in centre.feeds
            if kind in feed.types
            for site in centre.sites
            if site.feed == feed.id
        ]
        for kind in MIX
    }
    kinds = [kind for kind, weight in MIX.items() for _ in range(weight) if sources[kind]]
    for i in range(count):
        kind = rnd.choice(kinds)
        centre, area, feed, grace_s, site = rnd.choice(sources[kind])
        arrival_ms = BASE_MS + i * 1000 // EVENTS_PER_S
        share = rnd.random()
        if share < LATE:
            time_ms = arrival_ms - rnd.randrange(5_000, 5_000 + int(grace_s * 900))
        elif share < LATE + TOO_LATE:
            time_ms = arrival_ms - rnd.randrange(130_000, 600_000) - int(grace_s * 1000)
        elif share < LATE + TOO_LATE + FUTURE:
            time_ms = arrival_ms + rnd.randrange(6_000, 110_000)
        else:
            time_ms = arrival_ms - rnd.randrange(1_500)
        payload = PAYLOADS[kind](rnd, site)
        value = (
            f'{{"specversion":"1.0","id":"b{i}","source":"/{centre}/{feed}/{site.id}","type":"{kind}",'
            f'"subject":"{area}","time":"{text(time_ms)}","recordedtime":"{text(arrival_ms)}","centre":"{centre}",'
            f'"area":"{area}","feed":"{feed}","sequence":"{i:012d}","datacontenttype":"application/json","data":{{{payload}}}}}'
        ).encode()
        if share > 1 - BROKEN:
            value = _broken(rnd, value, kind)
        yield Made("events", f"{centre}/{area}/{feed}".encode(), value, arrival_ms)


def _broken(rnd: random.Random, value: bytes, kind: str) -> bytes:
    """Cut off, not JSON at all, or of a type that nobody knows."""
    how = rnd.randrange(3)
    if how == 0:
        return value[: rnd.randrange(1, len(value) - 1)]
    if how == 1:
        return b"\x00" + value
    return value.replace(f'"type":"{kind}"'.encode(), b'"type":"no.such"')


def _place(site: Site) -> str:
    return f',"lon":{site.lon},"lat":{site.lat}' if site.lon is not None else ""


def _flow(rnd: random.Random, site: Site) -> str:
    speed = rnd.randrange(2200, 6000) / 100
    return (
        f'"intensity_veh_h":{rnd.randrange(200, 2400)},"occupancy_ratio":{rnd.randrange(5, 60) / 100},'
        f'"speed_km_h":{speed},"congested":false{_place(site)}'
    )


def _rain(rnd: random.Random, site: Site) -> str:
    short, hour, day = (rnd.randrange(top) / 10 for top in (40, 200, 600))
    return f'"mm_10min":{short},"mm_1h":{hour},"mm_24h":{day}{_place(site)}'


def _level(rnd: random.Random, site: Site) -> str:
    top_cm = int(100 * min(site.limits.values(), default=5.0)) - 30
    return (
        f'"level_m":{rnd.randrange(top_cm - 60, top_cm) / 100},"trend_m_h":{rnd.randrange(-20, 20) / 100}{_place(site)}'
    )


def _air(rnd: random.Random, site: Site) -> str:
    return (
        f'"pm25_ug_m3":{rnd.randrange(50, 400) / 10},"pm10_ug_m3":{rnd.randrange(100, 700) / 10},'
        f'"o3_ug_m3":{rnd.randrange(100, 900) / 10},"no2_ug_m3":{rnd.randrange(50, 600) / 10}{_place(site)}'
    )


def _kpi(rnd: random.Random, site: Site) -> str:
    return f'"indicator":"{site.id.lower()}","value":{rnd.randrange(1000) / 10},"unit":"%"'


def _heartbeat(rnd: random.Random, site: Site) -> str:
    return f'"seq":{rnd.randrange(10**6)},"lag_s":{rnd.randrange(300) / 100}'


def _incident(rnd: random.Random, site: Site) -> str:
    injured = 1 if rnd.random() < 0.05 else 0
    return f'"kind":"accident","lanes_blocked":1,"injured":{injured},"text":"va chạm"{_place(site)}'


def _feedback(rnd: random.Random, site: Site) -> str:
    return f'"channel":"app","field":"lighting","text":"đèn đường {rnd.randrange(1000)} không sáng"'


def _call(rnd: random.Random, site: Site) -> str:
    number = rnd.choice(("113", "114", "115"))
    return f'"number":"{number}","kind":"rescue","priority":{rnd.randrange(4)}{_place(site)}'


PAYLOADS: dict[str, Callable[[random.Random, Site], str]] = {
    "traffic.flow": _flow,
    "rain.gauge": _rain,
    "hydro.level": _level,
    "air.quality": _air,
    "service.kpi": _kpi,
    "source.heartbeat": _heartbeat,
    "traffic.incident": _incident,
    "feedback.1022": _feedback,
    "emergency.call": _call,
}
