"""``ioc record`` and ``ioc replay`` on the command line: what is refused, and what is said at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ioc.cli import main
from ioc.wire.recording import VERSION, Head, Writer, message

GOLDEN = Path(__file__).resolve().parents[1] / "simulators" / "golden" / "bien-hoa" / "hydro.level.json"


def recording(folder: Path, expect: list[dict[str, str]]) -> Path:
    writer = Writer()
    head = Head(
        version=VERSION,
        profile="dongnai-2023",
        from_="2026-11-24T03:00:00.000Z",
        to="2026-11-24T03:01:00.000Z",
        centres=("bien-hoa",),
        made_by="a test",
    )
    value = json.dumps(json.loads(GOLDEN.read_bytes()), ensure_ascii=False).encode()
    lines = [writer.line(head), writer.line(message(5_000, "bien-hoa", b"k", value)), writer.end(expect, {})]
    file = folder / "a.jsonl"
    file.write_bytes(b"".join(lines))
    return file


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay"], "give either a file of `ioc record`, or --from and --to"),
        (["replay", "a.gz", "--from", "2h"], "give either a file of `ioc record`, or --from and --to"),
        (["replay", "/nowhere/a.gz", "--dry"], "/nowhere/a.gz: cannot be read: No such file"),
        (["record", "--from", "1h", "--to", "2h"], "--from must be before --to"),
        (["record", "--from", "soon"], "--from 'soon' is not an instant"),
        (["record", "--from", "1h", "--centre", "hue"], "--centre: no centre 'hue' in dongnai-2023"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOC_KAFKA", "127.0.0.1:1")
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"ioc: {said}")


def test_without_a_broker_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOC_KAFKA", "127.0.0.1:1")
    assert main(["record", "--from", "1h", "-o", str(tmp_path / "a.gz")]) == 3
    assert "kafka is not available" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_end_is_one_sentence_and_the_exit_code_follows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recording(tmp_path, [])
    assert main(["replay", str(file), "--dry", "--exercise", "d"]) == 0
    said = f"{file} (drill d) replayed to its end: 1 of 1 messages in memory. It holds no alert, so nothing was judged."
    assert said in capsys.readouterr().out
    file = recording(tmp_path, [{"rule": "traffic-injury", "object": "CAM-BH-001", "raised": "10s..20s"}])
    assert main(["replay", str(file), "--dry", "--exercise", "d"]) == 1
    out = capsys.readouterr().out
    assert "missing: no such alert" in out
    assert "DOES NOT HOLD: 1 of 1." in out
    assert main(["replay", str(file), "--dry", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["sent"], result["dry"], result["verdict"]["holds"]) == (1, True, False)


def test_a_silence_is_judged_in_a_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The span is a minute without a heartbeat; of what is replayed of other centres nobody asks."""
    file = recording(tmp_path, [{"rule": "source-silent", "centre": "bien-hoa", "raised": "28s..35s"}])
    assert main(["replay", str(file), "--dry", "--exercise", "d"]) == 0
    assert "alerts: 1 (source-silent 1)" in capsys.readouterr().out
    file = recording(tmp_path, [{"rule": "source-silent", "centre": "bien-hoa", "raised": "10s..20s"}])
    assert main(["replay", str(file), "--dry", "--exercise", "d"]) == 1
