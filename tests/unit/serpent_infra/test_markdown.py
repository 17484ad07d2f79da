"""A stranger's README."""

import pytest

from serpent_infra.markdown import LIMIT, render


def test_common_things_are_rendered() -> None:
    html = render("# Title\n\nA *word*, `code`, ~~gone~~.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h2>Title</h2>" in html  # the page has a title of its own
    for element in ("<em>", "<code>", "<s>", "<table>"):
        assert element in html


@pytest.mark.parametrize(
    "text",
    [
        '<script>alert("x")</script>',
        '<img src=x onerror="alert(1)">',
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,AAAA)",
        '<a href="javascript:alert(1)">x</a>',
        '<p style="position:fixed">x</p>',
        "![x](http://tracker.example/pixel.png)",
        "<iframe src='//x.example'></iframe>",
    ],
)
def test_nothing_that_acts_gets_through(text: str) -> None:
    html = render(text)
    for bad in ("<script", "<img", "<iframe", "onerror", "style=", 'href="javascript', 'href="data'):
        assert bad not in html


def test_links_pass_nothing_on() -> None:
    assert 'rel="nofollow noopener noreferrer"' in render("[docs](https://docs.example/)")


def test_a_huge_text_is_cut() -> None:
    assert len(render("a" * (LIMIT + 1000))) < LIMIT + 100
