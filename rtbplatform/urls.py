"""Every address of the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from rtbplatform.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("rtbplatform.console.urls")),
]
