"""The addresses of summit."""

from django.urls import URLPattern, URLResolver, include, path

from summit.views import (
    builds,
    campaigns,
    controls,
    home,
    projects,
    queue,
    rebuilds,
    recipes,
    repositories,
    submissions,
    webhooks,
    withdrawals,
)

app_name = "summit"
_COLLECTION = "~/<slug:project>/<slug:repository>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("summit.api.urls")),
    path("", home.home, name="home"),
    path("collections/", projects.project_list, name="project_list"),
    path("~/<slug:project>", projects.project_detail, name="project_detail"),
    path(_COLLECTION, repositories.repository_detail, name="repository_detail"),
    path(f"{_COLLECTION}/-/refresh", repositories.repository_refresh, name="repository_refresh"),
    path(f"{_COLLECTION}/-/webhook", webhooks.repository_webhook, name="repository_webhook"),
    path(f"{_COLLECTION}/-/webhook/remove", webhooks.webhook_remove, name="webhook_remove"),
    path("hooks/<slug:project>/<slug:repository>/", webhooks.receive, name="webhook"),
    path(f"{_COLLECTION}/<str:name>", recipes.recipe_detail, name="recipe_detail"),
    path("builds/", builds.build_list, name="build_list"),
    path("builds/<int:pk>/", builds.build_detail, name="build_detail"),
    path("builds/<int:pk>/attempts/<int:number>/<str:name>", builds.build_manifest, name="build_manifest"),
    path("builds/<int:pk>/retry/", controls.build_retry, name="build_retry"),
    path("builds/<int:pk>/cancel/", controls.build_cancel, name="build_cancel"),
    path("builds/<int:pk>/expedite/", controls.build_expedite, name="build_expedite"),
    path("builds/<int:pk>/fail/", controls.build_fail, name="build_fail"),
    path("projects/<slug:project>/pause/", controls.project_pause, name="project_pause"),
    path("projects/<slug:project>/resume/", controls.project_resume, name="project_resume"),
    path("projects/<slug:project>/profiles/<slug:profile>/pause/", controls.profile_pause, name="profile_pause"),
    path("projects/<slug:project>/profiles/<slug:profile>/resume/", controls.profile_resume, name="profile_resume"),
    path("projects/<slug:project>/withdraw/<str:name>/", withdrawals.withdrawal, name="withdrawal"),
    path("attempts/<uuid:attempt>/", builds.attempt, name="attempt"),
    path("campaigns/", campaigns.campaign_list, name="campaign_list"),
    path("campaigns/new/", campaigns.campaign_new, name="campaign_new"),
    path("campaigns/create/", campaigns.campaign_create, name="campaign_create"),
    path("campaigns/<int:pk>/", campaigns.campaign_detail, name="campaign_detail"),
    path("campaigns/<int:pk>/start/", campaigns.campaign_start, name="campaign_start"),
    path("campaigns/<int:pk>/publish/", campaigns.campaign_publish, name="campaign_publish"),
    path("campaigns/<int:pk>/abandon/", campaigns.campaign_abandon, name="campaign_abandon"),
    path("campaigns/<int:pk>/retry/", campaigns.campaign_retry, name="campaign_retry"),
    path("recipes/<int:pk>/rebuild/", rebuilds.recipe_rebuild, name="recipe_rebuild"),
    path("queue/", queue.queue, name="queue"),
    path("submissions/<int:pk>/", submissions.submission_detail, name="submission_detail"),
    path("submissions/<int:pk>/review/", submissions.submission_review, name="submission_review"),
    path("submissions/<int:pk>/impact/", submissions.submission_impact, name="submission_impact"),
    path("submissions/<int:pk>/mark-security/", submissions.submission_mark, name="submission_mark"),
    path("submissions/<int:pk>/unmark-security/", submissions.submission_unmark, name="submission_unmark"),
]
