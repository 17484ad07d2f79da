"""The administration: every page of every model, and rights of a group on one repository, as a person gives them."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

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
