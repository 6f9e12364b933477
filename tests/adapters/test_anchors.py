"""The anchor file: only grows, survives a torn line and several writers, and never ends the recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ioc.adapters.anchors import AnchorFile, keep_anchors
from ioc.domain.audit import ANCHOR_EVERY_MS, Head
from ioc.errors import Unavailable


def head(position: int, chain: str = "c") -> Head:
    return Head(chain, position, b"%032d" % position)


@pytest.fixture
def file(tmp_path: Path) -> AnchorFile:
    return AnchorFile(tmp_path / "audit" / "anchors.jsonl")


def test_one_line_per_five_minutes_and_only_for_something_new(file: AnchorFile) -> None:
    assert file.read() == ([], None)
    assert file.note(head(0), 0) is None
    assert file.note(head(3), 1_000) is not None
    assert file.note(head(4), 1_000 + ANCHOR_EVERY_MS - 1) is None
    assert file.note(head(5), 1_000 + ANCHOR_EVERY_MS) is not None
    assert file.note(head(5), 1_000 + 9 * ANCHOR_EVERY_MS) is None
    assert AnchorFile(file.path).note(head(6), 1_000 + 9 * ANCHOR_EVERY_MS) is not None, "after a restart"
    anchors, problem = file.read()
    assert [a.position for a in anchors] == [3, 5, 6]
    assert problem is None
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b"{", b'{"at_ms":1,"chain":"c"', b"\xff"])
def test_a_line_that_was_never_finished_is_no_damage(file: AnchorFile, torn: bytes) -> None:
    file.note(head(1), 0)
    with file.path.open("ab") as handle:
        handle.write(torn)
    assert [a.position for a in file.read()[0]] == [1]
    assert file.note(head(2), ANCHOR_EVERY_MS) is not None
    anchors, problem = file.read()
    assert ([a.position for a in anchors], problem) == ([1, 2], None)


def test_a_changed_file_is_told(file: AnchorFile) -> None:
    for n in range(1, 4):
        file.note(head(n), n * ANCHOR_EVERY_MS)
    good = file.path.read_bytes()
    file.path.write_bytes(good.replace(b'"position":2', b'"position":9'))
    assert file.read()[1] is not None
    file.path.write_bytes(b"\n".join([good.split(b"\n")[0], *good.split(b"\n")[2:]]))
    assert file.read()[1] is not None
    file.path.write_bytes(b"nonsense\n" + good)
    assert file.read()[1] is not None
    assert file.note(head(9), 99 * ANCHOR_EVERY_MS) is not None, "and it goes on"


def test_several_writers_make_one_sequence(file: AnchorFile) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: file.note(head(n), n * ANCHOR_EVERY_MS), range(1, 60)))
    anchors, problem = file.read()
    assert problem is None
    assert anchors


async def test_the_keeper_goes_on_without_disk_and_without_bus(file: AnchorFile) -> None:
    now_ms, position = 0, 0
    sent: list[bytes] = []
    away = True

    async def send(key: bytes, line: bytes) -> None:
        if away:
            raise Unavailable("kafka")
        sent.append(line)

    def current() -> Head | None:
        return head(position) if position else None

    keeper = asyncio.create_task(keep_anchors(current, file, send, lambda: now_ms, look_every_s=0.001))

    async def until(reached: Callable[[], bool]) -> None:
        for _ in range(2_500):
            if reached():
                return
            await asyncio.sleep(0.002)
        raise AssertionError("not within five seconds")

    await asyncio.sleep(0.02)
    assert not file.path.exists(), "who does not write notes nothing"
    file.path.parent.write_text("no folder here")  # a disk that takes nothing
    position, away = 1, False
    await until(lambda: len(sent) == 1)
    await asyncio.sleep(0.02)
    assert len(sent) == 1, "without a disk the bus has it, as seldom"
    sent.clear()
    away = True
    file.path.parent.unlink()
    await until(lambda: len(file.read()[0]) == 1)
    now_ms, position = ANCHOR_EVERY_MS, 2
    await until(lambda: len(file.read()[0]) == 2)
    assert not sent
    away = False
    await until(lambda: bool(sent))
    await asyncio.sleep(0.02)
    assert sent == [file.path.read_bytes().splitlines()[-1]], "the newest, once"
    assert not keeper.done()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
