"""The whole example of docs/formats.md is a centre that works, and says what the document says."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ioc.cli import main
from ioc.domain.events import Event
from tests.system import ROOT


def test_the_whole_file_of_the_document_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8").partition("### A whole file")[2]
    table, sample, refused = re.findall(r"^```\w*\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)[:3]
    monkeypatch.chdir(tmp_path)
    Path("vinh-cuu.toml").write_text(table, encoding="utf-8")
    Path("sample.csv").write_text(sample, encoding="utf-8")
    assert main(["feeds", "check", "vinh-cuu.toml", "sample.csv"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[2:] == refused.splitlines()
    rain, report = (msgspec.json.decode(line.partition(": ")[2], type=Event) for line in shown[:2])
    assert (rain.source, rain.type, rain.area, rain.id) == ("/vinh-cuu/rain/VC-R1", "rain.gauge", "735", "7001")
    assert msgspec.json.decode(rain.data) == {"mm_10min": 2.5, "mm_1h": 7.0, "mm_24h": 18.5}
    assert (report.source, report.area) == ("/vinh-cuu/feedback/VC-1022", "735")
    assert msgspec.json.decode(report.data) == {
        "channel": "phone", "field": "nước", "text": "vỡ ống trước chợ", "state": "received",
    }  # fmt: skip
