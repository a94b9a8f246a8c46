"""Rows to a `kernel.snapshot.Snapshot`: only what a bidder can use now, in a fixed number of queries."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, OuterRef, Prefetch, Q, QuerySet, When
from django_scopes import scopes_disabled

from campaigns.models import (
    Campaign,
    CampaignStatus,
    Charging,
    Creative,
    Dsp,
    Exchange,
    ExchangeKey,
    FxRate,
    PlatformSwitch,
    ReviewStatus,
    Targeting,
)
from campaigns.services.dsp_save import dsp_auth_value
from fraud.models import BlockEntry
from rtbplatform.kernel import snapshot as view
from rtbplatform.kernel.keys import SealError

logger = logging.getLogger(__name__)

VELOCITY_KINDS = ("ip", "user", "device")


def build(version: int, now: datetime) -> view.Snapshot:
    """To be called in a REPEATABLE READ transaction where all parts must be of one moment (as `publish` does)."""
    with scopes_disabled():
        switch = PlatformSwitch.objects.filter(pk=1).first() or PlatformSwitch()
        campaigns = list(_campaigns(now))
        return view.Snapshot(
            version=version,
            made_ms=_ms(now),
            exchanges=[_exchange(row) for row in _exchanges()],
            dsps=list(_dsps()),
            campaigns=[_campaign(row) for row in campaigns],
            creatives=[_creative(row) for row in _approved().filter(campaign__in=campaigns)],
            blocks=[_block(row) for row in _blocks(now)],
            fx=[_fx(row) for row in _latest_rates()],
            velocity_per_minute_max={
                kind: limit
                for kind in VELOCITY_KINDS
                if (limit := getattr(switch, f"velocity_{kind}_per_minute_max"))
            },
            killed=switch.killed,
        )


_RUNS = Q(status=CampaignStatus.ACTIVE, advertiser__is_active=True, advertiser__killed=False)


def _campaigns(now: datetime) -> QuerySet[Campaign]:
    """Flights that are over are out; those to come are in, so that they start on time.

    Our own demand is in while it runs and has something to show. A DSP's campaign brings its own markup, and stays in
    while it is paused, as not active: a bid that names it then loses with that reason.
    """
    own = Q(dsp=None) & _RUNS & Exists(_approved().filter(campaign=OuterRef("pk")))
    bought = Q(dsp__active=True, status__in=(CampaignStatus.ACTIVE, CampaignStatus.PAUSED))
    return (
        Campaign.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), own | bought)
        .annotate(runs=Case(When(_RUNS, then=True), default=False))
        .select_related("advertiser", "targeting")
        .order_by("pk")
    )


def _approved() -> QuerySet[Creative]:
    return Creative.objects.filter(review_status=ReviewStatus.APPROVED).order_by("pk")


def _exchanges() -> QuerySet[Exchange]:
    in_force = ExchangeKey.objects.filter(revoked_at=None).order_by("pk")
    return (
        Exchange.objects.filter(active=True)
        .prefetch_related(Prefetch("keys", queryset=in_force))
        .order_by("pk")
    )


def _dsps() -> Iterator[view.DspView]:
    """A DSP whose credential was sealed under another RTB_SECRET is left out: the others must not suffer for it."""
    for row in Dsp.objects.filter(active=True).order_by("pk"):
        try:
            yield _dsp(row)
        except SealError:
            logger.exception("DSP %s left out: enter its credential again", row.slug)


def _blocks(now: datetime) -> QuerySet[BlockEntry]:
    return BlockEntry.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now)).order_by("pk")


def _latest_rates() -> QuerySet[FxRate]:
    return FxRate.objects.order_by("base", "quote", "-as_of").distinct("base", "quote")


def _ms(moment: datetime | None) -> int:
    """Unix milliseconds; 0 for none."""
    return int(moment.timestamp() * 1000) if moment else 0


def _exchange(row: Exchange) -> view.ExchangeView:
    return view.ExchangeView(
        id=row.pk,
        slug=row.slug,
        key_hashes=[bytes(key.key_hash) for key in row.keys.all()],
        qps_max=row.qps_max,
        increment_cpm_micros=row.increment_cpm_micros,
        currencies=row.currencies,
        explains_no_bids=row.explains_no_bids,
        allows_debug=row.allows_debug,
        charging=row.charging,
        billing_horizon_ms=row.billing_horizon_s * 1000
        if row.charging == Charging.ON_BILLING_NOTICE
        else 0,
        signature_version=row.signature_version,
    )


def _dsp(row: Dsp) -> view.DspView:
    return view.DspView(
        id=row.pk,
        slug=row.slug,
        seat=row.seat,
        endpoint=row.endpoint,
        formats=row.formats,
        countries=row.countries,
        currency=row.currency,
        timeout_ms=row.timeout_ms,
        in_flight_max=row.in_flight_max,
        qps_max=row.qps_max,
        gzip=row.gzip,
        auth_header=row.auth_header,
        auth_value=dsp_auth_value(row),
    )


def _campaign(row: Any) -> view.CampaignView:
    capped = row.frequency_cap_count > 0
    return view.CampaignView(
        id=row.pk,
        advertiser=row.advertiser_id,
        currency=row.currency,
        dsp=row.dsp_id or 0,
        bid_cpm_micros=row.bid_cpm_micros,
        starts_ms=_ms(row.starts_at),
        ends_ms=_ms(row.ends_at),
        budget_version=row.budget_version,
        targeting=_targeting(row.targeting),
        caps=[view.FrequencyCap(row.frequency_cap_count, row.frequency_cap_window_s)]
        if capped
        else [],
        categories=row.categories,
        domain=row.advertiser.domain,
        active=row.runs,
        time_zone=row.time_zone,
    )


def _targeting(row: Targeting) -> view.TargetingView:
    fields = view.TargetingView.__struct_fields__
    return view.TargetingView(**{name: getattr(row, name) for name in fields})


def _creative(row: Creative) -> view.CreativeView:
    return view.CreativeView(
        id=row.pk,
        crid=row.crid,
        advertiser=row.advertiser_id,
        campaign=row.campaign_id,
        format=row.format,
        width=row.width,
        height=row.height,
        markup=row.markup,
        adomain=row.adomain,
        categories=row.categories,
        attributes=row.attributes,
        mimes=row.mimes,
        duration_s=row.duration_s,
        protocols=row.protocols,
        mtype=_MARKUP_TYPES[row.format],
    )


_MARKUP_TYPES = {"banner": 1, "video": 2, "audio": 3, "native": 4}
"""OpenRTB 2.6, section 4.2.3, `bid.mtype`."""


def _block(row: BlockEntry) -> view.BlockView:
    return view.BlockView(
        kind=row.kind,
        value=row.value,
        nbr=row.nbr,
        reason=row.reason,
        expires_ms=_ms(row.expires_at),
    )


def _fx(row: FxRate) -> view.FxRate:
    return view.FxRate(
        base=row.base, quote=row.quote, rate=format(row.rate, "f"), as_of=row.as_of.isoformat()
    )
