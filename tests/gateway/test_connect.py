"""Who may connect, and what a client may send."""

from __future__ import annotations

from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ioc.adapters.profile_parts import PARTS
from tests.gateway.harness import Running, command_frame, eventually, running


async def test_hello_names_the_user_and_the_position(gateway: Running) -> None:
    async with gateway.socket() as wall:
        hello = await wall.sign_in(await gateway.ticket("lan"))
    assert hello["user"] == {"name": "lan", "display": "Lan", "role": "dispatcher"}
    assert hello["simulated"] is True
    assert (hello["epoch"], hello["pos"]) == (gateway.bus.hub.epoch, gateway.bus.hub.pos)


async def test_a_ticket_is_good_once(gateway: Running) -> None:
    ticket = await gateway.ticket()
    async with gateway.socket() as wall:
        await wall.sign_in(ticket)
    async with gateway.socket() as wall:
        await wall.say({"t": "auth", "ticket": ticket, "proto": 1})
        assert await wall.closed() == 4401


async def test_a_ticket_is_good_for_30_seconds(gateway: Running) -> None:
    tickets = [await gateway.ticket(), await gateway.ticket()]
    gateway.skew_ms += 29_000
    async with gateway.socket() as wall:
        await wall.sign_in(tickets[0])
    gateway.skew_ms += 1_500
    async with gateway.socket() as wall:
        await wall.say({"t": "auth", "ticket": tickets[1], "proto": 1})
        assert await wall.closed() == 4401


@pytest.mark.parametrize("origin", ["http://evil.test", "http://wall.test.evil.test", "null", None])
async def test_another_origin_or_none_is_refused(gateway: Running, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.socket(origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/", "/live/", "/live?ticket=x", "/other"])
async def test_only_the_one_path_is_a_websocket(gateway: Running, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.socket(url=gateway.live_url.removesuffix("/live") + path):
            pass
    assert refused.value.response.status_code == 404
    assert "server" not in {name.lower() for name in refused.value.response.headers}


async def test_nobody_connects_before_the_picture_is_complete(gateway: Running) -> None:
    gateway.bus.ready.clear()
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.socket():
            pass
    assert refused.value.response.status_code == 503


async def test_silence_instead_of_a_ticket_ends_after_five_seconds(gateway: Running) -> None:
    async with gateway.socket() as wall:
        gateway.skew_ms += 2_500
        with pytest.raises(TimeoutError):  # at least one tick that must not close
            await wall.closed(1.2)
        gateway.skew_ms += 2_500
        assert await wall.closed() == 4401


@pytest.mark.parametrize(
    "first",
    ['{"t":"subscribe"}', '{"t":"command"}', "nonsense", '{"t":"auth","ticket":"x","proto":1}', '{"t":"auth"}', "[]"],
)
async def test_anything_but_a_good_ticket_first_is_final(gateway: Running, first: str) -> None:
    async with gateway.socket() as wall:
        await wall.say(first)
        assert await wall.closed() == 4401


async def test_another_protocol_version_is_told_before_the_close(gateway: Running) -> None:
    async with gateway.socket() as wall:
        await wall.say({"t": "auth", "ticket": await gateway.ticket(), "proto": 99})
        assert (await wall.hear("error"))["code"] == "unsupported_version"
        assert await wall.closed() == 4401


async def test_binary_and_oversized_frames_end_the_connection(gateway: Running) -> None:
    async with gateway.wall() as wall:
        await wall.socket.send(b"\x00\x01")
        assert await wall.closed() == 1003
    async with gateway.wall() as wall:
        await wall.say('{"t":"subscribe","x":"' + "y" * 32_768 + '"}')
        assert await wall.closed() == 1009
    async with gateway.wall() as wall:
        await wall.socket.send(b"\xff\xfe", text=True)
        assert await wall.closed() == 1007


async def test_three_bad_frames_in_ten_seconds_are_abuse(gateway: Running) -> None:
    async with gateway.wall("lan") as wall:
        for text in ("nonsense", '{"t":"what"}'):
            await wall.say(text)
            await wall.hear("error")
        gateway.skew_ms += 11_000
        await wall.say("nonsense")  # the first two are too long ago
        await wall.hear("error")
        for _ in range(2):
            await wall.say("nonsense")
        assert await wall.closed() == 4429
    metrics = (await gateway.http.get("/metrics")).text
    assert 'ioc_live_errors_total{code="malformed"} 4.0' in metrics
    assert 'ioc_live_closed_total{code="4429"} 1.0' in metrics


async def test_a_flood_of_frames_is_abuse(gateway: Running) -> None:
    async with gateway.wall() as wall:
        try:
            for _ in range(60):
                await wall.say({"t": "subscribe", "channels": ["wall"]})
        except ConnectionClosed:
            pass
        assert await wall.closed() == 4429


async def test_a_filter_or_another_channel_is_refused_not_ignored(gateway: Running) -> None:
    async with gateway.wall() as wall:
        await wall.say({"t": "subscribe", "channels": ["wall"], "filter": {"centre": "bien-hoa"}})
        assert (await wall.hear("error"))["code"] == "unsupported_filter"
        await wall.say({"t": "subscribe", "channels": ["wall", "audit"]})
        assert (await wall.hear("error"))["code"] == "unknown_channel"


async def test_a_disabled_account_is_out_of_its_open_sockets(gateway: Running) -> None:
    async with gateway.wall("lan") as lan, gateway.wall("minh") as minh:
        gateway.store.change("lan", disabled=True, session_epoch=2)
        await gateway.accounts.refresh()
        assert await lan.closed() == 4403
        assert minh.socket.close_code is None


async def test_a_changed_role_ends_open_sockets_and_pending_tickets(gateway: Running) -> None:
    ticket = await gateway.ticket("lan")
    async with gateway.wall("lan") as lan:
        gateway.store.change("lan", role="viewer")
        await gateway.accounts.refresh()
        assert await lan.closed() == 4403
    async with gateway.socket() as wall:
        await wall.say({"t": "auth", "ticket": ticket, "proto": 1})
        assert await wall.closed() == 4401


async def test_a_session_ends_after_its_shift(gateway: Running) -> None:
    async with gateway.wall("lan") as lan, gateway.wall("wall") as wall:
        gateway.skew_ms += 8 * 3_600_000 + 1_000
        assert await lan.closed() == 4409
        assert wall.socket.close_code is None


async def test_one_account_has_so_many_sockets_and_no_more(gateway: Running) -> None:
    sockets = []
    try:
        for _ in range(10):
            context = gateway.wall("lan")
            await context.__aenter__()
            sockets.append(context)
        async with gateway.socket() as wall:
            await wall.say({"t": "auth", "ticket": await gateway.ticket("lan"), "proto": 1})
            assert await wall.closed() == 1013
    finally:
        for context in sockets:
            await context.__aexit__(None, None, None)


async def test_a_stop_tells_clients_to_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        context = gateway.wall()
        wall = await context.__aenter__()
    assert await wall.closed() == 1001


async def test_commands_without_the_right_end_the_connection(gateway: Running) -> None:
    async with gateway.wall("truc") as wall:
        for number in range(5):
            await wall.say(command_frame("A-1", 1, f"c{number}"))
        assert await wall.closed() == 4403
        outcomes = [frame for frame in wall.frames if frame["t"] == "outcome"]
    assert gateway.bus.sent == []
    assert all(frame["reason"] == "forbidden" for frame in outcomes)


async def test_connections_are_counted_down_again(gateway: Running) -> None:
    async with gateway.wall(), gateway.wall():
        assert "ioc_live_connections 2.0" in (await gateway.http.get("/metrics")).text
    live = gateway.gateway.live
    assert live is not None
    await eventually(lambda: not live._connections)
    metrics = (await gateway.http.get("/metrics")).text
    assert "ioc_live_connections 0.0" in metrics
    assert "ioc_rules_file_broken 0.0" in metrics
    for part in PARTS:
        assert f'ioc_profile_file_broken{{file="{part}.toml"}} 0.0' in metrics
