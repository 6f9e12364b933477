"""Accounts on the real database: hashes only, epochs, demo accounts."""

from __future__ import annotations

import re

import psycopg
import pytest
from argon2 import extract_parameters
from argon2.exceptions import VerifyMismatchError

from ioc.adapters.accounts_store import (
    DEMO_ACCOUNTS,
    HASHER,
    add_account,
    check_password,
    demo_password,
    disable,
    ensure_demo_accounts,
    list_accounts,
    set_password,
)
from ioc.errors import BadInput, BadSettings, Conflict, Unavailable

GOOD = "mưa-nắng-gió-2026"
ROSTER = {"lan", "hung", "minh", "thao", "ngoc", "dung"}


def opens(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "aaaaaaaaaaaaaaaa", "abababababababab", "x" * 129])
def test_weak_and_endless_passwords_are_refused(password: str) -> None:
    with pytest.raises(BadInput):
        check_password(password)


def test_demo_passwords_are_acceptable_and_different() -> None:
    made = {demo_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        check_password(password)
        assert re.fullmatch(r"([a-z]{4}-){3}\d{4}", password)


def test_production_has_no_demo_accounts() -> None:
    with pytest.raises(BadSettings):
        ensure_demo_accounts("postgresql://nobody@127.0.0.1:1/none", environment="production")


def test_no_database_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        list_accounts("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.stack
def test_life_of_an_account(database_url: str) -> None:
    made = add_account(database_url, "an", "An", "dispatcher", GOOD)
    assert opens(made.password_hash, GOOD)
    assert not opens(made.password_hash, GOOD + "!")
    parameters = extract_parameters(made.password_hash)
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        "ID",
        19 * 1024,
        2,
        1,
    )
    assert made.password_hash not in repr(made)
    assert (made.session_epoch, made.disabled, made.demo) == (1, False, False)
    changed = set_password(database_url, "an", "another-long-one")
    assert changed.session_epoch == 2
    assert opens(changed.password_hash, "another-long-one")
    assert disable(database_url, "an").disabled
    enabled = disable(database_url, "an", disabled=False)
    assert (enabled.disabled, enabled.session_epoch) == (False, 4)
    assert [a.name for a in list_accounts(database_url)] == ["an"]


@pytest.mark.stack
def test_what_is_not_acceptable(database_url: str) -> None:
    add_account(database_url, "an", "An", "viewer", GOOD)
    with pytest.raises(Conflict):
        add_account(database_url, "an", "An", "viewer", GOOD)
    for name, display, role, password in (
        ("Binh", "B", "viewer", GOOD),
        ("b" * 33, "B", "viewer", GOOD),
        ("binh", "", "viewer", GOOD),
        ("binh", "B\x00", "viewer", GOOD),
        ("binh", "B", "root", GOOD),
        ("binh", "B", "viewer", "short"),
    ):
        with pytest.raises(BadInput):
            add_account(database_url, name, display, role, password)
    for change in (lambda: set_password(database_url, "no", GOOD), lambda: disable(database_url, "no")):
        with pytest.raises(BadInput, match="no_such_account"):
            change()
    assert [a.name for a in list_accounts(database_url)] == ["an"]


@pytest.mark.stack
def test_demo_accounts_get_new_passwords_at_each_start(database_url: str) -> None:
    first = {a["name"]: a for a in ensure_demo_accounts(database_url)}
    assert set(first) == {name for name, *_ in DEMO_ACCOUNTS}
    assert {n for n, a in first.items() if a["role"] == "dispatcher"} == ROSTER
    set_password(database_url, "minh", GOOD)  # somebody keeps it
    disable(database_url, "truc")
    second = {a["name"]: a for a in ensure_demo_accounts(database_url)}
    assert set(second) == (ROSTER | {"kysu", "wall"}) - {"minh"}
    accounts = {a.name: a for a in list_accounts(database_url)}
    for name in second:
        assert opens(accounts[name].password_hash, second[name]["password"])
        assert not opens(accounts[name].password_hash, first[name]["password"])
        assert (accounts[name].demo, accounts[name].session_epoch) == (True, 2)
    assert opens(accounts["minh"].password_hash, GOOD)
    assert accounts["truc"].disabled
    with psycopg.connect(database_url) as conn:
        [dump] = conn.execute("SELECT string_agg(account::text, '') FROM account").fetchone() or [""]
    assert not any(a["password"] in dump for a in (*first.values(), *second.values()))
