"""Hypothesis strategies for what stones hold."""

from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry
from serpent_infra.formats.stone.meta import Meta

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NUMBERS = st.integers(0, 2**64 - 1)
CAPABILITIES = st.builds(Capability, st.sampled_from(Kind), TEXTS.filter(bool))
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)


@st.composite
def metas(draw: st.DrawFn) -> Meta:
    """Metadata as a reader gives it: the own name is no provider, licences are sorted."""
    name = draw(NAMES)
    sets = st.frozensets(CAPABILITIES, max_size=5)
    return Meta(
        name=name,
        version=draw(TEXTS),
        release=draw(NUMBERS),
        build_release=draw(NUMBERS),
        architecture=draw(TEXTS),
        summary=draw(TEXTS),
        description=draw(TEXTS),
        source_id=draw(TEXTS),
        homepage=draw(TEXTS),
        licenses=tuple(sorted(draw(st.lists(TEXTS, max_size=3)))),
        depends=draw(sets),
        provides=draw(sets) - {Capability.name(name)},
        conflicts=draw(sets),
        build_depends=tuple(draw(st.lists(CAPABILITIES, max_size=5))),
        uri=draw(st.none() | TEXTS),
        hash=draw(st.none() | TEXTS),
        size=draw(st.none() | NUMBERS),
        source_uri=draw(st.none() | TEXTS),
        source_path=draw(st.none() | TEXTS),
        source_ref=draw(st.none() | TEXTS),
    )


TARGETS = st.lists(TEXTS.map(lambda text: text.replace("/", "")).filter(lambda text: text not in {"", ".", ".."})).map(
    "/".join
)


@st.composite
def layout_entries(draw: st.DrawFn) -> LayoutEntry:
    """Records of every kind of path."""
    kind = draw(st.sampled_from(EntryKind))
    word = st.integers(0, 2**32 - 1)
    return LayoutEntry(
        kind=kind,
        target=draw(TARGETS.filter(bool)),
        mode=draw(word),
        digest=draw(st.binary(min_size=16, max_size=16)) if kind is EntryKind.REGULAR else b"",
        link=draw(TEXTS) if kind is EntryKind.SYMLINK else "",
        uid=draw(word),
        gid=draw(word),
        tag=draw(word),
    )
