"""Tokens: made with email and password, kept hashed, revoked, slowed down when guessed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from knox.models import AuthToken
from rest_framework.test import APIClient

from campaigns.models import User
from tests.integration.campaigns.cast import PASSWORD

TOKENS = "/api/v1/tokens/"


def log_in(password: str = PASSWORD, email: str = "owner@example.com") -> APIClient:
    client = APIClient()
    answer = client.post(TOKENS, {"email": email, "password": password}, format="json")
    if answer.status_code == 201:
        client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    client.last = answer  # type: ignore[attr-defined]
    return client


def test_a_token_opens_the_api(cast: SimpleNamespace) -> None:
    assert log_in().get("/api/v1/campaigns/").status_code == 200


def test_a_token_is_kept_hashed(cast: SimpleNamespace) -> None:
    token = log_in().last.json()["token"]  # type: ignore[attr-defined]
    row = AuthToken.objects.get()
    assert token not in {row.digest, row.token_key}
    assert row.expiry is not None


def test_a_wrong_password_is_refused_as_an_unknown_email_is(cast: SimpleNamespace) -> None:
    wrong = log_in("wrong").last  # type: ignore[attr-defined]
    unknown = log_in(email="nobody@example.com").last  # type: ignore[attr-defined]
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()


def test_guessing_is_slowed_down(cast: SimpleNamespace) -> None:
    statuses = [log_in("wrong").last.status_code for _ in range(11)]  # type: ignore[attr-defined]
    assert statuses[-1] == 429


def test_a_revoked_token_is_worth_nothing(cast: SimpleNamespace) -> None:
    client = log_in()
    (mine,) = client.get(TOKENS).json()
    assert client.delete(f"{TOKENS}{mine['token_key']}/").status_code == 204
    assert client.get("/api/v1/campaigns/").status_code == 401


def test_nobody_revokes_anothers_token(
    cast: SimpleNamespace, api: Callable[[User], APIClient]
) -> None:
    log_in()
    theirs = AuthToken.objects.get()
    assert api(cast.rival_owner).delete(f"{TOKENS}{theirs.token_key}/").status_code == 404
