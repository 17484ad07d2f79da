"""What analysing a path is about: the site it happens at, and what it finds (stone-spec 5.4)."""

from dataclasses import dataclass, field
from pathlib import Path

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.packaging.inside import resolve_inside
from serpent_infra.formats.packaging.tools import Tools
from serpent_infra.formats.packaging.tree import TreePath, readable
from serpent_infra.formats.recipe import Options


@dataclass(slots=True)
class Findings:
    """What a package depends on and provides, as its files show."""

    depends: set[Capability] = field(default_factory=set)
    provides: set[Capability] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a tree is analysed: on this host, seen by the tools, for which recipe's options and which machine.

    `architecture` is the host's of the build, as `uname -m` names it.
    """

    install_root: Path
    architecture: str
    options: Options
    tools: Tools

    def tool_path(self, path: str) -> str:
        """The path of an installed file as the tools see it."""
        root = self.tools.install_root or str(self.install_root)
        return root.rstrip("/") + path

    def is_installed(self, path: str) -> bool:
        """Says whether an absolute path is in the install tree or, failing that, in the build root."""
        roots = (self.install_root, self.tools.build_root)
        return any(resolve_inside(root, path, follow_last=False) for root in roots if root is not None)

    def say(self, path: str, text: str) -> None:
        """Tells the build log about a path: what was left out, and why."""
        self.tools.say(f"{readable(path)}: {text}")


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at a path says.

    Attributes:
        keep: the package holds the path.
        go_on: the analysers after this one may look too.
        queue: new paths, to be analysed after all others and shared out by the rules.
        instead: an absolute path that the same package holds in this one's place, "" for none.
    """

    keep: bool = True
    go_on: bool = True
    queue: tuple[TreePath, ...] = ()
    instead: str = ""


NEXT = Step()
DROP = Step(keep=False, go_on=False)
DONE = Step(go_on=False)
