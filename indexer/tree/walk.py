"""Which files of a tree are offered for indexing, which are not, and why.

In a repository the files are exactly git's: tracked, and untracked but not ignored. Elsewhere, or
without git, the folders are walked and .gitignore files obeyed. `.codesearchignore` works in both;
a `!` line of it brings back what is hidden, vendored, generated or a lock file. Links are never
followed, nothing but regular files is opened, `.git` and `.codesearch` are never entered.

Not here: what is in a file; nothing is read but ignore files.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from indexer import path_roles
from indexer.records import FoundFile, SkippedFile
from indexer.settings import STATE_FOLDER, WalkSettings
from indexer.tree.git import GitFile, checkout_beside, is_ignored, list_files, worktree_owner
from indexer.tree.git_runner import GitError, find_repository
from indexer.tree.ignore_files import EXCLUDED_BY_OWN, IgnoreFiles
from indexer.tree.skips import max_bytes, too_large

_MAX_NESTED = 20
"""Repositories inside repositories, counted downwards; deeper ones are not entered."""
_NEVER = frozenset({".git", STATE_FOLDER})
_OPEN, _FORCED, _SKIPPED, _GONE = "open", "forced", "skipped", "gone"
"""What can be known of a folder. Forced: a `!` line of the ignore file names it, so that hidden and
vendored do not count. Gone: not there, or not to be mentioned."""


def walk(root: Path, settings: WalkSettings) -> Iterator[FoundFile | SkippedFile]:
    """Yield every file of the tree, found or skipped, sorted by path.

    `root` is an existing folder. A skipped folder is one entry whose path ends with `/`, and what
    is in it is not looked at. What git or .gitignore excludes is not mentioned at all. A file that
    vanishes meanwhile is left out.
    """
    yield from sorted(_Walk(root, settings).run(), key=lambda entry: entry.path)


def walk_tracked(
    root: Path, paths: Iterable[str], settings: WalkSettings
) -> Iterator[FoundFile | SkippedFile]:
    """As `walk` does, of files that are known to be tracked, and nothing else that lies in `root`."""
    tracked = _Walk(root, settings)
    tracked.add_listed([GitFile(path, is_tracked=True) for path in paths], "", depth=0)
    yield from sorted(tracked.entries, key=lambda entry: entry.path)


# --- the walk --------------------------------------------------------------------------------


class _Walk:
    """One walk over one tree: folders are decided once, entries are collected unsorted."""

    def __init__(self, root: Path, settings: WalkSettings) -> None:
        self.root = root
        self.root_text = str(root)
        self.settings = settings
        self.rules = IgnoreFiles.own(root)
        self.folders = {"": _OPEN}
        self.entries: list[FoundFile | SkippedFile] = []
        self.is_git = False
        """The tree itself is a repository, or part of one."""

    def run(self) -> list[FoundFile | SkippedFile]:
        """Walk as git sees the tree, or folder by folder where git does not say."""
        repository = find_repository(self.root)
        try:
            listed = None if repository is None else list_files(self.root, repository)
        except GitError:
            listed = None  # walked without git: the same but for tracked files that are ignored
        if repository is None or listed is None or (not listed and is_ignored(self.root, repository)):
            self.add_folders("", depth=0)
        else:
            self.is_git = True
            self.add_listed(listed, "", depth=0)
        return self.entries

    def add_listed(self, listed: list[GitFile], prefix: str, depth: int) -> None:
        """Add what git listed below the folder that `prefix` names ("" or with a slash at its end)."""
        # Tracked files first: a folder that holds one is the project's own.
        for file in sorted(listed, key=lambda file: not file.is_tracked):
            if file.path.endswith("/"):
                self.add_nested(prefix + file.path.rstrip("/"), file.is_tracked, depth)
            else:
                self.add_file(prefix + file.path, file.is_tracked, depth)

    def add_nested(self, path: str, is_tracked: bool, depth: int) -> None:
        """Add the files of a submodule, or of another repository that lies in the tree."""
        name = path.rpartition("/")[2]
        if self.of_folder(path.rpartition("/")[0], is_tracked) not in (_OPEN, _FORCED) or _is_never(name):
            return
        folder = self.root / path
        owner = worktree_owner(folder / ".git")
        if owner is not None and (self.is_git or owner.is_relative_to(self.root.resolve())):
            self.entries.append(SkippedFile(path + "/", "worktree", "another checkout of a repository"))
            return
        other = None if owner is not None else checkout_beside(folder / ".git", self.root.resolve())
        if other is not None:
            shown = _printable(other.relative_to(self.root.resolve()).as_posix())
            detail = f"another checkout of the repository that {shown} is a checkout of"
            self.entries.append(SkippedFile(path + "/", "worktree", detail))
            return
        if self.of_folder(path, is_tracked) not in (_OPEN, _FORCED):
            return
        repository = find_repository(folder)
        try:
            if repository is not None and repository.top != folder.resolve():
                repository = None  # a submodule that was never checked out
            if repository is not None and depth < _MAX_NESTED:
                self.add_listed(list_files(folder, repository), path + "/", depth + 1)
                return
        except GitError:
            pass
        # A tracked name that is a folder now, and no repository: git lists its files one by one.
        if not is_tracked or repository is not None:
            self.add_folders(path, depth + 1)

    def add_folders(self, start: str, depth: int) -> None:
        """Add what lies below `start`, obeying .gitignore without git; skipped folders are not entered.

        Repositories on the way are asked themselves.
        """
        rules = IgnoreFiles.of_git(self.root, start)
        open_folders = [start]
        while open_folders:
            folder = open_folders.pop()
            if folder != start:
                rules.enter(folder)
            try:
                with os.scandir(self.root / folder) as found:
                    names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
            except OSError as error:
                detail = f"cannot be listed: {error.strerror}"
                self.entries.append(SkippedFile(folder + "/", "unreadable", detail))
                continue
            if folder != start and depth < _MAX_NESTED and any(name == ".git" for name, _ in names):
                self.add_nested(folder, False, depth)
                continue
            for name, is_folder in names:
                path = f"{folder}/{name}" if folder else name
                if not rules.is_empty and rules.verdict(path, is_folder=is_folder):
                    continue
                if not is_folder:
                    self.add_file(path, is_tracked=False, depth=depth)
                elif self.of_folder(path, is_tracked=False) in (_OPEN, _FORCED):
                    open_folders.append(path)

    def add_file(self, path: str, is_tracked: bool, depth: int) -> None:
        """Add one file as found or skipped, by its name and what lstat says of it."""
        folder, _, name = path.rpartition("/")
        of_folder = self.folders.get(folder) or self.of_folder(folder, is_tracked)
        if of_folder in (_SKIPPED, _GONE) or _is_never(name):
            return
        problem = _name_problem(name)
        if problem:
            self.entries.append(SkippedFile(_printable(path), "name", problem))
            return
        try:
            status = os.lstat(f"{self.root_text}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return  # tracked, but deleted
        except OSError as error:
            detail = f"cannot be inspected: {error.strerror}"
            self.entries.append(SkippedFile(path, "unreadable", detail))
            return
        if stat.S_ISREG(status.st_mode):
            self.entries.append(self.of_file(path, name, status, is_forced=of_folder == _FORCED))
        elif stat.S_ISDIR(status.st_mode):
            self.add_nested(path, is_tracked, depth)
        else:
            self.entries.append(_not_regular(self.root, path, status.st_mode))

    def of_file(
        self, path: str, name: str, status: os.stat_result, *, is_forced: bool
    ) -> FoundFile | SkippedFile:
        """Decide on a regular file."""
        verdict = None if self.rules.is_empty else self.rules.verdict(path, is_folder=False)
        is_wanted = is_forced or verdict is False
        reason = "ignored" if verdict else _name_reason(name, self.settings, is_wanted)
        if reason is not None:
            return SkippedFile(path, reason, _DETAILS[reason])
        limit = max_bytes(name, self.settings)
        if status.st_size > limit:
            return too_large(path, status.st_size, limit)
        if status.st_size == 0:
            return SkippedFile(path, "empty", "0 bytes")
        return FoundFile(path, status.st_size, status.st_mtime_ns, is_wanted)

    def of_folder(self, path: str, is_tracked: bool) -> str:
        """Decide on a folder and those above it, once; a skipped one becomes an entry."""
        known = self.folders.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        above = self.of_folder(parent, is_tracked) if parent else _OPEN
        if above in (_SKIPPED, _GONE):
            decided = above
        elif _is_never(name):
            decided = _GONE
        else:
            decided = self.decide_folder(path, name, is_tracked, is_forced=above == _FORCED)
        if decided in (_OPEN, _FORCED):
            self.rules.enter(path)
        self.folders[path] = decided
        return decided

    def decide_folder(self, path: str, name: str, is_tracked: bool, *, is_forced: bool) -> str:
        """Decide on a folder whose parent is open."""
        problem = _name_problem(name)
        if problem:
            self.entries.append(SkippedFile(_printable(path) + "/", "name", problem))
            return _SKIPPED
        try:
            mode = os.lstat(f"{self.root_text}/{path}").st_mode
        except OSError:
            return _GONE
        if stat.S_ISREG(mode):
            return _GONE  # git still tracks files of what was a folder
        if not stat.S_ISDIR(mode):
            self.entries.append(_not_regular(self.root, path, mode))
            return _SKIPPED
        verdict = None if self.rules.is_empty else self.rules.verdict(path, is_folder=True)
        reason = None
        if verdict:
            reason = "ignored"
        elif verdict is False or is_forced:
            return _FORCED
        elif path_roles.is_hidden(name) and not self.settings.include_hidden:
            reason = "hidden"
        elif self.is_vendored(path, name.lower(), is_tracked):
            reason = "vendored"
        if reason is None:
            return _OPEN
        self.entries.append(SkippedFile(path + "/", reason, _DETAILS[reason]))
        return _SKIPPED

    def is_vendored(self, path: str, name: str, is_tracked: bool) -> bool:
        """Tell whether others' code fills the folder: by its name, or untracked and by its content."""
        if name in path_roles.VENDORED_FOLDERS and not self.settings.include_vendored:
            return True
        if is_tracked:
            return False
        is_environment = name in ("venv", "env", "virtualenv") and (self.root / path / "pyvenv.cfg").exists()
        return is_environment or name in path_roles.DEPENDENCY_FOLDERS


# --- decisions -------------------------------------------------------------------------------


_DETAILS = {
    "secret": "named as keys, certificates or credentials are",
    "hidden": "the name starts with a dot",
    "lock-file": "written by a package manager",
    "minified": "named as minified code, bundles and source maps are",
    "generated": "named as generated code is",
    "binary": "the suffix is of a format that is not text",
    "vendored": "other people's code, or made from it by a program",
    "ignored": EXCLUDED_BY_OWN,
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


def _not_regular(root: Path, path: str, mode: int) -> SkippedFile:
    if not stat.S_ISLNK(mode):
        return SkippedFile(path, "special", "a FIFO, socket or device")
    try:
        target = str((root / path).readlink())
    except OSError:
        target = ""
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or inside == ".." or inside.startswith("../"):
        return SkippedFile(path, "link-outside", "a link that leads out of the tree")
    return SkippedFile(path, "link", f"a link; the target counts by its own path: {_printable(inside)}")


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
