"""Who may import whom. The tables below are the rule; the walk reads imports from the source text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

OUTSIDE_LIBRARIES = {"faust", "mode", "aiokafka", "psycopg", "psycopg_pool", "websockets", "starlette", "uvicorn"}
IMPURE = {"asyncio", "logging", "time", "random", "socket", "threading", "subprocess", "os"}

# layer → (modules it may not import at all)
FORBIDDEN: dict[str, set[str]] = {
    "ioc.domain": OUTSIDE_LIBRARIES
    | IMPURE
    | {
        "ioc.pipeline",
        "ioc.wire",
        "ioc.ports",
        "ioc.services",
        "ioc.adapters",
        "ioc.settings",
        "ioc.stack",
        "ioc.cli",
        "ioc.bootstrap",
    },
    "ioc.errors": OUTSIDE_LIBRARIES | IMPURE | {"ioc"},
    "ioc.pipeline": OUTSIDE_LIBRARIES
    | IMPURE
    | {"ioc.services", "ioc.adapters", "ioc.settings", "ioc.stack", "ioc.cli"},
    "ioc.wire": OUTSIDE_LIBRARIES
    | IMPURE
    | {"ioc.pipeline", "ioc.services", "ioc.adapters", "ioc.settings", "ioc.stack", "ioc.cli"},
    "ioc.ports": OUTSIDE_LIBRARIES | {"ioc.services", "ioc.adapters", "ioc.stack", "ioc.cli"},
    "ioc.services": OUTSIDE_LIBRARIES | {"ioc.adapters", "ioc.stack", "ioc.cli", "ioc.gateway"},
    "ioc.adapters": {"ioc.cli", "ioc.stack", "stream_jobs", "simulators"},
    "ioc.stack": {"faust", "mode", "ioc.cli", "ioc.services", "stream_jobs", "simulators"},
    "stream_jobs": {"psycopg", "websockets", "starlette", "simulators", "ioc.cli", "ioc.services"},
    "simulators": {"faust", "mode", "psycopg", "websockets", "starlette", "stream_jobs", "ioc.cli", "ioc.services"},
    "simulators.world": OUTSIDE_LIBRARIES | {"asyncio", "logging", "time", "socket", "threading", "subprocess", "os"},
    "simulators.formats": OUTSIDE_LIBRARIES | {"asyncio", "logging", "time", "socket", "threading"},
    **dict.fromkeys(
        (
            "simulators.faults",
            "simulators.verdict",
            "simulators.episodes",
            "simulators.stream",
            "simulators.expect",
            "simulators.plan",
        ),
        OUTSIDE_LIBRARIES | IMPURE | {"ioc.adapters", "ioc.settings"},
    ),
    "simulators.feeds": OUTSIDE_LIBRARIES | {"asyncio", "logging", "time", "socket", "threading"},
}
# Only entry points may import the programs.
PROGRAMS = {"stream_jobs", "simulators"}


def modules() -> dict[str, Path]:
    found = {}
    for package in ("ioc", "stream_jobs", "simulators"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported(source: str) -> set[str]:
    """Every module named by an import statement, wherever it stands, except under ``if TYPE_CHECKING``."""
    names: set[str] = set()
    tree = ast.parse(source)
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def broken_rules(module: str, names: set[str]) -> list[str]:
    problems = []
    for layer, banned in FORBIDDEN.items():
        if not within(module, layer):
            continue
        for name in sorted(names):
            if any(within(name, b) for b in banned if not within(module, b)):
                problems.append(f"{module} ({layer}) imports {name}")
    if within(module, "ioc") and not within(module, "ioc.cli"):
        problems += [
            f"{module} imports the program {name}" for name in sorted(names) if any(within(name, p) for p in PROGRAMS)
        ]
    return problems


def test_every_import_points_down() -> None:
    problems = [p for name, path in modules().items() for p in broken_rules(name, imported(path.read_text()))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ioc.domain.rules", "import asyncio"),
        ("ioc.pipeline.detect", "def f():\n    from time import time"),
        ("ioc.services.hub", "from ioc.adapters import kafka"),
        ("ioc.wire.codec", "import aiokafka.errors"),
        ("ioc.adapters.kafka", "import simulators.player"),
        ("stream_jobs.perform", "import psycopg"),
        ("simulators.verdict", "import time"),
    ],
)
def test_the_guard_sees_a_broken_rule(module: str, source: str) -> None:
    assert broken_rules(module, imported(source))


def test_the_guard_lets_good_imports_pass() -> None:
    assert not broken_rules("ioc.services.hub", {"ioc.domain.alerts", "asyncio", "ioc.ports"})


def test_nothing_runs_on_import() -> None:
    """Importing a package of pure code starts no loop, opens no file outside the source tree, reads no clock."""
    for name, path in modules().items():
        if not any(within(name, layer) for layer in ("ioc.domain", "ioc.pipeline", "ioc.wire", "ioc.services")):
            continue
        for node in ast.parse(path.read_text()).body:
            call = node.value if isinstance(node, ast.Expr) else None
            assert not isinstance(call, ast.Call), f"{name}: a call at module level, line {node.lineno}"
