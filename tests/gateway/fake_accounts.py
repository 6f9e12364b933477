"""Accounts in memory for the gateway's tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs

from ioc.errors import Unavailable
from ioc.ports import Account
from ioc.services.accounts import hash_password

PASSWORD = "một mật khẩu đủ dài"


class StoredAccount(Struct, frozen=True, kw_only=True):
    name: str
    display: str
    role: str
    password_hash: str
    disabled: bool = False
    session_epoch: int = 1


_HASH = hash_password(PASSWORD)


class FakeStore:
    """Accounts in memory; ``away`` makes it unavailable."""

    def __init__(self) -> None:
        self.away = False
        self.by_name = {
            name: StoredAccount(name=name, display=display, role=role, password_hash=_HASH)
            for name, display, role in (
                ("lan", "Lan", "dispatcher"),
                ("minh", "Minh", "dispatcher"),
                ("truc", "Trúc", "viewer"),
                ("son", "Sơn", "engineer"),
                ("wall", "Màn hình", "wall"),
            )
        }

    async def accounts(self) -> Sequence[Account]:
        if self.away:
            raise Unavailable("database", "test")
        return list(self.by_name.values())

    def change(self, name: str, **changes: Any) -> None:
        self.by_name[name] = structs.replace(self.by_name[name], **changes)
