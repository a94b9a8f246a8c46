"""Errors as problem details (RFC 9457), with a list of sentences per field where fields are wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist
from django.core.exceptions import ValidationError as ServiceRefusal
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"


class PreconditionFailed(exceptions.APIException):
    status_code = HTTPStatus.PRECONDITION_FAILED
    default_detail = "It has changed since you read it: read it again, then decide."
    default_code = "precondition_failed"


class Unavailable(exceptions.APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The database cannot be reached now: try again in a few seconds."
    default_code = "unavailable"
    wait = 5
    """Seconds, for Retry-After."""


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Services' refusals become 400, what is not there (or not theirs to know of) 404. None: a fault of ours."""
    if isinstance(error, ServiceRefusal):
        error = exceptions.ValidationError(_by_field(error))
    elif isinstance(error, ObjectDoesNotExist):
        error = Http404()
    elif isinstance(error, OperationalError | InterfaceError):
        log.error("the database is away", error=str(error).strip())
        error = Unavailable()
    response = exception_handler(error, context)
    if response is None:
        return None
    response.data = _problem(response.status_code, response.data)
    response.content_type = CONTENT_TYPE
    return response


def _by_field(error: ServiceRefusal) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        fields = error.message_dict
        return {"" if name == NON_FIELD_ERRORS else name: texts for name, texts in fields.items()}
    return {"": error.messages}


def _problem(status: int, data: Any) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    problem: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if isinstance(data, dict) and set(data) == {"detail"}:
        return {**problem, "detail": str(data["detail"])}
    fields = data if isinstance(data, dict) else {"": data}
    whole = [str(text) for name in ("", "non_field_errors") for text in fields.pop(name, [])]
    detail = " ".join(whole) or "Some fields are wrong."
    return (
        {**problem, "detail": detail, "errors": fields} if fields else {**problem, "detail": detail}
    )
