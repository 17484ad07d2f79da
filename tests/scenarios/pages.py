"""The address of every page of the farm, by name; names that begin with `visitor-` are looked at without signing in."""

from urllib.parse import urlencode

from django.urls import reverse

from summit.models import Campaign, Submission
from tests.scenarios.farm import Farm


def preview_of(campaign: Campaign) -> str:
    """Gives the question that the form of a new campaign asks, as an address writes it."""
    return urlencode({"profile": campaign.profile_id, "kind": campaign.kind, "argument": campaign.argument})


def pages(farm: Farm) -> dict[str, str]:
    collection = ["serpent-os", "main"]
    version = farm.tasks["zlib"].published_version
    from vessel.models import Version  # noqa: PLC0415 - vessel may be left out of a site

    newest = Version.objects.order_by("-identifier").first()
    oldest = Version.objects.order_by("identifier").first()
    assert newest is not None
    assert oldest is not None
    assert version
    return {
        "home": reverse("summit:home"),
        "collections": reverse("summit:project_list"),
        "project": reverse("summit:project_detail", args=["serpent-os"]),
        "repository": reverse("summit:repository_detail", args=collection),
        "repository-broken": reverse("summit:repository_detail", args=collection) + "?state=broken",
        "repository-webhook": reverse("summit:repository_webhook", args=collection),
        "recipe": reverse("summit:recipe_detail", args=[*collection, "curl"]),
        "recipe-broken": reverse("summit:recipe_detail", args=[*collection, "nano"]),
        "builds": reverse("summit:build_list"),
        "build-building": farm.tasks["glib"].get_absolute_url(),
        "build-completed": farm.tasks["zlib"].get_absolute_url(),
        "build-failed": farm.tasks["openssl"].get_absolute_url(),
        "build-blocked": farm.tasks["vim"].get_absolute_url(),
        "build-queued": farm.tasks["gtk-4"].get_absolute_url(),
        "queue": reverse("summit:queue"),
        "campaigns": reverse("summit:campaign_list"),
        "campaign-new": reverse("summit:campaign_new"),
        **{f"campaign-{campaign.status}": campaign.get_absolute_url() for campaign in Campaign.objects.order_by("pk")},
        **(
            {"campaign-preview": f"{reverse('summit:campaign_new')}?{preview_of(campaign)}"}
            if (campaign := Campaign.objects.filter(status="draft").first())
            else {}
        ),
        "submission": farm.submission.get_absolute_url(),
        **(
            {"submission-proposal": proposal.get_absolute_url()}
            if (proposal := Submission.objects.filter(repository__project__slug="proposals").last())
            else {}
        ),
        "submission-impact": reverse("summit:submission_impact", args=[farm.submission.pk]),
        "builders": reverse("avalanche:builder_list"),
        "builder": reverse("avalanche:builder_detail", args=["anvil"]),
        "builder-silent": reverse("avalanche:builder_detail", args=["kiln"]),
        "builder-new": reverse("avalanche:builder_detail", args=["newcomer"]),
        "channels": reverse("vessel:channel_list"),
        "channel": reverse("vessel:channel_detail", args=["main"]),
        "stream": reverse("vessel:stream_detail", args=["main", "volatile"]),
        "versions": reverse("vessel:version_list", args=["main"]),
        "version": reverse("vessel:version_detail", args=["main", newest.pk]),
        "compare": reverse("vessel:version_compare", args=["main"])
        + f"?from={newest.pk}&to={oldest.pk}&stream=volatile",
        "package": reverse("vessel:package_detail", args=["main", "zlib"]),
        "users": reverse("users"),
        "user": reverse("user", args=["petra"]),
        "profile": reverse("profile"),
        "search": reverse("search") + "?q=zl",
        "search-nothing": reverse("search") + "?q=nothing-is-called-so",
        "visitor-home": reverse("summit:home"),
        "visitor-sign-in": reverse("account_login"),
        "visitor-sign-up": reverse("account_signup"),
        "visitor-reset": reverse("account_reset_password"),
        "sign-out": reverse("account_logout"),
        "password": reverse("account_change_password"),
        "addresses": reverse("account_email"),
        "second-factor": reverse("mfa_index"),
        "not-found": "/no/such/page/",
    }
