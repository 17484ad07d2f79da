"""Targets, stages and phases of a build, and the scripts they become."""

import subprocess
from dataclasses import replace

import pytest

from serpent_infra.formats.recipe import Recipe, Toolchain, parse_recipe
from serpent_infra.formats.script import GuestPaths, HostFacts, PgoStage, Phase, ScriptError, plan_build
from serpent_infra.formats.script.expansion import Names, expand
from serpent_infra.formats.script.macros import MACROS_DIR, isa_levels, load_macros
from serpent_infra.formats.script.targets import Target, build_targets

HEAD = 'name: nano\nversion: "9.2"\nrelease: 42\nhomepage: https://example.org\nlicense: MPL-2.0\n'
HASH = "ab" * 32
HOST = HostFacts(architecture="x86_64", jobs=4, source_date_epoch=1_700_000_000)


def recipe(text: str) -> Recipe:
    return parse_recipe((HEAD + text).encode())


def test_phases_come_in_order_and_empty_ones_are_left_out() -> None:
    plan = plan_build(recipe("build: make\ninstall: make install\ncheck: ''\nworkloads: x\n"), HOST)
    assert [script.phase for script in plan.scripts] == [Phase.BUILD, Phase.INSTALL]
    assert {script.build_dir for script in plan.scripts} == {"/mason/build/x86_64"}


def test_work_is_done_in_the_first_unpacked_upstream() -> None:
    text = f"""
upstreams:
    - https://example.org/data.bin: {{hash: {HASH}, unpack: false}}
    - https://example.org/nano-9.2.tar.xz: {HASH}
    - git|https://example.org/docs.git: {{ref: main, clonedir: docs}}
build: '%make'
"""
    prepare, build = plan_build(recipe(text), HOST).scripts
    assert (prepare.phase, prepare.work_dir) == (Phase.PREPARE, "/mason/build/x86_64")
    assert build.work_dir == "/mason/build/x86_64/nano-9.2.tar.xz"
    assert "unpack /mason/sourcedir/nano-9.2.tar.xz ./nano-9.2.tar.xz 1" in prepare.text
    assert "cp -Ra --no-preserve=ownership /mason/sourcedir/docs.git/. ./docs" in prepare.text
    assert "data.bin" not in prepare.text


def test_the_toolchain_is_the_hosts_unless_the_recipe_says_one() -> None:
    assert 'CC="gcc"' in plan_build(recipe("build: x"), HOST).scripts[0].text
    stated = plan_build(recipe("toolchain: llvm\nbuild: x"), HOST)
    assert stated.toolchain is Toolchain.LLVM
    assert 'CC="clang"' in stated.scripts[0].text


def test_the_environment_stands_before_every_phase_but_prepare() -> None:
    text = f"upstreams: [https://e.org/a.tar: {HASH}]\nenvironment: export A=%(name)\nbuild: x\n"
    prepare, build = plan_build(recipe(text), HOST).scripts
    assert "export A=nano" in build.text
    assert "export A=nano" not in prepare.text


def test_emul32_comes_first_with_its_profiles_scripts() -> None:
    text = """
emul32: true
setup: native
build: '%make'
profiles:
    - emul32:
        setup: companion %(libdir)
"""
    plan = plan_build(recipe(text), HOST)
    assert [(str(script.target), script.phase) for script in plan.scripts] == [
        ("emul32/x86_64", Phase.SETUP),
        ("emul32/x86_64", Phase.BUILD),
        ("x86_64", Phase.SETUP),
        ("x86_64", Phase.BUILD),
    ]
    assert plan.scripts[0].text.endswith("companion /usr/lib32")
    assert "gcc -m32" in plan.scripts[1].text
    assert plan.scripts[2].text.endswith("native")
    assert plan.scripts[0].title == "emul32/x86_64 setup"


@pytest.mark.parametrize(
    ("architectures", "targets"),
    [
        ("", ["x86_64"]),
        ("architectures: [native]", ["x86_64"]),
        ("architectures: [aarch64, emul32]", ["emul32/x86_64"]),
        ("architectures: [x86_64, emul32/x86_64]", ["emul32/x86_64", "x86_64"]),
        ("architectures: [aarch64]", []),
    ],
)
def test_targets_are_those_of_the_host(architectures: str, targets: list[str]) -> None:
    assert [str(target) for target in build_targets(recipe(architectures), "x86_64")] == targets


def test_a_recipe_for_other_machines_is_an_error() -> None:
    with pytest.raises(ScriptError, match="for aarch64, not for x86_64"):
        plan_build(recipe("architectures: [aarch64]\nbuild: x\n"), HOST)


@pytest.mark.parametrize(
    ("extra", "stages"),
    [
        ("toolchain: gnu", [PgoStage.ONE, PgoStage.USE]),
        ("toolchain: gnu\ncspgo: true", [PgoStage.ONE, PgoStage.USE]),
        ("toolchain: llvm", [PgoStage.ONE, PgoStage.USE]),
        ("toolchain: llvm\ncspgo: true", [PgoStage.ONE, PgoStage.TWO, PgoStage.USE]),
    ],
)
def test_a_workload_means_measuring_stages_first(extra: str, stages: list[PgoStage]) -> None:
    scripts = plan_build(recipe(f"build: b\ninstall: i\nworkload: w\n{extra}\n"), HOST).scripts
    assert list(dict.fromkeys(script.stage for script in scripts)) == stages
    measuring = [script for script in scripts if script.stage is not PgoStage.USE]
    assert {script.phase for script in measuring} == {Phase.BUILD, Phase.WORKLOAD}
    assert ("llvm-profdata" in measuring[1].text) == ("llvm" in extra)
    assert Phase.INSTALL in {script.phase for script in scripts if script.stage is PgoStage.USE}


def test_dependencies_are_the_recipes_and_its_macros() -> None:
    plan = plan_build(recipe("builddeps: [pkgconfig(zlib)]\nsetup: '%cmake'\nbuild: '%cmake_build'\n"), HOST)
    assert plan.dependencies == ("binary(cmake)", "binary(ninja)", "pkgconfig(zlib)")


def test_an_unknown_macro_names_its_phase() -> None:
    with pytest.raises(ScriptError, match="build of x86_64: %mkae is no macro"):
        plan_build(recipe("build: '%mkae'\n"), HOST)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("build: '%mkae'\n", 6),
        ("summary: x\nbuild: |\n    %make\n\n    %mkae\n", 10),
        ("environment: |\n    # one\n    %mkae\nbuild: '%make'\n", 8),
        ("build: '%make'\nprofiles:\n    - x86_64:\n        build: |\n            %mkae\n", 10),
        ("build: >\n    %make\n    %mkae\n", None),
        ("tuning:\n    - lto\n    - tlo\nbuild: x\n", 8),
        ("tuning:\n    - lto: fat\nbuild: x\n", 7),
    ],
)
def test_an_unknown_name_gives_its_line_in_the_recipe(text: str, line: int | None) -> None:
    with pytest.raises(ScriptError) as caught:
        plan_build(recipe(text), HOST)
    assert caught.value.line == line
    assert str(caught.value).endswith(f" (line {line})") is (line is not None)


def test_an_architecture_without_macros_is_an_error() -> None:
    host = HostFacts(architecture="m68k", jobs=1, source_date_epoch=0)
    with pytest.raises(ScriptError, match="no macros for m68k"):
        plan_build(recipe("build: x\n"), host)


def test_paths_follow_another_guest_root() -> None:
    host = HostFacts(architecture="x86_64", jobs=1, source_date_epoch=0, paths=GuestPaths(root="/elsewhere"))
    script = plan_build(recipe("install: touch %(installroot)/x %(pkgdir)/y\n"), host).scripts[0]
    assert script.text.endswith("touch /elsewhere/install/x /elsewhere/recipe/pkg/y")


def test_a_level_changes_what_the_native_pass_is_compiled_for_and_nothing_else() -> None:
    text = "architectures: [native, emul32, x86_64-v3x]\nbuild: x\n"
    base = plan_build(recipe(text), HOST).scripts
    level = plan_build(recipe(text), replace(HOST, isa_level="x86_64-v3x")).scripts
    assert level[0] == replace(base[0], target=level[0].target), "the 32-bit pass is the same"
    assert "-march=x86-64-v2 -mtune=ivybridge" in base[1].text
    assert "-march=x86-64-v3 -mtune=znver1 -maes -mfsgsbase -mpclmul -mrdrnd" in level[1].text
    assert "-march=x86-64-v2" not in level[1].text
    assert (level[1].build_dir, level[1].work_dir) == (base[1].build_dir, base[1].work_dir)


def test_a_recipe_may_be_for_a_level_alone() -> None:
    text = "architectures: [x86_64-v3]\nbuild: x\n"
    assert (
        "-march=x86-64-v3 -mtune=haswell"
        in plan_build(recipe(text), replace(HOST, isa_level="x86_64-v3")).scripts[0].text
    )
    with pytest.raises(ScriptError, match=r"for x86_64-v3, not for x86_64$"):
        plan_build(recipe(text), HOST)
    with pytest.raises(ScriptError, match=r"for x86_64-v3, not for x86_64-v4$"):
        plan_build(recipe(text), replace(HOST, isa_level="x86_64-v4"))


def test_a_level_without_macros_is_an_error_that_names_those_with() -> None:
    with pytest.raises(ScriptError) as caught:
        plan_build(recipe("build: x\n"), replace(HOST, isa_level="x86_64-v9"))
    assert str(caught.value) == (
        "there are no macros for level x86_64-v9 of x86_64; there are x86_64-v3, x86_64-v3x, x86_64-v4"
    )


@pytest.mark.parametrize(
    "target",
    [
        Target("x86_64"),
        Target("aarch64"),
        Target("x86_64", is_emul32=True),
        *(Target("x86_64", isa_level=level) for level in isa_levels("x86_64")),
    ],
)
def test_every_macro_of_ours_expands_to_bash(target: Target) -> None:
    macros = load_macros(target)
    host = HostFacts(architecture=target.architecture, jobs=1, source_date_epoch=0)
    builtins = {
        name: "x"
        for definition in macros.definitions.values()
        if definition.startswith("%(_")
        for name in [definition.partition("(_")[2].partition(")")[0]]
    }
    names = Names(actions=macros.actions, definitions=macros.definitions, builtins=builtins)
    text = "\n".join(f"%{name}" for name in macros.actions) + "\n" + "\n".join(f"# %({n})" for n in macros.definitions)
    done = subprocess.run(["bash", "-n"], input=expand(text, names).text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert plan_build(recipe("build: '%make'\n"), host).scripts


def test_no_macro_is_defined_in_two_action_files() -> None:
    names: list[str] = []
    for path in MACROS_DIR.glob("actions/*.yaml"):
        names += [line.split(":")[0].strip() for line in path.read_text().splitlines() if line.startswith("    - ")]
    assert len(names) > 50
    assert len(names) == len(set(names))
