"""What one process of a plan is, and the order in which a plan starts: plain data."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class ProcessSpec:
    """One process of the plan.

    Attributes:
        kind: a ``service`` runs until stopped and is restarted; a ``task`` runs once and has to end with 0.
        depends_on: names that must be ready (service) or done (task) before the *first* start. Later nothing
            waits: each process copes with an absent neighbour itself.
        prepare: ordinary function run in a thread before each start (format, initdb, configuration).
        ready: true when it serves; ``None`` means ready as soon as it runs.
        ready_limit_s: longest wait for ``ready``; then the process counts as failed and is started again.
        stop_limit_s: longest wait after ``stop_signal``; then SIGKILL.
        blames: exit code → name of the process that is at fault when this one ends with it; see :mod:`.cures`.
        user: account to run under; ``None`` is our own.
        role: what it is, in a few words for `ioc status`.
    """

    name: str
    argv: tuple[str, ...]
    role: str = ""
    kind: Literal["service", "task"] = "service"
    depends_on: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path()
    prepare: Callable[[], None] | None = None
    ready: Probe | None = None
    ready_limit_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_limit_s: float = 5.0
    death_signal: signal.Signals | None = signal.SIGTERM
    blames: Mapping[int, str] = field(default_factory=dict)
    user: str | None = None


def levels(specs: tuple[ProcessSpec, ...]) -> list[list[ProcessSpec]]:
    """The start order: each level needs only earlier ones. Stopping goes through it backwards.

    Raises:
        ValueError: two processes of one name, an unknown dependency, or a circle.
    """
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) != len(specs):
        raise ValueError("two processes have the same name")
    depth: dict[str, int] = {}

    def measure(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            raise ValueError(f"processes wait for each other: {' -> '.join((*above, name))}")
        if name not in by_name:
            raise ValueError(f"{above[-1]} depends on {name}, which is not in the plan")
        if name not in depth:
            needs = by_name[name].depends_on
            depth[name] = 1 + max((measure(need, (*above, name)) for need in needs), default=-1)
        return depth[name]

    for name in by_name:
        measure(name, ())
    return [[s for s in specs if depth[s.name] == level] for level in range(max(depth.values(), default=-1) + 1)]
