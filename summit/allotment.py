"""Says of new tasks whose part of the fleet they take, whether they mend a vulnerability, and what builds need."""

import re
from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import Group
from guardian.models import GroupObjectPermission

from serpent_infra.accounts.models import User
from summit import demands, permissions
from summit.models import BuildTask, Recipe, Repository

# Groups that may propose or accept builds of a repository are those whose builds its authors' are.
_RIGHTS = (permissions.SUBMIT, permissions.PUSH, permissions.MANAGE)
_LONGEST_SHARE = 100
# CVE ids as their numbering authorities give them: a year, and four digits or more.
_VULNERABILITY = re.compile(r"\bCVE-\d{4}-\d{4,}\b")


def allot(tasks: Collection[BuildTask], *, at: datetime) -> None:
    """Fills share, security mark and demands of unsaved tasks, in a bounded number of queries.

    A build of a campaign is the campaign's. Any other is its author's group's: of several the first by name that has a
    right on the repository; without such a group it is the author's, without a known author the repository's.
    """
    acting = {(task.submission.author_id, task.submission.repository_id) for task in tasks}
    shares = _shares(acting)
    demands.learn(tasks, at=at)
    for task in tasks:
        own = shares[task.submission.author_id, task.submission.repository_id]
        task.share = f"campaign:{task.campaign_id}" if task.campaign_id is not None else own
        task.is_security = task.submission.is_security


def names_vulnerability(recipe: Recipe) -> bool:
    """Says whether the message of a recipe's newest commit names a CVE: a push of it is a security update."""
    return _VULNERABILITY.search(f"{recipe.commit_subject}\n{recipe.commit_message}") is not None


def _shares(acting: Collection[tuple[int | None, int]]) -> dict[tuple[int | None, int], str]:
    """Gives by author and repository whose a build is."""
    authors = {author for author, _ in acting if author is not None}
    repositories = {repository for _, repository in acting}
    people = {user.pk: user.get_username() for user in User.objects.filter(pk__in=authors).only("username")}
    titles = {row.pk: str(row) for row in Repository.objects.filter(pk__in=repositories).select_related("project")}
    allowed, belongs = (_allowed(repositories), _memberships(authors)) if people else ({}, {})
    names = dict(Group.objects.filter(pk__in=set().union(*belongs.values())).values_list("pk", "name"))
    found: dict[tuple[int | None, int], str] = {}
    for author, repository in acting:
        share = f"repository:{titles[repository]}"
        if author is not None:
            common = belongs.get(author, set()) & allowed.get(repository, set())
            share = f"group:{min(names[group] for group in common)}" if common else f"person:{people[author]}"
        found[author, repository] = share[:_LONGEST_SHARE]
    return found


def _allowed(repositories: Collection[int]) -> dict[int, set[int]]:
    """Gives by repository the groups that may propose or accept its builds."""
    rights = GroupObjectPermission.objects.filter(
        permission__content_type__app_label="summit",
        permission__content_type__model="repository",
        permission__codename__in=_RIGHTS,
        object_pk__in=[str(repository) for repository in repositories],
    )
    found: dict[int, set[int]] = {}
    for group, repository in rights.values_list("group", "object_pk"):
        found.setdefault(int(repository), set()).add(group)
    return found


def _memberships(authors: Collection[int]) -> dict[int, set[int]]:
    """Gives by person the groups they are in."""
    found: dict[int, set[int]] = {}
    for author, group in User.objects.filter(pk__in=authors, groups__isnull=False).values_list("pk", "groups"):
        found.setdefault(author, set()).add(group)
    return found
