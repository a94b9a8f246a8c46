"""Brings the demo into the database by the platform's own services. Again, it changes only what is missing."""

from __future__ import annotations

import secrets

from django.db import transaction
from django_scopes import scopes_disabled

from billing.ledger.deposits import deposit
from campaigns.models import Advertiser, Campaign, Creative, Dsp, Exchange, PlatformSwitch, User
from campaigns.policy import SYSTEM
from campaigns.services.advertiser_save import advertiser_create
from campaigns.services.campaign_create import campaign_create
from campaigns.services.campaign_status import campaign_resume
from campaigns.services.creative_review import creative_review
from campaigns.services.creative_save import creative_create
from campaigns.services.dsp_save import dsp_create, dsp_update
from campaigns.services.exchange_key import exchange_key_create, exchange_key_revoke
from campaigns.services.exchange_save import exchange_create
from campaigns.services.fx_rate_set import fx_rate_set
from campaigns.services.kill_switch import platform_switch_set
from campaigns.services.membership_set import membership_set
from campaigns.services.targeting_set import targeting_set
from campaigns.services.user_save import user_create, user_set_password
from fraud.models import BlockEntry
from fraud.services import block_entry_set
from rtbplatform.demo import content
from rtbplatform.demo.content import DOLLAR, DemoAdvertiser, DemoCampaign, DemoDsp, DemoPerson
from rtbplatform.demo.creatives import creatives_of
from rtbplatform.demo.file import DemoFile, ExchangeAccess, ListedCampaign, Login, SimulatedDsp
from rtbplatform.kernel.keys import exchange_key_hash

REASON = "demo data"
KEY_LABEL = "demo"


@transaction.atomic
def load(dsp_base_url: str, last: DemoFile | None) -> DemoFile:
    """`last`: the file of the load before; secrets in it that still fit are kept. Returns the file to write."""
    with scopes_disabled():
        advertisers = {one.name: _advertiser(one) for one in content.ADVERTISERS}
        logins = {one.login: _login(one, advertisers, last) for one in content.PEOPLE}
        exchanges = [_exchange(slug, name) for slug, name in content.EXCHANGES]
        dsps = {one.slug: _dsp(one, dsp_base_url) for one in content.DSPS}
        campaigns = {
            one.key: _campaign(one, advertisers[one.advertiser], dsps) for one in content.CAMPAIGNS
        }
        _protection()
        return DemoFile(
            exchange=_access(exchanges[0], last),
            logins=logins,
            dsps=[_simulated(dsp) for dsp in dsps.values()],
            campaigns=[_listed(campaign) for campaign in campaigns.values()],
        )


def _advertiser(one: DemoAdvertiser) -> Advertiser:
    row = Advertiser.objects.filter(name=one.name).first() or advertiser_create(
        actor=SYSTEM,
        name=one.name,
        currency="USD",
        domain=one.domain,
        time_zone=one.time_zone,
        is_platform_owned=one.is_platform_owned,
        reason=REASON,
    )
    deposit(
        advertiser_id=row.pk,
        amount_micros=one.deposit_micros,
        currency=row.currency,
        reference="demo-deposit",
    )
    return row


def _login(one: DemoPerson, advertisers: dict[str, Advertiser], last: DemoFile | None) -> Login:
    known = last.logins.get(one.login) if last else None
    password = known.password if known else secrets.token_urlsafe(15)
    user = User.objects.filter(email=one.email).first()
    if user is None:
        roles = [one.staff_role] if one.staff_role else []
        user = user_create(
            actor=SYSTEM, email=one.email, password=password, staff_roles=roles, reason=REASON
        )
    elif not user.check_password(password):
        user_set_password(actor=SYSTEM, user_id=user.pk, password=password, reason=REASON)
    advertiser = advertisers.get(one.advertiser)
    if advertiser is not None and not user.memberships.filter(advertiser=advertiser).exists():
        membership_set(
            actor=SYSTEM,
            advertiser_id=advertiser.pk,
            user_id=user.pk,
            role=one.team_role,
            reason=REASON,
        )
    return Login(one.email, password, advertiser.pk if advertiser else None)


def _exchange(slug: str, name: str) -> Exchange:
    return Exchange.objects.filter(slug=slug).first() or exchange_create(
        actor=SYSTEM, slug=slug, name=name, reason=REASON
    )


def _access(exchange: Exchange, last: DemoFile | None) -> ExchangeAccess:
    """The key of the last file while it is in force; else a new one, and earlier ones of the demo are revoked."""
    in_force = exchange.keys.filter(revoked_at=None)
    if last and in_force.filter(key_hash=exchange_key_hash(last.exchange.key)).exists():
        return ExchangeAccess(exchange.slug, last.exchange.key)
    for key in in_force.filter(label=KEY_LABEL):
        exchange_key_revoke(actor=SYSTEM, key_id=key.pk, reason=REASON)
    _, clear = exchange_key_create(
        actor=SYSTEM, exchange_id=exchange.pk, label=KEY_LABEL, reason=REASON
    )
    return ExchangeAccess(exchange.slug, clear)


def _dsp(one: DemoDsp, base_url: str) -> Dsp:
    """The simulators may listen on another port than last time."""
    endpoint = f"{base_url.rstrip('/')}/dsp/{one.slug}/bid"
    row = Dsp.objects.filter(slug=one.slug).first()
    if row is not None:
        return dsp_update(actor=SYSTEM, dsp_id=row.pk, endpoint=endpoint, reason=REASON)
    return dsp_create(
        actor=SYSTEM,
        slug=one.slug,
        name=one.name,
        seat=one.seat,
        endpoint=endpoint,
        timeout_ms=one.timeout_ms,
        gzip=one.gzip,
        formats=["banner", "video"],
        reason=REASON,
    )


def _campaign(one: DemoCampaign, advertiser: Advertiser, dsps: dict[str, Dsp]) -> Campaign:
    row = Campaign.objects.filter(advertiser=advertiser, name=one.name).first()
    if row is not None:
        return row
    row = campaign_create(
        actor=SYSTEM,
        advertiser_id=advertiser.pk,
        name=one.name,
        daily_budget_micros=one.daily * DOLLAR,
        total_budget_micros=None if one.total is None else one.total * DOLLAR,
        bid_cpm_micros=int(one.cpm * DOLLAR),
        pacing=one.pacing,
        starts_at=content.START,
        dsp=dsps[one.dsp] if one.dsp else None,
        categories=one.categories,
        frequency_cap_count=one.cap[0],
        frequency_cap_window_s=one.cap[1],
        reason=REASON,
    )
    targeting_set(actor=SYSTEM, campaign_id=row.pk, reason=REASON, **one.targeting)
    for fields in creatives_of(one, advertiser.domain):
        creative = creative_create(actor=SYSTEM, campaign_id=row.pk, reason=REASON, **fields)
        creative_review(actor=SYSTEM, creative_id=creative.pk, approve=True, reason=REASON)
    return campaign_resume(actor=SYSTEM, campaign_id=row.pk, reason=REASON)


def _protection() -> None:
    """Block lists, rates and limits; what somebody has set since stays."""
    for kind, value, reason in content.BLOCKS:
        if not BlockEntry.objects.filter(kind=kind, value=value).exists():
            block_entry_set(actor=SYSTEM, kind=kind, value=value, block_reason=reason)
    for base, quote, rate in content.FX_RATES:
        fx_rate_set(actor=SYSTEM, base=base, quote=quote, rate=rate, as_of=content.FX_DAY)
    switch = PlatformSwitch.objects.filter(pk=1).first() or PlatformSwitch()
    limits = {f"velocity_{kind}_per_minute_max": limit for kind, limit in content.VELOCITY.items()}
    if not any(getattr(switch, name) for name in limits):
        platform_switch_set(actor=SYSTEM, reason=REASON, **limits)


def _simulated(dsp: Dsp) -> SimulatedDsp:
    campaigns = Campaign.objects.filter(dsp=dsp).select_related("advertiser").order_by("pk")
    crids = Creative.objects.filter(campaign__dsp=dsp).order_by("pk").values_list("crid", flat=True)
    return SimulatedDsp(
        name=dsp.slug,
        seat=dsp.seat,
        endpoint=dsp.endpoint,
        cids=[str(campaign.pk) for campaign in campaigns],
        adomain=sorted({campaign.advertiser.domain for campaign in campaigns}),
        crids=list(crids),
    )


def _listed(campaign: Campaign) -> ListedCampaign:
    return ListedCampaign(
        id=campaign.pk,
        advertiser=campaign.advertiser_id,
        name=campaign.name,
        dsp=campaign.dsp.slug if campaign.dsp else None,
        currency=campaign.currency,
        daily_budget_micros=campaign.daily_budget_micros,
        pacing=campaign.pacing,
    )
