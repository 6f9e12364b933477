"""Notices by e-mail, through one SMTP server; plain text, one message per receiver.

The Message-ID is made from the key of the notice, so that a repeat can be recognised.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ioc.domain.times import from_ms, parse_rfc3339
from ioc.pipeline.notices import Again, Delivery, Done, Never, Result, local_time, mail_text

TIMEOUT_S = 15.0  # of each step of a conversation
Security = Literal["none", "starttls", "tls"]


class MailServer(Struct, frozen=True, kw_only=True):
    """Where and how mail is handed over. ``password`` with a ``user`` only, and never over an open line."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = ""


def message(delivery: Delivery, sender: str, timezone: str) -> EmailMessage:
    """The whole message."""
    body: dict[str, Any] = msgspec.json.decode(delivery.notice.body)
    at_ms = parse_rfc3339(body["at"])
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = delivery.notice.target
    mail["Subject"] = " ".join(body["title"].split())  # a line break would begin another header
    mail["Date"] = format_datetime(from_ms(at_ms))
    mail["Message-ID"] = f"<{delivery.notice.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["IOC-Delivery"] = delivery.notice.id
    mail.set_content(mail_text(body, local_time(at_ms, timezone)))
    return mail


class Mailer:
    """Sends notices by SMTP. ``timezone`` of the times in the text."""

    def __init__(self, server: MailServer, timezone: str) -> None:
        self._server = server
        self._timezone = timezone

    async def send(self, delivery: Delivery, now_ms: int) -> Result:
        """One attempt; it waits in a thread."""
        return await asyncio.to_thread(self._send, delivery)

    def _send(self, delivery: Delivery) -> Result:
        server = self._server
        try:
            mail = message(delivery, server.sender, self._timezone)
            with self._connect() as client:
                if server.security == "starttls":
                    client.starttls(context=ssl.create_default_context())
                if server.user:
                    client.login(server.user, server.password)
                client.send_message(mail)
        except smtplib.SMTPRecipientsRefused as exc:
            [(code, said), *_] = exc.recipients.values()
            return _refused(code, said)
        except smtplib.SMTPAuthenticationError as exc:
            return Again(f"the mail server does not accept our account: {exc.smtp_code}")  # a person mends it
        except smtplib.SMTPResponseException as exc:
            return _refused(exc.smtp_code, exc.smtp_error)
        except (smtplib.SMTPException, OSError) as exc:
            return Again(f"{type(exc).__name__}: {exc}")
        return Done()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)


def _refused(code: int, said: bytes | str) -> Result:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    reason = f"SMTP {code} {' '.join(text.split())[:120]}"
    return Never(reason) if 500 <= code < 600 else Again(reason)
