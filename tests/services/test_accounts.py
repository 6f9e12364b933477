"""Sign-in: right and wrong passwords, limits, the list that outlives the database; session tokens; tickets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from msgspec import Struct, structs

from ioc.errors import Unavailable
from ioc.ports import Account
from ioc.services import accounts as module
from ioc.services.accounts import Accounts, Denied, hash_password, verify_password
from ioc.services.sign_in import SessionTokens
from ioc.services.tickets import LIFE_MS, Grant, Tickets
from ioc.wire.frames import User

KEY = b"k" * 32


class Stored(Struct, frozen=True, kw_only=True):
    name: str = "lan"
    display: str = "Lan"
    role: str = "dispatcher"
    password_hash: str = "right"
    disabled: bool = False
    session_epoch: int = 1


class Store:
    def __init__(self) -> None:
        self.found: list[Stored] = [Stored(), Stored(name="off", disabled=True), Stored(name="wall", role="wall")]
        self.away = False

    async def accounts(self) -> Sequence[Account]:
        if self.away:
            raise Unavailable("database", "test")
        return list(self.found)


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def accounts(store: Store, clock: Clock) -> Accounts:
    found = Accounts(store, clock, verify=lambda hashed, password: hashed == password, decoy_hash="decoy")
    await found.refresh()
    return found


async def test_the_right_password(accounts: Accounts) -> None:
    found = await accounts.sign_in("lan", "right", "1.1.1.1")
    assert not isinstance(found, Denied)
    assert (found.name, found.role) == ("lan", "dispatcher")


@pytest.mark.parametrize(
    ("name", "password"), [("lan", "wrong"), ("nobody", "right"), ("nobody", "decoy"), ("off", "right"), ("", "")]
)
async def test_everything_else_is_one_and_the_same_refusal(accounts: Accounts, name: str, password: str) -> None:
    assert await accounts.sign_in(name, password, "1.1.1.1") is Denied.BAD_CREDENTIALS


async def test_five_failures_a_minute_per_account(accounts: Accounts, clock: Clock) -> None:
    for number in range(5):
        assert await accounts.sign_in("lan", "wrong", f"1.1.1.{number}") is Denied.BAD_CREDENTIALS
    assert await accounts.sign_in("lan", "right", "1.1.1.9") is Denied.TOO_MANY
    assert not isinstance(await accounts.sign_in("wall", "right", "1.1.1.9"), Denied)
    clock.ms += 13_000
    assert not isinstance(await accounts.sign_in("lan", "right", "1.1.1.9"), Denied)


async def test_twenty_failures_a_minute_per_address(accounts: Accounts) -> None:
    for number in range(20):
        assert await accounts.sign_in(f"guess{number}", "wrong", "6.6.6.6") is Denied.BAD_CREDENTIALS
    assert await accounts.sign_in("lan", "right", "6.6.6.6") is Denied.TOO_MANY
    assert not isinstance(await accounts.sign_in("lan", "right", "1.1.1.1"), Denied)


async def test_right_passwords_are_not_counted_but_do_not_clear_the_count_either(accounts: Accounts) -> None:
    for _ in range(40):
        assert not isinstance(await accounts.sign_in("lan", "right", "1.1.1.1"), Denied)
    for number in range(20):
        await accounts.sign_in(f"guess{number}", "wrong", "1.1.1.1")
        assert not isinstance(await accounts.sign_in("wall", "right", "2.2.2.2"), Denied)
    assert await accounts.sign_in("lan", "right", "1.1.1.1") is Denied.TOO_MANY


async def test_counters_are_bounded(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRACKED_MAX", 50)
    for number in range(200):
        await accounts.sign_in(f"guess{number}", "x", f"addr{number}")
    assert len(accounts._per_account._buckets) == len(accounts._per_address._buckets) == 50


async def test_four_passwords_at_once_and_sixteen_waiting(store: Store, clock: Clock) -> None:
    running, most, lock, release = 0, 0, threading.Lock(), threading.Event()

    def slow(hashed: str, password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        release.wait(5)
        with lock:
            running -= 1
        return True

    accounts = Accounts(store, clock, verify=slow, decoy_hash="decoy")
    await accounts.refresh()
    tasks = [asyncio.create_task(accounts.sign_in(f"u{number}", "x", f"a{number}")) for number in range(30)]
    async with asyncio.timeout(5):
        while running < 4:  # noqa: ASYNC110 - set by threads
            await asyncio.sleep(0.01)
    release.set()
    answers = await asyncio.gather(*tasks)
    assert most == 4
    assert answers.count(Denied.TOO_MANY) == 30 - 16


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(clock: Clock) -> None:
    """The time goes into one hash of the same cost, whether the name is known or not."""
    asked: list[str] = []

    def verify(hashed: str, password: str) -> bool:
        asked.append(hashed.rsplit("$", 2)[0])
        return verify_password(hashed, password)

    store = Store()
    store.found = [Stored(password_hash=hash_password("the right one"))]
    accounts = Accounts(store, clock, verify=verify)
    await accounts.refresh()
    assert await accounts.sign_in("lan", "wrong", "lan0") is Denied.BAD_CREDENTIALS
    assert await accounts.sign_in("nobody", "wrong", "nobody0") is Denied.BAD_CREDENTIALS
    known, unknown = asked
    assert known == unknown == "$argon2id$v=19$m=19456,t=2,p=1"


def test_hashes_are_argon2id_and_broken_ones_open_nothing() -> None:
    hashed = hash_password("mật khẩu")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(hashed, "mật khẩu")
    assert not verify_password(hashed, "mat khau")
    assert not verify_password("", "")
    assert not verify_password("$argon2id$nonsense", "x")


async def test_the_list_outlives_the_database(accounts: Accounts, store: Store) -> None:
    store.away = True
    await accounts.refresh()
    assert not accounts.read_ok
    assert accounts.known
    assert not isinstance(await accounts.sign_in("lan", "right", "1.1.1.1"), Denied)
    assert accounts.still_valid("lan", "dispatcher", 1)


async def test_a_new_password_works_at_once_and_a_crowd_costs_one_reading(store: Store, clock: Clock) -> None:
    reads = 0
    read = store.accounts

    async def counted() -> Sequence[Account]:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return await read()

    store.accounts = counted  # type: ignore[method-assign]
    accounts = Accounts(store, clock, verify=lambda hashed, password: hashed == password, decoy_hash="decoy")
    await accounts.refresh()
    store.found[0] = structs.replace(store.found[0], password_hash="new")
    clock.ms += 1_000
    answers = await asyncio.gather(*(accounts.sign_in("lan", "new", f"a{number}") for number in range(4)))
    assert not any(isinstance(answer, Denied) for answer in answers)
    assert reads == 2


async def test_without_any_list_nobody_can_tell(store: Store, clock: Clock) -> None:
    store.away = True
    accounts = Accounts(store, clock, decoy_hash="decoy")
    assert await accounts.sign_in("lan", "right", "1.1.1.1") is Denied.NO_ACCOUNTS
    assert not accounts.known


@pytest.mark.parametrize("change", [{"disabled": True}, {"session_epoch": 2}, {"role": "viewer"}, {"name": "other"}])
async def test_a_changed_account_ends_its_sessions(
    accounts: Accounts, store: Store, clock: Clock, change: dict[str, object]
) -> None:
    token, _ = SessionTokens(KEY, clock).issue(store.found[0])
    claims = SessionTokens(KEY, clock).read(token)
    assert claims is not None
    assert accounts.user(claims) == User(name="lan", display="Lan", role="dispatcher")
    store.found[0] = structs.replace(store.found[0], **change)
    await accounts.refresh()
    assert accounts.user(claims) is None
    assert not accounts.still_valid("lan", "dispatcher", 1)


class TestTokens:
    def test_a_shift_for_people_and_thirty_days_for_walls(self, clock: Clock) -> None:
        tokens = SessionTokens(KEY, clock)
        for role, life_ms in (("dispatcher", 8 * 3_600_000), ("wall", 30 * 86_400_000)):
            token, _ = tokens.issue(Stored(role=role))
            start_ms = clock.ms
            clock.ms = start_ms + life_ms - 1_000
            assert tokens.read(token) is not None
            clock.ms = start_ms + life_ms
            assert tokens.read(token) is None

    def test_only_this_key_this_algorithm_this_type(self, clock: Clock) -> None:
        tokens = SessionTokens(KEY, clock)
        token, _ = tokens.issue(Stored())
        header, payload, signature = token.split(".")
        assert SessionTokens(b"o" * 32, clock).read(token) is None
        assert tokens.read(f"{header}.{payload}.") is None
        assert tokens.read(f"{header}.{payload[:-2]}AA.{signature}") is None
        claims = {"sub": "lan", "role": "admin", "epoch": 1, "iat": clock.ms // 1000, "exp": clock.ms // 1000 + 60}
        key = OctKey.import_key(KEY)
        other_type = jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)
        assert tokens.read(other_type) is None
        none = "eyJhbGciOiJub25lIiwidHlwIjoiaW9jLXNlc3Npb24ifQ." + payload + "."
        assert tokens.read(none) is None
        hs512 = jwt.encode(
            {"alg": "HS512", "typ": "ioc-session"}, claims, OctKey.import_key(b"k" * 64), algorithms=["HS512"]
        )
        assert tokens.read(hs512) is None

    @pytest.mark.parametrize("text", ["", ".", "a.b.c", "x" * 5_000, "ü.ü.ü"])
    def test_nonsense_is_nobody(self, clock: Clock, text: str) -> None:
        assert SessionTokens(KEY, clock).read(text) is None

    @pytest.mark.parametrize("claims", [{}, {"sub": 1}, {"sub": "lan", "role": "x", "epoch": "1", "iat": 1, "exp": 2}])
    def test_signed_but_incomplete_is_nobody(self, clock: Clock, claims: dict[str, object]) -> None:
        token = jwt.encode({"alg": "HS256", "typ": "ioc-session"}, claims, OctKey.import_key(KEY))
        assert SessionTokens(KEY, clock).read(token) is None

    def test_a_short_key_is_refused(self, clock: Clock) -> None:
        with pytest.raises(ValueError, match="32"):
            SessionTokens(b"short", clock)


class TestTickets:
    GRANT = Grant(user=User(name="lan", display="Lan", role="viewer"), expires_ms=1, session_epoch=1)

    def test_once_and_for_thirty_seconds(self, clock: Clock) -> None:
        tickets = Tickets(clock)
        first, second = tickets.issue(self.GRANT), tickets.issue(self.GRANT)
        assert first != second
        assert len(first) >= 43  # 256 bits
        assert tickets.redeem(first) == self.GRANT
        assert tickets.redeem(first) is None
        clock.ms += LIFE_MS
        assert tickets.redeem(second) is None
        assert tickets.redeem("") is None

    def test_the_store_is_bounded_and_forgets_what_expired(self, clock: Clock) -> None:
        tickets = Tickets(clock, tickets_max=10)
        names = [tickets.issue(self.GRANT) for _ in range(15)]
        assert len(tickets) == 10
        assert tickets.redeem(names[0]) is None
        assert tickets.redeem(names[14]) == self.GRANT
        clock.ms += LIFE_MS
        tickets.issue(self.GRANT)
        assert len(tickets) == 1


async def test_a_password_changed_a_moment_ago_opens_at_once(accounts: Accounts, store: Store, clock: Clock) -> None:
    await accounts.refresh()
    store.found[0] = Stored(password_hash="new", session_epoch=2)
    clock.ms += int(module.FRESH_S * 1000)
    assert await accounts.sign_in("lan", "right", "a") is Denied.BAD_CREDENTIALS
    assert not isinstance(await accounts.sign_in("lan", "new", "a"), Denied)


async def test_who_may_be_given_work(store: Store, clock: Clock) -> None:
    accounts = Accounts(store, clock, decoy_hash="decoy")
    assert accounts.may_work("lan") is None, "the list was never read"
    await accounts.refresh()
    assert [accounts.may_work(name) for name in ("lan", "off", "nobody", "")] == [True, False, False, False]
    store.away = True
    await accounts.refresh()
    assert accounts.may_work("lan") is True, "by the last list"
