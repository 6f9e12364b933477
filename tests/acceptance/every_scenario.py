"""Every judged scenario on the real system, as a drill at x60 or faster: ``make scenarios``.

Starts a private installation with all processes of the product (no demo feeds), plays one scenario after the other
through Kafka, the jobs and the database, prints a table, and ends with code 0 only when every verdict holds. About 20
minutes; a row is printed as soon as it is known. With names, only these are played.

In drills silence goes by the drill's own clock. The part around the silence of ``source-loss`` is also played as the
live picture in real time, beside the drills, which must not touch it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from ioc.domain.spans import clock
from simulators import scenario
from tests.system import System


class Pace(Struct, frozen=True):
    """How a scenario is played.

    Attributes:
        speed: event seconds per wall second.
        rate: messages per event second; None takes the scenario's.
        live: the part that is played as the live picture, seconds since the start; None is a drill of the whole.
    """

    speed: float
    rate: float | None = None
    live: tuple[int, int] | None = None

    def words(self, exercise: str) -> list[str]:
        """Arguments of ``ioc sim run``."""
        found = [] if self.rate is None else ["--rate", f"{self.rate:g}"]
        if self.live is None:
            return [*found, "--speed", f"{self.speed:g}", "--exercise", exercise]
        return [*found, "--from", f"{self.live[0]}s", "--duration-s", str(self.live[1])]


SPEED_LEAST = 60.0  # what is promised
# About 1,000 to 2,000 messages/s each, which two cores with everything on them keep up with; the speed follows from it.
# The calm day has all feeds; with its natural 20 messages/s it takes 24 minutes at x60. That, and the whole hour of the
# live picture, is for --whole.
PACES = {
    "river-rise": Pace(66),
    "source-loss": Pace(120),
    "alarm-flood": Pace(120),
    "cyber-incident": Pace(300),
    "month-end-one-stop": Pace(300),
    "dry-season-fire": Pace(300),
    "evening-storm": Pace(300),
    "holiday-return-ql51": Pace(300),
    "hot-spell-aqi": Pace(480),
    "spring-tide-release": Pace(480),
    "la-nga-flood-2023": Pace(600),
    "calm-day": Pace(600, rate=2),
}
LIVE = {"source-loss": Pace(1, live=(560, 1_910))}
WHOLE_PACES = PACES | {"calm-day": Pace(SPEED_LEAST)}
WHOLE_LIVE = {"source-loss": Pace(1, live=(0, 3_600))}
LIMIT_S = 3_600.0  # for one run
HEAD = (
    "scenario", "length", "asked", "reached", "sent", "alerts", "met", "missing", "unexpected", "other", "not judged",
    "behind", "wall", "load", "verdict",
)  # fmt: skip


class Row(Struct, frozen=True, kw_only=True):
    """What came of one scenario.

    Attributes:
        name: of the scenario.
        code: exit code of ``ioc sim run``.
        wall_s: of the whole command, with start and wait for the last alerts.
        load: mean of processes that wanted a core in the last minute of it; includes whatever else the machine does.
        outcome: what the command printed; None when it printed none.
        said: its standard error.
    """

    name: str
    code: int
    wall_s: float
    load: float
    outcome: dict[str, Any] | None
    said: str = ""

    @property
    def holds(self) -> bool:
        """All that was judged holds, something was judged, all was sent, and the run was heard to its end."""
        return self.code == 0 and self.outcome is not None and self.outcome["verdict"]["holds"] and not self.unheard

    @property
    def unheard(self) -> bool:
        """The end of the run was not confirmed: alerts may be missing."""
        return self.outcome is not None and any("canary" in note for note in self.outcome["notes"])

    @property
    def reached(self) -> float:
        """Event seconds per wall second, of what was played; 0 when nothing was."""
        found = self.outcome
        return 0.0 if found is None else (found["played_s"] - found["from_s"]) / found["took_s"]

    def cells(self) -> tuple[str, ...]:
        """As in :data:`HEAD`."""
        if self.outcome is None:
            return (self.name, *["–"] * 11, f"{self.wall_s:.0f} s", f"{self.load:.1f}", f"FAILED, code {self.code}")
        found = self.outcome
        kinds = Counter(finding["kind"] for finding in found["verdict"]["findings"])
        known = ("met", "missing", "unexpected", "not judged")
        others = sum(count for kind, count in kinds.items() if kind not in known)
        asked = f"x{found['speed']:g}" + ("" if found["exercise"] else ", live")
        verdict = "holds" if self.holds else "NOT HEARD TO ITS END" if self.unheard else "DOES NOT HOLD"
        return (
            self.name, clock(round((found["played_s"] - found["from_s"]) * 1000)), asked, f"x{self.reached:.0f}",
            f"{found['sent']:,}", str(found["verdict"]["alerts"]), *(str(kinds[kind]) for kind in known[:3]),
            str(others), str(kinds["not judged"]), f"{found['behind_max_s']:.1f} s", f"{self.wall_s:.0f} s",
            f"{self.load:.1f}", verdict,
        )  # fmt: skip

    def faults(self) -> list[str]:
        """What does not hold, and what else there is to know, one sentence each."""
        if self.outcome is None:
            return [self.said.strip()[-2_000:]]
        wrong = [f for f in self.outcome["verdict"]["findings"] if f["kind"] not in ("met", "not judged")]
        said = [f"{f['kind']}: {f['what']}, expected {f['expected']}: {f['seen']} {f['reason']}" for f in wrong]
        if self.outcome["exercise"] and self.reached < 0.95 * SPEED_LEAST:
            said.append(f"slow: x{self.reached:.0f} was reached, less than the x{SPEED_LEAST:g} that is promised")
        return said + [f"note: {note}" for note in self.outcome["notes"]]


def judged() -> list[str]:
    """The scenarios that expect something, in the order in which they are played."""
    names = [name for name in scenario.names() if scenario.load(name).is_judged]
    return sorted(names, key=lambda name: (list(PACES).index(name) if name in PACES else -1, name))


def line(cells: Iterable[str]) -> str:
    """A row of the table, in Markdown."""
    return "| " + " | ".join(cells) + " |"


def play(system: System, name: str, pace: Pace, exercise: str) -> Row:
    """Run one scenario, as a drill of that id unless it is of the live picture, and say what came of it."""
    begun_s = time.monotonic()
    done = system.cli("sim", "run", name, *pace.words(exercise), "--json", check=False, limit_s=LIMIT_S)
    return Row(
        name=name,
        code=done.returncode,
        wall_s=time.monotonic() - begun_s,
        load=os.getloadavg()[0],
        outcome=json.loads(done.stdout) if done.stdout.startswith("{") else None,
        said=done.stderr,
    )


def played(system: System, names: Sequence[str], paces: Mapping[str, Pace], live: Mapping[str, Pace]) -> Iterator[Row]:
    """Play the drills one after the other, and beside them, one after the other too, what is of the live picture."""
    with ThreadPoolExecutor(1) as beside:
        waiting = [beside.submit(play, system, name, pace, "") for name, pace in live.items() if name in names]
        for name in names:
            yield play(system, name, paces.get(name, Pace(SPEED_LEAST)), f"all-{name}")
        for one in waiting:
            yield one.result()


def main(arguments: Sequence[str]) -> int:
    """Play them; 0 when every verdict holds, 1 when one does not, 2 when there is no such scenario."""
    parser = argparse.ArgumentParser(prog="make scenarios", description=__doc__)
    parser.add_argument("names", nargs="*", help="scenarios to play; all that are judged when left out")
    parser.add_argument("--speed", type=float, help="the same for all drills, instead of each one's own")
    parser.add_argument("--whole", action="store_true", help="all of calm-day and source-loss: more than an hour")
    parser.add_argument("--json", type=Path, help="also write what every run printed to this file, one per line")
    wished = parser.parse_args(arguments)
    known = judged()
    if unknown := set(wished.names) - set(known):
        print(f"not a judged scenario: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    paces, live = (WHOLE_PACES, WHOLE_LIVE) if wished.whole else (PACES, LIVE)
    if wished.speed is not None:
        paces = {name: structs.replace(pace, speed=wished.speed) for name, pace in paces.items()}
    rows: list[Row] = []
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ioc-scenarios-") as folder:
        system = System(Path(folder) / "state", demo=False, IOC_CANARY_S="2")
        try:
            system.start()
            print(line(HEAD), line("---" for _ in HEAD), sep="\n", flush=True)
            for row in played(system, wished.names or known, paces, live):
                rows.append(row)
                print(line(row.cells()), flush=True)
                if wished.json is not None and row.outcome is not None:
                    with wished.json.open("a") as file:
                        file.write(json.dumps(row.outcome, ensure_ascii=False) + "\n")
        finally:
            system.stop()
    for row in rows:
        for fault in row.faults():
            print(f"{row.name}: {fault}")
    bad = sum(not row.holds for row in rows)
    print(f"{len(rows) - bad} of {len(rows)} verdicts hold, {(time.monotonic() - begun_s) / 60:.0f} minutes in all")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
