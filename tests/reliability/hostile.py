"""Trees made to make an indexer read, write or run what lies outside of them, and questions made likewise.

Each attempt plants one thing. `Outside` is what must stay as it is: a folder with a word that may be in no
index, and a program that leaves a mark when it is run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

CANARY = "canary_outside_71390"


@dataclass(frozen=True, slots=True)
class Outside:
    """A folder beside the tree."""

    folder: Path

    @property
    def secret(self) -> Path:
        return self.folder / "private.py"

    @property
    def trap(self) -> Path:
        return self.folder / "trap.sh"

    @property
    def mark(self) -> Path:
        return self.folder.parent / "sprung"

    def state(self) -> dict[str, str]:
        """Every path below, with mode and content."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = f"{path.lstat().st_mode:o} {sha256(content).hexdigest()}"
        return found


Plant = Callable[[Path, Outside], None]
"""Writes something hostile into a tree or its index."""


def make_outside(folder: Path) -> Outside:
    outside = Outside(folder)
    (folder / "nested").mkdir(parents=True)
    outside.secret.write_text(f"def {CANARY}():\n    return 1\n")
    (folder / "nested" / "notes.md").write_text(f"# {CANARY}\n\nNothing of this may be found.\n")
    outside.trap.write_text(f"#!/bin/sh\ntouch '{outside.mark}'\n")
    outside.trap.chmod(0o755)
    return outside


def git(root: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(root), *arguments]
    subprocess.run(command, check=True, capture_output=True)


# --- in the tree -----------------------------------------------------------------------------


def links(root: Path, outside: Outside) -> None:
    for name, target in {
        "absolute.py": str(outside.secret),
        "relative.py": os.path.relpath(outside.secret, root),
        "folder": str(outside.folder),
        "all": "/",
        "loop": ".",
        "first.py": "second.py",
        "second.py": str(outside.secret),
        "sub/up": "../..",
        "sub/.gitignore": str(outside.secret),
        "sub/.codesearchignore": str(outside.secret),
        "process": "/proc/self",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)


def special_files(root: Path, outside: Outside) -> None:
    os.mkfifo(root / "pipe.py")
    os.mkfifo(root / "codesearch.toml")
    (root / "pipes").mkdir()
    os.mkfifo(root / "pipes" / ".codesearchignore")


def names(root: Path, outside: Outside) -> None:
    for name in (
        "new\nline.py", "esc\x1b]0;x\x07.py", "cr\rback.py", "\u202egnp.py", "zero\u200bwidth.py",
        "\u0430.py", "a.py", "A.py", "\uff41.py", "e\u0301.py", "\u00e9.py", "\u2024\u2024\u2215etc.py",
        "-rf", "--rebuild.py", "'; DROP TABLE files; --.py", '" OR 1=1 --.py', "*.py", "?mode=memory.py",
        "%2e%2e%2fprivate.py", "..%c0%afprivate.py", "C:\\windows.py", "$(touch sprung).py", "`id`.py",
        ".GIT", ".Git\u200c", ".codesearch.", ".CODESEARCH",
    ):  # fmt: skip
        (root / name).write_text(f"name = {len(name)}\n")
    for name in (b"not\xffutf8.py", b"\xed\xa0\x80.py"):
        with open(os.fsencode(root) + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(b"x = 1\n")


def programs_of_git(root: Path, outside: Outside) -> None:
    """Everything a repository's own configuration can name."""
    git(root, "init", "-q")
    (root / "tracked.py").write_text("x = 1\n")
    git(root, "add", "tracked.py")
    git(root, "commit", "-q", "-m", "one")
    (root / "tracked.py").write_text("x = 2222\n")
    (root / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (root / ".gitmodules").write_text(
        f'[submodule "x"]\n\tpath = module\n\turl = ext::{outside.trap}\n\tupdate = !{outside.trap}\n'
    )
    trap = str(outside.trap)
    for key, value in {
        "core.fsmonitor": trap, "core.hooksPath": str(root / ".git" / "hooks"), "core.pager": trap,
        "core.worktree": str(outside.folder), "core.excludesFile": str(outside.secret), "core.editor": trap,
        "core.sshCommand": trap, "core.askPass": trap, "core.gitProxy": trap, "diff.external": trap,
        "diff.evil.textconv": trap, "filter.evil.clean": trap, "filter.evil.smudge": trap,
        "filter.evil.process": trap, "filter.evil.required": "true", "alias.ls-files": f"!{trap}",
        "alias.rev-parse": f"!{trap}", "credential.helper": f"!{trap}", "gpg.program": trap,
        "include.path": str(outside.secret), "uploadpack.packObjectsHook": trap, "log.showSignature": "true",
        "remote.origin.url": f"ext::{trap}", "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
    }.items():  # fmt: skip
        subprocess.run(["git", "config", "-f", str(root / ".git/config"), key, value], check=True)
    for hook in ("post-index-change", "pre-commit", "post-checkout", "fsmonitor-watchman", "pre-auto-gc"):
        shutil.copy(outside.trap, root / ".git" / "hooks" / hook)


def nested_repositories(root: Path, outside: Outside) -> None:
    (root / "nested").mkdir()
    programs_of_git(root / "nested", outside)
    git(outside.folder, "init", "-q")
    (root / "pointer").mkdir()
    (root / "pointer" / ".git").write_text(f"gitdir: {outside.folder / '.git'}\n")
    (root / "pointer" / "private.py").write_text("mine = 1\n")


def modules_of_ours(root: Path, outside: Outside) -> None:
    """Files that Python would run, were the tree ever on its path."""
    code = f"import os\nos.system({str(outside.trap)!r})\n"
    for name in (
        "sitecustomize.py", "usercustomize.py", "conftest.py", "setup.py", "numpy.py", "torch.py", "json.py",
        "codesearch/__init__.py", "codesearch/__main__.py", "indexer/__init__.py", "evil.pth",
    ):  # fmt: skip
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(code)
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (str(outside.trap),)

    for name in ("model.pkl", "weights.bin", "array.npy", "model.pt"):
        (root / name).write_bytes(pickle.dumps(Evil()))
    (root / "notebook.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": [code], "outputs": []}], "nbformat": 4,
                    "nbformat_minor": 5, "metadata": {}})
    )  # fmt: skip
    (root / "page.html").write_text(
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{outside.secret}">]><html><body>&e;'
        f'<iframe src="file://{outside.secret}"></iframe><p>A page of some words.</p></body></html>'
    )


def configuration(root: Path, outside: Outside) -> None:
    (root / "codesearch.toml").write_text(
        f'model = "{outside.folder}"\nchat_base_url = "http://192.0.2.1/"\ninclude_secrets = true\n'
        f'max_memory = "1TB"\n"../x" = 1\n'
    )
    (root / ".codesearchignore").write_text(
        "!../\n!/\n!../outside/private.py\n!" + str(outside.secret) + "\n" + "*a" * 40 + "b\n!**/..\n"
    )


IN_TREE: tuple[Plant, ...] = (
    links, special_files, names, programs_of_git, nested_repositories, modules_of_ours, configuration,
)  # fmt: skip


# --- in the state folder ---------------------------------------------------------------------


def state_is_a_link(root: Path, outside: Outside) -> None:
    shutil.rmtree(root / ".codesearch")
    (root / ".codesearch").symlink_to(outside.folder)


def _link_in_place_of(name: str, is_folder: bool = False) -> Plant:
    """A file or folder of the state, exchanged for a link to one outside."""

    def plant(root: Path, outside: Outside) -> None:
        path = root / ".codesearch" / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(outside.folder if is_folder else outside.secret)

    plant.__name__ = f"{name}_is_a_link"
    return plant


def journal_names_a_file(root: Path, outside: Outside) -> None:
    """SQLite deletes the master journal that a hot journal names."""
    name = str(outside.secret).encode()
    journal = bytes.fromhex("d9d505f920a163d7") + b"\0" * 504 + (1).to_bytes(4, "big") + name
    journal += len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    for folder in ("embeddings/embeddings.db", *(f"{p}/index.db" for p in _generations(root))):
        (root / ".codesearch" / f"{folder}-journal").write_bytes(journal)


def _generations(root: Path) -> list[str]:
    return [f"generations/{path.name}" for path in (root / ".codesearch" / "generations").iterdir()]


def manifest_leads_out(root: Path, outside: Outside) -> None:
    path = root / ".codesearch" / "manifest.json"
    raw = json.loads(path.read_text()) | {"generation": "../../../outside"}
    path.write_text(json.dumps(raw))


def manifest_is_resigned(root: Path, outside: Outside) -> None:
    """Whole in itself, but by someone without the user's key."""
    path = root / ".codesearch" / "manifest.json"
    raw = json.loads(path.read_text())
    raw["signature"] = sha256(b"guess").hexdigest()
    path.write_text(json.dumps(raw))


def pickle_in_place_of_arrays(root: Path, outside: Outside) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (str(outside.trap),)

    for folder in _generations(root):
        for path in (root / ".codesearch" / folder).rglob("*.npy"):
            path.write_bytes(pickle.dumps(Evil()))


def state_is_a_pipe(root: Path, outside: Outside) -> None:
    shutil.rmtree(root / ".codesearch")
    os.mkfifo(root / ".codesearch")


IN_STATE: tuple[Plant, ...] = (
    state_is_a_link,
    *(_link_in_place_of(name, is_folder=True) for name in ("embeddings", "generations")),
    *(
        _link_in_place_of(name)
        for name in ("manifest.json", "manifest.json.new", "lock", "lock.owner", "embeddings/0000.rows")
    ),
    journal_names_a_file,
    manifest_leads_out,
    manifest_is_resigned,
    pickle_in_place_of_arrays,
    state_is_a_pipe,
)


# --- questions -------------------------------------------------------------------------------

WORDS = (
    '"', "'", "''", '""', "*", "^", "a*", "NEAR(", "NEAR(a b, 5)", "body:value", "- value", "value NOT",
    "{path symbols} : x", "value AND", "OR", "(((", ")", "'; DROP TABLE files; --", '" OR 1=1 --',
    "x') UNION SELECT text, 1, 2 FROM files --", "value\0null", "%s%n", "\x1b[31m", "\ud800 lone",
    "a" * 5000, "\u202e rtl", "../../etc/passwd", "SELECT sql FROM sqlite_schema", "\n\n", "${jndi:ldap://x}",
)  # fmt: skip
"""Queries that full-text search or SQL would read as syntax."""

PATHS = (
    "../outside/private.py", "../../outside/private.py", "/etc/passwd", "a/../../outside/private.py",
    "./../outside/private.py", "..\\outside\\private.py", "file:///etc/passwd", "absolute.py",
    "folder/private.py", "%2e%2e/outside/private.py", "\uff0e\uff0e/outside/private.py",
    "..\u2215outside\u2215private.py",
    "' OR '1'='1", "%", "_", "", ".", "..", "/", "~", "~/.ssh/id_rsa", "pipe.py",
    ".git/config", "\0", "a\0b",
)  # fmt: skip

EXPRESSIONS = (
    r"(a+)+$", r"(a|a)*b", r"(.*)*x", r"(\w+\s?)*$", r"((((((a*)*)*)*)*)*)b", r"(?:a{1,1000}){1,1000}b",
    r"a{1000000}", r"(?R)", r"(a(?1)?)+b", r"(?<=a{1,500})b", "(" * 200 + ")" * 200, r"\p{L}{0,5000}!",
    r"(x+x+)+y", r"([a-z]+)*[0-9]$", "[" * 2000, r"(?i)(ſ|s)+K",
)  # fmt: skip
