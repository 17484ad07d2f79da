"""KDL is read as the language says, refused with a place, and written so that it reads back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl import MAX_DEPTH, MAX_SIZE, Node, Value, encode_kdl, parse_kdl


def value_of(text: str) -> Value:
    (node,) = parse_kdl(f"node {text}")
    (value,) = node.arguments
    return value


VALUES: list[tuple[str, Value]] = [
    ("main", "main"),
    ("x86_64", "x86_64"),
    ("stream-volatile.1", "stream-volatile.1"),
    ("-", "-"),
    ("+x", "+x"),
    (".x", ".x"),
    ("ünïcode", "ünïcode"),
    ('"stream/volatile"', "stream/volatile"),
    (r'"a\n\t\"\\\s\u{1F40D}"', 'a\n\t"\\ \U0001f40d'),
    ('"a \\\n     b"', "a b"),
    (r'"a\\   b"', "a\\   b"),
    ('#"a"b\\"#', 'a"b\\'),
    ('##"a"#b"##', 'a"#b'),
    (r'r"a\b"', "a\\b"),
    ('r#"a"b"#', 'a"b'),
    ('""', ""),
    ('"""\n  one\n    two\n\n  three\n  """', "one\n  two\n\nthree"),
    ('"""\n  a "quoted" \\"\\"\\" word\n  """', 'a "quoted" """ word'),
    ('#"""\n  \\n\n  """#', "\\n"),
    ("0", 0),
    ("-12_000", -12000),
    ("0xff_FF", 0xFFFF),
    ("-0b101", -5),
    ("0o17", 15),
    ("1.5", 1.5),
    ("1e3", 1000.0),
    ("18446744073709551615", 2**64 - 1),
    ("#true", True),
    ("#false", False),
    ("#null", None),
    ("true", True),
    ("false", False),
    ("null", None),
    ("#inf", math.inf),
    ("#-inf", -math.inf),
    ("(u8)5", 5),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_value_means(text: str, value: Value) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def test_nodes_have_arguments_properties_and_children() -> None:
    document = """
    // a comment
    volatile one 2 enabled=#false {  /* another /* inside */ one */
        uri "https://x/"; priority 0
    }
    last \\  // continued
        here
    """
    assert parse_kdl(document) == (
        Node(
            "volatile",
            ("one", 2),
            {"enabled": False},
            (Node("uri", ("https://x/",)), Node("priority", (0,))),
        ),
        Node("last", ("here",)),
    )


def test_nodes_know_where_they_stand() -> None:
    first, second = parse_kdl("\ufeffone {\r\n  inner\r\n}\r\n  two")
    assert (first.line, first.column) == (1, 1)
    assert (first.children[0].line, first.children[0].column) == (2, 3)
    assert (second.line, second.column) == (4, 3)


def test_slashdash_drops_nodes_values_and_children() -> None:
    assert parse_kdl("/- gone { a }\na /- 1 2 /- b=3 c=4 /- { d }\nb {\n /-\n x\n}") == (
        Node("a", (2,), {"c": 4}),
        Node("b"),
    )


REFUSED = {
    "a {": (1, 3, "never closed"),
    "a\n}": (2, 1, "never opened"),
    "a\n  = 1": (2, 3, "expected the name of a node"),
    'a "b': (1, 3, "a string is never closed"),
    'a #"b"': (1, 3, "a string is never closed"),
    'a "b\nc"': (1, 3, "over a line end"),
    'a "b\\\\\nc"': (1, 3, "over a line end"),
    'a #"b\\\nc"#': (1, 3, "over a line end"),
    r'a "\q"': (1, 3, r"the escape \\q is unknown"),
    r'a "\u{d800}"': (1, 3, "is no character"),
    r'a "\u{110000}"': (1, 3, "is no character"),
    'a """b"""': (1, 3, "begins on the line after"),
    'a """\nb"""': (1, 3, "on a line of their own"),
    'a """\n b\n  """': (1, 3, "indented less"),
    "a /* b": (1, 3, "a comment is never closed"),
    "a 1x": (1, 3, "'1x' is no number"),
    "a .5": (1, 3, "'.5' is no number"),
    "a 1.": (1, 3, "'1.' is no number"),
    "a 0b2": (1, 3, "'0b2' is no number"),
    "a " + "9" * 401: (1, 3, "a number of 401 characters"),
    "a b=1 b=2": (1, 7, "'b' is given twice"),
    "a 1=2": (1, 3, "the name of a property is a text"),
    "a b=": (1, 5, "expected a value, found the end"),
    "a #nope": (1, 3, "expected a value, found '#'"),
    "a inf": (1, 3, "'inf' wants quotes"),
    "true": (1, 1, "'true' wants quotes"),
    "1a": (1, 1, "'1a' wants quotes"),
    'a"b"': (1, 2, "expected a blank"),
    "a { b } c": (1, 9, "after the children"),
    "a { b } { c }": (1, 9, "two blocks"),
    "a \\ b": (1, 3, "a backslash that no line end follows"),
    "(t a": (1, 4, r"expected '\)'"),
    "/-": (1, 3, "expected the name of a node, found the end"),
    "a \x00": (1, 3, "U\\+0000"),
    "a \u202e": (1, 3, "U\\+202E"),
    "a {\n" * (MAX_DEPTH + 1): (MAX_DEPTH + 1, 4, "braces more than 32 deep"),
}


@pytest.mark.parametrize(("text", "place"), REFUSED.items(), ids=[repr(text)[:20] for text in REFUSED])
def test_an_error_has_a_place(text: str, place: tuple[int, int, str]) -> None:
    line, column, reason = place
    with pytest.raises(FormatError, match=reason) as caught:
        parse_kdl(text, path="repo.kdl")
    assert (caught.value.path, caught.value.line, caught.value.column) == ("repo.kdl", line, column)


@pytest.mark.parametrize("data", [b"\xff", b"a" * (MAX_SIZE + 1)], ids=["no UTF-8", "too large"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_kdl(data, path="repo.kdl")
    assert caught.value.path == "repo.kdl"


@pytest.mark.parametrize("unit", ['"', "{", "/*", "/-", "\\\n", 'a "\\', "(", "#", "a=", 'r"', '"""\n'])
def test_a_mebibyte_of_marks_ends_soon(unit: str) -> None:
    text = (unit * (MAX_SIZE // len(unit)))[:MAX_SIZE]
    line: int | None = 1
    try:
        parse_kdl(text)
    except FormatError as error:
        line = error.line
    assert line is not None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values: st.SearchStrategy[Value] = st.one_of(
    texts,
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    st.sampled_from(["true", "inf", "-inf", "nan", "1a", "+1", "-.5x", "a b", "r", "#", "\ufeff"]),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    st.builds(Node, texts, st.lists(values, max_size=3).map(tuple), st.dictionaries(texts, values, max_size=3)),
    lambda inner: st.builds(Node, texts, st.just(()), st.just({}), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=8,
)


@given(st.lists(nodes, max_size=4))
def test_what_is_written_reads_back(document: list[Node]) -> None:
    assert parse_kdl(encode_kdl(document)) == tuple(document)


@given(st.text(st.sampled_from('ab1"#\\/*-{}()=; \nr.+'), max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        document = parse_kdl(text)
    except FormatError as error:
        place = (error.line, error.column)
    else:
        place = (1, 1)
        assert parse_kdl(encode_kdl(document)) == document
    assert None not in place
