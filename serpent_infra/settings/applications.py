"""Which applications a role installs: three pluggable apps on the hub, the agent's side alone on a builder."""

from serpent_infra.settings.environment import IS_HUB, env

# The pluggable apps of the hub; the site boots with any of them left out.
SERPENT_APPS: list[str] = env.list(
    "SERPENT_APPS", default=["summit", "avalanche", "vessel"] if IS_HUB else ["avalanche"]
)

_FOUNDATION = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "serpent_infra.accounts",
    "serpent_infra",
]
_HUB = [
    "django.contrib.admin",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_htmx",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "rest_framework",
    "drf_spectacular",
]

INSTALLED_APPS = [*SERPENT_APPS, *(_HUB if IS_HUB else []), *_FOUNDATION]

AUTH_USER_MODEL = "accounts.User"

MIDDLEWARE = (
    [
        "django.middleware.security.SecurityMiddleware",
        "serpent_infra.middleware.content_security_policy",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "django_htmx.middleware.HtmxMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ]
    if IS_HUB
    else ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
)
