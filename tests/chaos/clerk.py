"""The person who owns the campaigns: edits them through the REST API, and keeps a record of her own of what she asked."""

from __future__ import annotations

import http.client
import threading
from typing import Any

import msgspec

from tests.acceptance.people import Person
from tests.acceptance.platform import NotAcceptedError, Platform
from tests.acceptance.truth import now_ms
from tests.chaos.sales import DayKey
from tests.chaos.scene import Scene

APPLIED_WITHIN_MS = 40_000
"""A cut is in force by then at the latest, faults over (E10); before, what is out may still be spent."""
TRIES = 60
AGAIN_S = 1.0


class Edit(msgspec.Struct):
    """A budget asked for: may be in force from `from_ms`; certainly asked for, and its predecessor not, from `acked_ms`."""

    budget_micros: int
    from_ms: int
    acked_ms: int | None = None


class Restore(msgspec.Struct, frozen=True):
    """A database set back: what was acknowledged since `copy_ms` may be forgotten until it is asked for again."""

    copy_ms: int
    again_ms: int


class Clerk:
    """Thread-safe: faults of several threads edit."""

    def __init__(self, platform: Platform, scene: Scene) -> None:
        self._person = Person(platform, scene.login)
        # Her token is older than every fault: in each copy of the database she is logged in.
        self._person.api("GET", "campaigns/")
        self._lock = threading.Lock()
        self._pause = threading.Event()
        self.wanted = {one.id: one.planned.budget_micros for one in scene.campaigns}
        self.first = dict(self.wanted)
        self.edits: dict[int, list[Edit]] = {
            one: [Edit(budget, 0, 0)] for one, budget in self.wanted.items()
        }
        self.paused: set[int] = set()
        self.restores: list[Restore] = []
        self.accepted_202 = 0

    def budget(self, campaign: int, budget_micros: int) -> bool:
        """Asks for another daily budget; whether that was acknowledged."""
        with self._lock:
            self.wanted[campaign] = budget_micros
            edit = Edit(budget_micros, now_ms())
            self.edits[campaign].append(edit)
            status, _ = self._call(
                "PATCH", f"campaigns/{campaign}/budget/", {"daily_budget_micros": budget_micros}
            )
            self.accepted_202 += status == 202
            if status in {200, 202}:
                edit.acked_ms = now_ms()
            return edit.acked_ms is not None

    def pause(self, campaign: int) -> bool:
        with self._lock:
            self.paused.add(campaign)
            return self._call("POST", f"campaigns/{campaign}/pause/")[0] == 200

    def resume(self, campaign: int) -> bool:
        with self._lock:
            self.paused.discard(campaign)
            return self._call("POST", f"campaigns/{campaign}/resume/")[0] == 200

    def _call(self, method: str, path: str, data: object = None) -> tuple[int, Any]:
        try:
            return self._person.api(method, path, data)
        except (OSError, http.client.HTTPException, NotAcceptedError):
            return 0, None

    def say_again(self) -> list[int]:
        """Asks once more for all that she wants, as someone does after a disaster: again until it is acknowledged.

        Those that the platform did not take in the end.
        """
        with self._lock:
            for _ in range(TRIES):
                known = self._all()
                wrong = [
                    one
                    for one in self.wanted
                    if one not in known or not self._bring(one, known[one])
                ]
                if not wrong:
                    break
                self._pause.wait(AGAIN_S)
            return wrong

    def _all(self) -> dict[int, dict[str, Any]]:
        """Her campaigns by id, as the API lists them; what it does not tell is missing."""
        known: dict[int, dict[str, Any]] = {}
        path = "campaigns/"
        while path:
            status, page = self._call("GET", path)
            if status != 200:
                break
            known |= {one["id"]: one for one in page["results"]}
            path = (page["next"] or "").partition("/api/v1/")[2]
        return known

    def _bring(self, campaign: int, known: dict[str, Any]) -> bool:
        """One step towards what is wanted; whether it is there."""
        wanted = self.wanted[campaign]
        if known["daily_budget_micros"] != wanted:
            edit = Edit(wanted, now_ms())
            self.edits[campaign].append(edit)
            status, _ = self._call(
                "PATCH", f"campaigns/{campaign}/budget/", {"daily_budget_micros": wanted}
            )
            if status not in {200, 202}:
                return False
            edit.acked_ms = now_ms()
        elif self.edits[campaign][-1].acked_ms is None:
            self.edits[campaign][-1].acked_ms = now_ms()
        status_wanted = "paused" if campaign in self.paused else "active"
        if known["status"] != status_wanted:
            verb = "pause" if campaign in self.paused else "resume"
            return self._call("POST", f"campaigns/{campaign}/{verb}/")[0] == 200
        return True

    def back_to_first(self) -> None:
        """Wants the first budgets again, and all campaigns running; `say_again` asks for it."""
        with self._lock:
            self.wanted.update(self.first)
            self.paused.clear()

    def restored(self, copy_ms: int) -> list[int]:
        """After the database was set back; those campaigns that could not be brought right."""
        failed = self.say_again()
        self.restores.append(Restore(copy_ms, now_ms()))
        return failed

    def most_asked(self, key: DayKey, day_ms: int) -> int:
        """The largest budget that this record allows to have been in force on a campaign-day."""
        campaign, day = key
        start_ms, end_ms = day * day_ms, (day + 1) * day_ms
        return max(
            (
                edit.budget_micros
                for number, edit in enumerate(self.edits.get(campaign, []))
                if edit.from_ms < end_ms and self._until_ms(campaign, number) > start_ms
            ),
            default=0,
        )

    def _until_ms(self, campaign: int, number: int) -> int:
        later = [one.acked_ms for one in self.edits[campaign][number + 1 :] if one.acked_ms]
        if not later:
            return 1 << 62
        until_ms = later[0]
        for restore in self.restores:
            if restore.copy_ms < later[0] <= restore.again_ms:
                until_ms = max(until_ms, restore.again_ms)
        return until_ms + APPLIED_WITHIN_MS
