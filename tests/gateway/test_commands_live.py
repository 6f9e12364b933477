"""Commands over real sockets: exactly one outcome each, one winner, and a repeat that changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ioc.services import commands
from tests.gateway.harness import Running, command_frame, eventually, running
from tests.services.hub_records import alert


async def test_an_acknowledgement_is_done_and_everybody_sees_by_whom(gateway: Running) -> None:
    gateway.bus.put_alert(alert("A-1"))
    async with gateway.wall("lan") as lan, gateway.wall() as watcher:
        outcome = await lan.command("A-1", 1)
        assert (outcome["outcome"], outcome["by"], outcome["by_display"]) == ("DONE", "lan", "Lan")
        assert outcome["alert"]["version"] == 2
        await watcher.until(lambda frame: bool(frame.get("alerts")))
        seen = watcher.client.held["alerts"]["A-1"]
        assert (seen["acked"], seen["acked_by_display"], seen["acked_ms"]) == (True, "Lan", outcome["at_ms"])
    [command] = gateway.bus.sent
    assert (command.actor, command.station) == ("lan", "127.0.0.1")


async def test_of_two_dispatchers_one_wins_and_the_other_hears_who_and_when(gateway: Running) -> None:
    async with gateway.wall("lan") as lan, gateway.wall("minh") as minh:
        for number in range(25):
            gateway.bus.put_alert(alert(f"A-{number}"))
            both = await asyncio.gather(lan.command(f"A-{number}", 1), minh.command(f"A-{number}", 1))
            won = [outcome for outcome in both if outcome["outcome"] == "DONE"]
            lost = [outcome for outcome in both if outcome["outcome"] == "ALREADY_ACKED"]
            assert len(won) == len(lost) == 1
            assert (lost[0]["by"], lost[0]["at_ms"]) == (won[0]["by"], won[0]["at_ms"])
            assert lost[0]["alert"]["version"] == won[0]["alert"]["version"] == 2
            gateway.skew_ms += 1_000  # ten frames a second are allowed
    assert len(gateway.bus.effects) == 25


async def test_a_version_that_moved_is_stale(gateway: Running) -> None:
    gateway.bus.put_alert(alert("A-1", 4))
    async with gateway.wall("lan") as lan:
        outcome = await lan.command("A-1", 3)
        assert outcome["outcome"] == "STALE"
        assert outcome["alert"]["version"] == 4
        assert (await lan.command("A-1", 4))["outcome"] == "DONE"


async def test_the_same_command_again_has_the_same_outcome_and_one_effect(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as gateway:
        gateway.bus.put_alert(alert("A-1"))
        async with gateway.wall("lan") as lan:
            first = await lan.command("A-1", 1, "c-1")
        async with gateway.wall("lan") as lan:  # the answer was lost: it comes back and asks again
            assert await lan.command("A-1", 1, "c-1") == first
            assert (await lan.command("A-9", 1, "c-1"))["reason"] == "idempotency_mismatch"
        async with gateway.wall("minh") as minh:
            assert (await minh.command("A-1", 1, "c-1"))["reason"] == "idempotency_mismatch"
        assert len(gateway.bus.sent) == 1
        async with running(tmp_path / "b", log=gateway.bus.log) as other:  # another gateway, or the same after kill -9
            other.bus._answers = gateway.bus._answers
            async with other.wall("lan") as lan:
                again = await lan.command("A-1", 1, "c-1")
                assert (again["outcome"], again["by"], again["at_ms"]) == ("DONE", "lan", first["at_ms"])
            assert other.bus.effects == []
        assert len(gateway.bus.effects) == 1


async def test_no_answer_in_time_is_unknown_and_a_repeat_finds_the_truth(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = gateway.gateway.live
    assert live is not None
    monkeypatch.setattr(live.commands, "_wait_s", 0.3)
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.silent = True
    async with gateway.wall("lan") as lan:
        assert (await lan.command("A-1", 1, "c-1"))["outcome"] == "UNKNOWN"
        gateway.bus.answer(gateway.bus.sent[0])  # alerting comes back and works off what was stored
        outcome = await lan.command("A-1", 1, "c-1")
        assert (outcome["outcome"], outcome["by"]) == ("DONE", "lan")
    assert len(gateway.bus.sent) == 1
    assert len(gateway.bus.effects) == 1


async def test_a_bus_that_is_away_gives_unknown(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    live = gateway.gateway.live
    assert live is not None
    monkeypatch.setattr(live.commands, "_wait_s", 0.3)
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.away = True
    async with gateway.wall("lan") as lan:
        assert (await lan.command("A-1", 1, "c-1"))["outcome"] == "UNKNOWN"
        gateway.bus.away = False
        assert (await lan.command("A-1", 1, "c-1"))["outcome"] == "DONE"


async def test_an_unknown_alert_is_not_found_and_leaves_no_trace_on_the_bus(gateway: Running) -> None:
    async with gateway.wall("lan") as lan:
        assert (await lan.command("A-none", 1))["outcome"] == "NOT_FOUND"
    assert gateway.bus.sent == []


async def test_an_alert_that_was_removed_a_moment_ago_is_still_asked_for(gateway: Running) -> None:
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.put_alert(None, "A-1", alert("A-1").key)
    async with gateway.wall("lan") as lan:
        assert (await lan.command("A-1", 1))["outcome"] == "NOT_FOUND"
    assert len(gateway.bus.sent) == 1  # alerting decided, and wrote it down


async def test_every_command_has_one_outcome_even_when_they_come_too_fast(gateway: Running) -> None:
    gateway.bus.put_alert(alert("A-1"))
    async with gateway.wall("lan") as lan:
        names = [f"c{number}" for number in range(30)]
        for name in names:
            await lan.say(command_frame("A-1", 1, name))
        seen: list[str] = []
        refused = 0
        while len(seen) < len(names):
            outcome = await lan.hear("outcome")
            seen.append(outcome["command_id"])
            refused += outcome["reason"] == "rate_limited"
        assert sorted(seen) == sorted(names)
        assert 5 <= refused <= 11  # twenty at once with the subscribe, and one more every 100 ms
    assert len(gateway.bus.effects) == 1


async def test_a_session_may_wait_for_a_hundred_outcomes(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.silent = True
    monkeypatch.setattr(commands, "WAIT_S", 60)
    async with gateway.wall("lan") as lan:
        for number in range(101):
            gateway.skew_ms += 100
            await lan.say(command_frame("A-1", 1, f"c{number}"))
            await eventually(lambda: len(gateway.bus.sent) == min(number + 1, 100))  # noqa: B023
        outcome = await lan.hear("outcome")
        assert (outcome["command_id"], outcome["reason"]) == ("c100", "busy")


async def test_the_gateway_survives_a_client_that_leaves_before_its_outcome(gateway: Running) -> None:
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.silent = True
    async with gateway.wall("lan") as lan:
        await lan.say(command_frame("A-1", 1, "c-1"))
        await eventually(lambda: gateway.bus.sent)
    gateway.bus.silent = False
    gateway.bus.answer(gateway.bus.sent[0])
    async with gateway.wall("lan") as lan:
        assert (await lan.command("A-1", 1, "c-1"))["outcome"] == "DONE"
    assert len(gateway.bus.effects) == 1
