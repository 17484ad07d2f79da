"""The addresses of avalanche."""

from django.urls import URLPattern, URLResolver, include, path

from avalanche.views import builders, log

app_name = "avalanche"
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/agent/v1/", include("avalanche.api.agent.urls")),
    path("api/v1/", include("avalanche.api.urls")),
    path("builders/", builders.builder_list, name="builder_list"),
    path("builders/<slug:name>/", builders.builder_detail, name="builder_detail"),
    path("builders/<slug:name>/drain/", builders.builder_drain, name="builder_drain"),
    path("builders/<slug:name>/resume/", builders.builder_resume, name="builder_resume"),
    path("attempts/<uuid:attempt>/log", log.log, name="attempt-log"),
    path("attempts/<uuid:attempt>/log/stream", log.stream, name="attempt-log-stream"),
]
