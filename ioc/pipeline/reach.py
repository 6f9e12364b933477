"""How far one centre's raw topic has been read, as seen from one partition of ``events``.

A centre's records come through several raw partitions, and the workers of intake read these side by side, one faster
than the other, one perhaps not at all for some seconds after a crash. What came of all of them up to a time is known
only by what intake says (:mod:`ioc.wire.progress`): the least of its raw partitions is how far the centre was read.

A raw partition that did not come on for ``PATIENCE_MS`` is left out until it does: a worker
that is gone must not hold up the alerts of the others for ever. What it brings later is judged when it comes. When
nobody reads a centre at all, how far it was read is not known, and stays as it is until somebody does.
"""

from __future__ import annotations

from msgspec import Struct

# Longer than a worker needs to come back after kill -9 (15 s at most are promised); this project's choice.
PATIENCE_MS = 20_000


class Reach(Struct):
    """What is known of one centre; ``told`` is kept in the checkpoint.

    Attributes:
        partitions: how many raw partitions the centre has.
        told: raw partition → arrival time up to which it was read, epoch ms.
        said: raw partition → what was said of it last; less than ``told`` after a clock was put right.
        heard_ms: raw partition → when it last came on, by this process's clock.
        since_ms: since when this process listens, and somebody reads, without a pause.
        spoken_ms: when anybody last came on, by this process's clock; -1 before the first time.
    """

    partitions: int
    told: dict[int, int] = {}
    said: dict[int, int] = {}
    heard_ms: dict[int, int] = {}
    since_ms: int = 0
    spoken_ms: int = -1

    def tell(self, partition: int, read_ms: int, now_ms: int) -> bool:
        """Take in what intake says; True when it was read further than before."""
        told_ms = self.told.get(partition, -2)
        new, before_ms = read_ms > told_ms, self.said.get(partition, told_ms)
        self.said[partition] = read_ms
        if read_ms == before_ms and read_ms >= 0:
            return False  # to say the same again is no sign of life: who reads, or waits at the end, comes on
        # Less than before is one: the reader's clock was put right, or another one, whose clock is right, took over.
        if self.read_ms(now_ms) is None:
            self.since_ms = now_ms  # somebody is back: the others have their time, too
        self.heard_ms[partition] = self.spoken_ms = now_ms
        if new:
            self.told[partition] = read_ms
        return new

    def wait_anew(self, now_ms: int) -> None:
        """This process did not listen for some time: nobody was silent because of that."""
        self.since_ms = now_ms

    def read_ms(self, now_ms: int) -> int | None:
        """Arrival time up to which all partitions that are spoken of were read; None when there is no such one."""
        heard_ms, since_ms = self.heard_ms, self.since_ms
        known = [
            self.told.get(n, -1)
            for n in range(self.partitions)
            if now_ms - max(heard_ms.get(n, since_ms), since_ms) < PATIENCE_MS
        ]
        return min(known) if known else None
