"""The encoding that a tree states: `working-tree-encoding` in .gitattributes, `charset` in .editorconfig.

Read anew each time it is asked, for that is rarely: only of files that are no UTF-8. Files above the tree
are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from indexer.disk.contained import read_regular
from indexer.tree.ignore_patterns import names

_MAX_BYTES = 200_000
_MAX_BRACES = 200
"""Names that the braces of one line may stand for."""


def stated_encoding(root: Path, path: str) -> str:
    """The encoding that the tree states for a repo-relative POSIX path; empty where it states none.

    As git and editors have it: the deeper file wins, then the later line, and .gitattributes before
    .editorconfig. Not checked: the name may be of no encoding.
    """
    return _git_attribute(root, path) or _editor_charset(root, path)


def _git_attribute(root: Path, path: str) -> str:
    files = [
        (".git/info", path, "attributes"),
        *((folder, below, ".gitattributes") for folder, below in _above(path)),
    ]
    for folder, below, name in files:
        for line in reversed(_lines(root, folder, name)):
            pattern, _, attributes = line.partition(" ")
            found = re.search(r"(?:^|\s)working-tree-encoding=(\S+)", attributes)
            if found and names(pattern.strip('"'), below):
                return found[1]
    return ""


def _editor_charset(root: Path, path: str) -> str:
    for folder, below in _above(path):
        lines = _lines(root, folder, ".editorconfig")
        found, speaks, is_root = "", False, False
        for line in lines:
            if section := re.fullmatch(r"\[(.*)\]", line):
                speaks = any(names(_as_git(pattern), below) for pattern in _without_braces(section[1]))
            elif setting := re.fullmatch(r"(root|charset)\s*[=:]\s*([\w-]+).*", line, re.IGNORECASE):
                if setting[1].lower() == "root":
                    is_root = setting[2].lower() == "true"
                elif speaks:
                    found = setting[2]
        if found or is_root:
            return "" if found.lower() == "unset" else found
    return ""


def _above(path: str) -> Iterator[tuple[str, str]]:
    """The folders above a file, innermost first, and what the file is called from each."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder, path[len(folder) + 1 :] if folder else path


def _lines(root: Path, folder: str, name: str) -> list[str]:
    try:
        content = read_regular(root, f"{folder}/{name}" if folder else name, _MAX_BYTES)
    except (OSError, ValueError):
        return []
    lines = content.decode("utf-8-sig", "surrogateescape").split("\n")
    return [
        re.sub(r"\s+", " ", line).strip() for line in lines if line.strip() and line.strip()[0] not in "#;"
    ]


def _as_git(pattern: str) -> str:
    return re.sub(r"\*\*(?=[^/*])", "**/*", pattern)


def _without_braces(pattern: str) -> list[str]:
    """`*.{c,h}` → `*.c`, `*.h`; nested braces are left as they are."""
    parts = re.split(r"\{([^{}]*,[^{}]*)\}", pattern)
    choices = [part.split(",") if at % 2 else [part] for at, part in enumerate(parts)]
    n_names = 1
    for choice in choices:
        n_names *= len(choice)
    return ["".join(choice) for choice in product(*choices)] if n_names <= _MAX_BRACES else []
