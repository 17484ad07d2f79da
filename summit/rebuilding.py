"""Builds one recipe again without a new release: the same commit, the next build release, because a person asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from summit import ordering, planning, publishing
from summit.models import BuildTask, Profile, Recipe, Repository, Submission
from summit.states import IllegalTransition, SubmissionStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


class NotRebuildable(Exception):
    """There is nothing to build again; the text says why."""


def rebuild(recipe: Recipe, profile: Profile, *, actor: "User", why: str = "", at: datetime) -> BuildTask:
    """Orders a recipe's published release to be built once more; without the push right a second person reviews it.

    Raises `NotRebuildable` where the profile's stream does not offer the recipe at its present release, and
    `IllegalTransition` where a build of it is open already.
    """
    repository = recipe.repository
    with transaction.atomic():
        ordering.lock(profile)
        stream = _check(recipe, profile)
        busy = BuildTask.objects.open().filter(profile=profile, campaign=None, recipe=recipe).first()
        if busy is not None:
            raise IllegalTransition(f"build {busy.pk} of {recipe} for {profile} is open already")
        is_accepted = repository.can_push(actor) or not repository.needs_review
        submission = rebuild_submission(
            repository,
            title=f"Rebuild {recipe}{f': {why}' if why else ''}",
            by=actor,
            profile=profile,
            status=SubmissionStatus.ACCEPTED if is_accepted else SubmissionStatus.IN_REVIEW,
            commit=recipe.commit,
            at=at,
        )
        times = planning.estimates_of(profile, [recipe.name])
        task = BuildTask.wish(
            recipe=recipe,
            profile=profile,
            submission=submission,
            reason=f"rebuild: {why}" if why else "rebuild",
            build_release=build_releases(profile, [recipe], stream)[recipe.pk],
            estimate=times.get(recipe.name, planning.DEFAULT_ESTIMATE),
            at=at,
        )
        planning.save_all([task], actor=actor, at=at)
        ordering.reorder(profile, at=at)
    task.refresh_from_db()
    return task


def _check(recipe: Recipe, profile: Profile) -> publishing.Stream:
    if recipe.is_removed:
        raise NotRebuildable(f"{recipe.name} is gone from its repository")
    stream = publishing.stream_of(profile)
    releases = [release for name, release in stream.build_releases if name == recipe.name]
    if not releases:
        raise NotRebuildable(f"nothing of {recipe.name} is published in {profile.channel}/{profile.stream}")
    if max(releases) != recipe.release:
        raise NotRebuildable(
            f"{profile.channel}/{profile.stream} offers release {max(releases)} of {recipe.name}, "
            f"its recipe says {recipe.release}: only what is published is built again"
        )
    return stream


def rebuild_submission(
    repository: Repository,
    *,
    title: str,
    by: "User",
    profile: Profile,
    status: SubmissionStatus = SubmissionStatus.ACCEPTED,
    commit: str = "",
    at: datetime,
) -> Submission:
    """Makes the submission of a rebuild: what is built is published already, and whoever asks is its author."""
    return Submission.objects.create(
        repository=repository,
        commit=commit or repository.commit,
        title=title[:200],
        author=by,
        author_name=by.get_username()[:200],
        author_email=by.email,
        purpose=profile.purpose,
        is_rebuild=True,
        status=status,
        created_at=at,
        decided_at=at if status == SubmissionStatus.ACCEPTED else None,
    )


def number_anew(task: BuildTask) -> None:
    """Gives a task a build release that its stream, which may have moved on, does not have yet.

    Raises `IllegalTransition` where the stream offers a newer release: what is built could not be published.
    """
    stream = publishing.stream_of(task.profile, task.campaign)
    place = f"{task.profile.channel}/{task.stream}"
    newest = max((release for name, release in stream.build_releases if name == task.source_name), default=0)
    if newest > task.release:
        raise IllegalTransition(f"{place} offers release {newest} of {task.source_name} already")
    if stream.build_releases.get((task.source_name, task.release), 0) >= task.build_release:
        same = BuildTask.objects.filter(profile=task.profile, recipe=task.recipe_id, release=task.release)
        latest = same.aggregate(latest=Max("build_release"))["latest"]
        offered = stream.build_releases[task.source_name, task.release]
        task.build_release = 1 + max(latest, offered)
        BuildTask.objects.filter(pk=task.pk).update(build_release=task.build_release)


def build_releases(profile: Profile, recipes: list[Recipe], stream: publishing.Stream) -> Mapping[int, int]:
    """Gives by recipe the build release that is newer than any of its release, published or ordered before."""
    rows = BuildTask.objects.filter(profile=profile, recipe__in=recipes).order_by()
    ordered = {
        (recipe, release): latest
        for recipe, release, latest in rows.values_list("recipe", "release").annotate(latest=Max("build_release"))
    }
    return {
        recipe.pk: 1
        + max(stream.build_releases.get((recipe.name, recipe.release), 0), ordered.get((recipe.pk, recipe.release), 0))
        for recipe in recipes
    }
