"""Keys of the checkpoint, restoring, and the fence."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced, RequestTimedOutError
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from ioc.adapters.kafka import LogRange, ensure_topics, new_reader, read_to_end
from ioc.settings import Settings
from ioc.wire.topics import TopicSpec
from stream_jobs import checkpoint
from stream_jobs.checkpoint import (
    POSITION,
    Layout,
    LostCheckpoint,
    Restored,
    check_position,
    start_producers,
    take_over,
)
from stream_jobs.perform import transact
from tests.conftest import Stack

PREFIXED = Layout("ioc.checkpoints.intake", {"ioc.raw.a": "raw.a|", "ioc.raw.ab": "raw.ab|"})
PLAIN = Layout("ioc.alerts", {"ioc.alert-inputs": ""})
INPUT = TP("ioc.events", 3)


@given(st.sampled_from(["ioc.raw.a", "ioc.raw.ab"]), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_prefixed_key_finds_its_input_again(topic: str, key: str) -> None:
    assert PREFIXED.split(PREFIXED.key(topic, key)) == (topic, key)


def test_a_single_input_keeps_its_keys_as_they_are() -> None:
    assert PLAIN.key("ioc.alert-inputs", "A-1") == b"A-1"
    assert PLAIN.split(b"@position") == ("ioc.alert-inputs", POSITION)


def test_keys_of_another_input_are_nobodys() -> None:
    assert PREFIXED.split(b"raw.c|x") is None


def test_the_newest_value_of_a_key_wins_and_a_deletion_deletes() -> None:
    restored = Restored()
    for key, value in [("a", b"1"), ("b", b"1"), (POSITION, b"7"), ("a", b"2"), ("b", None), (POSITION, b"9")]:
        restored.apply(key, value)
    assert (restored.position, restored.state, restored.records) == (9, {"a": b"2"}, 6)


@pytest.mark.parametrize(("position", "committed", "end"), [(0, 0, 0), (5, 5, 5), (5, 3, 9), (9, 0, 9)])
def test_a_position_that_fits(position: int, committed: int, end: int) -> None:
    check_position(INPUT, position, committed, LogRange(0, end))


def test_a_position_behind_the_commit_has_lost_records() -> None:
    with pytest.raises(LostCheckpoint, match=r"ioc\.events/3 has lost records: it says offset 4, but 5 was committed"):
        check_position(INPUT, 4, 5, LogRange(0, 9))


def test_a_position_beyond_the_log_means_another_topic() -> None:
    with pytest.raises(LostCheckpoint, match=r"says offset 10, but the log ends at 9: the input topic was made anew"):
        check_position(INPUT, 10, 0, LogRange(0, 9))


def test_records_lost_to_retention_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    check_position(INPUT, 4, 4, LogRange(7, 9))
    assert "retention deleted offsets 4 to 6 unprocessed" in caplog.text


@pytest.mark.stack
async def test_a_take_over_fences_first_and_reads_then(stack: Stack, prefix: str) -> None:
    settings = Settings(kafka=stack.kafka, topic_prefix=prefix)
    specs = [TopicSpec("in", 2), TopicSpec("ckpt", 2, compacted=True)]
    await ensure_topics(stack.kafka, specs, prefix)
    layout = Layout(f"{prefix}ckpt", {f"{prefix}in": "in|"})
    tp, here = TP(f"{prefix}in", 1), (f"{prefix}ckpt", 1)

    old = (await start_producers(settings, "g", [tp]))[tp]
    await transact(old, {(f"{prefix}in", 1): [(b"k", b"v")] * 5}, 1)
    await transact(old, {here: [(b"in|a", b"1"), (b"in|@position", b"5")]}, 1)
    await old.begin_transaction()
    await old.send_and_wait(*here[:1], b"2", b"in|a", partition=1)  # open when the successor comes

    taken = (await take_over(settings, "g", layout, {tp: 5}))[tp]
    try:
        assert taken.restored.state == {"a": b"1"}
        assert taken.restored.position == 5
        assert taken.end == 6  # five records and the marker
        with pytest.raises(ProducerFenced):
            await old.commit_transaction()
        await transact(taken.producer, {here: [(b"in|a", b"4")]}, 1)
    finally:
        await taken.producer.stop()
        await old.stop()
    reader = new_reader(stack.kafka)
    await reader.start()
    values = [r.value async for r in read_to_end(reader, [TopicPartition(*here)]) if r.key == b"in|a"]
    await reader.stop()
    assert values == [b"1", b"4"]


@pytest.mark.stack
async def test_an_open_transaction_of_a_neighbour_hides_nothing(stack: Stack, prefix: str) -> None:
    """Two inputs share a checkpoint partition; one's open transaction lies before the other's committed state."""
    settings = Settings(kafka=stack.kafka, topic_prefix=prefix)
    await ensure_topics(stack.kafka, [TopicSpec(n, 1) for n in ("a", "b", "ckpt")], prefix)
    layout = Layout(f"{prefix}ckpt", {f"{prefix}a": "a|", f"{prefix}b": "b|"})
    mine, neighbour = TP(f"{prefix}a", 0), TP(f"{prefix}b", 0)
    producers = await start_producers(settings, "g", [mine, neighbour])
    await producers[neighbour].begin_transaction()
    await producers[neighbour].send_and_wait(f"{prefix}ckpt", b"open", b"b|x", partition=0)
    await transact(producers[mine], {(f"{prefix}ckpt", 0): [(b"a|x", b"1"), (b"a|@position", b"0")]}, 1)

    waiting = asyncio.create_task(take_over(settings, "g", layout, {mine: 0}))
    done, _ = await asyncio.wait([waiting], timeout=1.0)
    assert not done, "it did not wait for the neighbour's transaction"
    await producers[neighbour].abort_transaction()
    taken = (await waiting)[mine]
    assert taken.restored.state == {"x": b"1"}
    for producer in (taken.producer, *producers.values()):
        await producer.stop()


class Mute:
    """A producer whose start never ends; ``stubborn``: nor does its stop."""

    def __init__(self, stubborn: bool) -> None:
        self.stubborn, self.stopped = stubborn, False

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.stopped = True
        if self.stubborn:
            await asyncio.Event().wait()


@pytest.mark.parametrize("stubborn", [False, True])
async def test_producers_that_do_not_start_are_given_up(monkeypatch: pytest.MonkeyPatch, stubborn: bool) -> None:
    made: list[Mute] = []
    monkeypatch.setattr(checkpoint, "new_producer", lambda *_, **__: made.append(Mute(stubborn)) or made[-1])
    monkeypatch.setattr(checkpoint, "START_S", 0.05)
    monkeypatch.setattr(checkpoint, "STOP_S", 0.05)
    with pytest.raises(RequestTimedOutError, match="2 producers") as caught:
        await start_producers(Settings(), "g", [TP("in", 0), TP("in", 1)])
    assert caught.value.retriable, "the take-over begins anew"
    assert [one.stopped for one in made] == [True, True]


@pytest.mark.stack
async def test_a_checkpoint_of_which_nothing_comes_is_given_up(
    stack: Stack, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour's transaction stays open; each try is given up, and one after its end succeeds."""
    settings = Settings(kafka=stack.kafka, topic_prefix=prefix)
    await ensure_topics(stack.kafka, [TopicSpec(n, 1) for n in ("a", "b", "ckpt")], prefix)
    layout = Layout(f"{prefix}ckpt", {f"{prefix}a": "a|", f"{prefix}b": "b|"})
    mine, neighbour = TP(f"{prefix}a", 0), TP(f"{prefix}b", 0)
    producer = (await start_producers(settings, "g", [neighbour]))[neighbour]
    await producer.begin_transaction()
    await producer.send_and_wait(f"{prefix}ckpt", b"open", b"b|x", partition=0)
    monkeypatch.setattr(checkpoint, "STALL_S", 0.5)
    with pytest.raises(RequestTimedOutError, match="nothing came"):
        await take_over(settings, "g", layout, {mine: 0})
    await producer.abort_transaction()
    monkeypatch.setattr(checkpoint, "STALL_S", 15.0)
    taken = (await take_over(settings, "g", layout, {mine: 0}))[mine]
    for one in (taken.producer, producer):
        await one.stop()
