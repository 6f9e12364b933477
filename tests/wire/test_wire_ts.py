"""The front end's mirror of the wire, ``dashboards/wall/src/model/wire.ts``, has the fields that the server sends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from ioc.adapters.http.desk_parts import DeskAnswer
from ioc.domain.alarm_quality import Actor, Durations, Quality, Standing, Times
from ioc.domain.alerts import LogEntry, Outcome
from ioc.domain.cap import Cap
from ioc.domain.chatter import Chatter
from ioc.domain.desk import Explanation, Summons
from ioc.domain.flood import Flood
from ioc.domain.handling import Assignment, Done, Hidden, Op, Result, ResultCode
from ioc.domain.handover import Addendum, Digest, Handover, Item, ShiftNote, Signature
from ioc.domain.incidents import Incident, IncidentOp, Line, LineWord, Member
from ioc.domain.lifecycle import Suppression
from ioc.domain.matcher import Matcher
from ioc.domain.measures import FeedState
from ioc.domain.silences import Silence
from ioc.wire import frames

MODEL = Path(__file__).resolve().parents[2] / "dashboards" / "wall" / "src" / "model"
TEXT = (MODEL / "wire.ts").read_text() + (MODEL / "wire_desk.ts").read_text()
# Line of the log: the page asks for them by alert, and shows no drills.
NOT_SHOWN = {"LogEntry": {"key", "exercise", "digest"}}
MIRRORED: dict[str, Any] = {
    "Alert": frames.Alert,
    "Cap": Cap,
    "Chatter": Chatter,
    "FeedView": frames.FeedView,
    "Reading": frames.Reading,
    "Minute": frames.Minute,
    "User": frames.User,
    "LogEntry": LogEntry,
    "Since": frames.Since,
    "Hidden": Hidden,
    "Assignment": Assignment,
    "Explanation": Explanation,
    "Summons": Summons,
    "Done": Done,
    "Result": Result,
    "CommandFrame": frames.CommandFrame,
    "DeskAnswer": DeskAnswer,
    "Flood": Flood,
    "Incident": Incident,
    "Line": Line,
    "Member": Member,
} | {struct.__name__: struct for struct in get_args(frames.ServerFrame)}
DESK = {"DeskAnswer", "Flood", "Incident", "Line", "Member"}
PLAIN = {"string": (str,), "boolean": (bool,), "number": (int, float)}


def members(name: str, text: str = TEXT) -> dict[str, str]:
    """Fields of an interface with their types, its base's fields too."""
    found = re.search(rf"export interface {name}(?: extends (\w+))? \{{\n(.*?)\n\}}", text, re.DOTALL)
    assert found, f"wire.ts has no interface {name}"
    own = dict(re.findall(r"^  readonly (\w+)\??: (.*);$", found[2], re.M))
    return (members(found[1], text) if found[1] else {}) | own


@pytest.mark.parametrize("name", sorted(MIRRORED))
def test_an_interface_has_the_fields_that_are_sent(name: str) -> None:
    struct = MIRRORED[name]
    tagged = {"t"} if struct.__struct_config__.tag_field == "t" else set()
    assert set(members(name)) | NOT_SHOWN.get(name, set()) == set(struct.__struct_fields__) | tagged


@pytest.mark.parametrize(
    "name",
    sorted({"Alert", "FeedView", "Minute", "Hidden", "Assignment", "Done", "Explanation", "Summons"} | DESK),
)
def test_plain_types_and_null_agree(name: str) -> None:
    shown = members(name)
    for info in msgspec.inspect.type_info(MIRRORED[name]).fields:  # type: ignore[attr-defined]
        kinds = info.type.types if isinstance(info.type, msgspec.inspect.UnionType) else (info.type,)
        may_be_null = any(isinstance(kind, msgspec.inspect.NoneType) for kind in kinds)
        words = shown[info.name].split(" | ")
        assert ("null" in words) == may_be_null, f"{name}.{info.name}"
        is_of = {"StrType": "string", "BoolType": "boolean", "IntType": "number", "FloatType": "number"}
        plain = {is_of[type(kind).__name__] for kind in kinds if type(kind).__name__ in is_of}
        if plain and words[0] in PLAIN:
            assert plain == {words[0]}, f"{name}.{info.name}"


def test_states_and_outcomes_are_the_same_words() -> None:
    def words(name: str) -> set[str]:
        [text] = re.findall(rf"export type {name} =([^;]*);", TEXT)
        return set(re.findall(r"'([\w-]+)'", text))

    assert words("FeedState") == set(get_args(FeedState))
    assert words("Outcome") == set(get_args(Outcome))
    assert words("Op") == set(get_args(Op))
    assert words("ResultCode") == set(get_args(ResultCode))
    assert words("IncidentOp") == set(get_args(IncidentOp))
    assert words("LineWord") == set(get_args(LineWord))
    assert words("Suppression") == set(get_args(Suppression))


def test_a_field_that_is_missing_would_be_found() -> None:
    less = re.sub(r"^  readonly conflicts\?: number;\n", "", TEXT, flags=re.M)
    assert "conflicts" in members("FeedView")
    assert "conflicts" not in members("FeedView", less)


@pytest.mark.parametrize("struct", [Addendum, Digest, Handover, Item, ShiftNote, Signature])
def test_the_mirror_of_handovers_has_their_fields(struct: type[msgspec.Struct]) -> None:
    text = (MODEL / "handover.ts").read_text()
    assert set(members(struct.__name__, text)) == set(struct.__struct_fields__)


@pytest.mark.parametrize("struct", [Actor, Durations, Quality, Standing, Times])
def test_the_mirror_of_the_figures_has_their_fields(struct: type[msgspec.Struct]) -> None:
    text = (MODEL / "quality.ts").read_text()
    assert set(members(struct.__name__, text)) == set(struct.__struct_fields__)


@pytest.mark.parametrize("struct", [Matcher, Silence])
def test_the_mirror_of_silences_has_their_fields(struct: type[msgspec.Struct]) -> None:
    text = (MODEL / "silences.ts").read_text()
    assert set(members(struct.__name__, text)) == set(struct.__struct_fields__)
