"""What a submission reaches: how much is built with what it changes, said before anybody decides on it."""

from dataclasses import dataclass
from datetime import datetime

from summit.campaigns.preview import Preview, preview_of
from summit.campaigns.selection import reach
from summit.models import Profile, Submission
from summit.permissions import Viewer

_NAMED = 60


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What the recipes of a submission reach in one profile: all that is built with them at any distance, not they."""

    profile: Profile
    preview: Preview

    @property
    def names(self) -> list[str]:
        """The names of what it reaches, the first of very many."""
        return [member.name for member in self.preview.selection.members[:_NAMED]]

    @property
    def unnamed(self) -> int:
        """How many more than these there are."""
        return max(0, self.preview.count - _NAMED)

    @property
    def cycle(self) -> int:
        """How many of what it reaches are in the largest cycle of these."""
        return len(self.preview.shape.largest_cycle)


def impacts(submission: Submission, *, user: Viewer, at: datetime) -> list[Impact]:
    """Says for each profile that a submission has builds for what these reach, among recipes the user may see."""
    recipes: dict[int, set[int]] = {}
    for profile, recipe in submission.tasks.values_list("profile", "recipe"):
        recipes.setdefault(profile, set()).add(recipe)
    profiles = Profile.objects.filter(pk__in=recipes).select_related("project").order_by("name")
    return [
        Impact(profile=profile, preview=preview_of(profile, reach(profile, recipes[profile.pk], user=user), at=at))
        for profile in profiles
    ]
