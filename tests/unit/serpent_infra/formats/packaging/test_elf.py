"""What ELF files need and offer; compiled where there is a compiler."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.packaging.elf import ElfFacts, elf_depends, elf_provides, read_elf

FACTS = ElfFacts(isa="x86_64", bits=64)


def provides(facts: ElfFacts, path: str) -> set[str]:
    return {capability.text for capability in elf_provides(facts, path)}


def depends(facts: ElfFacts, path: str, *installed: str) -> list[str]:
    return [capability.text for capability in elf_depends(facts, path, lambda name: name in installed)]


def with_facts(**values: object) -> ElfFacts:
    return ElfFacts(**{"isa": "x86_64", "bits": 64, **values})  # type: ignore[arg-type]


def test_a_library_offers_its_soname_below_its_library_directory() -> None:
    assert provides(with_facts(soname="libz.so.1"), "/usr/lib/libz.so.1.3") == {"soname(libz.so.1(x86_64))"}
    assert provides(with_facts(soname="libx.so"), "/usr/lib/foo/libx.so") == {"soname(foo/libx.so(x86_64))"}
    assert provides(FACTS, "/usr/lib/foo/mod.so") == {"soname(foo/mod.so(x86_64))"}
    assert provides(FACTS, "/usr/bin/nano") == set()


def test_the_interpreter_offers_all_its_names() -> None:
    offered = provides(with_facts(soname="ld-linux-x86-64.so.2"), "/usr/lib/ld-linux-x86-64.so.2")
    places = ("/usr/lib64", "/lib64", "/lib", "/usr/lib")
    assert offered == {"soname(ld-linux-x86-64.so.2(x86_64))"} | {
        f"{kind}({place}/ld-linux-x86-64.so.2(x86_64))" for place in places for kind in ("interpreter", "soname")
    }
    offered = provides(with_facts(isa="386", bits=32, soname="ld-linux.so.2"), "/usr/lib32/ld-linux.so.2")
    assert "interpreter(/lib32/ld-linux.so.2(386))" in offered


def test_needed_libraries_that_are_found_are_named_by_their_place() -> None:
    facts = with_facts(needed=("libc.so.6", "libx.so", "liby.so"), search=("$ORIGIN/../lib/foo:relative:/usr/lib/bar",))
    found = depends(facts, "/usr/bin/x", "/usr/lib/foo/libx.so", "/usr/lib/bar/liby.so")
    assert found == ["soname(libc.so.6(x86_64))", "soname(foo/libx.so(x86_64))", "soname(bar/liby.so(x86_64))"]


def test_a_files_own_directory_is_searched_first() -> None:
    facts = with_facts(needed=("libx.so",), search=("/usr/lib/bar",))
    assert depends(facts, "/usr/lib/foo/y.so", "/usr/lib/foo/libx.so", "/usr/lib/bar/libx.so") == [
        "soname(foo/libx.so(x86_64))"
    ]


def test_the_interpreter_is_needed_as_it_is_written() -> None:
    facts = with_facts(interpreter="/lib64/ld-linux-x86-64.so.2")
    assert depends(facts, "/usr/bin/x") == ["interpreter(/lib64/ld-linux-x86-64.so.2(x86_64))"]


@given(st.binary(max_size=300))
def test_damaged_files_are_no_elf_files(data: bytes) -> None:
    facts = read_elf(io.BytesIO(b"\x7fELF" + data))
    assert facts is None or facts.bits in {32, 64}


def test_other_files_are_no_elf_files() -> None:
    assert read_elf(io.BytesIO(b"#!/bin/sh\n")) is None
    assert read_elf(io.BytesIO(b"")) is None


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_compiled_program_is_read(tmp_path: Path) -> None:
    source, library, program = tmp_path / "x.c", tmp_path / "libx.so.1", tmp_path / "x"
    source.write_text("int x(void) { return 1; }\n")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-Wl,-soname,libx.so.1", "-Wl,--build-id=sha1", source, "-o", library], check=True
    )
    source.write_text("int x(void); int main(void) { return x(); }\n")
    subprocess.run(["gcc", source, library, "-Wl,-rpath,$ORIGIN/../lib/x", "-o", program], check=True)
    with library.open("rb") as stream:
        facts = read_elf(stream)
    assert facts is not None
    assert facts.soname == "libx.so.1"
    assert facts.build_id is not None
    assert len(facts.build_id) == 40
    assert facts.interpreter is None
    with program.open("rb") as stream:
        facts = read_elf(stream)
    assert facts is not None
    assert facts.needed == ("libx.so.1", "libc.so.6")
    assert facts.search == ("$ORIGIN/../lib/x",)
    assert facts.interpreter is not None
