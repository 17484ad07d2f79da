"""Secrets, hosts, cookies, and how people sign in."""

from urllib.parse import urlsplit

from serpent_infra.settings.environment import IS_HUB, SERPENT_PRODUCTION, embedded_secret, env
from serpent_infra.settings.installation import SERPENT_BUILDER_URL

# A builder signs nothing with Django's key: its own, kept beside its other state, will do in production, too.
SECRET_KEY: str = (
    env.str("SERPENT_SECRET_KEY")
    if SERPENT_PRODUCTION and IS_HUB
    else env.str("SERPENT_SECRET_KEY", default="") or embedded_secret("django")
)
DEBUG: bool = env.bool("SERPENT_DEBUG", default=False)
_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS: list[str] = (
    env.list("SERPENT_ALLOWED_HOSTS", **({} if SERPENT_PRODUCTION else {"default": _LOOPBACK}))
    if IS_HUB
    else [urlsplit(SERPENT_BUILDER_URL).hostname or "", *_LOOPBACK]
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("SERPENT_TRUSTED_ORIGINS", default=[])

if SERPENT_PRODUCTION and IS_HUB:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31536000
    SECURE_SSL_REDIRECT = True
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

if IS_HUB:
    AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
        "guardian.backends.ObjectPermissionBackend",
    ]
    ANONYMOUS_USER_NAME = None  # guardian: visitors are nobody's account
    LOGIN_REDIRECT_URL = "/"
    LOGIN_URL = "account_login"
    ACCOUNT_LOGIN_METHODS = {"username", "email"}
    ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
    ACCOUNT_EMAIL_VERIFICATION = "mandatory" if SERPENT_PRODUCTION else "optional"
    ACCOUNT_ADAPTER = "serpent_infra.accounts.adapters.AccountAdapter"
    # Who may open an account: nobody by default, an administrator invites; a public farm says true.
    SERPENT_OPEN_SIGNUP: bool = env.bool("SERPENT_OPEN_SIGNUP", default=False)
    MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
    MFA_PASSKEY_LOGIN_ENABLED = True
    EMAIL_CONFIG = env.email_url("SERPENT_EMAIL_URL", default="consolemail://")
    vars().update(EMAIL_CONFIG)
