"""Who sells and who buys with us: exchanges, DSPs, and the rates between currencies."""

from __future__ import annotations

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from campaigns.models.fields import not_negative, texts
from campaigns.validation import (
    check_country,
    check_currency,
    check_format,
    check_header_name,
    check_http_url,
)

BILLING_HORIZON_MIN_S, BILLING_HORIZON_MAX_S = 10, 86_400
"""Below, notices come too late as a rule; above, the holds of one day outlive it."""


class Charging(models.TextChoices):
    """When a sale counts, by the exchange's contract."""

    AT_AUCTION = "at_auction", "at the auction"
    ON_BILLING_NOTICE = "on_billing_notice", "on the billing notice"


@pghistory.track()
class Exchange(models.Model):
    """Its bidder endpoint is `/openrtb2/<slug>`."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    qps_max = models.PositiveIntegerField(default=0, help_text="Requests a second; 0: no quota.")
    increment_cpm_micros = models.BigIntegerField(
        default=10_000, help_text="Added to the runner-up's price in a second-price auction."
    )
    currencies = texts(3, check_currency)
    charging = models.CharField(
        max_length=20, choices=Charging.choices, default=Charging.AT_AUCTION
    )
    billing_horizon_s = models.PositiveIntegerField(
        default=300,
        validators=[
            MinValueValidator(BILLING_HORIZON_MIN_S),
            MaxValueValidator(BILLING_HORIZON_MAX_S),
        ],
        help_text="Charging on the billing notice: how long after an answer its money waits for the notice.",
    )
    explains_no_bids = models.BooleanField(default=False, help_text="200 with nbr instead of 204.")
    allows_debug = models.BooleanField(default=False)
    signature_version = models.PositiveIntegerField(default=1)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            *not_negative("increment_cpm_micros", table="exchange"),
            models.CheckConstraint(
                condition=models.Q(
                    billing_horizon_s__range=(BILLING_HORIZON_MIN_S, BILLING_HORIZON_MAX_S)
                ),
                name="exchange_billing_horizon_sensible",
            ),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track(exclude=["key_hash"])
class ExchangeKey(models.Model):
    """A key that an exchange's requests carry; only its hash is kept (`kernel.keys.exchange_key_hash`)."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="keys")
    label = models.CharField(max_length=80)
    key_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["exchange", "-created_at"]

    def __str__(self) -> str:
        return f"{self.exchange}: {self.label}"


@pghistory.track(exclude=["auth_value_sealed"])
class Dsp(models.Model):  # type: ignore[django-manager-missing] # scoped managers are made at run time
    """A demand partner that we ask for bids."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    seat = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=500, validators=[check_http_url])
    formats = texts(8, check_format, help_text="Any of banner, video, native, audio; empty: all.")
    countries = texts(3, check_country, help_text="ISO 3166-1 alpha-3; empty: all.")
    currency = models.CharField(max_length=3, default="USD", validators=[check_currency])
    timeout_ms = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(1000)], help_text="0: the fan-out's deadline."
    )
    in_flight_max = models.PositiveIntegerField(default=200)
    qps_max = models.PositiveIntegerField(default=0, help_text="0: no limit.")
    gzip = models.BooleanField(default=False)
    auth_header = models.CharField(max_length=64, blank=True, validators=[check_header_name])
    auth_value_sealed = models.BinaryField(default=bytes, blank=True, editable=False)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        verbose_name = "DSP"

    def __str__(self) -> str:
        return self.name


class FxRate(models.Model):
    """1 unit of `base` = `rate` units of `quote` on a day. Rates of a day are never changed."""

    base = models.CharField(max_length=3, validators=[check_currency])
    quote = models.CharField(max_length=3, validators=[check_currency])
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    as_of = models.DateField()

    class Meta:
        ordering = ["-as_of", "base", "quote"]
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "as_of"], name="fx_rate_once_a_day"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="fx_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.rate} on {self.as_of}"
