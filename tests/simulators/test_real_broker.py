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
from simulators.ledger import read_ids
from simulators.player import run_scenario

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
    code = await asyncio.to_thread(_run_in_thread, settings, book)
    assert code == 0
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


def _run_in_thread(settings: Settings, book: Path) -> int:
    """A run owns its event loop, so the test gives it a thread of its own (where no signals can be handled)."""
    return run_scenario(settings, "live", rate=60, duration_s=4, ledger=book, handle_signals=False)


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
