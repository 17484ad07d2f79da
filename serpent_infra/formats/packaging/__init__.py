"""From an install tree to stones and manifests: `pack` is the entry."""

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.pack import PackedFile, PackedKind, pack
from serpent_infra.formats.packaging.tools import Run, ToolResult, Tools, run_here

__all__ = ["PackagingError", "PackedFile", "PackedKind", "Run", "ToolResult", "Tools", "pack", "run_here"]
