"""Pictures of the built pages beside a stand-in for the gateway: python dev/shots.py FOLDER [name …]

Serves ioc/static under the content security policy of the gateway, puts story.js, story_desk.js and fake.js into the page before its
own script, and photographs each state. Needs Chromium and the Python package playwright. For looking only.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
STATIC = HERE.parents[2] / "ioc" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SHOTS: dict[str, tuple[str, int, int, float]] = {
    "wall-calm": ("/wall?state=calm", 1920, 1080, 2.5),
    "wall-busy": ("/wall?state=busy", 1920, 1080, 2.5),
    "wall-busy-3840": ("/wall?state=busy", 3840, 2160, 2.5),
    "wall-busy-day": ("/wall?state=busy&theme=day", 1920, 1080, 2.5),
    "wall-many": ("/wall?state=many", 1920, 1080, 2.5),
    "wall-flood": ("/wall?state=flood", 1920, 1080, 2.5),
    "wall-flood-day": ("/wall?state=flood&theme=day", 1920, 1080, 2.5),
    "wall-flood-english": ("/wall?state=flood&lang=en", 1920, 1080, 2.5),
    "wall-silent": ("/wall?state=silent", 1920, 1080, 2.5),
    "wall-out-of-service": ("/wall?state=out", 1920, 1080, 2.5),
    "wall-out-of-service-english": ("/wall?state=out&lang=en", 1920, 1080, 2.5),
    "wall-intake": ("/wall?state=busy&without=intake", 1920, 1080, 2.5),
    "wall-stale": ("/wall?state=busy&link=stale", 1920, 1080, 18),
    "wall-offline": ("/wall?state=silent&link=offline", 1920, 1080, 38),
    "wall-english": ("/wall?state=busy&lang=en", 1920, 1080, 2.5),
    "wall-signin": ("/wall?user=guest", 1920, 1080, 1.5),
    "wall-no-server": ("/wall?link=none", 1920, 1080, 3),
    "console": ("/console?state=busy", 1440, 900, 2),
    "console-conflict": ("/console?state=busy&ack=conflict", 1440, 900, 2),
    "console-feed": ("/console?state=out", 1440, 900, 2),
    "console-frozen": ("/console?state=many", 1440, 900, 2),
    "console-acked": ("/console?state=busy&log=503", 1440, 900, 2),
    "console-english": ("/console?state=busy&lang=en", 1440, 900, 2),
    "console-offline": ("/console?state=busy&link=offline", 1440, 900, 34),
    "console-help": ("/console?state=busy", 1440, 900, 1),
    "console-shelving": ("/console?state=busy", 1440, 900, 2),
    "console-hidden": ("/console?state=busy&lang=en", 1440, 900, 2),
    "console-incidents": ("/console?state=flood", 1440, 900, 2),
    "console-incidents-english": ("/console?state=flood&lang=en", 1440, 900, 2),
    "console-handover": ("/console?state=busy", 1440, 900, 2),
    "console-handover-english": ("/console?state=busy&lang=en", 1440, 900, 2),
    "console-handover-late": ("/console?state=busy", 1440, 900, 2),
    "console-handover-late-english": ("/console?state=busy&lang=en", 1440, 900, 2),
    "console-faster": ("/console?state=flood", 1440, 900, 2),
    "console-quality": ("/console?state=flood", 1440, 900, 2),
    "console-quality-english": ("/console?state=flood&lang=en", 1440, 900, 2),
    "wall-flood-3840": ("/wall?state=flood", 3840, 2160, 2.5),
    "console-narrow": ("/console?state=busy", 390, 844, 2),
    "console-incidents-narrow": ("/console?state=flood", 390, 844, 2),
    "console-handover-narrow": ("/console?state=busy", 390, 844, 2),
    "console-quality-narrow": ("/console?state=flood", 390, 844, 2),
    "console-signin": ("/console?user=guest", 1440, 900, 1),
}


# An evening that was given by somebody who stood in, and after which much happened.
LATE = """() => { const f = window.FAKE; const at = Date.UTC(2023, 8, 15, 8, 58);
  const items = [...f.alerts.values()].slice(0, 6).map((a, i) => ({ section: i < 2 ? 'unacknowledged' : i < 4 ? 'acknowledged' : 'ended', alert_id: a.id, rule: a.rule,
    priority: a.priority, state: a.state, title_vi: a.title_vi, title_en: a.title_en, place_vi: a.place_vi, place_en: a.place_en, centre: a.centre, since_ms: a.raised_ms,
    owner: a.acked_by, owner_display: a.acked_by_display, until_ms: null, why: '', hid: 0 }));
  f.handover = { state: 'given', shift_end_ms: at - 7200e3, ended_ms: at - 600e3, incoming: ['Nguyễn Thị Lan'], incoming_accounts: ['lan'],
    given: { actor: 'hung', actor_display: 'Trần Văn Hùng', station: '', at_ms: at, standing_in: 'anh Minh ốm từ 15:30, trưởng ca đồng ý' },
    addendum: { since_ms: at, at_ms: at + 300e3, raised: 5, ended: 2, counts: { unacknowledged: 2, acknowledged: 2, ended: 2 }, items } }; }"""
# Somebody took the incident that is shown, and the page has not heard of it.
FASTER = """() => { const one = window.FAKE.incidents.find((i) => i.number === 121);
  Object.assign(one, { owner: 'lan', owner_display: 'Lan', timeline: [...one.timeline, { at_ms: one.opened_ms + 60e3, word: 'took', about: '', text: '', actor: 'lan',
    actor_display: 'Lan' }] }); }"""


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.split("?")[0] in {"/wall", "/console"}:
            self.path = self.path.split("?")[0] + ".html"
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        return


def act(page: Page, name: str) -> None:
    """Keys that bring a page into the state of its picture."""
    rows = page.get_by_test_id("queue-row")
    if name in {"console", "console-narrow"}:
        rows.nth(2).click()
    if name in {"console-conflict", "console-acked"}:
        rows.nth(2 if name.endswith("conflict") else 0).click()
        page.keyboard.press("a")
    if name == "console-english":
        rows.nth(2).click()
        page.keyboard.press("a")
    if name == "console-frozen":
        for key in ("j", "j", "j", " ", "j", " "):
            page.keyboard.press(key)
        page.evaluate("""() => { const s = window.SOCKET; const f = window.FAKE;
          const row = ['heavy-rain', 3, 'bien-hoa', '731', 'R-TAMHIEP', 'Mưa mới', 'New rain', 'P. Tam Hiệp', '16:04:09', null, {}];
          s.delta({ alerts: [f.raise(row), f.raise(row)] }); }""")
    if name == "console-feed":
        rows.nth(0).click()
    if name in {"console-shelving", "console-hidden"}:
        rows.nth(2).click()
        page.get_by_test_id("do-shelve").click()
        page.get_by_test_id("action-text").fill("đang sửa cảm biến")
    if name == "console-hidden":
        page.get_by_test_id("action-send").click()
        page.wait_for_timeout(600)
        page.get_by_test_id("tab-hidden").click()
    if name.startswith("console-incidents"):
        page.keyboard.press("i")
    if name.startswith("console-handover"):
        page.keyboard.press("h")
    if name.startswith("console-handover-late"):
        page.evaluate(LATE)
        page.get_by_test_id("handover-addendum").wait_for(timeout=15_000)
        page.get_by_test_id("handover-take").click()
        page.get_by_test_id("handover-taken").scroll_into_view_if_needed()
    if name == "console-faster":
        page.keyboard.press("i")
        page.locator("[data-incident=S-121]").click()
        page.evaluate(FASTER)
        page.get_by_test_id("incident-take").click()
        page.wait_for_timeout(300)
    if name.startswith("console-quality"):
        page.keyboard.press("l")
    if name == "console-help":
        page.keyboard.press("?")
    page.wait_for_timeout(700)


def main(folder: Path, names: list[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    story, desk, fake = ((HERE / name).read_text(encoding="utf-8") for name in ("story.js", "story_desk.js", "fake.js"))
    profile = os.environ.get("PROFILE")  # a file with the answer of GET /api/profile, instead of the story's own
    scripts = [
        story,
        f"window.STORY.profile = {Path(profile).read_text(encoding='utf-8')};" if profile else "",
        desk,
        fake,
    ]
    bad = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name in names or SHOTS:
            path, width, height, wait_s = SHOTS[name]
            page = browser.new_page(viewport={"width": width, "height": height})
            page.add_init_script("\n".join(scripts))
            problems: list[str] = []
            page.on(
                "console", lambda m, found=problems: found.append(m.text) if m.type in {"error", "warning"} else None
            )
            page.on("pageerror", lambda e, found=problems: found.append(str(e)))
            page.goto(f"http://127.0.0.1:{server.server_port}{path}")
            page.wait_for_timeout(wait_s * 1000)
            if name.startswith("console"):
                act(page, name)
            page.screenshot(path=folder / f"{name}.png", full_page=name.endswith("narrow"))
            scroll = page.evaluate(
                "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
            )
            cut = page.evaluate("""() => [...document.querySelectorAll('body *')].filter((e) => !e.closest('svg') && e.children.length === 0
                && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline' && !e.className.includes?.('heard')).map((e) => e.textContent.trim()).slice(0, 12)""")
            print(
                name,
                "scroll",
                scroll,
                "cut",
                cut,
                *[re.sub(r"\s+", " ", p)[:200] for p in problems],
                sep="\n  " if problems else " ",
            )
            bad += len(problems)
            page.close()
        browser.close()
    server.shutdown()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
