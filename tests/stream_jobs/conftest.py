"""The toy installation on the real broker."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.conftest import Stack
from tests.stream_jobs.harness import Bench


@pytest_asyncio.fixture
async def bench(stack: Stack, tmp_path: Path) -> AsyncIterator[Bench]:
    """Topics of this test's own; its workers end with the test."""
    made = Bench(stack.kafka, f"t{uuid.uuid4().hex[:10]}.", tmp_path)
    await made.make_topics()
    yield made
    made.close()
