"""Logs are one JSON line per record, whatever is in them."""

from __future__ import annotations

import json
import logging

import pytest

from ioc.adapters import logs


@pytest.fixture(autouse=True)
def _root_handlers() -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_record_is_one_line_with_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "intake")
    logging.getLogger("ioc.x").info("took %d records", 5)
    [line] = lines(capsys)
    assert line["process"] == "intake"
    assert line["event"] == "took 5 records"
    assert line["level"] == "info"
    assert line["logger"] == "ioc.x"


def test_hostile_text_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "intake")
    logging.getLogger("ioc.x").warning("bad input %s", 'x\n{"level":"error","event":"forged"}\r\x1b[31m')
    assert len(lines(capsys)) == 1


def test_a_long_field_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "intake")
    logging.getLogger("ioc.x").info("a" * 10_000)
    [line] = lines(capsys)
    assert len(str(line["event"])) == logs.FIELD_MAX + 1


def test_an_exception_keeps_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "intake")
    try:
        raise RuntimeError("broken pipe in the north")
    except RuntimeError:
        logging.getLogger("ioc.x").exception("failed")
    [line] = lines(capsys)
    assert "broken pipe in the north" in str(line["exception"])


def test_libraries_are_quiet_below_warning(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", "intake")
    logging.getLogger("aiokafka.consumer").info("chatter")
    logging.getLogger("aiokafka.consumer").warning("trouble")
    assert [line["event"] for line in lines(capsys)] == ["trouble"]
