"""The transport's promises that need no broker: private names, contiguous commits, deliveries after a seek."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from faust.types import TP

from ioc.errors import BadSettings
from ioc.settings import Settings
from stream_jobs import intake, transport
from stream_jobs.agent import attach
from stream_jobs.app import build
from stream_jobs.transport import BatchConsumer, check_private_names
from tests.stream_jobs.toy_worker import toy_profile

HERE = TP("ioc.raw.alpha", 1)


def test_the_installed_libraries_are_the_known_ones() -> None:
    check_private_names()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transport.VERSIONS, "aiokafka", (SimpleNamespace(__version__="0.15.0"), "0.14.0"))
    with pytest.raises(BadSettings, match=r"aiokafka 0\.14\.0 is needed, 0\.15\.0 is installed"):
        check_private_names()


def test_a_private_name_that_is_gone_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*transport.PRIVATE_NAMES, (transport.GroupCoordinator, ("_renamed_by_somebody",)))
    monkeypatch.setattr(transport, "PRIVATE_NAMES", names)
    with pytest.raises(BadSettings, match=r"GroupCoordinator has no _renamed_by_somebody"):
        check_private_names()


def test_every_private_name_that_is_used_is_on_the_list() -> None:
    """Underscore attributes of foreign objects in this package, except our own and dunder names."""
    listed = {name for _, names in transport.PRIVATE_NAMES for name in names}
    problems = []
    for file in sorted(Path(transport.__file__).parent.glob("*.py")):
        tree = ast.parse(file.read_text())
        own = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node)
        } | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        private = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        ]
        known = listed | own | {"_exit"}
        problems += [f"{file.name}:{node.lineno} {node.attr}" for node in private if node.attr not in known]
    assert problems == []


def is_self(node: Any) -> bool:
    return getattr(node.value, "id", None) == "self"


@pytest_asyncio.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[BatchConsumer]:
    """A consumer that is not connected, in generation 1."""
    app = build(intake.SPEC, attach, Settings(data_dir=tmp_path), toy_profile()).app
    app.consumer_generation_id = 1
    made = app.consumer
    assert isinstance(made, BatchConsumer)
    yield made


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


class Message:
    """What the consumer needs of a Faust message."""

    def __init__(self, offset: int, generation: int = 1) -> None:
        self.tp, self.offset, self.generation_id, self.acked = HERE, offset, generation, False


def deliver(consumer: BatchConsumer, *offsets: int, generation: int = 1) -> list[Any]:
    messages: list[Any] = [Message(offset, generation) for offset in offsets]
    consumer._in_flight[HERE].extend(messages)
    consumer._unacked_messages.update(messages)
    return messages


async def test_nothing_is_committed_past_a_chunk_in_work(consumer: BatchConsumer) -> None:
    first, second, third = deliver(consumer, 9, 19, 29)
    consumer.ack(second)
    consumer.ack(third)
    assert consumer._new_offset(HERE) is None
    consumer.ack(first)
    assert consumer._new_offset(HERE) == 30
    assert not consumer.unacked


async def test_a_chunk_is_acknowledged_once(consumer: BatchConsumer) -> None:
    (message,) = deliver(consumer, 9)
    assert consumer.ack(message)
    assert not consumer.ack(message)


async def test_an_acknowledgement_of_an_older_generation_commits_nothing(consumer: BatchConsumer) -> None:
    (old,) = deliver(consumer, 9, generation=0)
    consumer.ack(old)
    assert consumer._new_offset(HERE) is None
    assert not consumer.unacked, "a rebalance would wait for it for ever"


async def test_an_abandoned_chunk_is_not_waited_for_and_never_committed(consumer: BatchConsumer) -> None:
    first, second = deliver(consumer, 9, 19)
    consumer.abandon(first)
    consumer.ack(second)
    assert consumer._new_offset(HERE) is None
    assert not consumer.unacked


async def test_after_a_seek_the_first_chunk_must_begin_where_it_pointed(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought: list[dict[TP, int]] = []

    async def seek_wait(where: dict[TP, int]) -> None:
        sought.append(where)

    monkeypatch.setattr(consumer, "seek_wait", seek_wait)
    consumer._expected[HERE] = 5
    assert await consumer._contiguous(HERE, records(3, 4, 5, 6)) == records(5, 6)  # fetched before the seek
    assert await consumer._contiguous(HERE, records(8, 9)) == []  # fetched from a later position: go back, once
    assert sought == [{HERE: 5}]
    assert await consumer._contiguous(HERE, records(8, 9)) == records(8, 9)  # a real hole at the position
    assert consumer.data_gaps == 1
    consumer._proven.add(HERE)
    consumer._expected[HERE] = 10
    assert await consumer._contiguous(HERE, records(12)) == records(12)  # a marker: normal later on
    assert (sought, consumer.data_gaps) == ([{HERE: 5}], 1)


async def test_stable_end_prefers_the_last_stable_offset() -> None:
    assert transport._stable_end(SimpleNamespace(highwater=10, lso=7)) == 7
    assert transport._stable_end(SimpleNamespace(highwater=10, lso=-1)) == 10
    assert transport._stable_end(SimpleNamespace(highwater=10, lso=None)) == 10


def test_what_is_fetched_and_not_handed_over_is_not_read_out() -> None:
    consumer: Any = object.__new__(BatchConsumer)
    tp = TP("raw.a", 0)
    state = SimpleNamespace(highwater=5, lso=5, _position=5, timestamp=1_000)
    consumer._thread = SimpleNamespace(partition_states=lambda: {tp: state})
    consumer._handing_over = {tp}
    assert consumer.read_out(tp) is None
    consumer._handing_over = set()
    assert consumer.read_out(tp) == 1_000
    state._position = 4
    assert consumer.read_out(tp) is None
