"""Messages of the Common Alerting Protocol 1.2 (OASIS, 1 July 2010) and the Atom feed (RFC 4287) that lists them.

Values in, bytes out. Order, names and number of the elements are those of CAP 1.2, chapter 3.2; instants are local with
their offset, because the standard forbids ``Z``. What XML 1.0 cannot hold (control characters) becomes U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from msgspec import Struct

from ioc.domain.cap import Category, Certainty, Severity, Urgency
from ioc.domain.times import from_ms

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"
ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Status = Literal["Actual", "Exercise", "Test"]
MsgType = Literal["Alert", "Update", "Cancel"]
Response = Literal["Monitor", "AllClear"]


class Shape(Struct, frozen=True, kw_only=True):
    """Where it is: words, rings of (longitude, latitude) whose last position is the first, circles of (longitude,
    latitude, kilometres), and codes as (name of the list, code)."""

    description: str
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    circles: tuple[tuple[float, float, float], ...] = ()
    geocodes: tuple[tuple[str, str], ...] = ()


class Info(Struct, frozen=True, kw_only=True):
    """What is said in one language. Instants in epoch milliseconds."""

    language: str
    category: tuple[Category, ...]
    event: str
    response: Response
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    event_code: tuple[str, str]
    effective_ms: int
    onset_ms: int
    expires_ms: int
    sender_name: str
    headline: str
    description: str
    instruction: str = ""
    contact: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    areas: tuple[Shape, ...] = ()


class Message(Struct, frozen=True, kw_only=True):
    """One message. ``references`` are of the form :func:`reference`."""

    identifier: str
    sender: str
    sent_ms: int
    status: Status
    msg_type: MsgType
    restriction: str
    note: str = ""
    references: tuple[str, ...] = ()
    infos: tuple[Info, ...]


class Entry(Struct, frozen=True, kw_only=True):
    """One message as the feed lists it."""

    identifier: str
    sent_ms: int
    msg_type: str
    title: str


def instant(ms: int, timezone: str) -> str:
    """``2026-11-24T10:00:00+07:00``: whole seconds, rounded down; UTC is ``-00:00``."""
    local = from_ms(ms // 1000 * 1000).astimezone(ZoneInfo(timezone))
    if not local.utcoffset():
        return f"{local:%Y-%m-%dT%H:%M:%S}-00:00"
    offset = local.utcoffset() or timedelta()
    # An offset has whole minutes here; those of the years before standard time had seconds too.
    minutes = round(offset.total_seconds() / 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{local:%Y-%m-%dT%H:%M:%S}{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def reference(message: Message, timezone: str) -> str:
    """How later messages name this one: ``sender,identifier,sent``."""
    return f"{message.sender},{message.identifier},{instant(message.sent_ms, timezone)}"


def to_xml(message: Message, timezone: str) -> bytes:
    """The message as a document in UTF-8."""
    root = ET.Element("alert", xmlns=NAMESPACE)
    _text(root, "identifier", message.identifier)
    _text(root, "sender", message.sender)
    _text(root, "sent", instant(message.sent_ms, timezone))
    _text(root, "status", message.status)
    _text(root, "msgType", message.msg_type)
    _text(root, "scope", "Restricted")
    _text(root, "restriction", message.restriction)
    _optional(root, "note", message.note)
    _optional(root, "references", " ".join(message.references))
    for info in message.infos:
        _info(ET.SubElement(root, "info"), info, timezone)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _info(node: ET.Element, info: Info, timezone: str) -> None:
    _text(node, "language", info.language)
    for category in info.category:
        _text(node, "category", category)
    _text(node, "event", info.event)
    _text(node, "responseType", info.response)
    _text(node, "urgency", info.urgency)
    _text(node, "severity", info.severity)
    _text(node, "certainty", info.certainty)
    _pair(node, "eventCode", *info.event_code)
    _text(node, "effective", instant(info.effective_ms, timezone))
    _text(node, "onset", instant(info.onset_ms, timezone))
    _text(node, "expires", instant(info.expires_ms, timezone))
    _text(node, "senderName", info.sender_name)
    _text(node, "headline", info.headline)
    _optional(node, "description", info.description)
    _optional(node, "instruction", info.instruction)
    _optional(node, "contact", info.contact)
    for name, value in info.parameters:
        _pair(node, "parameter", name, value)
    for area in info.areas:
        _area(ET.SubElement(node, "area"), area)


def _area(node: ET.Element, area: Shape) -> None:
    _text(node, "areaDesc", area.description)
    for ring in area.polygons:
        _text(node, "polygon", " ".join(f"{_degrees(lat)},{_degrees(lon)}" for lon, lat in ring))
    for lon, lat, radius_km in area.circles:
        _text(node, "circle", f"{_degrees(lat)},{_degrees(lon)} {radius_km:.3f}")
    for name, code in area.geocodes:
        _pair(node, "geocode", name, code)


def _degrees(value: float) -> str:
    return f"{value:.5f}"  # about a metre


def _pair(node: ET.Element, name: str, what: str, value: str) -> None:
    pair = ET.SubElement(node, name)
    _text(pair, "valueName", what)
    _text(pair, "value", value)


def _text(node: ET.Element, name: str, value: str) -> None:
    ET.SubElement(node, name).text = _NOT_XML.sub("\ufffd", value)


def _optional(node: ET.Element, name: str, value: str) -> None:
    if value:
        _text(node, name, value)


def to_atom(
    entries: Sequence[Entry], *, feed_id: str, title: str, author: str, timezone: str, updated_ms: int, base: str
) -> bytes:
    """The feed of messages, newest first. ``base``: address before ``/cap/…``; ``updated_ms`` while it is empty."""
    root = ET.Element("feed", xmlns=ATOM)
    _text(root, "id", feed_id)
    _text(root, "title", title)
    newest_ms = max((entry.sent_ms for entry in entries), default=updated_ms)
    _text(root, "updated", instant(newest_ms, timezone))
    _text(ET.SubElement(root, "author"), "name", author)
    ET.SubElement(root, "link", rel="self", href=f"{base}/cap/alerts.atom", type="application/atom+xml")
    for entry in entries:
        node = ET.SubElement(root, "entry")
        _text(node, "id", f"{feed_id}:{entry.identifier}")
        _text(node, "title", entry.title)
        _text(node, "updated", instant(entry.sent_ms, timezone))
        ET.SubElement(node, "category", term=entry.msg_type)
        ET.SubElement(node, "link", rel="alternate", href=f"{base}/cap/{entry.identifier}.xml", type=MEDIA_TYPE)
        ET.SubElement(node, "content", src=f"{base}/cap/{entry.identifier}.xml", type=MEDIA_TYPE)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
