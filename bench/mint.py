"""A treasury for the bench only: grants every lease asked for, settles every chunk at once, keeps no books.

With the real one, Postgres and settlement would take the core that the generator and the DSPs need, and the figures
would say more about them than about bidder and banker. ``python -m bench.mint``, Redis and secret from the environment.
"""

from __future__ import annotations

import os
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rtbplatform.kernel import wire
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.ids import uuid7, uuid_text
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.protocol import Lease, ProtocolTimes

GRANT_MICROS_MIN = 1_000_000_000
"""Leases are far larger than anything a run spends: asking for money is not what is measured."""
BATCH = 500


class Mint:
    """Answers of one region's treasury to the mail of its bankers."""

    def __init__(self, secret: str, time_zone: str = "UTC") -> None:
        self.mail_key = derive(secret, wire.MAIL_PURPOSE)
        self._lease_key = derive(secret, wire.LEASE_PURPOSE)
        self._calendar = BudgetCalendar()
        self._time_zone = time_zone
        self._times = ProtocolTimes()
        self._granted: dict[tuple[bytes, int], Lease] = {}
        self._no = 0

    def answer(self, message: wire.ToTreasury, now_ms: int) -> tuple[bytes, wire.ToBanker]:
        """To which incarnation, and what."""
        match message:
            case wire.Register(incarnation=incarnation):
                return incarnation, wire.Cursor(incarnation, 0)
            case wire.LeaseRequest(incarnation=incarnation):
                return incarnation, wire.Grant(self._lease(message, now_ms))
            case wire.Ship(chunk=chunk):
                return chunk.incarnation, wire.Cursor(chunk.incarnation, chunk.last_seq)

    def _lease(self, asked: wire.LeaseRequest, now_ms: int) -> Lease:
        """The same request gets the same lease (R4)."""
        known = self._granted.get((asked.incarnation, asked.no))
        if known is not None:
            return known
        self._no += 1
        day = self._calendar.day_of(self._time_zone, now_ms)
        _, end_ms = self._calendar.interval(self._time_zone, day)
        lease = Lease(
            id=uuid7(now_ms),
            no=self._no,
            request_no=asked.no,
            incarnation=asked.incarnation,
            advertiser=asked.advertiser,
            campaign=asked.campaign,
            day=day,
            amount_micros=max(GRANT_MICROS_MIN, asked.want_micros),
            budget_version=1,
            spend_for_ms=self._times.lease_working_ms,
            starts_in_ms=0,
            ends_in_ms=end_ms - now_ms,
        ).signed(self._lease_key)
        self._granted[asked.incarnation, asked.no] = lease
        return lease


def main() -> None:
    """Until killed."""
    store = redis.Redis.from_url(os.environ["REDIS_URL"], retry=Retry(NoBackoff(), 0))
    mint = Mint(os.environ["RTB_SECRET"])
    box = wire.treasury_mailbox(os.environ.get("REGION", "local"))
    while True:
        first = store.blpop([box], timeout=1)  # redis-py gives up reading after 5 s
        if first is None:
            continue
        mails = [first[1], *(store.lpop(box, BATCH) or [])]
        answers = store.pipeline(transaction=False)
        for mail in mails:
            message = wire.open_treasury_mail(mint.mail_key, mail)
            incarnation, answer = mint.answer(message, time.time_ns() // 1_000_000)
            answers.rpush(
                wire.banker_mailbox(uuid_text(incarnation)), wire.pack_mail(mint.mail_key, answer)
            )
        answers.execute()


if __name__ == "__main__":
    main()
