"""Pages and API over real HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from ioc.adapters.http.api import MAP_MAX_BYTES
from ioc.adapters.http.app import routes
from ioc.adapters.http.desk_parts import DeskAnswer
from ioc.adapters.http.openapi import document
from ioc.adapters.secret_key import load_or_make
from ioc.errors import BadSettings
from tests.gateway.harness import PASSWORD, Running, eventually, running
from tests.services.hub_records import alert, event_record

SIGN_IN = {"user": "lan", "password": PASSWORD}
ROOT = Path(__file__).resolve().parents[2]


async def test_sign_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(gateway: Running) -> None:
    answer = await gateway.http.post("/api/session", json=SIGN_IN)
    assert answer.json() == {"user": {"name": "lan", "display": "Lan", "role": "dispatcher"}}
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("ioc_session=")
    assert {"httponly", "path=/", "samesite=strict", "max-age=28800"} <= set(cookie.lower().split("; "))
    assert "secure" not in cookie.lower()
    assert (await gateway.http.get("/api/session")).json() == answer.json()
    assert (await gateway.http.delete("/api/session")).status_code == 204
    assert (await gateway.http.get("/api/session")).status_code == 401


async def test_signing_out_ends_the_session_in_every_tab_and_only_this_one(gateway: Running) -> None:
    await gateway.http.post("/api/session", json=SIGN_IN)
    copied = {"cookie": f"ioc_session={gateway.http.cookies['ioc_session']}"}
    tickets = [(await gateway.http.post("/api/ticket", json={})).json()["ticket"] for _ in range(2)]
    async with gateway.socket() as tab, gateway.wall("minh") as other, gateway.wall("lan") as elsewhere:
        await tab.sign_in(tickets[0])
        assert (await gateway.http.delete("/api/session")).status_code == 204
        assert await tab.closed() == 4403
        for still in (other, elsewhere):
            await still.hear("beat", 8.0)
    gateway.http.cookies.clear()
    assert (await gateway.http.get("/api/session", headers=copied)).status_code == 401
    assert (await gateway.http.post("/api/ticket", json={}, headers=copied)).status_code == 401


async def test_sign_in_refusals(gateway: Running) -> None:
    post = gateway.http.post
    wrong = await post("/api/session", json=SIGN_IN | {"password": "wrong"})
    unknown = await post("/api/session", json={"user": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["error"] == unknown.json()["error"] == "bad_credentials"
    for _ in range(4):
        await post("/api/session", json=SIGN_IN | {"password": "wrong"})
    limited = await post("/api/session", json=SIGN_IN)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"user":"lan"}', "application/json", 400),
        (b'{"user":1,"password":"x"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (b"user=lan&password=x", "application/x-www-form-urlencoded", 415),
        (b'{"user":"lan","password":"x"}', "text/plain", 415),
        (b'{"user":"' + b"x" * 20_000 + b'"}', "application/json", 413),
    ],
)
async def test_bad_bodies(gateway: Running, content: bytes, kind: str, status: int) -> None:
    answer = await gateway.http.post("/api/session", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "detail", "id"}
    assert answer.json()["id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("origin", ["http://evil.test", "null", ""])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/session"), ("DELETE", "/api/session"), ("POST", "/api/ticket")]
)
async def test_changes_come_from_our_own_pages_only(gateway: Running, method: str, path: str, origin: str) -> None:
    answer = await gateway.http.request(method, path, json=SIGN_IN | {"wall": True}, headers={"origin": origin})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden_origin")
    assert "set-cookie" not in answer.headers


async def test_a_ticket_needs_a_session_or_an_open_wall(tmp_path: Path) -> None:
    async with running(tmp_path, open_wall=False) as gateway:
        refused = await gateway.http.post("/api/ticket", json={"wall": True})
        assert (refused.status_code, refused.json()["error"]) == (401, "not_signed_in")
        for path in ("/api/profile", "/api/alerts/A-1/log", "/api/alerts", "/api/series", "/api/map/districts.geojson"):
            assert (await gateway.http.get(path)).status_code == 401
        await gateway.http.post("/api/session", json=SIGN_IN)
        answer = await gateway.http.post("/api/ticket")
        assert answer.status_code == 200
        assert answer.json()["live_url"] == gateway.live_url
        assert answer.json()["expires_s"] == 30
        assert (await gateway.http.get("/api/profile")).status_code == 200


async def test_the_open_wall_is_a_viewer(gateway: Running) -> None:
    assert (await gateway.http.post("/api/ticket", json={})).status_code == 401  # it has to ask for the wall
    async with gateway.wall() as wall:
        assert wall.frames[0]["user"]["role"] == "viewer"
        gateway.bus.put_alert(alert("A-1"))
        assert (await wall.command("A-1", 1))["reason"] == "forbidden"


async def test_a_session_outlives_the_gateway_and_the_database(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as gateway:
        cookie = (await gateway.http.post("/api/session", json=SIGN_IN)).cookies["ioc_session"]
    async with running(tmp_path / "b") as gateway:
        gateway.http.cookies.set("ioc_session", cookie)
        assert (await gateway.http.get("/api/session")).status_code == 200
        gateway.store.away = gateway.history.away = True
        await gateway.accounts.refresh()
        assert (await gateway.http.get("/api/session")).status_code == 200
        assert (await gateway.http.post("/api/session", json=SIGN_IN | {"user": "minh"})).status_code == 200
        async with gateway.wall("minh") as minh:
            gateway.bus.put_alert(alert("A-1"))
            assert (await minh.command("A-1", 1))["outcome"] == "DONE"
        gateway.store.away = False
        gateway.store.change("lan", disabled=True)
        await gateway.accounts.refresh()
        assert (await gateway.http.get("/api/session")).status_code == 200  # minh signed in on this client last
        gateway.http.cookies.clear()
        gateway.http.cookies.set("ioc_session", cookie)
        assert (await gateway.http.get("/api/session")).status_code == 401


async def test_before_the_accounts_were_ever_read_nobody_is_sent_away_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as gateway:
        await gateway.http.post("/api/session", json=SIGN_IN)
        gateway.store.away = True
        monkeypatch.setattr(gateway.accounts, "_accounts", None)
        answer = await gateway.http.get("/api/session")
        assert (answer.status_code, answer.json()["error"]) == (503, "accounts_unavailable")
        assert (await gateway.http.post("/api/session", json=SIGN_IN)).status_code == 503


async def test_the_profile_has_what_pages_need_and_not_the_mapping(gateway: Running) -> None:
    answer = await gateway.http.get("/api/profile")
    profile = answer.json()
    assert profile["simulated"] is True
    assert profile["centres"][0]["id"] == "bien-hoa"
    assert (
        profile["feeds"][0] | {"centre": "bien-hoa", "id": "rain", "type": "rain.gauge", "expected_period_s": 60.0}
        == (profile["feeds"][0])
    )
    assert profile["sites"][0]["limits"] == {"bd1": 1.8}
    assert profile["rules"][0]["group"] == "rain"
    assert profile["targets"][0]["indicator"] == "dti_rank"
    assert "secret" not in answer.text
    again = await gateway.http.get("/api/profile", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_alerts_of_a_time_and_what_is_known_of_it(gateway: Running) -> None:
    history, path = gateway.history, "/api/alerts?from_ms=0&to_ms=1000000"
    assert (await gateway.http.get(path)).json() == {"alerts": [], "known_from_ms": None, "known": []}
    history.alerts = [alert("A-1", raised_ms=700), alert("A-2", raised_ms=2_000_000)]
    history.spans = [(100, 500), (900, 1_200)]
    found = (await gateway.http.get(path)).json()
    assert [a["id"] for a in found["alerts"]] == ["A-1"]
    assert found["known_from_ms"] == 100
    assert found["known"] == [{"from_ms": 100, "to_ms": 500}, {"from_ms": 900, "to_ms": 1_200}]
    # An answer that is cut off says nothing about the time before its oldest alert.
    history.alerts = [alert(f"A-{n}", raised_ms=1_100) for n in range(500)]
    found = (await gateway.http.get(path)).json()
    assert (found["known_from_ms"], found["known"]) == (1_100, [{"from_ms": 1_100, "to_ms": 1_200}])


async def test_history_answers_or_says_that_it_is_away(gateway: Running) -> None:
    gateway.bus.put_alert(alert("A-1"))
    async with gateway.wall("lan") as lan:
        await lan.command("A-1", 1)
    gateway.history.entries = gateway.bus.effects
    entries = (await gateway.http.get("/api/alerts/A-1/log")).json()["entries"]
    assert [(entry["actor"], entry["outcome"]) for entry in entries] == [("lan", "DONE")]
    assert (await gateway.http.get("/api/alerts/A-2/log")).json() == {"entries": []}
    series = "/api/series?key=bien-hoa/731/rain/rain.gauge&from_ms=0&to_ms=1000"
    assert (await gateway.http.get(series)).json() == {"key": "bien-hoa/731/rain/rain.gauge", "points": []}
    gateway.history.away = True
    for path in ("/api/alerts/A-1/log", "/api/alerts?from_ms=0&to_ms=1000", series):
        answer = await gateway.http.get(path)
        assert (answer.status_code, answer.json()["error"]) == (503, "database_unavailable")


@pytest.mark.parametrize(
    "path",
    [
        "/api/alerts",
        "/api/alerts?from_ms=7&to_ms=7",
        "/api/alerts?from_ms=0&to_ms=" + str(7 * 86_400_000 + 1),
        "/api/series?key=a/b/c/d",
        "/api/series?key=a/b/c/d&from_ms=5&to_ms=5",
        "/api/series?key=a/b/c/d&from_ms=-1&to_ms=5",
        "/api/series?key=a/b/c/d&from_ms=0&to_ms=99999999999999999999",
        "/api/series?key=a/b/c/d&from_ms=0&to_ms=" + str(32 * 86_400_000),
        "/api/alerts/" + "x" * 65 + "/log",
        "/api/alerts/a'b/log",
    ],
)
async def test_questions_that_make_no_sense(gateway: Running, path: str) -> None:
    assert (await gateway.http.get(path)).status_code == 400


async def test_readiness_tells_what_is_seen_and_what_is_away(gateway: Running) -> None:
    await eventually(lambda: not gateway.gateway.readiness().degraded)
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.put("events", event_record("R1", 0, 1))
    answer = await gateway.http.get("/readyz")
    assert answer.json() == {
        "ready": True,
        "centres_seen": ["bien-hoa"],
        "alerts": 1,
        "degraded": [],
        "lag_s": 0.1,
        "canary_age_s": {},
    }
    gateway.bus.ready.clear()
    answer = await gateway.http.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert (await gateway.http.get("/healthz")).json() == {"ok": True}


async def test_pages_say_when_they_are_not_built(gateway: Running) -> None:
    answer = await gateway.http.get("/wall")
    assert answer.status_code == 503
    assert "make frontend" in answer.text


async def test_pages_and_assets(gateway: Running, tmp_path: Path) -> None:
    assets = tmp_path / "static" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "static" / "wall.html").write_text("<!doctype html>tường")
    (assets / "wall-XltxVGiu.js").write_text("1")
    (assets / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("no")
    root = await gateway.http.get("/")
    assert (root.status_code, root.headers["location"]) == (307, "/wall")
    wall = await gateway.http.get("/wall")
    assert (wall.text, wall.headers["cache-control"]) == ("<!doctype html>tường", "no-cache")
    hashed, plain = await gateway.http.get("/assets/wall-XltxVGiu.js"), await gateway.http.get("/assets/icon.svg")
    assert "immutable" in hashed.headers["cache-control"]
    assert plain.headers["cache-control"] == "max-age=3600"
    for path in ("/assets/../wall.html", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/none.js", "/assets/", "/nothing"):
        answer = await gateway.http.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), path


@pytest.mark.parametrize("path", ["/wall", "/api/profile", "/api/session", "/nothing", "/metrics", "/healthz"])
async def test_every_answer_has_the_security_headers(gateway: Running, path: str) -> None:
    headers = (await gateway.http.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self' ws://127.0.0.1:8081" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/api/session"), ("POST", "/wall"), ("TRACE", "/wall"), ("POST", "/assets/x")]
)
async def test_other_methods_are_refused(gateway: Running, method: str, path: str) -> None:
    answer = await gateway.http.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")


async def test_a_bug_says_nothing_but_its_id(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(alert_id: str) -> Any:
        raise KeyError("the password is hunter2")

    monkeypatch.setattr(gateway.history, "alert_log", broken)
    answer = await gateway.http.get("/api/alerts/A-1/log")
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal"
    assert "hunter2" not in answer.text
    assert answer.json()["id"] in caplog.text
    assert "hunter2" in caplog.text


FEATURE = {
    "type": "Feature",
    "properties": {"code": "731"},
    "geometry": {"type": "Point", "coordinates": [106.8, 10.9]},
}


async def test_map_layers_come_from_the_folder_of_the_operator(gateway: Running, tmp_path: Path) -> None:
    folder = tmp_path / "map"
    assert (await gateway.http.get("/api/map/districts.geojson")).status_code == 404
    folder.mkdir()
    (folder / "districts.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [FEATURE]}))
    (folder / "secret.geojson").write_text("{}")
    answer = await gateway.http.get("/api/map/districts.geojson")
    assert answer.json()["features"] == [FEATURE]
    assert answer.headers["content-type"] == "application/geo+json"
    for name in ("secret", "..%2fx", "rivers"):
        assert (await gateway.http.get(f"/api/map/{name}.geojson")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        b"[]",
        b'{"type":"FeatureCollection"}',
        b'{"type":"Topology","features":[]}',
        b'{"type":"FeatureCollection","features":[{}]}',
        b'{"type":"FeatureCollection","features":[{"geometry":{"type":"Blob"}}]}',
        b" " * (MAP_MAX_BYTES + 1),
    ],
    ids=range(8),
)
async def test_a_map_that_is_none_is_named_not_served(gateway: Running, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "rivers.geojson").write_bytes(content)
    answer = await gateway.http.get("/api/map/rivers.geojson")
    assert (answer.status_code, answer.json()["error"]) == (503, "map_invalid")
    assert "rivers.geojson" in answer.json()["detail"]


async def test_the_document_lists_exactly_the_routes(gateway: Running) -> None:
    served = set()
    for route in routes(gateway.gateway.parts):
        if isinstance(route, Mount):
            continue  # files
        assert isinstance(route, Route)
        served |= {(route.path, method.lower()) for method in (route.methods or ()) if method != "HEAD"}
    paths = (await gateway.http.get("/api/openapi.json")).json()["paths"]
    assert served == {(path, method) for path, methods in paths.items() for method in methods}


def test_the_document_in_docs_is_the_one_that_is_served() -> None:
    kept = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert kept == document(), "run: python -m ioc.adapters.http.openapi > docs/openapi.json"


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = json.dumps(document())
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named <= set(document()["components"]["schemas"])


@pytest.mark.parametrize("subject", ["silence", "incident", "handover"])
def test_the_document_has_the_answer_of_the_desk(subject: str) -> None:
    schema = document()["components"]["schemas"][f"{subject.title()}Answer"]
    assert set(schema["properties"]) == {f"{subject}_id", *DeskAnswer.__struct_fields__}
    assert set(schema["required"]) == {f"{subject}_id", "outcome", "reason", "at_ms", "detail"}


class TestSecretKey:
    def test_it_is_made_once_for_its_owner_only(self, tmp_path: Path) -> None:
        file = tmp_path / "state" / "secret.key"
        key = load_or_make(file)
        assert len(key) == 32
        assert file.stat().st_mode & 0o777 == 0o600
        assert load_or_make(file) == key
        assert [path.name for path in file.parent.iterdir()] == ["secret.key"]

    @pytest.mark.parametrize(("content", "mode"), [("ab" * 32, 0o640), ("zz", 0o600), ("ab", 0o600), ("", 0o600)])
    def test_a_key_that_is_none_or_that_others_read_is_refused(self, tmp_path: Path, content: str, mode: int) -> None:
        file = tmp_path / "secret.key"
        file.write_text(content)
        file.chmod(mode)
        with pytest.raises(BadSettings):
            load_or_make(file)
