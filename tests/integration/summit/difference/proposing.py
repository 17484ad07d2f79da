"""What tests of differences share: having a proposal built, and reading what is shown of it."""

from summit import difference
from summit.file_difference import FileDifference
from summit.models import BuildTask, Submission
from summit.states import TaskStatus
from tests.factories.summit import AT


def built(submission: Submission) -> BuildTask:
    """Has the builds of a submission published, as far as summit is concerned."""
    submission.tasks.update(status=TaskStatus.COMPLETED, ended_at=AT)
    return submission.tasks.get()


def files_of(submission: Submission) -> dict[str, FileDifference]:
    [recipe] = difference.page_of(submission).recipes
    assert recipe.problem == ""
    return {file.path: file for file in recipe.found.files}
