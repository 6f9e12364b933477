from __future__ import annotations

from pathlib import Path

from simulators import overrides
from simulators.readings import Reading


def reading(site: str = "BIENHOA") -> Reading:
    return Reading(
        centre="bien-hoa",
        feed="hydro",
        site=site,
        area="731",
        type="hydro.level",
        time_ms=5,
        seq=1,
        data={"level_m": 0.4, "trend_m_h": 0.1},
        id="x",
    )


def test_held_fields_replace_and_others_stay() -> None:
    table = {"bien-hoa/BIENHOA": {"level_m": 2.05, "mm_1h": 3, "until_ms": 100}}
    assert overrides.apply(table, reading(), 50).data == {"level_m": 2.05, "trend_m_h": 0.1}
    assert overrides.apply(table, reading(), 100).data["level_m"] == 0.4
    assert overrides.apply(table, reading("TALAI"), 50).data["level_m"] == 0.4


def test_hold_merges_with_what_still_runs(tmp_path: Path) -> None:
    path = overrides.path_in(tmp_path)
    overrides.hold(path, "A", {"level_m": 1}, 100, 0)
    overrides.hold(path, "B", {"level_m": 2}, 900, 0)
    overrides.hold(path, "C", {"level_m": 3}, 900, 500)
    assert set(overrides.read(path)) == {"B", "C"}


def test_a_damaged_file_holds_nothing_and_is_replaced(tmp_path: Path) -> None:
    path = overrides.path_in(tmp_path)
    path.parent.mkdir()
    for damage in (b"{", b"[1]", b'{"A": 3}', b'{"A": {"level_m": 1}}'):
        path.write_bytes(damage)
        assert overrides.read(path) == {}
    overrides.hold(path, "A", {"level_m": 1}, 100, 0)
    assert set(overrides.read(path)) == {"A"}


def test_the_reader_notices_changes_within_half_a_second(tmp_path: Path) -> None:
    path = overrides.path_in(tmp_path)
    held = overrides.Overrides(path)
    assert held.apply(reading(), 1_000).data["level_m"] == 0.4
    overrides.hold(path, "bien-hoa/BIENHOA", {"level_m": 2.05}, 10_000, 0)
    assert held.apply(reading(), 1_600).data["level_m"] == 2.05
    overrides.hold(path, "bien-hoa/BIENHOA", {"level_m": 1.95}, 10_000, 0)
    assert held.apply(reading(), 2_200).data["level_m"] == 1.95
    path.unlink()
    assert held.apply(reading(), 2_800).data["level_m"] == 0.4


def test_a_value_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "overrides.json"
    overrides.hold(path, "bien-hoa/A", {"level_m": 1}, 900, 0)
    overrides.hold(path, "bien-hoa/B", {"level_m": 2}, 900, 0)
    overrides.release(path, "bien-hoa/A")
    assert set(overrides.read(path)) == {"bien-hoa/B"}


def test_the_same_site_of_another_centre_is_not_held() -> None:
    table = {"long-khanh/BIENHOA": {"level_m": 2.05, "until_ms": 100}}
    assert overrides.apply(table, reading(), 0) == reading()
