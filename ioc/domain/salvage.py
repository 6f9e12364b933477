"""What can be read of a table with mistakes, so that its other mistakes are found in the same run.

Wrong entries are left out and what is required is filled in, so the result is only good for judging what is there.
"""

from __future__ import annotations

import tomllib
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ioc.domain.profile import Level, Rule, WindowSpec
from ioc.domain.tables import read_struct

T = TypeVar("T", bound=Struct)
_RULE = {"group": "source", "name_vi": "?", "name_en": "?", "title_vi": "", "title_en": ""}


class Salvaged(Struct, frozen=True):
    """Rules and windows that can be judged; ``partial`` are ids of rules with mistakes, also of those left out."""

    rules: tuple[Rule, ...] = ()
    windows: tuple[WindowSpec, ...] = ()
    partial: frozenset[str] = frozenset()


def salvage(text: str) -> Salvaged:
    """Of a rule file; nothing of one that is no TOML."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return Salvaged()
    rules, partial = [], set()
    for entry in _tables(raw.get("rules")):
        rule = _whole(Rule, entry)
        if rule is None:
            partial.add(str(entry.get("id")))
            levels = [_part(Level, one, {"name": f"?{i}", "priority": 4})
                      for i, one in enumerate(_tables(entry.get("levels")))]  # fmt: skip
            rule = _part(Rule, entry, _RULE, levels=tuple(level for level in levels if level is not None))
        if rule is not None:
            rules.append(rule)
    windows = [_whole(WindowSpec, one) for one in _tables(raw.get("windows"))]
    return Salvaged(tuple(rules), tuple(one for one in windows if one is not None), frozenset(partial))


def _tables(raw: object) -> list[dict[str, Any]]:
    return [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []


def _whole(kind: type[T], entry: dict[str, Any]) -> T | None:
    return read_struct(kind, entry, "", [])


def _part(kind: type[T], entry: dict[str, Any], instead: dict[str, Any], **given: Any) -> T | None:
    """The value with what can be read; None when something is wrong for which there is no ``instead``."""
    good: dict[str, Any] = dict(instead)
    for one in msgspec.structs.fields(kind):
        if one.name in entry and one.name not in given:
            said: list[str] = []
            alone = msgspec.defstruct("Alone", [(one.name, one.type)], kw_only=True)
            read = read_struct(alone, {one.name: entry[one.name]}, "", said)
            if read is not None:
                good[one.name] = getattr(read, one.name)
    missing = {one.name for one in msgspec.structs.fields(kind) if one.required} - good.keys()
    return None if missing else kind(**{**good, **given})
