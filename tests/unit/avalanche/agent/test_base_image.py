"""What a base image provides."""

from pathlib import Path

import pytest

from avalanche.agent.tools.builtin.base_image import BaseImage
from serpent_infra.formats.dependency import Capability


@pytest.fixture
def base(tmp_path: Path) -> BaseImage:
    for path in (
        "usr/bin/make",
        "usr/bin/cc",
        "usr/sbin/ldconfig",
        "usr/lib/x86_64-linux-gnu/libz.so.1",
        "usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc",
        "usr/share/pkgconfig/bash-completion.pc",
        "usr/lib/x86_64-linux-gnu/cmake/Foo/FooConfig.cmake",
        "usr/lib/python3/dist-packages/ruamel.yaml-0.17.dist-info/METADATA",
        "usr/lib64/ld-linux-x86-64.so.2",
        "etc/secret",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "lib64").symlink_to("usr/lib64")
    return BaseImage(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "binary(make)",
        "make",
        "clang",
        "sysbinary(ldconfig)",
        "soname(libz.so.1(x86_64))",
        "interpreter(/lib64/ld-linux-x86-64.so.2(x86_64))",
        "pkgconfig(zlib)",
        "pkgconfig(bash-completion)",
        "cmake(Foo)",
        "python(ruamel-yaml)",
    ],
)
def test_a_capability_is_met_by_the_file_it_stands_for(base: BaseImage, text: str) -> None:
    assert base.provides(Capability.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "binary(ninja)",
        "zlib-devel",
        "soname(libz.so.2(x86_64))",
        "pkgconfig(png)",
        "pkgconfig32(zlib)",
        "cmake(Bar)",
        "python(ruamel)",
        "interpreter(/etc/../etc/secret)",
        "binary(../../etc/secret)",
        "pkgconfig(*)",
        "python(*)",
    ],
)
def test_anything_else_is_missing(base: BaseImage, text: str) -> None:
    assert not base.provides(Capability.parse(text))
