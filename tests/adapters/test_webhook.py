"""Webhooks against a real server on this machine: what is sent, what an answer means, and where nobody is called."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ioc.adapters import webhook
from ioc.adapters.webhook import Webhooks, public
from ioc.pipeline.notices import Again, Delivery, Done, Never, Notice, Result

KEY = b"k" * 32
NOW_MS = 1_700_000_000_000
Handler = Callable[[web.Request], Any]


def delivery(url: str, body: str = '{"title":"Mực nước"}') -> Delivery:
    return Delivery(
        notice=Notice(id="n1", channel="c", target=url, alert_id="A", body=body),
        attempts=2,
        created_ms=NOW_MS,
        due_ms=NOW_MS,
    )


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    async def handle(request: web.Request) -> web.StreamResponse:
        found: web.StreamResponse = await handler(request)
        return found

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    try:
        yield site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


def here(*hosts: str) -> Webhooks:
    return Webhooks(KEY, frozenset(), frozenset(hosts or ("localhost", "127.0.0.1")))


async def answered(handler: Handler, *, path: str = "/hook") -> Result:
    async with server(handler) as port:
        return await here().send(delivery(f"http://localhost:{port}{path}"), NOW_MS)


async def test_what_a_receiver_gets_can_be_checked() -> None:
    seen: list[tuple[Any, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((request.headers, await request.read()))
        return web.Response(status=204)

    assert await answered(take) == Done()
    [(headers, body)] = seen
    assert body.decode() == '{"title":"Mực nước"}'
    moment, _, code = headers["IOC-Signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(KEY, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(code, expected)
    assert int(moment) == NOW_MS // 1000
    assert (headers["IOC-Delivery"], headers["IOC-Attempt"]) == ("n1", "3")
    forged = hmac.new(KEY, moment.encode() + b"." + body + b" ", hashlib.sha256).hexdigest()
    assert not hmac.compare_digest(code, forged)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_done(status: int) -> None:
    assert await answered(lambda request: _respond(status)) == Done()


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 425])
async def test_later(status: int) -> None:
    found = await answered(lambda request: _respond(status, headers={"Retry-After": "120"}, text="no\n room"))
    assert found == Again(f"HTTP {status} no room", 120_000)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
async def test_for_good(status: int) -> None:
    assert isinstance(await answered(lambda request: _respond(status)), Never)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    paths = []

    async def send_on(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{request.url.port}/inside"})

    found = await answered(send_on)
    assert isinstance(found, Never)
    assert "redirects are not followed" in found.reason
    assert paths == ["/hook"]


async def test_failures_of_the_line_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.3)

    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    assert isinstance(await answered(hang), Again)
    assert isinstance(await answered(cut), Again)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert isinstance(await here().send(delivery(f"http://localhost:{port}/"), NOW_MS), Again)


async def test_an_endless_answer_ends() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=500)
        await answer.prepare(request)
        for _ in range(200):
            await answer.write(b"x" * 65_536)
        return answer

    found = await answered(flood)
    assert isinstance(found, Again)
    assert len(found.reason) < 400


# -- where nobody is called ---------------------------------------------------------------------------------------


@asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    """A server that must not be called."""
    calls = []

    async def take(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response()

    async with server(take) as port:
        yield port
    assert calls == []


async def test_a_host_that_is_not_listed_is_not_even_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*args: object, **kwargs: object) -> object:
        raise AssertionError("looked up")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for url in ("https://evil.example/", "https://hook.example.evil.example/", "https://xhook.example/"):
        found = await Webhooks(KEY, frozenset({"hook.example"})).send(delivery(url), NOW_MS)
        assert isinstance(found, Never)
        assert "IOC_WEBHOOK_HOSTS" in found.reason


async def test_plain_http_is_for_laboratories() -> None:
    found = await Webhooks(KEY, frozenset({"hook.example"})).send(delivery("http://hook.example/"), NOW_MS)
    assert found == Never("hook.example is called by https only")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"],
)
async def test_a_listed_name_with_a_private_address_is_not_called(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A name may say anything, also one public and one private address."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    async with nobody() as port:

        def look_up(host: object, *args: object, **kwargs: object) -> list[Any]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port)),
                (kind, socket.SOCK_STREAM, 6, "", (address, port)),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        sender = Webhooks(KEY, frozenset({"hook.example"}))
        found = await sender.send(delivery(f"https://hook.example:{port}/"), NOW_MS)
    assert isinstance(found, Never)
    assert "private address" in found.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "[::ffff:127.0.0.1]"])
async def test_a_listed_bare_address_is_judged_too(host: str) -> None:
    async with nobody() as port:
        sender = Webhooks(KEY, frozenset({host.strip("[]")}))
        found = await sender.send(delivery(f"https://{host}:{port}/"), NOW_MS)
    assert isinstance(found, Never)
    assert "private address" in found.reason


async def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged and called are the same look-up: there is no second one to lie to."""
    answers = []

    def look_up(host: object, port: object, *args: object, **kwargs: object) -> list[Any]:
        answers.append(host)
        address = "203.0.113.7" if len(answers) > 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def take(request: web.Request) -> web.Response:
        return web.Response()

    async with server(take) as port:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        found = await here("hook.example").send(delivery(f"http://hook.example:{port}/"), NOW_MS)
    assert found == Done()
    assert answers == ["hook.example"]


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with nobody() as port:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert await answered(lambda request: _respond(200)) == Done()


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        *((text, True) for text in ("93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")),
        *((text, False) for text in ("0.0.0.0", "100.64.0.1", "172.16.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1")),
        *((text, False) for text in ("::", "fe80::1%eth0", "ff02::1", "2001:db8::1", "2002:a00:1::", "2001:0:1::")),
    ],
)
def test_public_addresses(address: str, is_public: bool) -> None:
    assert public(address) == is_public


async def _respond(status: int, **more: Any) -> web.Response:
    return web.Response(status=status, **more)
