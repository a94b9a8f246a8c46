"""What hangs on a campaign: targeting and creatives. And the exchanges, to read."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from campaigns.api.access import MayViewMarket, Pages, TenantView, user_of
from campaigns.api.serializers import CreativeSerializer, ExchangeSerializer, TargetingSerializer
from campaigns.models import Campaign, Creative, Exchange, Targeting
from campaigns.services.creative_save import creative_create, creative_update
from campaigns.services.targeting_set import targeting_set


class TargetingView(TenantView):
    @extend_schema(
        summary="Targeting",
        description="Which requests the campaign answers. An empty list targets all.",
        responses=TargetingSerializer,
    )
    def get(self, request: Request, campaign_id: int) -> Response:  # noqa: ARG002 - the router's signature
        row = get_object_or_404(Targeting.objects.all(), campaign_id=campaign_id)
        return Response(TargetingSerializer(row).data)

    @extend_schema(
        summary="Replace targeting",
        description="Every list that you do not name becomes empty, which targets all.",
        request=TargetingSerializer,
        responses=TargetingSerializer,
    )
    def put(self, request: Request, campaign_id: int) -> Response:
        row = get_object_or_404(Targeting.objects.all(), campaign_id=campaign_id)
        wanted = TargetingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        saved = targeting_set(
            actor=user_of(request), campaign_id=row.campaign_id, **wanted.validated_data
        )
        return Response(TargetingSerializer(saved).data)


@extend_schema_view(
    get=extend_schema(
        summary="A campaign's creatives",
        description="With the state of their review. Only approved ones are shown to anybody.",
    )
)
class CreativesView(TenantView, ListAPIView[Creative]):
    serializer_class = CreativeSerializer
    pagination_class = Pages
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Creative]:
        if getattr(self, "swagger_fake_view", False):
            return Creative.objects.none()
        campaign = get_object_or_404(Campaign.objects.all(), pk=self.kwargs["campaign_id"])
        return Creative.objects.filter(campaign=campaign)

    @extend_schema(
        summary="Add a creative",
        description="It is reviewed before it is shown. `adomain` is the advertiser's domain "
        "unless you name others.",
        responses={201: CreativeSerializer},
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        campaign = get_object_or_404(Campaign.objects.all(), pk=campaign_id)
        wanted = CreativeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        saved = creative_create(
            actor=user_of(request), campaign_id=campaign.pk, **wanted.validated_data
        )
        return Response(CreativeSerializer(saved).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(
        summary="One creative",
        description="With the state of its review and, where it was rejected, the reason.",
    )
)
class CreativeView(TenantView, RetrieveAPIView[Creative]):
    serializer_class = CreativeSerializer
    lookup_url_kwarg = "creative_id"

    def get_queryset(self) -> QuerySet[Creative]:
        if getattr(self, "swagger_fake_view", False):
            return Creative.objects.none()
        return Creative.objects.all()

    @extend_schema(
        summary="Change a creative",
        description="Fields that you do not name stay. It is reviewed again, and not shown until "
        "it is approved.",
    )
    def patch(self, request: Request, creative_id: int) -> Response:  # noqa: ARG002 - the router's signature
        creative = self.get_object()
        wanted = CreativeSerializer(creative, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        saved = creative_update(
            actor=user_of(request), creative_id=creative.pk, **wanted.validated_data
        )
        return Response(CreativeSerializer(saved).data)


@extend_schema_view(
    list=extend_schema(
        summary="Exchanges",
        description="For the platform's own people; 403 for everybody else.",
    ),
    retrieve=extend_schema(
        summary="One exchange",
        description="For the platform's own people; 403 for everybody else.",
    ),
)
class ExchangeViews(ReadOnlyModelViewSet[Exchange]):
    queryset = Exchange.objects.all()
    serializer_class = ExchangeSerializer
    permission_classes = (IsAuthenticated, MayViewMarket)
    pagination_class = Pages
    filter_backends = ()
    lookup_value_converter = "int"
