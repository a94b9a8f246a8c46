"""A campaign's budgets. 202 when the new one is below what is out: then the effective floor is in force first."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.access import TenantView, user_of
from campaigns.api.problems import PreconditionFailed
from campaigns.api.serializers import BudgetSerializer
from campaigns.console import figures
from campaigns.models import Campaign
from campaigns.services.budget_change import budget_change

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that you read; 412 when the budget has changed since.",
)

CHANGE = (
    "202 when the new daily budget is below what is spent, leased or held today: "
    "`effective_floor_micros` is then in force first, and nothing beyond it is spent."
)


def _etag(campaign: Campaign) -> str:
    return f'"{campaign.budget_version}"'


def _answer(campaign: Campaign, *, changed: bool = False) -> Response:
    today = figures.today_of([campaign]).get(campaign.pk)
    floor = today.floor_micros if today else 0
    is_below = campaign.daily_budget_micros < floor
    asked = campaign.daily_budget_micros
    data = {
        "daily_budget_micros": asked,
        "total_budget_micros": campaign.total_budget_micros,
        "budget_version": campaign.budget_version,
        # Escrow applies a change within a second; until then its row still says the old budget.
        "in_force_micros": max(asked, floor),
        "effective_floor_micros": floor if is_below else None,
    }
    code = status.HTTP_202_ACCEPTED if changed and is_below else status.HTTP_200_OK
    return Response(BudgetSerializer(data).data, status=code, headers={"ETag": _etag(campaign)})


class BudgetView(TenantView):
    @extend_schema(
        summary="Budgets",
        description="What is asked for and what is in force today. The ETag is for `If-Match`.",
        responses=BudgetSerializer,
    )
    def get(self, request: Request, campaign_id: int) -> Response:  # noqa: ARG002 - the router's signature
        return _answer(get_object_or_404(Campaign.objects.all(), pk=campaign_id))

    @extend_schema(
        summary="Set both budgets",
        description=CHANGE,
        parameters=[IF_MATCH],
        request=BudgetSerializer,
        responses={200: BudgetSerializer, 202: BudgetSerializer},
    )
    def put(self, request: Request, campaign_id: int) -> Response:
        return self._change(request, campaign_id, partial=False)

    @extend_schema(
        summary="Set one of the budgets",
        description=CHANGE,
        parameters=[IF_MATCH],
        request=BudgetSerializer,
        responses={200: BudgetSerializer, 202: BudgetSerializer},
    )
    def patch(self, request: Request, campaign_id: int) -> Response:
        return self._change(request, campaign_id, partial=True)

    def _change(self, request: Request, campaign_id: int, *, partial: bool) -> Response:
        campaign = get_object_or_404(Campaign.objects.all(), pk=campaign_id)
        wanted = BudgetSerializer(data=request.data, partial=partial)
        wanted.is_valid(raise_exception=True)
        values: dict[str, Any] = wanted.validated_data
        expected = request.headers.get("If-Match", "*")
        if expected not in {"*", _etag(campaign)}:
            raise PreconditionFailed
        # A part is added to what was read, so it must still be that.
        is_conditional = partial or expected != "*"
        saved = budget_change(
            actor=user_of(request),
            campaign_id=campaign.pk,
            daily_budget_micros=values.get("daily_budget_micros", campaign.daily_budget_micros),
            total_budget_micros=values.get("total_budget_micros", campaign.total_budget_micros),
            expected_version=campaign.budget_version if is_conditional else None,
        )
        return _answer(saved, changed=True)
