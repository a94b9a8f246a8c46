"""How long a request may take."""

from bidder.edge.deadline import fanout_deadline_s, work_ms


def test_the_way_back_is_kept() -> None:
    assert work_ms(100, 20) == 80


def test_no_tmax_means_the_usual() -> None:
    assert work_ms(0, 20) == 100


def test_too_little_time_is_no_time() -> None:
    assert work_ms(29, 20) == 0
    assert work_ms(30, 20) == 10


def test_a_very_long_tmax_is_cut() -> None:
    assert work_ms(60_000, 20) == 980


def test_the_fan_out_ends_at_its_own_limit() -> None:
    assert fanout_deadline_s(10.0, 10.5, 70) == 10.07


def test_a_short_tmax_ends_the_fan_out_early() -> None:
    assert abs(fanout_deadline_s(10.0, 10.05, 70) - 10.038) < 1e-9
