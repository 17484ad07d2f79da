"""The addresses of avalanche's REST API, below /api/v1/."""

from django.urls import path

from avalanche.api import views

urlpatterns = [
    path("builders/", views.BuildersView.as_view(), name="api-builders"),
    path("builders/<slug:name>/", views.BuilderView.as_view(), name="api-builder"),
    path("attempts/<uuid:attempt>/", views.AttemptView.as_view(), name="api-attempt"),
]
