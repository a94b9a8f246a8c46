"""Addresses of the advertisers' and the market's pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from campaigns.console import (
    advertisers,
    budget,
    campaign_edit,
    campaign_list,
    campaign_page,
    creatives,
    dsps,
    exchanges,
    history,
    start,
    switches,
    targeting,
)

_campaign: list[URLPattern | URLResolver] = [
    path("", campaign_page.overview, name="campaign"),
    path("edit/", campaign_edit.campaign_edit, name="campaign_edit"),
    path("pause/", campaign_edit.pause, name="campaign_pause"),
    path("resume/", campaign_edit.resume, name="campaign_resume"),
    path("budget/", budget.campaign_budget, name="campaign_budget"),
    path("targeting/", targeting.targeting, name="targeting"),
    path("targeting/edit/", targeting.targeting_edit, name="targeting_edit"),
    path("creatives/", creatives.creatives, name="creatives"),
    path("creatives/new/", creatives.creative_new, name="creative_new"),
    path("creatives/<int:creative_id>/edit/", creatives.creative_edit, name="creative_edit"),
    path("creatives/<int:creative_id>/preview/", creatives.preview, name="creative_preview"),
    path("creatives/<int:creative_id>/review/", creatives.review, name="creative_review"),
    path("changes/", history.campaign_history, name="campaign_history"),
]

_advertiser: list[URLPattern | URLResolver] = [
    path("campaigns/", campaign_list.campaign_list, name="campaigns"),
    path("campaigns.csv", campaign_list.campaign_csv, name="campaigns_csv"),
    path("campaigns/new/", campaign_edit.campaign_new, name="campaign_new"),
    path("campaigns/<int:campaign_id>/", include(_campaign)),
]

_market: list[URLPattern | URLResolver] = [
    path("exchanges/", exchanges.exchanges, name="exchanges"),
    path("exchanges/new/", exchanges.exchange_new, name="exchange_new"),
    path("exchanges/<int:exchange_id>/", exchanges.exchange, name="exchange"),
    path("exchanges/<int:exchange_id>/edit/", exchanges.exchange_edit, name="exchange_edit"),
    path("exchanges/<int:exchange_id>/keys/", exchanges.exchange_rotate, name="exchange_rotate"),
    path(
        "exchanges/<int:exchange_id>/keys/<int:key_id>/revoke/",
        exchanges.exchange_revoke,
        name="exchange_revoke",
    ),
    path("dsps/", dsps.dsps, name="dsps"),
    path("dsps/new/", dsps.dsp_new, name="dsp_new"),
    path("dsps/<int:dsp_id>/", dsps.dsp_edit, name="dsp_edit"),
    path("switches/", switches.switches, name="switches"),
    path("switches/set/", switches.switch, name="switch"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.start, name="start"),
    path("advertisers/", advertisers.advertisers, name="advertisers"),
    path("advertisers/<int:advertiser_id>/", include(_advertiser)),
    path("market/", include(_market)),
]
