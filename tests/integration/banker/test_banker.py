"""The real process on real Redis and disk: money comes, is debited, is settled, comes back."""

from bidder.reserve.client import Lost
from rtbplatform.kernel.ipc import Committed, Refused
from tests.integration.banker.machine import machine


async def test_a_debit_is_acknowledged_settled_and_the_rest_returns_at_the_end() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        assert isinstance(await m.debit(worker, (7, 1000)), Committed)
        await worker.stop()
        assert await m.banker.stop() == 0
        await m.treasury.until(m.treasury.is_quiet)
        assert list(m.treasury.debits.values()) == [(1000, "sent")]
        assert m.treasury.free == {7: 999_000}
        m.treasury.check()


async def test_a_void_returns_the_money() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        await m.debit(worker, (7, 1000), report="void")
        await worker.stop()
        await m.banker.stop()
        await m.treasury.until(m.treasury.is_quiet)
        assert m.treasury.free == {7: 1_000_000}


async def test_what_a_vanished_worker_did_not_report_stays_spent() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        await m.debit(worker, (7, 1000), report="nothing")
        await worker.stop()
        await m.treasury.until(lambda: list(m.treasury.debits.values()) == [(1000, "unknown")])


async def test_a_refusal_names_who_cannot_pay_and_commits_nothing() -> None:
    async with machine({7: 1_000_000, 8: 0}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        answer = await m.debit(worker, (7, 1000), (8, 500))
        assert isinstance(answer, Refused)
        assert answer.unfundable == [8]
        await worker.stop()
        await m.banker.stop()
        await m.treasury.until(m.treasury.is_quiet)
        assert m.treasury.debits == {}


async def test_without_a_banker_the_answer_is_lost() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        await m.banker.kill()
        assert isinstance(await m.debit(worker, (7, 1000)), Lost)
        assert worker.fundable == {}


async def test_a_campaign_is_delivered_to_its_last_bid_and_not_beyond() -> None:
    async with machine({7: 100_000}) as m:
        m.treasury.lease_max = 7_300
        workers = [await m.worker(), await m.worker()]
        committed = 0
        while committed < 100:
            for worker in workers:
                await m.funded(worker, 7, 1)
                committed += isinstance(await m.debit(worker, (7, 1000)), Committed)
        assert isinstance(await m.debit(workers[0], (7, 1000)), Refused)
        await m.treasury.until(lambda: len(m.treasury.debits) == 100)
        assert m.treasury.delivered() == 100_000


async def test_metrics_are_told_in_prometheus_text() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        await m.debit(worker, (7, 1000))
        text = await worker.metrics_text()
        assert text is not None
        assert 'rtb_worker_up{pod="pod0",worker="0"} 1.0' in text
        assert 'rtb_leases_total{pod="pod0",verdict="accepted"} 1.0' in text


async def test_a_worker_that_sends_nonsense_does_not_disturb_others() -> None:
    async with machine({7: 1_000_000}) as m:
        good, bad = await m.worker(), await m.worker()
        await m.funded(good, 7, 1000)
        assert bad._transport is not None
        bad._transport.write(b"\x02\x00\x00\x00\xc1\xc1")
        await bad._ended.wait()
        assert isinstance(await m.debit(good, (7, 1000)), Committed)
