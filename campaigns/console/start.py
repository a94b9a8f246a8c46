"""The start page: sends everyone to where their work is."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from campaigns import policy
from campaigns.console.access import user_of
from campaigns.policy import Action

FIRST_PAGES = (
    (Action.HEALTH_VIEW, "console:health"),
    (Action.LEDGER_VIEW, "console:balances"),
    (Action.BLOCKS_VIEW, "console:blocks"),
)


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """The first page of the person's role; a page of words for who has none yet."""
    user = user_of(request)
    for action, page in FIRST_PAGES:
        if policy.allowed(user, action):
            return redirect(page)
    advertiser = policy.visible_advertisers(user).first()
    if advertiser is not None:
        return redirect(reverse("console:campaigns", args=[advertiser.pk]))
    return render(request, "console/no_role.html", status=403)
