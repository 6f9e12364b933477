"""When an alert is said in CAP 1.2, and how: the first time it stands, when it becomes another, and when it is over.

::

    stands ──► Alert ──► Update (graver, milder, elsewhere, unsure; or half of its time is over) ──► Cancel
                ▲                                                                                      │
                └────────────────── stands again: a new Alert, without references ◄────────────────────┘

Each message names all earlier ones since its Alert, so that a receiver who missed some replaces the right ones.
A drill is ``Exercise`` with its id in the note; an alert of a centre whose feed is a simulator is ``Test``.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.cap import Cap
from ioc.domain.desk import OWN_RULES
from ioc.domain.dispatch import CapSetup
from ioc.domain.profile import Area, Profile
from ioc.wire.cap import Info, Message, MsgType, Shape, Status, reference

REFERENCES_MAX = 50  # of one message; the Alert and the newest ones
LANGUAGES = (("vi", "vi-VN"), ("en", "en"))


class Thread(Struct, frozen=True, kw_only=True):
    """What was said about one alert. ``count`` of messages ever; ``renew_ms``: when it has to be said again, None
    after a Cancel; ``content``: what the last message said, as a digest."""

    alert_id: str
    count: int
    msg_type: MsgType
    content: str
    renew_ms: int | None
    references: tuple[str, ...]


class Said(Struct, frozen=True):
    """A message to publish and the thread afterwards."""

    message: Message
    thread: Thread


def decide(alert: Alert, thread: Thread | None, profile: Profile, now_ms: int) -> Said | None:
    """The message that is due for an alert as it stands, or None. Deciding again after it gives None.

    What is hidden (shelved, out of service, explained by another alert) is not announced; what was announced before is
    followed to its end. A latched alert stands until somebody resets or closes it: *AllClear* is for a person to say.
    What the centre says of its own work (escalation is stuck, nobody signed) is no matter of others.
    """
    setup = profile.dispatch.cap
    if setup is None:
        return None
    said = thread is not None and thread.msg_type != "Cancel"
    if not said:
        asks = alert.active and alert.suppression == "none" and not alert.muted_by and alert.rule not in OWN_RULES
        return _say("Alert", alert, thread, profile, setup, now_ms) if asks else None
    if not alert.active and (alert.closed or not alert.latched):
        return _say("Cancel", alert, thread, profile, setup, now_ms)
    assert thread is not None
    renew = thread.renew_ms is not None and now_ms >= thread.renew_ms
    if renew or thread.content != content(alert):
        return _say("Update", alert, thread, profile, setup, now_ms)
    return None


def content(alert: Alert) -> str:
    """Digest of what makes a new message worth while: severity, certainty, place; not a value that moves."""
    cap = cap_of(alert)
    said = (*cap.category, cap.urgency, cap.severity, cap.certainty, alert.level, alert.priority, alert.area)
    return sha256("|".join(map(str, (*said, alert.lon, alert.lat))).encode()).hexdigest()[:16]


def cap_of(alert: Alert) -> Cap:
    """The four values; nobody is sure of an alert whose source fell silent."""
    cap = alert.cap or Cap()
    if not alert.blind:
        return cap
    return Cap(category=cap.category, urgency=cap.urgency, severity=cap.severity, certainty="Unknown")


def _say(
    msg_type: MsgType, alert: Alert, thread: Thread | None, profile: Profile, setup: CapSetup, now_ms: int
) -> Said:
    count = 1 if thread is None else thread.count + 1
    earlier = () if thread is None or msg_type == "Alert" else thread.references
    status, note = _status(alert, profile)
    expires_ms = now_ms + int(setup.expires_s * 1000)
    message = Message(
        identifier=f"{alert.id}.{alert.version}.{count}",
        sender=setup.sender,
        sent_ms=now_ms,
        status=status,
        msg_type=msg_type,
        restriction=setup.restriction,
        note=note,
        references=earlier,
        infos=tuple(
            _info(word, language, msg_type, alert, profile, setup, now_ms, expires_ms) for word, language in LANGUAGES
        ),
    )
    references = (*earlier, reference(message, profile.timezone))
    if len(references) > REFERENCES_MAX:
        references = (references[0], *references[-(REFERENCES_MAX - 1) :])
    renew_ms = None if msg_type == "Cancel" else now_ms + int(setup.expires_s * 500)
    return Said(
        message,
        Thread(
            alert_id=alert.id,
            count=count,
            msg_type=msg_type,
            content=content(alert),
            renew_ms=renew_ms,
            references=references,
        ),
    )


def _status(alert: Alert, profile: Profile) -> tuple[Status, str]:
    if alert.exercise is not None:
        return "Exercise", alert.exercise
    if any(centre.simulated for centre in profile.centres if centre.id == alert.centre):
        return "Test", "simulated feed"
    return "Actual", ""


def _info(
    word: str,
    language: str,
    msg_type: MsgType,
    alert: Alert,
    profile: Profile,
    setup: CapSetup,
    now_ms: int,
    expires_ms: int,
) -> Info:
    rule = next((rule for rule in profile.rules if rule.id == alert.rule), None)
    cap = cap_of(alert)
    title, place = (alert.title_vi, alert.place_vi) if word == "vi" else (alert.title_en, alert.place_en)
    title = title or alert.title_vi or alert.rule
    over = {"vi": "Đã hết", "en": "Over"}[word]
    headline = f"{title} – {place}" if place else title
    parameters = [("ioc:alert", alert.id), ("ioc:priority", f"P{alert.priority}")]
    parameters += [("ioc:level", alert.level)] if alert.level else []
    instruction = "" if rule is None or msg_type == "Cancel" else getattr(rule, f"guidance_{word}").strip()
    return Info(
        language=language,
        category=cap.category,
        event=(getattr(rule, f"name_{word}") if rule else "") or title,
        response="AllClear" if msg_type == "Cancel" else "Monitor",
        urgency="Past" if msg_type == "Cancel" else cap.urgency,
        severity=cap.severity,
        certainty=cap.certainty,
        event_code=("ioc:type", alert.type),
        effective_ms=now_ms,
        onset_ms=alert.started_ms,
        expires_ms=expires_ms,
        sender_name=setup.sender_name_vi if word == "vi" else setup.sender_name_en,
        headline=f"{over}: {headline}" if msg_type == "Cancel" else headline,
        description=_description(word, alert, profile),
        instruction=instruction,
        contact=setup.contact,
        parameters=tuple(parameters),
        areas=(_shape(word, alert, profile, setup),),
    )


def _description(word: str, alert: Alert, profile: Profile) -> str:
    drill = {"vi": "DIỄN TẬP. ", "en": "EXERCISE. "}[word] if alert.exercise is not None else ""
    centre = next((centre for centre in profile.centres if centre.id == alert.centre), None)
    by = alert.centre if centre is None else centre.name_vi if word == "vi" else centre.name_en
    said = {"vi": "Theo", "en": "As reported by"}[word]
    unsure = {"vi": " Nguồn tin đang mất tín hiệu.", "en": " Its source is silent now."}[word] if alert.blind else ""
    return f"{drill}{said} {by}.{unsure}"


def _shape(word: str, alert: Alert, profile: Profile, setup: CapSetup) -> Shape:
    area = next((area for area in reversed(profile.areas) if area.code == alert.area), None)
    name = "" if area is None else area.name_vi if word == "vi" else area.name_en
    place = alert.place_vi if word == "vi" else alert.place_en
    names = list(dict.fromkeys(part for part in (place, name) if part))
    whole = _area_circle(area)
    polygons = (area.polygon,) if area is not None and area.polygon else ()
    circles: tuple[tuple[float, float, float], ...] = ()
    if alert.lon is not None and alert.lat is not None:
        # The place itself; the area around it would warn people who are far away.
        circles, polygons = ((alert.lon, alert.lat, setup.radius_km),), ()
    elif not polygons and whole is not None:
        circles = (whole,)
    return Shape(
        description=", ".join(names) or alert.area or alert.centre,
        polygons=polygons,
        circles=circles,
        geocodes=((setup.geocode_name, alert.area),) if area is not None else (),
    )


def _area_circle(area: Area | None) -> tuple[float, float, float] | None:
    if area is None or area.lon is None or area.lat is None or area.radius_km is None:
        return None
    return area.lon, area.lat, area.radius_km
