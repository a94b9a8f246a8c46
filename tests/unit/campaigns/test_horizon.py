"""What a billing horizon locks of a budget."""

import pytest

from campaigns.console.market_forms import ExchangeForm
from campaigns.horizon import locked_share, locked_text


@pytest.mark.parametrize(("horizon_s", "text"), [(60, "0.69 %"), (300, "3.5 %"), (3600, "42 %")])
def test_a_horizon_locks_its_part_of_an_even_day_divided_by_the_win_rate(
    horizon_s: int, text: str
) -> None:
    assert locked_text(horizon_s) == text


def test_who_wins_always_locks_the_horizons_part_of_the_day() -> None:
    assert locked_share(864, win_rate=1) == pytest.approx(0.01)


def test_no_more_than_the_budget_is_ever_locked() -> None:
    assert locked_share(86_400) == 1


@pytest.mark.parametrize("win_rate", [0, -0.1, 1.1])
def test_a_win_rate_that_is_none_is_refused(win_rate: float) -> None:
    with pytest.raises(ValueError, match="win rate"):
        locked_share(60, win_rate)


@pytest.mark.parametrize(("entered", "said"), [("600", "600 s 6.9 %"), ("x", "3600 s 42 %")])
def test_the_form_says_what_the_entered_horizon_costs(entered: str, said: str) -> None:
    form = ExchangeForm({"billing_horizon_s": entered})
    assert said in form["billing_horizon_s"].help_text


def test_an_untouched_form_says_what_the_present_horizon_costs() -> None:
    form = ExchangeForm(initial={"billing_horizon_s": 600})
    assert "600 s 6.9 %" in form["billing_horizon_s"].help_text
