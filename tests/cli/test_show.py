"""Tables on the terminal and in a pipe: what is to be copied is never cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ioc.cli.show import show
from ioc.stack.ports import free_ports
from tests.system import ROOT

ID = "raw.a-centre-with-a-long-name/12/123456789012/4711"
DETAIL = "intensity_veh_h must be a number such as 12.5, [bold]not[/bold] 'many cars in both directions, as ever'"
ROWS = [{"refused": "2023-10-22T18:40:00.000Z", "code": "schema", "detail": DETAIL, "by": None, "id": ID}] * 2
COLUMNS = ("refused", "code", "detail", "by", "id")


def test_a_pipe_gets_one_whole_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, COLUMNS, False, "nothing")
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == list(COLUMNS)
    assert len(lines) == 2
    for line in lines:
        assert DETAIL in line
        assert line.rstrip().endswith(ID)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_terminal_folds_other_columns_and_keeps_ids_in_one_piece(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    show(ROWS, COLUMNS, False, "nothing")
    out = capsys.readouterr().out
    assert out.count(ID) == 2
    assert "…" not in out


@pytest.mark.parametrize(
    "command",
    [
        ("dlq", "list"),
        ("dlq", "list", "--summary"),
        ("dlq", "show", "raw.tinh/0/1"),
        ("dlq", "redrive", "--all"),
        ("topics", "--wait-s", "0.5"),
        ("sim", "inject", "hydro.level", "--site", "BIENHOA", "level_m=2"),
        ("alerts", "list"),
        ("alerts", "log", "A-1"),
        ("users", "list"),
        ("db", "status"),
    ],
    ids=" ".join,
)
def test_a_part_that_is_away_is_one_sentence_and_no_line_of_a_library(command: tuple[str, ...], tmp_path: Path) -> None:
    [port] = free_ports(1)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
    environ |= {
        "IOC_KAFKA": f"127.0.0.1:{port}",
        "IOC_DATABASE_URL": f"postgresql://x@127.0.0.1:{port}/x",
        "IOC_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "ioc.cli", *command], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3
    assert done.stdout == ""
    [said] = done.stderr.splitlines()
    assert said.startswith(("ioc: kafka is not available: ", "ioc: database is not available: "))
