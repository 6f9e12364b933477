"""The spool: whatever is appended, acknowledged and killed, what is not acknowledged comes back, in its order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ioc.errors import BadInput, Unavailable
from simulators import spool as spool_module
from simulators.courier import Message
from simulators.spool import Spool
from simulators.spool_frames import HEAD_BYTES, Damaged, acks_frame, acks_of, frame_at, message_frame, message_of

texts = st.text(max_size=12)
messages = st.builds(
    Message, texts, texts, st.binary(max_size=12), st.binary(max_size=60), texts, st.integers(0, 2**53)
)


def message(n: int, size: int = 5) -> Message:
    return Message(f"M{n}", "bien-hoa", b"k%d" % (n % 3), b"v" * size, "hydro/A/hydro.level", 1_000 + n)


def everything(spool: Spool) -> list[Message]:
    spool.rewind()
    found: list[Message] = []
    while rows := spool.read(7):
        found += [one for _, one in rows]
    return found


@given(messages, st.integers(0, 2**63))
def test_a_message_comes_back_from_its_frame(one: Message, number: int) -> None:
    data = message_frame(number, one)
    frame = frame_at(data, 0)
    assert frame is not None
    assert (frame.number, frame.end) == (number, len(data))
    assert message_of(data, frame) == one


@given(st.lists(st.integers(0, 2**63), max_size=50))
def test_acknowledgements_come_back_from_their_frame(numbers: list[int]) -> None:
    data = acks_frame(numbers)
    frame = frame_at(data, 0)
    assert frame is not None
    assert list(acks_of(data, frame)) == numbers


@given(messages, st.data())
def test_every_flipped_bit_of_a_frame_is_found(one: Message, draw: st.DataObject) -> None:
    data = bytearray(message_frame(3, one) + message_frame(4, one))
    end = len(data) // 2
    bit = draw.draw(st.integers(0, end * 8 - 1))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged) as found:
        frame_at(bytes(data), 0)
    assert found.value.at == 0
    assert frame_at(bytes(data), end) is not None


@given(messages, st.data())
def test_a_frame_that_is_cut_off_is_torn_and_not_damaged(one: Message, draw: st.DataObject) -> None:
    data = message_frame(0, one)
    assert frame_at(data[: draw.draw(st.integers(0, len(data) - 1))], 0) is None


def test_a_length_that_no_writer_makes_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        message_frame(0, message(0, 17 * 1024 * 1024))


class Books(RuleBasedStateMachine):
    """A spool beside a list: any sequence of append, read, acknowledge and death."""

    make: Callable[[Path], Spool] = Spool

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "deep" / "spool"
        self.spool = type(self).make(self.path)
        self.made = 0
        self.waiting: list[Message] = []  # what has no acknowledgement, in order
        self.handed: list[tuple[int, Message]] = []
        self.cursor = 0  # how many of ``waiting`` were read since the last rewind

    @rule(count=st.integers(1, 6), size=st.integers(0, 50))
    def append(self, count: int, size: int) -> None:
        new = [message(self.made + n, size) for n in range(count)]
        assert self.spool.append(new)
        self.made += count
        self.waiting += new

    @rule(most=st.integers(1, 8))
    def read(self, most: int) -> None:
        rows = self.spool.read(most)
        assert [one for _, one in rows] == self.waiting[self.cursor : self.cursor + most]
        self.cursor += len(rows)
        self.handed += rows

    @precondition(lambda self: self.handed)
    @rule(draw=st.data())
    def acknowledge(self, draw: st.DataObject) -> None:
        chosen = draw.draw(st.lists(st.sampled_from(self.handed), unique_by=lambda row: row[0]))
        self.spool.ack([number for number, _ in chosen])
        gone = {one.id for _, one in chosen}
        self.cursor -= sum(one.id in gone for one in self.waiting[: self.cursor])
        self.handed = [row for row in self.handed if row[1].id not in gone]
        self.waiting = [one for one in self.waiting if one.id not in gone]

    @rule()
    def link_fails(self) -> None:
        self.spool.rewind()
        self.cursor, self.handed = 0, []

    @rule()
    def death(self) -> None:
        self._again()

    @rule(torn=st.integers(1, 400))
    def death_within_a_write(self, torn: int) -> None:
        """The next append reaches the file only in part: its messages were never taken."""
        frame = message_frame(len(self.spool._offsets), message(self.made, 300))
        self.spool.close()
        with self.path.open("ab") as file:
            file.write(frame[: min(torn, len(frame) - 1)])
        self._again(closed=True)
        assert self.spool.cut_bytes == min(torn, len(frame) - 1)

    def _again(self, closed: bool = False) -> None:
        if not closed:
            self.spool.close()  # no writes: death and close look the same on disk
        self.spool = type(self).make(self.path)
        self.cursor, self.handed = 0, []
        assert self.spool.found == len(self.waiting)

    @invariant()
    def count_holds(self) -> None:
        assert self.spool.pending == len(self.waiting)
        assert self.spool.size_bytes == self.path.stat().st_size
        assert bool(self.waiting) == bool(self.spool.size_bytes)

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            assert everything(self.spool) == self.waiting
            self.spool.close()
            self.folder.cleanup()


Books.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestBooks = Books.TestCase


class DropsFirst(Spool):
    """Planted: what an earlier process left is read without its first message."""

    def _take_over(self) -> None:
        super()._take_over()
        self._next += self.unread


class ForgetsMark(Spool):
    """Planted: the last number of each acknowledgement is forgotten."""

    def ack(self, numbers: Any) -> None:
        super().ack(numbers[:-1])


@pytest.mark.parametrize("planted", [DropsFirst, ForgetsMark])
def test_the_machine_finds_a_planted_mistake(planted: type[Spool]) -> None:
    class Broken(Books):
        make = planted

    quick = settings(max_examples=100, stateful_step_count=40, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=quick)


def test_a_flipped_bit_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool = Spool(path)
    spool.append([message(0), message(1), message(2)])
    second = spool._offsets[1]
    spool.close()
    whole = path.read_bytes()
    for at in (second, second + 4, second + HEAD_BYTES + 2):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        before = path.read_bytes()
        with pytest.raises(BadInput, match=rf"at byte {second}:.*move the file away"):
            Spool(path)
        assert path.read_bytes() == before


def test_a_bit_that_flips_while_the_spool_is_in_use_is_found(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool = Spool(path)
    spool.append([message(0), message(1)])
    with path.open("r+b") as file:
        file.seek(HEAD_BYTES + 3)
        file.write(b"\x07")
    with pytest.raises(BadInput, match="at byte 0: the checksum of the content"):
        spool.read(5)


def test_a_file_that_is_no_spool_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, all of them, more than a head is long")
    with pytest.raises(BadInput, match="no frame begins here"):
        Spool(path)
    assert path.read_text().startswith("my notes")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = Spool(tmp_path / "spool")
    with pytest.raises(BadInput, match="another player has it"):
        Spool(tmp_path / "spool")
    first.close()
    Spool(tmp_path / "spool").close()


def test_a_full_spool_takes_all_or_none_and_is_empty_again_when_all_is_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_bytes=1_000)
    assert spool.append([message(0, 400)])
    assert not spool.append([message(1, 300), message(2, 300)])
    assert spool.append([message(1, 300)])
    assert [one.id for one in everything(spool)] == ["M0", "M1"]
    spool.ack([1])
    assert not spool.append([message(2, 400)]), "room comes back only when everything is acknowledged"
    spool.ack([0])
    assert spool.size_bytes == 0
    assert spool.append([message(2, 800)])


def test_a_message_larger_than_a_read_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "READ_MAX_BYTES", 100)
    spool = Spool(tmp_path / "spool")
    wanted = [message(0), message(1, 500), message(2)]
    spool.append(wanted)
    assert everything(spool) == wanted


def test_a_disk_that_takes_half_of_a_write_leaves_no_half_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append([message(0)])
    real, calls = os.write, 0

    def full(file: int, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(28, "No space left on device")
        return real(file, data[:10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unavailable, match="No space left"):
        spool.append([message(1)])
    monkeypatch.undo()
    assert spool.append([message(2)])
    spool.close()
    assert [one.id for one in everything(Spool(tmp_path / "spool"))] == ["M0", "M2"]


def test_kill_9_of_the_writer_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    """A process appends, tells each number after the append has returned, and is killed in the middle of it."""
    program = (
        "import sys, pathlib\n"
        "from simulators.courier import Message\n"
        "from simulators.spool import Spool\n"
        "spool, n = Spool(pathlib.Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    assert spool.append([Message(f'M{n}', 'c', b'k', b'v' * 3000)])\n"
        "    print(n, flush=True); n += 1\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    found = [one.id for one in everything(Spool(tmp_path / "spool"))]
    assert found[: len(told)] == [f"M{n}" for n in told]
    assert len(found) - len(told) in (0, 1)
