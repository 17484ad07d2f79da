"""The faces of withdrawing: the project's and the recipe's page, the look before it, the button, the API."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm
from rest_framework.test import APIClient

from serpent_infra.accounts.models import User
from summit import permissions, withdrawing
from summit.models import Profile, Repository
from tests.factories.summit import AT, make_user
from tests.integration.summit.withdrawing.acting import offered, order, remove

pytestmark = pytest.mark.django_db


def page_of(name: str = "nano") -> str:
    return reverse("summit:withdrawal", args=["main", name])


def test_the_right_is_one_of_its_own(profile: Profile, ada: User) -> None:
    repository = profile.project.repositories.get()
    pusher, manager = make_user("push"), make_user("mary")
    assign_perm("summit.push_build", pusher, repository)
    assign_perm("summit.manage", manager, repository)
    may = {user.username: repository.can_withdraw(user) for user in (ada, pusher, manager)}
    assert may == {"ada": True, "push": False, "mary": True}
    assert permissions.holds(ada, permissions.VIEW, repository)
    assert not repository.can_push(ada)


def test_project_and_recipe_say_what_is_left(profile: Profile, client: Client) -> None:
    recipe = remove("nano")
    project = client.get(reverse("summit:project_detail", args=["main"])).content.decode()
    assert "Removed from git, still published" in project
    assert page_of() in project
    assert "Nothing of it goes by itself" in project
    page = client.get(recipe.get_absolute_url()).content.decode()
    assert "Removed from git, still published" in page
    assert "2 packages" in page


def test_a_visitor_sees_who_needs_it_and_no_button(profile: Profile, client: Client) -> None:
    remove("zlib")
    page = client.get(page_of("zlib")).content.decode()
    for text in ("zlib-devel", "1 published package and 1 recipe need it", "libpng", "binary(zlib)"):
        assert text in page
    assert '<form class="card-body' not in page
    assert client.post(page_of("zlib"), {"reason": "x", "seen": "x"}).status_code == 403
    assert client.get(page_of("nowhere")).status_code == 404
    assert client.get(page_of("nano")).status_code == 404, "it is not gone"


def test_the_button_withdraws_once_it_is_confirmed(profile: Profile, place: Path, client: Client, ada: User) -> None:
    remove("zlib")
    client.force_login(ada)
    form = client.get(page_of("zlib")).context["form"]
    asked = {"reason": "<b>old</b>", "seen": form.initial["seen"]}
    answer = client.post(page_of("zlib"), asked)
    assert answer.status_code == 400
    assert "say that zlib shall go anyway" in answer.content.decode()
    assert client.post(page_of("zlib"), asked | {"reason": ""}).status_code == 400
    assert client.post(page_of("zlib"), asked | {"seen": "other", "is_confirmed": "on"}).status_code == 409
    assert client.post(page_of("zlib"), asked | {"is_confirmed": "on"}).status_code == 302
    assert "leave in a moment" in client.get(page_of("zlib")).content.decode()
    withdrawing.sweep(at=AT)
    page = client.get(page_of("zlib")).content.decode()
    assert "&lt;b&gt;old&lt;/b&gt;" in page
    assert "2 packages left in version" in page
    assert client.post(page_of("zlib"), asked).status_code == 409
    assert offered(place) == {"libpng", "libpng-devel", "nano", "nano-devel"}


def test_the_api_looks_and_withdraws(profile: Profile, place: Path, ada: User) -> None:
    remove("zlib")
    api = APIClient()
    base = "/api/v1/projects/main/leftovers/"
    [row] = api.get(base).json()
    assert (row["source_name"], row["count"], row["repository"]) == ("zlib", 2, "recipes")
    detail = api.get(f"{base}zlib/").json()
    assert detail["needed_by"]["packages"] == [
        {"package": "libpng 1.0-1 (x86_64, build 1)", "stream": "main/volatile", "needs": "binary(zlib)"}
    ]
    assert detail["needed_by"]["recipes"] == [{"recipe": "libpng", "repository": "recipes", "needs": "binary(zlib)"}]
    wish = {"reason": "old", "seen": detail["seen"]}
    assert api.post(f"{base}zlib/withdraw/", wish, format="json").status_code in {401, 403}
    api.force_authenticate(make_user("eve"))
    assert api.post(f"{base}zlib/withdraw/", wish, format="json").status_code == 403
    api.force_authenticate(ada)
    assert api.post(f"{base}zlib/withdraw/", {"seen": "x"}, format="json").status_code == 400
    answer = api.post(f"{base}zlib/withdraw/", wish, format="json")
    assert (answer.status_code, "shall go anyway" in str(answer.json())) == (409, True)
    answer = api.post(f"{base}zlib/withdraw/", wish | {"is_confirmed": True}, format="json")
    assert (answer.status_code, answer.json()[0]["status"]) == (202, "ordered")
    assert api.post(f"{base}zlib/withdraw/", wish | {"is_confirmed": True}, format="json").status_code == 409
    withdrawing.sweep(at=AT)
    [row] = api.get("/api/v1/projects/main/withdrawals/").json()["results"]
    assert (row["actor"], row["status"], row["removed"]) == ("ada", "done", ["zlib", "zlib-devel"])
    assert api.get(f"{base}zlib/").status_code == 404


def test_a_private_repository_tells_strangers_nothing(profile: Profile, client: Client) -> None:
    remove("nano")
    Repository.objects.update(is_private=True)
    assert client.get(page_of()).status_code == 404
    assert APIClient().get("/api/v1/projects/main/leftovers/").json() == []


def test_the_administration_shows_withdrawals_and_changes_none(profile: Profile, client: Client) -> None:
    remove("nano")
    row = order(profile)
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert "nobody uses it" in client.get(reverse("admin:summit_withdrawal_changelist")).content.decode()
    page = client.get(reverse("admin:summit_withdrawal_change", args=[row.pk]))
    assert "nobody uses it" in page.content.decode()
    assert client.get(reverse("admin:summit_withdrawal_add")).status_code == 403
    project = client.get(reverse("admin:summit_project_change", args=[profile.project.pk])).content.decode()
    assert "withdraws_after_days" in project
