"""A recording of live traffic that is replayed as a drill raises the alerts that were raised, and says so when not."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from msgspec import structs

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.runner import Runner
from ioc.services.recorded_alerts import expectations
from ioc.wire.recording import VERSION, Head, Writer, message
from simulators.faults import damaged
from simulators.replay import DAY_MS, Recording, ReplayStream, look, start_of
from simulators.replay_run import Replay, ReplayWish, replay_dry
from simulators.runs import Wish, plan_of
from simulators.stream import encode

START_MS = 1_795_489_200_000
LATER_MS = START_MS + 3 * DAY_MS + 5 * 3_600_000
LENGTH_S = 180
CENTRES = ("bien-hoa", "long-khanh", "tinh")
STORY = """
title_vi = "a"
title_en = "b"
duration_s = 180
rate = 4
centres = ["bien-hoa", "long-khanh", "tinh"]

[[incident]]
kind = "river_surge"
at_s = 20
site = "BIENHOA"
level_m = 2.4
rise_s = 40
hold_s = 30
fall_s = 40

[[incident]]
kind = "accident"
at_s = 60
site = "CAM-LK-006"
injured = 2

[[fault]]
kind = "duplicate"
share = 0.1
after_s = 2
"""


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("dongnai-2023")


@pytest.fixture(scope="module")
def recorded(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What live traffic and its alerts look like on file."""
    folder = tmp_path_factory.mktemp("replay")
    (folder / "story.toml").write_text(STORY, encoding="utf-8")
    wish = Wish(name=str(folder / "story.toml"), seed=3, dry=True)
    plan = plan_of(wish, profile, now_ms=START_MS, default_seed=1)
    stream, runner, writer = plan.stream(profile), Runner(profile, START_MS, tick_every_ms=1_000), Writer()
    head = Head(
        version=VERSION,
        profile=profile.id,
        from_=rfc3339(START_MS),
        to=rfc3339(START_MS + LENGTH_S * 1_000),
        centres=CENTRES,
        made_by="a test",
    )
    lines = [writer.line(head)]
    while not stream.over and runner.now_ms < START_MS + (LENGTH_S - 1) * 1_000:
        runner.advance(1_000)
        sent = [(one.centre, *encode(profile, one)) for one in stream.take(runner.now_ms)]
        runner.natives(sent)
        lines += [writer.line(message(runner.now_ms - START_MS, *one)) for one in sent]
    broken = damaged(b'{"he_thong": "mua"}', random.Random(1).getrandbits(64))
    lines.append(writer.line(message(LENGTH_S * 1_000 - 1, "bien-hoa", b"k", broken[:5])))
    runner.advance(1_000)
    expect, left = expectations(
        runner.log(), runner.alerts(), profile.rules, START_MS, START_MS + LENGTH_S * 1_000, CENTRES
    )
    assert {one["rule"] for one in expect} >= {"hydro-level", "traffic-injury"}
    file = folder / "evening.jsonl"
    file.write_bytes(b"".join([*lines, writer.end(expect, dict(left))]))
    return file


def test_the_same_alerts_come_of_it(recorded: Path, profile: Profile) -> None:
    found = look(recorded, profile)
    replay = Replay(found, ReplayWish(exercise="again", speed=60), profile, LATER_MS)
    result = replay_dry(replay)
    assert result.verdict is not None
    assert result.verdict.holds, [one for one in result.verdict.findings if not one.holds]
    assert {one.kind for one in result.verdict.findings} == {"met"}
    assert result.ended
    assert result.messages == found.end.messages
    assert result.sent == result.messages - 1
    assert result.skipped == {"malformed": 1}
    assert result.refused == {}


def test_original_times_and_one_centre(recorded: Path, profile: Profile) -> None:
    found = look(recorded, profile)
    wish = ReplayWish(exercise="again", start="original", centres=("long-khanh",))
    replay = Replay(found, wish, profile, LATER_MS)
    assert replay.start_ms == found.from_ms
    result = replay_dry(replay)
    assert result.verdict is not None
    assert result.verdict.holds
    assert result.messages == found.end.by_centre["long-khanh"]
    assert set(result.verdict.by_rule) == {"traffic-injury"}


def test_a_planted_change_is_found(recorded: Path, profile: Profile, tmp_path: Path) -> None:
    """Without the messages of one site its alert is missing; without their end the file is refused."""
    lines = recorded.read_bytes().splitlines(keepends=True)
    writer, out = Writer(), []
    for text in lines[:-1]:
        line = json.loads(text)
        if line["line"] == "head":
            out.append(writer.line(Head(**{k if k != "from" else "from_": v for k, v in line.items() if k != "line"})))
        elif "CAM-LK-006" not in line["value"]:
            out.append(
                writer.line(message(line["at_ms"], line["centre"], line["key"].encode(), line["value"].encode()))
            )
    out.append(writer.end(json.loads(lines[-1])["expect"], {}))
    file = tmp_path / "other.jsonl"
    file.write_bytes(b"".join(out))
    result = replay_dry(Replay(look(file, profile), ReplayWish(exercise="again"), profile, LATER_MS))
    assert result.verdict is not None
    assert not result.verdict.holds
    assert {one.kind for one in result.verdict.findings if not one.holds} == {"missing"}
    file.write_bytes(b"".join(out[:-1]))
    with pytest.raises(BadInput, match="the end is missing"):
        look(file, profile)


@pytest.mark.parametrize("speed", [0.5, 1.0, 7.0, 1000.0])
@pytest.mark.parametrize("start", ["day", "now", "original"])
def test_no_reading_is_of_the_future(recorded: Path, profile: Profile, speed: float, start: str) -> None:
    found = look(recorded, profile)
    at_ms = start_of(found, start, speed, LATER_MS)  # type: ignore[arg-type]
    length_ms = found.to_ms - found.from_ms
    for passed in (0, length_ms // 2, length_ms):
        assert at_ms + passed <= LATER_MS + passed / min(speed, 1.0)
        assert at_ms + passed <= LATER_MS + passed / speed + 1
    assert (at_ms - found.from_ms) % {"day": DAY_MS, "now": 1000, "original": 2**62}[start] == 0
    if start == "day":
        assert LATER_MS - at_ms < DAY_MS + length_ms


def test_order_and_gaps_are_kept_however_time_is_cut(recorded: Path, profile: Profile) -> None:
    found = look(recorded, profile)

    def played(steps: list[int]) -> list[tuple[int, bytes]]:
        stream = ReplayStream(found, profile, CENTRES, "x", found.from_ms)
        out = [(one.send_ms, one.value) for upto in steps for one in stream.take(found.from_ms + upto)]
        assert stream.over
        assert stream.taken == len(out)
        return out

    end = found.to_ms - found.from_ms
    whole = played([end])
    assert whole == sorted(whole, key=lambda one: one[0])
    assert played([*range(0, end, 700), end]) == whole
    assert all(b'"x"' in value for _, value in whole)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (ReplayWish(exercise="a drill"), "is not 1 to 128 plain ASCII"),
        (ReplayWish(exercise="canary"), "belongs to the software itself"),
        (ReplayWish(exercise="x", speed=2000), "--speed must be from 0.5 to 1000"),
        (ReplayWish(exercise="x", centres=("hue",)), "--centre: the recording holds"),
    ],
)
def test_a_wish_that_cannot_be_granted(recorded: Path, profile: Profile, wish: ReplayWish, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        Replay(look(recorded, profile), wish, profile, LATER_MS)
    assert said in str(refused.value.detail)


def test_a_format_without_a_mark_is_refused_before_anything_is_sent(recorded: Path, profile: Profile) -> None:
    tables = [
        structs.replace(one, format={k: v for k, v in one.format.items() if k != "exercise"}) for one in profile.centres
    ]
    other = structs.replace(profile, centres=tuple(tables))
    with pytest.raises(BadInput) as refused:
        Replay(look(recorded, other), ReplayWish(exercise="x"), other, LATER_MS)
    assert "has no [format.exercise]" in str(refused.value.detail)


def test_a_packed_file_is_read_by_its_content_and_a_broken_one_is_refused(
    recorded: Path, profile: Profile, tmp_path: Path
) -> None:
    packed, file = gzip.compress(recorded.read_bytes()), tmp_path / "any.name"
    file.write_bytes(packed)
    assert look(file, profile).end == look(recorded, profile).end
    for broken in (packed[:-200], packed[:300] + b"\0\0\0\0" + packed[304:], packed[:-8] + bytes(8)):
        file.write_bytes(broken)
        with pytest.raises(BadInput) as refused:
            look(file, profile)
        assert str(refused.value.detail).startswith(str(file))
    with pytest.raises(BadInput, match="cannot be read"):
        look(tmp_path / "nowhere", profile)


def test_a_recording_of_a_stranger_is_refused(recorded: Path, profile: Profile) -> None:
    other = structs.replace(profile, centres=profile.centres[:1])
    with pytest.raises(BadInput, match="which dongnai-2023 does not have"):
        look(recorded, other)
    assert isinstance(look(recorded, profile), Recording)
