"""Where things lie inside the build root (stone-spec 4.4), and what a build is told about its host."""

from dataclasses import dataclass

from serpent_infra.formats.recipe import Recipe, Toolchain
from serpent_infra.formats.script.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPaths:
    """Absolute paths as the scripts see them."""

    root: str = "/mason"

    @property
    def install_root(self) -> str:
        """What the install phase fills."""
        return f"{self.root}/install"

    @property
    def source_dir(self) -> str:
        """Where the fetched upstreams lie."""
        return f"{self.root}/sourcedir"

    @property
    def package_dir(self) -> str:
        """The `pkg` directory beside the recipe."""
        return f"{self.root}/recipe/pkg"

    def build_dir(self, target: Target) -> str:
        """Where one target is built."""
        return f"{self.root}/build/{target}"

    def work_dir(self, target: Target, recipe: Recipe) -> str:
        """Where the phases run: the directory of the first upstream that has one, else the build directory."""
        build_dir = self.build_dir(target)
        directories = (upstream.directory for upstream in recipe.upstreams)
        first = next((directory for directory in directories if directory), None)
        return f"{build_dir}/{first.rstrip('/')}" if first else build_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What a build is told about where it runs.

    `default_toolchain` counts where the recipe names none: boulder's is llvm, a Debian base image has gnu. `isa_level`
    is what is built for, "" for the architecture's baseline; the host itself may be of a higher one.
    """

    architecture: str
    jobs: int
    source_date_epoch: int
    default_toolchain: Toolchain = Toolchain.GNU
    has_ccache: bool = False
    isa_level: str = ""
    paths: GuestPaths = GuestPaths()
