"""Text that strangers wrote, made safe to show: a README through markdown-it-py, then cleaned by nh3."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

LIMIT = 200_000  # characters; a longer README is cut

_TAGS = {
    *("a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p"),
    *("pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}


def render(text: str) -> SafeString:
    """Renders CommonMark with tables as HTML of harmless elements.

    Comments and scripts vanish, other elements that are not on the list leave their text; pictures are not fetched.
    """
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text[:LIMIT])
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            # The page has its own title: a heading goes one level down.
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
    return mark_safe(html)  # noqa: S308 - nh3 has just cleaned it
