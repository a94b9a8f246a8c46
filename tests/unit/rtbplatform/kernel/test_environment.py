"""Settings: wrong ones are refused in sentences that name them, right ones are typed."""

import pytest

from rtbplatform.kernel import settings
from rtbplatform.kernel.environment import SettingsError, load

BIDDER = {
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "RTB_SECRET": "x" * 32,
    "BANKER_SOCKET": "/tmp/b",
}


def test_defaults_fill_what_is_not_set() -> None:
    assert load(settings.Local, {}).traffic == 20


def test_text_becomes_the_settings_type() -> None:
    assert load(settings.Local, {"BIDDERS": "3"}).bidders == 3


def test_an_empty_value_means_the_default() -> None:
    assert load(settings.Local, {"TRAFFIC": ""}).traffic == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRAFFIC", "abc"), ("WEB_PORT", "70000"), ("BIDDERS", "0"), ("DATABASE_URL", "mysql://x")],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be "):
        load(settings.Local, {name: value})


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(settings.Local, {"TRAFFIC": "x", "BIDDERS": "x"})
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="BANKER_SOCKET is not set"):
        load(settings.Bidder, {name: BIDDER[name] for name in ("REDIS_URL", "RTB_SECRET")})


def test_a_wrong_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load(settings.Bidder, BIDDER | {"RTB_SECRET": "hunter2"})
    assert "hunter2" not in str(caught.value)
