"""Which files of a tree are offered for indexing, which are not, and why; and reading them.

In a repository the files are exactly git's: tracked, and untracked but not ignored. Elsewhere, or
without git, the folders are walked and .gitignore files obeyed. `.codesearchignore` works in both;
a `!` line of it brings back what is hidden, vendored, generated or a lock file. Links are never
followed, nothing but regular files is opened, `.git` and `.codesearch` are never entered.

Not here: what the text means (`parse.py`), formats that need a reader of their own (`documents/`).
`build.py` calls `walk`, then `read_source` for the files that changed.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from indexer import path_roles
from indexer.contained import NotRegularError, read_regular
from indexer.decode import UndecodableError, decode, generated_sign
from indexer.git_files import GitError, find_repository, is_ignored, is_linked_worktree, list_files
from indexer.ignore_rules import IgnoreRules
from indexer.languages import language_of
from indexer.records import FoundFile, SkippedFile, SourceFile
from indexer.settings import STATE_FOLDER, WalkSettings

IGNORE_FILE = ".codesearchignore"
_HEAD_CHARS = 2048
_MAX_NESTED = 20
"""Repositories inside repositories, counted downwards; deeper ones are not entered."""
_NEVER = frozenset({".git", STATE_FOLDER})


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A name that git or the plain walk found; nothing is known of the file yet."""

    path: str
    is_tracked: bool


@dataclass(slots=True)
class _Walk:
    """One walk over one tree: what was decided for folders is decided once."""

    root: Path
    settings: WalkSettings
    rules: IgnoreRules = field(init=False)
    folders: dict[str, SkippedFile | str] = field(default_factory=dict)
    """What is known of each folder: `_OPEN`, `_FORCED`, `_GONE` or why it is skipped."""
    skips: list[SkippedFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rules = IgnoreRules(self.root, IGNORE_FILE)
        self.rules.enter("")
        self.folders[""] = _OPEN


_OPEN = "open"
_FORCED = "forced"
"""A `!` line of the ignore file names it: hidden and vendored do not count."""
_GONE = "gone"


def walk(root: Path, settings: WalkSettings) -> Iterator[FoundFile | SkippedFile]:
    """Yield every file of the tree, found or skipped, sorted by path.

    `root` is an existing folder. A skipped folder is one entry whose path ends with `/`, and what
    is in it is not looked at. What git or .gitignore excludes is not mentioned at all. A file that
    vanishes meanwhile is left out.
    """
    state = _Walk(root, settings)
    found: list[FoundFile | SkippedFile] = []
    for candidate in _candidates(state):
        entry = _classify(state, candidate)
        if entry is not None:
            found.append(entry)
    yield from sorted([*found, *state.skips], key=lambda entry: entry.path)


def read_source(root: Path, found: FoundFile, settings: WalkSettings) -> SourceFile | SkippedFile:
    """Read and decode a file that `walk` found, or say why it is not indexed after all."""
    path = found.path
    try:
        content = read_regular(root, path, settings.max_file_bytes)
    except NotRegularError:
        return SkippedFile(path, "special", "not a regular file")
    except OSError as error:
        return SkippedFile(path, "unreadable", f"cannot be read: {error.strerror or error}")
    if len(content) > settings.max_file_bytes:
        return _too_large(path, len(content), settings.max_file_bytes)
    try:
        text = decode(content)
    except UndecodableError as problem:
        return SkippedFile(path, problem.reason, str(problem))
    if not text or text.isspace():
        return SkippedFile(path, "empty", "nothing but white space")
    language = language_of(path, text[:_HEAD_CHARS])
    if not settings.include_generated:
        sign = generated_sign(text, language)
        if sign is not None:
            return SkippedFile(path, sign.reason, sign.detail)
    return SourceFile(path, text, language, sha256(content).hexdigest(), len(content))


# --- candidates ------------------------------------------------------------------------------


def _candidates(state: _Walk) -> Iterator[_Candidate]:
    repository = find_repository(state.root)
    if repository is not None:
        try:
            listed = list_files(state.root, repository)
            if listed or not is_ignored(state.root, repository):
                # Tracked files first: a folder that holds one is the project's own.
                for file in sorted(listed, key=lambda file: not file.is_tracked):
                    yield from _of_git(state, file.path, file.is_tracked, depth=0)
                return
        except GitError:
            pass  # walked without git; the files are the same but for tracked ones that are ignored
    yield from _of_folders(state, "")


def _of_git(state: _Walk, path: str, is_tracked: bool, depth: int) -> Iterator[_Candidate]:
    """Yield the file itself, or the files of the submodule or nested repository that the entry is."""
    inner = path.rstrip("/")
    if inner == path and not (is_tracked and _is_folder(state.root / inner)):
        yield _Candidate(path, is_tracked)
        return
    if _name_problem(inner) or _NEVER.intersection(inner.split("/")):
        return
    if is_linked_worktree(state.root / inner / ".git"):
        state.skips.append(SkippedFile(inner + "/", "worktree", "another checkout of a repository"))
        return
    if not isinstance(_folder(state, inner, is_tracked), str):
        return
    repository = find_repository(state.root / inner)
    if repository is None or repository.top != (state.root / inner).resolve() or depth == _MAX_NESTED:
        if not is_tracked:  # a submodule that was never checked out is an empty folder
            yield from _of_folders(state, inner)
        return
    try:
        listed = list_files(state.root / inner, repository)
    except GitError:
        yield from _of_folders(state, inner)
        return
    for file in listed:
        yield from _of_git(state, f"{inner}/{file.path}", file.is_tracked, depth + 1)


def _of_folders(state: _Walk, start: str) -> Iterator[_Candidate]:
    """Walk folders without git, obeying .gitignore; folders to skip are not entered."""
    rules = IgnoreRules(state.root, ".gitignore")
    try:
        own_excludes = read_regular(state.root, posixpath.join(start, ".git/info/exclude"), 200_000)
    except OSError:
        own_excludes = b""
    open_folders = [start]
    while open_folders:
        folder = open_folders.pop()
        rules.enter(folder, own_excludes.decode("utf-8", "replace") if folder == start else "")
        try:
            with os.scandir(state.root / folder) as entries:
                listed = [(os.fsdecode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            state.skips.append(SkippedFile(folder + "/", "unreadable", f"cannot be listed: {error.strerror}"))
            continue
        for name, is_folder in listed:
            path = f"{folder}/{name}" if folder else name
            if rules.verdict(path, is_folder=is_folder):
                continue
            if not is_folder:
                yield _Candidate(path, is_tracked=False)
            elif not _is_never(name) and isinstance(_folder(state, path, is_tracked=False), str):
                open_folders.append(path)


# --- decisions -------------------------------------------------------------------------------


def _classify(state: _Walk, candidate: _Candidate) -> FoundFile | SkippedFile | None:
    path = candidate.path
    folder, _, name = path.rpartition("/")
    of_folder = _folder(state, folder, candidate.is_tracked)
    if not isinstance(of_folder, str) or of_folder == _GONE or _is_never(name):
        return None
    problem = _name_problem(name)
    if problem:
        return SkippedFile(_printable(path), "name", problem)
    try:
        status = os.lstat(f"{state.root}/{path}")
    except FileNotFoundError:
        return None
    except OSError as error:
        return SkippedFile(path, "unreadable", f"cannot be looked at: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return _not_regular(state.root, path, status.st_mode)
    verdict = None if state.rules.is_empty else state.rules.verdict(path, is_folder=False)
    if verdict:
        return SkippedFile(path, "ignored", f"{IGNORE_FILE} excludes it")
    is_forced = verdict is False or of_folder == _FORCED
    settings = state.settings
    reason = _name_reason(name, settings, is_forced)
    if reason is not None:
        return SkippedFile(path, reason, _NAME_DETAILS[reason])
    if status.st_size > settings.max_file_bytes and not path_roles.is_document_name(name):
        return _too_large(path, status.st_size, settings.max_file_bytes)
    if status.st_size == 0:
        return SkippedFile(path, "empty", "0 bytes")
    return FoundFile(path, status.st_size, status.st_mtime_ns)


_NAME_DETAILS = {
    "secret": "named as keys, certificates or credentials are",
    "hidden": "the name starts with a dot",
    "lock-file": "written by a package manager",
    "minified": "named as minified code, bundles and source maps are",
    "generated": "named as generated code is",
    "binary": "the suffix is of a format that is not text",
    "vendored": "other people's code",
    "ignored": f"{IGNORE_FILE} excludes it",
}


def _name_reason(name: str, settings: WalkSettings, is_forced: bool) -> str | None:
    """Why a file of this name is skipped; a `!` line overrides custom, but not secrets and binaries."""
    if path_roles.is_secret_name(name) and not settings.include_secrets:
        return "secret"
    if path_roles.is_binary_name(name):
        return "binary"
    if is_forced:
        return None
    if path_roles.is_hidden(name) and not settings.include_hidden:
        return "hidden"
    if settings.include_generated:
        return None
    if path_roles.is_lock_file(name):
        return "lock-file"
    if path_roles.is_minified_name(name):
        return "minified"
    return "generated" if path_roles.is_generated_name(name) else None


def _folder(state: _Walk, path: str, is_tracked: bool) -> SkippedFile | str:
    """Return what is known of a folder, deciding it (and the folders above it) once.

    A skipped folder is reported when it is decided; folders in it are not.
    """
    known = state.folders.get(path)
    if known is not None:
        return known
    parent, _, name = path.rpartition("/")
    above = _folder(state, parent, is_tracked) if parent else state.folders[""]
    decided: SkippedFile | str
    if not isinstance(above, str) or above == _GONE or _is_never(name):
        decided = above if not isinstance(above, str) else _GONE
    else:
        decided = _decide_folder(state, path, name, is_tracked, above == _FORCED)
        if not isinstance(decided, str):
            state.skips.append(decided)
        elif decided != _GONE:
            state.rules.enter(path)
    state.folders[path] = decided
    return decided


def _decide_folder(
    state: _Walk, path: str, name: str, is_tracked: bool, is_forced: bool
) -> SkippedFile | str:
    problem = _name_problem(name)
    if problem:
        return SkippedFile(_printable(path) + "/", "name", problem)
    try:
        mode = os.lstat(f"{state.root}/{path}").st_mode
    except OSError:
        return _GONE
    if not stat.S_ISDIR(mode):
        return _not_regular(state.root, path, mode)
    verdict = None if state.rules.is_empty else state.rules.verdict(path, is_folder=True)
    reason = None
    if verdict:
        reason = "ignored"
    elif verdict is False or is_forced:
        return _FORCED
    elif path_roles.is_hidden(name) and not state.settings.include_hidden:
        reason = "hidden"
    elif _is_vendored(state, path, name, is_tracked):
        reason = "vendored"
    return _OPEN if reason is None else SkippedFile(path + "/", reason, _NAME_DETAILS[reason])


def _is_vendored(state: _Walk, path: str, name: str, is_tracked: bool) -> bool:
    """Tell whether others' code fills the folder: by its name, or untracked and by its content."""
    name = name.lower()
    if name in path_roles.VENDORED_FOLDERS and not state.settings.include_vendored:
        return True
    if is_tracked:
        return False
    is_environment = name in ("venv", "env", "virtualenv") and (state.root / path / "pyvenv.cfg").exists()
    return is_environment or name in path_roles.DEPENDENCY_FOLDERS


def _not_regular(root: Path, path: str, mode: int) -> SkippedFile:
    if stat.S_ISLNK(mode):
        try:
            target = str((root / path).readlink())
        except OSError:
            target = ""
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or inside == ".." or inside.startswith("../"):
            return SkippedFile(path, "link-outside", "a link that leads out of the tree")
        return SkippedFile(path, "link", f"a link; the target counts by its own path: {_printable(inside)}")
    return SkippedFile(path, "special", "a FIFO, socket or device" if not stat.S_ISDIR(mode) else "a folder")


def _too_large(path: str, n_bytes: int, max_file_bytes: int) -> SkippedFile:
    detail = f"{n_bytes:,} bytes are more than the limit of {max_file_bytes:,} (--max-file-size)"
    return SkippedFile(path, "too-large", detail)


# --- names -----------------------------------------------------------------------------------


def _is_never(name: str) -> bool:
    """Tell whether a name is `.git` or `.codesearch`, in any spelling that a file system may equate."""
    if not name.startswith(".") and name.isascii():
        return False
    if name in _NEVER:
        return True
    visible = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return visible.casefold().rstrip(". ") in _NEVER


def _name_problem(name: str) -> str:
    if name.isascii() and name.isprintable():
        return ""
    if any("\ud800" <= char <= "\udfff" for char in name):
        return "the name is not valid UTF-8"
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in name):
        return "the name holds control characters"
    return ""


def _printable(path: str) -> str:
    """Escape what cannot be stored or shown; the result need not name the file any more."""
    escaped = path.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
