"""The platform's people choose an advertiser here."""

from __future__ import annotations

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_scopes import scopes_disabled

from campaigns import policy
from campaigns.console.access import staff_page, user_of
from campaigns.models import Campaign, CampaignStatus
from campaigns.policy import Action
from rtbplatform.console.lists import Sorting, page_of

COLUMNS = {"name": "name", "running": "running", "currency": "currency"}


@require_safe
@staff_page(Action.CAMPAIGNS_VIEW)
def advertisers(request: HttpRequest) -> HttpResponse:
    sorting = Sorting(request, COLUMNS, default="name")
    with scopes_disabled():  # a count per advertiser, shown to the platform's own people
        running = (
            Campaign.objects.filter(advertiser=OuterRef("pk"), status=CampaignStatus.ACTIVE)
            .order_by()
            .values("advertiser")
            .annotate(n=Count("pk"))
            .values("n")
        )
    rows = policy.visible_advertisers(user_of(request))
    rows = rows.annotate(running=Coalesce(Subquery(running), 0))
    if wanted := request.GET.get("q", "").strip():
        rows = rows.filter(name__icontains=wanted)
    page = page_of(request, rows.order_by(sorting.order_by, "id"))
    context = {"page": page, "sorting": sorting, "q": wanted}
    return render(request, "campaigns/advertisers.html", context)
