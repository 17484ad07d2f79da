"""The administration: every page of every model, and rights of a group on one repository, as a person gives them."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from summit.models import ControlEvent, Requirement, Share
from tests.scenarios.farm import Farm

# Some of Django's own pages read optional variables of their templates.
pytestmark = pytest.mark.filterwarnings("default")


def test_every_model_is_listed_added_and_shown(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    for model in admin.site._registry:
        label = model._meta.label
        place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listed = client.get(reverse(f"{place}_changelist"))
        assert listed.status_code == 200, label
        may_add = listed.context["cl"].model_admin.has_add_permission(listed.wsgi_request)
        assert client.get(reverse(f"{place}_add")).status_code == (200 if may_add else 403), label
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            assert client.get(reverse(f"{place}_change", args=[row.pk])).status_code == 200, label


def test_nobody_but_staff_enters(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["petra"])
    assert client.get(reverse("admin:index")).status_code == 302


def test_a_group_is_given_the_right_to_push_to_one_repository(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    client.post(reverse("admin:auth_group_add"), {"name": "plasma"})
    group = Group.objects.get(name="plasma")
    member = farm.people["petra"]
    member.groups.set([group])
    place = [farm.repository.pk, group.pk]
    assert not type(farm.repository).objects.get(pk=farm.repository.pk).can_push(type(member).objects.get(pk=member.pk))
    page = reverse("admin:summit_repository_permissions_manage_group", args=place)
    assert client.get(page).status_code == 200
    client.post(page, {"permissions": ["push_build"]})
    assert farm.repository.can_push(type(member).objects.get(pk=member.pk))


def test_shares_and_requirements_are_data_that_staff_edit(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    client.post(reverse("admin:summit_share_add"), {"key": "group:desktop", "weight": "0"})
    assert not Share.objects.exists()
    client.post(reverse("admin:summit_share_add"), {"key": "group:desktop", "weight": "2.5"})
    assert str(Share.objects.get()) == "group:desktop (2.5)"
    asked = {"source_name": "llvm", "architecture": "", "memory_bytes": str(2**34), "disk_bytes": "0"}
    client.post(reverse("admin:summit_requirement_add"), asked)
    assert Requirement.objects.get().memory_bytes == 2**34
    page = client.get(reverse("admin:summit_requirement_changelist"), {"q": "llvm"})
    assert page.context["cl"].result_count == 1


def test_a_profile_is_planned_once_it_or_its_remotes_are_changed(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    type(farm.profile).objects.update(plan_requested_at=None)
    page = reverse("admin:summit_profile_change", args=[farm.profile.pk])
    form = client.get(page).context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields}
    sent |= {"remotes-TOTAL_FORMS": "1", "remotes-INITIAL_FORMS": "0", "remotes-0-priority": "1"}
    sent |= {"remotes-0-name": "upstream", "remotes-0-index_uri": "https://packages.example/stone.index"}
    answer = client.post(page, sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert farm.profile.remotes.filter(name="upstream").exists()
    assert type(farm.profile).objects.plan_overdue().filter(pk=farm.profile.pk).exists()


def test_a_repository_may_follow_the_default_branch_of_its_origin(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    page = reverse("admin:summit_repository_change", args=[farm.repository.pk])
    form = client.get(page).context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields if form[name].value() is not False} | {"branch": ""}
    answer = client.post(page, sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    farm.repository.refresh_from_db()
    assert not farm.repository.branch
    assert "the origin's default" in client.get(farm.repository.get_absolute_url()).content.decode()


def test_pausing_is_no_matter_of_the_administration(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    for kind, row in (("project", farm.project), ("profile", farm.profile)):
        page = reverse(f"admin:summit_{kind}_change", args=[row.pk])
        form = client.get(page).context["adminform"].form
        assert "is_paused" not in form.fields
        sent = {name: form[name].value() or "" for name in form.fields} | {"is_paused": "on"}
        sent |= {"remotes-TOTAL_FORMS": "0", "remotes-INITIAL_FORMS": "0"}
        answer = client.post(page, sent)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        row.refresh_from_db()
        assert not row.is_paused
    assert not ControlEvent.objects.exists()
