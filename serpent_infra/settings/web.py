"""Templates, static files, the REST API."""

from serpent_infra.settings.environment import IS_HUB, PROJECT_DIR, SERPENT_STATE_DIR

# A builder serves no page of the site, its error pages least of all: they link into the hub.
ROOT_URLCONF = "serpent_infra.urls" if IS_HUB else "avalanche.agent.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "serpent_infra.context_processors.site",
            ]
            if IS_HUB
            else ["django.template.context_processors.request"],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [PROJECT_DIR / "static"]
STATIC_ROOT = SERPENT_STATE_DIR / "static"
# Files are found where they lie: no collectstatic before the first page; production collects and compresses.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "serpent_infra.accounts.authentication.ServiceTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "serpent_infra.api.pagination.StandardPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "serpent_infra.api.problems.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Serpent infrastructure",
    "DESCRIPTION": "Projects, recipes, builds, builders and published versions.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PUBLIC": True,
    # Several things have a status; each keeps a name of its own in the schema.
    "ENUM_NAME_OVERRIDES": {
        "BuildStatusEnum": "summit.states.TaskStatus",
        "CampaignStatusEnum": "summit.states.CampaignStatus",
        "CampaignKindEnum": "summit.models.CampaignKind",
    },
}
