"""Exchanges: ask for bids, hear answers, call notices; the observer outside who sums what it saw is `truth`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from rtbplatform.kernel import ipc
from rtbplatform.kernel.notice import NoticeToken, make_token
from tests.simulation.world import Actor, World

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.truth import Truth

HORIZON_MS = 8_000
TRIES_MAX = 12


class Notice(Struct):
    """A notice that the exchange wants to get through."""

    kind: str
    token: str
    price: str
    debit_id: bytes
    imp: int
    amount: int
    """What it claims, at most the hold."""
    tries: int = 0


class Exchange(Actor):
    """One exchange: `hold_ms` 0 = our answer is the sale, else it pays on its billing notice."""

    def __init__(self, world: World, number: int, hold_ms: int, truth: Truth) -> None:
        super().__init__(world, f"exchange {number}", None)
        self.id, self.hold_ms, self.truth = number, hold_ms, truth
        self.machines: list[Machine] = []
        self.notices_late = 0
        self.notices_doubled = 0
        self.notices_forged = 0
        self.asks = True

    def ask(self, machine: Machine, wants: list[ipc.Want]) -> None:
        """A request; its auction would be won by these."""
        worker = machine.worker
        if self.asks and worker.is_alive and not worker.is_paused:
            worker.request(self, wants, self.hold_ms)

    def hears(self, machine: Machine, committed: ipc.Committed, hold_ms: int) -> bool:
        """An answer is written: whether the worker's socket took all of it."""
        self.truth.answered(machine, committed)
        luck = self.world.random.random()
        whole, seen = luck < 0.96, luck < 0.93 or luck > 0.98
        if not seen:
            self.truth.sent_unseen.add(committed.debit_id)
        else:
            self.truth.saw(committed, hold_ms)
            if hold_ms:
                self._plan_notices(machine, committed)
        return whole

    def _plan_notices(self, machine: Machine, committed: ipc.Committed) -> None:
        random = self.world.random
        for imp in sorted({line.imp for line in committed.lines}):
            kind = random.choices(("billing", "loss", ""), (5, 2, 3))[0]
            if not kind:
                continue
            lines = [line for line in committed.lines if line.imp == imp]
            amount = sum(line.amount_micros for line in lines)
            bill = amount if random.random() < 0.6 else int(amount * random.uniform(0.2, 1.3))
            token = make_token(
                machine.settings.notice_key,
                NoticeToken(
                    *(committed.debit_id, "", self.id, imp, lines[0].advertiser),
                    *(lines[0].campaign, lines[0].day, lines[0].lease, amount, 0, self.hold_ms),
                    micros_per_price="1",
                ),
            )
            notice = Notice(*(kind, token, str(bill), committed.debit_id, imp, min(amount, bill)))
            delay_ms = random.randrange(50, HORIZON_MS - 1_500)
            if self.notices_late > 0:
                self.notices_late -= 1
                delay_ms = HORIZON_MS + random.randrange(1_000, 20_000)
            self.after(delay_ms, self._call, notice)
            if random.random() < 0.08:
                other = "loss" if kind == "billing" else "billing"
                against = Notice(other, token, str(bill), notice.debit_id, imp, notice.amount)
                self.after(delay_ms + random.randrange(500, 6_000), self._call, against)
            if self.notices_doubled > 0 or random.random() < 0.05:
                self.notices_doubled -= 1
                again = Notice(*(kind, token, str(bill), notice.debit_id, imp, notice.amount))
                self.after(delay_ms + random.randrange(0, 2_000), self._call, again)
            if self.notices_forged > 0:
                self.notices_forged -= 1
                bad = Notice(kind, token[:-3] + "AAA", str(bill), notice.debit_id, imp, 0)
                self.after(delay_ms // 2, self._call, bad)

    def _call(self, notice: Notice) -> None:
        """Any worker of ours may be behind the URL."""
        notice.tries += 1
        machine = self.world.random.choice(self.machines)
        worker = machine.worker
        if worker.is_alive and not worker.is_paused:
            worker.notice(self, notice)
        else:
            self.refused(notice)

    def refused(self, notice: Notice) -> None:
        """503, or no answer: tried again."""
        if notice.tries < TRIES_MAX:
            self.after(self.world.random.randrange(300, 2_500), self._call, notice)

    def recorded(self, notice: Notice) -> None:
        """200: it is durable somewhere."""
        self.truth.acknowledged(notice, self.hold_ms)

    def forged(self, notice: Notice) -> None:
        """400: as it should be."""
        assert not notice.amount, "a true notice was taken for a forged one"
