"""How many alerts people get, how fast they answer, and which objects cry wolf.

Pure functions over lines of the alert log and over alerts as they stand. The measures are those that the literature on
alarm management counts (rate per position and ten minutes, floods, priorities, chattering, stale, bad actors); the
limits here are starting points of process plants, quoted second-hand. A centre has to find its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ioc.domain.alerts import Alert, LogEntry

SLOT_MS = 600_000
FLOOD_ABOVE = 10  # announcements of a slot per position
CHATTER_TIMES, CHATTER_WITHIN_MS = 3, 60_000
STALE_AFTER_MS = 24 * 3_600_000
ACTORS_MAX = 10
LISTED_MAX = 50
LOOK_BACK_MS = 24 * 3_600_000  # lines before a span that tell when what ends in it had begun

MUTED_WITHIN_MS = 5_000  # as the flood: what is muted so soon was never for people

HELD = "chattering"
BEGINS = frozenset({"raised", "re-raised"})
GOES_AWAY = frozenset({"cleared", "closed", "hidden-occurrence"})
HIDDEN = frozenset({"SHLVD", "DSUPR", "OOSRV"})  # shelved, suppressed by design, out of service


class Line(Struct, frozen=True):
    """What a line of the alert log says for this purpose. ``key`` is ``rule|centre|object``."""

    at_ms: int
    alert_id: str
    key: str
    kind: str
    what: str
    priority: int
    from_state: str
    to_state: str

    @property
    def centre(self) -> str:
        """Centre of the alert."""
        return self.key.split("|", 2)[1] if self.key.count("|") >= 2 else ""


class Times(Struct, frozen=True, kw_only=True):
    """Durations in seconds: how many, the median and the ninth decile (nearest rank); None of none."""

    n: int
    p50_s: float | None
    p90_s: float | None


class Durations(Struct, frozen=True, kw_only=True):
    """All together, by priority (``"1"`` … ``"4"``), by centre."""

    all: Times
    by_priority: dict[str, Times]
    by_centre: dict[str, Times]


class Actor(Struct, frozen=True, kw_only=True):
    """An object of a rule. ``times`` it announced itself (or chattered), ``share`` of all announcements."""

    key: str
    times: int
    share: float


class Quality(Struct, frozen=True, kw_only=True):
    """The figures of ``[from_ms, to_ms)``. Rates are per operator position.

    ``slots``: announcements of each ten minutes, all positions together, from the one that holds ``from_ms``; the last
    may still be under way. ``flood_share``: part of the slots with more than ten per position.
    """

    from_ms: int
    to_ms: int
    positions: int
    announced: int
    rate_per_10min: float
    peak_per_10min: float
    flood_share: float
    slots: list[int]
    by_priority: dict[str, int]
    by_centre: dict[str, int]
    acknowledge: Durations
    clear: Durations
    chattering: list[Actor]
    bad_actors: list[Actor]
    bad_actors_share: float


class Standing(Struct, frozen=True, kw_only=True):
    """What stands at one moment.

    ``standing`` counts by priority what is there and not hidden; ``hidden`` by state, and ``muted`` is the part of it
    that another alert explains. ``stale`` are ids of alerts that have been there for a day, oldest first, at most 50 of
    ``stale_count``.
    """

    at_ms: int
    standing: dict[str, int]
    unacknowledged: int
    blind: int
    muted: int
    hidden: dict[str, int]
    stale_count: int
    stale: list[str]


def line_of(entry: LogEntry) -> Line | None:
    """The line of a log entry; None for drills and refused commands, which count nowhere."""
    if entry.exercise is not None or not entry.accepted:
        return None
    return Line(
        entry.at_ms,
        entry.alert_id,
        entry.key,
        entry.kind,
        entry.what,
        entry.priority,
        entry.from_state,
        entry.to_state,
    )


def announces(line: Line) -> bool:
    """Whether a line asks for somebody: an alert begins to, does so again (by a signal, by time or by a command that
    takes it from the shelf or gives it back), or becomes worse while it does."""
    if line.to_state != "UNACK":
        return False
    return line.from_state != "UNACK" or (line.kind == "transition" and line.what == "escalated")


def announcements(lines: Iterable[Line]) -> list[Line]:
    """Lines that announce, but for those of an asking that something explained within ``MUTED_WITHIN_MS``.

    Args:
        lines: by time.
    """
    found: dict[int, Line] = {}
    asking: dict[str, list[tuple[int, int]]] = {}  # of each alert that asks: place and time of its announcements
    for i, line in enumerate(lines):
        if announces(line):
            found[i] = line
            so_far = asking.get(line.alert_id, []) if line.from_state == "UNACK" else []
            asking[line.alert_id] = [*so_far, (i, line.at_ms)]
        elif line.to_state != "UNACK":
            ended = asking.pop(line.alert_id, [])
            muted = line.from_state == "UNACK" and line.to_state == "DSUPR"
            if muted and ended and line.at_ms - ended[0][1] < MUTED_WITHIN_MS:
                for place, _ in ended:
                    del found[place]
    return list(found.values())


def acknowledges(line: Line) -> bool:
    """Whether somebody took notice: acknowledged it, or closed what nobody had acknowledged."""
    unseen = line.from_state in ("UNACK", "RTNUN")
    return line.kind == "command" and (line.what == "ack" or (line.what == "close" and unseen))


def cleared(known: Iterable[Line]) -> list[tuple[Line, int | None]]:
    """Lines by which conditions went away, and when each had begun; None: before the lines that are known.

    Hidden or not, latched or not. An episode that another one took over did not go away, and a hidden occurrence that
    only came out of hiding had gone before.

    Args:
        known: by time.
    """
    began: dict[str, int] = {}
    gone: set[str] = set()
    found: list[tuple[Line, int | None]] = []
    for line in known:
        if line.kind != "transition":
            continue
        if line.what in BEGINS:
            began[line.alert_id] = line.at_ms
            gone.discard(line.alert_id)
        elif line.what in GOES_AWAY and line.alert_id not in gone:
            found.append((line, began.pop(line.alert_id, None)))
            gone.add(line.alert_id)
    return found


def measure(lines: Iterable[Line], from_ms: int, to_ms: int, positions: int = 1) -> Quality:
    """The figures of a span.

    Args:
        lines: in any order; those before ``from_ms`` only tell when something had begun, those from ``to_ms`` on only
            what was muted at once.
        from_ms, to_ms: the span, not empty.
        positions: desks that share the alerts, 1 or more.
    """
    ordered = sorted(lines, key=lambda line: line.at_ms)
    known = [line for line in ordered if line.at_ms < to_ms]
    announced = [line for line in announcements(ordered) if from_ms <= line.at_ms < to_ms]
    first_slot = from_ms // SLOT_MS
    slots = [0] * (-(-to_ms // SLOT_MS) - first_slot)
    for line in announced:
        slots[line.at_ms // SLOT_MS - first_slot] += 1
    ends = cleared(known)
    # Of what chatters the going away is not carried out, only noted.
    gone = sorted([line for line, _ in ends] + [line for line in known if line.what == HELD], key=lambda one: one.at_ms)
    took = [(line, line.at_ms - since) for line, since in ends if since is not None and line.at_ms >= from_ms]
    actors = _actors(Counter(line.key for line in announced), len(announced))
    return Quality(
        from_ms=from_ms,
        to_ms=to_ms,
        positions=positions,
        announced=len(announced),
        rate_per_10min=len(announced) / positions / ((to_ms - from_ms) / SLOT_MS),
        peak_per_10min=max(slots) / positions,
        flood_share=sum(n / positions > FLOOD_ABOVE for n in slots) / len(slots),
        slots=slots,
        by_priority=_counted(str(line.priority) for line in announced),
        by_centre=_counted(line.centre for line in announced),
        acknowledge=_grouped(_acknowledged(known, from_ms)),
        clear=_grouped(took),
        chattering=_chattering(gone, from_ms, len(announced)),
        bad_actors=actors,
        bad_actors_share=sum(actor.times for actor in actors) / len(announced) if announced else 0.0,
    )


def standing(alerts: Iterable[Alert], now_ms: int) -> Standing:
    """What stands now; drills do not count."""
    shown: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    stale: list[tuple[int, str]] = []
    unacknowledged = blind = muted = 0
    for alert in alerts:
        if alert.exercise is not None or alert.closed:
            continue
        if alert.state in HIDDEN:
            hidden[alert.state] += 1
            muted += alert.state == "DSUPR"
            continue
        unacknowledged += not alert.acked
        if not alert.active:
            continue
        shown[str(alert.priority)] += 1
        blind += alert.blind
        if now_ms - alert.started_ms > STALE_AFTER_MS:
            stale.append((alert.started_ms, alert.id))
    return Standing(
        at_ms=now_ms,
        standing=dict(sorted(shown.items())),
        unacknowledged=unacknowledged,
        blind=blind,
        muted=muted,
        hidden=dict(sorted(hidden.items())),
        stale_count=len(stale),
        stale=[name for _, name in sorted(stale)[:LISTED_MAX]],
    )


def times(values_ms: Sequence[int]) -> Times:
    """Number, median and ninth decile, by nearest rank: the smallest value that so many are not above."""
    ordered = sorted(values_ms)

    def rank(part: int) -> float | None:
        return ordered[-(-len(ordered) * part // 100) - 1] / 1000 if ordered else None

    return Times(n=len(ordered), p50_s=rank(50), p90_s=rank(90))


def _acknowledged(known: Iterable[Line], from_ms: int) -> list[tuple[Line, int]]:
    """Acknowledgements since ``from_ms``, and how long after the moment the alert asked, ms.

    An alert that becomes worse while nobody has it asks since it began; one that somebody had asks anew.
    """
    asks: dict[str, int] = {}
    found: list[tuple[Line, int]] = []
    for line in known:
        if announces(line):
            if line.from_state != "UNACK":
                asks[line.alert_id] = line.at_ms
        elif acknowledges(line):
            since = asks.pop(line.alert_id, None)
            if since is not None and line.at_ms >= from_ms:
                found.append((line, line.at_ms - since))
    return found


def _grouped(found: Sequence[tuple[Line, int]]) -> Durations:
    by_priority: dict[str, list[int]] = defaultdict(list)
    by_centre: dict[str, list[int]] = defaultdict(list)
    for line, took_ms in found:
        by_priority[str(line.priority)].append(took_ms)
        by_centre[line.centre].append(took_ms)
    return Durations(
        all=times([took_ms for _, took_ms in found]),
        by_priority={name: times(values) for name, values in sorted(by_priority.items())},
        by_centre={name: times(values) for name, values in sorted(by_centre.items())},
    )


def _chattering(ends: Iterable[Line], from_ms: int, announced: int) -> list[Actor]:
    """Objects whose condition went away three times or more within a minute, by how often they did so."""
    gone: dict[str, list[int]] = defaultdict(list)
    for line in ends:
        gone[line.key].append(line.at_ms)
    bursts: Counter[str] = Counter()
    for key, moments in gone.items():
        for i, at_ms in enumerate(moments):
            if at_ms >= from_ms and i - bisect_left(moments, at_ms - CHATTER_WITHIN_MS) + 1 >= CHATTER_TIMES:
                bursts[key] += 1
    return _actors(bursts, announced)


def _actors(counts: Counter[str], total: int) -> list[Actor]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:ACTORS_MAX]
    return [Actor(key=key, times=n, share=n / total if total else 0.0) for key, n in ordered]


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
