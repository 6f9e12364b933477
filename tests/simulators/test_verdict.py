from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ioc.domain.alerts import Alert
from simulators.episodes import Episode, Moment, episodes
from simulators.expect import Bounds, Expect, Forbid, Reach
from simulators.verdict import Verdict, judge

MINUTE = 60_000
NONE = Bounds()


def episode(
    rule: str = "hydro-level",
    site: str = "TALAI",
    raised_s: float = 60,
    cleared_s: float | None = None,
    level: str = "BĐ1",
    priority: int = 3,
    id_: str = "",
    rises: tuple[tuple[float, str, int], ...] = (),
) -> Episode:
    moments = [Moment(at_ms=round(raised_s * 1000), active=True, level=level, priority=priority)]
    moments += [Moment(at_ms=round(s * 1000), active=True, level=name, priority=p) for s, name, p in rises]
    if cleared_s is not None:
        last = moments[-1]
        moments.append(structs.replace(last, at_ms=round(cleared_s * 1000), active=False))
    return Episode(
        id=id_ or f"A-{rule}-{site}-{raised_s}",
        rule=rule,
        centre="tinh",
        area="734",
        site=site,
        object=site,
        title_en="",
        moments=tuple(moments),
    )


def expect(raised: str = "30s..2m", site: str | None = "TALAI", rule: str = "hydro-level", **more: object) -> Expect:
    return Expect(rule=rule, site=site, raised=raised, **more)  # type: ignore[arg-type]


def kinds(verdict: Verdict) -> list[str]:
    return [finding.kind for finding in verdict.findings]


def ruled(expectations: list[Expect], found: list[Episode], **more: object) -> Verdict:
    return judge(expectations, (), NONE, found, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "found", "kind", "reason"),
    [
        (expect(), episode(), "met", ""),
        (expect("1m..1m"), episode(), "met", ""),
        (expect("2m..3m"), episode(), "early", "raised 1m too early"),
        (expect("10s..50s"), episode(), "late", "raised 10s too late"),
        (expect(site="BIENHOA"), episode(), "missing", "hydro-level was raised for TALAI"),
        (expect(rule="congestion"), episode(), "missing", "raised no congestion at all"),
        (expect(level="BĐ2"), episode(), "missing", "no such alert"),
        (expect(priority=1), episode(), "missing", "no such alert"),
        (expect(cleared="5m..6m"), episode(cleared_s=330), "met", ""),
        (expect(cleared="5m..6m"), episode(cleared_s=200), "wrong", "was cleared 1m40s too early"),
        (expect(cleared="5m..6m"), episode(cleared_s=400), "wrong", "was cleared 40s too late"),
        (expect(cleared="5m..6m"), episode(), "wrong", "was never cleared"),
        (expect(cleared="never"), episode(cleared_s=200), "wrong", "should last to the end"),
        (expect(cleared="never"), episode(), "met", ""),
        (expect(steps=(Reach(within="2m..4m", level="BĐ2"),)), episode(rises=((180, "BĐ2", 2),)), "met", ""),
        (expect(steps=(Reach(within="2m..4m", level="BĐ3"),)), episode(rises=((180, "BĐ2", 2),)), "wrong", "BĐ3"),
        (
            expect(steps=(Reach(within="4m..5m", level="BĐ2"),)),
            episode(rises=((180, "BĐ2", 2),)),
            "wrong",
            "1m too early",
        ),
        (
            expect(steps=(Reach(within="1m..9m", priority=1), Reach(within="1m..9m", level="BĐ2"))),
            episode(rises=((180, "BĐ2", 2), (240, "BĐ3", 1))),
            "wrong",
            "did not reach BĐ2",
        ),
    ],
)
def test_one_expectation_against_one_alert(wanted: Expect, found: Episode, kind: str, reason: str) -> None:
    verdict = ruled([wanted], [found])
    (finding,) = verdict.findings
    assert finding.kind == kind
    assert reason in finding.reason
    assert verdict.holds == finding.holds == (kind == "met")
    assert finding.at_ms == (None if kind == "missing" else 60_000)


def test_a_step_counts_when_its_level_is_first_reached() -> None:
    """It stands at BĐ2 from 3m on; that another reading confirms it at 12m does not make it be reached then."""
    found = [episode(rises=((180, "BĐ2", 2), (720, "BĐ2", 2)))]
    (finding,) = ruled([expect(steps=(Reach(within="10m..20m", level="BĐ2"),))], found).findings
    assert (finding.kind, finding.off_s) == ("wrong", -420)
    assert "reached BĐ2 at 3m, 7m too early" in finding.reason
    (finding,) = ruled([expect(steps=(Reach(within="1m..2m", level="BĐ2"),))], found).findings
    assert (finding.kind, finding.off_s) == ("wrong", 60)
    assert "reached BĐ2 at 3m, 1m too late" in finding.reason
    down = [episode(rises=((180, "BĐ2", 2), (300, "BĐ1", 3), (400, "BĐ2", 2)))]
    back = (Reach(within="3m..4m", level="BĐ2"), Reach(within="5m..6m", level="BĐ1"))
    assert kinds(ruled([expect(steps=back)], down)) == ["met"], "each after the one before"


def test_off_times_are_told() -> None:
    assert ruled([expect("2m..3m")], [episode()]).findings[0].off_s == -60
    assert ruled([expect("10s..50s")], [episode()]).findings[0].off_s == 10
    assert ruled([expect(cleared="5m..6m")], [episode(cleared_s=400)]).findings[0].off_s == 40


def test_an_alert_serves_one_expectation() -> None:
    both = [expect("30s..2m"), expect("30s..2m", cleared="3m..4m")]
    one = [episode(cleared_s=200)]
    assert kinds(ruled(both, one)) == ["missing", "met"] or kinds(ruled(both, one)) == ["met", "missing"]
    assert ruled(both, [*one, episode(raised_s=70)]).holds


def test_the_picky_expectation_gets_the_alert_that_only_it_can_use() -> None:
    """Given in the order of the file, the first would take the alert that the second needs."""
    loose, picky = expect("30s..10m", site=None), expect("30s..2m")
    found = [episode(raised_s=60), episode(raised_s=300, site="PHUHIEP")]
    assert ruled([loose, picky], found).holds
    assert ruled([picky, loose], found).holds


def test_a_number_of_alerts() -> None:
    wanted = expect("30s..10m", site=None, at_least=3)
    found = [episode(raised_s=60 * n, site=f"S{n}") for n in range(1, 4)]
    assert ruled([wanted], found).holds
    short = ruled([wanted], found[:2])
    assert kinds(short) == ["met", "met", "missing"]
    assert short.findings[2].what == "hydro-level, 3 of 3"


def test_not_before() -> None:
    wanted = expect("3m..9m", not_before="2m")
    assert ruled([wanted], [episode(raised_s=200)]).holds
    verdict = ruled([wanted], [episode(raised_s=30, cleared_s=40), episode(raised_s=200)])
    assert kinds(verdict) == ["met", "early"]
    assert "raised 1m30s before it may be" in verdict.findings[1].reason
    assert not verdict.holds


def test_forbidden_alerts() -> None:
    forbid = Forbid(rule="congestion", within="1m..5m", why="nobody drives")
    inside, outside = episode("congestion", "T1", 120), episode("congestion", "T1", 400)
    verdict = judge((), (forbid,), NONE, [inside, outside])
    assert kinds(verdict) == ["forbidden"]
    assert verdict.findings[0].reason == "nobody drives"
    assert not verdict.holds
    good = judge((), (forbid,), NONE, [outside])
    assert good.holds
    assert [(f.kind, f.what, f.seen) for f in good.findings] == [("met", "no congestion", "none")], "it was looked for"


@pytest.mark.parametrize("limit", [{"level": "BĐ2"}, {"priority": 2}])
def test_a_forbidden_level_is_seen_when_an_alert_rises_to_it(limit: dict[str, object]) -> None:
    """It is raised at BĐ1, stands at BĐ2 from 3m to 5m, and at BĐ1 again until it is cleared at 8m."""
    found = [episode(rises=((180, "BĐ2", 2), (300, "BĐ1", 3)), cleared_s=480)]

    def against(within: str | None) -> Verdict:
        return judge((), (Forbid(rule="hydro-level", within=within, **limit),), NONE, found)  # type: ignore[arg-type]

    for within, at_ms in ((None, 180_000), ("..3m", 180_000), ("4m..4m30s", 240_000), ("4m..9m", 240_000)):
        (finding,) = against(within).findings
        assert (finding.kind, finding.at_ms) == ("forbidden", at_ms), within
        assert "BĐ2" in finding.seen
    for within in ("..2m59s", "5m..9m"):
        assert kinds(against(within)) == ["met"], within
    last = judge((), (Forbid(level="BĐ1", within="8m.."),), NONE, found)
    assert kinds(last) == ["met"], "it was cleared at 8m"


def test_others_are_unexpected_only_when_they_are_refused() -> None:
    found = [episode(), episode("congestion", "T1", 120)]
    assert judge([expect()], (), NONE, found).holds
    verdict = judge([expect()], (), Bounds(others="refused"), found)
    assert kinds(verdict) == ["met", "unexpected"]
    assert "congestion" in verdict.findings[1].what
    assert not verdict.holds


def test_bounds() -> None:
    found = [episode(site=f"S{n}", raised_s=n * 100) for n in range(13)]  # 6 per ten minutes
    assert judge((), (), Bounds(least=13, most=13, in_10_min_least=6, in_10_min_most=6), found).holds
    for bounds, said in (
        (Bounds(most=12), "1 too many"),
        (Bounds(least=14), "1 too few"),
        (Bounds(in_10_min_most=5), "1 too many"),
        (Bounds(in_10_min_least=7), "1 too few"),
    ):
        verdict = judge((), (), bounds, found)
        assert not verdict.holds
        assert [finding.reason for finding in verdict.findings] == [said]


def test_a_run_that_begins_or_ends_inside_is_judged_for_its_part() -> None:
    wanted = [expect("30s..2m"), expect("10m..12m", site="PHUHIEP"), expect("20m..22m", site="BIENHOA")]
    late = [episode(site="PHUHIEP", raised_s=650)]
    bounds = Bounds(least=3, most=2)
    verdict = judge(wanted, (), bounds, late, from_ms=5 * MINUTE, upto_ms=15 * MINUTE)
    assert kinds(verdict) == ["not judged", "met", "not judged", "not judged", "not judged"]
    assert verdict.judged == 1
    assert verdict.holds
    assert not judge(wanted, (), bounds, late, from_ms=5 * MINUTE).holds, "played to its end, the third is missing"
    early = [episode(raised_s=60), *late]
    assert judge(wanted, (), bounds, early, from_ms=5 * MINUTE, upto_ms=15 * MINUTE).alerts == 1


def test_a_run_that_ends_early_does_not_blame_what_could_still_come() -> None:
    wanted = expect(cleared="20m..22m", steps=(Reach(within="9m..12m", level="BĐ2"),))
    assert kinds(ruled([wanted], [episode()], upto_ms=8 * MINUTE)) == ["not judged"]
    assert kinds(ruled([wanted], [episode()])) == ["wrong"]
    assert kinds(ruled([wanted], [], upto_ms=8 * MINUTE)) == ["missing"], "it had to be raised by then"
    late = episode(raised_s=300)
    assert kinds(ruled([wanted], [late], upto_ms=8 * MINUTE)) == ["late"]


@pytest.mark.parametrize(
    ("forbid", "kind"),
    [
        (Forbid(rule="congestion"), "not judged"),
        (Forbid(rule="congestion", within="30m..40m"), "not judged"),
        (Forbid(rule="congestion", within="4m..8m"), "not judged"),
        (Forbid(rule="congestion", within="5m..15m"), "met"),
        (Forbid(rule="congestion", within="6m..15m1s"), "not judged"),
        (Forbid(rule="hydro-level"), "forbidden"),
        (Forbid(rule="hydro-level", within="..10m1s"), "forbidden"),
        (Forbid(rule="hydro-level", level="BĐ2"), "not judged"),
    ],
)
def test_what_was_not_played_is_not_met(forbid: Forbid, kind: str) -> None:
    """The run is the part from 5m to 15m, and has one alert, at 10m."""
    found = [episode(raised_s=600)]
    verdict = judge((), (forbid,), NONE, found, from_ms=5 * MINUTE, upto_ms=15 * MINUTE)
    assert kinds(verdict) == [kind]
    assert verdict.holds == (kind != "forbidden")
    assert verdict.judged == (kind != "not judged")
    assert verdict.findings[0].reason or kind == "met"


def test_a_drill_is_judged_for_silence() -> None:
    silent = Forbid(rule="source-silent")
    assert kinds(judge((), (silent,), NONE, [], drill=True)) == ["met"]
    assert kinds(judge((), (silent,), NONE, [episode("source-silent")], drill=True)) == ["forbidden"]
    assert kinds(judge((expect(rule="source-silent", site=None),), (), NONE, [], drill=True)) == ["missing"]


def test_bounds_of_a_part() -> None:
    found = [episode(site=f"S{n}", raised_s=60) for n in range(3)]
    for bounds, kind in ((Bounds(most=3), "not judged"), (Bounds(most=2), "bounds"), (Bounds(least=1), "not judged")):
        assert kinds(judge((), (), bounds, found, upto_ms=8 * MINUTE)) == [kind]


@pytest.mark.parametrize(
    ("wanted", "found", "kind"),
    [
        (expect(cleared="never"), episode(), "not judged"),
        (expect(cleared="never"), episode(cleared_s=200), "wrong"),
        (expect(cleared="5m.."), episode(), "not judged"),
        (expect(cleared="5m.."), episode(cleared_s=400), "met"),
        (expect(cleared="5m..7m"), episode(), "wrong"),
        (expect(steps=(Reach(within="2m..", level="BĐ2"),)), episode(), "not judged"),
        (expect(steps=(Reach(within="2m..4m", level="BĐ2"),), cleared="9m.."), episode(), "wrong"),
        (expect("1m..2h"), episode(), "met"),
    ],
)
def test_what_can_still_change_after_the_end_of_a_part(wanted: Expect, found: Episode, kind: str) -> None:
    verdict = ruled([wanted], [found], upto_ms=8 * MINUTE)
    assert kinds(verdict) == [kind]
    assert (kind == "not judged") == (verdict.judged == 0)


def test_what_holds_for_the_live_picture_only_is_not_judged_in_a_drill() -> None:
    forbid, wanted = Forbid(rule="congestion", in_drills=False), expect(in_drills=False)
    found = [episode("congestion", "T1")]
    assert kinds(judge([wanted], (forbid,), NONE, found)) == ["missing", "forbidden"]
    assert kinds(judge([wanted], (forbid,), NONE, found, drill=True)) == ["not judged", "not judged"]


TIMES = st.integers(0, 1800)
ALERTS = st.lists(st.tuples(TIMES, st.sampled_from("ABC"), st.booleans()), max_size=8).map(
    lambda given: [
        episode(site=site, raised_s=at, cleared_s=at + 100 if over else None, id_=f"A{n}")
        for n, (at, site, over) in enumerate(given)
    ]
)


def fits(one: Episode, slack_s: int = 5) -> Expect:
    """An expectation that the alert meets."""
    at = one.raised_ms // 1000
    cleared = None if one.cleared_ms is None else f"{one.cleared_ms // 1000}s..{one.cleared_ms // 1000 + slack_s}s"
    return expect(f"{max(0, at - slack_s)}s..{at + slack_s}s", site=one.site, cleared=cleared or "never")


@settings(deadline=None, max_examples=200)
@given(ALERTS, st.randoms())
def test_what_came_is_always_met_in_any_order(found: list[Episode], chance: random.Random) -> None:
    wanted = [fits(one) for one in found]
    chance.shuffle(wanted)
    shuffled = list(found)
    chance.shuffle(shuffled)
    verdict = judge(wanted, (), Bounds(others="refused", most=len(found), least=len(found)), shuffled)
    assert verdict.holds, [finding for finding in verdict.findings if not finding.holds]


@settings(deadline=None, max_examples=200)
@given(ALERTS.filter(bool), st.data())
def test_one_planted_mistake_is_found(found: list[Episode], data: st.DataObject) -> None:
    """Take an alert away, add one, move one, or let one end at another time: the verdict never holds."""
    wanted = [fits(one, slack_s=2) for one in found]
    index = data.draw(st.integers(0, len(found) - 1))
    victim = found[index]
    how = data.draw(st.sampled_from(["gone", "more", "moved", "ended"]))
    others = [one for n, one in enumerate(found) if n != index]
    if how == "gone":
        changed = others
    elif how == "more":
        changed = [*found, structs.replace(victim, id="A99")]
    elif how == "moved":
        moments = tuple(structs.replace(m, at_ms=m.at_ms + 10_000_000) for m in victim.moments)
        changed = [*others, structs.replace(victim, moments=moments)]
    else:
        last = structs.replace(victim.moments[0], at_ms=victim.raised_ms + 50_000, active=False)
        changed = [*others, structs.replace(victim, moments=(victim.moments[0], last))]
    verdict = judge(wanted, (), Bounds(others="refused"), changed)
    assert not verdict.holds
    assert {f.kind for f in verdict.findings if not f.holds} <= {"missing", "early", "late", "wrong", "unexpected"}


@settings(deadline=None, max_examples=100)
@given(ALERTS, st.integers(1, 10_000))
def test_a_verdict_counts_every_alert_once(found: list[Episode], shift_s: int) -> None:
    wanted = [fits(one) for one in found[::2]]
    verdict = judge(wanted, (), Bounds(others="refused"), found)
    assert kinds(verdict).count("met") + kinds(verdict).count("unexpected") == len(found)
    assert verdict.alerts == sum(verdict.by_rule.values()) == len(found)
    assert 0 <= verdict.busiest_10_min <= len(found)
    assert not found or verdict.busiest_10_min >= 1


def alert(version: int, observed_ms: int, **more: object) -> Alert:
    fields: dict[str, object] = {
        "id": "A-1",
        "key": "hydro-level|tinh|TALAI",
        "rule": "hydro-level",
        "version": version,
        "state": "UNACK",
        "active": True,
        "acked": False,
        "priority": 3,
        "present_priority": 3,
        "level": "BĐ1",
        "centre": "tinh",
        "area": "734",
        "site": "TALAI",
        "feed": "hydro",
        "type": "hydro.level",
        "title_vi": "",
        "title_en": "",
        "started_ms": 1_000_000,
        "raised_ms": 9_000_000,
        "updated_ms": 9_000_000,
        "observed_ms": observed_ms,
        "exercise": None,
    }
    return Alert(**{**fields, **more})  # type: ignore[arg-type]


def test_alerts_become_episodes_in_event_time() -> None:
    versions = [
        alert(1, 1_060_000),
        alert(2, 1_120_000, level="BĐ2", present_priority=2),
        alert(3, 1_120_000, acked=True, level="BĐ2", present_priority=2),  # somebody acknowledges
        alert(4, 1_300_000, active=False, level="BĐ2", present_priority=2),
        alert(5, 1_300_000, active=False, closed=True, level="BĐ2", present_priority=2),
    ]
    mixed = [versions[3], versions[0], versions[0], versions[4], versions[2], versions[1]]
    mixed += [alert(1, 1_000_000, id="A-2", exercise="drill")]
    mixed += [structs.replace(one, id="A-9", rule="handover-unsigned") for one in mixed]  # a matter of the hour of day
    (found,) = episodes(mixed, 1_000_000, None)
    assert (found.raised_ms, found.cleared_ms) == (60_000, 300_000)
    assert [moment.level for moment in found.moments] == ["BĐ1", "BĐ2", "BĐ2", "BĐ2", "BĐ2"]
    assert str(found) == "hydro-level BĐ1 P3 at TALAI, raised at 1m, cleared at 5m"
    assert [one.id for one in episodes(mixed, 1_000_000, "drill")] == ["A-2"]


def test_an_alert_that_is_raised_again_is_cleared_when_it_ends_for_good() -> None:
    versions = [
        alert(1, 1_060_000),
        alert(2, 1_100_000, active=False),
        alert(3, 1_110_000),
        alert(4, 1_200_000, active=False),
    ]
    assert episodes(versions, 1_000_000, None)[0].cleared_ms == 200_000
    assert episodes(versions[:3], 1_000_000, None)[0].cleared_ms is None
