"""The addresses that a builder machine serves."""

from django.urls import URLPattern, URLResolver, path

from avalanche.agent import views

handler400 = "avalanche.agent.views.bad_request"
handler404 = "avalanche.agent.views.not_found"
handler500 = "avalanche.agent.views.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.status, name="builder-status"),
    path("health", views.health, name="builder-health"),
    path("artefacts/<uuid:attempt>/<str:name>", views.artefact, name="builder-artefact"),
]
