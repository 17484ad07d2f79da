"""What ELF files depend on and provide, by their facts and their places."""

import pytest

from serpent_infra.formats.packaging.elf import ElfFacts
from serpent_infra.formats.packaging.linkage import elf_depends, elf_provides

FACTS = ElfFacts(isa="x86_64", bits=64)


def provides(facts: ElfFacts, path: str) -> set[str]:
    return {capability.text for capability in elf_provides(facts, path)}


def depends(facts: ElfFacts, path: str, *installed: str) -> list[str]:
    return [capability.text for capability in elf_depends(facts, path, lambda name: name in installed)]


def with_facts(**values: object) -> ElfFacts:
    return ElfFacts(**{"isa": "x86_64", "bits": 64, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("soname", "path", "provided"),
    [
        ("libz.so.1", "/usr/lib/libz.so.1.3", "libz.so.1"),
        ("libx.so", "/usr/lib/foo/libx.so", "foo/libx.so"),
        ("libx.so", "/usr/lib/foo/bar/libx.so.2", "foo/bar/libx.so"),
        (None, "/usr/lib/foo/mod.so", "foo/mod.so"),
        ("", "/usr/lib/mod.so", "mod.so"),
        ("libx.so.1", "/usr/share/libx.so.1", "libx.so.1"),
        ("libx.so.1", "/usr/libx.so.1", "libx.so.1"),
    ],
)
def test_a_library_offers_its_soname_below_its_library_directory(soname: str | None, path: str, provided: str) -> None:
    assert provides(with_facts(soname=soname), path) == {f"soname({provided}(x86_64))"}


def test_programs_and_files_without_symbols_offer_nothing() -> None:
    assert provides(with_facts(soname="libx.so.1"), "/usr/bin/nano") == set()
    assert provides(with_facts(soname="libx.so.1", has_symbols=False), "/usr/lib/libx.so.1") == set()


def test_the_interpreter_offers_all_its_names() -> None:
    offered = provides(with_facts(soname="ld-linux-x86-64.so.2"), "/usr/lib/ld-linux-x86-64.so.2")
    places = ("/usr/lib64", "/lib64", "/lib", "/usr/lib")
    assert offered == {"soname(ld-linux-x86-64.so.2(x86_64))"} | {
        f"{kind}({place}/ld-linux-x86-64.so.2(x86_64))" for place in places for kind in ("interpreter", "soname")
    }


def test_a_32_bit_interpreter_offers_other_names() -> None:
    offered = provides(with_facts(isa="386", bits=32, soname="ld-linux.so.2"), "/usr/lib32/ld-linux.so.2")
    places = ("/usr/lib", "/lib32", "/lib", "/usr/lib32")
    assert offered == {"soname(ld-linux.so.2(386))"} | {
        f"{kind}({place}/ld-linux.so.2(386))" for place in places for kind in ("interpreter", "soname")
    }


def test_an_interpreter_elsewhere_is_a_library() -> None:
    assert provides(with_facts(soname="ld-x.so.1"), "/usr/share/ld-x.so.1") == {"soname(ld-x.so.1(x86_64))"}


def test_needed_libraries_that_are_found_are_named_by_their_place() -> None:
    facts = with_facts(needed=("libc.so.6", "libx.so", "liby.so"), search=("$ORIGIN/../lib/foo:relative:/usr/lib/bar",))
    found = depends(facts, "/usr/bin/x", "/usr/lib/foo/libx.so", "/usr/lib/bar/liby.so")
    assert found == ["soname(libc.so.6(x86_64))", "soname(foo/libx.so(x86_64))", "soname(bar/liby.so(x86_64))"]


@pytest.mark.parametrize(
    "entry",
    ["$ORIGIN/../lib/foo", "${ORIGIN}/../lib/foo", "/usr/lib/../lib/./foo/", "//usr//lib/foo", ":/usr/lib/foo:"],
)
def test_searched_directories_are_tidied(entry: str) -> None:
    found = depends(with_facts(needed=("libx.so",), search=(entry,)), "/usr/bin/x", "/usr/lib/foo/libx.so")
    assert found == ["soname(foo/libx.so(x86_64))"]


def test_a_library_in_the_library_directory_keeps_its_name() -> None:
    facts = with_facts(needed=("libz.so.1",), search=("/usr/lib",))
    assert depends(facts, "/usr/bin/x", "/usr/lib/libz.so.1") == ["soname(libz.so.1(x86_64))"]


def test_a_files_own_directory_is_searched_first_and_then_in_the_order_given() -> None:
    facts = with_facts(needed=("libx.so",), search=("/usr/lib/bar", "/usr/lib/baz"))
    everywhere = ("/usr/lib/foo/libx.so", "/usr/lib/bar/libx.so", "/usr/lib/baz/libx.so")
    assert depends(facts, "/usr/lib/foo/y.so", *everywhere) == ["soname(foo/libx.so(x86_64))"]
    assert depends(facts, "/usr/bin/y", *everywhere) == ["soname(bar/libx.so(x86_64))"]


def test_a_name_that_is_a_whole_path_stays_one() -> None:
    facts = with_facts(needed=("/usr/lib/lua/lpeg.so",))
    assert depends(facts, "/usr/bin/nvim", "/usr/lib/lua/lpeg.so") == ["soname(/usr/lib/lua/lpeg.so(x86_64))"]


def test_what_has_no_symbols_needs_no_library() -> None:
    facts = with_facts(needed=("libz.so.1",), has_symbols=False, interpreter="/lib/ld.so")
    assert depends(facts, "/usr/bin/x") == ["interpreter(/lib/ld.so(x86_64))"]


def test_the_interpreter_is_needed_as_it_is_written() -> None:
    facts = with_facts(interpreter="/lib64/ld-linux-x86-64.so.2")
    assert depends(facts, "/usr/bin/x") == ["interpreter(/lib64/ld-linux-x86-64.so.2(x86_64))"]
