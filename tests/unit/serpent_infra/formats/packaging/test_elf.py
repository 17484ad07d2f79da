"""Reading ELF files: what gcc makes is understood, what is damaged ends in a named error within bounds."""

import io
import re
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serpent_infra.formats.packaging.elf import ElfFacts, UnreadableElf, read_elf
from tests.unit.serpent_infra.formats.packaging.compiled import (
    build_id,
    library,
    library_of_32_bits,
    needs_gcc,
    program,
    readelf,
)

# Places in the header of a 64-bit file.
SECTIONS_AT, SECTION_SIZE_AT, SECTION_COUNT_AT = 0x28, 0x3A, 0x3C
SECTION = struct.Struct("<IIQQQQIIQQ")
"""Name, type, flags, address, offset, size, link, info, alignment, entry size."""


def facts_of(path: Path) -> ElfFacts:
    with path.open("rb") as stream:
        facts = read_elf(stream)
    assert facts is not None
    return facts


@pytest.mark.parametrize("data", [b"", b"\x7f", b"\x7fEL", b"#!/bin/sh\n", b"\0" * 100])
def test_other_files_are_no_elf_files(data: bytes) -> None:
    assert read_elf(io.BytesIO(data)) is None


@needs_gcc
def test_a_library_is_read(tmp_path: Path) -> None:
    path = library(
        tmp_path / "libx.so.1", "libx.so.1", "-Wl,--no-as-needed,--disable-new-dtags,-rpath,/usr/lib/x:$ORIGIN"
    )
    facts = facts_of(path)
    assert (facts.isa, facts.bits, facts.has_symbols) == ("x86_64", 64, True)
    assert (facts.soname, facts.interpreter) == ("libx.so.1", None)
    assert facts.needed == ("libc.so.6",)
    assert facts.search == ("/usr/lib/x:$ORIGIN",)
    assert facts.build_id == build_id(path)
    assert len(facts.build_id) == 40


@needs_gcc
def test_a_program_is_read(tmp_path: Path) -> None:
    needed = library(tmp_path / "libx.so.1", "libx.so.1")
    source = "int answer(void); int main(void) { return answer(); }\n"
    path = program(tmp_path / "x", needed, "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib/x", source=source)
    facts = facts_of(path)
    assert facts.needed == ("libx.so.1", "libc.so.6")
    assert facts.search == ("$ORIGIN/../lib/x",)
    assert facts.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert facts.soname is None


@needs_gcc
def test_a_32_bit_library_is_read(tmp_path: Path) -> None:
    path = library_of_32_bits(tmp_path / "libx.so.1", "libx.so.1")
    facts = facts_of(path)
    assert (facts.isa, facts.bits, facts.soname) == ("386", 32, "libx.so.1")
    assert facts.build_id == build_id(path)


@needs_gcc
def test_object_files_and_static_programs_have_no_symbols_to_link_with(tmp_path: Path) -> None:
    path = program(tmp_path / "x.o", "-c")
    assert facts_of(path) == ElfFacts(isa="x86_64", bits=64, has_symbols=False)


@needs_gcc
def test_a_program_without_build_id_has_none(tmp_path: Path) -> None:
    assert facts_of(program(tmp_path / "x", "-Wl,--build-id=none")).build_id is None


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small program."""
    return program(tmp_path_factory.mktemp("elf") / "x").read_bytes()


def section_at(data: bytes, wanted: str) -> int:
    """Finds the header of a section by its name."""
    at: int = struct.unpack_from("<Q", data, SECTIONS_AT)[0]
    size, count, names = struct.unpack_from("<HHH", data, SECTION_SIZE_AT)
    names_offset = SECTION.unpack_from(data, at + size * names)[4]
    for number in range(count):
        place: int = at + size * number
        start = names_offset + SECTION.unpack_from(data, place)[0]
        if data[start : data.index(b"\0", start)].decode() == wanted:
            return place
    raise LookupError(wanted)


def with_section(data: bytes, name: str, **changes: int) -> bytes:
    """Changes the type, offset or size of a section."""
    changed, place = bytearray(data), section_at(data, name)
    fields = list(SECTION.unpack_from(changed, place))
    for field, value in changes.items():
        fields[{"type": 1, "flags": 2, "offset": 4, "size": 5, "link": 6}[field]] = value
    SECTION.pack_into(changed, place, *fields)
    return bytes(changed)


def endless_sections(data: bytes) -> bytes:
    """Announces 2**60 sections."""
    changed, first = bytearray(data), len(data)
    struct.pack_into("<Q", changed, SECTIONS_AT, first)
    struct.pack_into("<HHH", changed, SECTION_SIZE_AT, SECTION.size, 0, 1)
    names = SECTION.pack(0, 3, 0, 0, 0, 1, 0, 0, 0, 0)
    return bytes(changed) + SECTION.pack(0, 0, 0, 0, 0, 2**60, 0, 0, 0, 0) + names


def endless_tags(data: bytes) -> bytes:
    """Puts 200,000 tags that are not the last one where the dynamic section was."""
    return with_section(data, ".dynamic", offset=len(data), size=200_000 * 16) + b"\1\0\0\0\0\0\0\0" * 400_000


def long_names(data: bytes) -> bytes:
    """Gives a needed library a name of 1 MiB."""
    tags = struct.pack("<QQQQ", 1, 0, 0, 0)
    moved = with_section(data, ".dynamic", offset=len(data), size=len(tags))
    return with_section(moved, ".dynstr", offset=len(data) + len(tags), size=2**20) + tags + b"x" * 2**20 + b"\0"


def hostile(change: Callable[[bytes], bytes], reason: str) -> object:
    return pytest.param(change, reason, id=change.__name__)


@needs_gcc
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        hostile(endless_sections, "1,152,921,504,606,846,976 sections"),
        hostile(endless_tags, "more than 10,000 dynamic tags"),
        hostile(long_names, "a DT_NEEDED of 1,048,576 characters"),
    ],
)
def test_files_larger_than_life_are_refused_at_once(
    sample: bytes, change: Callable[[bytes], bytes], reason: str
) -> None:
    started = time.process_time()
    with pytest.raises(UnreadableElf, match=reason):
        read_elf(io.BytesIO(change(sample)))
    assert time.process_time() - started < 5


@needs_gcc
@pytest.mark.parametrize("name", [".interp", ".note.gnu.build-id"])
def test_sections_larger_than_life_are_refused(sample: bytes, name: str) -> None:
    with pytest.raises(UnreadableElf, match=f"{name} of 4,294,967,296 bytes"):
        read_elf(io.BytesIO(with_section(sample, name, size=2**32)))


@needs_gcc
def test_a_damaged_file_is_named_as_such(sample: bytes) -> None:
    for size in (4, 16, 63, 64, len(sample) // 2, len(sample) - 1):
        with pytest.raises(UnreadableElf, match="while reading its headers"):
            read_elf(io.BytesIO(sample[:size]))


@needs_gcc
def test_texts_that_are_no_utf8_are_as_good_as_absent(sample: bytes) -> None:
    place = section_at(sample, ".interp")
    offset = SECTION.unpack_from(sample, place)[4]
    changed = sample[:offset] + b"\xff" + sample[offset + 1 :]
    changed = changed.replace(b"libc.so.6", b"lib\xff.so.6")
    facts = read_elf(io.BytesIO(changed))
    assert facts is not None
    assert (facts.interpreter, facts.needed) == (None, ())


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_magic_end_well(data: bytes) -> None:
    with pytest.raises(UnreadableElf):
        read_elf(io.BytesIO(b"\x7fELF" + data))


@needs_gcc
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_change_to_a_real_file_ends_well(sample: bytes, changes: list[tuple[int, int]]) -> None:
    headers = struct.unpack_from("<Q", sample, SECTIONS_AT)[0]
    changed = bytearray(sample)
    for place, value in changes:  # half of them in the headers, where they count
        where = place % 64 if place % 2 else headers + place % (len(sample) - headers)
        changed[where] = value
    with suppress(UnreadableElf):
        facts = read_elf(io.BytesIO(bytes(changed)))
        assert facts is None or facts.bits in {32, 64}


def programs_of_this_machine() -> list[Path]:
    """Sixty ELF files of this machine's, some from everywhere."""
    places = (Path("/usr/bin"), Path("/usr/sbin"), Path("/usr/lib"))
    files = sorted(path for place in places for path in (*place.glob("*"), *place.glob("*/*.so*")))
    elf = [path for path in files if path.is_file() and not path.is_symlink() and is_elf(path)]
    return elf[:: max(len(elf) // 60, 1)]


def is_elf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


@needs_gcc
def test_the_machines_own_programs_are_read_as_readelf_reads_them() -> None:
    for path in programs_of_this_machine():
        facts, shown = facts_of(path), readelf("-d", "-n", "-l", "-S", path)
        texts = {
            name: tuple(re.findall(rf"\({name}\)\s+[^\[]*\[(.*?)\]", shown))
            for name in ("NEEDED", "SONAME", "RUNPATH", "RPATH")
        }
        interpreter = re.search(r"Requesting program interpreter: (.*?)\]", shown)
        notes = re.search(r"Build ID: ([0-9a-f]+)", shown)
        assert facts.needed == texts["NEEDED"], path
        assert (facts.soname,) == (texts["SONAME"] or (None,)), path
        assert facts.search == texts["RUNPATH"] + texts["RPATH"], path
        assert facts.interpreter == (interpreter and interpreter[1]), path
        assert facts.build_id == (notes and notes[1]), path
        assert facts.has_symbols is (" DYNSYM " in shown), path
