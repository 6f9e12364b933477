"""Incidents by HTTP: who may, what is shown, one answer per command."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import AlertTold
from ioc.domain.grouping import Group, Grouping
from ioc.wire import codec
from tests.domain.test_suppression import alert
from tests.gateway.harness import PROFILE, Running, eventually
from tests.gateway.test_silences import signed_in

PATH = "/api/desk/incidents"
GROUP = Group(id="rain", title_vi="Mưa", title_en="Rain", rules=("heavy-rain",))


async def opened(gateway: Running, *names: str, **more: Any) -> str:
    """Alerts that make an incident; its id."""
    gateway.bus.desk.use(replace(PROFILE, grouping=Grouping(groups=(GROUP,))), 0)
    before = {one["id"] for one in (await gateway.http.get(PATH)).json()["incidents"]}
    for name in names:
        told = AlertTold(alert=alert(name, rule="heavy-rain", raised_ms=gateway.clock(), **more))
        await gateway.bus.send("desk-inputs", b"", codec.encode(told))
    found = await eventually(lambda: gateway.gateway.parts.desk.incidents.keys() - before)
    return str(next(iter(found)))


async def test_people_lead_name_note_and_every_wall_can_list_it(gateway: Running) -> None:
    name = await opened(gateway, "A-1", "A-2")
    async with signed_in(gateway, "lan") as http:
        took = await http.post(f"{PATH}/{name}", json={"command_id": "c-1", "op": "take"})
        assert (took.status_code, took.json()["outcome"], took.json()["reason"]) == (200, "DONE", "TAKEN")
        assert (await http.post(f"{PATH}/{name}", json={"command_id": "c-1", "op": "take"})).json() == took.json()
        again = await http.post(f"{PATH}/{name}", json={"command_id": "c-2", "op": "take"})
        assert (again.status_code, again.json()["outcome"], again.json()["by"]) == (200, "ALREADY", "lan")
        for n, op in enumerate(("rename", "note")):
            said = await http.post(f"{PATH}/{name}", json={"command_id": f"t-{n}", "op": op, "text": "Cầu Ghềnh"})
            assert said.json()["outcome"] == "DONE"
    [shown] = (await gateway.http.get(PATH)).json()["incidents"]
    assert (shown["id"], shown["owner"], shown["title_vi"], shown["number"]) == (name, "lan", "Cầu Ghềnh", 1)
    assert [line["word"] for line in shown["timeline"]] == ["opened", "took", "renamed", "noted"]


async def test_a_wall_that_asked_for_changes_gets_the_whole_and_then_what_changed(gateway: Running) -> None:
    first = await opened(gateway, "A-1", "A-2", area="731")
    async with gateway.socket() as wall, gateway.wall() as other:
        await wall.sign_in(await gateway.ticket())
        await wall.say({"t": "subscribe", "channels": ["wall"], "desk_changes": True})
        whole = await wall.hear("desk")
        assert [one["id"] for one in whole["incidents"]] == [first]
        async with signed_in(gateway, "lan") as http:
            await http.post(f"{PATH}/{first}", json={"command_id": "c-1", "op": "take"})
        held, at = {one["id"]: one for one in whole["incidents"]}, whole["version"]
        while held[first]["owner"] is None:
            changed = await wall.hear("desk_delta")
            assert changed["prev"] == at
            held |= {one["id"]: one for one in changed["incidents"]}
            at = changed["version"]
        assert held[first]["owner"] == "lan"
        seen = await other.until(lambda f: f["t"] == "desk" and any(one["owner"] for one in f["incidents"]))
        assert [one["id"] for one in seen["incidents"]] == [first], "who did not ask gets the whole every time"
        await wall.say({"t": "subscribe", "channels": ["wall"], "desk_changes": True})
        assert (await wall.hear("desk"))["version"] == at, "a picture begun anew begins with the whole"


async def test_split_says_where_the_alerts_are_and_merge_brings_them_back(gateway: Running) -> None:
    name = await opened(gateway, "A-1", "A-2", "A-3")
    await eventually(lambda: len(gateway.gateway.parts.desk.incidents[name].members) == 3)
    async with signed_in(gateway, "lan") as http:
        asked = {"command_id": "c-1", "op": "split", "alert_ids": ["A-1", "A-2"]}
        split = (await http.post(f"{PATH}/{name}", json=asked)).json()
        into = split["detail"].split(" ")[0].removeprefix("into=")
        listed = (await gateway.http.get(PATH)).json()["incidents"]
        assert {one["id"]: len(one["members"]) for one in listed} == {name: 1, into: 2}
        merged = await http.post(f"{PATH}/{name}", json={"command_id": "c-2", "op": "merge", "other": into})
        assert merged.json()["reason"] == "MERGED"
    listed = (await gateway.http.get(PATH)).json()["incidents"]
    assert [(one["id"], one["state"], one["merged_into"]) for one in listed] == [
        (name, "open", ""),
        (into, "closed", name),
    ]


@pytest.mark.parametrize(
    ("change", "status", "error", "detail"),
    [
        ({"op": "rename", "text": ""}, 409, "refused", "NO_TEXT"),
        ({"op": "split", "alert_ids": ["A-1", "A-2"]}, 409, "refused", "ALL"),
        ({"op": "split", "alert_ids": ["no/id"]}, 400, "bad_id", ""),
        ({"op": "split", "alert_ids": ["A"] * 501}, 400, "malformed", ""),
        ({"op": "merge", "other": "I-none"}, 404, "not_found", "UNKNOWN_INCIDENT"),
        ({"op": "merge", "other": "no/id"}, 400, "bad_id", ""),
        ({"op": "destroy"}, 400, "malformed", ""),
        ({"command_id": "no/id"}, 400, "bad_id", ""),
        ({"unknown": 1}, 400, "malformed", ""),
    ],
)
async def test_what_is_refused(gateway: Running, change: dict[str, Any], status: int, error: str, detail: str) -> None:
    name = await opened(gateway, "A-1", "A-2")
    before = (await gateway.http.get(PATH)).json()
    async with signed_in(gateway, "lan") as http:
        found = await http.post(f"{PATH}/{name}", json={"command_id": "c-1", "op": "take"} | change)
    assert (found.status_code, found.json()["error"]) == (status, error)
    assert detail in found.json()["detail"]
    assert (await gateway.http.get(PATH)).json() == before


async def test_another_content_under_the_same_id_is_a_mismatch(gateway: Running) -> None:
    name = await opened(gateway, "A-1", "A-2")
    async with signed_in(gateway, "lan") as http:
        assert (await http.post(f"{PATH}/{name}", json={"command_id": "c-1", "op": "take"})).status_code == 200
        other = await http.post(f"{PATH}/{name}", json={"command_id": "c-1", "op": "release"})
        gone = await http.post(f"{PATH}/I-none", json={"command_id": "c-9", "op": "take"})
    assert (other.status_code, other.json()["error"]) == (409, "mismatch")
    assert (gone.status_code, gone.json()["detail"]) == (404, "UNKNOWN_INCIDENT")


async def test_who_only_looks_may_not(gateway: Running) -> None:
    name = await opened(gateway, "A-1", "A-2")
    asked = {"command_id": "c-1", "op": "take"}
    assert (await gateway.http.post(f"{PATH}/{name}", json=asked)).status_code == 401
    async with signed_in(gateway, "son") as http:
        assert (await http.post(f"{PATH}/{name}", json=asked)).status_code == 403
    async with signed_in(gateway, "lan") as http:
        foreign = await http.post(f"{PATH}/{name}", json=asked, headers={"origin": "http://other.test"})
        assert (foreign.status_code, foreign.json()["error"]) == (403, "forbidden_origin")
        gateway.bus.silent = True
        gateway.gateway.parts.desk_commands._wait_s = 0.05
        assert (await http.post(f"{PATH}/{name}", json=asked)).status_code == 504


async def test_of_two_who_take_it_the_second_hears_who_has_it_and_may_take_it_over(gateway: Running) -> None:
    name = await opened(gateway, "A-1", "A-2")
    async with signed_in(gateway, "lan") as lan, signed_in(gateway, "minh") as minh:
        took = (await lan.post(f"{PATH}/{name}", json={"command_id": "c-1", "op": "take"})).json()
        for n, more in enumerate(({}, {"expected_owner": ""}, {"expected_owner": "hoa"})):
            late = await minh.post(f"{PATH}/{name}", json={"command_id": f"c-2{n}", "op": "take"} | more)
            assert late.status_code == 409
            assert late.json() | {"id": ""} == {
                "error": "stale", "detail": "OWNER", "id": "", "by": "lan", "by_display": late.json()["by_display"],
                "by_at_ms": took["at_ms"], "about": "",
            }  # fmt: skip
        asked = {"command_id": "c-3", "op": "take", "expected_owner": "lan"}
        assert (await minh.post(f"{PATH}/{name}", json=asked)).json()["reason"] == "TAKEN"
        named = {"command_id": "c-4", "op": "rename", "text": "Cầu Ghềnh"}
        assert (await minh.post(f"{PATH}/{name}", json=named)).json()["reason"] == "RENAMED"
        asked = {"command_id": "c-5", "op": "rename", "text": "Ngã tư", "expected_title": "Rain"}
        late = await lan.post(f"{PATH}/{name}", json=asked)
        assert (late.status_code, late.json()["detail"], late.json()["by"]) == (409, "RENAMED_SINCE", "minh")
    [shown] = (await gateway.http.get(PATH)).json()["incidents"]
    assert (shown["owner"], shown["title_vi"]) == ("minh", "Cầu Ghềnh")
    assert shown["owner_since_ms"] >= took["at_ms"]
