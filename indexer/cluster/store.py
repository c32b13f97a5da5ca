"""Where finished shards lie: a folder that every machine sees, or a place that fsspec reaches by its URL.

An artefact is a file and a small JSON file that names it. The file is put under a temporary name and renamed;
the JSON file is what makes it finished, and the first one counts: whoever else made the same takes that.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from indexer.cluster.store_lock import HeldError, OnWait, StoreLock
from indexer.disk.state_files import FOLDER_MODE, create_file
from indexer.disk.user_folders import expand_user
from indexer.errors import (
    IndexBusyError,
    IndexCorruptError,
    InputError,
    MissingExtraError,
    StorageError,
)

SHARDS = "shards"
WORDS = "words"
_FOLDERS = (SHARDS, WORDS)
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss"}
_MAX_FACTS_BYTES = 100_000
_MAX_HALF_SECONDS = 86_400
"""So old is a half-written file that nobody goes on with; a younger one may still be written."""
_BUSY = "Another job writes to the store {}; wait for it, or give this one another --store."


class Store(ABC):
    """Artefacts by kind and digest. Picklable: each process opens its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def facts(self, kind: str, digest: str) -> dict[str, Any] | None:
        """What is noted of a finished artefact, its `sha256` among it; None where there is none.

        Raises StorageError.
        """
        with self._said("read"):
            raw = self._read(f"{kind}/{digest}.json")
        try:
            facts = None if raw is None else json.loads(raw)
        except ValueError:
            return None  # half written by something else than this module: made anew
        return facts if isinstance(facts, dict) and isinstance(facts.get("sha256"), str) else None

    def publish(self, source: Path, kind: str, digest: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Take a file in and note facts of it; what is noted then, maybe another's. Raises StorageError."""
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        noted = facts | {"sha256": sha256, "n_bytes": source.stat().st_size}
        with self._said():
            self._put(source, _archive(kind, digest, sha256))
            self._note(json.dumps(noted).encode(), f"{kind}/{digest}.json")
        return self.facts(kind, digest) or noted

    def fetch(self, kind: str, digest: str, sha256: str, target: Path) -> None:
        """Copy an artefact to a new file. Raises IndexCorruptError where it is gone or not what was noted."""
        try:
            self._get(_archive(kind, digest, sha256), target)
        except OSError as error:
            raise IndexCorruptError(
                f"The store {self.name} lacks a shard ({digest[:12]}: {error.strerror or error})",
                "run `codesearch cluster index` again.",
            ) from error
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise IndexCorruptError(
                    f"A shard in the store {self.name} is damaged ({digest[:12]})",
                    "remove its files there and run `codesearch cluster index` again.",
                )

    def has(self, kind: str, digest: str, sha256: str) -> bool:
        """Whether the file of an artefact is there. Raises StorageError."""
        with self._said("read"):
            return self._has(_archive(kind, digest, sha256))

    def drop(self, kind: str, digest: str) -> None:
        """Remove an artefact, if it can be."""
        facts = self.facts(kind, digest)
        with suppress(OSError):
            self._remove(f"{kind}/{digest}.json")
            if facts is not None:
                self._remove(_archive(kind, digest, facts["sha256"]))

    def check_writable(self) -> None:
        """Raise StorageError where nothing can be written."""
        with self._said():
            self._prepare()
            name = f"{SHARDS}/.{uuid.uuid4().hex}"
            self._note(b"{}", name)
            self._remove(name)

    def check_room(self, n_bytes: int) -> None:
        """Raise StorageError where a file of so many bytes finds no room, as far as the place says."""
        with self._said():
            n_free_bytes = self._n_free_bytes()
            if n_free_bytes is not None and n_free_bytes < n_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @abstractmethod
    def locked(self, on_wait: OnWait = lambda who: None) -> AbstractContextManager[None]:
        """A context in which no other job writes here.

        `on_wait` is told who else does, where it takes time to find out whether that job lives. Raises
        IndexBusyError.
        """

    @contextmanager
    def _said(self, what: str = "written") -> Iterator[None]:
        advice = "check the address and the permissions, then run the same command again"
        if what == "written":
            advice = (
                "free some space or check the permissions, then run the same command again: finished shards"
                " are kept"
            )
        try:
            yield
        except OSError as error:
            said = error.strerror or str(error) or type(error).__name__
            raise StorageError(f"The store {self.name} cannot be {what} ({said})", f"{advice}.") from error

    @abstractmethod
    def _n_free_bytes(self) -> int | None:
        """What still finds room; None where nobody knows."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folders."""

    @abstractmethod
    def _read(self, name: str) -> bytes | None:
        """A small file; None where there is none."""

    @abstractmethod
    def _put(self, source: Path, name: str) -> None:
        """A file under a name, whole or not at all."""

    @abstractmethod
    def _note(self, content: bytes, name: str) -> None:
        """A small file under a name, whole, unless there is one."""

    @abstractmethod
    def _get(self, name: str, target: Path) -> None:
        """Copy a file out."""

    @abstractmethod
    def _has(self, name: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def _remove(self, name: str) -> None:
        """Remove a file."""


def open_store(where: str) -> Store:
    """The store at a folder or URL; nothing is looked at yet. Raises InputError, MissingExtraError."""
    scheme, is_url, rest = where.partition("://")
    if is_url and scheme == "memory":
        raise InputError(f"{where} is gone with its process; name a folder or URL that every machine sees.")
    if is_url and scheme != "file":
        return UrlStore(where.rstrip("/"))
    where = rest if is_url else where
    return _FolderStore(Path(os.path.abspath(expand_user(where))))  # noqa: PTH100


def _archive(kind: str, digest: str, sha256: str) -> str:
    return f"{kind}/{digest}-{sha256[:16]}.tar"


class _FolderStore(Store):
    """A folder; its files are closed to other users."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder

    @contextmanager
    def locked(self, on_wait: OnWait = lambda who: None) -> Iterator[None]:
        with self._said():
            self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            lock = FileLock(self._folder / "lock", mode=0o600)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise IndexBusyError(_BUSY.format(self.name)) from None
        try:
            self._remove_abandoned()
            yield
        finally:
            lock.release()

    def _remove_abandoned(self) -> None:
        """What writers that were killed have left."""
        for half in self._folder.glob("*/.*.new"):
            with suppress(OSError):
                if time.time() - half.lstat().st_mtime > _MAX_HALF_SECONDS:
                    half.unlink()

    def _n_free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def _prepare(self) -> None:
        for name in _FOLDERS:
            (self._folder / name).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)

    def _read(self, name: str) -> bytes | None:
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(_MAX_FACTS_BYTES)
        except FileNotFoundError:
            return None

    def _put(self, source: Path, name: str) -> None:
        with self._half(name) as half:
            with source.open("rb") as file, os.fdopen(create_file(half), "wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            half.replace(self._folder / name)

    def _note(self, content: bytes, name: str) -> None:
        with self._half(name) as half:
            with os.fdopen(create_file(half), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(half, self._folder / name)

    @contextmanager
    def _half(self, name: str) -> Iterator[Path]:
        folder = (self._folder / name).parent
        half = folder / f".{uuid.uuid4().hex}.new"
        try:
            yield half
        finally:
            half.unlink(missing_ok=True)

    def _get(self, name: str, target: Path) -> None:
        with (self._folder / name).open("rb") as file, os.fdopen(create_file(target), "wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)

    def _has(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)


class UrlStore(Store):
    """A place that fsspec reaches; what is to be there once is put on condition that it is not yet.

    S3, Google's and Azure's file systems keep that condition; of others the last of two at once counts, which
    is the same shard under another checksum: whoever noted it wrote its file too.
    """

    def __init__(self, url: str) -> None:
        """Raises MissingExtraError."""
        super().__init__(url)
        try:
            import fsspec
        except ImportError:
            raise MissingExtraError(
                "A store at a URL needs the extra `ray`: `pip install 'codesearch-local[ray]'`."
            ) from None
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise MissingExtraError(f"The store {url} needs a package of its own: {error}.") from None

    def _do(self, what: str, *arguments: Any, **options: Any) -> Any:
        """A call of the file system, whose errors, of whatever library, are OSErrors."""
        try:
            return getattr(self._files, what)(*arguments, **options)
        except OSError:
            raise
        except NotImplementedError as error:
            scheme = self.name.partition("://")[0]
            raise OSError(f"what is at {scheme}:// can be read only") from error
        except Exception as error:
            raise OSError(" ".join(str(error).split())[:200] or type(error).__name__) from error

    @contextmanager
    def locked(self, on_wait: OnWait = lambda who: None) -> Iterator[None]:
        """A context in which no other job writes here. Raises IndexBusyError, StorageError."""
        lock = StoreLock(self._do, f"{self._root}/lock")
        with ExitStack() as held:
            try:
                with self._said():
                    self._make_folder(self._root)
                    held.enter_context(lock.held(on_wait))
            except HeldError as error:
                raise IndexBusyError(f"{_BUSY.format(self.name)} {error}") from None
            self._remove_abandoned()
            yield

    def _remove_abandoned(self) -> None:
        """What writers that were killed have left, as far as the place tells how old a file is."""
        for folder in _FOLDERS:
            with suppress(OSError):
                for half in self._do("glob", f"{self._root}/{folder}/*.new"):
                    modified = self._do("modified", half)
                    if time.time() - modified.timestamp() > _MAX_HALF_SECONDS:
                        self._do("rm_file", half)

    def _n_free_bytes(self) -> None:
        return None

    def _prepare(self) -> None:
        for name in _FOLDERS:
            self._make_folder(f"{self._root}/{name}")

    def _make_folder(self, name: str) -> None:
        """Object stores have none, and would make a bucket, by whatever name was mistyped."""
        if self.name.partition("://")[0] not in _OBJECT_STORES:
            self._do("makedirs", name, exist_ok=True)

    def _read(self, name: str) -> bytes | None:
        try:
            content: bytes = self._do("cat_file", f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return content[:_MAX_FACTS_BYTES]

    def _put(self, source: Path, name: str) -> None:
        half = f"{self._root}/{name}.{uuid.uuid4().hex}.new"
        try:
            self._do("put_file", str(source), half)
            self._do("mv", half, f"{self._root}/{name}")
        except BaseException:
            with suppress(OSError):
                self._do("rm_file", half)
            raise

    def _note(self, content: bytes, name: str) -> None:
        with suppress(FileExistsError):
            self._do("pipe_file", f"{self._root}/{name}", content, mode="create")

    def _get(self, name: str, target: Path) -> None:
        os.close(create_file(target))
        self._do("get_file", f"{self._root}/{name}", str(target))

    def _has(self, name: str) -> bool:
        return bool(self._do("exists", f"{self._root}/{name}"))

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._do("rm_file", f"{self._root}/{name}")
