"""What a token's person sees through the API: the scope of their advertisers, for the length of a request."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_scopes import scope, scopes_disabled
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from campaigns import policy
from campaigns.models import User
from campaigns.policy import Action


class Pages(CursorPagination):
    """Stable under inserts and fast on every page; `page_size` up to 500."""

    ordering = "id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500


def user_of(request: Request) -> User:
    return cast("User", request.user)


class TenantView(APIView):
    """Queries of tenants' data see the advertisers that the person may see, and no others."""

    _scopes: ExitStack | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self._scopes:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        assert self._scopes is not None
        user = user_of(request)
        if policy.allowed(user, Action.CAMPAIGNS_VIEW):  # the platform's own people
            self._scopes.enter_context(scopes_disabled())
        else:
            visible = list(policy.visible_advertisers(user))
            self._scopes.enter_context(scope(advertiser=visible))


class MayViewMarket(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the library's signature
        return policy.allowed(user_of(request), Action.MARKET_VIEW)
