"""Pictures of every page, light and dark, wide and narrow, for people to look at.

`python -m tests.e2e.screenshots DIRECTORY [WORD …]` fills a site of its own with the farm of `tests.scenarios`, serves
it on a free port and takes the pictures of the pages whose name holds one of the words (all without one). It ends with
status 1 when a page complained in its console or is wider than its window.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SIZES = {"wide": (1440, 900), "narrow": (420, 860)}
# A page that follows events holds its connection for as long as it is open: nobody waits for such.
QUIETLY = ("--threads", "16", "--log-level", "error", "--graceful-timeout", "1")
GRACE = 5.0  # seconds in which a server may end by itself
ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    directory, words = Path(sys.argv[1]), sys.argv[2:]
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="serpent-pictures-") as state:
        port = _free_port()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "serpent_infra.settings",
            "SERPENT_STATE_DIR": state,
            "SERPENT_WEB_BIND": f"127.0.0.1:{port}",
            "SERPENT_LIVE_URL": f"http://127.0.0.1:{port}",
            "SERPENT_BROKER_URL": "memory://",
        }
        uris, session = _fill(Path(state))
        uris = {name: uri for name, uri in uris.items() if not words or any(word in name for word in words)}
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--bind",
                f"127.0.0.1:{port}",
                *QUIETLY,
                "serpent_infra.wsgi:application",
            ],
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/search/")
            return _photograph(f"http://127.0.0.1:{port}", uris, session, directory)
        finally:
            end(server)


def end(server: subprocess.Popen[bytes], *, grace: float = GRACE) -> None:
    """Ends a server and all processes of its session: asks first, and does not ask twice."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(grace)
    with contextlib.suppress(ProcessLookupError):  # none of them is left
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _fill(state: Path) -> tuple[dict[str, str], str]:
    """Makes the site; gives its pages by name, and a session of the administrator."""
    import django  # noqa: PLC0415 - settings are read from here on

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - only after setup
    from django.test import Client  # noqa: PLC0415 - likewise
    from django.utils import timezone  # noqa: PLC0415 - likewise

    from tests.scenarios.campaigns import make_campaigns  # noqa: PLC0415 - likewise
    from tests.scenarios.farm import make_farm  # noqa: PLC0415 - likewise
    from tests.scenarios.pages import pages  # noqa: PLC0415 - likewise
    from tests.scenarios.proposals import make_proposal  # noqa: PLC0415 - likewise

    call_command("migrate", verbosity=0)
    farm = make_farm(timezone.now())
    make_campaigns(timezone.now())
    make_proposal(state / "proposal", timezone.now())
    client = Client()
    client.force_login(farm.people["ada"], backend="django.contrib.auth.backends.ModelBackend")
    return pages(farm), client.cookies["sessionid"].value


def _photograph(origin: str, uris: dict[str, str], session: str, directory: Path) -> int:
    from django.utils import timezone  # noqa: PLC0415 - after the environment is set

    from tests.e2e.chromium import Chromium, find_chromium  # noqa: PLC0415 - after the environment is set

    path = find_chromium()
    if path is None:
        sys.stderr.write("There is no Chromium on this machine.\n")
        return 1
    from avalanche.models import Builder  # noqa: PLC0415 - likewise

    faults = []
    with Chromium(path) as browser:
        for name, uri in uris.items():
            # Taking pictures takes longer than a builder may be silent.
            Builder.objects.filter(name__in=["anvil", "spark"]).update(seen_at=timezone.now())
            browser.send("Network.clearBrowserCookies")
            if not name.startswith("visitor-"):
                browser.send("Network.setCookie", name="sessionid", value=session, url=origin)
            for size, (width, height) in SIZES.items():
                for is_dark in (False, True):
                    browser.look_as(width=width, height=height, is_dark=is_dark)
                    browser.open(origin + uri)
                    shot = directory / f"{name}-{size}-{'dark' if is_dark else 'light'}.png"
                    browser.picture(shot)
                    wide = int(browser.ask("document.documentElement.scrollWidth"))
                    if wide > width:
                        browser.complaints.append(f"is {wide} px wide in a window of {width}")
                    faults += [f"{shot.name}: {complaint}" for complaint in browser.complaints]
                    browser.complaints.clear()
            sys.stdout.write(f"{name}\n")
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(uri: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(uri, timeout=2):  # noqa: S310 - our own server
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{uri} does not answer")


if __name__ == "__main__":
    sys.exit(main())
