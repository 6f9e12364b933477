"""Sessions as signed tokens: all that a gateway needs to know travels in the cookie, so any gateway, also a
restarted one, accepts it. The account list has the last word: see :class:`ioc.services.accounts.Accounts`.
"""

from __future__ import annotations

import secrets

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import Struct

from ioc.ports import Account, Clock
from ioc.wire.roles import rights

SESSION_ID_BYTES = 16
KEY_BYTES = 32  # HS256 asks for 256 bits or more (RFC 7518, 3.2)
_ALGORITHM = "HS256"
_TYPE = "ioc-session"
_TOKEN_MAX_CHARS = 2_048


class Claims(Struct, frozen=True, kw_only=True):
    """What a session token says; instants in epoch milliseconds."""

    name: str
    role: str
    session: str  # random id of this one session, so that it can be ended
    session_epoch: int
    issued_ms: int
    expires_ms: int


class SessionTokens:
    """Makes and reads session tokens with one secret key of 32 bytes or more."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a session key has {KEY_BYTES} bytes or more")
        self._key = OctKey.import_key(key)
        self._clock = clock

    def issue(self, account: Account) -> tuple[str, Claims]:
        """A token for this account; it lives one shift, on a wall 30 days."""
        issued_s = self._clock() // 1000
        expires_s = issued_s + rights(account.role).session_s
        payload = {
            "sub": account.name,
            "jti": secrets.token_urlsafe(SESSION_ID_BYTES),
            "role": account.role,
            "epoch": account.session_epoch,
            "iat": issued_s,
            "exp": expires_s,
        }
        token = jwt.encode({"alg": _ALGORITHM, "typ": _TYPE}, payload, self._key, algorithms=[_ALGORITHM])
        return token, _claims(payload)

    def read(self, token: str) -> Claims | None:
        """The claims of a token that this key signed and that has not expired; None for anything else."""
        if len(token) > _TOKEN_MAX_CHARS:
            return None
        try:
            found = jwt.decode(token, self._key, algorithms=[_ALGORITHM])
            if found.header.get("typ") != _TYPE:
                return None
            claims = _claims(found.claims)
        except (JoseError, ValueError, KeyError, TypeError):
            return None
        return claims if claims.issued_ms - 60_000 <= self._clock() < claims.expires_ms else None


def _claims(payload: dict[str, object]) -> Claims:
    name, role, session = payload["sub"], payload["role"], payload["jti"]
    epoch, issued, expires = payload["epoch"], payload["iat"], payload["exp"]
    if not (isinstance(name, str) and isinstance(role, str) and isinstance(session, str)):
        raise TypeError("sub, role and jti are text")
    if not (isinstance(epoch, int) and isinstance(issued, int) and isinstance(expires, int)):
        raise TypeError("epoch, iat and exp are whole numbers")
    return Claims(
        name=name,
        role=role,
        session=session,
        session_epoch=epoch,
        issued_ms=issued * 1000,
        expires_ms=expires * 1000,
    )
