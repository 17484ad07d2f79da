"""The builtins that macros see as `%(_name)` (stone-spec 4.6)."""

from serpent_infra.formats.recipe import Recipe, Toolchain
from serpent_infra.formats.script.layout import HostFacts
from serpent_infra.formats.script.targets import Target

_COMPILERS = ("c", "cxx", "objc", "objcxx", "cpp", "objcpp", "objcxxcpp", "d", "ar", "objcopy", "nm", "ranlib", "strip")
_LLVM = (
    "clang",
    "clang++",
    "clang",
    "clang++",
    "clang-cpp",
    "clang -E -",
    "clang++ -E",
    "ldc2",
    "llvm-ar",
    "llvm-objcopy",
    "llvm-nm",
    "llvm-ranlib",
    "llvm-strip",
)
_GNU = (
    "gcc",
    "g++",
    "gcc",
    "g++",
    "gcc -E",
    "gcc -E",
    "g++ -E",
    "ldc2",
    "gcc-ar",
    "objcopy",
    "gcc-nm",
    "gcc-ranlib",
    "strip",
)
_LINKERS = {Toolchain.LLVM: "ld.lld", Toolchain.GNU: "ld.bfd"}
_FLAG_NAMES = {
    "c": "cflags",
    "cxx": "cxxflags",
    "f": "fflags",
    "ld": "ldflags",
    "d": "dflags",
    "rust": "rustflags",
    "vala": "valaflags",
    "go": "goflags",
}


def builtins(
    recipe: Recipe,
    host: HostFacts,
    target: Target,
    *,
    toolchain: Toolchain,
    work_dir: str,
    pgo_stage: str,
    flags: dict[str, str],
) -> dict[str, str]:
    """Gives every builtin for one phase; `flags` are lines by language as tuning makes them."""
    build_dir = host.paths.build_dir(target)
    root = host.paths.root
    compilers = dict(zip(_COMPILERS, _LLVM if toolchain is Toolchain.LLVM else _GNU, strict=True))
    return {
        "name": recipe.name,
        "version": recipe.version,
        "release": str(recipe.release),
        "jobs": str(host.jobs),
        "pkgdir": host.paths.package_dir,
        "sourcedir": host.paths.source_dir,
        "installroot": host.paths.install_root,
        "buildroot": build_dir,
        "workdir": work_dir,
        "sourcedateepoch": str(host.source_date_epoch),
        "compiler_cache": f"{root}/ccache",
        "scompiler_cache": f"{root}/sccache",
        "compiler_go_cache": f"{root}/gocache",
        "compiler_go_mod_cache": f"{root}/gomodcache",
        "compiler_cargo_cache": f"{root}/cargocache",
        "compiler_zig_cache": f"{root}/zigcache",
        "rustc_wrapper": "/usr/bin/sccache" if host.has_ccache else "",
        **{f"compiler_{name}": command for name, command in compilers.items()},
        "compiler_ld": "ld.mold" if recipe.options.mold else _LINKERS[toolchain],
        "compiler_path": ("/usr/lib/ccache/bin:" if host.has_ccache else "") + "/usr/bin:/bin",
        "pgo_stage": pgo_stage,
        "pgo_dir": f"{build_dir}-pgo",
        **{_FLAG_NAMES[language]: line for language, line in flags.items()},
    }
