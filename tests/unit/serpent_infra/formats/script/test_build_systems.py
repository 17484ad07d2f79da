"""The macros of build systems, run for real on this host where those are installed; no sandbox."""

import shutil
import subprocess
from pathlib import Path

import pytest

from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.script import GuestPaths, HostFacts, plan_build

HEAD = 'name: twice\nversion: "1.0"\nrelease: 1\nhomepage: https://example.org\nlicense: MPL-2.0\n'
LIBRARY = "int twice(int n) { return 2 * n; }\n"
PROGRAM = "int twice(int);\nint main(void) { return twice(21) != 42; }\n"
CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(twice C)
include(GNUInstallDirs)
include(CTest)
add_library(twice lib.c)
set_target_properties(twice PROPERTIES SOVERSION 1)
add_executable(answer main.c)
target_link_libraries(answer twice)
add_test(NAME answer COMMAND answer)
install(TARGETS twice answer)
"""
MESON = """
project('twice', 'c')
lib = shared_library('twice', 'lib.c', soversion: '1', install: true)
exe = executable('answer', 'main.c', link_with: lib, install: true)
test('answer', exe)
"""
PHASES = "setup: '%{0}'\nbuild: '%{0}_build'\ninstall: '%{0}_install'\ncheck: '%{0}_test'\n"


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in ("bash", "gcc", *tools) if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def run_phases(root: Path, text: str, files: dict[str, str]) -> set[str]:
    """Runs a recipe's phases below `root` and gives the installed files."""
    recipe = parse_recipe((HEAD + text).encode())
    host = HostFacts(architecture="x86_64", jobs=2, source_date_epoch=0, paths=GuestPaths(root=str(root)))
    for script in plan_build(recipe, host).scripts:
        work_dir = Path(script.build_dir)
        work_dir.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if not (work_dir / name).exists():
                (work_dir / name).write_text(content)
        done = subprocess.run(
            ["bash", "-c", script.text],
            cwd=work_dir,
            env={"HOME": script.build_dir, "PATH": "/usr/bin:/usr/sbin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    installed = root / "install"
    return {"/" + str(path.relative_to(installed)) for path in installed.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(
    ("system", "file", "content"),
    [
        pytest.param("cmake", "CMakeLists.txt", CMAKE, marks=needs("cmake", "ninja")),
        pytest.param("meson", "meson.build", MESON, marks=needs("meson", "ninja")),
    ],
)
def test_a_build_system_configures_builds_tests_and_installs(
    tmp_path: Path, system: str, file: str, content: str
) -> None:
    files = {file: content, "lib.c": LIBRARY, "main.c": PROGRAM}
    installed = run_phases(tmp_path, PHASES.format(system), files)
    assert installed >= {"/usr/bin/answer", "/usr/lib/libtwice.so", "/usr/lib/libtwice.so.1"}
    assert (tmp_path / "build/x86_64/aerynos-builddir/build.ninja").exists()


@needs("cmake", "ninja")
def test_builddir_chooses_another_build_directory(tmp_path: Path) -> None:
    text = """
environment: BUILDDIR=other
setup: '%cmake -DBUILD_SHARED_LIBS=OFF'
build: env CCACHE_BASEDIR="${PWD}" %cmake_build
install: '%cmake_install'
"""
    installed = run_phases(tmp_path, text, {"CMakeLists.txt": CMAKE, "lib.c": LIBRARY, "main.c": PROGRAM})
    assert "/usr/lib/libtwice.a" in installed
    assert (tmp_path / "build/x86_64/other/build.ninja").exists()


@needs("make", "sh")
def test_configure_is_told_the_directories(tmp_path: Path) -> None:
    configure = '#!/bin/sh\nfor word; do echo "$word"; done > said\necho "$CC" >> said\n'
    text = """
setup: |
    chmod +x configure
    %configure --disable-static
install: |
    %install_file said -t %(installroot)/usr/share
"""
    run_phases(tmp_path, text, {"configure": configure})
    said = (tmp_path / "install/usr/share/said").read_text().splitlines()
    assert {"--prefix=/usr", "--libdir=/usr/lib", "--libexecdir=/usr/lib/twice", "--disable-static"} <= set(said)
    assert said[-1] == "gcc"


@needs()
def test_lines_for_system_files_are_appended(tmp_path: Path) -> None:
    text = """
install: |
    %tmpfiles "d /var/lib/twice 0755 root root -"
    %tmpfiles "d /var/cache/100%% 0755 root root -"
    %sysusers 'u twice - "Twice" /var/lib/twice'
    touch twice double
    %install_bin twice double
    find . -name double -exec %install_exe {} -t %(installroot)%(libexecdir) \\;
"""
    installed = run_phases(tmp_path, text, {})
    assert installed == {
        "/usr/bin/double",
        "/usr/bin/twice",
        "/usr/lib/sysusers.d/twice.conf",
        "/usr/lib/tmpfiles.d/twice.conf",
        "/usr/lib/twice/double",
    }
    lines = (tmp_path / "install/usr/lib/tmpfiles.d/twice.conf").read_text()
    assert lines == "d /var/lib/twice 0755 root root -\nd /var/cache/100% 0755 root root -\n"
    assert (tmp_path / "install/usr/lib/sysusers.d/twice.conf").read_text() == 'u twice - "Twice" /var/lib/twice\n'


@needs()
def test_the_first_failing_command_ends_a_script(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"\+ false"):
        run_phases(tmp_path, "build: |\n    false\n    touch %(installroot)/never\n", {})


@needs("tar", "gzip")
def test_prepare_unpacks_and_copies(tmp_path: Path) -> None:
    sources = tmp_path / "sourcedir"
    (sources / "data.git").mkdir(parents=True)
    (sources / "data.git/whom").write_text("world")
    (tmp_path / "twice-1.0/deep").mkdir(parents=True)
    (tmp_path / "twice-1.0/deep/hello").write_text("hello")
    for name in ("one two.tar.gz", "flat.tar.gz"):
        subprocess.run(["tar", "-C", tmp_path, "-czf", sources / name, "twice-1.0"], check=True)
    digest = "ab" * 32
    text = f"""
upstreams:
    - https://example.org/x.tar.gz: {{hash: {digest}, rename: one two.tar.gz}}
    - https://example.org/flat.tar.gz: {{hash: {digest}, stripdirs: 2, unpackdir: a/b}}
    - git|https://example.org/data.git: {{ref: main, clonedir: data}}
"""
    run_phases(tmp_path, text, {})
    build = tmp_path / "build/x86_64"
    assert (build / "one two.tar.gz/deep/hello").read_text() == "hello"
    assert (build / "a/b/hello").read_text() == "hello"
    assert (build / "data/whom").read_text() == "world"
