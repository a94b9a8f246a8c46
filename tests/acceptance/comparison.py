"""After something broke: what was seen against what was settled, request by request (budget-protocol, E6)."""

from __future__ import annotations

from collections import Counter

import msgspec

from bench.answers import prices_of
from bench.figures import Answer
from tests.acceptance import truth
from tests.acceptance.platform import NotAcceptedError, tell, wait_until
from tests.acceptance.truth import Connection, Debit

SETTLED_WITHIN_S = 90.0
RECORD_WITHIN_MS = 50
"""Events without money are written by then; the platform promises 10 ms, the observer's clock is coarser."""


class Kill(msgspec.Struct, frozen=True):
    """When something was killed, in Unix ms."""

    name: str
    from_ms: int
    to_ms: int


class Compared(msgspec.Struct, frozen=True):
    """What a comparison found."""

    seen: int
    settled: int
    unknown: int
    """Settled, not seen, and listed UNKNOWN."""
    in_flight: int
    """Requests under way at a kill."""


def in_flight(answers: list[Answer], kills: list[Kill]) -> set[str]:
    """Requests sent before a kill and not ended when it was over."""
    return {
        answer.request_id
        for answer in answers
        for kill in kills
        if answer.sent_ms and answer.sent_ms <= kill.to_ms
        if answer.sent_ms + answer.latency_ms >= kill.from_ms
    }


def sold(answer: Answer) -> truth.Amounts:
    """Micros per campaign in one answer."""
    amounts: Counter[int] = Counter()
    for price in prices_of(answer):
        amounts[int(price.campaign)] += price.cost_micros
    return dict(amounts)


def compare(
    connection: Connection,
    before: truth.Books,
    since_ms: int,
    answers: list[Answer],
    kills: list[Kill],
) -> Compared:
    """Raises NotAcceptedError for an answer that is not settled, money that nobody can explain, or books that differ."""
    bought = {answer.request_id: answer for answer in answers if answer.status == 200}

    def all_settled() -> bool:
        return truth.debits(connection, since_ms).keys() >= bought.keys()

    wait_until(all_settled, within_s=SETTLED_WITHIN_S, what="every answer settled", every_s=1.0)
    wait_until(lambda: truth.at_rest(connection), within_s=60, what="the books at rest")
    debits = truth.debits(connection, since_ms)
    wrong = [name for name, answer in bought.items() if debits[name].by_campaign() != sold(answer)]
    if wrong:
        first = wrong[0]
        raise NotAcceptedError(
            f"{len(wrong)} debits differ from what was seen; {first}: seen {sold(bought[first])}, "
            f"debited {debits[first].by_campaign()}"
        )
    if void := [name for name in bought if debits[name].outcome == "void"]:
        raise NotAcceptedError(f"{len(void)} answers were seen and voided, first {void[0]}")
    unseen = {
        name: debit
        for name, debit in debits.items()
        if name not in bought and debit.outcome != "void"
    }
    busy = in_flight(answers, kills)
    _explain(unseen, answers, busy)
    _check_records(connection, since_ms, answers, kills)
    _check_sums(connection, before, debits)
    compared = Compared(len(bought), len(debits), len(unseen), len(busy))
    tell(
        f"settled   {compared.settled} debits for {compared.seen} answers seen; "
        f"{compared.unknown} not seen, all UNKNOWN; {compared.in_flight} were in flight at kills"
    )
    return compared


def _explain(unseen: dict[str, Debit], answers: list[Answer], busy: set[str]) -> None:
    """What was settled and not seen is UNKNOWN, or was sent on a connection that the observer lost."""
    lost = {answer.request_id for answer in answers if answer.status <= 0}
    for name, debit in unseen.items():
        if debit.outcome != "unknown" and not (debit.outcome == "sent" and name in lost):
            raise NotAcceptedError(
                f"{name} was debited {debit.by_campaign()}, not seen, and is {debit.outcome or 'open'}"
            )
    if not_busy := sorted(unseen.keys() - busy):
        raise NotAcceptedError(
            f"{len(not_busy)} settled, not seen, and not in flight at a kill: {not_busy[:3]}"
        )


def _check_records(
    connection: Connection, since_ms: int, answers: list[Answer], kills: list[Kill]
) -> None:
    """Events without money may be lost with a killed process, but only the last moments' of them, and counted."""
    recorded = truth.recorded_requests(connection, since_ms).keys()
    missing = {answer.request_id for answer in answers if answer.request_id not in recorded}
    counted = truth.counted_losses(connection, since_ms)
    tell(f"recorded  all but {len(missing)} requests; {counted} are counted as lost")
    around = [Kill(kill.name, kill.from_ms - RECORD_WITHIN_MS, kill.to_ms) for kill in kills]
    if odd := sorted(missing - in_flight(answers, around)):
        raise NotAcceptedError(f"{len(odd)} requests left no record, far from a kill: {odd[:3]}")


def _check_sums(connection: Connection, before: truth.Books, debits: dict[str, Debit]) -> None:
    """The books moved by exactly these debits, less what was voided."""
    expected: Counter[int] = Counter()
    for debit in debits.values():
        if debit.outcome != "void":
            expected.update(debit.by_campaign())
    moved = truth.books(connection).minus(before)
    for name in ("ledger", "postings", "settled"):
        if getattr(moved, name) != dict(expected):
            odd = truth.difference(getattr(moved, name), dict(expected))
            raise NotAcceptedError(f"{name} moved by something else than the debits, by {odd}")
    if truth.unbalanced(connection):
        raise NotAcceptedError("a ledger transaction does not sum to zero")
