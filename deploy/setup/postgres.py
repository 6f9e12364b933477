"""PostgreSQL with TimescaleDB in one folder that belongs to the project.

The distribution's packages are downloaded by apt (which checks their signatures) and unpacked, not installed:
PostgreSQL finds its files relative to its binaries. Why not install them: Debian's package would make and start a
cluster of its own on port 5432, its header package drags in the whole of LLVM, and an extension of ours would have
to be put among the system's files. Only the shared libraries that the server needs are installed.

TimescaleDB is the distribution's own package where there is one. Otherwise Debian's source package of a newer
release is compiled against the PostgreSQL just unpacked (Apache edition, no telemetry, about 10 s on two cores).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import pwd
import re
import shutil
import stat
import subprocess
from pathlib import Path

from runner import ROOT, STATE, SetupError, Step, call
from system import candidates, compiler_packages, is_root, output, refresh_index

SOURCE_SUITE = "trixie"  # the Debian release whose source package is built where there is no binary package
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"  # where Debian keeps its archive's keys
SERVER_USER = "ioc-postgres"  # PostgreSQL refuses to run as root
MANIFEST = STATE / "postgres.json"
VERSIONS = range(18, 14, -1)  # TimescaleDB 2.19 builds against 14 to 17; a distribution has one or two of these
BUILD_MAX_VERSION = 17


def folder() -> Path:
    """Where the unpacked tree lives: under ``.ioc``, or where the server's user can reach it.

    A clone under /root (mode 0700) cannot be entered by another user than root.
    """
    if is_root() and not reachable_by_others(STATE):
        return _outside(ROOT) / "postgres"
    return STATE / "postgres"


def outside_folders() -> list[Path]:
    """Folders under /var/lib/ioc that belong to this clone: programs here, data from `ioc up` (by its own name)."""
    return [_outside(ROOT), _outside(STATE)]


def _outside(path: Path) -> Path:
    return Path("/var/lib/ioc") / hashlib.sha256(str(path).encode()).hexdigest()[:12]


def reachable_by_others(path: Path) -> bool:
    """Whether any user may pass through ``path`` and all folders above it."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents) if part.exists())


def verify() -> bool:
    """The server starts far enough to print its version, and the extension's files are there."""
    try:
        found = json.loads(MANIFEST.read_text())
        bindir = Path(found["bindir"])
        control = Path(found["sharedir"]) / "extension" / "timescaledb.control"
    except (OSError, ValueError, KeyError):
        return False
    if is_root() and not _user_exists():
        return False
    return control.exists() and "PostgreSQL" in output(str(bindir / "postgres"), "--version")


def fetch(step: Step) -> str:
    """Download the packages, and TimescaleDB's source where no package exists."""
    refresh_index(step)
    version, packaged = _choose()
    downloads = _empty(STATE / "setup" / "postgres-download")
    names = [f"postgresql-{version}", f"postgresql-client-{version}"]
    names += [f"postgresql-{version}-timescaledb"] if packaged else [f"postgresql-server-dev-{version}", "libpq-dev"]
    call(step, "apt-get", *_as_self(), "download", *names, cwd=downloads)
    if not packaged:
        _fetch_source(step, downloads)
    (downloads / "choice.json").write_text(json.dumps({"version": version, "packaged": packaged}))
    return f"PostgreSQL {version}"


def packages() -> list[str]:
    """Packages to install for the server (and for the build, when there is one), from apt's present lists."""
    version, packaged = _choose()
    shown = output("apt-cache", "show", "--no-all-versions", f"postgresql-{version}")
    depends = re.search(r"^Depends: (.*)$", shown, re.MULTILINE)
    if not depends:
        raise SetupError(f"apt does not tell what postgresql-{version} needs")
    names = [part.split("|")[0].split("(")[0].strip().split(":")[0] for part in depends[1].split(",")]
    wanted = [name for name in names if (name.startswith("lib") and "llvm" not in name) or name == "tzdata"]
    return wanted + ([] if packaged else compiler_packages())


def build(step: Step) -> str:
    """Unpack, compile what must be compiled, and write the manifest that ``ioc.stack`` reads."""
    downloads = STATE / "setup" / "postgres-download"
    choice = json.loads((downloads / "choice.json").read_text())
    version: int = choice["version"]
    home = folder()
    fresh = _empty(home.with_name("postgres.new"))
    for package in sorted(downloads.glob("*.deb")):
        call(step, "dpkg-deb", "-x", package, fresh)
    fresh.chmod(0o755)
    shutil.rmtree(fresh / f"usr/lib/postgresql/{version}/lib/bitcode", ignore_errors=True)
    (fresh / f"usr/lib/postgresql/{version}/lib/llvmjit.so").unlink(missing_ok=True)  # needs libllvm; jit is off
    if home.exists():
        shutil.rmtree(home)
    fresh.rename(home)
    bindir = home / f"usr/lib/postgresql/{version}/bin"
    if not choice["packaged"]:
        _compile(step, downloads, bindir)
    if is_root() and not _user_exists():
        call(
            step, "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
            "--shell", "/usr/sbin/nologin", SERVER_USER,
        )  # fmt: skip
    sharedir = home / f"usr/share/postgresql/{version}"
    control = (sharedir / "extension/timescaledb.control").read_text()
    extension = re.search(r"default_version = '([^']+)'", control)
    MANIFEST.write_text(
        json.dumps(
            {
                "bindir": str(bindir),
                "sharedir": str(sharedir),
                "version": output(str(bindir / "postgres"), "--version").strip(),
                "timescaledb": extension[1] if extension else "",
                "packaged": choice["packaged"],
                "user": SERVER_USER if is_root() else None,
            },
            indent=1,
        )
    )
    shutil.rmtree(downloads)
    return f"TimescaleDB {extension[1] if extension else '?'}"


def _choose() -> tuple[int, bool]:
    """PostgreSQL's major version, and whether the distribution packages TimescaleDB for it."""
    known = candidates(*(f"postgresql-{n}{tail}" for n in VERSIONS for tail in ("", "-timescaledb")))
    for version in VERSIONS:
        if f"postgresql-{version}-timescaledb" in known and f"postgresql-{version}" in known:
            return version, True
    for version in VERSIONS:
        if f"postgresql-{version}" in known and version <= BUILD_MAX_VERSION:
            return version, False
    raise SetupError("apt knows no PostgreSQL 15, 16 or 17 or no TimescaleDB for a newer one")


def _fetch_source(step: Step, downloads: Path) -> None:
    """Let apt fetch and check Debian's source package, with lists and sources of its own.

    The machine's apt configuration is read for the address and the key and is not changed.
    """
    private = _empty(downloads / "apt")
    for name in ("lists/partial", "cache/archives/partial"):
        (private / name).mkdir(parents=True)
    address, key = debian_entry()
    entry = f"Types: deb-src\nURIs: {address}\nSuites: {SOURCE_SUITE}\nComponents: main\nSigned-By: {key}\n"
    (private / "source.sources").write_text(entry)
    options = (
        *_as_self(),
        "-o", f"Dir::Etc::sourcelist={private / 'source.sources'}",
        "-o", "Dir::Etc::sourceparts=/dev/null",
        "-o", f"Dir::State::lists={private / 'lists'}",
        "-o", f"Dir::Cache={private / 'cache'}",
    )  # fmt: skip
    call(step, "apt-get", *options, "update", cwd=downloads)
    call(step, "apt-get", *options, "source", "--download-only", "--only-source", "timescaledb", cwd=downloads)


def debian_entry(etc: Path = Path("/etc/apt")) -> tuple[str, str]:
    """Address and key file of Debian's main archive, as this machine already has them.

    Raises:
        SetupError: the machine has no such entry (for instance Ubuntu without TimescaleDB's own packages).
    """
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        for paragraph in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(\S.*)$", paragraph, re.MULTILINE))
            for uri in fields.get("URIs", "").split():
                if re.search(r"/debian/?$", uri) and "deb" in fields.get("Types", "").split():
                    return uri, _key(fields.get("Signed-By", KEYRING))
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    for path in lists:
        for line in path.read_text().splitlines() if path.exists() else ():
            if found := re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+/debian/?)\s", line):
                signed = re.search(r"signed-by=(\S+)", found[1] or "")
                return found[2], _key(signed[1] if signed else KEYRING)
    raise SetupError(
        "this distribution has no postgresql-N-timescaledb package and no Debian archive is configured to build "
        "it from; add the package source of TimescaleDB for your system and run the same command again"
    )


def _key(path: str) -> str:
    if not Path(path).exists():
        raise SetupError(f"the archive's key {path} is missing; install debian-archive-keyring and try again")
    return path


def _compile(step: Step, downloads: Path, bindir: Path) -> None:
    archive = next(downloads.glob("timescaledb_*.orig.tar.*"), None)
    if archive is None:
        raise SetupError("the source package of TimescaleDB was not downloaded; run the same command again")
    source = _empty(downloads / "source")
    call(step, "tar", "--strip-components=1", "-xf", archive, "-C", source)
    build_folder = downloads / "build"
    call(
        step, "cmake", "-S", source, "-B", build_folder, "-DCMAKE_BUILD_TYPE=Release",
        f"-DPG_CONFIG={bindir / 'pg_config'}", "-DAPACHE_ONLY=1", "-DUSE_TELEMETRY=OFF",
        "-DSEND_TELEMETRY_DEFAULT=OFF", "-DUSE_OPENSSL=0", "-DREGRESS_CHECKS=OFF", "-DTAP_CHECKS=OFF",
        "-DWARNINGS_AS_ERRORS=OFF", "-DGENERATE_DOWNGRADE_SCRIPT=OFF",
    )  # fmt: skip
    call(step, "make", "-C", build_folder, f"-j{os.cpu_count() or 1}", env={"MAKEFLAGS": ""})
    call(step, "make", "-C", build_folder, "install", env={"MAKEFLAGS": ""})


def _as_self() -> tuple[str, ...]:
    """Without this, apt drops to a user of its own that cannot write into our folder."""
    return ("-o", f"APT::Sandbox::User={pwd.getpwuid(os.geteuid()).pw_name}")


def _empty(path: Path) -> Path:
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path


def _user_exists() -> bool:
    return subprocess.run(["id", "-u", SERVER_USER], capture_output=True, check=False).returncode == 0


def inputs() -> tuple[str, ...]:
    """What the result depends on: the place of the clone, the machine, the recipe."""
    recipe = Path(__file__).read_text()
    release = Path("/etc/os-release")
    system = release.read_text() if release.exists() else platform.platform()
    return (str(folder()), str(os.geteuid()), platform.machine(), system, recipe)
