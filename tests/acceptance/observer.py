"""An exchange that only believes what it saw on the wire: sends requests, keeps every answer, adds up prices."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import Counter
from statistics import median

import uvloop

from bench import bodies
from bench.answers import prices_of
from bench.bodies import Source
from bench.figures import Answer, Summary, show
from bench.generator import Load
from bench.http_client import Target
from rtbplatform.kernel.keys import answer_signing_key, sign_answer
from rtbplatform.local.traffic import KINDS, Kind
from tests.acceptance.platform import NotAcceptedError, Platform, tell


class Observer:
    """All that one test sent, and what came back."""

    def __init__(self, platform: Platform, region: str = "") -> None:
        """Sends to a region's bidders; the first one's unless it is named."""
        self.platform = platform
        self.answers: list[Answer] = []
        self.summary: Summary | None = None
        self._target = Target.of(
            platform.endpoint_of(region),
            {"X-Exchange-Key": platform.key, "X-OpenRTB-Version": "2.6"},
        )

    def source(self, count: int, kinds: tuple[Kind, ...] = KINDS) -> Source:
        """`count` requests that nobody has sent before."""
        return bodies.exact(secrets.token_hex(8), count, kinds)

    def _load(self, source: Source, connections: int, window_s: float = 5.0) -> Load:
        return Load(
            self._target,
            source,
            connections=connections,
            connections_max=max(connections, 2000),
            window_s=window_s,
            observer=self.answers.append,
        )

    def open_loop(
        self,
        rate: float,
        seconds: float,
        *,
        kinds: tuple[Kind, ...] = KINDS,
        windows: int = 5,
        connections: int = 64,
    ) -> Summary:
        """At a constant rate. Figures are told."""
        source = self.source(int(rate * seconds), kinds)
        load = self._load(source, connections, seconds / windows)
        self.summary = uvloop.run(load.open_loop(rate, seconds))
        tell(show(self.summary))
        return self.summary

    def closed_loop(
        self, total: int, *, connections: int = 64, source: Source | None = None
    ) -> Summary:
        """Each connection sends its next request when it has its answer."""
        load = self._load(source or self.source(total), connections)
        load.connections_max = connections
        self.summary = uvloop.run(load.closed_loop(total))
        tell(show(self.summary))
        return self.summary

    def load_in_background(
        self, source: Source, rate: float, seconds: float, *, window_s: float = 5.0
    ) -> threading.Thread:
        """The open loop in a thread, while the test breaks something."""
        load = self._load(source, 64, window_s)

        def run() -> None:
            self.summary = uvloop.run(load.open_loop(rate, seconds))
            tell(show(self.summary))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    @property
    def request_ids(self) -> list[str]:
        return [answer.request_id for answer in self.answers]

    def spent(self) -> Counter[str]:
        """Micros per campaign id: prices seen, in the answers' currency."""
        spent: Counter[str] = Counter()
        for answer in list(self.answers):
            for price in prices_of(answer):
                spent[price.campaign] += price.cost_micros
        return spent

    def timeline(self) -> str:
        """Answers with a bid / requests, for each second of the run."""
        asked: Counter[int] = Counter()
        bids: Counter[int] = Counter()
        for answer in self.answers:
            second = answer.sent_ms // 1000
            asked[second] += 1
            bids[second] += answer.status == 200
        return " ".join(f"{bids[second]}/{asked[second]}" for second in sorted(asked) if second)

    def bid_share(self, from_ms: int, to_ms: int) -> float:
        """Of the requests sent in that time, answered with a bid."""
        asked = [answer for answer in self.answers if from_ms <= answer.sent_ms < to_ms]
        return sum(answer.status == 200 for answer in asked) / max(1, len(asked))

    def check_all_answered(self) -> None:
        """Every request has 200 or 204."""
        statuses = Counter(answer.status for answer in self.answers)
        if set(statuses) - {200, 204}:
            raise NotAcceptedError(f"not only 200 and 204: {dict(statuses)}")
        reasons = Counter(
            answer.headers.get("x-rtb-reason", "")
            for answer in self.answers
            if answer.status == 204
        )
        tell(f"no bids   {', '.join(f'{why}: {count}' for why, count in reasons.most_common())}")
        if not statuses[200]:
            raise NotAcceptedError("nothing was answered with a bid")

    def check_signatures(self) -> int:
        """How many answers; every 200 carries the HMAC of its request id and body."""
        key = answer_signing_key(self.platform.secret, self.platform.slug, 1)
        bids = [answer for answer in self.answers if answer.status == 200]
        for answer in bids:
            said = next((v for k, v in answer.headers.items() if "signature" in k), "")
            right = sign_answer(key, answer.request_id, answer.body)
            if not hmac.compare_digest(said.rpartition("=")[2], right):
                raise NotAcceptedError(
                    f"answer to {answer.request_id} is signed {said!r}, not {right}"
                )
        return len(bids)

    def median_p99_ms(self) -> float:
        assert self.summary is not None
        return median(window.p99 for window in self.summary.windows)
