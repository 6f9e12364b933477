"""The server's half of one wall session as an object that never touches a socket: text and time in, actions out.

::

    new ──auth──► checking ──admit──► signed_in ──subscribe──► live ──► closed
     │                │                    │                    │ ▲        ▲
     │                └──reject: 4401──────┼────────────────────┼─┼────────┤
     └─ 5 s, or any other frame: 4401      └─ command, bad frame┘ └subscribe

A frame that is not understood costs a strike and is answered with an error; three in 10 s end the session (4429).
Every command is answered with exactly one outcome, a refused one too: the session itself refuses what the role may
not do, what comes too fast and what would be too many at once.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from msgspec import Struct

from ioc.domain.alerts import Outcome
from ioc.errors import BadInput
from ioc.wire import inbound
from ioc.wire.close_codes import CloseCode
from ioc.wire.frames import (
    PROTOCOL,
    Auth,
    ClientFrame,
    CommandFrame,
    ErrorFrame,
    Hello,
    OutcomeFrame,
    ServerFrame,
    Since,
    Subscribe,
    User,
)
from ioc.wire.roles import Rights, rights

AUTH_WITHIN_MS = 5_000
BAD_FRAMES, BAD_FRAMES_MS = 3, 10_000  # then 4429
FAST_FRAMES, FAST_FRAMES_MS = 20, 10_000  # frames over the bucket, then 4429
FORBIDDEN, FORBIDDEN_MS = 5, 60_000  # commands without the right, then 4403
PENDING_MAX = 100  # commands of one session that wait for their outcome; more are refused as "busy"
CHANNELS = ("wall",)


class SendFrame(Struct, frozen=True):
    """Send this frame, after everything queued before it."""

    frame: ServerFrame


class Authenticate(Struct, frozen=True):
    """Redeem the ticket, then call ``admit`` or ``reject``."""

    ticket: str


class StartPicture(Struct, frozen=True):
    """Begin (or begin again) to send the picture, from ``since`` if that can be continued; of the desk its changes."""

    since: Since | None
    desk_changes: bool = False


class Submit(Struct, frozen=True):
    """Hand the command on, then call ``answered`` once and send its outcome."""

    command: CommandFrame


class Close(Struct, frozen=True):
    """Close the connection; nothing is sent after it."""

    code: CloseCode
    reason: str


Action = SendFrame | Authenticate | StartPicture | Submit | Close
State = Literal["new", "checking", "signed_in", "live", "closed"]


class Bucket:
    """Token bucket: ``burst`` tokens at most, ``per_s`` new ones a second."""

    def __init__(self, per_s: float, burst: int, now_ms: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """Take one token if there is one; a clock that goes back adds none."""
        passed_ms = max(0, now_ms - self._at_ms)
        self._at_ms = now_ms
        self._tokens = min(self._burst, self._tokens + passed_ms / 1000 * self._per_s)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """Put a token back that was taken in vain."""
        self._tokens = min(self._burst, self._tokens + 1.0)


class Strikes:
    """Counts misdeeds; true once ``limit`` of them fall into ``window_ms``."""

    def __init__(self, limit: int, window_ms: int) -> None:
        self._window_ms = window_ms
        self._at_ms: deque[int] = deque(maxlen=limit)

    def add(self, now_ms: int) -> bool:
        """Note one; true if that was the last straw."""
        self._at_ms.append(now_ms)
        return len(self._at_ms) == self._at_ms.maxlen and now_ms - self._at_ms[0] <= self._window_ms


class WallSession:
    """State of one connection; every method returns what the shell has to do, in order."""

    def __init__(self, opened_ms: int) -> None:
        self.state: State = "new"
        self.user: User | None = None
        self.expires_ms: int | None = None
        self.pending = 0
        self._auth_by_ms = opened_ms + AUTH_WITHIN_MS
        self._rights: Rights = rights("viewer")
        self._bucket = Bucket(self._rights.frames_per_s, self._rights.frames_burst, opened_ms)
        self._bad = Strikes(BAD_FRAMES, BAD_FRAMES_MS)
        self._fast = Strikes(FAST_FRAMES, FAST_FRAMES_MS)
        self._forbidden = Strikes(FORBIDDEN, FORBIDDEN_MS)

    def on_text(self, text: str, now_ms: int) -> list[Action]:
        """A text frame arrived."""
        if self.state == "closed":
            return []
        if self.state == "checking":
            return self._close(CloseCode.NOT_SIGNED_IN, "frame before the ticket was checked")
        try:
            frame = inbound.parse(text)
        except BadInput as exc:
            if self.state == "new":
                return self._close(CloseCode.NOT_SIGNED_IN, "the first frame must be auth")
            return self._strike(exc, now_ms)
        if self.state == "new":
            return self._first(frame)
        return self._signed_in(frame, now_ms)

    def on_binary(self) -> list[Action]:
        """A binary frame arrived: this is a text protocol."""
        return self._close(CloseCode.UNSUPPORTED_DATA, "text frames only")

    def on_tick(self, now_ms: int) -> list[Action]:
        """Time passed; call about once a second."""
        if self.state in ("new", "checking") and now_ms >= self._auth_by_ms:
            return self._close(CloseCode.NOT_SIGNED_IN, "no ticket within 5 s")
        if self.expires_ms is not None and now_ms >= self.expires_ms:
            return self._close(CloseCode.EXPIRED, "the session ended")
        return []

    def admit(self, hello: Hello, expires_ms: int, now_ms: int) -> list[Action]:
        """The ticket was good: ``hello.user`` is signed in until ``expires_ms``."""
        if self.state != "checking":
            return []
        self.state = "signed_in"
        self.user = hello.user
        self.expires_ms = expires_ms
        self._rights = rights(hello.user.role)
        self._bucket = Bucket(self._rights.frames_per_s, self._rights.frames_burst, now_ms)
        return [SendFrame(hello)]

    def reject(self) -> list[Action]:
        """The ticket is unknown, used or too old."""
        return self._close(CloseCode.NOT_SIGNED_IN, "the ticket is not valid")

    def revoke(self) -> list[Action]:
        """The account was disabled, or its role or password changed."""
        return self._close(CloseCode.FORBIDDEN, "the account changed")

    def answered(self) -> None:
        """A submitted command has its outcome."""
        self.pending -= 1

    def _first(self, frame: ClientFrame) -> list[Action]:
        if not isinstance(frame, Auth):
            return self._close(CloseCode.NOT_SIGNED_IN, "the first frame must be auth")
        if frame.proto != PROTOCOL:
            error = ErrorFrame(code="unsupported_version", detail=f"this gateway speaks version {PROTOCOL}")
            return [SendFrame(error), *self._close(CloseCode.NOT_SIGNED_IN, "unsupported version")]
        self.state = "checking"
        return [Authenticate(frame.ticket)]

    def _signed_in(self, frame: ClientFrame, now_ms: int) -> list[Action]:
        if isinstance(frame, Auth):
            return self._close(CloseCode.NOT_SIGNED_IN, "signed in already")
        if not self._bucket.take(now_ms):
            if self._fast.add(now_ms):
                return self._close(CloseCode.ABUSE, "too many frames")
            if isinstance(frame, CommandFrame):
                return [_refused(frame, "rate_limited")]
            return [SendFrame(ErrorFrame(code="rate_limited", detail="too many frames; slow down"))]
        if isinstance(frame, Subscribe):
            return self._subscribe(frame, now_ms)
        return self._command(frame, now_ms)

    def _subscribe(self, frame: Subscribe, now_ms: int) -> list[Action]:
        if frame.channels != CHANNELS:
            return self._strike(BadInput("unknown_channel", "channels", "channels: wall"), now_ms)
        if frame.filter:
            # Reserved: a filter by centre. Refused, not ignored: a client must not believe that it is filtered.
            return self._strike(BadInput("unsupported_filter", "filter", "must be empty"), now_ms)
        self.state = "live"
        return [StartPicture(frame.since, frame.desk_changes)]

    def _command(self, frame: CommandFrame, now_ms: int) -> list[Action]:
        if frame.op not in self._rights.commands:
            if self._forbidden.add(now_ms):
                return [_refused(frame, "forbidden"), *self._close(CloseCode.FORBIDDEN, "commands without the right")]
            return [_refused(frame, "forbidden")]
        if self.pending >= PENDING_MAX:
            return [_refused(frame, "busy")]
        self.pending += 1
        return [Submit(frame)]

    def _strike(self, error: BadInput, now_ms: int) -> list[Action]:
        answer = SendFrame(ErrorFrame(code=error.code, detail=f"{error.path}: {error.detail}".lstrip(": ")))
        if self._bad.add(now_ms):
            return [answer, *self._close(CloseCode.ABUSE, "three bad frames in 10 s")]
        return [answer]

    def _close(self, code: CloseCode, reason: str) -> list[Action]:
        if self.state == "closed":
            return []
        self.state = "closed"
        return [Close(code, reason)]


def _refused(frame: CommandFrame, reason: str) -> SendFrame:
    outcome: Outcome = "FORBIDDEN" if reason == "forbidden" else "REFUSED"
    return SendFrame(OutcomeFrame(command_id=frame.command_id, outcome=outcome, reason=reason))
