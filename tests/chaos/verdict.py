"""The end of a chaos run: what was seen against what the platform says, line by line with its figure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from rtbplatform.kernel.calendar import BudgetCalendar
from tests.acceptance import truth
from tests.acceptance.platform import NotAcceptedError, Platform, tell, wait_until
from tests.chaos.clerk import Clerk
from tests.chaos.sales import DayKey, Sale, Seen

SETTLED_WITHIN_S = 120.0
REST_WITHIN_S = 60.0
UTILISATION_MIN = 0.98


class Line(msgspec.Struct, frozen=True):
    """One figure and whether it is as promised; None = for information."""

    name: str
    figure: str
    passed: bool | None = None

    def tell(self) -> None:
        word = {True: "PASS", False: "FAIL", None: "    "}[self.passed]
        tell(f"{word}  {self.name:<14}{self.figure}")


class Report(msgspec.Struct, frozen=True):
    """budget_report's lines by (campaign, day number)."""

    lines: dict[DayKey, dict[str, Any]]

    def of(self, key: DayKey, name: str) -> int:
        return int(self.lines.get(key, {}).get(name, 0))


def read_report(platform: Platform, day_seconds: int) -> Report:
    rows = json.loads(platform.manage("budget_report", "--json"))
    calendar = BudgetCalendar(day_seconds)
    labels: dict[str, int] = {}
    for row in rows:
        if row["day"] not in labels:
            labels[row["day"]] = _number(calendar, row["day"])
    return Report({(int(row["campaign"]), labels[row["day"]]): row for row in rows})


def _number(calendar: BudgetCalendar, label: str) -> int:
    """The day of a label; rehearsal days are labelled by their start."""
    from datetime import datetime

    start = datetime.fromisoformat(label)
    day = calendar.day_of("UTC", int(start.timestamp() * 1000))
    assert calendar.label(day) == label
    return day


def excess(seen: Seen, report: Report, clerk: Clerk) -> Line:
    """E1: seen beyond the budget in force, which is never beyond what was asked for."""
    over: dict[DayKey, int] = {}
    for key, micros in seen.by_day().items():
        budget = min(report.of(key, "budget"), clerk.most_asked(key, seen.day_ms))
        if micros > budget:
            over[key] = micros - budget
    days = len(seen.by_day())
    first = "".join(
        f"; {key}: seen {seen.by_day()[key]}, in force {report.of(key, 'budget')}, "
        f"asked {clerk.most_asked(key, seen.day_ms)}"
        for key in list(over)[:3]
    )
    return Line("excess", f"{sum(over.values())} micros over {days} campaign-days{first}", not over)


class Compared(msgspec.Struct, frozen=True):
    """Sales against settled debits."""

    lost: list[Sale]
    destroyed: list[Sale]
    """Not settled, and their leases were on a destroyed disk."""
    doubled: list[str]
    unexplained: list[str]
    """Settled, not seen, and neither UNKNOWN nor sent on a connection that was lost."""
    differing: list[str]
    unknown: int
    debited: Counter[DayKey]
    """Micros of all debits but void ones, by the day stamped on them."""


def compare(connection: truth.Connection, seen: Seen, lost_outboxes: list[str]) -> Compared:
    """Waits until every sale is settled that can be, then compares request by request."""
    gone = leases_of(connection, lost_outboxes)
    bought: dict[str, list[Sale]] = {}
    for sale in seen.sales:
        bought.setdefault(sale.request_id, []).append(sale)
    due = {name for name, sales in bought.items() if not any(sale.lease in gone for sale in sales)}

    def settled() -> bool:
        return due <= {debit.request_id for debit in truth.all_debits(connection)}

    _try(lambda: wait_until(settled, within_s=SETTLED_WITHIN_S, what="settled", every_s=3.0))
    _try(lambda: wait_until(lambda: truth.at_rest(connection), within_s=REST_WITHIN_S, what="rest"))
    debits: dict[str, truth.Debit] = {}
    doubled = []
    for debit in truth.all_debits(connection):
        if debit.request_id in debits:
            doubled.append(debit.request_id)
        debits[debit.request_id] = debit
    missing = [sale for name, sales in bought.items() if name not in debits for sale in sales]
    unseen = {name: one for name, one in debits.items() if name not in bought}
    return Compared(
        lost=[sale for sale in missing if sale.request_id in due]
        + [sale for name, sales in bought.items() for sale in sales if _void(debits.get(name))],
        destroyed=[sale for sale in missing if sale.request_id not in due],
        doubled=doubled,
        unexplained=[
            name
            for name, one in unseen.items()
            if one.outcome not in {"void", "unknown"}
            and not (one.outcome == "sent" and name in seen.lost)
        ],
        differing=[
            name
            for name, sales in bought.items()
            if name in debits and debits[name].by_campaign() != _by_campaign(sales)
        ],
        unknown=sum(one.outcome == "unknown" for one in unseen.values()),
        debited=_debited(debits.values()),
    )


def _debited(debits: Iterable[truth.Debit]) -> Counter[DayKey]:
    sums: Counter[DayKey] = Counter()
    for debit in debits:
        if debit.outcome != "void":
            for line in debit.lines:
                sums[line.campaign, line.day] += line.amount_micros
    return sums


def books(compared: Compared, report: Report, on_notice: set[int]) -> Line:
    """Charged at the auction: each campaign-day was delivered what its debits say, once."""
    keys = {*report.lines, *compared.debited}
    differ = {
        key: (compared.debited[key], report.of(key, "delivered"))
        for key in keys
        if key[0] not in on_notice and compared.debited[key] != report.of(key, "delivered")
    }
    figure = (
        f"{len(differ)} campaign-days differ from their debits {list(differ.items())[:3] or ''}"
    )
    return Line("books", figure, not differ)


def _void(debit: truth.Debit | None) -> bool:
    return debit is not None and debit.outcome == "void"


def _by_campaign(sales: list[Sale]) -> dict[int, int]:
    amounts: Counter[int] = Counter()
    for sale in sales:
        amounts[sale.campaign] += sale.cost_micros
    return dict(amounts)


def _try(wait: Any) -> None:
    """What is not so in time is found by the comparison, with its names."""
    try:
        wait()
    except NotAcceptedError as finding:
        tell(f"          {finding}")


def leases_of(connection: truth.Connection, incarnations: list[str]) -> set[bytes]:
    rows = connection.execute(
        "SELECT id FROM escrow_lease WHERE incarnation_id = ANY(%s::uuid[])", (incarnations,)
    )
    return {row[0].bytes for row in rows}


def comparison_lines(compared: Compared, seen: Seen, report: Report) -> list[Line]:
    """Lost, doubled, unexplained, and destroyed disks covered by quarantine."""
    gone: Counter[DayKey] = Counter()
    for sale in compared.destroyed:
        gone[sale.campaign, sale.day] += sale.cost_micros
    uncovered = {
        key: micros
        for key, micros in gone.items()
        if micros > report.of(key, "quarantined") + report.of(key, "written_off")
    }
    wrong_days = seen.of_wrong_day()
    return [
        Line("lost", f"{len(compared.lost)} {_first(compared.lost)}", not compared.lost),
        Line(
            "doubled", f"{len(compared.doubled)} {compared.doubled[:3] or ''}", not compared.doubled
        ),
        Line(
            "differing",
            f"{len(compared.differing)} debits are not what was answered {compared.differing[:3] or ''}",
            not compared.differing,
        ),
        Line(
            "unexplained",
            f"{len(compared.unexplained)} debits neither seen nor UNKNOWN "
            f"{compared.unexplained[:3] or ''}; {compared.unknown} UNKNOWN",
            not compared.unexplained,
        ),
        Line(
            "destroyed",
            f"{len(compared.destroyed)} sales on destroyed disks, "
            f"{sum(uncovered.values())} micros of them not quarantined",
            not uncovered,
        ),
        Line("wrong day", f"{len(wrong_days)} sales", not wrong_days),
        Line("unsigned", f"{seen.badly_signed} answers", not seen.badly_signed),
    ]


def _first(sales: list[Sale]) -> str:
    return "" if not sales else f"(first {sales[0]})"


def sold_again(seen: Seen, over_ms: int) -> Line:
    """The platform sells again when the faults are over: a run in which nothing was sold shows nothing."""
    count = sum(sale.sent_ms >= over_ms for sale in seen.sales)
    return Line("sold again", f"{count} imps after the faults, of {len(seen.sales)}", count > 0)


def platform_loss(seen: Seen, report: Report, on_notice: set[int]) -> Line:
    """0 at the auction; otherwise no more than notices sent late explain."""
    late = seen.late_by_day()
    wrong = {
        key: loss
        for key in report.lines
        if (loss := report.of(key, "platform_loss")) > (late[key] if key[0] in on_notice else 0)
    }
    total = sum(report.of(key, "platform_loss") for key in report.lines)
    figure = f"{total} micros; {sum(late.values())} micros of notices came late"
    return Line("platform loss", f"{figure} {list(wrong.items())[:3] or ''}", not wrong)


def utilisation(report: Report, days: range, campaigns: list[int], *, judged: bool) -> Line:
    """Of the fault-free whole days, net of quarantine."""
    keys = [(campaign, day) for campaign in campaigns for day in days]
    budget = sum(report.of(key, "budget") - report.of(key, "quarantined") for key in keys)
    delivered = sum(report.of(key, "delivered") for key in keys)
    share = delivered / budget if budget else 0.0
    figure = f"{share:.2%} of {len(days)} fault-free whole days"
    if judged:
        worst = sorted(
            keys, key=lambda key: report.of(key, "delivered") / max(1, report.of(key, "budget"))
        )
        figure += f"; least: {[(key, report.of(key, 'delivered'), report.of(key, 'budget')) for key in worst[:3]]}"
    return Line("utilisation", figure, share >= UTILISATION_MIN if judged else None)


def command(platform: Platform, name: str) -> Line:
    """A command of the platform's own that must find nothing."""
    try:
        said = platform.manage(name).strip().splitlines()
        return Line(name, said[-1] if said else "clean", passed=True)
    except NotAcceptedError as finding:
        return Line(name, str(finding)[-500:], passed=False)
