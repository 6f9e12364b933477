"""`python3 deploy/setup --for demo|test|frontend`: everything a fresh Debian or Ubuntu machine lacks.

Needs Python 3.11 or 3.12 and nothing else. Safe to run again: what is done is skipped in well under a second.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import parts
import postgres
import system
from runner import ROOT, STATE, Step, run_all, text_of

VERSION = ".".join(map(str, sys.version_info[:2]))  # not the build: apt may bring a newer one in the middle of all this


def main() -> int:
    """Plan the steps and run them."""
    parser = argparse.ArgumentParser(prog="deploy/setup", description=__doc__.splitlines()[0])
    parser.add_argument("--for", dest="purpose", choices=("demo", "test", "frontend"), default="demo")
    parser.add_argument("--remove", action="store_true", help="remove all that set-up and `ioc up` made here")
    arguments = parser.parse_args()
    purpose: str = arguments.purpose
    if not (3, 11) <= sys.version_info[:2] < (3, 13):
        print("set-up: Python 3.11 or 3.12 is needed; name one with `make PYTHON=python3.11 …`", file=sys.stderr)
        return 1
    if arguments.remove:
        return remove()
    steps = plan(purpose)
    if sentence := lacking_rights(steps, for_tests=purpose == "test"):
        print(f"set-up: {sentence}", file=sys.stderr)
        return 1
    return run_all(steps)


def lacking_rights(steps: list[Step], *, for_tests: bool) -> str:
    """Without root and sudo: the one command that installs everything missing; empty when nothing is."""
    if system.privileged() is not None:
        return ""
    names = {step.name for step in steps if not step.is_done()}
    wanted = system.venv_packages(Path(sys.executable))
    if names & {"tools", "tools-test"}:
        wanted += system.tool_packages(for_tests)
    if "postgres" in names:
        wanted += postgres.packages()
    missing = sorted(set(wanted) - system.installed(wanted))
    if not missing:
        return ""
    return (
        "packages are missing, and neither root nor sudo is here. Run this as root, then try again:\n"
        f"    apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}"
    )


def remove() -> int:
    """Delete what set-up and `ioc up` made for this clone. System packages and the account stay."""
    folders = [parts.VENV, STATE, parts.STATIC, parts.WALL / "node_modules", *postgres.outside_folders()]
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
            print(f"removed {folder}")
    return 0


def plan(purpose: str) -> list[Step]:
    """The steps for one purpose."""
    for_tests = purpose == "test"
    runtime_lock, dev_lock = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
    lock = dev_lock if for_tests else runtime_lock
    venv, launcher = str(parts.VENV), parts.LAUNCHER
    environment = Step(
        name="python",
        run=lambda step: parts.python_env(step, lock),
        needs=("venv-package",),
        inputs=(*text_of(lock), venv, launcher, VERSION),
        verify=lambda: (parts.VENV / "bin" / "ioc").exists(),
    )
    tests_ready = Step("python-test", environment.run, inputs=(*text_of(dev_lock), venv, launcher, VERSION))
    if for_tests:
        environment = Step("python-test", environment.run, environment.needs, environment.inputs, environment.verify)
    elif tests_ready.is_done():  # the test environment holds everything that the demo needs
        environment = Step("python", lambda step: "the test environment serves", stamped=False)
    venv_package = Step(
        "venv-package",
        run=lambda step: ", ".join(system.install(step, system.venv_packages(Path(sys.executable)))),
        verify=lambda: not system.venv_packages(Path(sys.executable)),
        inputs=(VERSION,),
    )
    frontend_steps = [
        Step(
            "npm",
            run=parts.npm_packages,
            needs=("venv-package",),
            inputs=text_of(parts.WALL / "package.json", parts.WALL / "package-lock.json"),
            verify=lambda: (parts.WALL / "node_modules").is_dir(),
        ),
        Step(
            "frontend",
            run=parts.frontend,
            needs=("npm",),
            inputs=parts.frontend_inputs(),
            verify=parts.frontend_built,
        ),
    ]
    if purpose == "frontend":
        return [venv_package, *frontend_steps]
    database = Step(
        "postgres", postgres.build, ("postgres-packages", "postgres-fetch"), postgres.inputs(), postgres.verify
    )
    done = database.is_done()
    return [
        venv_package,
        environment,
        Step(
            "tools-test" if for_tests else "tools",
            run=lambda step: install_tools(step, for_tests),
            needs=("venv-package",),
            verify=lambda: not system.tool_packages(for_tests),
            stamped=False,
        ),
        Step(
            "postgres-packages",
            run=lambda step: "" if done else install_server_packages(step),
            needs=("tools-test" if for_tests else "tools",),
            stamped=False,
        ),
        Step("postgres-fetch", lambda step: "" if done else postgres.fetch(step), stamped=False),
        database,
        Step(
            "kafka",
            run=parts.kafka_jars,
            needs=("tools-test" if for_tests else "tools",),
            inputs=text_of(ROOT / "deploy/kafka/pom.xml", parts.HASHES),
            verify=parts.jars_present,
        ),
        *frontend_steps,
    ]


def install_server_packages(step: Step) -> str:
    """Install the libraries of PostgreSQL and, where it must be compiled, the compiler."""
    system.refresh_index(step)
    return ", ".join(system.install(step, postgres.packages()))


def install_tools(step: Step, for_tests: bool) -> str:
    """Install Java, Maven and, for tests, Chromium, where missing."""
    if not (shutil.which("java") and shutil.which("mvn")):
        system.refresh_index(step)
    return ", ".join(system.install(step, system.tool_packages(for_tests)))


if __name__ == "__main__":
    sys.exit(main())
