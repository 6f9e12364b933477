"""Ports on loopback: is one free, and if not, who has it."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now. Connections that are still closing do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Different ports that are free at this moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def busy_sentence(port: int, what: str, setting: str) -> str:
    """One sentence: which port, what it was for, who has it where that can be seen, and the remedy."""
    owner = listener(port)
    by = f" by pid {owner[0]} ({owner[1]})" if owner else ""
    return f"port {port} ({what}) is taken{by}; end that process or set {setting} to a free port"


def listener(port: int) -> tuple[int, str] | None:
    """Pid and name of the process that listens on a port; ``None`` when /proc does not tell us."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(table).exists():
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            held = any(os.readlink(handle) in inodes for handle in folder.iterdir())
            if held:
                return int(folder.parent.name), (folder.parent / "comm").read_text().strip()
        except OSError:
            continue  # another user's process, or one that ended while we looked
    return None
