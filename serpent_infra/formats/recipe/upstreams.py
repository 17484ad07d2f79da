"""The `upstreams` of a recipe: archives pinned by hash, git repositories by ref (stone-spec 4.2)."""

import re

from serpent_infra.formats.recipe.document import Node, Scalar, shown
from serpent_infra.formats.recipe.fields import Fields
from serpent_infra.formats.recipe.model import Archive, Git, Upstream, last_segment

GIT_PREFIX = "git|"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_U8 = 255


def read_upstreams(fields: Fields) -> tuple[Upstream, ...]:
    """Reads the whole list, in order."""
    return tuple(_read_upstream(fields, key, value) for key, value in fields.pairs("upstreams"))


def _read_upstream(fields: Fields, key: Scalar, value: Node) -> Upstream:
    uri = key.text.removeprefix(GIT_PREFIX)
    if not last_segment(uri) or last_segment(uri) in {".", ".."}:
        raise fields.error(key, f"the upstream {shown(key.text)} has no file name; expected a URI with a path")
    return _read_git(fields, uri, value) if key.text.startswith(GIT_PREFIX) else _read_archive(fields, uri, value)


def _read_archive(parent: Fields, uri: str, value: Node) -> Archive:
    if isinstance(value, Scalar):
        return Archive(uri=uri, sha256=_sha256(parent, value))
    fields = Fields(value, what="an archive upstream", path=parent.path, warnings=parent.warnings)
    archive = Archive(
        uri=uri,
        sha256=_sha256(fields, fields.required("hash")),
        rename=_file_name(fields, "rename"),
        strip_dirs=fields.integer("stripdirs", default=1, high=_U8),
        unpack=fields.boolean("unpack", default=True),
        unpack_dir=_directory(fields, "unpackdir"),
    )
    fields.finish()
    return archive


def _read_git(parent: Fields, uri: str, value: Node) -> Git:
    if isinstance(value, Scalar):
        if not value.text.strip() or value.is_null:
            raise parent.error(value, "a git upstream needs a ref: expected a commit, tag or branch")
        return Git(uri=uri, ref=parent.textual(value).text)
    fields = Fields(value, what="a git upstream", path=parent.path, warnings=parent.warnings)
    git = Git(uri=uri, ref=fields.required_text("ref"), clone_dir=_directory(fields, "clonedir"))
    fields.finish()
    return git


def _sha256(fields: Fields, scalar: Scalar) -> str:
    if not _SHA256.fullmatch(scalar.text):
        raise fields.error(scalar, f"the hash is {shown(scalar.text)}; expected 64 lower-case hexadecimal digits")
    return fields.textual(scalar).text


def _file_name(fields: Fields, key: str) -> str | None:
    scalar = fields.scalar(key)
    if scalar is None:
        return None
    if not scalar.text or "/" in scalar.text or "\0" in scalar.text or scalar.text in {".", ".."}:
        raise fields.error(scalar, f"{key!r} is {shown(scalar.text)}; expected a plain file name")
    return fields.textual(scalar).text


def _directory(fields: Fields, key: str) -> str | None:
    scalar = fields.scalar(key)
    if scalar is None:
        return None
    if not scalar.text or scalar.text.startswith("/") or ".." in scalar.text.split("/") or "\0" in scalar.text:
        raise fields.error(scalar, f"{key!r} is {shown(scalar.text)}; expected a path below the build directory")
    return fields.textual(scalar).text
