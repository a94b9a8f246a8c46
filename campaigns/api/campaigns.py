"""Campaigns: list, create, read, change, pause, resume, and today's figures."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from campaigns.api.access import Pages, TenantView, user_of
from campaigns.api.serializers import (
    CampaignEditSerializer,
    CampaignNewSerializer,
    CampaignSerializer,
    TodaySerializer,
)
from campaigns.console import figures
from campaigns.console.filters import CampaignFilter
from campaigns.models import Advertiser, Campaign
from campaigns.services.campaign_create import campaign_create
from campaigns.services.campaign_status import campaign_pause, campaign_resume
from campaigns.services.campaign_update import campaign_update


class CampaignApiFilter(CampaignFilter):
    advertiser = django_filters.ModelChoiceFilter(queryset=Advertiser.objects.all())

    class Meta(CampaignFilter.Meta):
        fields = [*CampaignFilter.Meta.fields, "advertiser"]


@extend_schema_view(
    list=extend_schema(
        summary="Campaigns",
        description="Of the advertisers that you are a member of, in pages.",
    ),
    retrieve=extend_schema(
        summary="One campaign",
        description="404 also for a campaign of an advertiser that you are not a member of.",
    ),
)
class CampaignViews(TenantView, ListModelMixin, RetrieveModelMixin, GenericViewSet[Campaign]):
    serializer_class = CampaignSerializer
    filterset_class = CampaignApiFilter
    pagination_class = Pages
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Campaign]:
        if getattr(self, "swagger_fake_view", False):
            return Campaign.objects.none()
        return Campaign.objects.all()

    @extend_schema(
        summary="Create a draft",
        description="It bids once it has an approved creative and you `resume` it. "
        "Only the platform's own people may name a `dsp`.",
        request=CampaignNewSerializer,
        responses={201: CampaignSerializer},
    )
    def create(self, request: Request) -> Response:
        wanted = CampaignNewSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        advertiser = values.pop("advertiser")
        campaign = campaign_create(actor=user_of(request), advertiser_id=advertiser.pk, **values)
        return Response(CampaignSerializer(campaign).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change settings",
        description="Fields that you do not name stay. Bidders know the change within 2 seconds.",
        request=CampaignEditSerializer,
        responses=CampaignSerializer,
    )
    def partial_update(self, request: Request, pk: int) -> Response:  # noqa: ARG002 - the router's signature
        campaign = self.get_object()
        wanted = CampaignEditSerializer(campaign, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        saved = campaign_update(
            actor=user_of(request), campaign_id=campaign.pk, **wanted.validated_data
        )
        return Response(CampaignSerializer(saved).data)

    @extend_schema(
        summary="Pause",
        description="Bidding stops within 2 seconds.",
        request=None,
        responses=CampaignSerializer,
    )
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: int) -> Response:  # noqa: ARG002 - the router's signature
        campaign = self.get_object()
        saved = campaign_pause(actor=user_of(request), campaign_id=campaign.pk)
        return Response(CampaignSerializer(saved).data)

    @extend_schema(
        summary="Start or resume",
        description="Starts a draft, or a paused campaign again. Bidders know it within 2 seconds.",
        request=None,
        responses=CampaignSerializer,
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: int) -> Response:  # noqa: ARG002 - the router's signature
        campaign = self.get_object()
        saved = campaign_resume(actor=user_of(request), campaign_id=campaign.pk)
        return Response(CampaignSerializer(saved).data)

    @extend_schema(
        summary="Today's figures",
        description="Of the current budget day in the campaign's time zone; amounts in micros.",
        responses=TodaySerializer,
    )
    @action(detail=True, methods=["get"])
    def today(self, request: Request, pk: int) -> Response:  # noqa: ARG002 - the router's signature
        campaign = self.get_object()
        today: Any = figures.today_of([campaign])[campaign.pk]
        return Response(TodaySerializer(today).data)
