"""Call-outs on the real TimescaleDB."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ioc.domain.desk import Summons
from ioc.pipeline.notices import Again
from tests.adapters.test_notifier import ALERTS, LOG, World, alert, line, settled

pytestmark = pytest.mark.stack


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    found = World(database_url)
    await found.recorder.open([ALERTS, LOG])
    yield found
    await found.close()


async def test_a_call_out_that_failed_is_not_tried_again_when_somebody_took_the_alert(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    world.hook.answers = [Again("HTTP 503")]
    step = Summons(number=1, step=0, round=0, whom=("Trực ban 1",), channels=("hook",), at_ms=world.now_ms)
    await world.put(alert(version=2), line(what="summoned", version=2, from_state="UNACK", summons=step))
    await settled(notifier)
    assert len(world.hook.taken) == 1
    await world.put(
        alert(version=3, state="ACKED", acked=True),
        line(what="ack", version=3, kind="command", from_state="UNACK", to_state="ACKED"),
    )
    world.now_ms += 60_000
    await settled(notifier)
    [(state, error)] = world.rows("SELECT state, last_error FROM delivery")
    assert (state, error.partition(":")[0], len(world.hook.taken)) == ("dead", "OUTDATED", 1)
