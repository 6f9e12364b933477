"""The error tree, split by who must act.

::

    IocError
    ├── BadInput          the sender must act: quarantine or refuse, never retry
    ├── Unavailable       nobody but time: retry with back-off
    ├── Conflict          the caller must re-read, then decide again
    ├── BadSettings       the person who starts the process must act
    └── Fenced            somebody else owns this now: end the process, write nothing more

A bug is none of these: it is any other exception and ends the process.
"""

from __future__ import annotations


class IocError(Exception):
    """Base of all errors that this software raises on purpose."""


class BadInput(IocError):
    """Input that no retry can mend.

    Attributes:
        code: closed-list reason, for instance ``malformed`` or ``centre_mismatch``.
        path: where in the input, in dotted form; empty when the whole input is meant.
        detail: one plain sentence, at most 300 characters, safe to show.
    """

    def __init__(self, code: str, path: str = "", detail: str = "") -> None:
        super().__init__(f"{code}{' at ' + path if path else ''}{': ' + detail if detail else ''}"[:400])
        self.code = code
        self.path = path
        self.detail = detail[:300]


class Unavailable(IocError):
    """An outside part does not answer now; retrying helps.

    Attributes:
        part: ``kafka``, ``database`` or ``gateway``.
    """

    def __init__(self, part: str, detail: str = "") -> None:
        super().__init__(f"{part} is not available{': ' + detail if detail else ''}")
        self.part = part
        self.detail = detail


class Conflict(IocError):
    """The state moved since the caller read it.

    Attributes:
        code: what happened, for instance ``ALREADY_ACKED``.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}{': ' + detail if detail else ''}")
        self.code = code
        self.detail = detail


class BadSettings(IocError):
    """One or more settings are wrong; all problems are reported together.

    Attributes:
        problems: one sentence per problem, each naming the variable and the remedy.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Fenced(IocError):
    """Another process has taken over; this one must end without writing."""
