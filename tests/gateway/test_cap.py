"""CAP over HTTP: a feed of the newest messages, the messages word for word, nothing for who is not signed in."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from ioc.wire.cap import Entry
from tests.gateway.harness import PASSWORD, Running, running

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def put(gateway: Running, identifier: str, *, sent_ms: int, exercise: str | None = None) -> None:
    entry = Entry(identifier=identifier, sent_ms=sent_ms, msg_type="Alert", title="Mực nước")
    gateway.history.cap[identifier] = (entry, f"<alert>{identifier}</alert>", exercise)


def listed(content: bytes) -> list[str]:
    return [node.get("href") for node in etree.fromstring(content).iterfind("a:entry/a:link", ATOM)]


async def test_nothing_for_who_is_not_signed_in(tmp_path: Path) -> None:
    async with running(tmp_path, open_wall=False) as gateway:
        for path in ("/cap/alerts.atom", "/cap/A-1.1.1.xml"):
            assert (await gateway.http.get(path)).status_code == 401
        await gateway.http.post("/api/session", json={"user": "lan", "password": PASSWORD})
        assert (await gateway.http.get("/cap/alerts.atom")).status_code == 200


async def test_the_feed_lists_what_can_be_fetched(gateway: Running) -> None:
    now_ms = gateway.clock()
    put(gateway, "A-1.1.1", sent_ms=now_ms - 1000)
    put(gateway, "A-2.1.1", sent_ms=now_ms - 1000, exercise="drill-7")
    put(gateway, "A-3.1.1", sent_ms=now_ms - 3 * 86_400_000)
    answer = await gateway.http.get("/cap/alerts.atom")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/atom+xml")
    [address] = listed(answer.content)
    assert address.endswith("/cap/A-1.1.1.xml")
    document = await gateway.http.get("/cap/A-1.1.1.xml")
    assert document.headers["content-type"] == "application/cap+xml"
    assert document.text == "<alert>A-1.1.1</alert>"
    drill = await gateway.http.get("/cap/alerts.atom", params={"exercise": "drill-7"})
    assert len(listed(drill.content)) == 1
    assert b"drill-7" in drill.content


async def test_what_is_not_there_and_what_is_away(gateway: Running) -> None:
    for name in ("A-9.1.1", "..%2fpasswd", "x" * 200):
        assert (await gateway.http.get(f"/cap/{name}.xml")).status_code == 404
    assert (await gateway.http.get("/cap/alerts.atom", params={"exercise": "a b"})).status_code == 400
    etag = (await gateway.http.get("/cap/alerts.atom")).headers["etag"]
    again = await gateway.http.get("/cap/alerts.atom", headers={"if-none-match": etag})
    assert again.status_code == 304
    gateway.history.away = True
    assert (await gateway.http.get("/cap/alerts.atom")).status_code == 503
