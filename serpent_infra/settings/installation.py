"""Addresses and directories of our own services, and what a builder builds with."""

from pathlib import Path

from serpent_infra.settings.environment import SERPENT_PRODUCTION, SERPENT_STATE_DIR, env

# Where each process listens (host:port), and how the world reaches it.
SERPENT_WEB_BIND: str = env.str("SERPENT_WEB_BIND", default="127.0.0.1:8000")
SERPENT_LIVE_BIND: str = env.str("SERPENT_LIVE_BIND", default="127.0.0.1:8001")
# How many may follow logs through one process, a thread each; the process for live streams is started with many more.
SERPENT_FOLLOWERS: int = env.int("SERPENT_FOLLOWERS", default=4)
SERPENT_BUILDER_BIND: str = env.str("SERPENT_BUILDER_BIND", default="127.0.0.1:8002")
SERPENT_HUB_URL: str = env.str("SERPENT_HUB_URL", default=f"http://{SERPENT_WEB_BIND}").rstrip("/")
SERPENT_LIVE_URL: str = env.str(
    "SERPENT_LIVE_URL", default=SERPENT_HUB_URL if SERPENT_PRODUCTION else f"http://{SERPENT_LIVE_BIND}"
).rstrip("/")
# The published tree: `<repository>/<channel>/moss-root-index.json`.
SERPENT_REPOSITORY_URL: str = env.str("SERPENT_REPOSITORY_URL", default=f"{SERPENT_HUB_URL}/repository").rstrip("/")
SERPENT_BUILDER_URL: str = env.str("SERPENT_BUILDER_URL", default=f"http://{SERPENT_BUILDER_BIND}").rstrip("/")

# The hub's directories.
SERPENT_SECRETS_DIR: Path = SERPENT_STATE_DIR / "secrets"
SERPENT_MIRRORS_DIR: Path = SERPENT_STATE_DIR / "mirrors"
SERPENT_LOGS_DIR: Path = SERPENT_STATE_DIR / "logs"
SERPENT_PUBLIC_DIR: Path = Path(env.str("SERPENT_PUBLIC_DIR", default=str(SERPENT_STATE_DIR / "public")))
SERPENT_IMPORTS_DIR: Path = SERPENT_STATE_DIR / "imports"

# The hub's patience, in seconds.
SERPENT_GIT_TIMEOUT: int = env.int("SERPENT_GIT_TIMEOUT", default=600)
SERPENT_OFFER_SECONDS: int = env.int("SERPENT_OFFER_SECONDS", default=60)
SERPENT_LEASE_SECONDS: int = env.int("SERPENT_LEASE_SECONDS", default=45)
SERPENT_BUILD_SECONDS: int = env.int("SERPENT_BUILD_SECONDS", default=6 * 3600)
SERPENT_SECURITY_RESERVE: float = env.float("SERPENT_SECURITY_RESERVE", default=0.5)
SERPENT_SILENCE_SECONDS: int = env.int("SERPENT_SILENCE_SECONDS", default=3600)
SERPENT_LOG_BYTES: int = env.int("SERPENT_LOG_BYTES", default=256 * 2**20)
# How long a second person has to decide, and the artefacts of one build to be taken in.
SERPENT_REVIEW_DAYS: int = env.int("SERPENT_REVIEW_DAYS", default=14)
# How long what was built waits for a builder of another owner, where a profile wants all built twice.
SERPENT_VERIFICATION_HOURS: int = env.int("SERPENT_VERIFICATION_HOURS", default=24)
SERPENT_IMPORT_SECONDS: int = env.int("SERPENT_IMPORT_SECONDS", default=4 * 3600)
SERPENT_RETENTION_DAYS: int = env.int("SERPENT_RETENTION_DAYS", default=14)
SERPENT_ARTEFACT_BYTES: int = env.int("SERPENT_ARTEFACT_BYTES", default=8 * 2**30)

# A builder's directories and means.
SERPENT_BUILDER_DIR: Path = SERPENT_STATE_DIR / "builder"
SERPENT_BUILDER_NAME: str = env.str("SERPENT_BUILDER_NAME", default="embedded")
SERPENT_SLOTS: int = env.int("SERPENT_SLOTS", default=2)
# Which slot a Celery worker serves; the supervisor or the unit sets it for each.
SERPENT_SLOT: int = env.int("SERPENT_SLOT", default=0)
SERPENT_SANDBOX: str = env.str("SERPENT_SANDBOX", default="auto")  # auto, nspawn or bubblewrap
SERPENT_BUILD_TOOL: str = env.str("SERPENT_BUILD_TOOL", default="builtin")  # or an import path
# The root directory whose /usr lies under every build root: a debootstrapped Debian, or this machine's own.
SERPENT_BASE_IMAGE: Path = Path(env.str("SERPENT_BASE_IMAGE", default="/"))
# Upstreams by sha256, a directory or a URL, asked before the upstream site.
SERPENT_SOURCE_CACHE: str = env.str("SERPENT_SOURCE_CACHE", default="")
SERPENT_MINIMUM_FREE_BYTES: int = env.int("SERPENT_MINIMUM_FREE_BYTES", default=2 * 2**30)
SERPENT_SAMPLE_SECONDS: float = env.float("SERPENT_SAMPLE_SECONDS", default=5.0)
