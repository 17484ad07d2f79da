"""The addresses of vessel: its pages under `channels/`, the REST API, and the published tree."""

from django.urls import URLPattern, URLResolver, include, path

from vessel import serving
from vessel.views import channels, moves, packages, versions

app_name = "vessel"
urlpatterns: list[URLPattern | URLResolver] = [
    path("repository/<slug:channel>/<path:path>", serving.published_file, name="published_file"),
    path("api/v1/", include("vessel.api.urls")),
    path("channels/", channels.channel_list, name="channel_list"),
    path("channels/<slug:channel>/", channels.channel_detail, name="channel_detail"),
    path("channels/<slug:channel>/stream/<slug:stream>/", channels.stream_detail, name="stream_detail"),
    path("channels/<slug:channel>/stream/<slug:stream>/move/", moves.stream_move, name="stream_move"),
    path("channels/<slug:channel>/compare/", moves.compare, name="version_compare"),
    path("channels/<slug:channel>/versions/", channels.version_list, name="version_list"),
    path("channels/<slug:channel>/versions/<int:identifier>/", versions.version_detail, name="version_detail"),
    path("channels/<slug:channel>/packages/<path:name>/", packages.package_detail, name="package_detail"),
]
