"""Lines of places in a TOML text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


LISTS = '''centres = [
    "bien-hoa",  # [not, this]
    "a ] b",
    "nowhere",
]
one = ["x", 'y'] # all on a line
[[expect]]
steps = [
    { level = "A", within = "1h..2h" },
    { level = """B
    , still B""",
      within = "2h..3h" },
    [1, [2,
    3]],
]
after = { deep = { er = [0,
  1] }, "quoted key" = 2 }
points = [[0, 1.0], [2,
 3.0]]
last = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("centres", 1),
        ("centres[0]", 2),
        ("centres[1]", 3),
        ("centres[2]", 4),
        ("centres[3]", 1),
        ("one[1]", 6),
        ("expect[0].steps[0].within", 9),
        ("expect[0].steps[1]", 10),
        ("expect[0].steps[1].level", 10),
        ("expect[0].steps[1].within", 12),
        ("expect[0].steps[2][0]", 13),
        ("expect[0].steps[2][1][1]", 14),
        ("expect[0].after.deep.er[0]", 16),
        ("expect[0].after.deep.er[1]", 17),
        ("expect[0].after.quoted key", 17),
        ("expect[0].points[1][1]", 19),
        ("expect[0].last", 20),
    ],
)
def test_an_entry_of_a_list_over_several_lines_has_its_own_line(path: str, line: int) -> None:
    assert Places(LISTS).of(path) == line


@given(st.text(alphabet="ab=[]{},\"'#\\\n. 1", max_size=80))
def test_any_text_has_places(text: str) -> None:
    places = Places(text)
    assert all(1 <= line <= len(places.lines) for line in places._at.values())


def test_a_deep_or_long_text_takes_no_time() -> None:
    for text in ("a = " + "[" * 200_000, "a = " + "[{b=" * 50_000, "a = [" + '"x",\n' * 100_000 + "]"):
        Places(text)
