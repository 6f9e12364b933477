"""What could not be sent yet, on disk: an append-only file that survives the death of its writer.

Messages are appended, read in their order, and marked as acknowledged behind one another in the same file, each in a
frame with checksums (:mod:`simulators.spool_frames`). Every append is one write to the operating system, without a
buffer in this process, so ``kill -9`` loses nothing of it. (There is no fsync: the loss of the host is outside.)

* A frame that the writer's death cut off at the end is cut away at the next opening, and said.
* A frame in the file that is not what was written is never skipped silently: opening and reading refuse.
* An acknowledgement whose mark was lost makes the message come again, with its id, by which the receiver knows it.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

from ioc.errors import BadInput, Unavailable
from simulators.courier import Message
from simulators.spool_frames import Damaged, Kind, acks_frame, acks_of, frame_at, message_frame, message_of

log = logging.getLogger(__name__)

# Size of the file with what is acknowledged already; it becomes 0 when everything is. When full, nothing is taken and
# nothing is thrown away: whoever appends has to wait. Marks of acknowledgements are always taken (8 bytes a message).
MAX_BYTES = 256 * 1024 * 1024
READ_MAX_BYTES = 4 * 1024 * 1024  # one read; bounds the memory of a pass over a long spool
ACKS_AT_ONCE = 100_000  # numbers in one frame


class Spool:
    """A file of messages that wait. One process at a time has it.

    Memory: 9 bytes for each message in the file.

    Args:
        path: made when it is not there, with its folder.
        max_bytes: see :data:`MAX_BYTES`.

    Raises:
        BadInput: another process has it, it cannot be written, or a frame in it is damaged; the sentence says where.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.cut_bytes = 0  # of a frame that was cut off at the end when the file was opened
        self._max_bytes = max_bytes
        self._offsets = array("Q")  # of the messages' frames, by number
        self._acked = bytearray()  # by number
        self._acked_count = 0
        self._first = 0  # number of the oldest message without acknowledgement
        self._next = 0  # number of the message that is read next
        self._size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise self._bad(f"cannot be opened: {exc.strerror or exc}") from exc
        try:
            self._take_over()
        except BaseException:
            os.close(self._file)
            raise
        self.found = self.pending  # messages of an earlier process

    @property
    def pending(self) -> int:
        """Messages without acknowledgement."""
        return len(self._offsets) - self._acked_count

    @property
    def unread(self) -> bool:
        """There is a message that was not read since the beginning or the last :meth:`rewind`."""
        return self._next < len(self._offsets)

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self._size

    def append(self, messages: Iterable[Message]) -> bool:
        """Keep messages behind all others, all or none; False when there is no room for them.

        Raises:
            Unavailable: the disk does not take them; the file is as before.
        """
        first = len(self._offsets)
        frames = [message_frame(number, message) for number, message in enumerate(messages, first)]
        if self._size + sum(map(len, frames)) > self._max_bytes:
            return False
        at = self._size
        self._write(frames)
        for frame in frames:
            self._offsets.append(at)
            at += len(frame)
        self._acked.extend(bytes(len(frames)))
        return True

    def read(self, most: int) -> list[tuple[int, Message]]:
        """The next messages without acknowledgement, in their order, each with its number; at most about 4 MiB.

        Raises:
            BadInput: a frame in the file is damaged.
        """
        found: list[tuple[int, Message]] = []
        while not found and self.unread:
            start = self._offsets[self._next]
            data = os.pread(self._file, min(READ_MAX_BYTES, self._size - start), start)
            if not self._messages_in(data, start, most, found):  # one message is larger than a read
                data = os.pread(self._file, self._size - start, start)
                if not self._messages_in(data, start, 1, found):
                    raise self._damaged(Damaged(start, "the file was cut off while it was in use"))
        return found

    def ack(self, numbers: Sequence[int]) -> None:
        """Note that messages need not be sent again. When none is left the file becomes empty."""
        for number in numbers:
            if not self._acked[number]:
                self._acked[number] = 1
                self._acked_count += 1
        while self._first < len(self._offsets) and self._acked[self._first]:
            self._first += 1
        try:
            if self.pending == 0:
                os.ftruncate(self._file, 0)
                self._size = self._first = self._next = self._acked_count = 0
                del self._offsets[:]
                self._acked.clear()
            else:
                for at in range(0, len(numbers), ACKS_AT_ONCE):
                    self._write([acks_frame(numbers[at : at + ACKS_AT_ONCE])])
        except (OSError, Unavailable) as exc:
            log.warning("%s: acknowledgements not noted; after a restart they are sent again: %s", self.path, exc)

    def rewind(self) -> None:
        """Read from the oldest message without acknowledgement again."""
        self._next = self._first

    def close(self) -> None:
        """Let go of the file; it stays, with what has no acknowledgement."""
        os.close(self._file)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._bad("another player has it; give each player a spool of its own") from None
        size = os.fstat(self._file).st_size
        if size:
            with mmap.mmap(self._file, size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as data:
                self._load(data)
        self.cut_bytes = size - self._size
        if self.cut_bytes:
            os.ftruncate(self._file, self._size)
            log.warning("%s: %d bytes of a write that was cut off are cut away", self.path, self.cut_bytes)
        if size and self.pending == 0:
            self.ack(())
        self._next = self._first

    def _load(self, data: memoryview) -> None:
        try:
            while self._size < len(data) and (frame := frame_at(data, self._size)) is not None:
                if frame.kind is Kind.MESSAGE:
                    if frame.number != len(self._offsets):
                        raise Damaged(frame.start, f"message {frame.number} stands where {len(self._offsets)} belongs")
                    self._offsets.append(frame.start)
                    self._acked.append(0)
                else:
                    for number in acks_of(data, frame):
                        if number >= len(self._acked):
                            raise Damaged(frame.start, f"message {number} is acknowledged before it stands in the file")
                        self._acked_count += not self._acked[number]
                        self._acked[number] = 1
                self._size = frame.end
        except Damaged as exc:
            raise self._damaged(exc) from exc
        while self._first < len(self._offsets) and self._acked[self._first]:
            self._first += 1

    def _messages_in(self, data: bytes, start: int, most: int, found: list[tuple[int, Message]]) -> bool:
        """Take messages from a stretch of the file into ``found``; False when not even the first is whole in it."""
        taken = False
        while most > 0 and self._next < len(self._offsets):
            at = self._offsets[self._next] - start
            try:
                frame = frame_at(data, at) if at < len(data) else None
                if frame is None:
                    return taken
                if frame.number != self._next or frame.kind is not Kind.MESSAGE:
                    raise Damaged(frame.start, "not the message that was written here")
            except Damaged as exc:
                raise self._damaged(Damaged(start + exc.at, exc.why)) from exc
            if not self._acked[self._next]:
                found.append((self._next, message_of(data, frame)))
                most -= 1
            self._next += 1
            taken = True
        return taken

    def _write(self, frames: list[bytes]) -> None:
        data = memoryview(b"".join(frames))
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError as exc:
            os.ftruncate(self._file, self._size)
            raise Unavailable("spool", f"{self.path}: {exc.strerror or exc}") from exc
        self._size += len(data)

    def _damaged(self, exc: Damaged) -> BadInput:
        remedy = "move the file away to go on without it, or bring it back from a copy; nothing was changed"
        return self._bad(f"{exc}; {remedy}")

    def _bad(self, detail: str) -> BadInput:
        return BadInput("spool", "", f"{self.path}: {detail}")
