"""Who opens a page: logged in, of the right role, and in the scope of one advertiser only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponseBase
from django_scopes import scope

from campaigns import policy
from campaigns.models import Advertiser, User
from campaigns.policy import Action

View = Callable[..., HttpResponseBase]


def user_of(request: HttpRequest) -> User:
    """The person behind a request that has passed one of the decorators below."""
    return cast("User", request.user)


def advertiser_or_404(user: User, advertiser_id: int, action: Action) -> Advertiser:
    """Raises Http404 when the advertiser is not theirs to know of, PermissionDenied when the role lacks the action."""
    try:
        policy.require(user, action, advertiser_id)
        return Advertiser.objects.get(pk=advertiser_id)
    except ObjectDoesNotExist as error:
        raise Http404 from error


def advertiser_page(action: Action) -> Callable[[View], View]:
    """`view(request, advertiser, ...)` for who may do `action` for the advertiser of the address; 404 or 403 else.

    Queries of tenants' data see that advertiser only.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def opened(request: HttpRequest, advertiser_id: int, **kwargs: Any) -> HttpResponseBase:
            advertiser = advertiser_or_404(user_of(request), advertiser_id, action)
            with scope(advertiser=advertiser):
                return view(request, advertiser, **kwargs)

        return opened

    return decorate


def staff_page(action: Action) -> Callable[[View], View]:
    """`view(request, ...)` for the platform's people who may do `action`; 403 for others."""

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def opened(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            policy.require(user_of(request), action)
            return view(request, **kwargs)

        return opened

    return decorate


def may_of(user: User, advertiser: Advertiser) -> dict[str, bool]:
    """What templates show buttons by; the services ask the same policy again."""
    return {
        "edit": policy.allowed(user, Action.CAMPAIGNS_EDIT, advertiser.pk),
        "budget": policy.allowed(user, Action.BUDGETS_EDIT, advertiser.pk),
        "review": policy.allowed(user, Action.CREATIVES_REVIEW, advertiser.pk),
        "ledger": policy.allowed(user, Action.LEDGER_VIEW, advertiser.pk),
    }
