"""Double entry: transactions of postings that sum to zero per currency and are never changed.

A posting's amount is signed: positive = debit, negative = credit. Triggers refuse updates, deletes and unbalanced
transactions, whoever writes them. Only this app inserts these rows.
"""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from billing.protection import APPEND_ONLY, NO_TRUNCATE

BALANCED = pgtrigger.Trigger(
    name="balanced",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    level=pgtrigger.Row,
    func="""
        IF EXISTS (
            SELECT 1 FROM ledger_posting
            WHERE advertiser_id = NEW.advertiser_id AND transaction_no = NEW.transaction_no
            GROUP BY currency HAVING sum(amount_micros) <> 0
        ) THEN
            RAISE EXCEPTION 'transaction %/% does not sum to zero', NEW.advertiser_id, NEW.transaction_no
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    """,
)


class Account(models.Model):
    """Where money is, in one currency: what an advertiser paid in advance, what an exchange is owed ..."""

    class Kind(models.TextChoices):
        CASH = "cash", "cash clearing"
        PREPAID = "prepaid", "advertiser's prepaid balance"
        PAYABLE = "payable", "owed to an exchange"
        LOSS = "loss", "platform loss"

    kind = models.CharField(max_length=8, choices=Kind)
    currency = models.CharField(max_length=3)
    advertiser_id = models.BigIntegerField(default=0)
    """0 where the account is not an advertiser's."""
    exchange_id = models.BigIntegerField(default=0)

    class Meta:
        db_table = "ledger_account"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "currency", "advertiser_id", "exchange_id"], name="account_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}"


class AdvertiserSequence(models.Model):
    """The last transaction number of an advertiser: the order of all that happened to its money."""

    advertiser_id = models.BigIntegerField(primary_key=True)
    last_no = models.BigIntegerField()

    class Meta:
        db_table = "ledger_advertiser_sequence"

    def __str__(self) -> str:
        return f"{self.advertiser_id}: {self.last_no}"


class Transaction(models.Model):
    """One financial event of an advertiser. `no` is its `advertiser_seq`: gapless, in order of settlement."""

    class Kind(models.TextChoices):
        DEPOSIT = "deposit"
        SPEND = "spend"
        LOSS = "loss"

    pk = models.CompositePrimaryKey("advertiser_id", "no")
    advertiser_id = models.BigIntegerField()
    no = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    posted_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()
    """Its effect on the advertiser's balance: positive for a deposit, negative for spend."""
    reference = models.CharField(max_length=200, null=True)  # noqa: DJ001 - NULL does not collide in the index
    """Who posts a deposit twice under one reference posts it once."""
    campaign_id = models.BigIntegerField(null=True)
    day = models.IntegerField(null=True)
    exchange_id = models.BigIntegerField(null=True)
    incarnation_id = models.UUIDField(null=True)
    first_seq = models.BigIntegerField(null=True)
    last_seq = models.BigIntegerField(null=True)

    class Meta:
        db_table = "ledger_transaction"
        constraints = [
            models.UniqueConstraint(
                fields=["advertiser_id", "reference"], name="transaction_reference"
            ),
        ]
        indexes = [
            models.Index(fields=["campaign_id", "day", "posted_at"], name="transaction_of_day"),
            models.Index(fields=["advertiser_id", "posted_at"], name="transaction_by_time"),
        ]
        triggers = [APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"{self.advertiser_id}/{self.no}"


class Posting(models.Model):
    pk = models.CompositePrimaryKey("advertiser_id", "transaction_no", "line")
    advertiser_id = models.BigIntegerField()
    transaction_no = models.BigIntegerField()
    line = models.SmallIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()

    class Meta:
        db_table = "ledger_posting"
        constraints = [
            models.CheckConstraint(condition=~Q(amount_micros=0), name="posting_not_zero"),
        ]
        indexes = [
            models.Index(fields=["account"], include=["amount_micros"], name="posting_balance"),
        ]
        triggers = [APPEND_ONLY, NO_TRUNCATE, BALANCED]

    def __str__(self) -> str:
        return f"{self.advertiser_id}/{self.transaction_no}.{self.line}"
