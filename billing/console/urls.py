"""Addresses of the pages of money."""

from __future__ import annotations

from django.urls import path

from billing.console import audit, credit, ledger, today

_campaign = "advertisers/<int:advertiser_id>/campaigns/<int:campaign_id>/"
_ledger = "advertisers/<int:advertiser_id>/ledger"

urlpatterns = [
    path(f"{_campaign}today/", today.today, name="today"),
    path(f"{_campaign}spend.json", today.spend_series, name="spend_series"),
    path(f"{_ledger}/", ledger.advertiser_ledger, name="advertiser_ledger"),
    path(f"{_ledger}.csv", ledger.ledger_csv, name="ledger_csv"),
    path(f"{_ledger}/<int:number>/", ledger.ledger_entry, name="ledger_entry"),
    path("advertisers/<int:advertiser_id>/credit/", credit.credit_line, name="credit_line"),
    path("finance/ledger/", ledger.ledger, name="ledger"),
    path("finance/balances/", ledger.balances, name="balances"),
    path("audit/", audit.audit, name="audit"),
]
