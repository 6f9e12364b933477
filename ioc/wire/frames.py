"""Frames of the wall protocol: what travels over ``/live`` as JSON text. The field ``t`` names the frame.

``pos`` is opaque to clients: it stands for the offsets of every partition behind the picture, so that any
gateway can answer a resume from it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from ioc.domain.alerts import Alert, Outcome
from ioc.domain.flood import Flood
from ioc.domain.handling import Op, ResultCode
from ioc.domain.incidents import Incident

PROTOCOL = 1


class Since(Struct, frozen=True, kw_only=True):
    """A position to resume from."""

    epoch: str
    pos: str


class Auth(Struct, frozen=True, kw_only=True, tag="auth", tag_field="t"):
    """First frame of a client, within 5 s."""

    ticket: str
    proto: int = PROTOCOL


class Subscribe(Struct, frozen=True, kw_only=True, tag="subscribe", tag_field="t"):
    """Asks for the picture, whole or from a position on."""

    channels: tuple[str, ...] = ("wall",)
    filter: dict[str, Any] = {}
    since: Since | None = None
    desk_changes: bool = False  # True: after the first frame of the desk only what changed of it (DeskDelta)


class CommandFrame(Struct, frozen=True, kw_only=True, tag="command", tag_field="t"):
    """A command of a person; answered by exactly one :class:`OutcomeFrame`. Fields as in
    :class:`ioc.domain.alerts.Command`; an operation reads its own and refuses what it lacks."""

    command_id: str
    op: Op
    alert_id: str
    expected_version: int
    note: str | None = None
    reason: str = ""
    assignee: str = ""
    agency: str = ""
    item: str = ""
    for_s: int | None = None
    once: bool = False
    review_ms: int | None = None
    result: ResultCode | None = None


ClientFrame = Auth | Subscribe | CommandFrame


class User(Struct, frozen=True, kw_only=True):
    """Who is signed in. Roles: wall, viewer, operator, dispatcher, engineer, admin."""

    name: str
    display: str
    role: str


class Reading(Struct, frozen=True, kw_only=True):
    """The latest event of one site and type; ``key`` is ``centre/feed/site/type``."""

    key: str
    centre: str
    area: str
    feed: str
    site: str
    type: str
    time_ms: int
    received_ms: int
    data: Raw


class Minute(Struct, frozen=True, kw_only=True):
    """Events of one centre in one minute of event time; ``key`` is ``centre/start_ms``."""

    key: str
    centre: str
    start_ms: int
    events: int


class FeedView(Struct, frozen=True, kw_only=True):
    """Health of one feed, partitions merged; ``key`` is ``centre/feed``.

    Counters as in :class:`ioc.domain.measures.FeedHealth`: of the last hour, ``received`` and ``expected`` of its full
    minutes.
    """

    key: str
    centre: str
    feed: str
    state: str
    since_ms: int
    last_event_ms: int | None
    last_received_ms: int | None
    rate_per_min: float
    expected_period_s: float
    accepted: int
    rejected: int
    duplicates: int
    watermark_ms: int | None
    review_ms: int | None = None  # out of service: when somebody should look at it again
    late: int = 0
    too_late: int = 0
    sporadic: bool = False  # reports what happens: nothing can be missing, silence proves nothing
    received: int = 0
    expected: float | None = None  # None: sporadic, or not a full minute seen yet
    conflicts: int = 0  # same id, other content: refused
    presumed: int = 0  # of the duplicates: dropped for number and time alone; a source that began anew may look so
    unkeyed: int = 0  # accepted, but not sent under the site's native id as the key: order and repeats are not safe


class Hello(Struct, frozen=True, kw_only=True, tag="hello", tag_field="t"):
    """Answer to a good ticket."""

    epoch: str
    pos: str
    server_time_ms: int
    build: str
    user: User
    simulated: bool


class SnapshotBegin(Struct, frozen=True, kw_only=True, tag="snapshot_begin", tag_field="t"):
    """From here on the client marks what it holds as suspect."""

    pos: str
    reason: Literal["fresh", "epoch", "too_old", "bad_position", "gap"]


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="snapshot", tag_field="t"):
    """A piece of the picture."""

    alerts: list[Alert] = []
    feeds: list[FeedView] = []
    readings: list[Reading] = []
    minutes: list[Minute] = []


class SnapshotEnd(Struct, frozen=True, kw_only=True, tag="snapshot_end", tag_field="t"):
    """What is still suspect is dropped; the client stands at ``pos``."""

    pos: str


class Gone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys that no longer exist."""

    alerts: list[str] = []
    feeds: list[str] = []
    readings: list[str] = []
    minutes: list[str] = []


class Delta(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delta", tag_field="t"):
    """Everything that changed from ``prev`` to ``pos``; newest state per key."""

    prev: str
    pos: str
    server_time_ms: int
    alerts: list[Alert] = []
    feeds: list[FeedView] = []
    readings: list[Reading] = []
    minutes: list[Minute] = []
    gone: Gone | None = None


class DeskFrame(Struct, frozen=True, kw_only=True, tag="desk", tag_field="t"):
    """All open incidents and the flood, as the desk says them now; the whole of it, beside the positions.

    Sent after the picture begins and, to clients that did not ask for changes, whenever it changed. ``flood`` None: the
    desk has said nothing yet. ``version`` is of this gateway alone and grows with every change. ``numbers``: by id, of
    incidents that lines name and that are not among them, those that ended within a day.
    """

    incidents: list[Incident] = []
    numbers: dict[str, int] = {}
    flood: Flood | None = None
    version: int = 0


class DeskDelta(Struct, frozen=True, kw_only=True, tag="desk_delta", tag_field="t"):
    """What changed of the desk from version ``prev`` to ``version``, for clients that asked for changes.

    ``incidents`` are those that are new or changed, each whole; ``gone`` ids of those that are shown no more; ``flood``
    as it is; ``numbers`` as in the whole, of the incidents that changed. A client that does not hold ``prev`` has to
    connect again, which begins with the whole.
    """

    prev: int
    version: int
    incidents: list[Incident] = []
    numbers: dict[str, int] = {}
    gone: list[str] = []
    flood: Flood | None = None


class Gap(Struct, frozen=True, kw_only=True, tag="gap", tag_field="t"):
    """The server could not deliver everything; a snapshot follows."""

    reason: str


class Beat(Struct, frozen=True, kw_only=True, tag="beat", tag_field="t"):
    """Sign of life every 5 s. ``lag_s`` is how far the picture is behind the bus, None when unknown."""

    server_time_ms: int
    pos: str
    lag_s: float | None
    watermarks: dict[str, int]
    degraded: list[str]


class OutcomeFrame(Struct, frozen=True, kw_only=True, tag="outcome", tag_field="t"):
    """The one answer to a command."""

    command_id: str
    outcome: Outcome
    by: str | None = None
    by_display: str | None = None
    at_ms: int | None = None
    alert: Alert | None = None
    reason: str = ""


class ErrorFrame(Struct, frozen=True, kw_only=True, tag="error", tag_field="t"):
    """A frame that was not understood or not allowed; the connection lives on."""

    code: str
    detail: str = ""


ServerFrame = (
    Hello
    | SnapshotBegin
    | Snapshot
    | SnapshotEnd
    | Delta
    | Gap
    | Beat
    | OutcomeFrame
    | ErrorFrame
    | DeskFrame
    | DeskDelta
)
encode_frame = msgspec.json.Encoder().encode
