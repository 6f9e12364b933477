"""Restarts with shelved, escalating and inhibited alerts on the whole product: nothing is lost, doubled or leaked.

The short form kills everything that decides about alerts at once, and then restarts the whole installation; `make
chaos` kills each of these processes alone before, and all of them several times.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from math import ceil
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.people import PASSWORD, Person, hire
from tests.acceptance.restart_books import Fate, faults
from tests.acceptance.restart_room import (
    CHAIN_S,
    FAST,
    GROUP_WAIT_S,
    SITES,
    SLOW,
    STEP_S,
    STEPS,
    Books,
    Feed,
    Hook,
    Wall,
    write_profile,
)
from tests.forms import form
from tests.system import System, running, until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(1800)]

VICTIMS = ("detect", "alerting", "desk", "notifier", "gateway")
ROUNDS: tuple[tuple[str, ...], ...] = form((VICTIMS,), (*((one,) for one in VICTIMS), *(VICTIMS,) * 2))
SHELF_S = 4  # ends while nobody is there to end it
LADDER, TAKEN = SITES["ladder"]
SHELVED, SHORT, ACKED, SILENCED, CHATTERS, *NEW = SITES["plain"]
CAUSE, EFFECT, JOINED = SITES["cause"][0], SITES["effect"], SITES["joined"]


class Story:
    """What happens, and how its teller sees that it has happened."""

    def __init__(self, system: System, hook: Hook, books: Books, feed: Feed, person: Person, wall: Wall) -> None:
        self.system, self.hook, self.books = system, hook, books
        self.feed, self.person, self.wall = feed, person, wall
        self.shelves = 0
        self.new: list[str] = []

    def alert(self, site: str) -> dict[str, Any] | None:
        """The alert of a place that is not closed."""
        found = [one for one in self.person.alerts.values() if one["site"] == site and not one["closed"]]
        return max(found, key=lambda one: int(one["raised_ms"]), default=None)

    async def sees(self, site: str, state: str, limit_s: float = 60.0) -> dict[str, Any]:
        def so() -> dict[str, Any] | None:
            self.wall.check()
            found = self.alert(site)
            return found if found is not None and found["state"] == state else None

        found: dict[str, Any] = await self.person.until(so, f"{site} {state}", limit_s)
        return found

    async def says(self, site: str, op: str, **more: Any) -> None:
        """A command that the dispatcher repeats until it is answered."""
        alert = self.alert(site)
        assert alert is not None
        frame = await self.person.insist(alert, str(uuid.uuid4()), op, **more)
        assert frame["outcome"] == "DONE", frame

    async def desk(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A command to the desk."""
        headers = {"Origin": self.system.base}
        async with httpx.AsyncClient(base_url=self.system.base, headers=headers, timeout=20) as http:
            sign_in = await http.post("/api/session", json={"user": self.person.name, "password": PASSWORD})
            sign_in.raise_for_status()
            answer = await http.post(f"/api/desk/{path}", json={"command_id": str(uuid.uuid4())} | body)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        assert found["outcome"] == "DONE", found
        return found

    async def later(self, what: str, condition: Callable[[], Any], limit_s: float = 60.0) -> Any:
        """Wait for something outside of this process."""
        return await asyncio.to_thread(until, what, condition, limit_s, 0.3)

    def steps_due_since(self, since_ms: int) -> int:
        """Steps of the ladder in the log that fell due since then."""
        [ladder] = self.books.ids()[LADDER]
        return sum(
            line.step is not None and line.step.at_ms >= since_ms for line in self.books.log() if line.alert == ladder
        )

    def incident(self) -> dict[str, Any] | None:
        """The incident as this wall was last told of it, once it has both alerts and its owner."""
        _, said = self.wall.incidents[-1] if self.wall.incidents else (0, [])
        return next((one for one in said if len(one["members"]) == len(JOINED) and one["owner"]), None)

    # -- before ---------------------------------------------------------------------------------------------------

    async def set_up(self) -> None:
        """Every kind of alert that a restart could forget."""
        matcher = {"sites": [SILENCED]}
        await self.desk("silences", {"matcher": matcher, "reason": "thi công", "for_s": 3600})
        for site in (LADDER, TAKEN, CAUSE, *JOINED, SHELVED, SHORT, ACKED, SILENCED):
            await self.feed.say(site, SLOW)
        for n in range(3):  # three times there and away within a few seconds: its alert is held
            await self.feed.say(CHATTERS, SLOW, ago_s=6 - 2 * n)
            await self.feed.say(CHATTERS, FAST, ago_s=5 - 2 * n)
        await self.sees(CAUSE, "UNACK")
        await self.feed.say(EFFECT[0], SLOW)
        await self.later("it was told before it is shelved", lambda: self.told_of(SHELVED))
        await self.sees(SHELVED, "UNACK")
        await self.says(SHELVED, "shelve", reason="chờ sửa", for_s=3600)
        await self.sees(ACKED, "UNACK")
        await self.says(ACKED, "ack")
        await self.sees(TAKEN, "UNACK")
        await self.later("a first call", lambda: self.called(TAKEN))
        await self.says(TAKEN, "ack")

        def joined() -> str | None:
            self.wall.check()
            _, said = self.wall.incidents[-1] if self.wall.incidents else (0, [])
            return next((one["id"] for one in said if len(one["members"]) == len(JOINED)), None)

        name = await self.later("an incident", joined)
        await self.desk(f"incidents/{name}", {"op": "take"})
        for site, state in (
            (SHELVED, "SHLVD"),
            (ACKED, "ACKED"),
            (TAKEN, "ACKED"),
            (SILENCED, "DSUPR"),
            (EFFECT[0], "DSUPR"),
        ):
            await self.sees(site, state)
        await self.person.until(lambda: (self.alert(CHATTERS) or {}).get("chatter"), "the chattering is held", 30)
        await self.person.until(lambda: (self.alert(LADDER) or {}).get("summons"), "a step of the ladder", 30)
        await self.later("the owner on the wall", self.incident)
        await self.later("what asks was told", lambda: self.told_of(LADDER, TAKEN, CAUSE, *JOINED, SHORT, CHATTERS))

    def told_of(self, *sites: str) -> bool:
        """Was it told that these alerts ask?"""
        ids = self.books.ids()
        told = {one.alert for one in self.hook.told if one.occasion == "raised"}
        lacking = [site for site in sites if site not in ids or ids[site][-1] not in told]
        if lacking:
            raise ValueError(f"nobody was told of {lacking}")
        return True

    def called(self, site: str) -> bool:
        """Was somebody called about this alert?"""
        return any(one.occasion == "called" and one.alert in self.books.ids()[site] for one in self.hook.told)

    # -- an outage ------------------------------------------------------------------------------------------------

    async def outage(self, victims: Sequence[str]) -> None:
        """Kill, let a shelf end and steps fall due and alerts begin with nobody there, and start again."""
        await self.sees(SHORT, "UNACK")
        await self.says(SHORT, "shelve", reason="kiểm tra", for_s=SHELF_S)
        ends_s = time.time() + SHELF_S
        self.shelves += 1
        await self.sees(SHORT, "SHLVD")
        old = await asyncio.to_thread(self.system.strike, victims)
        gone_ms = time.time_ns() // 1_000_000
        if NEW:
            self.new.append(NEW.pop(0))
            await self.feed.say(self.new[-1], SLOW)
        if self.shelves == 1:
            await self.feed.say(CHATTERS, SLOW)
            await self.feed.say(EFFECT[1], SLOW)
        until_s = max(ends_s, gone_ms / 1000 + STEP_S)
        await self.later("a shelf ended and a step fell due", lambda: time.time() > until_s)
        began_s = time.monotonic()
        await asyncio.to_thread(self.system.recover, old)
        back_ms = time.time_ns() // 1_000_000
        await self.sees(SHORT, "UNACK")
        for site in self.new:
            await self.sees(site, "UNACK")
        await self.later("steps after the outage", lambda: self.steps_due_since(back_ms) >= form(1, 2))
        assert self.steps_due_since(gone_ms) - self.steps_due_since(back_ms) >= 1, "none fell due during the outage"
        print(f"\nwithout {', '.join(victims)}: back and caught up after {time.monotonic() - began_s:.1f} s")

    async def restart(self) -> None:
        """The whole installation down and up."""
        began_s, down_ms = time.monotonic(), time.time_ns() // 1_000_000
        await asyncio.to_thread(self.system.restart)
        up_ms = time.time_ns() // 1_000_000
        await self.later("steps after the restart", lambda: self.steps_due_since(up_ms) >= 1)
        assert self.steps_due_since(down_ms) - self.steps_due_since(up_ms) >= 1, "none fell due meanwhile"
        print(f"\ndown and up: as before after {time.monotonic() - began_s:.1f} s")

    # -- after ----------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """The ladder is taken, so that nothing is due any more; everything is told, and on the wall."""
        await self.says(LADDER, "ack")
        await self.sees(LADDER, "ACKED")
        await self.sees(EFFECT[1], "DSUPR")
        ladder = self.books.ids()[LADDER][-1]

        def taken() -> bool:
            return [line.after for line in self.books.log() if line.alert == ladder][-1:] == ["ACKED"]

        await self.later("the history has what the wall shows already", taken)
        await self.later("everything was told", self.books.all_told)

        def same() -> bool:
            self.wall.check()
            shown = self.wall.pictures[-1].alerts
            last = {line.alert: line.version for line in self.books.log()}
            return all(shown.get(name, (0, ""))[0] >= version for name, version in last.items() if name in shown)

        await self.later("the wall is at the end of the log", same)

    def fates(self) -> list[Fate]:
        """What must have become of each alert."""
        every = self.books.ids()
        ids = {site: found[-1] for site, found in every.items()}
        asks = ("raised",)

        def fate(site: str, told: tuple[str, ...], state: str, **more: Any) -> Fate:
            return Fate(alert=ids[site], name=site, told=told, state=state, **more)

        chain: dict[str, Any] = {
            "chain_s": CHAIN_S,
            "chain_length": STEPS,
            "calls_may_lack": 1 + ceil(GROUP_WAIT_S / STEP_S),
        }
        return [
            fate(LADDER, asks, "ACKED", steps_min=3, **chain),
            fate(TAKEN, asks, "ACKED", steps_min=1, **chain),
            *(fate(site, asks, "UNACK") for site in (CAUSE, *JOINED, CHATTERS, *self.new)),
            fate(ACKED, asks, "ACKED"),
            fate(SHORT, asks * (1 + self.shelves), "UNACK"),
            fate(SHELVED, asks, "SHLVD", hidden=True),
            fate(SILENCED, (), "DSUPR", hidden=True),
            *(fate(site, (), "DSUPR", hidden=True) for site in EFFECT),
            *(
                Fate(alert=one, name="before the hold", told=(), state="NORM", may_be_told=asks)
                for one in every[CHATTERS][:-1]
            ),
        ]

    def incident_faults(self, began: dict[str, Any]) -> list[str]:
        """One incident, opened and taken once, with its owner and its members on every wall that was told of any."""
        found = []
        for word in ("incident-opened", "incident-take"):
            if (n := sum(1 for _ in self.books.about(word))) != 1:
                found.append(f"{word}: {n} lines")
        ends = {session: said for session, said in self.wall.incidents}
        for session, said in ends.items():
            now = [(one["id"], one["number"], one["owner"], {m["alert_id"] for m in one["members"]}) for one in said]
            was = (began["id"], began["number"], began["owner"], {m["alert_id"] for m in began["members"]})
            if now != [was]:
                found.append(f"connection {session}: {now} instead of {was}")
        return found


async def test_nothing_is_lost_doubled_or_leaked_over_restarts(tmp_path: Path) -> None:
    began_s = time.monotonic()
    with Hook() as hook:
        profile = write_profile(tmp_path / "profile", hook.url)
        state = {"IOC_PROFILE": str(profile), "IOC_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1", "IOC_OPEN_WALL": "1"}
        with running(tmp_path / "state", demo=False, **state) as system:
            names = hire(system, 1)
            print(f"\nup after {time.monotonic() - began_s:.1f} s")
            async with AsyncExitStack() as stack:
                feed = await stack.enter_async_context(Feed(system))
                person = await stack.enter_async_context(Person(system, names[0]))
                wall = await stack.enter_async_context(Wall(system))
                story = Story(system, hook, Books(system.database_url()), feed, person, wall)
                await story.set_up()
                incident = story.incident()
                assert incident is not None
                print(f"\nset up after {time.monotonic() - began_s:.1f} s")
                for victims in ROUNDS:
                    await story.outage(victims)
                await story.restart()
                await story.settle()
                log, fates = story.books.log(), story.fates()
                gateways = sum("gateway" in victims for victims in ROUNDS)
                assert wall.session >= 2 + gateways, "the wall connected again"
                held = story.alert(CHATTERS)
                assert held is not None
                assert held["chatter"] is not None, "a restart ended a hold"
                assert story.incident_faults(incident) == []
                assert faults(fates, log, hook.told, wall.pictures) == ()
    print(f"\nall in {time.monotonic() - began_s:.1f} s")
