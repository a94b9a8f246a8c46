"""All addresses of the console, under one namespace."""

from __future__ import annotations

from django.urls import path

from billing.console.urls import urlpatterns as billing_pages
from campaigns.console.urls import urlpatterns as campaign_pages
from rtbplatform.console import blocks, health_page

app_name = "console"

urlpatterns = [
    *campaign_pages,
    *billing_pages,
    path("operator/health/", health_page.health, name="health"),
    path("operator/health/live/", health_page.health_live, name="health_live"),
    path("fraud/blocks/", blocks.blocks, name="blocks"),
    path("fraud/blocks.csv", blocks.blocks_csv, name="blocks_csv"),
    path("fraud/blocks/<int:entry_id>/remove/", blocks.block_remove, name="block_remove"),
]
