"""A build is held against the manifest beside its recipe: with the builtin tool, which really builds."""

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from avalanche.agent.tools.builtin import promise
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest, encode_manifest, file_name
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.wire.reports import EXCERPT_LIMIT, FailureKind
from tests.integration.avalanche.agent.bench import EXAMPLES, Bench

pytestmark = pytest.mark.nspawn


def job_of(bench: Bench, recipe_dir: Path, *, is_held: bool = True) -> Job:
    job = bench.job(recipe_dir)
    return replace(job, order=msgspec.structs.replace(job.order, verify_manifest=is_held))


def log_of(job: Job) -> str:
    return job.journal.path.read_text()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / "greet-data", tmp_path / "recipe"))


def promised(recipe: Path, job: Job) -> Path:
    """Takes what a build proposes over into the recipe, as its packager would, and names the binary manifest."""
    for path in job.workspace.proposals_dir.iterdir():
        shutil.copy(path, recipe)
    return recipe / file_name(job.order.architecture)


def test_without_a_manifest_the_log_says_that_nothing_was_compared_and_both_are_proposed(
    bench: Bench, recipe: Path
) -> None:
    job = job_of(bench, recipe)
    made = bench.build(job)
    name = file_name(job.order.architecture)
    assert f"    The recipe has no {name} in git, so nothing was compared\n" in log_of(job)
    assert sorted(path.name for path in job.workspace.proposals_dir.iterdir()) == [name, f"{name[:-4]}.jsonc"]
    assert name in {one.name for one in made}
    assert (job.workspace.proposals_dir / name).read_bytes() == (job.workspace.artefacts_dir / name).read_bytes()


def test_a_manifest_that_was_taken_over_is_kept_by_the_next_build(bench: Bench, recipe: Path) -> None:
    first = job_of(bench, recipe)
    made = bench.build(first)
    place = promised(recipe, first)
    second = job_of(bench, recipe)
    assert bench.build(second) == made
    assert f"The build keeps what {place.name} promises: the manifests are the same file" in log_of(second)
    assert list(second.workspace.proposals_dir.iterdir()) == []


@pytest.fixture
def other(bench: Bench, recipe: Path) -> Path:
    """A promise of another summary, of a dependency and a provider that the build lacks, and of another package."""
    first = job_of(bench, recipe)
    bench.build(first)
    place = promised(recipe, first)
    (meta,) = decode_manifest(place.read_bytes())
    needs, offers = Capability.parse("soname(libz.so.1(x86_64))"), Capability.parse("binary(greet-data)")
    changed = replace(meta, summary="Once", depends=meta.depends | {needs}, provides=meta.provides | {offers})
    place.write_bytes(encode_manifest([changed, replace(meta, name="greet-more")]))
    return place


def test_a_broken_promise_fails_the_build_and_lists_what_differs(bench: Bench, recipe: Path, other: Path) -> None:
    job = job_of(bench, recipe)
    with pytest.raises(BuildFailed) as caught:
        bench.build(job)
    failure = caught.value.failure
    assert (failure.kind, failure.phase) == (FailureKind.MANIFEST_MISMATCH, "packaging")
    assert failure.message == (
        f"The build is not what the recipe's {other.name} promises: 1 package fewer, 1 package differs. "
        "If that is what was meant, commit the manifest that was built"
    )
    lines = failure.excerpt.splitlines()
    assert lines[:2] == ["- package greet-more", "greet-data"]
    assert [line for line in lines if line.startswith("  summary: Once → ")]
    assert lines[lines.index("  dependencies:") + 1] == "    - soname(libz.so.1(x86_64))"
    assert lines[lines.index("  providers:") + 1] == "    - binary(greet-data)"
    for line in lines:
        assert f"    {line}\n" in log_of(job)
    (proposed,) = decode_manifest((job.workspace.proposals_dir / other.name).read_bytes())
    assert proposed.name == "greet-data"


def test_an_order_that_does_not_want_it_kept_has_it_only_said(bench: Bench, recipe: Path, other: Path) -> None:
    job = job_of(bench, recipe, is_held=False)
    made = bench.build(job)
    assert other.name in {one.name for one in made}
    assert "1 package fewer, 1 package differs. The order does not hold the build to it\n" in log_of(job)
    assert (job.workspace.proposals_dir / other.name).exists()


def test_a_rebuild_keeps_the_promise_of_the_first_build(bench: Bench, recipe: Path) -> None:
    first = job_of(bench, recipe)
    bench.build(first)
    promised(recipe, first)
    job = job_of(bench, recipe)
    again = replace(job, order=msgspec.structs.replace(job.order, build_release=2))
    assert "greet-data-3-1-2-x86_64.stone" in {one.name for one in bench.build(again)}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda place: place.write_bytes(b"\0mos, and then not"), "the file header needs 32 bytes, the file has 18"),
        (lambda place: place.write_bytes(b""), "the file header needs 32 bytes, the file has 0"),
        (lambda place: place.symlink_to("stone.yaml"), "it is a symbolic link; it must be a file"),
        (lambda place: place.mkdir(), "it is a directory; it must be a file"),
        (lambda place: place.write_bytes(b"x" * 1001), "it has 1,001 bytes; the limit is 1,000"),
    ],
    ids=["damaged", "empty", "a link", "a directory", "too large"],
)
def test_a_manifest_that_cannot_be_read_is_said_and_the_built_one_proposed(
    bench: Bench, recipe: Path, spoil: object, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promise, "PROMISE_BYTES", 1000)
    job = job_of(bench, recipe)
    place = job.workspace.recipe_dir / file_name(job.order.architecture)
    spoil(place)  # type: ignore[operator]
    with pytest.raises(BuildFailed) as caught:
        bench.build(job)
    assert caught.value.failure.kind is FailureKind.MANIFEST_MISMATCH
    assert caught.value.failure.message.startswith(f"The {place.name} of the commit cannot be read: ")
    assert why in caught.value.failure.message
    assert (job.workspace.proposals_dir / place.name).exists()


def test_a_long_difference_is_cut_in_the_excerpt_and_in_the_log(bench: Bench, recipe: Path, other: Path) -> None:
    (meta, *_) = decode_manifest(other.read_bytes())
    many = frozenset(Capability.parse(f"binary(tool-{number:05})") for number in range(3000))
    packages: list[Meta] = [replace(meta, provides=many)]
    other.write_bytes(encode_manifest(packages))
    job = job_of(bench, recipe)
    with pytest.raises(BuildFailed) as caught:
        bench.build(job)
    excerpt = caught.value.failure.excerpt
    assert len(excerpt) <= EXCERPT_LIMIT
    assert excerpt.splitlines()[0] == "greet-data"
    assert excerpt.splitlines()[-1] == "and more, see the log"
    assert log_of(job).count("    - binary(tool-") < 1000
    assert "    and more than 1,000 lines in all\n" in log_of(job)


def test_what_does_not_fit_into_a_report_is_left_out_and_said(
    bench: Bench, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promise, "MANIFEST_BYTES", 10)
    job = job_of(bench, recipe)
    bench.build(job)
    assert list(job.workspace.proposals_dir.iterdir()) == []
    assert f"    {file_name(job.order.architecture)} is too large to be sent with the report\n" in log_of(job)
