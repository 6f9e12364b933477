"""An ordinary Faust job: ``async for event`` with the same pure step, one record at a time, and no sink.

Faust with its own defaults (transport, buffers, garbage collector), except what keeps it comparable: raw bytes instead
of its codecs, no web server, no topics of its own. Nothing is written and no state is kept.
"""

from __future__ import annotations

import os
from typing import Any

import faust
from faust.worker import Worker

from ioc.adapters.clock import now_ms
from ioc.pipeline.effects import InRecord
from stream_jobs.measure.task import Parts

PROGRESS_EVERY = 1000


def run(parts: Parts) -> int:
    """Run until all records were looked at; the process then ends itself."""
    meter = parts.meter
    folder = parts.task.folder / "faust"
    folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        f"{parts.settings.topic_prefix}stock",
        broker=f"kafka://{parts.settings.kafka}",
        datadir=str(folder),
        autodiscover=False,
        origin=None,
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    steps = {(topic, p): parts.spec.make_step(parts.profile, parts.inputs[topic], p) for topic, p in parts.partitions}

    @app.agent(app.topic(*parts.inputs, key_type=None, value_type=None))
    async def one_by_one(stream: Any) -> None:
        count = 0
        async for event in stream.events():
            message = event.message
            record = InRecord(message.offset, round(message.timestamp * 1000), event.key, event.value)
            steps[message.topic, message.partition].step([record], now_ms())
            count += 1
            if count % PROGRESS_EVERY == 0 or count == meter.expected:
                meter.stepped(PROGRESS_EVERY if count % PROGRESS_EVERY == 0 else count % PROGRESS_EVERY, 0.0, 0.0)
            if count == meter.expected:
                meter.finish()
                os._exit(0)

    meter.hold_fetches(set(parts.inputs), lambda: True)
    worker = Worker(app, quiet=True, loglevel="ERROR", override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()
    return 1
