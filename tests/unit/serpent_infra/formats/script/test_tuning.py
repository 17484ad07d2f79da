"""From a recipe's tuning to compiler flags."""

import pytest

from serpent_infra.formats.recipe import Toolchain, TuningChoice
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.expansion import Names, expand
from serpent_infra.formats.script.macros import load_macros
from serpent_infra.formats.script.targets import Target
from serpent_infra.formats.script.tuning import compiler_flags

MACROS = load_macros(Target("x86_64"))
# What the distribution's own tool gives a recipe without tuning (stone-spec 4.5).
LDFLAGS = (
    "-Wl,--as-needed -Wl,--build-id=sha1 -Wl,--compress-debug-sections=zstd -Wl,--icf=safe -Wl,--undefined-version "
    "-Wl,-Bsymbolic-functions -Wl,-O2,--gc-sections -Wl,-z,pack-relative-relocs -Wl,-z,relro,-z,now -flto=thin"
)
CFLAGS = (
    "-O2 -Werror=odr -Werror=strict-aliasing -Wp,-D_GLIBCXX_ASSERTIONS -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 "
    "-fcf-protection -fexceptions -ffat-lto-objects -flto=thin -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer "
    "-fstack-protector --param ssp-buffer-size=32 -g -fasynchronous-unwind-tables -march=x86-64-v2 -mtune=ivybridge "
    "-mprefer-vector-width=128 -mtls-dialect=gnu2 -pipe -Wformat -Wformat-security -Wno-error -fPIC"
)


def flags(*choices: TuningChoice, toolchain: Toolchain = Toolchain.LLVM, mold: bool = False) -> dict[str, str]:
    lines = compiler_flags(MACROS, choices, toolchain=toolchain, mold=mold)
    names = Names(definitions=MACROS.definitions, builtins={"jobs": "3"})
    return {language: expand(line, names).text for language, line in lines.items()}


def test_llvm_without_tuning_equals_the_distribution() -> None:
    lines = flags()
    assert lines["ld"] == LDFLAGS
    assert lines["c"] == CFLAGS


def test_gnu_gets_no_flag_that_only_llvm_knows() -> None:
    lines = flags(toolchain=Toolchain.GNU)
    for word in ("icf", "flto=thin", "undefined-version", "relative-relocs"):
        assert word not in lines["c"] + lines["cxx"] + lines["ld"]
    assert "-O2" in lines["c"].split()


def test_a_choice_replaces_the_default_one() -> None:
    words = flags(TuningChoice("lto", choice="full"), TuningChoice("optimize", choice="speed"))["c"].split()
    assert "-flto=full" in words
    assert "-O3" in words
    assert not {"-flto=thin", "-O2"} & set(words)


def test_full_lto_of_gcc_uses_the_slots_jobs() -> None:
    assert "-flto=3" in flags(TuningChoice("lto", choice="full"), toolchain=Toolchain.GNU)["ld"].split()


def test_a_group_switched_off_gives_what_it_says_for_that() -> None:
    lines = flags(TuningChoice("bindnow", enabled=False), TuningChoice("lto", enabled=False))
    assert "-Wl,-z,relro,-z,lazy" in lines["ld"].split()
    assert "lto" not in lines["c"]


def test_mold_is_appended() -> None:
    lines = flags(mold=True)
    assert lines["c"].endswith(" -fuse-ld=mold")
    assert lines["rust"].endswith(" -Clink-arg=-fuse-ld=mold")


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (TuningChoice("ltoo"), "tuning group 'ltoo' is unknown"),
        (TuningChoice("lto", choice="fat"), "no choice 'fat'; its choices are: full, thin"),
        (TuningChoice("relr", choice="x"), "its choices are: none"),
    ],
)
def test_an_unknown_name_is_an_error_that_gives_the_known_ones(choice: TuningChoice, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        flags(choice)


@pytest.mark.parametrize("target", [Target("x86_64"), Target("aarch64"), Target("x86_64", is_emul32=True)])
@pytest.mark.parametrize("toolchain", list(Toolchain))
def test_every_group_and_choice_of_ours_resolves(target: Target, toolchain: Toolchain) -> None:
    macros = load_macros(target)
    for name, group in macros.tuning.items():
        choices = [TuningChoice(name), TuningChoice(name, enabled=False)]
        choices += [TuningChoice(name, choice=option) for option in group.options]
        for choice in choices:
            assert compiler_flags(macros, [choice], toolchain=toolchain)["ld"]
