"""Admin pages that ask `policy` who may look and change, and hand every change to a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_scopes import scopes_disabled
from unfold.admin import ModelAdmin

from campaigns import policy
from campaigns.policy import Action


class ReasonForm(forms.ModelForm):
    reason = forms.CharField(
        required=False, max_length=500, help_text="Why: kept in the history of changes."
    )


class ReadOnlyAdmin(ModelAdmin):
    """To look at. Staff sees all tenants, so tenants' scopes are off."""

    view_action: ClassVar[Action]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        ordering = self.get_ordering(request)
        found = self.model._base_manager.all()  # noqa: SLF001 - the one without scopes
        return found.order_by(*ordering) if ordering else found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return policy.allowed(request.user, self.view_action)  # type: ignore[arg-type]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def changeform_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        with scopes_disabled():
            response = super().changeform_view(*args, **kwargs)
            return response.render() if hasattr(response, "render") else response

    def changelist_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        with scopes_disabled():
            response = super().changelist_view(*args, **kwargs)
            return response.render() if hasattr(response, "render") else response


class ServiceAdmin(ReadOnlyAdmin):
    """To change, through services. A refusal of theirs is shown as a message."""

    form = ReasonForm
    edit_action: ClassVar[Action]
    add_fields: ClassVar[tuple[str, ...]] = ()
    """Empty: rows are not made here."""
    shown_fields: ClassVar[tuple[str, ...]] = ()
    change_fields: ClassVar[tuple[str, ...]] = ()

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:  # noqa: ARG002
        """Calls the service that makes a row."""
        raise ValidationError("Rows of this kind are not made here.")

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:  # noqa: ARG002
        """Calls the services that change `row`; `values` has what was changed, and only that."""
        raise ValidationError("Rows of this kind are not changed here.")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return bool(self.add_fields) and self._may_edit(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return bool(self.change_fields) and self._may_edit(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return [*self.add_fields, "reason"]
        reason = ["reason"] if self.has_change_permission(request, obj) else []
        return [*self.shown_fields, *self.change_fields, *reason]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        return self.shown_fields if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        cleaned = form.cleaned_data
        reason = cleaned.get("reason", "")
        if change:
            changed = [name for name in form.changed_data if name != "reason"]
            self.change(request, obj, {name: cleaned[name] for name in changed}, reason)
        else:
            wanted = {name: cleaned[name] for name in self.add_fields}
            obj.pk = self.make(request, {**wanted, "reason": reason}).pk

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        return self._or_message(
            request,
            lambda: super(ServiceAdmin, self).changeform_view(request, *args, **kwargs),
            request.path,
        )

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_message(
            request,
            lambda: super(ServiceAdmin, self).delete_view(request, *args, **kwargs),
            request.path,
        )

    def _or_message(
        self, request: HttpRequest, view: Callable[[], HttpResponse], back: str
    ) -> HttpResponse:
        try:
            with scopes_disabled():
                return view()
        except ValidationError as error:
            for sentence in error.messages:
                self.message_user(request, sentence, messages.ERROR)
            return HttpResponseRedirect(back)

    def _may_edit(self, request: HttpRequest) -> bool:
        return policy.allowed(request.user, self.edit_action)  # type: ignore[arg-type]
