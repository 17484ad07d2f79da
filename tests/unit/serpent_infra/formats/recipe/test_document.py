"""What the YAML builder keeps and what it refuses."""

import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe.document import MAX_BYTES, MAX_DEPTH, Mapping, Node, Scalar, Sequence, read_document

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
trees = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


def plain(node: Node) -> object:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}


@pytest.mark.parametrize("text", ["1.10", "49.0", "0x1F", "017", "yes", "2024-01-01", "12:30:45", "true"])
def test_a_scalar_stays_as_it_was_written(text: str) -> None:
    node = read_document(f"key: {text}".encode())
    assert plain(node) == {"key": text}


@pytest.mark.parametrize(("text", "is_null"), [("", True), ("~", True), ("null", True), ('"~"', False), ("no", False)])
def test_only_plain_nulls_are_null(text: str, *, is_null: bool) -> None:
    node = read_document(f"key: {text}".encode())
    assert isinstance(node, Mapping)
    value = node.entries[0][1]
    assert isinstance(value, Scalar)
    assert value.is_null is is_null


def test_places_count_from_one() -> None:
    node = read_document(b"a: 1\nb:\n  - x\n  - y\n")
    assert isinstance(node, Mapping)
    items = node.entries[1][1]
    assert isinstance(items, Sequence)
    assert (items.items[1].line, items.items[1].column) == (4, 5)


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"a: 1\na: 2", (2, 1), "a second time"),
        (b"a: {b: 1, b: 2}", (1, 11), "a second time"),
        (b"a: &x 1", (1, 4), "anchors"),
        (b"a: *x", (1, 4), "aliases"),
        (b"a: !!int 1", (1, 4), "tags"),
        (b"a: !thing {}", (1, 4), "tags"),
        (b"--- a\n--- b\n", (2, 1), "second document"),
        (b"? [a]\n: b", (1, 3), "a key must be text"),
        (b"", (1, 1), "empty"),
        (b"a: [", (2, 1), "expected"),
        (b"a:\n\tb: 1", (2, 1), "cannot start"),
        (b"a: 1\nb: \xff", (2, 4), "UTF-8"),
        ("é: 1\nb: ü\x01".encode(), (2, 5), "control characters"),
        (b"a: b\0c", (1, 5), "control characters"),
        (b"%TAG !t! tag:example.org,2026:\n---\na: !t!b c", (1, 1), "tags"),
        (b"# x\n%YAML 1.2\n%YAML 1.2\n---\na: b", (3, 1), "duplicate"),
    ],
)
def test_what_a_recipe_has_no_use_for_is_refused_with_its_place(
    data: bytes, place: tuple[int, int | None], reason: str
) -> None:
    with pytest.raises(FormatError) as caught:
        read_document(data, path="x/stone.yaml")
    assert (caught.value.line, caught.value.column) == place
    assert reason in caught.value.reason
    assert str(caught.value).startswith("x/stone.yaml:")


def test_depth_is_bounded() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert isinstance(read_document(deepest), Sequence)
    with pytest.raises(FormatError, match="nested too deep"):
        read_document(b"[" + deepest + b"]")


@pytest.mark.parametrize("level", [b"[", b"{a: ", b"- ", b"? - "])
def test_a_hundred_thousand_levels_are_refused_in_no_time(level: bytes) -> None:
    began = time.process_time()
    with pytest.raises(FormatError, match=r"nested too deep|a key must be text"):
        read_document(level * 100_000)
    assert time.process_time() - began < 1


def test_fifty_thousand_directives_are_refused_in_no_time() -> None:
    directives = b"".join(b"%%TAG !t%d! x\n" % number for number in range(50_000))
    began = time.process_time()
    with pytest.raises(FormatError, match="tags"):
        read_document(directives + b"---\na: b\n")
    assert time.process_time() - began < 1


def test_long_texts_are_cut_in_messages() -> None:
    with pytest.raises(FormatError) as caught:
        read_document(b"a: &" + b"x" * 100_000 + b" 1")
    assert len(caught.value.reason) < 200


def test_scalars_know_the_line_their_text_begins_in() -> None:
    literal, folded = b"b: |\n    two\n    three\n", b"c: >\n    four\n    five\n"
    node = read_document(b"a: one\n" + literal + folded + b"d: 'six\n\n  seven'\ne: eight\n   nine\nf: 'ten'\n")
    assert isinstance(node, Mapping)
    lines = {key.text: value.first_line for key, value in node.entries if isinstance(value, Scalar)}
    assert lines == {"a": 1, "b": 3, "c": None, "d": None, "e": None, "f": 13}


def test_size_is_bounded() -> None:
    assert isinstance(read_document(b"a" * MAX_BYTES), Scalar)
    with pytest.raises(FormatError, match="too many"):
        read_document(b"a" * (MAX_BYTES + 1))


@given(trees)
def test_every_tree_of_text_reads_back(tree: object) -> None:
    written = yaml.safe_dump(tree, allow_unicode=True, default_style='"')
    assert plain(read_document(written.encode())) == tree


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(FormatError):
        assert isinstance(read_document(data), Scalar | Sequence | Mapping)
