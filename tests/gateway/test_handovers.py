"""Handovers by HTTP: who may, what is shown, one answer per command."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import AlertTold
from ioc.pipeline.desk import make_desk
from ioc.pipeline.effects import InRecord
from ioc.wire import codec
from tests.domain.test_suppression import alert
from tests.gateway.harness import PROFILE, Running
from tests.gateway.test_silences import signed_in
from tests.pipeline.handover_room import DUTY, END, FIRST
from tests.pipeline.small_province import MIN

PATH = "/api/desk/handovers"
ONE = f"{PATH}/{FIRST}"


def at_work(gateway: Running, now_ms: int) -> None:
    """A desk with shifts; an alert is open, and the clock of desk and gateway shows this time."""
    bus = gateway.bus
    if not bus.desk.alerts:
        bus.desk = make_desk(replace(PROFILE, duty=DUTY))
        told = codec.encode(AlertTold(alert=alert(raised_ms=now_ms)))
        bus.desk.step([InRecord(0, 0, None, told)], now_ms)
    bus._clock = lambda: now_ms
    bus.desk.tick(now_ms)
    for key, row in bus.desk.take_dirty():
        bus.on_desk(key.encode(), row)


def asked(number: int, op: str, **more: Any) -> dict[str, Any]:
    return {"command_id": f"c-{number}", "op": op} | more


@pytest.fixture(autouse=True)
def _any_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's own clock shows another time than the desk's here."""
    monkeypatch.setattr("ioc.domain.desk_commands.COMMAND_OLD_MS", 10**15)


async def test_one_shift_gives_and_the_next_takes(gateway: Running) -> None:
    assert (await gateway.http.get(PATH)).json() == {"handovers": []}
    at_work(gateway, END - 5 * MIN)
    [draft] = (await gateway.http.get(PATH)).json()["handovers"]
    assert (draft["id"], draft["state"], draft["outgoing"], draft["incoming"]) == (FIRST, "draft", ["An"], ["Binh"])
    async with signed_in(gateway, "lan") as http:
        noted = await http.post(ONE, json=asked(1, "note", text="Đỉnh triều 17:40.\nTheo dõi."))
        assert (noted.status_code, noted.json()["outcome"], noted.json()["reason"]) == (200, "DONE", "NOTED")
        given = await http.post(ONE, json=asked(2, "give"))
        assert (given.json()["reason"], given.json()["handover_id"]) == ("GIVEN", FIRST)
        assert (await http.post(ONE, json=asked(2, "give"))).json() == given.json(), "the same command, the same answer"
        again = await http.post(ONE, json=asked(3, "give"))
        assert (again.json()["outcome"], again.json()["by"]) == ("ALREADY", "lan")
        assert again.json()["by_at_ms"] == given.json()["at_ms"]
        [shown] = (await http.get(PATH)).json()["handovers"]
        alone = await http.post(ONE, json=asked(4, "take", digest_hash=shown["digest_hash"]))
        assert (alone.status_code, alone.json()["detail"]) == (409, "SAME_PERSON")
    assert (shown["state"], shown["given"]["actor"], shown["notes"][0]["actor"]) == ("given", "lan", "lan")
    assert [item["alert_id"] for item in shown["digest"]["items"]] == ["A-1"]


async def test_who_signs_alone_names_what_was_read(gateway: Running) -> None:
    at_work(gateway, END - 5 * MIN)
    at_work(gateway, END + MIN)
    [shown] = (await gateway.http.get(PATH)).json()["handovers"]
    async with signed_in(gateway, "lan") as http:
        stale = await http.post(ONE, json=asked(1, "take", digest_hash="0"))
        assert (stale.status_code, stale.json()["error"], stale.json()["detail"]) == (409, "stale", "DIGEST_CHANGED")
        assert (await http.post(ONE, json=asked(2, "take", digest_hash=shown["digest_hash"]))).status_code == 200
    [shown] = (await gateway.http.get(PATH)).json()["handovers"]
    assert (shown["state"], shown["given"], shown["taken"]["actor"]) == ("taken", None, "lan")


@pytest.mark.parametrize(
    ("change", "status", "error", "detail"),
    [
        ({"text": " "}, 409, "refused", "NO_REASON"),
        ({"text": "x" * 501}, 409, "refused", "LONG_REASON"),
        ({"op": "sign"}, 400, "malformed", ""),
        ({"unknown": 1}, 400, "malformed", ""),
        ({"command_id": "no/id"}, 400, "bad_id", ""),
    ],
)
async def test_what_is_refused(gateway: Running, change: dict[str, Any], status: int, error: str, detail: str) -> None:
    at_work(gateway, END - 5 * MIN)
    async with signed_in(gateway, "lan") as http:
        found = await http.post(ONE, json=asked(1, "note", text="x") | change)
        none = await http.post(f"{PATH}/H-none", json=asked(2, "give"))
    assert (found.status_code, found.json()["error"]) == (status, error)
    assert detail in found.json()["detail"]
    assert (none.status_code, none.json()["detail"]) == (404, "UNKNOWN_HANDOVER")


async def test_who_only_looks_may_not(gateway: Running) -> None:
    assert (await gateway.http.post(ONE, json=asked(1, "give"))).status_code == 401
    async with signed_in(gateway, "son") as http:
        assert (await http.post(ONE, json=asked(1, "give"))).status_code == 403
    async with signed_in(gateway, "lan") as http:
        foreign = await http.post(ONE, json=asked(1, "give"), headers={"origin": "http://other.test"})
    assert (foreign.status_code, foreign.json()["error"]) == (403, "forbidden_origin")


async def test_who_stands_in_says_so(gateway: Running) -> None:
    people = tuple(replace(one, account="mai") for one in DUTY.people)
    gateway.bus.desk = make_desk(replace(PROFILE, duty=replace(DUTY, people=people)))
    told = codec.encode(AlertTold(alert=alert(raised_ms=END - 5 * MIN)))
    gateway.bus.desk.step([InRecord(0, 0, None, told)], END - 5 * MIN)
    at_work(gateway, END - 5 * MIN)
    async with signed_in(gateway, "lan") as http:
        refused = await http.post(ONE, json=asked(1, "give"))
        assert (refused.status_code, refused.json()["detail"]) == (409, "NOT_ON_ROSTER")
        given = await http.post(ONE, json=asked(2, "give", standing_in=True, reason="thay mai"))
        assert (given.status_code, given.json()["reason"]) == (200, "GIVEN")
    [shown] = (await gateway.http.get(PATH)).json()["handovers"]
    assert (shown["given"]["standing_in"], shown["outgoing_accounts"]) == ("thay mai", ["mai"])
