"""What a centre may do at the broker, and how a sender signs in as its centre.

A centre's principal ``User:centre-<id>`` may WRITE and DESCRIBE exactly its raw topic. Everything else the broker
denies, because it has an authorizer and no rule allows it. An idempotent producer needs no right of its own: the right
to write any topic includes it (KIP-679, Kafka 3.0).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    SecurityDisabled,
    for_code,
)
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from msgspec import Struct

from ioc.adapters.clock import monotonic_s
from ioc.errors import BadSettings, Unavailable
from ioc.settings import Settings
from ioc.wire.topics import SENDER, Topics, sender_of

# Numbers of Kafka's protocol (ResourceType, PatternType, AclOperation, AclPermissionType).
TOPIC = 2
ANY, LITERAL = 1, 3
WRITE, DESCRIBE = 4, 8
ALLOW = 3
EVERY_HOST = "*"
REQUEST_TIMEOUT_MS = 15_000
LOOK_AGAIN_S = 0.05
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Right(Struct, frozen=True, order=True):
    """One rule that allows ``principal`` an ``operation`` on topics; numbers as in Kafka's protocol."""

    principal: str
    name: str
    operation: int
    pattern: int = LITERAL
    host: str = EVERY_HOST


class Changes(Struct, frozen=True):
    """Rules to make and rules to take away."""

    made: tuple[Right, ...]
    removed: tuple[Right, ...]


def rights_of(topics: Topics) -> frozenset[Right]:
    """What the centres of an installation are allowed, all of it."""
    return frozenset(
        Right(f"User:{sender_of(centre)}", topics.name(logical), operation)
        for centre, logical in topics.raw.items()
        for operation in (WRITE, DESCRIBE)
    )


def changes(found: Iterable[Right], topics: Topics) -> Changes:
    """What has to change so that centres have their rights and no others on topics of this prefix.

    Rules of other principals, of other prefixes, and rules that deny are not touched.
    """
    wanted, there = rights_of(topics), frozenset(found)
    of_centres = {
        right
        for right in there
        if right.principal.startswith(f"User:{SENDER}") and right.name.startswith(topics.prefix)
    }
    return Changes(tuple(sorted(wanted - there)), tuple(sorted(of_centres - wanted)))


async def ensure_rights(bootstrap: str, topics: Topics, *, wait_s: float = 30.0) -> Changes | None:
    """Give every centre its rights and take away what centres had before; repeating it does no harm.

    Returns when the broker applies them. None: the broker has no authorizer, so that everybody may do everything.

    Args:
        bootstrap: a listener whose principal may alter the cluster.

    Raises:
        BadSettings: the broker does not let us change rules.
        Unavailable: it does not answer, or does not apply the rules within ``wait_s`` seconds.
    """
    deadline_s = monotonic_s() + wait_s
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        first = changes(await _rights(client), topics)
        for right in first.made:
            for code, detail in (await _ask(client, CreateAclsRequest(*_row(right)))).creation_responses:
                _check(code, detail)
        for right in first.removed:
            for code, detail, _ in (await _ask(client, DeleteAclsRequest(*_row(right)))).filter_responses:
                _check(code, detail)
        while changes(await _rights(client), topics) != Changes((), ()):
            if monotonic_s() >= deadline_s:
                raise Unavailable("kafka", f"{bootstrap} does not apply the rights of centres within {wait_s:g} s")
            await asyncio.sleep(LOOK_AGAIN_S)
        return first
    except SecurityDisabled:
        return None
    except ClusterAuthorizationFailedError as exc:
        raise BadSettings([f"the broker at {bootstrap} does not let us give rights to centres: {exc}"]) from exc
    except (KafkaError, OSError, TimeoutError) as exc:
        raise Unavailable("kafka", f"{bootstrap}: {type(exc).__name__} {exc}") from exc
    finally:
        await client.close()


def sign_in(settings: Settings, centre: str) -> dict[str, Any]:
    """Options with which a client of aiokafka signs in as a centre; none where ``IOC_KAFKA_CENTRES`` is not set.

    SASL/PLAIN without TLS, for loopback; elsewhere the client warns of each password that it sends in the clear.

    Raises:
        BadSettings: the file of passwords cannot be read, or has none for this centre.
    """
    if not settings.kafka_centres:
        return {}
    file = settings.centres_secrets
    try:
        password = json.loads(file.read_bytes())[centre] if file is not None else None
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise BadSettings([f"{file} has no password of centre {centre} ({type(exc).__name__})"]) from exc
    if not isinstance(password, str) or not password:
        raise BadSettings([f"{file} has no password of centre {centre}"])
    if all(server.rpartition(":")[0] in LOOPBACK for server in settings.kafka_centres.split(",")):
        logging.getLogger("aiokafka.conn").addFilter(_not_of_clear_text)  # a second time changes nothing
    return {
        "bootstrap_servers": settings.kafka_centres,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": sender_of(centre),
        "sasl_plain_password": password,
    }


async def check_password(settings: Settings, centre: str) -> None:
    """Sign in once and hang up, because aiokafka's clients do not tell a wrong password from a broker that is away.

    Raises:
        BadSettings: the broker does not know this name with this password.
        Unavailable: the broker does not answer.
    """
    options = sign_in(settings, centre)
    host, _, port = str(options.pop("bootstrap_servers")).split(",")[0].rpartition(":")
    try:
        connection = await create_conn(host, int(port), request_timeout_ms=REQUEST_TIMEOUT_MS, **options)
    except SaslAuthenticationFailed as exc:
        who = f"the broker at {settings.kafka_centres} refuses {sender_of(centre)}"
        raise BadSettings([f"{who} with its password in {settings.centres_secrets}"]) from exc
    except (KafkaError, OSError, TimeoutError) as exc:
        raise Unavailable("kafka", f"{settings.kafka_centres}: {type(exc).__name__} {exc}") from exc
    connection.close()


async def _rights(client: AIOKafkaClient) -> list[Right]:
    """All rules about topics that allow something."""
    answer = await _ask(client, DescribeAclsRequest(TOPIC, None, ANY, None, None, ANY, ALLOW))
    _check(answer.error_code, answer.error_message)
    return [
        Right(principal, name, operation, pattern, host)
        for _, name, pattern, rules in answer.resources
        for principal, host, operation, _ in rules
    ]


async def _ask(client: AIOKafkaClient, request: Any) -> Any:
    return await client.send(client.get_random_node(), request)


def _row(right: Right) -> tuple[int, str, int, str, str, int, int]:
    """A rule in the order of Kafka's protocol."""
    return TOPIC, right.name, right.pattern, right.principal, right.host, right.operation, ALLOW


def _check(code: int, detail: str | None) -> None:
    if code:
        raise for_code(code)(detail or "")


def _not_of_clear_text(record: logging.LogRecord) -> bool:
    return record.msg != "Sending username and password in the clear"
