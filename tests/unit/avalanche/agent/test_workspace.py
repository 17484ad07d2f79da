"""What a build leaves can be removed, whatever it is."""

import subprocess
import sys
from pathlib import Path

from avalanche.agent.workspace import remove_tree

DEPTH = 3000


def test_a_tree_deeper_than_pythons_stack_is_removed(tmp_path: Path) -> None:
    # A shell in the directory goes down by one step at a time; no path of this length could be opened.
    descend = f"import os\nfor _ in range({DEPTH}):\n    os.mkdir('d')\n    os.chdir('d')"
    (tmp_path / "deep").mkdir()
    subprocess.run([sys.executable, "-c", descend], cwd=tmp_path / "deep", check=True)
    assert sys.getrecursionlimit() < DEPTH
    remove_tree(tmp_path / "deep")
    assert not (tmp_path / "deep").exists()


def test_a_tree_without_permission_to_write_is_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "module"
    cache.mkdir(parents=True)
    (cache / "file").touch()
    cache.chmod(0o500)
    remove_tree(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_link_out_of_the_tree_is_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(kept)
    remove_tree(tmp_path / "tree")
    assert kept.is_dir()


def test_what_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    remove_tree(tmp_path / "absent")
