"""Lines of places in a TOML text."""

from __future__ import annotations

import pytest

from ioc.domain.toml_lines import Places, line_of

TEXT = '''# a comment
[[rules]]
id = "one"
guide = """
id = "not this"
[[rules]]
"""
hold_s = -1

[[rules.levels]]
name = "A"
limit = 1.0

[[rules.levels]]
name = "B"
match = { number = "114", kind = ["x"] }

[rules.words_vi]
fire = "Cháy"

[[rules]]
id = "two"  # another
[[rules.levels]]
name = "A"
limit_from = "bd9"

[[rules]]
id = "one"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("rules[0]", 2),
        ("rules[0].hold_s", 8),
        ("rules[0].levels[1].name", 15),
        ("rules[0].levels[1].match.number", 16),
        ("rules[0].levels[1].match.other", 16),
        ("rules[0].words_vi.fire", 19),
        ("rules[0].nothing", 2),
        ("rules[1].levels[0].limit_from", 25),
        ("rules[1].levels[7]", 21),
        ("rules[1].", 21),
        ("rules[1]..x", 21),
        ("elsewhere", 1),
        ("", 1),
        ("][.", 1),
    ],
)
def test_a_path_has_a_line_or_the_line_of_what_is_around_it(path: str, line: int) -> None:
    assert Places(TEXT).of(path) == line


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ("rules[1].levels[0].limit: must be a number", 23),
        ("rule one: an occurrence needs hold_s, otherwise it never ends", 8),
        ("rule one: the id is used twice", 28),
        ("rule two: level 'A' needs exactly one of limit and limit_from", 24),
        ("rule two: no site has a limit 'bd9', the level never holds", 25),
        ("rule one: field 'number' is not in the payload of x", 16),
        ("rule two: something in general", 22),
        ("is not TOML: Expected '=' after a key (at line 17, column 3)", 17),
        ("is not TOML: Unterminated string (at end of document)", 28),
        ("file: must be a table", 1),
    ],
)
def test_a_sentence_has_the_line_that_it_speaks_about(problem: str, line: int) -> None:
    assert line_of(TEXT, problem) == line
