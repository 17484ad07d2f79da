"""From the install tree of a build to its artefacts: packed, then read again and compared with the order."""

from pathlib import Path

from avalanche.agent.sandbox.protocol import Bind, BuildRoot
from avalanche.agent.tools.builtin.guest_tools import GuestTools, with_guest_tools
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.pack import PackedFile, PackedKind, pack
from serpent_infra.formats.packaging.tools import Tools
from serpent_infra.formats.recipe import Recipe, Toolchain
from serpent_infra.formats.stone.package import verify_package
from serpent_infra.wire.names import is_file_name
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind, FailureKind

PHASE = "packaging"
_SHOWN_PATHS = 20
_SHOWN_LINES = 500  # of what packaging says about the tree


def make_artefacts(
    job: Job, recipe: Recipe, toolchain: Toolchain, root: BuildRoot, binds: tuple[Bind, ...]
) -> tuple[ArtefactInfo, ...]:
    """Writes the packages and manifests; raises `BuildFailed` when the tree cannot become what was ordered."""
    install_root = root.directory / "mason" / "install"
    # The build was free to put a link in its place that leads out of the root.
    if install_root.resolve() != root.directory.resolve() / "mason" / "install" or not install_root.is_dir():
        raise BuildFailed(FailureKind.PACKAGING, "The build has replaced its install directory", phase=PHASE)
    packed = _pack(job, recipe, toolchain, root, binds)
    if not any(file.kind is PackedKind.PACKAGE for file in packed):
        message = "The install phase left nothing to package"
        raise BuildFailed(FailureKind.PACKAGING, message, phase=PHASE)
    for file in packed:
        job.journal.say(f"    {file.path.name}  {file.size:,} bytes")
        if file.kind is PackedKind.PACKAGE:
            _check(job, file.path)
    return tuple(
        ArtefactInfo(kind=ArtefactKind(file.kind), name=file.path.name, size=file.size, sha256=file.sha256)
        for file in packed
    )


def _pack(job: Job, recipe: Recipe, toolchain: Toolchain, root: BuildRoot, binds: tuple[Bind, ...]) -> list[PackedFile]:
    """Packs with the root's own programs; what they and the tree give cause to say ends up in the log."""
    said: list[str] = []

    def say(line: str) -> None:
        """Keeps a line for later: this is another thread, and the journal has one writer."""
        if len(said) < _SHOWN_LINES:
            said.append(line)

    def work(guest: GuestTools) -> list[PackedFile]:
        tools = Tools(
            run=guest.run,
            say=say,
            install_root="/mason/install",
            build_root=root.directory,
            prefix="llvm-" if toolchain is Toolchain.LLVM else "",
        )
        return pack(
            recipe=recipe,
            install_root=root.directory / "mason" / "install",
            output_dir=job.workspace.artefacts_dir,
            architecture=job.order.architecture,
            build_release=job.order.build_release,
            tools=tools,
        )

    try:
        return with_guest_tools(job, root, binds, work)
    except PackagingError as error:
        excerpt = "\n".join(error.paths[:_SHOWN_PATHS])
        raise BuildFailed(FailureKind.PACKAGING, error.reason, phase=PHASE, excerpt=excerpt) from error
    except FormatError as error:
        raise BuildFailed(FailureKind.PACKAGING, str(error), phase=PHASE) from error
    finally:
        for line in said:
            job.journal.say(f"    {line}")


def _check(job: Job, path: Path) -> None:
    """Reads a package as its receiver will."""
    if not is_file_name(path.name):
        raise BuildFailed(FailureKind.PACKAGING, f"{path.name!r} may not name a package", phase=PHASE)
    try:
        meta = verify_package(path).meta
    except FormatError as error:
        raise BuildFailed(FailureKind.PACKAGING, f"A package does not read back: {error}", phase=PHASE) from error
    order = job.order
    said = (meta.source_id, meta.version, meta.release, meta.build_release, meta.architecture)
    if said != (order.source_name, order.version, order.release, order.build_release, order.architecture):
        raise BuildFailed(FailureKind.PACKAGING, f"{path.name} is not what was ordered: it says {said}", phase=PHASE)
