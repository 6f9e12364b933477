"""The session as a state machine: every state, every frame, every limit, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.wire.close_codes import ASKS, CloseCode
from ioc.wire.frames import ErrorFrame, Hello, OutcomeFrame, Since, User
from ioc.wire.roles import ROLES, rights
from ioc.wire.session import (
    Action,
    Authenticate,
    Bucket,
    Close,
    SendFrame,
    StartPicture,
    Strikes,
    Submit,
    WallSession,
)

AUTH = json.dumps({"t": "auth", "ticket": "x", "proto": 1})
SUBSCRIBE = json.dumps({"t": "subscribe", "channels": ["wall"], "filter": {}, "since": None})
EXPIRES_MS = 10_000_000


def command(command_id: str = "c1") -> str:
    return json.dumps({"t": "command", "command_id": command_id, "op": "ack", "alert_id": "A-1", "expected_version": 1})


def hello(role: str = "dispatcher") -> Hello:
    user = User(name="lan", display="Lan", role=role)
    return Hello(epoch="e", pos="p", server_time_ms=0, build="1", user=user, simulated=True)


def signed_in(role: str = "dispatcher", now_ms: int = 0) -> WallSession:
    session = WallSession(now_ms)
    assert session.on_text(AUTH, now_ms) == [Authenticate("x")]
    assert session.admit(hello(role), EXPIRES_MS, now_ms) == [SendFrame(hello(role))]
    return session


def close_code(actions: list[Action]) -> CloseCode | None:
    codes = [action.code for action in actions if isinstance(action, Close)]
    assert len(codes) <= 1
    if codes:
        assert isinstance(actions[-1], Close), "something after the close"
    return codes[0] if codes else None


def outcome(actions: list[Action]) -> OutcomeFrame:
    [found] = [a.frame for a in actions if isinstance(a, SendFrame) and isinstance(a.frame, OutcomeFrame)]
    return found


def test_ticket_then_picture_then_command() -> None:
    session = signed_in()
    assert session.on_text(SUBSCRIBE, 10) == [StartPicture(None)]
    assert session.state == "live"
    [submit] = session.on_text(command(), 20)
    assert isinstance(submit, Submit)
    since = json.dumps({"t": "subscribe", "since": {"epoch": "e", "pos": "p"}})
    assert session.on_text(since, 30) == [StartPicture(Since(epoch="e", pos="p"))]
    changes = '{"t":"subscribe","channels":["wall"],"desk_changes":true}'
    assert session.on_text(changes, 40) == [StartPicture(None, desk_changes=True)]


def test_a_command_needs_no_picture() -> None:
    assert isinstance(signed_in().on_text(command(), 10)[0], Submit)


@pytest.mark.parametrize("text", ["", "{}", SUBSCRIBE, command(), "[]"])
def test_the_first_frame_is_a_ticket_or_the_last(text: str) -> None:
    session = WallSession(0)
    assert close_code(session.on_text(text, 1)) is CloseCode.NOT_SIGNED_IN
    assert session.state == "closed"


def test_no_frame_may_overtake_the_check_of_the_ticket() -> None:
    session = WallSession(0)
    session.on_text(AUTH, 0)
    assert close_code(session.on_text(SUBSCRIBE, 1)) is CloseCode.NOT_SIGNED_IN
    assert session.admit(hello(), EXPIRES_MS, 2) == []  # the late answer changes nothing
    assert session.user is None


def test_a_second_ticket_is_final() -> None:
    assert close_code(signed_in().on_text(AUTH, 1)) is CloseCode.NOT_SIGNED_IN


def test_a_refused_ticket_is_final() -> None:
    session = WallSession(0)
    session.on_text(AUTH, 0)
    assert close_code(session.reject()) is CloseCode.NOT_SIGNED_IN


def test_time_limits() -> None:
    session = WallSession(0)
    assert session.on_tick(4_999) == []
    assert close_code(session.on_tick(5_000)) is CloseCode.NOT_SIGNED_IN
    session = signed_in()
    assert session.on_tick(EXPIRES_MS - 1) == []
    assert close_code(session.on_tick(EXPIRES_MS)) is CloseCode.EXPIRED
    assert session.on_tick(EXPIRES_MS + 1) == []


def test_binary_and_revocation() -> None:
    assert close_code(signed_in().on_binary()) is CloseCode.UNSUPPORTED_DATA
    assert close_code(signed_in().revoke()) is CloseCode.FORBIDDEN


def test_three_bad_frames_within_ten_seconds() -> None:
    session = signed_in()
    assert close_code(session.on_text("x", 0)) is None
    assert close_code(session.on_text("x", 5_000)) is None
    assert close_code(session.on_text("x", 10_001)) is None  # the first is too old
    actions = session.on_text("x", 10_002)
    assert isinstance(actions[0], SendFrame)
    assert isinstance(actions[0].frame, ErrorFrame)
    assert close_code(actions) is CloseCode.ABUSE


@pytest.mark.parametrize("role", [*ROLES, "unheard-of"])
def test_only_roles_of_the_table_may_acknowledge(role: str) -> None:
    actions = signed_in(role).on_text(command(), 1)
    if role in ("dispatcher", "admin"):
        assert isinstance(actions[0], Submit)
    else:
        assert (outcome(actions).outcome, outcome(actions).reason) == ("FORBIDDEN", "forbidden")


def test_five_forbidden_commands_in_a_minute_are_final_and_each_is_answered() -> None:
    session = signed_in("viewer")
    for number in range(4):
        assert close_code(session.on_text(command(), number * 1_000)) is None
    actions = session.on_text(command(), 4_000)
    assert outcome(actions).reason == "forbidden"
    assert close_code(actions) is CloseCode.FORBIDDEN


def test_a_hundred_commands_may_wait() -> None:
    session = signed_in()
    now_ms = 0
    for _ in range(100):
        now_ms += 100
        assert isinstance(session.on_text(command(), now_ms)[0], Submit)
    assert outcome(session.on_text(command(), now_ms + 100)).reason == "busy"
    session.answered()
    assert isinstance(session.on_text(command(), now_ms + 200)[0], Submit)


def test_a_dispatcher_may_send_twenty_at_once_and_ten_a_second() -> None:
    session = signed_in()
    first = [session.on_text(command(), 0)[0] for _ in range(25)]
    assert [isinstance(action, Submit) for action in first] == [True] * 20 + [False] * 5
    later = [session.on_text(command(), 1_000)[0] for _ in range(12)]
    assert sum(isinstance(action, Submit) for action in later) == 10


def test_twenty_frames_too_many_are_abuse() -> None:
    session = signed_in("viewer")
    codes = [close_code(session.on_text(SUBSCRIBE, 0)) for _ in range(30)]
    assert codes == [None] * 29 + [CloseCode.ABUSE]


def test_nothing_happens_after_the_close() -> None:
    session = signed_in()
    session.on_binary()
    assert session.on_text(command(), 1) == session.on_binary() == session.revoke() == session.on_tick(10**12) == []


TEXTS = st.sampled_from([AUTH, SUBSCRIBE, command(), "x", '{"t":"subscribe","filter":{"a":1}}'])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["text", "text", "text", "tick", "binary", "admit", "reject", "done"]),
        TEXTS,
        st.integers(0, 400),
    ),
    max_size=80,
)


@settings(max_examples=300)
@given(st.sampled_from([*ROLES]), STEPS)
def test_whatever_comes_every_command_has_one_answer_and_nobody_else_acts(role: str, steps: list[Any]) -> None:
    session = WallSession(0)
    now_ms = waiting = 0
    admitted = closed = False
    for kind, text, passed_ms in steps:
        now_ms += passed_ms
        if kind == "text":
            actions = session.on_text(text, now_ms)
        elif kind == "tick":
            actions = session.on_tick(now_ms)
        elif kind == "binary":
            actions = session.on_binary() if passed_ms == 0 else []
        elif kind == "admit":
            actions = session.admit(hello(role), EXPIRES_MS, now_ms)
            admitted = admitted or bool(actions)
        elif kind == "reject" and passed_ms == 0:
            actions = session.reject()
        else:
            if waiting:
                session.answered()
                waiting -= 1
            actions = []
        if closed:
            assert actions == []
        submits = sum(isinstance(action, Submit) for action in actions)
        answers = sum(isinstance(action, SendFrame) and isinstance(action.frame, OutcomeFrame) for action in actions)
        waiting += submits
        assert waiting == session.pending <= 100
        if kind == "text" and text == command() and admitted and not closed:
            assert submits + answers == 1
        else:
            assert submits + answers == 0
        if submits:
            assert admitted
            assert "ack" in rights(role).commands
        closed = closed or close_code(actions) is not None


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    bucket = Bucket(10, 1, 1_000)
    assert bucket.take(1_000)
    assert not bucket.take(0)
    assert not bucket.take(50)
    assert bucket.take(200)


def test_strikes_count_within_their_window_only() -> None:
    strikes = Strikes(3, 100)
    assert [strikes.add(at) for at in (0, 50, 101, 140)] == [False, False, False, True]


def test_every_close_code_says_what_the_client_does() -> None:
    assert set(ASKS) == set(CloseCode)
