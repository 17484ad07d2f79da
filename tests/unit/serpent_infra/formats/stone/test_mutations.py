"""Every byte of a container matters to a strict reader: changed, it is refused, or another thing is read."""

from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import read_index
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.stone import header, payload
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.package import verify_package
from serpent_infra.formats.stone.payload import PayloadKind
from serpent_infra.formats.stone.reader import open_stone
from tests.fuzz.targets import stones, with_right_checksums

CHANGES = [1 << bit for bit in range(8)] + [0xFF, 0x55]
READERS: dict[int, Callable[[bytes], object]] = {
    FileType.BINARY: verify_package,
    FileType.MANIFEST: decode_manifest,
    FileType.REPOSITORY: read_index,
}
FILES = [with_right_checksums(one) for one in stones()]
NAMES = [
    f"{FileType(one[27]).name.lower()} {'stored' if number < 3 else 'compressed'}" for number, one in enumerate(FILES)
]


def ignored(file: bytes) -> set[int]:
    """Offsets that nobody reads: the count of records of content, where older tools wrote the count of files."""
    with open_stone(file) as stone:
        heads = [one.header for one in stone]
    found: set[int] = set()
    position = header.SIZE
    for head in heads:
        if head.kind == PayloadKind.CONTENT:
            found.update(range(position + 24, position + 28))
        position += payload.SIZE + head.stored_size
    return found


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_changed_byte_is_refused(file: bytes) -> None:
    read = READERS[file[27]]
    assert read(file)
    survived: list[int] = []
    for offset in range(len(file)):
        for change in CHANGES:
            mutated = bytearray(file)
            mutated[offset] ^= change
            try:
                read(bytes(mutated))
            except FormatError:
                continue
            survived.append(offset)
    assert set(survived) == ignored(file)


@pytest.mark.parametrize("file", FILES[:3], ids=NAMES[:3])
def test_a_changed_byte_under_a_right_checksum_is_refused_or_read_as_another_thing(file: bytes) -> None:
    read = READERS[file[27]]
    original = read(file)
    unnoticed: list[int] = []
    for offset in set(range(header.SIZE, len(file))) - checksums(file) - ignored(file):
        for change in CHANGES:
            mutated = bytearray(file)
            mutated[offset] ^= change
            try:
                again = read(with_right_checksums(bytes(mutated)))
            except FormatError:
                continue
            if again == original:
                unnoticed.append(offset)
    assert unnoticed == []


def checksums(file: bytes) -> set[int]:
    """Offsets of the checksums, which are put right again."""
    found: set[int] = set()
    position = header.SIZE
    while position < len(file):
        found.update(range(position + 16, position + 24))
        position += payload.SIZE + int.from_bytes(file[position : position + 8], "big")
    return found


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_file_cut_anywhere_is_refused(file: bytes) -> None:
    for end in range(len(file)):
        with pytest.raises(FormatError) as caught:
            READERS[file[27]](file[:end])
        assert caught.value.offset is not None


@given(st.sampled_from(FILES), st.data())
def test_bytes_that_are_swapped_removed_or_doubled_are_refused(file: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(file) - 1))
    end = data.draw(st.integers(start + 1, len(file)))
    piece = file[start:end]
    for mutated in (
        file[:start] + file[end:],
        file[:end] + piece + file[end:],
        file[:start] + piece[::-1] + file[end:],
    ):
        if mutated != file and not only_ignored(file, mutated):
            with pytest.raises(FormatError):
                READERS[file[27]](mutated)


def only_ignored(file: bytes, mutated: bytes) -> bool:
    """Says whether two files differ at offsets alone that nobody reads."""
    return len(file) == len(mutated) and {
        offset for offset, (a, b) in enumerate(zip(file, mutated, strict=True)) if a != b
    } <= ignored(file)


def test_there_is_one_file_of_each_type() -> None:
    assert [one[27] for one in islice(stones(), 3)] == [FileType.BINARY, FileType.MANIFEST, FileType.REPOSITORY]
