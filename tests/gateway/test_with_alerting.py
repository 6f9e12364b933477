"""The gateway with the real alerting step behind a bus in memory: both halves of the command contract meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ioc.adapters.clock import now_ms
from ioc.domain.alerts import Signal, alert_id, alert_key
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.effects import InRecord
from ioc.wire import codec
from tests.gateway.harness import PROFILE, FakeBus, Running, command_frame, running

KEY = alert_key("heavy-rain", "bien-hoa", "R1")
START_MS = now_ms() - 60_000
ALERT_ID = alert_id("heavy-rain", KEY, START_MS)


class AlertingBus(FakeBus):
    """Inputs go through one partition of the real step; what it emits is on the bus at once."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.step = AlertingPartition(PROFILE, 0)
        self.offset = 0

    async def send(self, logical: str, key: bytes, value: bytes | None) -> object:
        await asyncio.sleep(0.005)
        self.give(key, value)
        return None

    def give(self, key: bytes, value: bytes | None) -> None:
        effects = self.step.step([InRecord(self.offset, self._clock(), key, value)], self._clock())
        self.offset += 1
        for emit in effects.emits:
            if emit.topic == "alerts":
                self.put("alerts", (emit.key, emit.value), KEY.encode())
            elif emit.topic == "alert-log":
                assert emit.value is not None
                self.on_log_entry(codec.decode_log_entry(emit.value))

    def signal(self, revision: int, **changes: Any) -> None:
        values: dict[str, Any] = dict(
            key=KEY,
            rule="heavy-rain",
            state="on",
            centre="bien-hoa",
            area="731",
            site="R1",
            feed="rain",
            type="rain.gauge",
            priority=3,
            since_ms=START_MS,
            observed_ms=START_MS + revision,
            revision=revision,
        )
        self.give(KEY.encode(), codec.encode(Signal(**(values | changes))))


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr("tests.gateway.harness.FakeBus", AlertingBus)
    async with running(tmp_path) as found:
        yield found


def bus(gateway: Running) -> AlertingBus:
    assert isinstance(gateway.bus, AlertingBus)
    return gateway.bus


async def test_two_dispatchers_race_one_wins_everybody_sees_it(gateway: Running) -> None:
    bus(gateway).signal(1)
    async with gateway.wall("lan") as lan, gateway.wall("minh") as minh, gateway.wall() as watcher:
        version = lan.client.held["alerts"][ALERT_ID]["version"]
        both = await asyncio.gather(lan.command(ALERT_ID, version), minh.command(ALERT_ID, version))
        won = next(outcome for outcome in both if outcome["outcome"] == "DONE")
        lost = next(outcome for outcome in both if outcome["outcome"] == "ALREADY_ACKED")
        assert (lost["by"], lost["by_display"], lost["at_ms"]) == (won["by"], won["by_display"], won["at_ms"])
        await watcher.until(lambda frame: bool(frame.get("alerts")))
        assert watcher.client.held["alerts"][ALERT_ID]["acked_by"] == won["by"]


async def test_an_alert_that_worsened_is_stale_and_a_cleared_one_is_seen_afterwards(gateway: Running) -> None:
    bus(gateway).signal(1)
    async with gateway.wall("lan") as lan:
        version = lan.client.held["alerts"][ALERT_ID]["version"]
        bus(gateway).signal(2, priority=1)
        stale = await lan.command(ALERT_ID, version)
        assert stale["outcome"] == "STALE"
        assert (stale["alert"]["priority"], stale["alert"]["version"] > version) == (1, True)
        bus(gateway).signal(3, state="off")
        assert (await lan.command(ALERT_ID, version))["outcome"] == "CLEARED_ALREADY"


async def test_a_repeat_at_another_gateway_has_the_same_outcome(gateway: Running, tmp_path: Path) -> None:
    bus(gateway).signal(1)
    async with gateway.wall("lan") as lan:
        first = await lan.command(ALERT_ID, 1, "c-1")
    async with running(tmp_path / "other", log=gateway.bus.log) as other:
        bus(other).step = bus(gateway).step  # one alerting behind two gateways
        async with other.wall("lan") as lan:
            again = await lan.command(ALERT_ID, 1, "c-1")
    assert [(one["outcome"], one["by"], one["at_ms"]) for one in (first, again)] == [
        ("DONE", "lan", first["at_ms"])
    ] * 2


async def test_a_resume_after_a_clear_brings_the_present_state(gateway: Running) -> None:
    bus(gateway).signal(1)
    async with gateway.wall() as wall:
        since = {"epoch": gateway.bus.hub.epoch, "pos": wall.client.pos or ""}
        held = wall.client.held
    bus(gateway).signal(2, state="off")
    async with gateway.socket() as wall:
        wall.client.held = held
        await wall.sign_in(await gateway.ticket())
        await wall.subscribe(since)
        assert wall.client.snapshots == []
        assert wall.client.held["alerts"][ALERT_ID]["active"] is False


async def test_a_dispatcher_shelves_and_everybody_sees_by_whom_and_until_when(gateway: Running) -> None:
    bus(gateway).signal(1)
    async with gateway.wall("lan") as lan, gateway.wall() as watcher:
        assert (await lan.do("shelve", ALERT_ID, 1))["reason"] == "NO_REASON"
        done = await lan.do("shelve", ALERT_ID, 1, reason="đang sửa", for_s=600)
        assert (done["outcome"], done["alert"]["state"], done["alert"]["suppression"]) == (
            "DONE",
            "SHLVD",
            "shelved-until",
        )
        await watcher.until(lambda frame: bool(frame.get("alerts")))
        hidden = watcher.client.held["alerts"][ALERT_ID]["hidden"]
        assert (hidden["by_display"], hidden["reason"]) == ("Lan", "đang sửa")
        assert hidden["until_ms"] == hidden["since_ms"] + 600_000
        again = await lan.do("shelve", ALERT_ID, done["alert"]["version"], reason="r")
        assert (again["outcome"], again["by_display"], again["at_ms"]) == ("ALREADY", "Lan", hidden["since_ms"])


async def test_roles_on_the_way_and_in_alerting(gateway: Running) -> None:
    bus(gateway).signal(1)
    review_ms = now_ms() + 86_400_000
    async with gateway.wall("son") as son, gateway.wall("lan") as lan, gateway.wall("truc") as truc:
        assert (await son.do("ack", ALERT_ID, 1))["outcome"] == "FORBIDDEN"
        assert (await truc.do("comment", ALERT_ID, 1, note="n"))["outcome"] == "FORBIDDEN"
        more = {"reason": "thay cảm biến", "review_ms": review_ms}
        assert (await lan.do("out_of_service", ALERT_ID, 1, **more))["outcome"] == "FORBIDDEN"
        done = await son.do("out_of_service", ALERT_ID, 1, **more)
        assert (done["outcome"], done["alert"]["state"], done["alert"]["hidden"]["review_ms"]) == (
            "DONE",
            "OOSRV",
            review_ms,
        )
    assert bus(gateway).step.counters.commands == 1  # the gateway answered the others


async def test_one_id_for_two_commands_at_two_gateways(gateway: Running, tmp_path: Path) -> None:
    bus(gateway).signal(1)
    async with gateway.wall("lan") as lan:
        first = await lan.do("comment", ALERT_ID, 1, note="một", command_id="c-1")
        assert (await lan.do("comment", ALERT_ID, 1, note="hai", command_id="c-1"))["outcome"] == "MISMATCH"
    async with running(tmp_path / "other", log=gateway.bus.log) as other:
        bus(other).step = bus(gateway).step
        async with other.wall("lan") as lan:
            assert (await lan.do("comment", ALERT_ID, 1, note="hai", command_id="c-1"))["outcome"] == "MISMATCH"
            again = await lan.do("comment", ALERT_ID, 1, note="một", command_id="c-1")
    assert (again["outcome"], again["at_ms"]) == ("DONE", first["at_ms"])
    assert bus(gateway).step.alerts[ALERT_ID].comments == 1


async def test_many_at_once_have_an_outcome_each(gateway: Running) -> None:
    bus(gateway).signal(1)
    async with gateway.wall("lan") as lan:
        for op, more in (("take", {}), ("ack", {}), ("dispatch", {"agency": "no"})):
            await lan.say({**command_frame(ALERT_ID, 1, f"c-{op}"), "op": op, **more})
        heard = [await lan.hear("outcome") for _ in range(3)]
    assert {one["command_id"]: one["outcome"] for one in heard} == {
        "c-take": "DONE",
        "c-ack": "DONE",
        "c-dispatch": "REFUSED",
    }
