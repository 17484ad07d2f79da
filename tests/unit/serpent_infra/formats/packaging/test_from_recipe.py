"""A recipe's scripts run by bash on this host, and what they leave packed: no sandbox, the whole format library."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from serpent_infra.formats.packaging import PackedKind, pack
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.script import GuestPaths, HostFacts, Phase, plan_build
from serpent_infra.formats.stone.package import verify_package

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("gcc", "make", "objcopy", "strip", "bash")),
    reason="needs gcc, make, binutils and bash",
)

RECIPE = """
name: twice
version: "1.0"
release: 1
homepage: https://example.org
license: MPL-2.0
summary: Doubles
upstreams:
    - https://example.org/twice-1.0.tar.gz : aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
tuning:
    - lto: full
setup: |
    %patch %(pkgdir)/answer.patch
build: |
    %make
check: |
    test "$(LD_LIBRARY_PATH=. ./twice)" = 42
install: |
    %make_install LIBDIR=%(libdir)
    %install_file README %(installroot)%(docdir)/%(name)/README
    %install_dir %(installroot)%(datadir)/%(name)/empty
    %tmpfiles "d /var/lib/%(name) 0755 root root -"
"""
MAKEFILE = """
all: twice
libtwice.so.1: lib.c
\t$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$@ -o $@ lib.c
twice: main.c libtwice.so.1
\t$(CC) $(CFLAGS) $(LDFLAGS) -o $@ main.c ./libtwice.so.1
install:
\tinstall -Dm755 twice $(DESTDIR)/usr/bin/twice
\tinstall -Dm755 libtwice.so.1 $(DESTDIR)$(LIBDIR)/libtwice.so.1
\tln -s libtwice.so.1 $(DESTDIR)$(LIBDIR)/libtwice.so
"""
PATCH = """--- a/main.c
+++ b/main.c
@@ -1,3 +1,3 @@
 #include <stdio.h>
 int twice(int);
-int main(void) { printf("%d\\n", twice(20)); return 0; }
+int main(void) { printf("%d\\n", twice(21)); return 0; }
"""


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    source = tmp_path / "twice-1.0"
    source.mkdir()
    (source / "Makefile").write_text(MAKEFILE)
    (source / "lib.c").write_text("int twice(int n) { return 2 * n; }\n")
    (source / "main.c").write_text(PATCH_BEFORE)
    (source / "README").write_text("Doubles.\n")
    root = tmp_path / "guest"
    for name in ("sourcedir", "install", "recipe/pkg", "build/x86_64"):
        (root / name).mkdir(parents=True)
    (root / "recipe/pkg/answer.patch").write_text(PATCH)
    with tarfile.open(root / "sourcedir/twice-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "twice-1.0")
    return root


PATCH_BEFORE = '#include <stdio.h>\nint twice(int);\nint main(void) { printf("%d\\n", twice(20)); return 0; }\n'


def test_a_c_program_is_built_and_packed(guest: Path) -> None:
    recipe = parse_recipe(RECIPE.encode())
    host = HostFacts(architecture="x86_64", jobs=2, source_date_epoch=1_700_000_000, paths=GuestPaths(root=str(guest)))
    plan = plan_build(recipe, host)
    assert [script.phase for script in plan.scripts] == [
        Phase.PREPARE,
        Phase.SETUP,
        Phase.BUILD,
        Phase.INSTALL,
        Phase.CHECK,
    ]
    assert plan.dependencies == ("binary(make)", "binary(patch)")
    for script in plan.scripts:
        work_dir = script.work_dir if Path(script.work_dir).is_dir() else script.build_dir
        done = subprocess.run(
            ["bash", "-c", script.text],
            cwd=work_dir,
            env={"HOME": script.build_dir, "PATH": "/usr/bin:/usr/sbin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    output = guest / "out"
    output.mkdir()
    files = pack(recipe=recipe, install_root=guest / "install", output_dir=output, architecture="x86_64")
    packages = {file.package: verify_package(file.path) for file in files if file.kind is PackedKind.PACKAGE}
    assert [entry.target for entry in packages["twice"].layout] == [
        "bin/twice",
        "lib/libtwice.so.1",
        "lib/tmpfiles.d/twice.conf",
        "share/doc/twice/README",
        "share/twice/empty",
    ]
    assert [entry.target for entry in packages["twice-devel"].layout] == ["lib/libtwice.so"]
    assert len(packages["twice-dbginfo"].layout) == 2
    assert {one.text for one in packages["twice"].meta.provides} == {"binary(twice)", "soname(libtwice.so.1(x86_64))"}
    assert (guest / "install/usr/lib/tmpfiles.d/twice.conf").read_text() == "d /var/lib/twice 0755 root root -\n"
