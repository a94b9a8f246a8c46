"""The web process: health, log-in, headers, and start-up with wrong settings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings

from campaigns.policy import SYSTEM
from campaigns.services.user_save import user_create

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def plain(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.mark.django_db
def test_healthz_says_ok(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_people_log_in_with_their_email_in_any_case(client: Client) -> None:
    user = user_create(actor=SYSTEM, email="Olga@Example.com", password=PASSWORD)
    form = {"login": "OLGA@example.com", "password": PASSWORD}
    answer = client.post("/accounts/login/", form)
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_a_wrong_password_stays_outside(client: Client) -> None:
    user_create(actor=SYSTEM, email="olga@example.com", password=PASSWORD)
    client.post("/accounts/login/", {"login": "olga@example.com", "password": "guess guess guess"})
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_guessing_passwords_is_limited(client: Client) -> None:
    user_create(actor=SYSTEM, email="guessed@example.com", password=PASSWORD)
    form = {"login": "guessed@example.com", "password": "guess guess guess"}
    for _ in range(6):
        client.post("/accounts/login/", form)
    client.post("/accounts/login/", {**form, "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    cache.clear()


@pytest.mark.django_db
def test_nobody_signs_up(client: Client) -> None:
    form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", form)
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_the_policy_is_strict_but_for_the_admin(client: Client) -> None:
    assert "unsafe" not in client.get("/healthz")["Content-Security-Policy"]
    assert "unsafe-eval" in client.get("/admin/login/")["Content-Security-Policy"]


def test_clearing_the_cache_leaves_the_mailboxes_alone() -> None:
    redis = get_redis_connection()
    redis.set("mail:test", b"1", ex=60)
    cache.set("kept", 1)
    cache.clear()
    assert (redis.get("mail:test"), cache.get("kept")) == (b"1", None)


def test_a_wrong_setting_ends_a_command_with_a_sentence() -> None:
    environ = {**os.environ, "DATABASE_URL": "mysql://nowhere"}
    manage = str(settings.BASE_DIR / "manage.py")
    done = subprocess.run(
        [sys.executable, manage, "check"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
