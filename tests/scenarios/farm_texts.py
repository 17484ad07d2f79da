"""The words of the farm: recipes, builds, logs."""

from summit.states import TaskStatus

README = """# Recipes

Every directory holds a `stone.yaml`. Push, and the farm builds what is newer than published.

| letter | recipes |
|---|---|
| a–m | many |
| n–z | *more* |

1. Edit the recipe
2. Raise `release`
3. Push

<script>alert("a stranger wrote this")</script>

See [the documentation](https://docs.example/) and [this](javascript:alert(1)).
"""
DESCRIPTION = "It is used by half of the distribution, so a change to it reaches far and is reviewed by two people."

# name, version, summary, provides, build dependencies, runtime dependencies
RECIPES: list[tuple[str, str, str, list[str], list[str], list[str]]] = [
    ("zlib", "1.3.1", "Compression library", ["pkgconfig(zlib)", "soname(libz.so.1(x86_64))"], ["binary(cmake)"], []),
    (
        "openssl",
        "3.4.0",
        "Cryptography and TLS",
        ["pkgconfig(openssl)", "soname(libssl.so.3(x86_64))"],
        ["pkgconfig(zlib)", "binary(perl)"],
        ["soname(libc.so.6(x86_64))"],
    ),
    (
        "curl",
        "8.11.1",
        "Transfers data by URL",
        ["binary(curl)", "pkgconfig(libcurl)"],
        ["pkgconfig(openssl)", "pkgconfig(zlib)", "pkgconfig(libnghttp2)"],
        ["soname(libssl.so.3(x86_64))", "soname(libz.so.1(x86_64))"],
    ),
    ("nano", "8.3", "Small editor", ["binary(nano)"], ["pkgconfig(ncurses)"], []),
    ("vim", "9.1", "Editor with modes", ["binary(vim)"], ["pkgconfig(openssl)"], []),
    ("glib", "2.82.4", "Low-level core library", ["pkgconfig(glib)"], ["binary(meson)", "pkgconfig(zlib)"], []),
    ("meson", "1.6.1", "Build system", ["binary(meson)"], ["binary(python3)"], ["binary(ninja)"]),
    ("cmake", "3.31.3", "Build system", ["binary(cmake)"], ["pkgconfig(libcurl)"], []),
    ("gtk-4", "4.16.7", "Toolkit for graphical interfaces", ["pkgconfig(gtk4)"], ["pkgconfig(glib)"], []),
    ("bash-completion", "2.14.0", "Completion for bash", [], [], ["binary(bash)"]),
    ("ccache", "4.10.2", "Compiler cache", ["binary(ccache)"], ["binary(cmake)"], []),
    ("ripgrep", "14.1.1", "Searches directories for a pattern", ["binary(rg)"], [], []),
]
PUBLISHED = [("zlib", "1.3", 1), ("curl", "8.10.0", 2), ("zlib", "1.3.1", 2), ("ccache", "4.10.2", 1)]

BUILDING = ["glib", "curl"]
# recipe, state, begun so many minutes ago
TASKS = [
    ("zlib", TaskStatus.COMPLETED, 110),
    ("ccache", TaskStatus.COMPLETED, 260),
    ("ripgrep", TaskStatus.COMPLETED, 700),
    ("openssl", TaskStatus.FAILED, 40),
    ("vim", TaskStatus.BLOCKED, 35),
    ("glib", TaskStatus.BUILDING, 2),
    ("curl", TaskStatus.BUILDING, 1),
    ("gtk-4", TaskStatus.QUEUED, 30),
    ("meson", TaskStatus.QUEUED, 25),
    ("cmake", TaskStatus.QUEUED, 20),
    ("bash-completion", TaskStatus.CANCELLED, 15),
]
# who waits for whom
EDGES = [("gtk-4", "glib"), ("cmake", "curl")]

LOG = "".join(
    [
        "==> fetch\nzlib-1.3.1.tar.xz  sha256 ok\n==> setup\nchecking for gcc... \x1b[32mcc\x1b[0m\n",
        *(f"[{number}/240] cc -O2 -c file{number}.c\n" for number in range(1, 241)),
        "==> install\n==> analyse\nfound <b>pkgconfig(zlib)</b> & soname(libz.so.1(x86_64))\n",
    ]
)
FAILING_LOG = (
    "==> setup\nchecking for perl... /usr/bin/perl\n==> build\n"
    + "".join(f"[{number}/90] cc -O2 -c crypto/part{number}.c\n" for number in range(1, 61))
    + "crypto/evp/evp_enc.c:214:9: error: implicit declaration of function ‘EVP_CIPHER_up’\n"
    "  214 |         if (!EVP_CIPHER_up(cipher)) {\n      |         ^~~~~~~~~~~~~\n"
    "make[1]: *** [Makefile:4211: crypto/evp/libcrypto-lib-evp_enc.o] Error 1\n"
    "make[1]: *** Waiting for unfinished jobs....\nmake: *** [Makefile:2102: build_sw] Error 2\n"
)

DELIVERIES = [
    ("push", "accepted", "main will be read in a moment."),
    ("push", "ignored", "refs/heads/next is not read here, only the branch main."),
    ("issues", "ignored", "Only pushes are of interest, not issues."),
    ("push", "unreadable", "The delivery cannot be read: the body is no JSON."),
    ("ping", "ignored", "The secret is right."),
]
