"""Calls to the outside: only to named hosts, only to public addresses, never where an answer would send us.

A host that is not in the list is not even looked up. Its name is resolved here, every address is judged, and the
connection goes to a judged address: a name that changes its mind between look-up and call gains nothing. Redirects are
not followed, proxies of the environment are not used, cookies are not kept.

The body is signed: ``IOC-Signature: t=<unix seconds>,v1=<hex>`` is HMAC-SHA256 of ``<t>.<body>`` with the key in
``<data folder>/webhook.key``. A receiver checks it, refuses an old ``t``, and knows a repeat by ``IOC-Delivery``.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ioc.pipeline.notices import Again, Delivery, Done, Never, Result

TIMEOUT_S = 10.0  # of a whole call, look-up included
ANSWER_BYTES_MAX = 1024  # read of an answer, for the log of failures
# Addresses inside which another, possibly private one is written: NAT64, its local form, 6to4, Teredo.
_CARRIERS = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
# Answers that a later attempt may change; every other 4xx is for good.
_LATER = frozenset({408, 423, 425, 429})


def public(text: str) -> bool:
    """Whether an address is one of the public internet: no private, loopback, link-local, multicast or carrier one."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in network for network in _CARRIERS):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class Refused(Exception):
    """This side does not call there; the text says why."""


class _Resolver(AbstractResolver):
    """Names to judged addresses."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self._private_hosts = private_hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = [(kind, str(where[0])) for kind, _, _, _, where in found]
        self.judge(host, [address for _, address in addresses])
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in addresses
        ]

    def judge(self, host: str, addresses: list[str]) -> None:
        """Raises Refused unless every address may be called under this name."""
        if host.lower() in self._private_hosts:
            return
        for address in addresses:
            if not public(address):
                raise Refused(f"{host} is the private address {address}")

    async def close(self) -> None:
        """Nothing is held."""


class Webhooks:
    """Sends notices by HTTP POST.

    Args:
        key: signs the bodies.
        hosts: the only hosts that may be called, lower case.
        private_hosts: of these, the ones that may have a private address and plain http: tests and laboratories.
    """

    def __init__(self, key: bytes, hosts: frozenset[str], private_hosts: frozenset[str] = frozenset()) -> None:
        self._key = key
        self._hosts = hosts | private_hosts
        self._private_hosts = private_hosts

    async def send(self, delivery: Delivery, now_ms: int) -> Result:
        """One attempt."""
        url, body = delivery.notice.target, delivery.notice.body.encode()
        resolver = _Resolver(self._private_hosts)
        try:
            self._judge_url(url, resolver)
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                    trust_env=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.post(
                    url, data=body, headers=self.headers(delivery, body, now_ms), allow_redirects=False
                ) as answer,
            ):
                said = (await answer.content.read(ANSWER_BYTES_MAX)).decode("utf-8", "replace")
                return verdict(answer.status, answer.headers, said)
        except Refused as exc:
            return Never(str(exc))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            # aiohttp wraps what a resolver raises in some places.
            cause: BaseException | None = exc
            while cause is not None:
                if isinstance(cause, Refused):
                    return Never(str(cause))
                cause = cause.__cause__ or cause.__context__
            return Again(f"{type(exc).__name__}: {exc}")

    def headers(self, delivery: Delivery, body: bytes, now_ms: int) -> dict[str, str]:
        """Of one attempt: what it is, its key against repeats, the signature."""
        moment = str(now_ms // 1000)
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "ioc-notifier",
            "IOC-Delivery": delivery.notice.id,
            "IOC-Attempt": str(delivery.attempts + 1),
            "IOC-Signature": f"t={moment},v1={signature(self._key, moment, body)}",
        }

    def _judge_url(self, url: str, resolver: _Resolver) -> None:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if host not in self._hosts:
            raise Refused(f"{host} is not in IOC_WEBHOOK_HOSTS")
        if parts.scheme != "https" and host not in self._private_hosts:
            raise Refused(f"{host} is called by https only")
        try:
            ip_address(host)
        except ValueError:
            return  # a name: judged when it is resolved
        resolver.judge(host, [host])  # a bare address is never resolved


def signature(key: bytes, moment: str, body: bytes) -> str:
    """HMAC-SHA256 over ``<unix seconds>.<body>``, hexadecimal."""
    return hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def verdict(status: int, headers: Mapping[str, str], said: str) -> Result:
    """What an answer means: 2xx is done; redirects and most of 4xx are for good; the rest may change."""
    if 200 <= status < 300:
        return Done()
    reason = f"HTTP {status} {' '.join(said.split())[:120]}".strip()
    if status < 500 and status not in _LATER:
        return Never(f"{reason} (redirects are not followed)" if 300 <= status < 400 else reason)
    asked = headers.get("Retry-After", "")
    return Again(reason, int(asked) * 1000 if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0)
