"""An advertiser's morning: log in, open a campaign, see it spend, pause it, see its bids stop."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.platform import Platform, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SPEND_WITHIN_MS = 60_000
LEASES_OUT_WITHIN_S = 90.0
STILL_S = 6.0


def log_in(page: Page, platform: Platform, role: str) -> None:
    facts = platform.facts
    page.goto(facts["web"])
    page.get_by_label("Email").fill(facts["logins"][role]["email"])
    page.get_by_label("Password").fill(facts["logins"][role]["password"])
    page.get_by_role("button", name="Log in").click()


def spent_micros(page: Page) -> int:
    return int(page.locator("#spent-today").get_attribute("data-micros") or 0)


def open_a_spending_campaign(page: Page) -> None:
    """The first of the list that has spent something today."""
    spending = page.locator(
        "#campaign-rows tr", has=page.locator(".spend-cell", has_text=re.compile(r"[1-9]"))
    )
    expect(spending.first).to_be_visible(timeout=SPEND_WITHIN_MS)
    spending.first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()


def test_log_in_see_spend_grow_pause_and_see_the_bids_stop(page: Page, running: Platform) -> None:
    log_in(page, running, "advertiser")
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
    open_a_spending_campaign(page)
    before = spent_micros(page)
    wait_in(page, lambda: spent_micros(page) > before, within_s=60, what="spend grew on the page")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#campaign-status")).to_have_text("Paused")

    def has_stopped() -> bool:
        """No micro of it moves, while the platform goes on answering."""
        then, sent = spent_micros(page), requests_answered(running)
        page.wait_for_timeout(STILL_S * 1000)
        return spent_micros(page) == then and requests_answered(running) > sent

    wait_in(page, has_stopped, within_s=LEASES_OUT_WITHIN_S, what="the bids stopped")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#campaign-status")).to_have_text("Active")
    stopped_at = spent_micros(page)
    wait_in(page, lambda: spent_micros(page) > stopped_at, within_s=60, what="it spends again")


def wait_in(page: Page, met: Callable[[], bool], *, within_s: float, what: str) -> None:
    """`wait_until` that lets the browser go on meanwhile."""

    def looked() -> bool:
        page.wait_for_timeout(200)
        return met()

    wait_until(looked, within_s=within_s, what=what)


def requests_answered(platform: Platform) -> float:
    """As the demo exchange's counterpart, the bidder, counts them."""
    with urllib.request.urlopen(f"{platform.facts['bidder']}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if re.match(r"rtb_[a-z_]*(auctions|requests)[a-z_]*(_total)?[{ ]", line)
    )


def test_a_budget_is_edited_in_place(page: Page, running: Platform) -> None:
    log_in(page, running, "manager")
    page.locator("#campaign-rows").get_by_role("link").first.click()
    page.get_by_role("link", name="Edit budget").click()
    daily = page.get_by_label("Daily budget")
    daily.fill("twelve")
    page.get_by_role("button", name="Save budget").click()
    expect(page.get_by_text("Enter digits with a point")).to_be_visible()
    expect(daily).to_be_focused()
    daily.fill("4321.50")
    page.get_by_role("button", name="Save budget").click()
    expect(page.locator("#daily-budget")).to_have_text("$4,321.50")


def test_the_operator_sees_the_machines_live(page: Page, running: Platform) -> None:
    log_in(page, running, "operator")
    expect(page.get_by_role("heading", name="Bidding health")).to_be_visible()
    expect(page.get_by_text("In force everywhere")).to_be_visible()
    expect(page.locator("#rps")).to_have_text(re.compile(r"^[1-9]"))


@pytest.mark.parametrize("width", [360, 3840])
def test_no_page_scrolls_sideways(page: Page, running: Platform, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page, running, "advertiser")
    page.locator("#campaign-rows").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    wider = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert json.loads(str(wider)) <= 0
