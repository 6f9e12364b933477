"""Incidents and the flood in plain words, and random steps; the desk is compared with them after every step."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

from hypothesis import strategies as st

from ioc.domain.alerts import Alert
from ioc.domain.incidents import Incident
from ioc.domain.nearness import distance_m
from tests.pipeline.incident_room import GROUPS, LIMITS, Room, handle, homes_by
from tests.pipeline.small_province import MIN, S

# b lies between a and c, which are too far from each other; nobody knows where d is.
PLACES: list[dict[str, Any]] = [
    {"area": "a", "centre": "north", "lon": 106.0, "lat": 10.0},
    {"area": "b", "centre": "north", "lon": 106.0, "lat": 10.015},
    {"area": "c", "centre": "north", "lon": 106.0, "lat": 10.03},
    {"area": "d", "centre": "south", "lon": None, "lat": None},
]
OF = st.integers(0, 6)  # an alert
NTH = st.integers(0, 3)  # an open incident
WHO = st.sampled_from(["lan", "minh"])
STEPS = st.one_of(
    st.tuples(st.just("raise"), OF, st.integers(0, 3), st.sampled_from(["jam", "jam", "crash", "rain", "lag"]),
              st.sampled_from([None, None, None, "tập"])),
    st.tuples(st.just("raise"), OF, st.integers(0, 3), st.just("jam"), st.none()),
    st.tuples(st.sampled_from(["off", "close", "reopen", "ack", "hide", "explain", "show", "over", "supersede"]), OF),
    st.tuples(st.just("move"), OF, st.integers(0, 3)),
    st.tuples(st.just("priority"), OF, st.integers(1, 4)),
    st.tuples(st.just("tick"), st.sampled_from([500, MIN, 5 * MIN, 25 * MIN, 40 * MIN, -2 * S])),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.sampled_from(["take", "take", "release"]), NTH, WHO, st.one_of(st.none(), st.just(""), WHO)),
    st.tuples(st.just("late"), NTH, st.sampled_from(["take", "note", "merge", "split"])),
    st.tuples(st.just("merge"), NTH, NTH),
    st.tuples(st.just("split"), NTH, st.sets(st.integers(0, 4), min_size=1, max_size=3)),
)  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "off": {"active": False, "state": "RTNUN", "suppression": "none", "reason": ""},
    "over": {"active": False, "state": "RTNUN", "suppression": "none", "reason": "DRILL_OVER"},
    "close": {"active": False, "acked": True, "state": "NORM", "closed": True, "suppression": "none"},
    "reopen": {"active": True, "acked": False, "state": "UNACK", "closed": False},
    "ack": {"active": True, "acked": True, "state": "ACKED", "suppression": "none"},
    "hide": {"suppression": "shelved-until", "state": "SHLVD"},
    "explain": {"suppression": "by-design", "state": "DSUPR"},
    "show": {"suppression": "none", "state": "UNACK", "active": True},
}


class Plain:
    """What must be so, in plain words. No incident is expected by number: only what must hold of all."""

    def __init__(self) -> None:
        self.room = Room()
        self.lives: dict[int, int] = {}
        self.split: dict[str, str] = {}  # alert split off by hand → the only incident it may be in; "": none
        self.groups: dict[str, set[str]] = {}  # incident → groups it collects
        self.touched: set[str] = set()  # incidents that people merged or split
        self.owners: dict[str, tuple[str, int]] = {}  # who leads, since when
        self.numbers: dict[tuple[int, bool], str] = {}
        self.commands = 0
        self.asked: list[tuple[int, str]] = []  # when which alert began to ask
        self.asking: dict[str, tuple[int, int, int]] = {}  # since when one asks, how often that counted, unannounced
        self.flood_ms = 0  # when it began
        self.flood: tuple[bool, int] = (False, 0)  # is there one, unannounced

    def name(self, n: int) -> str:
        return f"A-{n}.{self.lives.get(n, 0)}"

    def open(self) -> list[Incident]:
        return [one for one in self.room.incidents() if one.state == "open"]

    def homes(self) -> dict[str, str]:
        """Open alert → incident."""
        found: dict[str, str] = {}
        for one in self.open():
            for member in one.members:
                if member.left_ms is None:
                    assert member.alert_id not in found, "in two incidents"
                    found[member.alert_id] = one.id
        return found

    # Steps ------------------------------------------------------------------------------------------------------------

    def do(self, step: Any) -> None:
        room = self.room
        room.now_ms += 1
        before, homes = room.incidents(), self.homes()
        word, *rest = step
        if word == "raise":
            self.raise_(*rest)
        elif word == "move":
            self.move(*rest)
        elif word == "supersede":
            self.supersede(rest[0])
        elif word in CHANGES or word == "priority":
            self.change(self.name(rest[0]), {"priority": rest[1]} if word == "priority" else CHANGES[word], word)
        elif word == "tick":
            room.tick(rest[0])
            self.check_drills(swept=rest[0] >= MIN)
        elif word == "restart":
            room.tick(MIN)  # what is over is over before
            before, homes = room.incidents(), self.homes()
            room.restart(forgetting="@alert/" if rest[0] else "?")
            for one in [one for one in room.alerts.values() if not one.closed]:
                room.tell_again(one.id)
            assert room.incidents() == before, "a restart changed something"
        else:
            self.command(word, *rest)
        room.tick(0)
        self.judge()
        now = self.homes()
        if word not in ("split", "merge"):
            for alert, home in homes.items():
                if not room.alerts[alert].closed and not self.is_over(home):
                    assert now.get(alert) == home, f"{alert} left its incident"
        self.check_closed({one.id for one in before if one.state == "open"})
        self.check()

    def raise_(self, n: int, place: int, rule: str, drill: str | None) -> None:
        known = self.room.alerts.get(self.name(n))
        if known is not None and not known.closed:
            self.change(known.id, CHANGES["show"], "show")
            return
        if known is not None:
            self.lives[n] = self.lives.get(n, 0) + 1
        self.ask(self.name(n), None, {"exercise": drill, "state": "UNACK", "priority": 3, "rule": rule})
        self.room.tell(self.name(n), key=f"{rule}|{n}", rule=rule, exercise=drill, priority=3, **PLACES[place])

    def move(self, n: int, place: int) -> None:
        name = self.name(n)
        if name in self.room.alerts:
            self.change(name, PLACES[place], "move")
            self.touched |= {one.id for one in self.open() if name in [member.alert_id for member in one.members]}

    def supersede(self, n: int) -> None:
        """A new occurrence of an object whose alert is open: what people said of the one holds for the other."""
        known = self.room.alerts.get(self.name(n))
        if known is None or known.closed:
            return
        home = self.homes().get(known.id, "")
        self.room.tell(known.id, **CHANGES["close"])
        self.lives[n] = self.lives.get(n, 0) + 1
        name = self.name(n)
        same = {field: getattr(known, field) for field in ("key", "rule", "exercise", "priority", *PLACES[0])}
        self.ask(name, None, {"state": "UNACK"} | same)
        self.room.tell(name, **same)
        if known.id in self.split:
            self.split[name] = self.split[known.id]
        if home:
            self.touched.add(home)
            assert self.homes().get(name) == home, "its successor went elsewhere"

    def is_over(self, name: str) -> bool:
        """Is it an incident of a drill that closed with alerts that nobody had acknowledged?"""
        [one] = [one for one in self.room.incidents() if one.id == name]
        return one.exercise is not None and one.state == "closed"

    def left_of_a_drill(self, alert: Alert) -> bool:
        gone = alert.reason == "DRILL_OVER" or self.room.now_ms - alert.updated_ms >= 60 * MIN
        return not alert.active and gone

    def change(self, name: str, change: dict[str, Any], word: str) -> None:
        known = self.room.alerts.get(name)
        if known is None or known.closed != (word == "reopen"):
            return
        if word == "over" and known.exercise is None:
            return
        if word == "priority" and known.state == "UNACK":  # alerting keeps the worst until somebody acknowledges
            change = {"priority": min(change["priority"], known.priority)}
        facts = {"exercise": known.exercise, "state": known.state, "priority": known.priority, "rule": known.rule}
        self.ask(name, known, facts | change)
        self.room.tell(name, **change)

    def command(self, op: str, *rest: Any) -> None:
        found = self.open()
        if not found:
            return
        self.commands += 1
        if op == "late":
            self.late(*rest)
            return
        one = found[rest[0] % len(found)]
        if op in ("take", "release"):
            self.lead(one.id, op, *rest[1:])
        elif op == "merge":
            other = found[rest[1] % len(found)]
            answer = self.room.do(handle(self.commands, "merge", one.id, other=other.id))
            assert (answer.outcome == "DONE") == (one.id != other.id and one.exercise == other.exercise)
            if answer.outcome == "DONE":
                self.groups[one.id] |= self.groups[other.id]
                self.touched |= {one.id, other.id}
                if not self.owners.get(one.id, ("", 0))[0]:
                    self.owners[one.id] = self.owners.get(other.id, ("", 0))
                self.split = {name: one.id if home == other.id else home for name, home in self.split.items()}
        else:
            there = [member.alert_id for member in one.members if member.left_ms is None]
            names = tuple(dict.fromkeys(there[n % len(there)] for n in sorted(rest[1])))
            answer = self.room.do(handle(self.commands, "split", one.id, alert_ids=names))
            assert (answer.outcome == "DONE") == (len(names) < len(there))
            if answer.outcome == "DONE":
                into = answer.detail.split(" ")[0].removeprefix("into=") if len(names) > 1 else ""
                self.touched |= {one.id, into}
                self.groups[into] = set()
                self.split |= dict.fromkeys(names, into)

    def lead(self, name: str, op: str, who: str, saw: str | None) -> None:
        """Nobody's is free; one's own is one's own; somebody else's needs that they were seen."""
        answer = self.room.do(handle(self.commands, op, name, actor=who, expected_owner=saw))
        now, since_ms = self.owners.get(name, ("", 0))
        so_already = who if op == "take" else ""
        outcome = "ALREADY" if now == so_already else "DONE" if now in ("", who, saw) else "STALE"
        assert answer.outcome == outcome, f"{who} saw {saw}, it is {now}: {answer.outcome}"
        if outcome == "STALE":
            assert (answer.by, answer.by_at_ms) == (now, since_ms), "who has it, and since when"
        if outcome == "DONE":
            self.owners[name] = (who, self.room.now_ms) if op == "take" else ("", 0)

    def late(self, nth: int, op: str) -> None:
        """Somebody commands what was merged into another one: they hear where it is, and nothing changes."""
        before = self.room.incidents()
        merged = [one for one in before if one.merged_into]
        if not merged:
            return
        gone, into = merged[nth % len(merged)], {one.id: one.merged_into for one in merged}
        home = gone.id
        while home in into:
            home = into[home]
        more = {"text": "x", "other": home, "alert_ids": ("A-0.0",)}
        answer = self.room.do(handle(self.commands, op, gone.id, **more))
        assert answer.outcome == ("ALREADY" if op == "merge" else "STALE")
        assert f"into={home}" in answer.detail.split(" ")
        assert self.room.incidents() == before

    # What must be so --------------------------------------------------------------------------------------------------

    def check(self) -> None:
        alerts, homes = self.room.alerts, self.homes()
        incidents = self.room.incidents()
        for one in incidents:
            number = (one.number, one.exercise is not None)  # drills count by themselves
            assert self.numbers.setdefault(number, one.id) == one.id, "a number was given twice"
            self.groups.setdefault(one.id, {one.group})
            self.check_one(one, alerts)
        said = [(line.what, line.alert_id) for line in self.room.log if line.kind == "transition"]
        assert len([1 for one in incidents if said.count(("incident-opened", one.id)) != 1]) == 0
        assert all(said.count(("incident-closed", one.id)) == (one.state == "closed") for one in incidents)
        by_log = {name: home for name, home in homes_by(self.room.log).items() if not alerts[name].closed}
        assert by_log == self.homes(), "the log tells of other members"
        still_open = {one.id for one in incidents if one.state == "open"}
        for name, home in self.split.items():
            assert homes.get(name, "") == (home if home in still_open and not alerts[name].closed else ""), (
                "it rejoined"
            )
        self.check_none_is_left_out(
            [one for one in alerts.values() if one.active and not one.closed and one.id not in {*homes, *self.split}]
        )

    def check_one(self, one: Incident, alerts: dict[str, Alert]) -> None:
        there = [member for member in one.members if member.left_ms is None]
        assert bool(there) == (one.state == "open")
        assert (one.owner or "", one.owner_since_ms or 0) == self.owners.get(one.id, ("", 0)) or one.state == "closed"
        for member in one.members:
            told = alerts[member.alert_id]
            assert told.exercise == one.exercise, "drill and live are mixed"
            if one.state == "open":
                assert told.closed == (member.left_ms is not None)
            if member.left_ms is None:
                now = (told.priority, told.acked, told.suppression != "none")
                assert (member.priority, member.acked, member.hidden) == now
        asking = [member.priority for member in there if not member.hidden]
        if one.members:
            assert one.priority == min(asking or [member.priority for member in one.members])
        if one.id not in self.touched:
            [group] = [group for group in GROUPS if group.id == one.group]
            assert len(one.members) >= group.alerts_min
            told_all = [alerts[member.alert_id] for member in one.members]
            times = sorted(told.raised_ms for told in told_all)
            assert all(b - a <= group.within_s * 1000 for a, b in pairwise(times))
            assert all(told.rule in group.rules for told in told_all)
            assert all(any(close(group, a, b) for b in told_all if b is not a) for a in told_all)

    def check_closed(self, were_open: set[str]) -> None:
        """What closes has no open alert, but in a drill that is over."""
        alerts = self.room.alerts
        for one in self.room.incidents():
            if one.id in were_open and one.state == "closed":
                there = [alerts[member.alert_id] for member in one.members if not alerts[member.alert_id].closed]
                assert all(map(self.left_of_a_drill, there)), "it closed over what is there"
                assert one.exercise is not None or not there

    def check_drills(self, *, swept: bool) -> None:
        alerts = self.room.alerts
        for one in self.open() if swept else ():
            there = [alerts[member.alert_id] for member in one.members if member.left_ms is None]
            over = one.exercise is not None and there and all(map(self.left_of_a_drill, there))
            assert not over, "what is left of a drill stays for ever"

    def check_none_is_left_out(self, single: list[Alert]) -> None:
        for group in GROUPS:
            of_it = [one for one in single if one.rule in group.rules]
            for alert in of_it:
                for one in self.open():
                    members = [self.room.alerts[member.alert_id] for member in one.members]
                    times = [member.raised_ms for member in members]
                    span = group.within_s * 1000
                    in_time = min(times) - span <= alert.raised_ms <= max(times) + span
                    fits = in_time and any(close(group, alert, member) for member in members)
                    collects = group.id in self.groups[one.id] and one.exercise == alert.exercise
                    assert not (collects and fits), f"{alert.id} is left out of {one.number}"
            may = [one for one in of_it if one.suppression != "by-design"]
            for some in combinations(may, group.alerts_min):
                apart = [(a, b) for a, b in combinations(some, 2) if not together(group, a, b)]
                assert len(apart) >= group.alerts_min - 1, f"{[one.id for one in some]} are no incident"

    # The flood --------------------------------------------------------------------------------------------------------

    def ask(self, name: str, before: Alert | None, now: dict[str, Any]) -> None:
        """An alert is about to be as said: does that count, or what counted a moment ago no more?"""
        now_ms, was = self.room.now_ms, before.state if before is not None else ""
        if was == "UNACK" and now["state"] == "DSUPR":
            self.take_back(name)
        if was != "UNACK" or now["state"] != "UNACK":
            self.asking.pop(name, None)
        begins = was != "UNACK" or (before is not None and now["priority"] < before.priority)
        if now["state"] != "UNACK" or now["exercise"] is not None or not begins:
            return
        self.asked.append((now_ms, name))
        is_one, unannounced = self.flood
        silent = is_one and now["priority"] != 1 and now["rule"] not in LIMITS.always
        if silent:
            self.flood = (True, unannounced + 1)
        since, times, so_far = self.asking.get(name, (now_ms, 0, 0))
        self.asking[name] = (since, times + 1, so_far + silent)
        self.judge()

    def take_back(self, name: str) -> None:
        """What asked for less than five seconds before something explained it counts no more."""
        since, times, unannounced = self.asking.get(name, (0, 0, 0))
        if not times or self.room.now_ms - since >= 5 * S:
            return
        for one in [one for one in self.asked if one[1] == name][-times:]:
            self.asked.remove(one)
        is_one, so_far = self.flood
        if is_one:
            self.flood = (True, so_far - unannounced)
            if self.room.now_ms - self.flood_ms < 5 * S and self.new() <= LIMITS.above:
                self.flood = (False, 0)
        self.judge()

    def new(self) -> int:
        window, now_ms = int(LIMITS.window_s * 1000), self.room.now_ms
        return len([at for at, _ in self.asked if now_ms - window < at <= now_ms + window])

    def judge(self) -> None:
        new = self.new()
        if new > LIMITS.above:
            self.flood_ms = self.flood_ms if self.flood[0] else self.room.now_ms
            self.flood = (True, self.flood[1])
        elif new < LIMITS.below:
            self.flood = (False, 0)

    def check_flood(self) -> None:
        self.room.tick(S)
        self.judge()
        shown, window = self.room.flood(), int(LIMITS.window_s * 1000)
        new = len([at for at, _ in self.asked if abs(self.room.now_ms - at) < window])
        assert (shown.new, shown.since_ms is not None, shown.unannounced) == (new, *self.flood)


def close(group: Any, one: Alert, other: Alert) -> bool:
    if group.near != "area":
        return group.near == "all" or one.centre == other.centre
    if one.area == other.area or one.lon is None or other.lon is None:
        return one.area == other.area
    assert one.lat is not None
    assert other.lat is not None
    return distance_m((one.lon, one.lat), (other.lon, other.lat)) <= group.within_m


def together(group: Any, one: Alert, other: Alert) -> bool:
    apart_ms = abs(one.raised_ms - other.raised_ms)
    return one.exercise == other.exercise and apart_ms <= group.within_s * 1000 and close(group, one, other)


def play(steps: list[Any]) -> Plain:
    plain = Plain()
    for step in steps:
        plain.do(step)
        if step[0] == "tick" and step[1] > 0:
            plain.check_flood()
    plain.check_flood()
    return plain
