"""The player and the injection against the real Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from ioc.adapters import clock
from ioc.adapters.kafka import new_reader, read_to_end
from ioc.adapters.profiles import load_profile
from ioc.settings import Settings
from ioc.wire.topics import RAW_PARTITIONS, Topics
from simulators import inject, overrides
from simulators.courier import Courier, Message
from simulators.ledger import read_ids
from simulators.link import KafkaLink
from simulators.live import Ways, run_live
from simulators.runs import Outcome, Wish, plan_of

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(stack: Any, prefix: str, tmp_path: Path) -> Settings:
    return Settings(kafka=stack.kafka, topic_prefix=prefix, data_dir=tmp_path / "data")


async def stored(settings: Settings, centres: Iterable[str]) -> list[tuple[str, int, bytes, bytes]]:
    """(centre, partition, key, value) of everything in the raw topics, in order per partition."""
    topics = Topics(settings.topic_prefix, load_profile(settings.profile).centre_ids)
    reader = new_reader(settings.kafka)
    await reader.start()
    try:
        partitions = [TopicPartition(topics.name(f"raw.{c}"), p) for c in centres for p in range(RAW_PARTITIONS)]
        return [
            (topics.centre_of(r.topic) or "", r.partition, r.key or b"", r.value or b"")
            async for r in read_to_end(reader, partitions)
        ]
    finally:
        await reader.stop()


async def test_a_short_run_is_stored_whole(settings: Settings, tmp_path: Path) -> None:
    profile = load_profile(settings.profile)
    book = tmp_path / "ledger.jsonl"
    began_ms = clock.now_ms()
    played = await asyncio.to_thread(_run_in_thread, settings, book)
    assert played.unacknowledged == 0
    assert played.verdict is None
    ids = read_ids(book)
    assert len(ids) == len(set(ids)) == pytest.approx(4 * 60, rel=0.1)
    found = await stored(settings, profile.centre_ids)
    assert len(found) == len(ids)
    text = b"\n".join(value for _, _, _, value in found)
    assert all(id_.encode() in text for id_ in ids)
    topics = Topics(settings.topic_prefix, profile.centre_ids)
    for centre, partition, key, _ in found:
        assert partition == topics.partition(f"raw.{centre}", key)
    assert clock.now_ms() - began_ms < 20_000


async def test_sigterm_drains_and_ends_with_0(settings: Settings, tmp_path: Path) -> None:
    book = tmp_path / "ledger.jsonl"
    player = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ioc.cli", "sim", "run", "live", "--rate", "100", "--ledger", str(book)),
        env={**os.environ, **settings.to_environ()},
    )
    try:
        async with asyncio.timeout(30):
            while not book.exists() or len(read_ids(book)) < 50:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        player.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(player.wait(), 15) == 0
    finally:
        if player.returncode is None:
            player.kill()
            await player.wait()
    ids = read_ids(book)
    found = await stored(settings, load_profile(settings.profile).centre_ids)
    assert len(found) == len(ids) == len(set(ids))


def _run_in_thread(settings: Settings, book: Path) -> Outcome:
    """A run owns its event loop, so the test gives it a thread of its own (where no signals can be handled)."""
    profile = load_profile(settings.profile)
    wish = Wish(name="live", rate=60, duration_s=4)
    plan = plan_of(wish, profile, now_ms=clock.now_ms(), default_seed=1)
    return run_live(settings, plan, profile, Ways(ledger=book, handle_signals=False))


async def test_an_injected_reading_is_stored_and_held(settings: Settings) -> None:
    id_ = await inject.inject(settings, None, "hydro.level", "BIENHOA", {"level_m": 2.05})
    found = await stored(settings, ["bien-hoa"])
    assert len(found) == 1
    assert id_.encode() in found[0][3]
    held = overrides.read(overrides.path_in(settings.data_dir))
    assert held["bien-hoa/BIENHOA"]["level_m"] == 2.05
    assert held["bien-hoa/BIENHOA"]["until_ms"] > clock.now_ms() + 100_000


async def test_raw_bytes_and_bad_records_pass_as_they_are(settings: Settings) -> None:
    await inject.send_raw(settings, "long-khanh", b"k", b"\xff\x00")
    await inject.inject_bad(settings, "long-khanh", "malformed")
    values = [value for _, _, _, value in await stored(settings, ["long-khanh"])]
    assert b"\xff\x00" in values
    assert len(values) == 2


async def test_many_large_messages_of_one_site_at_once_stay_below_the_limit_of_a_batch(settings: Settings) -> None:
    """A raw topic takes batches of at most 256 KiB; 900 messages of 900 bytes wait for one partition here."""
    profile = load_profile(settings.profile)
    courier = Courier(
        KafkaLink(settings, Topics(settings.topic_prefix, profile.centre_ids)),
        clock=clock.now_ms,
        sleep=asyncio.sleep,
        stopping=asyncio.Event(),
    )
    for n in range(900):
        assert await courier.offer(Message(f"M{n}", "long-khanh", b"one-site", b"%0900d" % n))
    assert await courier.drain() == 0
    await courier.close()
    assert courier.failures == 0
    assert [int(value) for _, _, _, value in await stored(settings, ["long-khanh"])] == list(range(900))
