"""Silences by HTTP: who may, what is shown, one answer per command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ioc.services import desk_commands
from tests.gateway.harness import PASSWORD, Running

PATH = "/api/desk/silences"
ASKED = {"command_id": "c-1", "matcher": {"areas": ["731"]}, "reason": "thi công", "for_s": 1800}


@asynccontextmanager
async def signed_in(gateway: Running, name: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.http.base_url, headers=gateway.http.headers, timeout=10) as http:
        (await http.post("/api/session", json={"user": name, "password": PASSWORD})).raise_for_status()
        yield http


async def test_a_dispatcher_begins_and_ends_a_silence_and_every_wall_can_list_it(gateway: Running) -> None:
    async with signed_in(gateway, "lan") as http:
        made = await http.post(PATH, json=ASKED)
        assert (made.status_code, made.json()["outcome"], made.json()["reason"]) == (200, "DONE", "SILENCED")
        assert (await http.post(PATH, json=ASKED)).json() == made.json(), "the same command has the same answer"
        name = made.json()["silence_id"]
        [shown] = (await gateway.http.get(PATH)).json()["silences"]
        assert (shown["id"], shown["owner"], shown["reason"], shown["state"]) == (name, "lan", "thi công", "active")
        assert shown["end_ms"] - shown["start_ms"] == 1_800_000
        ended = await http.delete(f"{PATH}/{name}", params={"command_id": "c-2"})
        assert (ended.status_code, ended.json()["outcome"]) == (200, "DONE")
        again = await http.delete(f"{PATH}/{name}", params={"command_id": "c-3"})
        assert (again.json()["outcome"], again.json()["by"]) == ("ALREADY", "lan")
        assert again.json()["by_at_ms"] == ended.json()["at_ms"]
    [shown] = (await gateway.http.get(PATH)).json()["silences"]
    assert (shown["state"], shown["ended_by"]) == ("expired", "lan")


@pytest.mark.parametrize(
    ("change", "status", "error", "detail"),
    [
        ({"reason": ""}, 409, "refused", "NO_REASON"),
        ({"matcher": {}}, 409, "refused", "NO_CONDITION"),
        ({"matcher": {"areas": ["no such"]}}, 409, "refused", "UNKNOWN_NAME"),
        ({"for_s": 28_801}, 409, "refused", "BAD_DURATION"),
        ({"command_id": "no/id"}, 400, "bad_id", ""),
        ({"matcher": {"priority": 9}}, 400, "malformed", ""),
        ({"unknown": 1}, 400, "malformed", ""),
        ({"matcher": {"rules": ["heavy-rain"], "site": ["R1"]}}, 400, "malformed", ""),  # it would hide more than meant
        ({"reason": "x\u0000y"}, 409, "refused", "BAD_TEXT"),
    ],
)
async def test_what_is_refused(gateway: Running, change: dict[str, Any], status: int, error: str, detail: str) -> None:
    async with signed_in(gateway, "lan") as http:
        found = await http.post(PATH, json=ASKED | change)
    assert (found.status_code, found.json()["error"]) == (status, error)
    assert detail in found.json()["detail"]
    assert (await gateway.http.get(PATH)).json() == {"silences": []}


async def test_another_content_under_the_same_id_is_a_mismatch(gateway: Running) -> None:
    async with signed_in(gateway, "lan") as http:
        assert (await http.post(PATH, json=ASKED)).status_code == 200
        other = await http.post(PATH, json=ASKED | {"for_s": 60})
        gone = await http.delete(f"{PATH}/S-none", params={"command_id": "c-9"})
    assert (other.status_code, other.json()["error"]) == (409, "mismatch")
    assert (gone.status_code, gone.json()["detail"]) == (404, "UNKNOWN_SILENCE")


async def test_who_only_looks_may_not(gateway: Running) -> None:
    assert (await gateway.http.post(PATH, json=ASKED)).status_code == 401
    async with signed_in(gateway, "son") as http:
        assert (await http.post(PATH, json=ASKED)).status_code == 403
        assert (await http.delete(f"{PATH}/S-1", params={"command_id": "c"})).status_code == 403
    async with signed_in(gateway, "lan") as http:
        foreign = await http.post(PATH, json=ASKED, headers={"origin": "http://other.test"})
    assert (foreign.status_code, foreign.json()["error"]) == (403, "forbidden_origin")


async def test_a_desk_that_does_not_answer_is_said(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.gateway.parts.desk_commands, "_wait_s", 0.05)
    async with signed_in(gateway, "lan") as http:
        gateway.bus.silent = True
        assert (await http.post(PATH, json=ASKED)).status_code == 504
        gateway.bus.silent = False
        assert (await http.post(PATH, json=ASKED)).status_code == 200
        gateway.bus.away = True
        assert (await http.post(PATH, json=ASKED | {"command_id": "c-2"})).status_code == 504
        monkeypatch.setattr(desk_commands, "WAITING_MAX", 0)
        assert (await http.post(PATH, json=ASKED)).json()["error"] == "busy"
