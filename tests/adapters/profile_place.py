"""A profile folder that tests change, and somebody who looks at its files as often as allowed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from ioc.adapters.at_rest import LOOK_EVERY_S
from ioc.adapters.profiles import profile_folder
from ioc.domain.profile import Profile

Edit = Callable[[str], str]


class Place:
    """A copy of the profile that comes along, and a data folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(profile_folder("dongnai-2023"), folder / "profile"))
        self.name, self.data = str(self.folder), folder / "data"
        self._writes = 0

    def file(self, part: str) -> Path:
        return self.folder / f"{part}.toml"

    def text(self, part: str) -> str:
        return self.file(part).read_text(encoding="utf-8")

    def write(self, part: str, text: str) -> None:
        self._writes += 1
        self.file(part).write_bytes(text.encode("utf-8", "surrogateescape"))
        # Two writes may fall within one tick of the file system's clock.
        os.utime(self.file(part), ns=(self._writes, self._writes))

    def edit(self, part: str, how: Edit) -> None:
        self.write(part, how(self.text(part)))


class Looks(Protocol):
    def look(self, now_s: float) -> Profile | None: ...


W = TypeVar("W", bound=Looks)


class Watched(Place, Generic[W]):
    """A place with a watch."""

    def __init__(self, folder: Path, watch: Callable[[Place], W]) -> None:
        super().__init__(folder)
        self.watch, self.now_s = watch(self), 100.0

    def look(self, times: int = 1) -> list[Profile]:
        """What was found at so many looks."""
        found = []
        for _ in range(times):
            self.now_s += LOOK_EVERY_S
            if (profile := self.watch.look(self.now_s)) is not None:
                found.append(profile)
        return found
