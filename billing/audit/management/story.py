"""A found event as a person reads it in a terminal: what `audit_find` prints without `--json`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from billing.audit.find import Found, FoundHold, FoundLine
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.codes import loss_name, no_bid_name
from rtbplatform.kernel.money import format_micros

BECAME = {
    "sent": "sent: written to the exchange in time",
    "void": "void: never written, the money went back to its lease",
    "unknown": "unknown: it may have been written, so the money counts as spent",
    "unreported": "unreported: the worker has not told yet whether it was written",
}
HOLDS = {
    "held": "waits for its billing notice",
    "captured": "billed",
    "released": "released: lost, or not billed in time",
    "void": "void: the answer was never sent",
    "quarantined": "in quarantine: its notice may be lost with a disk",
}
Facts = dict[str, Any]
"""Of an event or a part of it; members that have their default are absent."""


def story(found: Found, calendar: BudgetCalendar) -> list[str]:
    """One event in lines; the first says what it is and when it was."""
    at = datetime.fromtimestamp(found.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    head = f"{found.type.capitalize()} at {at.replace('+00:00', 'Z')}"
    middle = _notice(found) if found.type == "notice" else _auction(found, calendar)
    return [head, *middle, *_end(found)]


def _auction(found: Found, calendar: BudgetCalendar) -> Iterator[str]:
    event = found.event
    yield _row("outcome", f"{event['outcome']}, status {event['http_status']}")
    yield _row("reason", _reason(event))
    yield _row("exchange", event["exchange"])
    yield _row("bidder", f"{event['region']}, {event['pod']}, worker {event['worker']}")
    if stage_us := event.get("stage_us"):
        yield _row("took", f"{sum(stage_us) / 1000:.1f} ms")
    if event.get("degraded"):
        yield _row("without", ", ".join(event["degraded"]))
    if fraud := event.get("fraud"):
        rules = ", ".join(fraud.get("rules", []))
        yield _row("fraud", _joined(fraud.get("verdict", "clean"), rules))
    for imp in event.get("imps", []):
        yield from _imp(imp)
    for call in event.get("dsp_calls", []):
        yield _row("dsp call", _call(call))
    for line in found.lines:
        yield _row("debit", _debit(line, event.get("imps", []), calendar))
    yield from _holds(found)
    if found.outcome:
        yield _row("answer", BECAME.get(found.outcome, found.outcome))


def _notice(found: Found) -> Iterator[str]:
    event = found.event
    yield _row("kind", event["kind"] + (", late" if event.get("late") else ""))
    yield _row("exchange", event["exchange"])
    yield _row("of", f"debit {found.debit_id}, imp {event['imp']}, campaign {event['campaign']}")
    if event.get("price"):
        yield _row("price", f"{event['price']} CPM")
    if event.get("loss", -1) >= 0:
        yield _row("loss", _coded(loss_name(event["loss"]), event["loss"]))
    yield from _holds(found)


def _holds(found: Found) -> Iterator[str]:
    for hold in found.holds:
        yield _row("hold", _hold(hold))


def _hold(hold: FoundHold) -> str:
    captured = f"{format_micros(hold.captured_micros)} charged" if hold.captured_micros else ""
    late = f"{format_micros(hold.late_micros)} paid by the platform" if hold.late_micros else ""
    head = f"imp {hold.imp}: {format_micros(hold.amount_micros)} held"
    return _joined(head, HOLDS.get(hold.state, hold.state), captured, late)


def _end(found: Found) -> Iterator[str]:
    if found.personal is not None:
        yield _row("personal", found.personal)
    proof = found.proof
    verifies = "the hash verifies" if proof.hash_verifies else "the hash DOES NOT VERIFY"
    yield _row("proof", f"{verifies}: entry {proof.seq} of stream {proof.incarnation},")
    yield _row("", f"in the chunk from {proof.chunk_first_seq}, hash {proof.chunk_hash}")


def _reason(event: Facts) -> str:
    nbr = event.get("nbr", -1)
    code = _coded(no_bid_name(nbr), nbr) if nbr >= 0 else ""
    return _joined(event.get("reason", ""), code) or "none given"


def _imp(imp: Facts) -> Iterator[str]:
    floor = _cpm(imp.get("floor_cpm_micros", 0), imp.get("floor_currency", "USD"))
    sold = ""
    if imp.get("winner", -1) >= 0:
        clearing = _cpm(imp.get("clearing_cpm_micros", 0), imp.get("clearing_currency", ""))
        cost = _amount(imp.get("cost_micros", 0), imp.get("cost_currency", ""))
        sold = f"sold at {clearing}, cost {cost}"
    formats = "/".join(imp.get("formats", []))
    yield _row("imp", _joined(imp["imp_id"], formats, f"floor {floor}", sold))
    bids = imp.get("bids", [])
    for index, bid in enumerate(bids):
        yield _row("  bid", _bid(bid, is_winner=index == imp.get("winner", -1)))
    if not bids:
        yield _row("", "no bids")


def _bid(bid: Facts, *, is_winner: bool) -> str:
    campaign = bid.get("campaign", 0)
    loss = bid.get("loss", 0)
    lost = f"lost: {_coded(loss_name(loss), loss)}" if loss else "lost: no reason was kept"
    return _joined(
        f"dsp {bid['dsp']}" if bid.get("dsp") else "own",
        f"seat {bid['seat']}" if bid.get("seat") else "",
        f"campaign {campaign}" if campaign else "",
        f"creative {bid['creative']}" if bid.get("creative") else "",
        f"deal {bid['deal']}" if bid.get("deal") else "",
        _cpm(bid["price_cpm_micros"], bid["currency"]),
        "won" if is_winner else lost,
        bid.get("detail", ""),
    )


def _call(call: Facts) -> str:
    cause = call.get("cause", "")
    outcome = f"{call['outcome']}: {cause}" if cause else call["outcome"]
    return _joined(call["dsp"], outcome, f"{call.get('latency_ms', 0.0):.1f} ms")


def _debit(line: FoundLine, imps: list[Facts], calendar: BudgetCalendar) -> str:
    currency = imps[line.imp].get("cost_currency", "") if line.imp < len(imps) else ""
    return _joined(
        _amount(line.amount_micros, currency),
        f"campaign {line.campaign}",
        f"advertiser {line.advertiser}",
        f"day {calendar.label(line.day)}",
        f"lease {line.lease}",
    )


def _row(name: str, text: str) -> str:
    return f"  {name:<10}{text}".rstrip()


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _coded(name: str, code: int) -> str:
    return f"{name.replace('_', ' ')} ({code})"


def _amount(micros: int, currency: str) -> str:
    return f"{format_micros(micros)} {currency}".strip()


def _cpm(micros: int, currency: str) -> str:
    return f"{_amount(micros, currency)} CPM"
