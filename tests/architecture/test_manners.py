"""Small promises about the repository itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "dashboards/wall/package-lock.json")


def tracked() -> list[Path]:
    try:
        out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: a release archive has no list of tracked files")
    return [ROOT / name for name in out.decode().split("\0") if name]


def has_address(text: str) -> bool:
    return re.search(r"https?://", text) is not None


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_hold_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    hashes = len(re.findall(r"sha(?:256|512)[:-]", text))
    assert hashes > 50
    addresses = [line for line in text.splitlines() if '"resolved"' in line or "--index-url" in line]
    assert not addresses


def test_python_locks_name_no_address_at_all() -> None:
    for name in LOCKS[:2]:
        assert not has_address((ROOT / name).read_text()), name
    assert has_address("--index-url https://somewhere/simple")  # the check can fail


def test_no_file_is_a_secret_or_a_leftover() -> None:
    bad = [p for p in tracked() if p.suffix in {".key", ".pem", ".orig", ".rej", ".log"} or p.name == ".env"]
    assert not bad


def test_python_files_stay_small_enough_to_read() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in tracked()
        if p.suffix in {".py", ".ts", ".svelte"} and p.exists()
        for n in [len(p.read_text().splitlines())]
        if n > 450
    }
    assert not long, f"which two nouns are in each? {long}"
