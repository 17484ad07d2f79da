"""Every address of the hub; an app that is not installed has none."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from serpent_infra.health import health


def _hub() -> list[URLPattern | URLResolver]:
    from django.contrib import admin  # noqa: PLC0415 - not installed on a builder
    from drf_spectacular.views import SpectacularAPIView  # noqa: PLC0415 - likewise

    from serpent_infra import views  # noqa: PLC0415 - likewise

    return [
        path("health/", health, name="health"),
        path("admin/", admin.site.urls),
        path("accounts/", include("allauth.urls")),
        path("api/v1/schema/", SpectacularAPIView.as_view(), name="api-schema"),
        path("search/", views.search, name="search"),
        path("", include("serpent_infra.accounts.urls")),
        *(path("", include(f"{app}.urls")) for app in ("vessel", "avalanche", "summit") if apps.is_installed(app)),
        path("", views.home, name="home"),  # where summit, whose page stands here, is not installed
    ]


urlpatterns = _hub()
