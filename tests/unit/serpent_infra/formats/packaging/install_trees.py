"""Install trees for these tests: files put into a directory as a build would leave them."""

from pathlib import Path

from serpent_infra.formats.packaging.analysis import Site
from serpent_infra.formats.packaging.tools import ToolResult, Tools
from serpent_infra.formats.packaging.tree import TreePath, look_at
from serpent_infra.formats.recipe import Options

ABSENT = ToolResult(127, "")
"""What a shell answers where the program is absent."""


def put(root: Path, path: str, content: str | bytes = "", *, mode: int = 0o644) -> Path:
    """Writes a file at an absolute path of the tree, its directories of mode 0755; gives where it lies."""
    target = root / path.lstrip("/")
    root.mkdir(exist_ok=True)
    for directory in reversed(target.relative_to(root).parents[:-1]):
        (root / directory).mkdir(exist_ok=True)
        (root / directory).chmod(0o755)
    target.write_bytes(content.encode() if isinstance(content, str) else content)
    target.chmod(mode)
    return target


def put_path(root: Path, path: str, content: str | bytes = "") -> TreePath:
    """Writes a file and gives it as the analysers see it."""
    put(root, path, content)
    return look_at(root, path)


def site_of(
    root: Path, answer: ToolResult = ABSENT, *, lines: list[str] | None = None, architecture: str = "x86_64"
) -> Site:
    """Makes a site whose tools give one answer, whatever they are asked; what it tells the log goes to `lines`."""
    said: list[str] = [] if lines is None else lines
    tools = Tools(run=lambda _arguments: answer, say=said.append)
    return Site(install_root=root, architecture=architecture, options=Options(), tools=tools)
