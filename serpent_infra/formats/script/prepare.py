"""The prepare script: upstreams out of the source directory into the build directory (stone-spec 4.2)."""

import shlex

from serpent_infra.formats.recipe import Archive, Git, Recipe
from serpent_infra.formats.script.layout import GuestPaths

# libarchive reads every format; where the base image has none of its programs, tar and unzip serve.
_UNPACK = r"""
unpack() {
    local tool
    mkdir -p "$2"
    for tool in bsdtar-static bsdtar; do
        if command -v "$tool" > /dev/null; then
            "$tool" xf "$1" -C "$2" --strip-components="$3" --no-same-owner
            return
        fi
    done
    case "$1" in
    *.zip)
        local top
        top=$(mktemp -d -p .)
        unzip -q "$1" -d "$top"
        for _ in $(seq "$3"); do
            mkdir "$top.inner"
            find "$top" -mindepth 2 -maxdepth 2 -exec mv -t "$top.inner" -- {} +
            rm -rf "$top"
            mv "$top.inner" "$top"
        done
        cp -a "$top/." "$2"
        rm -rf "$top"
        ;;
    *) tar xf "$1" -C "$2" --strip-components="$3" --no-same-owner ;;
    esac
}
""".strip()


def prepare_script(recipe: Recipe, paths: GuestPaths) -> str:
    """Writes the bash text that fills the build directory it runs in; "" where nothing is to be unpacked."""
    lines: list[str] = []
    for upstream in recipe.upstreams:
        source = shlex.quote(f"{paths.source_dir}/{upstream.file_name}")
        match upstream:
            case Archive(unpack=True):
                target = shlex.quote(f"./{upstream.directory}")
                lines.append(f"unpack {source} {target} {upstream.strip_dirs}")
            case Git():
                target = shlex.quote(f"./{upstream.directory}")
                lines.append(f"mkdir -p {target}")
                lines.append(f"cp -Ra --no-preserve=ownership {source}/. {target}")
            case _:
                pass
    if not lines:
        return ""
    prefix = [_UNPACK] if any(line.startswith("unpack ") for line in lines) else []
    return "\n".join([*prefix, *lines, ""])
