"""A user of one advertiser gets 404 for every object of another, in the API and in pages, and changes nothing there."""

import sys
from typing import Any

import pytest

from tests.acceptance import case
from tests.acceptance.people import Person
from tests.acceptance.platform import NotAcceptedError, Platform, tell

API_OF_CAMPAIGN = (
    ("GET", "", None),
    ("PATCH", "", {"name": "taken over"}),
    ("POST", "pause/", None),
    ("POST", "resume/", None),
    ("GET", "today/", None),
    ("GET", "budget/", None),
    ("PUT", "budget/", {"daily_budget_micros": 1, "total_budget_micros": None}),
    ("PATCH", "budget/", {"daily_budget_micros": 1}),
    ("GET", "targeting/", None),
    ("PUT", "targeting/", {"countries": ["USA"]}),
    ("GET", "creatives/", None),
    ("POST", "creatives/", {"crid": "x", "format": "banner", "width": 1, "height": 1}),
)
API_OF_CREATIVE = (("GET", None), ("PATCH", {"crid": "taken-over"}))
PAGES_OF_CAMPAIGN = ("", "edit/", "budget/", "targeting/", "targeting/edit/", "creatives/", "creatives/new/", "changes/", "today/", "spend.json")  # fmt: skip
POSTS_OF_CAMPAIGN = ("edit/", "pause/", "resume/", "budget/", "targeting/edit/", "creatives/new/")


def check(platform: Platform, *, short: bool = False) -> None:
    """Every campaign and creative of advertiser B by a user of A; short: two campaigns."""
    own, other = Person(platform, "advertiser"), Person(platform, "advertiser_b")
    campaigns = objects(other, "campaigns/")[: 2 if short else None]
    wrong = try_api(own, other, campaigns)
    own.log_in()
    other.log_in()
    wrong += try_pages(own, other, campaigns)
    mine = objects(own, "campaigns/")
    theirs = {campaign["advertiser"] for campaign in campaigns}
    wrong += [f"the list shows {one['id']}" for one in mine if one["advertiser"] in theirs]
    for campaign in campaigns:
        if other.api("GET", f"campaigns/{campaign['id']}/")[1] != campaign:
            wrong.append(f"campaign {campaign['id']} was changed")
    if wrong:
        raise NotAcceptedError("\n      ".join(wrong))


def objects(person: Person, path: str) -> list[dict[str, Any]]:
    status, body = person.api("GET", path)
    if status != 200:
        raise NotAcceptedError(f"GET {path}: {status}")
    found: list[dict[str, Any]] = body["results"] if isinstance(body, dict) else body
    if not found:
        raise NotAcceptedError(f"{path} is empty: nothing to be tried")
    return found


def try_api(own: Person, other: Person, campaigns: list[dict[str, Any]]) -> list[str]:
    wrong, count = [], 0
    for campaign in campaigns:
        base = f"campaigns/{campaign['id']}/"
        if (status := other.api("GET", base)[0]) != 200:
            wrong.append(f"its own {base}: {status}")
        calls: list[tuple[str, str, object]] = [
            (m, base + tail, d) for m, tail, d in API_OF_CAMPAIGN
        ]
        for creative in objects(other, f"{base}creatives/"):
            calls += [(m, f"creatives/{creative['id']}/", data) for m, data in API_OF_CREATIVE]
        for method, path, data in calls:
            count += 1
            if (status := own.api(method, path, data)[0]) != 404:
                wrong.append(f"API {method} {path}: {status}")
        data = {"advertiser": campaign["advertiser"], "name": "x", "daily_budget_micros": 10**6}
        status = own.api("POST", "campaigns/", {**data, "bid_cpm_micros": 10**6})[0]
        if status not in {400, 403, 404}:
            wrong.append(f"API POST campaigns/ for advertiser {campaign['advertiser']}: {status}")
    tell(f"API       {count} calls on {len(campaigns)} campaigns of another advertiser")
    return wrong


def try_pages(own: Person, other: Person, campaigns: list[dict[str, Any]]) -> list[str]:
    wrong, count = [], 0
    mine = objects(own, "campaigns/")[0]["advertiser"]
    for campaign in campaigns:
        base = f"advertisers/{campaign['advertiser']}/campaigns/{campaign['id']}/"
        if (status := other.get(base)) != 200:
            wrong.append(f"its own page {base}: {status}")
        pages = [base + tail for tail in PAGES_OF_CAMPAIGN]
        pages += [
            f"advertisers/{campaign['advertiser']}/{tail}" for tail in ("campaigns/", "ledger/")
        ]
        pages.append(f"advertisers/{mine}/campaigns/{campaign['id']}/")
        posts = [base + tail for tail in POSTS_OF_CAMPAIGN]
        for how, paths, call in (("GET", pages, own.get), ("POST", posts, own.post)):
            for path in paths:
                count += 1
                if (status := call(path)) != 404:
                    wrong.append(f"page {how} {path}: {status}")
    tell(f"pages     {count} asked for")
    return wrong


@pytest.mark.slow
def test_users_get_404_for_everything_of_another_advertiser(platform: Platform) -> None:
    check(platform, short=True)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__))
