"""No serious fault of accessibility on any page: axe-core, WCAG 2.2 A and AA, on the real product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Pages, sign_in
from tests.system import ROOT, System

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(180)]

AXE = ROOT / "dashboards" / "wall" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = {"serious", "critical"}


def faults(page: Page) -> list[str]:
    """Grave faults, one line each: rule, what is wrong, and where."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger: the page's own policy allows no such script
    found: list[dict[str, Any]] = page.evaluate(
        "async (tags) => (await axe.run(document, { runOnly: { type: 'tag', values: tags } })).violations", RULES
    )
    return [
        f"{fault['id']}: {fault['help']}: " + "; ".join(str(node["target"][0]) for node in fault["nodes"][:6])
        for fault in found
        if fault["impact"] in GRAVE
    ]


@pytest.fixture(scope="module", autouse=True)
def axe() -> Path:
    assert AXE.exists(), f"{AXE.relative_to(ROOT)} is missing: run `npm ci` in dashboards/wall"
    return AXE


@pytest.mark.parametrize("look", ["", "?theme=day&lang=en"])
def test_the_wall(system: System, pages: Pages, look: str) -> None:
    system.cli("sim", "inject", "hydro.level", "--site", "BIENHOA", "level_m=2.05")
    wall = pages.open(system.base + "/wall" + look)
    expect(wall.get_by_test_id("wall-mode")).to_have_attribute("data-mode", "live")
    expect(wall.get_by_test_id("alert-card").first).to_be_visible()
    expect(wall.get_by_test_id("kpi-dti_rank")).to_be_visible()
    assert faults(wall) == []


@pytest.mark.parametrize("look", ["", "?theme=day&lang=en"])
def test_the_console(system: System, pages: Pages, look: str) -> None:
    system.cli("sim", "inject", "hydro.level", "--site", "BIENHOA", "level_m=2.05")
    console = pages.open(system.base + "/console" + look, 1440, 900)
    assert faults(console) == []  # the sign-in
    sign_in(console, "lan", system.accounts()["lan"])
    assert faults(console) == []
    console.keyboard.press("j")
    expect(console.get_by_test_id("detail-title")).to_be_visible()
    expect(console.get_by_test_id("timeline").locator("li").first).to_be_visible()
    assert faults(console) == []
    console.keyboard.press("?")
    assert faults(console) == []


def test_a_conflict(system: System, pages: Pages) -> None:
    accounts = system.accounts()
    minh = pages.open(system.base + "/console", 1440, 900)
    sign_in(minh, "minh", accounts["minh"])
    lan = pages.open(system.base + "/console", 1440, 900)
    sign_in(lan, "lan", accounts["lan"])
    system.cli("sim", "inject", "emergency.call", "--site", "EMG-115", "number=115", "kind=trauma")
    # Not the river: another test wants to find its alert untouched.
    waiting = lan.locator("[data-testid='queue-row'][data-acked='false']").filter(has_text="gọi 115").first
    expect(waiting).to_be_visible()
    alert_id = waiting.get_attribute("data-alert-id")
    for page in (minh, lan):
        page.locator(f"[data-alert-id='{alert_id}']").click()
        page.get_by_test_id("ack-button").wait_for()
    lan.keyboard.press("a")
    expect(minh.get_by_test_id("detail-acked-by")).to_contain_text("Lan")
    minh.keyboard.press("a")
    expect(minh.get_by_test_id("conflict")).to_be_visible()
    assert faults(minh) == []
