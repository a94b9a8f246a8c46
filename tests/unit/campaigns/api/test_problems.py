"""Errors as problem details."""

from http import HTTPStatus

from django.db import OperationalError

from campaigns.api.problems import handle


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back() -> None:
    answer = handle(OperationalError("connection refused"), {})
    assert answer is not None
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer["Retry-After"] == "5"
    assert answer.data["status"] == HTTPStatus.SERVICE_UNAVAILABLE
