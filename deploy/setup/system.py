"""System packages: asks apt only for what is missing, and only with the right to do so.

PostgreSQL itself is not among them: see postgres.py for why and how.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from runner import SetupError, Step, call

JAVA_MIN = 17
NODE_MIN = (20, 19)
APT = ("-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
_index = threading.Lock()
_index_done = False


def output(*command: str) -> str:
    """Both outputs of a command; empty when it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return ""
    return done.stdout + done.stderr if done.returncode == 0 else ""


def java_version() -> int:
    """Major version of the Java on the path, 0 without one."""
    found = re.search(r'version "(\d+)', output("java", "-version"))
    return int(found[1]) if found else 0


def node_version() -> tuple[int, int]:
    """Major and minor version of the machine's Node; (0, 0) without one or without npm."""
    found = re.match(r"v(\d+)\.(\d+)", output("node", "--version"))
    return (int(found[1]), int(found[2])) if found and shutil.which("npm") else (0, 0)


def installed(packages: Iterable[str]) -> set[str]:
    """Those of the packages that dpkg has installed."""
    names = sorted(set(packages))
    if not names:
        return set()
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    return {line.split()[1] for line in done.stdout.splitlines() if line.startswith("installed ")}


def is_root() -> bool:
    """Whether this process may do everything itself."""
    return os.geteuid() == 0


@functools.cache
def privileged() -> tuple[str, ...] | None:
    """What to put before a command that needs root; None when there is no way."""
    if is_root():
        return ()
    if shutil.which("sudo") is None:
        return None
    if output("sudo", "-n", "id", "-u").strip() == "0":
        return ("sudo", "-n")
    if sys.stdin.isatty() and subprocess.run(["sudo", "-v"], check=False).returncode == 0:
        return ("sudo", "-n")
    return None


def refresh_index(step: Step) -> None:
    """`apt-get update`, once per set-up.

    Raises:
        SetupError: no apt, or no right to use it and no package lists yet.
    """
    global _index_done
    with _index:
        if _index_done:
            return
        if shutil.which("apt-get") is None:
            raise SetupError("apt-get is not here: the set-up knows Debian and Ubuntu only")
        before = privileged()
        if before is not None:
            call(step, *before, "apt-get", "-o", "DPkg::Lock::Timeout=300", "update", env=QUIET)
        _index_done = True


def install(step: Step, packages: Iterable[str]) -> list[str]:
    """Install what is missing; returns it.

    Raises:
        SetupError: neither root nor sudo, or apt failed.
    """
    wanted = sorted(set(packages))
    missing = [name for name in wanted if name not in installed(wanted)]
    if not missing:
        return []
    before = privileged()
    if before is None:
        raise SetupError(f"root or sudo is needed to install {' '.join(missing)}")
    refresh_index(step)
    command = ("apt-get", "install", *APT, *missing)
    call(step, *before, *(("env", *(f"{k}={v}" for k, v in QUIET.items())) if before else ()), *command, env=QUIET)
    return missing


def candidates(*names: str) -> dict[str, str]:
    """Version that apt would install, for the names that it knows."""
    found: dict[str, str] = {}
    name = ""
    for line in output("apt-cache", "policy", *names).splitlines():
        if line and not line.startswith(" "):
            name = line.rstrip(":").split(":")[0]
        elif "Candidate:" in line and "(none)" not in line:
            found[name] = line.split()[-1]
    return found


def venv_packages(python: Path) -> list[str]:
    """The package that Debian splits ``venv`` off into; nothing when ``python`` has it."""
    if output(str(python), "-c", "import ensurepip, venv; print(1)"):
        return []
    return [f"python3.{sys.version_info.minor}-venv"]


def tool_packages(for_tests: bool) -> list[str]:
    """What the demo, or the tests, lack on this machine; needs no package lists when nothing is missing."""
    wanted: list[str] = []
    if java_version() < JAVA_MIN:
        known = candidates(*(f"openjdk-{n}-jre-headless" for n in (17, 21, 25)))
        if not known:
            raise SetupError("no package of Java 17 or newer is known to apt; install one and try again")
        wanted.append(sorted(known)[0])
    wanted += [
        package for command, package in (("mvn", "maven"), ("setpriv", "util-linux")) if not shutil.which(command)
    ]
    if for_tests:
        if not any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
            wanted.append("chromium")
        if not Path("/usr/share/fonts/truetype/noto").is_dir():
            wanted.append("fonts-noto-core")
    return wanted


def compiler_packages() -> list[str]:
    """What building TimescaleDB lacks on this machine."""
    needs = (("gcc", "gcc"), ("cmake", "cmake"), ("make", "make"), ("xz", "xz-utils"))
    wanted = [package for command, package in needs if not shutil.which(command)]
    if not Path("/usr/include/stdio.h").exists():
        wanted.append("libc6-dev")
    return wanted
