"""Who may do what, in pairs: a filter for lists and a question for one thing, both from the same rows.

Per-repository rights are object permissions of groups (or people) on the repository; staff of the whole site who hold
the permission globally hold it for every repository.
"""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from guardian.shortcuts import get_groups_with_perms, get_objects_for_user, get_users_with_perms

from serpent_infra.accounts.models import User

if TYPE_CHECKING:
    from summit.models import BuildTask, Campaign, Project, Repository, Submission

VIEW = "view_repository"
SUBMIT = "submit_build"
PUSH = "push_build"
REVIEW = "review_build"
WITHDRAW = "withdraw_packages"
MANAGE = "manage"
# Each right, and those that include it.
_INCLUDED_IN = {
    VIEW: (VIEW, SUBMIT, PUSH, REVIEW, WITHDRAW, MANAGE),
    SUBMIT: (SUBMIT, PUSH, MANAGE),
    PUSH: (PUSH, MANAGE),
    REVIEW: (REVIEW, MANAGE),
    WITHDRAW: (WITHDRAW, MANAGE),
    MANAGE: (MANAGE,),
}

Viewer = User | AnonymousUser


def repositories_with(queryset: "QuerySet[Repository]", user: Viewer, right: str) -> "QuerySet[Repository]":
    """Narrows to the repositories for which the user holds a right, or one that includes it."""
    if not user.is_authenticated or not user.is_active:
        return queryset.none()
    permissions = [f"summit.{name}" for name in _INCLUDED_IN[right]]
    allowed: QuerySet[Repository] = get_objects_for_user(user, permissions, klass=queryset.model, any_perm=True)
    return queryset.filter(pk__in=allowed.values("pk"))


def holds(user: Viewer, right: str, repository: "Repository") -> bool:
    """Says whether the user holds a right on a repository, or one that includes it."""
    if not user.is_authenticated or not user.is_active:
        return False
    names = _INCLUDED_IN[right]
    return any(user.has_perm(f"summit.{name}") or user.has_perm(f"summit.{name}", repository) for name in names)


def visible(user: Viewer, repository: str = "") -> Q:
    """Filters rows to those whose repository (a lookup; "" for itself) the user may see: public, or by right."""
    from summit.models import Repository  # noqa: PLC0415 - the models use this module

    prefix = f"{repository}__" if repository else ""
    by_right = repositories_with(Repository.objects.filter(is_private=True), user, VIEW).values("pk")
    return Q(**{f"{prefix}is_private": False}) | Q(**{f"{prefix}pk__in": by_right})


def can_retry(user: Viewer, task: "BuildTask") -> bool:
    """Says whether the user may order a task once more."""
    return holds(user, PUSH, task.recipe.repository)


def can_cancel(user: Viewer, task: "BuildTask") -> bool:
    """Says whether the user may cancel a task: those who may push, and its author."""
    author = task.submission.author_id
    return holds(user, PUSH, task.recipe.repository) or (author is not None and author == getattr(user, "pk", None))


def can_expedite(user: Viewer, task: "BuildTask") -> bool:
    """Says whether the user may put a task before all others."""
    return holds(user, PUSH, task.recipe.repository)


def can_give_up(user: Viewer, task: "BuildTask") -> bool:
    """Says whether the user may mark a task as failed."""
    return holds(user, PUSH, task.recipe.repository)


def can_rebuild(user: Viewer, repositories: "QuerySet[Repository]") -> bool:
    """Says whether the user may have recipes of all these repositories rebuilt as one, and publish that."""
    allowed = repositories_with(repositories.model.objects.all(), user, PUSH).values("pk")
    return repositories.exists() and not repositories.exclude(pk__in=allowed).exists()


def rebuilders(campaign: "Campaign") -> list[User]:
    """Lists the people who hold the right to push on every repository of a campaign, by name."""
    holders: set[User] | None = None
    for repository in campaign.repositories.all():
        found = get_users_with_perms(repository, only_with_perms_in=[PUSH, MANAGE])
        able = {person for person in sorted(found, key=str) if isinstance(person, User) and person.is_active}
        holders = able if holders is None else holders & able
    return sorted(holders or (), key=str)


def can_control(user: Viewer, project: "Project") -> bool:
    """Says whether the user may pause and resume a project and its profiles: who manages all its repositories."""
    from summit.models import Project  # noqa: PLC0415 - the models use this module

    return controllable(Project.objects.filter(pk=project.pk), user).exists()


def controllable(projects: "QuerySet[Project]", user: Viewer) -> "QuerySet[Project]":
    """Narrows to the projects that the user may pause and resume, with their profiles."""
    from summit.models import Repository  # noqa: PLC0415 - the models use this module

    if not user.is_authenticated or not user.is_active:
        return projects.none()
    if user.has_perm("summit.change_project"):
        return projects
    managed = repositories_with(Repository.objects.all(), user, MANAGE).values("pk")
    others = Repository.objects.exclude(pk__in=managed)
    return projects.filter(repositories__isnull=False).exclude(pk__in=others.values("project")).distinct()


def can_review(user: Viewer, submission: "Submission") -> bool:
    """Says whether the user may decide on a submission: a second person, never its author."""
    return submission.author_id != getattr(user, "pk", None) and holds(user, REVIEW, submission.repository)


def can_mark_security(user: Viewer, submission: "Submission") -> bool:
    """Says whether the user may say that a submission mends a vulnerability, or that it does not."""
    return holds(user, PUSH, submission.repository)


def markable(submissions: "QuerySet[Submission]", user: Viewer) -> "QuerySet[Submission]":
    """Narrows to the submissions of which the user may say so."""
    from summit.models import Repository  # noqa: PLC0415 - the models use this module

    return submissions.filter(repository__in=repositories_with(Repository.objects.all(), user, PUSH))


def reviewing_groups(repository: "Repository") -> list[str]:
    """Names the groups that hold the right to review a repository's submissions, sorted."""
    held: Any = get_groups_with_perms(repository, attach_perms=True)  # a dictionary, when permissions are attached
    return sorted(group.name for group, rights in held.items() if {REVIEW, MANAGE} & set(rights))


def reviewers_of_their_own(repository: "Repository") -> list[User]:
    """Lists people who hold that right by themselves, not through a group, by name."""
    holders = get_users_with_perms(repository, only_with_perms_in=[REVIEW, MANAGE], with_group_users=False)
    return [person for person in sorted(holders, key=str) if isinstance(person, User) and person.is_active]


def reviewers(repository: "Repository") -> list[User]:
    """Lists people who may review a repository's submissions, by name."""
    holders = get_users_with_perms(repository, only_with_perms_in=[REVIEW, MANAGE])
    return [person for person in sorted(holders, key=str) if isinstance(person, User) and person.is_active]
