"""The wall says that it is blind, and fits its screen: a frozen gateway, other screens, and an hour's work at once."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Pages, sign_in
from tests.system import System

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(180)]

STALE_S, OFFLINE_S = 15.0, 30.0
BEAT_S = 5.0  # the wall counts from the last beat, which may be this old when the gateway freezes
SLACK_S = 4.0


def mode_after(wall: Page, mode: str, started: float, limit_s: float) -> float:
    """Seconds since ``started`` until the wall shows this mode."""
    expect(wall.get_by_test_id("wall-mode")).to_have_attribute("data-mode", mode, timeout=limit_s * 1000)
    return time.monotonic() - started


def test_a_frozen_gateway_makes_the_wall_stale_then_offline_then_live_again(system: System, pages: Pages) -> None:
    wall = pages.open(system.base + "/wall")
    mode_after(wall, "live", time.monotonic(), 20)
    expect(wall.get_by_test_id("river-BIENHOA")).to_contain_text(re.compile(r"\d,\d\d"))
    pid = int(system.status()["gateway"]["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        frozen = time.monotonic()
        stale_s = mode_after(wall, "stale", frozen, STALE_S + SLACK_S)
        assert STALE_S - BEAT_S - 1 <= stale_s <= STALE_S + SLACK_S
        expect(wall.get_by_test_id("wall-mode")).to_contain_text("DỮ LIỆU CŨ")
        offline_s = mode_after(wall, "offline", frozen, OFFLINE_S + SLACK_S - stale_s)
        assert OFFLINE_S - BEAT_S - 1 <= offline_s <= OFFLINE_S + SLACK_S
        expect(wall.get_by_test_id("wall-mode")).to_contain_text("MẤT KẾT NỐI")
        expect(wall.get_by_role("alert").filter(has_text="Không phải hình hiện tại")).to_be_visible()
        expect(wall.get_by_test_id("river-BIENHOA")).to_contain_text(re.compile(r"\d,\d\d"))  # the old picture stays
    finally:
        os.kill(pid, signal.SIGCONT)
    mode_after(wall, "live", time.monotonic(), 30)
    expect(wall.get_by_text("Không phải hình hiện tại")).to_have_count(0)
    assert int(system.status()["gateway"]["pid"]) == pid  # the same gateway; nobody restarted it meanwhile
    assert not pages.errors, pages.errors


PARTS = "#feeds span, #feeds b, #pil span, #pil b, #pil .g, #env .aq span, .card .p"
CUT = """(parts) => [...document.querySelectorAll(parts)]
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
  .map((e) => e.textContent.trim())"""


@pytest.mark.parametrize(("look", "width", "height"), [("", 1920, 1080), ("", 3840, 2160), ("?lang=en", 1920, 1080)])
def test_the_wall_fits_its_screen_and_cuts_no_name(
    system: System, pages: Pages, look: str, width: int, height: int
) -> None:
    wall = pages.open(system.base + "/wall" + look, width, height)
    expect(wall.get_by_test_id("wall-mode")).to_have_attribute("data-mode", "live")
    expect(wall.get_by_test_id("kpi-dti_rank")).to_be_visible()
    root = "document.documentElement"
    assert wall.evaluate(f"[{root}.scrollWidth, {root}.scrollHeight]") == [width, height]
    assert wall.evaluate("[innerWidth, innerHeight]") == [width, height]
    assert wall.evaluate(CUT, PARTS) == []


HIDES = """([one, other]) => { const [a, b] = [one, other].map((e) => e.getBoundingClientRect());
  return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom && b.top < a.bottom; }"""


def test_the_mark_of_a_level_of_a_hundred_metres_does_not_hide_its_value(system: System, pages: Pages) -> None:
    system.cli("sim", "inject", "hydro.level", "--site", "PHUHIEP", "level_m=105.6")
    wall = pages.open(system.base + "/wall")
    river = wall.get_by_test_id("river-PHUHIEP")
    expect(river).to_contain_text("105,60")
    mark = river.locator("[data-priority]").first
    expect(mark).to_be_visible()
    pair = [mark.element_handle(), river.locator("text.value").element_handle()]
    assert not wall.evaluate(HIDES, pair)


@pytest.mark.parametrize("look", ["", "?lang=en"])
def test_a_small_console_cuts_no_title_and_keeps_its_keys_in_its_column(
    system: System, pages: Pages, look: str
) -> None:
    system.cli("sim", "inject", "traffic.incident", "--site", "CAM-LK-006", "kind=accident", "injured=2")
    console = pages.open(system.base + "/console" + look, 1366, 768)
    sign_in(console, "lan", system.accounts()["lan"])
    row = console.get_by_test_id("queue-row").filter(has_text="Tai nạn, 2" if not look else "2 injured").first
    expect(row).to_be_visible()
    title = row.locator(".ti")
    assert title.evaluate("(e) => e.scrollWidth <= e.clientWidth")
    keys = console.get_by_test_id("help-button").bounding_box()
    column = console.locator("section.de").bounding_box()
    assert keys
    assert column
    assert keys["x"] + keys["width"] <= column["x"]


def test_an_open_wall_does_not_grow(system: System, pages: Pages) -> None:
    """Twelve seconds of deltas after the warm-up: the heap after a collection stays, and so does the page."""
    wall = pages.open(system.base + "/wall")
    expect(wall.get_by_test_id("wall-mode")).to_have_attribute("data-mode", "live")
    session = wall.context.new_cdp_session(wall)

    def size() -> tuple[float, int]:
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        return heap, wall.evaluate("document.querySelectorAll('*').length")

    wall.wait_for_timeout(
        5_000
    )  # fonts, profile and the past have come; this is time to run, not to wait for something
    heap_mb, elements = size()
    wall.wait_for_timeout(12_000)
    later_mb, later_elements = size()
    assert later_mb - heap_mb < 2.0, f"{heap_mb:.1f} → {later_mb:.1f} MB in 12 s"
    assert later_elements - elements < 150, f"{elements} → {later_elements} elements"
