"""A build tool that returns at once: it runs nothing, and packs one small file as the package that was ordered."""

import hashlib

from avalanche.agent.tools.protocol import Job
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import write_package
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind


class InstantTool:
    """Gives a recipe's main package without a look at the recipe; vessel takes it in as it does any other."""

    def build(self, job: Job) -> tuple[ArtefactInfo, ...]:
        """Packs, see `BuildTool.build`."""
        with job.journal.during("packaging"):
            meta = _meta(job)
            source = job.workspace.root_dir / "name"
            source.write_text(f"{meta.package_id}\n")
            path = job.workspace.artefacts_dir / meta.file_name
            write_package(path, meta, [scan(source, f"share/{meta.name}/name")], workers=1)
            content = path.read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            return (ArtefactInfo(kind=ArtefactKind.PACKAGE, name=path.name, size=len(content), sha256=sha256),)


def _meta(job: Job) -> Meta:
    order = job.order
    return Meta(
        name=order.source_name,
        version=order.version,
        release=order.release,
        build_release=order.build_release,
        architecture=order.architecture,
        summary=f"One small file of {order.source_name}",
        description="Packed without a build, so that what is measured is the farm around it.",
        source_id=order.source_name,
        homepage=f"https://example.org/{order.source_name}",
        licenses=("MPL-2.0",),
        provides=frozenset({Capability.parse(f"name({order.source_name})")}),
        depends=frozenset(),
    )
