"""When an alert is said in CAP: once when it stands, again when it becomes another, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Alert
from ioc.domain.cap import Cap
from ioc.domain.dispatch import Dispatch
from ioc.domain.profile import Profile
from ioc.pipeline.cap_messages import REFERENCES_MAX, Said, Thread, decide
from ioc.wire.cap import to_xml
from tests.samples import T0_MS, an_alert
from tests.wire.cap_schema import said, wrong


def province(*, simulated: bool = False) -> Profile:
    profile = load_profile("dongnai-2023")
    centres = tuple(structs.replace(centre, simulated=simulated) for centre in profile.centres)
    return structs.replace(profile, centres=centres)


PROFILE = province()
CAP = Cap(category=("Met",), urgency="Expected", severity="Moderate", certainty="Observed")


def alert(version: int = 1, **changes: Any) -> Alert:
    base = structs.replace(an_alert("A-1", version), rule="hydro-level", level="BĐ1", cap=CAP, area="731")
    return structs.replace(base, **({"lon": 106.82, "lat": 10.95} | changes))


def say(given_alert: Alert, thread: Thread | None, now_ms: int = T0_MS, profile: Profile = PROFILE) -> Said:
    found = decide(given_alert, thread, profile, now_ms)
    assert found is not None
    document = to_xml(found.message, profile.timezone)
    assert wrong(document) == ""
    assert decide(given_alert, found.thread, profile, now_ms) is None, "said once"
    return found


def test_the_life_of_an_alert_in_messages() -> None:
    first = say(alert(), None)
    assert (first.message.msg_type, first.message.references) == ("Alert", ())
    assert decide(alert(2, value=1.9, count=7, observed_ms=T0_MS + 1), first.thread, PROFILE, T0_MS + 1) is None
    worse = alert(3, level="BĐ2", priority=2, cap=structs.replace(CAP, severity="Severe"))
    second = say(worse, first.thread, T0_MS + 60_000)
    assert second.message.msg_type == "Update"
    third = say(structs.replace(worse, version=4, active=False), second.thread, T0_MS + 120_000)
    document = to_xml(third.message, PROFILE.timezone)
    assert third.message.msg_type == "Cancel"
    assert [text.split(",")[1] for text in third.message.references] == ["A-1.1.1", "A-1.3.2"]
    assert said(document, "info/urgency") == ["Past", "Past"]
    assert said(document, "info/responseType") == ["AllClear", "AllClear"]
    again = say(structs.replace(worse, version=6), third.thread, T0_MS + 180_000)
    assert (again.message.msg_type, again.message.references) == ("Alert", ())
    assert again.message.identifier == "A-1.6.4"


def test_both_languages_and_the_place() -> None:
    document = to_xml(say(alert(), None).message, PROFILE.timezone)
    assert said(document, "info/language") == ["vi-VN", "en"]
    assert said(document, "info/event") == ["Mực nước vượt báo động", "River over alarm stage"]
    assert said(document, "info/area/geocode/value") == ["731", "731"]
    assert said(document, "info/area/geocode/valueName")[0].startswith("vn-don-vi-hanh-chinh:")
    assert said(document, "info/area/circle")[0] == "10.95000,106.82000 0.500"
    assert said(document, "scope") == ["Restricted"]
    assert said(document, "status") == ["Actual"]


def test_an_area_s_own_shape_stands_where_the_place_is_not_known() -> None:
    def shapes(**shape: Any) -> tuple[list[str], list[str]]:
        areas = tuple(structs.replace(a, **shape) if a.code == "731" else a for a in PROFILE.areas)
        profile = structs.replace(PROFILE, areas=areas)
        document = to_xml(say(alert(lon=None, lat=None), None, profile=profile).message, profile.timezone)
        return said(document, "info/area/polygon"), said(document, "info/area/circle")

    ring = ((106.7, 10.8), (106.9, 10.8), (106.9, 11.0), (106.7, 10.8))
    assert shapes(polygon=ring)[0][0].startswith("10.80000,106.70000 ")
    assert shapes(lon=106.8, lat=10.9, radius_km=9.0) == ([], ["10.90000,106.80000 9.000"] * 2)
    assert shapes() == ([], [])


def test_a_drill_is_an_exercise_and_says_which() -> None:
    document = to_xml(say(alert(exercise="drill-7"), None).message, PROFILE.timezone)
    assert (said(document, "status"), said(document, "note")) == (["Exercise"], ["drill-7"])
    assert said(document, "info/description")[0].startswith("DIỄN TẬP.")


def test_what_a_simulator_says_is_never_actual() -> None:
    profile = province(simulated=True)
    assert say(alert(), None, profile=profile).message.status == "Test"
    assert say(alert(exercise="d"), None, profile=profile).message.status == "Exercise"


def test_a_silent_source_makes_it_unsure() -> None:
    first = say(alert(), None)
    blind = say(alert(2, blind=True), first.thread)
    assert blind.message.msg_type == "Update"
    assert {info.certainty for info in blind.message.infos} == {"Unknown"}


def test_what_another_alert_explains_is_not_announced() -> None:
    assert decide(alert(muted_by="A-9"), None, PROFILE, T0_MS) is None
    first = say(alert(), None)
    assert decide(alert(2, muted_by="A-9"), first.thread, PROFILE, T0_MS) is None
    assert say(alert(3, muted_by="A-9", active=False), first.thread).message.msg_type == "Cancel"


@pytest.mark.parametrize("suppression", ["shelved-until", "shelved-oneshot", "by-design", "out-of-service"])
def test_what_is_hidden_is_not_announced_but_followed_to_its_end(suppression: str) -> None:
    assert decide(alert(suppression=suppression), None, PROFILE, T0_MS) is None
    first = say(alert(), None)
    assert decide(alert(2, suppression=suppression), first.thread, PROFILE, T0_MS) is None
    assert say(alert(2, suppression=suppression, level="BĐ2"), first.thread).message.msg_type == "Update"
    over = say(alert(3, suppression=suppression, active=False), first.thread)
    assert over.message.msg_type == "Cancel"
    assert decide(alert(4, suppression=suppression), over.thread, PROFILE, T0_MS) is None
    assert say(alert(5), over.thread).message.msg_type == "Alert", "taken from the shelf it is told"


def test_a_latched_alert_stands_until_a_person_resets_or_closes_it() -> None:
    first = say(alert(latched=True), None)
    gone = alert(2, latched=True, active=False, acked=True, state="ACKED")
    assert decide(gone, first.thread, PROFILE, T0_MS) is None
    unseen = alert(2, latched=True, active=False, state="RTNUN")
    assert decide(unseen, first.thread, PROFILE, T0_MS) is None
    assert first.thread.renew_ms is not None
    assert say(gone, first.thread, first.thread.renew_ms).message.msg_type == "Update"
    reset = structs.replace(gone, version=3, latched=False, closed=True, state="NORM")
    assert say(reset, first.thread).message.msg_type == "Cancel"
    assert decide(gone, None, PROFILE, T0_MS) is None, "what went away is not announced"


def test_what_was_over_before_it_was_said_is_not_cancelled() -> None:
    assert decide(alert(active=False), None, PROFILE, T0_MS) is None


def test_an_installation_without_a_name_says_nothing() -> None:
    assert decide(alert(), None, structs.replace(PROFILE, dispatch=Dispatch()), T0_MS) is None


def test_what_stands_long_is_said_again_before_it_expires() -> None:
    first = say(alert(), None)
    assert first.thread.renew_ms is not None
    assert first.thread.renew_ms < first.message.infos[0].expires_ms
    assert decide(alert(), first.thread, PROFILE, first.thread.renew_ms - 1) is None
    again = say(alert(), first.thread, first.thread.renew_ms)
    assert again.message.msg_type == "Update"
    assert again.message.identifier != first.message.identifier
    assert again.thread.renew_ms is not None
    assert again.thread.renew_ms > first.thread.renew_ms


def test_references_have_a_limit_and_keep_the_first() -> None:
    thread: Thread | None = None
    now_ms = T0_MS
    for n in range(1, 70):
        found = say(alert(n, level=str(n)), thread, now_ms)
        thread, now_ms = found.thread, now_ms + 1000
    assert len(found.message.references) == REFERENCES_MAX
    assert found.message.references[0].split(",")[1] == "A-1.1.1"
    assert found.message.references[-1].split(",")[1] == "A-1.68.68"


STATES = st.fixed_dictionaries(
    {
        "active": st.booleans(),
        "level": st.sampled_from(["BĐ1", "BĐ2"]),
        "blind": st.booleans(),
        "muted_by": st.sampled_from(["", "A-9"]),
        "latched": st.booleans(),
        "suppression": st.sampled_from(["none", "shelved-until", "out-of-service"]),
        "exercise": st.sampled_from([None, "drill"]),
    }
)


@given(st.lists(STATES, max_size=12))
def test_any_history_gives_messages_that_fit_together(states: list[dict[str, Any]]) -> None:
    """Alert, then Updates, then Cancel, and so on; each names all before it in its round; identifiers are new."""
    thread, identifiers, expected = None, set(), 0
    for n, state in enumerate(states, 1):
        found = decide(alert(n, **state), thread, PROFILE, T0_MS + n)
        if found is None:
            continue
        message = found.message
        assert (thread is None or thread.msg_type == "Cancel") == (message.msg_type == "Alert")
        expected = 0 if message.msg_type == "Alert" else expected + 1
        assert len(message.references) == expected
        assert message.identifier not in identifiers
        assert (message.msg_type == "Cancel") == (not state["active"] and not state["latched"])
        if message.msg_type == "Alert":
            assert state["active"]
            assert (state["suppression"], state["muted_by"]) == ("none", "")
        identifiers.add(message.identifier)
        thread = found.thread


@pytest.mark.parametrize("text", ["a b", "", "a,b", "a<b", "a&b"])
def test_a_bad_name_is_refused_with_its_place(text: str) -> None:
    from ioc.domain.dispatch import problems

    assert PROFILE.dispatch.cap is not None
    bad = structs.replace(PROFILE.dispatch.cap, sender=text, expires_s=1.0, radius_km=0.0, restriction=" ")
    found = list(problems(Dispatch(cap=bad)))
    assert [line.split(":")[0] for line in found] == ["cap.sender", "cap.restriction", "cap.expires_s", "cap.radius_km"]
