"""The launcher that the set-up writes is the console script of the package, not another entry."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_launcher_calls_what_pyproject_names() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]["ioc"]
    module, function = named.split(":")
    tree = ast.parse((ROOT / "deploy" / "setup" / "parts.py").read_text(encoding="utf-8"))
    launcher = next(
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "LAUNCHER"
        and isinstance(node.value, ast.Constant)
    )
    assert f"from {module} import {function}\n" in launcher
    assert f"{function}()" in launcher
