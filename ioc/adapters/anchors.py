"""Copies of the audit chain's head outside the database: a file that only grows, and the topic ``audit-anchors``.

The recorder that writes notes its head when none of this chain was noted yet and then every five minutes. When the
next one is due follows from the last line of the file, not from a timer, so restarts neither skip nor crowd anchors.
Put the data folder on another volume than the database, under another account; on Linux ``chattr +a`` on the file lets
nobody but root take a line out.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from ioc.adapters.kafka import Producer, new_reader, read_to_end
from ioc.domain.audit import Anchor, Finding, Head, anchor_due, anchor_line, read_anchors
from ioc.errors import Unavailable
from ioc.ports import Clock
from ioc.settings import Settings
from ioc.wire.topics import Topics

TOPIC = "audit-anchors"
LOOK_EVERY_S = 10.0
TAIL_BYTES = 4096  # a line has about 250
FILE_MODE = 0o600

log = logging.getLogger("ioc.audit")


def anchor_file(settings: Settings) -> Path:
    """Where the anchors of this installation are."""
    return settings.data_dir / "audit" / "anchors.jsonl"


class AnchorFile:
    """One line of JSON per anchor. Several processes may write to it: each takes the lock of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, head: Head, now_ms: int) -> bytes | None:
        """Append an anchor if one is due and see it on the disk; the line, or None when none is due.

        Raises:
            OSError: the folder is full, away or not ours.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            last, torn = _last_line(file)
            if not anchor_due(head, _anchor(last), now_ms):
                return None
            line = anchor_line(head, now_ms, last)
            # A line without an end was never finished: its writer was killed or the disk was full.
            size = os.fstat(file).st_size - torn
            if torn:
                os.ftruncate(file, size)
            whole = line + b"\n"
            try:
                written = os.write(file, whole)
                if written != len(whole):
                    raise OSError(f"only {written} of {len(whole)} bytes of an anchor were written")
            except OSError:
                os.ftruncate(file, size)
                raise
            os.fsync(file)
            return line
        finally:
            os.close(file)

    def read(self) -> tuple[list[Anchor], Finding | None]:
        """All anchors, oldest first, and what is wrong with the file; nothing where there is none."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [], None
        return read_anchors(content.split(b"\n")[:-1], str(self.path))


def _last_line(file: int) -> tuple[bytes | None, int]:
    """The last whole line, None if there is none, and how many bytes of an unfinished one follow it."""
    size = os.fstat(file).st_size
    tail = os.pread(file, TAIL_BYTES, max(0, size - TAIL_BYTES))
    whole, end, torn = tail.rpartition(b"\n")
    if not end:
        return None, len(torn)
    return whole.rpartition(b"\n")[2], len(torn)


def _anchor(line: bytes | None) -> Anchor | None:
    """The anchor of a line; None also for one that cannot be read, so that a good one follows at once."""
    try:
        return None if line is None else msgspec.json.decode(line, type=Anchor)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


async def keep_anchors(
    head: Callable[[], Head | None],
    file: AnchorFile,
    send: Callable[[bytes, bytes], Awaitable[object]],
    clock: Clock,
    *,
    look_every_s: float = LOOK_EVERY_S,
) -> None:
    """Note the head outside whenever it is due, until cancelled. Neither a full disk nor an absent bus ends it.

    Args:
        head: the end of the chain as committed, None while this process is not the writer.
        send: key and line to the topic; raises Unavailable. A line without an answer is sent again.
    """
    waiting: list[tuple[bytes, bytes]] = []
    alone: Anchor | None = None  # the last one that went to the bus only
    failing = unheard = False
    while True:
        now, now_ms = head(), clock()
        try:
            if now is not None and (line := await asyncio.to_thread(file.note, now, now_ms)) is not None:
                waiting = [(now.chain.encode(), line)]  # a newer one says more than one that was never sent
            failing = False
        except OSError as exc:
            if not failing:
                log.error("the head of the audit chain could not be noted in %s: %s", file.path, exc)
            failing = True
            if now is not None and anchor_due(now, alone, now_ms):
                line = anchor_line(now, now_ms, None)
                waiting, alone = [(now.chain.encode(), line)], _anchor(line)
        try:
            for key, line in waiting:
                await send(key, line)
            waiting, unheard = [], False
        except Unavailable as exc:
            if not unheard:
                log.warning("the head of the audit chain is not on the bus yet: %s", exc)
            unheard = True
        await asyncio.sleep(look_every_s)


class AnchorTopic:
    """The topic side of a recorder: a producer that is made when the first anchor goes out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Producer | None = None

    async def send(self, key: bytes, line: bytes) -> None:
        """Append one line. Raises Unavailable."""
        if self._producer is None:
            producer = Producer(self._settings, Topics(self._settings.topic_prefix, ()))
            await producer.start()
            self._producer = producer
        await self._producer.send(TOPIC, key, line)

    async def close(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()


async def read_topic(settings: Settings) -> tuple[list[Anchor], Finding | None]:
    """The anchors on the bus: copies of lines of the files of all recorders, so only each by itself is checked.

    Raises:
        Unavailable: the broker does not answer.
    """
    place = TopicPartition(Topics(settings.topic_prefix, ()).name(TOPIC), 0)
    reader = new_reader(settings.kafka)
    anchors: list[Anchor] = []
    try:
        await reader.start()
        async for record in read_to_end(reader, [place]):
            found, finding = read_anchors([record.value or b""], f"{place.topic}, record {record.offset}")
            if finding is not None and finding.position is None:
                return anchors, finding
            anchors += found
    except (KafkaError, OSError, TimeoutError) as exc:
        raise Unavailable("kafka", f"{place.topic}: {type(exc).__name__} {exc}") from exc
    finally:
        await reader.stop()
    return anchors, None
