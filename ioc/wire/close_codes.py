"""Why the gateway closes a websocket, and what each reason asks of the client.

Codes 4000–4009 ask for a reconnect with the last position, 4400 and up are final until something else changed.
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    """Close codes of ``/live``; the name is the reason, ``ASKS`` says what the client does next."""

    GOING_AWAY = 1001
    UNSUPPORTED_DATA = 1003
    OVERLOAD = 1013
    HEARTBEAT = 4000
    SLOW = 4008
    INSUFFICIENT_STATE = 4010
    NOT_SIGNED_IN = 4401
    FORBIDDEN = 4403
    EXPIRED = 4409
    ABUSE = 4429


ASKS: dict[CloseCode, str] = {
    CloseCode.GOING_AWAY: "the gateway restarts: reconnect with jitter and with the position",
    CloseCode.UNSUPPORTED_DATA: "a binary frame on a text protocol: final, the client is wrong",
    CloseCode.OVERLOAD: "too many connections: reconnect after 5 s or more, with jitter",
    CloseCode.HEARTBEAT: "no sign of life: reconnect with the position",
    CloseCode.SLOW: "the client reads too slowly: reconnect with the position",
    CloseCode.INSUFFICIENT_STATE: "the position cannot be continued: reconnect and take the snapshot",
    CloseCode.NOT_SIGNED_IN: "no good ticket in time: final until a new sign-in",
    CloseCode.FORBIDDEN: "the right was taken away: final, sign in again",
    CloseCode.EXPIRED: "the session ended: sign in again, then reconnect",
    CloseCode.ABUSE: "too many or too bad frames: final for 60 s",
}
