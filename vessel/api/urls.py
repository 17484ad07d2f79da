"""The addresses of vessel's REST API, below /api/v1/."""

from django.urls import path

from vessel.api import views

urlpatterns = [
    path("channels/", views.ChannelList.as_view(), name="api-channels"),
    path("channels/<slug:channel>/", views.ChannelDetail.as_view(), name="api-channel"),
    path("channels/<slug:channel>/versions/", views.VersionList.as_view(), name="api-versions"),
    path("channels/<slug:channel>/versions/<int:identifier>/", views.VersionDetail.as_view(), name="api-version"),
    path(
        "channels/<slug:channel>/versions/<int:identifier>/changes/",
        views.VersionChanges.as_view(),
        name="api-version-changes",
    ),
    path(
        "channels/<slug:channel>/versions/<int:identifier>/packages/",
        views.PackageList.as_view(),
        name="api-packages",
    ),
    path("channels/<slug:channel>/streams/<slug:stream>/move/", views.StreamMoves.as_view(), name="api-stream-move"),
    path("channels/<slug:channel>/tags/", views.Tags.as_view(), name="api-tags"),
    path("channels/<slug:channel>/tags/<slug:tag>/", views.TagDetail.as_view(), name="api-tag"),
]
