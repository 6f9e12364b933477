"""The wall says that it is blind, and fits its screen: a frozen gateway, other screens, and an hour's work at once."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Pages
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
