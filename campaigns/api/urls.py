"""Addresses of the REST API, version 1."""

from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from campaigns.api import budget, parts, tokens
from campaigns.api.campaigns import CampaignViews
from campaigns.api.unknown import UnknownAddressView

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("campaigns", CampaignViews, basename="campaign")
router.register("exchanges", parts.ExchangeViews, basename="exchange")

_of_campaign = [
    path("budget/", budget.BudgetView.as_view(), name="budget"),
    path("targeting/", parts.TargetingView.as_view(), name="targeting"),
    path("creatives/", parts.CreativesView.as_view(), name="creatives"),
]

urlpatterns = [
    path("tokens/", tokens.TokensView.as_view(), name="tokens"),
    path("tokens/<str:token_key>/", tokens.TokenView.as_view(), name="token"),
    path("campaigns/<int:campaign_id>/", include(_of_campaign)),
    path("creatives/<int:creative_id>/", parts.CreativeView.as_view(), name="creative"),
    path("", include(router.urls)),
    re_path("", UnknownAddressView.as_view(), name="unknown"),
]
