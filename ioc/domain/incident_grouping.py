"""Does an alert belong to others? By the group of its rule, by drill, by time and by place. Decisions.

Alerts of one group are linked when they are near each other and were raised at most ``within_s`` apart. An alert fits
an incident when it is near one of its members and was raised at most ``within_s`` after the newest of them, or before
the oldest: who was told late belongs there as well. A member that closed still counts for both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ioc.domain.alerts import Alert
from ioc.domain.grouping import Group
from ioc.domain.incidents import Incident, Member
from ioc.domain.nearness import Point, distance_m

METRES_A_DEGREE_MIN = 111_000.0  # of latitude, on the sphere of ioc.domain.nearness; cheaper than a distance
MEMBERS_MAX = 500  # of an incident; a full one takes no more, and what comes then waits for an incident of its own


def may_join(alert: Alert) -> bool:
    """Is it there? Only such an alert joins an incident; what explains or hides it does not matter."""
    return alert.active and not alert.closed


def may_start(alert: Alert) -> bool:
    """May it be one of those that make an incident? Not when another alert explains it, or it is out of service."""
    return may_join(alert) and alert.suppression not in ("by-design", "out-of-service") and not alert.muted_by


def near(group: Group, one: Alert | Member, other: Alert | Member) -> bool:
    """Are two alerts near each other in the sense of the group? A place that nobody knows is near to none."""
    if group.near == "all":
        return True
    if group.near == "centre":
        return one.centre == other.centre != ""
    if one.area == other.area != "":
        return True
    if not group.within_m:
        return False
    here, there = _point(one), _point(other)
    if here is None or there is None or abs(here[1] - there[1]) * METRES_A_DEGREE_MIN > group.within_m:
        return False
    return distance_m(here, there) <= group.within_m


def moved(member: Member, alert: Alert) -> bool:
    """Is a member told at another place than before? What waits may be near it now."""
    return (member.centre, member.area, _point(member)) != (alert.centre, alert.area, _point(alert))


def linked(group: Group, one: Alert, other: Alert) -> bool:
    """Do two alerts of the group belong together?"""
    apart_ms = abs(one.raised_ms - other.raised_ms)
    return one.exercise == other.exercise and apart_ms <= group.within_s * 1000 and near(group, one, other)


def fits(group: Group, incident: Incident, alert: Alert) -> bool:
    """Does an alert of the group belong to an open incident that collects this group?"""
    if incident.exercise != alert.exercise or len(incident.members) >= MEMBERS_MAX:
        return False
    within_ms = group.within_s * 1000
    newest_ms = max((one.raised_ms for one in incident.members), default=0)
    if alert.raised_ms - newest_ms > within_ms:
        return False
    oldest_ms = min((one.raised_ms for one in incident.members), default=0)
    if oldest_ms - alert.raised_ms > within_ms:
        return False
    return any(near(group, alert, member) for member in incident.members)


def cluster(group: Group, alert: Alert, waiting: Mapping[str, Alert]) -> list[Alert]:
    """The alert with all that wait, may start, and are linked to it, directly or through others; as they were raised.

    At most ``MEMBERS_MAX``: the rest goes on waiting.
    """
    found = {alert.id: alert}
    edge = deque([alert])
    left = {name: other for name, other in waiting.items() if name != alert.id}
    while edge and left:
        one = edge.popleft()
        for other in [other for other in left.values() if linked(group, one, other) and may_start(other)]:
            del left[other.id]
            found[other.id] = other
            edge.append(other)
    return sorted(found.values(), key=lambda one: (one.raised_ms, one.id))[:MEMBERS_MAX]


def _point(one: Alert | Member) -> Point | None:
    return None if one.lon is None or one.lat is None else (one.lon, one.lat)
