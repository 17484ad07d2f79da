"""What paths provide by their names alone."""

import pytest

from serpent_infra.formats.packaging.named_files import cmake_provides, program_provides


@pytest.mark.parametrize(
    ("path", "provided"),
    [
        ("/usr/bin/nano", "binary(nano)"),
        ("/usr/bin/deep/down/nano", "binary(nano)"),
        ("/usr/sbin/ldconfig", "sysbinary(ldconfig)"),
        ("/usr/bin", None),
        ("/usr/binary/nano", None),
        ("/usr/lib/x/bin/nano", None),
        ("/bin/nano", None),
    ],
)
def test_programs_are_what_lies_below_bin_and_sbin(path: str, provided: str | None) -> None:
    found = program_provides(path)
    assert (found and found.text) == provided


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("FooConfig.cmake", "Foo"),
        ("foo-config.cmake", "foo"),
        ("Foo-barConfig.cmake", "Foo-bar"),
        ("foo-Config.cmake", None),
        ("FooTargets.cmake", None),
        ("Config.cmake", None),
        ("-config.cmake", None),
        ("FooConfig.cmake.in", None),
    ],
)
def test_cmake_packages_are_named_by_their_files(name: str, package: str | None) -> None:
    provided = cmake_provides(f"/usr/lib/cmake/{name}")
    assert (provided and provided.text) == (package and f"cmake({package})")
