"""Real software through the whole system: zlib, libpng against vessel's zlib, GNU hello; in nspawn on Debian."""

import os
import shutil
from pathlib import Path

import pytest
import requests

from serpent_infra.demo import proof
from serpent_infra.demo.collection import Collection
from tests.e2e.debian import Debian, debootstrap, download_sources
from tests.e2e.running_farm import ROOT, RunningFarm, farm_environment, running_farm

pytestmark = [pytest.mark.slow, pytest.mark.nspawn, pytest.mark.xdist_group("farm")]

UPSTREAMS = ROOT / "tests" / "data" / "upstreams"
BUILD_SECONDS = 600


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Debian:
    """A base image, kept in the project's own cache directory between runs, and the sources."""
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("real builds in systemd-nspawn need root and systemd-nspawn")
    base = ROOT / ".cache" / "debian-base"
    debootstrap(base)
    work = tmp_path_factory.mktemp("sources")
    download_sources(work / "cache", work)
    return Debian(base_image=base, source_cache=work / "cache")


def test_libpng_builds_on_published_zlib_and_runs_from_the_repository(debian: Debian, tmp_path: Path) -> None:
    collection = Collection(tmp_path / "git")
    recipes = tmp_path / "recipes"
    shutil.copytree(UPSTREAMS, recipes)
    shutil.copytree(ROOT / "examples" / "recipes" / "base-libc", recipes / "base-libc")
    collection.create(recipes)
    environment = farm_environment(
        tmp_path / "state",
        SERPENT_SANDBOX="nspawn",
        SERPENT_BASE_IMAGE=str(debian.base_image),
        SERPENT_SOURCE_CACHE=str(debian.source_cache),
    )
    with running_farm(["up"], environment) as farm:
        farm.wait_until_up()
        farm.manage("add_project", "real", "--profile", "x86_64")
        farm.manage("add_repository", "real", str(collection.origin))
        wanted = {"zlib", "libpng", "hello", "base-libc", "png-version"}
        farm.wait_until(lambda: settled(farm, wanted), seconds=BUILD_SECONDS, what="the end of all builds")
        assert {build["source_name"]: build["status"] for build in builds(farm)} == dict.fromkeys(wanted, "completed")
        order = {build["source_name"]: build["ended_at"] for build in builds(farm)}
        assert order["zlib"] < order["libpng"] < order["png-version"]

        root = fill(farm, tmp_path / "proof", ["png-version", "hello"])
        assert proof.run_inside(root, ["/usr/bin/png-version"]) == "libpng 1.6.39 on zlib 1.2.13\n"
        assert proof.run_inside(root, ["/usr/bin/hello"]) == "Hello, world!\n"
        assert isolation(farm) == {"nspawn"}


def builds(farm: RunningFarm) -> list[dict[str, str]]:
    results: list[dict[str, str]] = requests.get(f"{farm.hub_url}/api/v1/builds/", timeout=10).json()["results"]
    return results


def settled(farm: RunningFarm, wanted: set[str]) -> bool:
    found = builds(farm)
    over = {"completed", "failed", "cancelled", "blocked"}
    return {build["source_name"] for build in found} >= wanted and all(build["status"] in over for build in found)


def fill(farm: RunningFarm, directory: Path, wanted: list[str]) -> Path:
    published = proof.read_published(
        base_uri=f"{farm.hub_url}/repository", channel="real", stream="volatile", architecture="x86_64"
    )
    stones = proof.download_all(published, directory / "stones")
    chosen = proof.closure(published.packages, wanted)
    proof.fill_root(directory / "root", [stones[meta.name] for meta in chosen])
    return directory / "root"


def isolation(farm: RunningFarm) -> set[str]:
    """Asks the database which sandbox the attempts ran in."""
    text = farm.manage(
        "shell", "-c", "from avalanche.models import Attempt\nfor a in Attempt.objects.all(): print(a.isolation)"
    )
    return {line for line in text.splitlines() if line and "imported" not in line}
