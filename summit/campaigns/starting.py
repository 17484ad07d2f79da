"""Starting a campaign: a person orders it, a worker makes its stream and its builds; done twice it is done once."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from serpent_infra.words import listed
from summit import doorbell, ordering, permissions, planning, publishing
from summit.campaigns.selection import BadArgument, Member, Selection, select
from summit.models import BuildTask, Campaign, CampaignKind, Profile, Recipe, Repository
from summit.rebuilding import build_releases, rebuild_submission
from summit.states import CampaignStatus, IllegalTransition

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


def draft(
    profile: Profile, kind: CampaignKind, argument: str, *, title: str = "", why: str = "", by: "User", at: datetime
) -> Campaign:
    """Keeps a campaign to be looked at; raises `BadArgument` where it would rebuild nothing."""
    selection = _check(select(profile, kind, argument, user=by))
    return Campaign.draft(
        profile=profile,
        kind=kind,
        argument=argument.strip(),
        title=title.strip() or title_of(kind, argument.strip()),
        why=why.strip(),
        repositories=Repository.objects.filter(pk__in=selection.repositories),
        by=by,
        at=at,
    )


def title_of(kind: CampaignKind, argument: str) -> str:
    """Gives a campaign the title that its maker did not."""
    match kind:
        case CampaignKind.TREE:
            return "Rebuild everything"
        case CampaignKind.LIST:
            return f"Rebuild {listed(argument.replace(',', ' ').split(), most=3)}"
        case CampaignKind.REACH:
            return f"Rebuild all that {argument} reaches"
        case _:
            return f"Rebuild what depends on {argument}"


def _check(selection: Selection) -> Selection:
    if not selection.members:
        name, why = selection.left_out[0] if selection.left_out else ("", "")
        raise BadArgument(f"there is nothing to rebuild{f': of {name}, {why}' if why else ''}")
    return selection


def start(campaign: Campaign, *, actor: "User", at: datetime) -> None:
    """Orders a draft to be started; raises `IllegalTransition`."""
    with transaction.atomic():
        campaign.order_start(actor=actor, sentence="started by a person", at=at)
        doorbell.ring(doorbell.CAMPAIGN, campaign=campaign.pk)


def begin(campaign: Campaign, *, at: datetime) -> None:
    """Makes the stream and the builds of a campaign that is starting; where it cannot, it is a draft that says why."""
    try:
        _begin(campaign, at=at)
    except IllegalTransition:  # another worker has begun it; or it was abandoned, and the stream is cleared up with it
        campaign.refresh_from_db()


def _begin(campaign: Campaign, *, at: datetime) -> None:
    try:
        publishing.branch(campaign, at=at)
        with transaction.atomic():
            ordering.lock(campaign.profile)
            _make(campaign, at=at)
    except (publishing.StreamUnfit, BadArgument) as error:
        campaign.fail_to_start(problem=str(error), at=at)


def _make(campaign: Campaign, *, at: datetime) -> None:
    """Chooses anew, as the person who started it, against the stream that now stands."""
    actor = campaign.events.filter(target=CampaignStatus.STARTING).latest("pk").actor
    if actor is None:
        raise BadArgument("whoever started it is no longer here")
    profile, kind = campaign.profile, CampaignKind(campaign.kind)
    selection = _check(select(profile, kind, campaign.argument, user=actor, campaign=campaign))
    repositories = Repository.objects.filter(pk__in=selection.repositories)
    if not permissions.can_rebuild(actor, repositories):
        raise BadArgument(f"{actor.get_username()} may not push to every repository that it concerns")
    left_out = list(selection.left_out)
    campaign.run(left_out=left_out, sentence=f"{len(selection.members)} builds are queued", at=at)
    campaign.repositories.set(repositories)
    tasks = _tasks(campaign, selection.members, by=actor, at=at)
    planning.save_all(tasks, actor=actor, at=at)
    ordering.reorder(profile, campaign=campaign, at=at)


def _tasks(campaign: Campaign, members: tuple[Member, ...], *, by: "User", at: datetime) -> list[BuildTask]:
    profile = campaign.profile
    recipes = Recipe.objects.select_related("repository").in_bulk([member.key for member in members])
    submissions = {
        repository.pk: rebuild_submission(
            repository, title=f"Campaign {campaign.pk}: {campaign.title}", by=by, profile=profile, at=at
        )
        for repository in {recipe.repository for recipe in recipes.values()}
    }
    times = planning.estimates_of(profile, [member.name for member in members])
    stream = publishing.stream_of(profile, campaign)
    numbers = build_releases(profile, list(recipes.values()), stream)
    return [
        BuildTask.wish(
            recipe=recipes[member.key],
            profile=profile,
            submission=submissions[member.repository],
            campaign=campaign,
            reason=f"rebuild: campaign {campaign.pk}",
            build_release=numbers[member.key],
            estimate=times.get(member.name, planning.DEFAULT_ESTIMATE),
            at=at,
        )
        for member in members
    ]
