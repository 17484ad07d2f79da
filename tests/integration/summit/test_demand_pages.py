"""Pages of builds and recipes say what attempts held, what a build asks for, and what was declared."""

import pytest
from django.test import Client
from django.utils.html import strip_tags

from summit.models import BuildTask, Requirement
from tests.integration import pages
from tests.scenarios.farm import Farm

farm, strict_templates = pages.farm, pages.strict_templates
pytestmark = pytest.mark.usefixtures("strict_templates")
GIB = 2**30


def words(client: Client, path: str) -> str:
    return " ".join(strip_tags(client.get(path).content.decode()).split())


def test_a_build_says_what_each_attempt_held_and_what_it_asks_for(client: Client, farm: Farm) -> None:
    task = farm.tasks["zlib"]
    text = words(client, task.get_absolute_url())
    assert "Held at most 768 MiB of memory, 2.50 GiB of disk" in text
    assert "Asks for" not in text
    BuildTask.objects.filter(pk=task.pk).update(memory_bytes=GIB)
    assert "Asks for 1.00 GiB of memory Wished for" in words(client, task.get_absolute_url())


def test_a_build_of_which_nothing_was_measured_says_nothing(client: Client, farm: Farm) -> None:
    farm.tasks["zlib"].attempts.update(memory_peak=None, disk_peak=None)
    assert "Held at most" not in words(client, farm.tasks["zlib"].get_absolute_url())


def test_a_recipe_says_what_building_it_takes(client: Client, farm: Farm) -> None:
    Requirement.objects.create(source_name="zlib", disk_bytes=50 * GIB)
    Requirement.objects.create(source_name="zlib", architecture="x86_64", memory_bytes=2 * GIB)
    text = words(client, "/~/serpent-os/main/zlib")
    assert "Takes 50.0 GiB of disk (declared)" in text
    assert (
        "Takes on x86_64 at most 768 MiB of memory, 2.50 GiB of disk (latest attempt) 2.00 GiB of memory (declared)"
    ) in text
    assert "Takes" not in words(client, "/~/serpent-os/main/vim")
