"""Who may sign in. The account list is read every 15 s and kept, so that signing in and live use go on while the
database is away; a disabled account is out everywhere within that time.

Guessing is slow on purpose: 5 failed tries a minute per account, 20 per address, four passwords computed at once, and
an unknown name takes as long as a wrong password.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ioc.errors import Unavailable
from ioc.ports import Account, AccountStore, Clock
from ioc.services.sign_in import Claims
from ioc.wire.frames import User
from ioc.wire.session import Bucket

REFRESH_S = 15.0
FRESH_S = 1.0  # a sign-in trusts a list of this age; an older one is read again, so that a new password works at once
PER_ACCOUNT_PER_MIN, PER_ADDRESS_PER_MIN = 5, 20  # OWASP ASVS 2.4.1 asks for a limit; the numbers are this project's
PARALLEL_MAX = 4  # 19 MiB each while it computes
WAITING_MAX = 16  # more people at the door than that are told to try again
ENDED_MAX = 10_000  # sessions signed out and not yet expired; beyond that the oldest is forgotten
TRACKED_MAX = 10_000  # names and addresses whose tries are counted; the one tried longest ago is forgotten
PASSWORD_MAX_CHARS = 256
# OWASP password storage: argon2id with 19 MiB, two passes, one lane, or stronger.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_log = logging.getLogger(__name__)


class Denied(Enum):
    """Why somebody was not let in."""

    BAD_CREDENTIALS = "bad_credentials"
    TOO_MANY = "too_many_tries"
    NO_ACCOUNTS = "accounts_unavailable"  # the list could not be read even once


def hash_password(password: str) -> str:
    """Argon2id hash in PHC text form."""
    return _HASHER.hash(password)


def verify_password(hashed: str, password: str) -> bool:
    """True if the password belongs to the hash; false for a broken hash too. Takes about 30 ms of one core."""
    try:
        return _HASHER.verify(hashed, password)
    except (Argon2Error, InvalidHashError):
        return False


class _Tries:
    """Failed tries per key: a bucket each, the oldest key forgotten."""

    def __init__(self, per_min: int) -> None:
        self._per_min = per_min
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str, now_ms: int) -> bool:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._per_min / 60, self._per_min, now_ms)
            if len(self._buckets) > TRACKED_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now_ms)

    def forgive(self, key: str) -> None:
        if key in self._buckets:
            self._buckets[key].give_back()


class Accounts:
    """The account list of one gateway."""

    def __init__(
        self,
        store: AccountStore,
        clock: Clock,
        *,
        verify: Callable[[str, str], bool] = verify_password,
        decoy_hash: str | None = None,
    ) -> None:
        self.read_ok = False  # did the last reading of the list succeed
        self._store = store
        self._clock = clock
        self._verify = verify
        self._decoy = decoy_hash if decoy_hash is not None else hash_password("nobody has this password")
        self._accounts: dict[str, Account] | None = None
        self._read_at_ms = 0
        self._reading = asyncio.Lock()
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._per_account = _Tries(PER_ACCOUNT_PER_MIN)
        self._per_address = _Tries(PER_ADDRESS_PER_MIN)
        self._computing = asyncio.Semaphore(PARALLEL_MAX)
        self._waiting = 0

    @property
    def known(self) -> bool:
        """True once the list was read."""
        return self._accounts is not None

    async def refresh(self) -> None:
        """Read the list; while the store is away the last one stays valid."""
        try:
            accounts = await self._store.accounts()
        except Unavailable as exc:
            if self.read_ok or self._accounts is None:
                _log.warning("accounts could not be read: %s", exc)
            self.read_ok = False
            return
        self._accounts = {account.name: account for account in accounts}
        self._read_at_ms = self._clock()
        self.read_ok = True

    async def sign_in(self, name: str, password: str, address: str) -> Account | Denied:
        """The account, if the password is right and nobody guessed too much."""
        # Known and unknown names alike, one reading for all who wait. While the store is away the first sign-in waits
        # for its answer, later ones do not.
        async with self._reading:
            if self._accounts is None or (self.read_ok and self._clock() - self._read_at_ms >= FRESH_S * 1000):
                await self.refresh()
        if self._accounts is None:
            return Denied.NO_ACCOUNTS
        now_ms = self._clock()
        # Both are asked, so that a flood from one address also counts against the name.
        allowed = [self._per_address.take(address, now_ms), self._per_account.take(name, now_ms)]
        if not all(allowed) or self._waiting >= WAITING_MAX:
            _log.warning("sign-in refused, too many tries: user=%s address=%s", name[:64], address)
            return Denied.TOO_MANY
        account = self._accounts.get(name)
        hashed = account.password_hash if account is not None else self._decoy
        self._waiting += 1
        try:
            async with self._computing:
                right = await asyncio.to_thread(self._verify, hashed, password[: PASSWORD_MAX_CHARS + 1])
        finally:
            self._waiting -= 1
        if not right or account is None or account.disabled or len(password) > PASSWORD_MAX_CHARS:
            _log.warning("sign-in failed: user=%s address=%s", name[:64], address)
            return Denied.BAD_CREDENTIALS
        self._per_account.forgive(name)
        self._per_address.forgive(address)
        _log.info("signed in: user=%s address=%s", name, address)
        return account

    def user(self, claims: Claims) -> User | None:
        """The user of a session, None if the account is gone, disabled or changed since."""
        account = (self._accounts or {}).get(claims.name)
        if account is None or not self.still_valid(claims.name, claims.role, claims.session_epoch, claims.session):
            return None
        return User(name=account.name, display=account.display, role=account.role)

    def may_work(self, name: str) -> bool | None:
        """Is there such an account, and is it enabled? By the list as it was read last; None when it never was."""
        if self._accounts is None:
            return None
        account = self._accounts.get(name)
        return account is not None and not account.disabled

    def end(self, session: str, expires_ms: int) -> None:
        """Sign one session out here, in all its tabs. Another gateway, or this one after a restart, still takes a copy
        of its cookie; the browser has forgotten it."""
        now_ms = self._clock()
        while self._ended and (next(iter(self._ended.values())) <= now_ms or len(self._ended) >= ENDED_MAX):
            self._ended.popitem(last=False)
        self._ended[session] = expires_ms

    def still_valid(self, name: str, role: str, session_epoch: int, session: str = "") -> bool:
        """True while the session was not ended, the account is enabled, and neither its role nor its epoch changed."""
        if session and session in self._ended:
            return False
        account = (self._accounts or {}).get(name)
        return (
            account is not None
            and not account.disabled
            and account.role == role
            and account.session_epoch == session_epoch
        )
