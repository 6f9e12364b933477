"""Scenario files: finding and reading them; docs/scenarios.md has the grammar.

Reading is strict, and every refusal is one sentence with file, line, place and reason. First the keys are compared
with those that the grammar knows, so that a slip of the pen gets a proposal; then types and ranges are checked; then
what no type can say, such as two times that contradict each other.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

import msgspec

from ioc.domain.plain_text import is_plain
from ioc.domain.spans import duration, span
from ioc.domain.toml_lines import Places, deepest_line, line_of
from ioc.errors import BadInput
from simulators import clash
from simulators.contradictions import contradictions
from simulators.expect import Bounds, Expect, Forbid, Reach, Which
from simulators.faults import Duplicate, Fault
from simulators.incidents import Incident
from simulators.plan import START_END_MS, START_MIN_MS, Scenario

_KINDS: dict[str, dict[str, type[msgspec.Struct]]] = {
    "incident": {str(one.__struct_config__.tag): one for one in get_args(Incident)},
    "fault": {str(one.__struct_config__.tag): one for one in get_args(Fault)},
}
_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "datetime": "a date without quotes",
    "date": "a date without quotes",
    "time": "a time without quotes",
    "null": "nothing",
}
EVERY_MIN_S = 1
COPIES_MAX = 100  # of one message, by all its duplicate faults together
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_SPANS = ("raised", "cleared", "within")
_WHERE = re.compile(r" - at `\$\.?([^`]*)`$")


def names() -> list[str]:
    """The scenarios that come with the package, sorted."""
    folder = resources.files("simulators") / "scenarios"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def text_of(name: str) -> tuple[str, str]:
    """A scenario's text, and the name of its file to show in errors.

    Args:
        name: a scenario's name, or the path of a file that ends in ``.toml``.

    Raises:
        BadInput: not found, or not readable.
    """
    if name.endswith(".toml"):
        try:
            return Path(name).read_text(encoding="utf-8-sig"), name
        except OSError as exc:
            raise BadInput("scenario", name, f"{name}: cannot be read: {exc.strerror or exc}") from exc
        except UnicodeDecodeError as exc:
            raise BadInput("scenario", name, f"{name}: cannot be read: it is not UTF-8, byte {exc.start}") from exc
    if not NAME.fullmatch(name) or name not in names():
        detail = f"no scenario {name!r}; there are: {', '.join(names())}. A file of your own ends in .toml"
        raise BadInput("scenario", name, detail)
    resource = resources.files("simulators") / "scenarios" / f"{name}.toml"
    return resource.read_text(encoding="utf-8"), f"{name}.toml"


def load(name: str) -> Scenario:
    """Read a scenario by its name, or by the path of a file that ends in ``.toml``.

    Raises:
        BadInput: not found, unreadable, not TOML, or not of this form; ``detail`` names file, line and place.
    """
    return parse(*text_of(name))


def list_scenarios() -> list[dict[str, Any]]:
    """Every scenario of the package, for people: name, duration, summary and how much of it is judged.

    Raises:
        BadInput: a file of the package is wrong.
    """
    found: list[dict[str, Any]] = []
    for name in names():
        plan = load(name)
        found.append(
            {
                "name": name,
                "duration": "endless" if plan.duration_s is None else f"{plan.duration_s:g} s",
                "duration_s": plan.duration_s,
                "start": plan.start,
                "incidents": len(plan.incident),
                "faults": len(plan.fault),
                "expected": len(plan.expect),
                "forbidden": len(plan.forbid),
                "summary": f"{plan.title_vi} / {plan.title_en}",
                "title_vi": plan.title_vi,
                "title_en": plan.title_en,
            }
        )
    return found


def parse(text: str, file: str) -> Scenario:
    """Read a scenario from TOML; ``file`` is the name to show in errors.

    Raises:
        BadInput: see :func:`load`; the first mistake in the order of the checks.
    """
    page = Page(text, file)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise page.refusal("", f"is not TOML: {exc}", line_of(text, str(exc))) from exc
    except RecursionError:
        raise page.refusal("", "is nested too deeply to be a scenario", deepest_line(text)) from None
    _check_plain(page, "", tree)
    _check_keys(page, tree)
    try:
        scenario = msgspec.convert(tree, Scenario)
    except msgspec.ValidationError as exc:
        reason, where = _readable(str(exc), tree)
        raise page.refusal(where, reason) from exc
    _check_times(page, scenario)
    _check_claims(page, scenario)
    return scenario


class Page:
    """A text whose places can be named."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self._places = Places(text)

    def refusal(self, where: str, reason: str, line: int | None = None) -> BadInput:
        """One sentence about a place such as ``incident[0].site``."""
        at = self._places.of(where) if line is None else line
        place = f"{where}: " if where else ""
        return BadInput(
            "scenario", f"{self.file}: {where}" if where else self.file, f"{self.file}:{at}: {place}{reason}"
        )

    def refuse(self, where: str, reason: str) -> NoReturn:
        """Raise that sentence."""
        raise self.refusal(where, reason)


def near(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or the known words when none is alike and they are few; empty otherwise."""
    words = sorted(known)
    alike = get_close_matches(word, words, n=1, cutoff=0.6)
    if alike:
        return f"; did you mean '{alike[0]}'?"
    return f"; known are: {', '.join(words)}" if 0 < len(words) <= 24 else ""


def _check_plain(page: Page, where: str, value: object) -> None:
    """What is shown on terminals and walls has no control characters; only titles are of one line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not is_plain(key):
                page.refuse(where, f"the key {key!r} has a control character")
            _check_plain(page, f"{where}.{key}" if where else key, inner)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            _check_plain(page, f"{where}[{n}]", inner)
    elif isinstance(value, str) and not is_plain(value, lines=not where.startswith("title_")):
        page.refuse(where, "has a control character")


def _check_keys(page: Page, tree: Mapping[str, Any]) -> None:
    _known(page, "", tree, Scenario)
    for table, kinds in _KINDS.items():
        for where, entry in _entries(page, tree, table):
            kind = entry.get("kind")
            if kind is None:
                page.refuse(where, f"the key 'kind' is missing{near('', kinds)}")
            if not isinstance(kind, str) or kind not in kinds:
                page.refuse(f"{where}.kind", f"no {table} of kind {kind!r}{near(str(kind), kinds)}")
            _known(page, where, entry, kinds[kind], "kind")
    for table, form in (("expect", Expect), ("forbid", Forbid)):
        for where, entry in _entries(page, tree, table):
            _known(page, where, entry, form)
            steps = entry.get("steps", ())
            for n, step in enumerate(steps if isinstance(steps, list) else ()):
                if isinstance(step, dict):
                    _known(page, f"{where}.steps[{n}]", step, Reach)
    if isinstance(bounds := tree.get("alerts"), dict):
        _known(page, "alerts", bounds, Bounds)


def _entries(page: Page, tree: Mapping[str, Any], table: str) -> list[tuple[str, dict[str, Any]]]:
    found = tree.get(table, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        page.refuse(table, f"must be a list of tables: begin each with [[{table}]]")
    return [(f"{table}[{n}]", entry) for n, entry in enumerate(found)]


def _known(page: Page, where: str, table: Mapping[str, Any], form: type[msgspec.Struct], *more: str) -> None:
    known = {*form.__struct_fields__, *more}
    for key in table:
        if key not in known:
            path = f"{where}.{key}" if where else key
            page.refuse(path, f"no such key{near(key, known)}")
    for field in msgspec.structs.fields(form):
        if field.required and field.name not in table:
            page.refuse(where, f"the key '{field.name}' is missing")


def _values(where: str, tree: Mapping[str, Any]) -> str:
    """The values that the field at a place such as ``expect[0].priority`` may have, where they are few and named."""
    path = re.findall(r"[a-z_]\w*|\d+", where)
    forms: dict[str, type[msgspec.Struct]] = {"expect": Expect, "forbid": Forbid, "alerts": Bounds}
    form = forms.get(path[0], Scenario)
    if path[0] in _KINDS and len(path) > 1:
        form = _KINDS[path[0]][tree[path[0]][int(path[1])]["kind"]]
    if "steps" in path:
        form = Reach
    wanted = get_type_hints(form).get(path[-1])
    named = [one for one in (wanted, *get_args(wanted)) if get_origin(one) is Literal]
    return ", ".join(str(value) for one in named for value in get_args(one))


def _readable(said: str, tree: Mapping[str, Any]) -> tuple[str, str]:
    """msgspec's sentence in words of the file, and the place."""
    found = _WHERE.search(said)
    where = found[1] if found else ""
    reason = _WHERE.sub("", said)
    if wrong := re.fullmatch(r"Expected `([^`]*)`, got `([^`]*)`", reason):
        wanted = " or ".join(_TYPES.get(one, one) for one in wrong[1].split(" | ") if one != "null")
        return f"must be {wanted}, not {_TYPES.get(wrong[2], wrong[2])}", where
    if wrong := re.fullmatch(r"Expected `[^`]*` of length (>=|<=) (\d+)", reason):
        return f"must have at {'least' if wrong[1] == '>=' else 'most'} {wrong[2]} entries or letters", where
    if wrong := re.fullmatch(r"Expected `[^`]*` (>=|<=|>|<) (\S+)", reason):
        word = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}[wrong[1]]
        return f"must be {word} {wrong[2]}", where
    if wrong := re.fullmatch(r"Invalid enum value (.*)", reason):
        values = _values(where, tree)
        return (
            f"{wrong[1]} is not one of {values}" if values else f"{wrong[1]} is not one of the values it may have",
            where,
        )
    return reason[:1].lower() + reason[1:], where


def _check_times(page: Page, scenario: Scenario) -> None:
    try:
        start_ms = scenario.start_ms
    except ValueError as exc:
        page.refuse("start", f'must be "now" or an RFC 3339 instant such as "2023-07-31T00:00:00+07:00": {exc}')
    if start_ms is not None and not START_MIN_MS <= start_ms < START_END_MS:
        page.refuse("start", "must lie in the years 2000 to 2099")
    length_s = scenario.duration_s
    for n, incident in enumerate(scenario.incident):
        where = f"incident[{n}]"
        if incident.every_s is not None and incident.every_s < EVERY_MIN_S:
            page.refuse(f"{where}.every_s", f"must be at least {EVERY_MIN_S} s")
        if incident.every_s is not None and incident.every_s < incident.length_s:
            page.refuse(f"{where}.every_s", f"comes again before it has ended: it lasts {incident.length_s:g} s")
        if length_s is not None and incident.at_s >= length_s:
            page.refuse(f"{where}.at_s", f"is not before the end of the scenario ({length_s:g} s)")
    end_ms = None if length_s is None else round(length_s * 1000)
    for first, second in clash.clashes(scenario.incident, end_ms):
        page.refuse(f"incident[{second}]", _twice("incident", first, scenario.incident[first]))
    copies = 1
    for n, fault in enumerate(scenario.fault):
        copies *= 1 + (fault.times if isinstance(fault, Duplicate) else 0)
        if copies > COPIES_MAX:
            page.refuse(f"fault[{n}]", f"makes {copies} copies of one message, with those before; at most {COPIES_MAX}")
        if length_s is not None and fault.at_s >= length_s:
            page.refuse(f"fault[{n}].at_s", f"is not before the end of the scenario ({length_s:g} s)")
        if length_s is not None and fault.for_s is not None and fault.at_s + fault.for_s > length_s:
            page.refuse(f"fault[{n}].for_s", f"ends after the end of the scenario ({length_s:g} s)")
        if getattr(fault, "least_s", 0) > getattr(fault, "by_s", float("inf")):
            page.refuse(f"fault[{n}].least_s", "is more than by_s")
        if getattr(fault, "factor", None) == 1:
            page.refuse(f"fault[{n}].factor", "is 1: that changes nothing")
        if getattr(fault, "by_s", None) == 0:
            page.refuse(f"fault[{n}].by_s", "is 0: that changes nothing")
    for first, second in clash.clashes(scenario.fault, end_ms):
        page.refuse(f"fault[{second}]", _twice("fault", first, scenario.fault[first]))
    for n, centre in enumerate(scenario.centres or ()):
        if centre in (scenario.centres or ())[:n]:
            page.refuse(f"centres[{n}]", f"the centre '{centre}' is named twice")


def _twice(table: str, first: int, shape: msgspec.Struct) -> str:
    kind = shape.__struct_config__.tag
    return f"overlaps {table}[{first}]: the same kind ({kind}) at the same place and time"


def _check_claims(page: Page, scenario: Scenario) -> None:
    """Expectations: every duration can be read, nothing contradicts itself or lies beyond the end."""
    if scenario.is_judged and scenario.duration_s is None:
        page.refuse("", "says which alerts it expects, but has no end: give it a duration_s")
    end_ms = None if scenario.duration_s is None else round(scenario.duration_s * 1000)
    for n, expect in enumerate(scenario.expect):
        where = f"expect[{n}]"
        if expect.rule is None:
            page.refuse(where, "the key 'rule' is missing: which alert is expected?")
        _check_spans(page, where, expect, end_ms)
        if expect.not_before is not None:
            try:
                earliest_ms = duration(expect.not_before)
            except ValueError as exc:
                page.refuse(f"{where}.not_before", str(exc))
            if end_ms is not None and earliest_ms > end_ms:
                page.refuse(f"{where}.not_before", f"is after the end of the scenario ({end_ms / 1000:g} s)")
            if earliest_ms > expect.raised_span.to_ms:
                page.refuse(f"{where}.not_before", "is after the span in which it is expected")
        cleared = expect.cleared_span
        if cleared is not None and cleared.to_ms < expect.raised_span.from_ms:
            page.refuse(f"{where}.cleared", "ends before it can be raised")
        for number, step in enumerate(expect.steps):
            at = f"{where}.steps[{number}]"
            _check_spans(page, at, step, end_ms)
            if step.level is None and step.priority is None:
                page.refuse(at, "names neither a level nor a priority")
            if step.span.to_ms < expect.raised_span.from_ms:
                page.refuse(f"{at}.within", "ends before it can be raised")
    for n, forbid in enumerate(scenario.forbid):
        where = f"forbid[{n}]"
        _check_spans(page, where, forbid, end_ms)
        if not any(getattr(forbid, field) is not None for field in Which.__struct_fields__):
            page.refuse(where, 'would forbid every alert; name a rule, or say others = "refused" in [alerts]')
    bounds = scenario.alerts
    for low, high in (("least", "most"), ("in_10_min_least", "in_10_min_most")):
        least, most = getattr(bounds, low), getattr(bounds, high)
        if least is not None and most is not None and least > most:
            page.refuse(f"alerts.{low}", f"is more than {high} ({most})")
    for where, reason in contradictions(scenario):
        page.refuse(where, reason)


def _check_spans(page: Page, where: str, table: msgspec.Struct, end_ms: int | None) -> None:
    for field in _SPANS:
        text = getattr(table, field, None)
        if text is None or (field == "cleared" and text == "never"):
            continue
        try:
            found = span(text)
        except ValueError as exc:
            page.refuse(f"{where}.{field}", str(exc))
        if end_ms is not None and found.from_ms > end_ms:
            page.refuse(f"{where}.{field}", f"begins after the end of the scenario ({end_ms / 1000:g} s)")
        if end_ms is not None and end_ms < found.to_ms and not text.strip().endswith(".."):
            detail = f"ends after the end of the scenario ({end_ms / 1000:g} s); leave its end out for an open one"
            page.refuse(f"{where}.{field}", detail)
