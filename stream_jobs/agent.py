"""The agent that every job is: chunks of one partition → its step → a flush. The jobs differ in their specs only."""

from __future__ import annotations

from typing import Any

import faust

from ioc.adapters.clock import now_ms
from stream_jobs.job import Job


def attach(app: faust.App, job: Job, channel: Any) -> None:
    """Register the agent under the job's name; nothing runs before the app starts."""

    @app.agent(channel, name=job.spec.name, concurrency=1)
    async def work(batches: Any) -> None:
        async for event in batches.noack().events():
            async with job.ending_on_error():
                owned = await job.receive(event)
                if owned is not None:
                    effects = owned.step.step(owned.fresh(event.value), now_ms())
                    await job.perform(owned, event, effects)
