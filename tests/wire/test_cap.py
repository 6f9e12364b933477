"""CAP 1.2 and Atom: every message fits the schema, whatever is in its texts; a broken one does not."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ioc.wire.cap import Entry, Info, Message, Shape, instant, reference, to_atom, to_xml
from tests.wire.cap_schema import OFFICIAL, said, wrong

ZONE = "Asia/Ho_Chi_Minh"
T0_MS = 1_700_000_000_123
RING = ((106.8, 10.9), (106.9, 10.9), (106.9, 11.0), (106.8, 10.9))


def message(text: str = "Mực nước", **changes: object) -> Message:
    shape = Shape(description=text, polygons=(RING,), circles=((106.8, 10.9, 0.5),), geocodes=(("list:1", "731"),))
    info = Info(
        language="vi-VN",
        category=("Met", "Infra"),
        event=text,
        response="Monitor",
        urgency="Expected",
        severity="Severe",
        certainty="Observed",
        event_code=("ioc:type", "hydro.level"),
        effective_ms=T0_MS,
        onset_ms=T0_MS - 5000,
        expires_ms=T0_MS + 86_400_000,
        sender_name=text,
        headline=text,
        description=text,
        instruction=text,
        contact=text,
        parameters=(("ioc:priority", "P2"),),
        areas=(shape,),
    )
    values = {
        "identifier": "A-1.1.1",
        "sender": "ioc@dongnai.example",
        "sent_ms": T0_MS,
        "status": "Actual",
        "msg_type": "Alert",
        "restriction": text,
        "infos": (info, info),
    }
    return Message(**(values | changes))  # type: ignore[arg-type]


def test_a_whole_message_fits() -> None:
    document = to_xml(message(), ZONE)
    assert wrong(document) == ""
    assert said(document, "sent") == ["2023-11-15T05:13:20+07:00"]
    assert said(document, "info/area/polygon")[0] == (
        "10.90000,106.80000 10.90000,106.90000 11.00000,106.90000 10.90000,106.80000"
    ), "latitude first"
    assert said(document, "info/area/circle")[0] == "10.90000,106.80000 0.500"


@given(st.text(min_size=1, max_size=30))
def test_any_text_fits_and_comes_back(text: str) -> None:
    document = to_xml(message(text), ZONE)
    assert wrong(document) == ""
    [headline, _] = said(document, "info/headline")
    clean = all(c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") for c in text)
    assert headline == text or not clean


BROKEN = {
    "order": (b"<status>Actual</status>", b"", b"<scope>", b"<status>Actual</status><scope>"),
    "status": (b"Actual", b"Real"),
    "kind": (b"<msgType>Alert", b"<msgType>Alarm"),
    "zulu": (b"+07:00</sent>", b"Z</sent>"),
    "no category": (b"<category>Met</category><category>Infra</category>", b""),
    "urgency": (b"<urgency>Expected", b"<urgency>Soon"),
    "severity": (b"<severity>Severe", b"<severity>Big"),
    "certainty": (b"<certainty>Observed", b"<certainty>Sure"),
    "comma": (b"<identifier>A-1", b"<identifier>A,1"),
    "space": (b"<sender>ioc", b"<sender>i oc"),
    "open ring": (b" 10.90000,106.80000</polygon>", b" 10.90000,106.80001</polygon>"),
    "no radius": (b" 0.500</circle>", b"</circle>"),
    "two headlines": (b"<headline>", b"<headline>x</headline><headline>"),
    "references": (b"<info>", b"<references>a,b,2023-11-15T05:13:20+07:00</references><info>"),
    "namespace": (b"cap:1.2", b"cap:1.1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_check_finds_every_planted_mistake(name: str) -> None:
    document = to_xml(message(), ZONE)
    changes = BROKEN[name]
    for before, after in zip(changes[::2], changes[1::2], strict=True):
        assert before in document
        document = document.replace(before, after, 1)
    assert wrong(document)


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"no CAP schema at {OFFICIAL}: name its folder in IOC_SCHEMAS_DIR")
def test_the_official_schema_is_of_the_same_mind() -> None:
    official = etree.XMLSchema(etree.parse(OFFICIAL))
    assert official.validate(etree.fromstring(to_xml(message(), ZONE)))
    assert not official.validate(etree.fromstring(to_xml(message(), ZONE).replace(b"Actual", b"Real")))


@given(st.integers(0, 4_102_444_800_000), st.sampled_from([ZONE, "UTC", "America/St_Johns", "Asia/Kathmandu"]))
def test_an_instant_says_the_same_moment_with_its_offset(ms: int, zone: str) -> None:
    text = instant(ms, zone)
    assert not text.endswith("Z")
    assert datetime.fromisoformat(text).timestamp() == ms // 1000
    assert zone != "UTC" or text.endswith("-00:00")


def test_a_reference_is_what_a_later_message_names() -> None:
    first = message()
    later = message(msg_type="Update", identifier="A-1.2.2", references=(reference(first, ZONE),))
    document = to_xml(later, ZONE)
    assert wrong(document) == ""
    assert said(document, "references") == ["ioc@dongnai.example,A-1.1.1,2023-11-15T05:13:20+07:00"]


def test_the_feed_lists_messages_and_is_valid_when_it_is_empty() -> None:
    atom = {"a": "http://www.w3.org/2005/Atom"}

    def feed(*entries: Entry) -> etree._Element:
        return etree.fromstring(
            to_atom(
                entries,
                feed_id="urn:ioc:x",
                title="<Đồng Nai>",
                author="IOC",
                timezone=ZONE,
                updated_ms=T0_MS,
                base="https://h",
            )
        )

    root = feed(
        Entry(identifier="A-1.1.1", sent_ms=T0_MS + 5000, msg_type="Alert", title="Mực nước & mưa"),
        Entry(identifier="A-0.1.1", sent_ms=T0_MS, msg_type="Cancel", title="x"),
    )
    assert root.findtext("a:updated", "", atom) == "2023-11-15T05:13:25+07:00"
    assert [node.findtext("a:id", "", atom) for node in root.iterfind("a:entry", atom)] == [
        "urn:ioc:x:A-1.1.1",
        "urn:ioc:x:A-0.1.1",
    ]
    assert root.findtext("a:entry/a:title", "", atom) == "Mực nước & mưa"
    assert root.find("a:entry/a:link", atom).get("href") == "https://h/cap/A-1.1.1.xml"  # type: ignore[union-attr]
    assert feed().findtext("a:updated", "", atom) == "2023-11-15T05:13:20+07:00"
