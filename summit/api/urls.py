"""The addresses of summit's REST API, below /api/v1/."""

from django.urls import path

from summit.api import builds, campaigns, controls, difference, recipes, security, webhooks, withdrawals

_REPOSITORY = "repositories/<slug:project>/<slug:repository>/"
_PROFILE = "projects/<slug:slug>/profiles/<slug:profile>/"
_LEFTOVERS = "projects/<slug:slug>/leftovers/"

urlpatterns = [
    path("projects/", recipes.ProjectList.as_view(), name="api-projects"),
    path("projects/<slug:slug>/", recipes.ProjectDetail.as_view(), name="api-project"),
    path("projects/<slug:slug>/controls/", controls.ControlList.as_view(), name="api-project-controls"),
    path("projects/<slug:slug>/pause/", controls.ProjectPause.as_view(), name="api-project-pause"),
    path("projects/<slug:slug>/resume/", controls.ProjectResume.as_view(), name="api-project-resume"),
    path(f"{_PROFILE}pause/", controls.ProfilePause.as_view(), name="api-profile-pause"),
    path(f"{_PROFILE}resume/", controls.ProfileResume.as_view(), name="api-profile-resume"),
    path(_LEFTOVERS, withdrawals.LeftoverList.as_view(), name="api-leftovers"),
    path(f"{_LEFTOVERS}<str:name>/", withdrawals.LeftoverDetail.as_view(), name="api-leftover"),
    path(f"{_LEFTOVERS}<str:name>/withdraw/", withdrawals.LeftoverWithdraw.as_view(), name="api-leftover-withdraw"),
    path("projects/<slug:slug>/withdrawals/", withdrawals.WithdrawalList.as_view(), name="api-withdrawals"),
    path("repositories/", recipes.RepositoryList.as_view(), name="api-repositories"),
    path(_REPOSITORY, recipes.RepositoryDetail.as_view(), name="api-repository"),
    path(f"{_REPOSITORY}refresh/", recipes.RepositoryRefresh.as_view(), name="api-repository-refresh"),
    path(f"{_REPOSITORY}webhook/", webhooks.RepositoryWebhook.as_view(), name="api-repository-webhook"),
    path("recipes/", recipes.RecipeList.as_view(), name="api-recipes"),
    path("recipes/<int:pk>/", recipes.RecipeDetail.as_view(), name="api-recipe"),
    path("recipes/<int:pk>/releases/", recipes.RecipeReleases.as_view(), name="api-recipe-releases"),
    path("recipes/<int:pk>/rebuild/", campaigns.RecipeRebuild.as_view(), name="api-recipe-rebuild"),
    path("campaigns/", campaigns.CampaignList.as_view(), name="api-campaigns"),
    path("campaigns/preview/", campaigns.CampaignPreview.as_view(), name="api-campaign-preview"),
    path("campaigns/<int:pk>/", campaigns.CampaignDetail.as_view(), name="api-campaign"),
    path("campaigns/<int:pk>/start/", campaigns.CampaignStart.as_view(), name="api-campaign-start"),
    path("campaigns/<int:pk>/publish/", campaigns.CampaignPublish.as_view(), name="api-campaign-publish"),
    path("campaigns/<int:pk>/abandon/", campaigns.CampaignAbandon.as_view(), name="api-campaign-abandon"),
    path("campaigns/<int:pk>/retry/", campaigns.CampaignRetry.as_view(), name="api-campaign-retry"),
    path("builds/", builds.BuildList.as_view(), name="api-builds"),
    path("builds/<int:pk>/", builds.BuildDetail.as_view(), name="api-build"),
    path("builds/<int:pk>/retry/", builds.BuildRetry.as_view(), name="api-build-retry"),
    path("builds/<int:pk>/cancel/", builds.BuildCancel.as_view(), name="api-build-cancel"),
    path("builds/<int:pk>/fail/", builds.BuildFail.as_view(), name="api-build-fail"),
    path("builds/<int:pk>/expedite/", builds.BuildExpedite.as_view(), name="api-build-expedite"),
    path("submissions/", builds.SubmissionList.as_view(), name="api-submissions"),
    path("submissions/<int:pk>/", builds.SubmissionDetail.as_view(), name="api-submission"),
    path("submissions/<int:pk>/diff/", difference.SubmissionDifference.as_view(), name="api-submission-diff"),
    path("submissions/<int:pk>/review/", builds.SubmissionReview.as_view(), name="api-submission-review"),
    path("submissions/<int:pk>/mark-security/", security.SubmissionMark.as_view(), name="api-submission-mark"),
    path("submissions/<int:pk>/unmark-security/", security.SubmissionUnmark.as_view(), name="api-submission-unmark"),
]
