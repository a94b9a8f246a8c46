"""From a filled-in form to a service, and a service's refusal back to the fields it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

R = TypeVar("R")


def submitted(
    form: forms.Form, service: Callable[[], R], renamed: Mapping[str, str] | None = None
) -> R | None:
    """What the service returned, or None when the form or the service refused: the form then says why, per field.

    `renamed`: a model's field -> the form's field.
    """
    if not form.is_valid():
        return None
    try:
        return service()
    except ValidationError as error:
        show(form, error, renamed or {})
        return None


def show(form: forms.Form, error: ValidationError, renamed: Mapping[str, str]) -> None:
    by_field = (
        error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
    )
    for name, messages in by_field.items():
        field = renamed.get(name, name)
        for message in messages:
            form.add_error(field if field in form.fields else None, message)


def sentences(error: ValidationError) -> str:
    """All of a refusal in one line, for pages without a form."""
    return " ".join(error.messages)
