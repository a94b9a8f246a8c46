"""Tokens: made with email and password (and, where it is on, the second factor), listed, revoked."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from campaigns.api.access import user_of
from campaigns.models import User
from campaigns.services.api_token import api_token_create, api_token_revoke


class PerEmail(SimpleRateThrottle):
    """Guessing one person's password from many addresses is slowed down as well."""

    scope = "tokens"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the library's signature
        email = str(request.data.get("email", "")) if isinstance(request.data, dict) else ""
        return f"throttle_tokens_{email.strip().lower()[:254]}" if email else None


class CredentialsSerializer(serializers.Serializer[Any]):
    # Other fields are ignored: logging in with more than is needed harms nobody.
    email = serializers.EmailField()
    password = serializers.CharField(max_length=256, trim_whitespace=False)
    code = serializers.CharField(
        required=False,
        max_length=16,
        help_text="Of the authenticator app, where two-factor log-in is on.",
    )


class NewTokenSerializer(serializers.Serializer[dict[str, Any]]):
    token = serializers.CharField(
        help_text="Shown this once. Send it as `Authorization: Token ...`."
    )
    expiry = serializers.DateTimeField()


class TokenSerializer(serializers.ModelSerializer[AuthToken]):
    token_key = serializers.CharField(help_text="The token's first characters: its name.")

    class Meta:
        model = AuthToken
        fields = ("token_key", "created", "expiry")


class TokensView(APIView):
    throttle_scope = "tokens"

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.request.method == "POST" else [IsAuthenticated()]

    def get_authenticators(self) -> list[Any]:
        # An old token or a session in the same request must not decide about a log-in.
        request = getattr(self, "request", None)
        return (
            [] if request is not None and request.method == "POST" else super().get_authenticators()
        )

    def get_throttles(self) -> list[Any]:
        limits: list[Any] = [ScopedRateThrottle(), PerEmail()]
        return limits if self.request.method == "POST" else super().get_throttles()

    @extend_schema(
        summary="Make a token",
        description="The token is shown this once and ends after 30 days. Ten attempts a minute, "
        "per address and per email.",
        request=CredentialsSerializer,
        responses={201: NewTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        wanted = CredentialsSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user = _person(request, wanted.validated_data)
        row, clear = api_token_create(user=user)
        data = NewTokenSerializer({"token": clear, "expiry": row.expiry}).data
        return Response(data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Your tokens",
        description="Those that have not been revoked, the newest first; never their secret part.",
        responses=TokenSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = AuthToken.objects.filter(user=user_of(request)).order_by("-created")
        return Response(TokenSerializer(rows, many=True).data)


class TokenView(APIView):
    @extend_schema(
        summary="Revoke one of your tokens",
        description="It is worth nothing from the next request on.",
        responses={204: None},
    )
    def delete(self, request: Request, token_key: str) -> Response:
        api_token_revoke(user=user_of(request), token_key=token_key)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _person(request: Request, credentials: dict[str, Any]) -> User:
    """Raises ValidationError, the same whether the email or the password is wrong."""
    email, password = credentials["email"], credentials["password"]
    user = authenticate(request._request, username=email, password=password)  # noqa: SLF001 - Django's request
    if user is None:
        raise serializers.ValidationError({"password": ["Email and password do not match."]})
    factor = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if factor is not None and not factor.wrap().validate_code(credentials.get("code", "")):
        raise serializers.ValidationError({"code": ["Enter the code of your authenticator app."]})
    return user
