"""E-mail against a real SMTP server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from ioc.adapters.mail import Mailer, MailServer
from ioc.pipeline.notices import Again, Delivery, Done, Never, Notice

NOW_MS = 1_700_000_000_000


class Box:
    """Keeps what comes; answers what a test wants."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.rcpt = self.data = "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data.startswith("250"):
            self.to += envelope.rcpt_tos
            self.mails.append(message_from_bytes(envelope.content or b"", policy=policy.default))  # type: ignore[arg-type]
        return self.data


@pytest.fixture
def box() -> Iterator[tuple[Box, MailServer]]:
    handler = Box()
    controller = Controller(handler, hostname="127.0.0.1", port=_free_port())
    controller.start()
    yield (
        handler,
        MailServer(host="127.0.0.1", port=controller.port, security="none", sender="ioc@dongnai.example"),
    )
    controller.stop()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def delivery(**changes: Any) -> Delivery:
    body: dict[str, Any] = {
        "title": "P1 Cảnh báo mới: Mực nước",
        "at": "2026-11-24T03:00:00.000Z",
        "language": "vi",
        "by": None,
        "alert": {"id": "A-1", "version": 3, "place_vi": "Cầu Hóa An", "place_en": "Hoa An bridge"},
    } | changes
    return Delivery(
        notice=Notice(
            id="n1", channel="c", target="truc@x.example", alert_id="A-1", body=msgspec.json.encode(body).decode()
        ),
        attempts=0,
        created_ms=NOW_MS,
        due_ms=NOW_MS,
    )


async def send(server: MailServer, one: Delivery | None = None) -> Any:
    return await Mailer(server, "Asia/Ho_Chi_Minh").send(one or delivery(), NOW_MS)


async def test_a_mail_says_it_in_words_and_can_be_recognised(box: tuple[Box, MailServer]) -> None:
    handler, server = box
    assert await send(server) == Done()
    [mail] = handler.mails
    assert handler.to == ["truc@x.example"]
    assert mail["Subject"] == "P1 Cảnh báo mới: Mực nước"
    assert (mail["Message-ID"], mail["IOC-Delivery"]) == ("<n1@dongnai.example>", "n1")
    text = mail.get_content()
    assert "Lúc: 24/11/2026 10:00:00" in text
    assert "Nơi: Cầu Hóa An" in text


async def test_a_line_break_in_a_title_makes_no_header(box: tuple[Box, MailServer]) -> None:
    handler, server = box
    assert await send(server, delivery(title="a\r\nBcc: all@x.example\r\n\r\nbody")) == Done()
    [mail] = handler.mails
    assert mail["Bcc"] is None
    assert handler.to == ["truc@x.example"]
    assert mail["Subject"] == "a Bcc: all@x.example body"


@pytest.mark.parametrize(
    ("rcpt", "data", "kind"),
    [
        ("450 busy", "250 OK", Again),
        ("550 no such user", "250 OK", Never),
        ("250 OK", "451 try later", Again),
        ("250 OK", "554 spam", Never),
        ("421 closing", "250 OK", Again),
    ],
)
async def test_what_an_answer_means(box: tuple[Box, MailServer], rcpt: str, data: str, kind: type) -> None:
    handler, server = box
    handler.rcpt, handler.data = rcpt, data
    assert isinstance(await send(server), kind)
    assert handler.mails == []


async def test_no_server_is_tried_again() -> None:
    server = MailServer(host="127.0.0.1", port=_free_port(), security="none", sender="a@x.example")
    assert isinstance(await send(server), Again)


async def test_a_server_without_tls_gets_neither_mail_nor_password(box: tuple[Box, MailServer]) -> None:
    handler, server = box
    wanted = msgspec.structs.replace(server, security="starttls", user="ioc", password="secret")
    assert isinstance(await send(wanted), Again)
    assert handler.mails == []


async def test_a_wrong_account_waits_for_a_person() -> None:
    def authenticate(*args: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    controller = Controller(
        Box(), hostname="127.0.0.1", port=_free_port(), authenticator=authenticate, auth_require_tls=False
    )
    controller.start()
    try:
        server = MailServer(
            host="127.0.0.1", port=controller.port, security="none", sender="a@x.example", user="u", password="p"
        )
        found = await send(server)
    finally:
        controller.stop()
    assert isinstance(found, Again)
    assert "account" in found.reason
