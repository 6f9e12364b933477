"""The console has words for every code with which the desk refuses a command."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = ROOT / "dashboards" / "wall" / "src" / "lib" / "words_desk.ts"
REFUSAL = re.compile(
    r'"(?:REFUSED|NOT_FOUND|FORBIDDEN|MISMATCH|STALE)",\s*"(\w+)"'  # outcome and reason
    r'|_refused\(command, now_ms, "(\w+)"'
)
LACKING = re.compile(r'return "([A-Z_]{4,})"')


def refusals() -> set[str]:
    """Codes in the source of silences, incidents and handovers."""
    found: set[str] = set()
    for pattern in ("silences", "desk_commands", "incident*", "handover*"):
        for file in [*(ROOT / "ioc/domain").glob(f"{pattern}.py"), *(ROOT / "ioc/pipeline").glob(f"{pattern}.py")]:
            text = file.read_text()
            found |= {one for pair in REFUSAL.findall(text) for one in pair if one}
            if "bad_text" in text:
                found |= set(LACKING.findall(text))
    return found


def words(text: str) -> set[str]:
    """Codes that have words."""
    return set(re.findall(r"^  (\w+): \['", text, re.M))


def test_every_refusal_of_the_desk_has_words() -> None:
    assert {"NO_REASON", "BAD_TEXT", "TOO_OLD", "UNKNOWN_SILENCE", "forbidden"} <= refusals()
    assert refusals() - words(WORDS.read_text(encoding="utf-8")) == set()


def test_a_code_without_words_would_be_found() -> None:
    less = re.sub(r"^  UNKNOWN_NAME: .*\n", "", WORDS.read_text(encoding="utf-8"), flags=re.M)
    assert refusals() - words(less) == {"UNKNOWN_NAME"}
