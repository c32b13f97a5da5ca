"""The catalogue: which repositories belong together, and which shards of the store hold them. JSON lines.

A person writes a repository a line, its name and folder; a job adds what it made, and replaces the file by
one rename. A repository that was split has a line for each of its shards.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

from indexer.errors import IndexMismatchError, IndexMissingError, InputError, StorageError
from indexer.light_dataclasses import dataclass
from indexer.wording import counted

_NAME = re.compile(r"[^\W_][\w.+@-]*(?:/[^\W_][\w.+@-]*)*")
_MAX_NAME_CHARS = 200
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
_MAX_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: a repository, or the part of one that a shard holds. Empty and 0: not built yet."""

    repository: str
    folder: str
    """Its tree, which every machine of the cluster sees under this path."""
    revision: str = ""
    """Branch, tag or commit that is indexed; empty: the folder as it is."""
    shard: str = ""
    """Several small repositories may share one, and a huge one has several."""
    digest: str = ""
    """Of all that the shard was made of: texts, rules, settings and model. Names it in the store."""
    sha256: str = ""
    """Of its archive in the store."""
    n_files: int = 0
    """Of the shard, as the counts below."""
    n_chunks: int = 0
    n_tokens: int = 0
    n_bytes: int = 0
    """Of its archive."""
    model: str = ""
    fingerprint: str = ""
    """Of the model."""

    @property
    def is_built(self) -> bool:
        """Whether a shard holds it."""
        return bool(self.digest)


def read_catalogue(path: Path) -> tuple[Entry, ...]:
    """The lines of a catalogue, in order; relative folders count from the file's own.

    Raises InputError for a file that cannot be read or a line that is no entry, which it names.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise InputError(
            f'There is no catalogue {path}; write one line a repository: {{"repository": "NAME", "folder":'
            ' "PATH"}.'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The catalogue {path} cannot be read ({error}).") from None
    entries = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                entries.append(_entry(line, path.absolute().parent))
            except (ValueError, TypeError, RecursionError) as error:
                raise InputError(f"Line {number} of the catalogue {path} is no entry: {error}.") from None
    if not entries:
        raise InputError(
            f'The catalogue {path} is empty; write one line a repository: {{"repository": "NAME", "folder":'
            ' "PATH"}.'
        )
    _check_together(entries, path)
    return tuple(entries)


def _entry(line: str, base: Path) -> Entry:
    raw = json.loads(line)
    if not isinstance(raw, dict):
        raise ValueError("it holds no JSON object")
    known = {item.name: str(item.type) for item in fields(Entry)}
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"it has an unknown field {unknown[0][:40]!r}")
    for name in ("repository", "folder"):
        if not raw.get(name):
            raise ValueError(f"it has no {name}")
    for name, value in raw.items():
        if type(value) is not {"str": str, "int": int}[known[name]]:
            raise TypeError(f"its {name} is no {'number' if known[name] == 'int' else 'text'}")
    entry = Entry(**raw)
    for name in ("repository", "shard"):
        text = getattr(entry, name)
        if text and (len(text) > _MAX_NAME_CHARS or not _NAME.fullmatch(text)):
            raise ValueError(f"its {name} {text[:40]!r} is no name of letters, digits and any of . _ + @ - /")
    if "\0" in entry.folder or entry.revision.startswith("-"):
        raise ValueError("its folder or revision is none")
    for name in ("digest", "sha256", "fingerprint"):
        if not _DIGEST.fullmatch(getattr(entry, name)):
            raise ValueError(f"its {name} is no SHA-256")
    if min(entry.n_files, entry.n_chunks, entry.n_tokens, entry.n_bytes) < 0:
        raise ValueError("one of its counts is below zero")
    if entry.is_built and not (entry.shard and entry.sha256 and entry.model and entry.fingerprint):
        raise ValueError("it has a digest and not what belongs to it; run `codesearch cluster index` again")
    folder = Path(os.path.normpath(base / Path(entry.folder).expanduser()))
    return Entry(**asdict(entry) | {"folder": str(folder)})


def _check_together(entries: Sequence[Entry], path: Path) -> None:
    sources: dict[str, Entry] = {}
    shards: dict[str, Entry] = {}
    seen = set()
    for entry in entries:
        first = sources.setdefault(entry.repository, entry)
        if (first.folder, first.revision) != (entry.folder, entry.revision):
            raise InputError(
                f"The catalogue {path} gives {entry.repository} two folders or revisions; each needs a name"
                " of its own."
            )
        if (entry.repository, entry.shard) in seen:
            raise InputError(f"The catalogue {path} names {entry.repository} twice; leave one line out.")
        seen.add((entry.repository, entry.shard))
        if entry.is_built:
            other = shards.setdefault(entry.shard, entry)
            if (other.digest, other.sha256) != (entry.digest, entry.sha256):
                raise InputError(
                    f"The catalogue {path} gives the shard {entry.shard} two digests; run"
                    " `codesearch cluster index` again."
                )


def write_catalogue(path: Path, entries: Sequence[Entry]) -> None:
    """Replace the file by one rename, which keeps who may read it. Raises StorageError.

    The caller holds the lock of the store: what a killed job was about to rename is removed.
    """
    default = {item.name: item.default for item in fields(Entry)}
    lines = [
        json.dumps({name: value for name, value in asdict(entry).items() if value != default[name]})
        for entry in entries
    ]
    half = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        _remove_half_written(path)
        with half.open("x", encoding="utf-8") as file:
            with suppress(FileNotFoundError):
                shutil.copymode(path, half)
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise StorageError(
            f"The catalogue {path} cannot be written ({error.strerror or error}); what was built is in the"
            " store: check the permissions and run the same command again."
        ) from error
    finally:
        half.unlink(missing_ok=True)


def _remove_half_written(path: Path) -> None:
    name = re.compile(rf"\.{re.escape(path.name)}\.\d+\.new")
    for half in path.parent.iterdir():
        if name.fullmatch(half.name):
            half.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard of the store, and the repositories in it."""

    name: str
    digest: str
    sha256: str
    n_tokens: int
    n_bytes: int
    repositories: tuple[str, ...]


def shards_to_serve(entries: Sequence[Entry]) -> tuple[Shard, ...]:
    """The shards that a catalogue names, in its order.

    Raises IndexMissingError where none is built, IndexMismatchError where models are mixed.
    """
    built = [entry for entry in entries if entry.is_built]
    if not built:
        raise IndexMissingError(
            "No repository of the catalogue is built yet", "run `codesearch cluster index` first."
        )
    models = sorted({entry.model for entry in built})
    if len({entry.fingerprint for entry in built}) > 1:
        raise IndexMismatchError(
            f"The catalogue mixes {counted(len({e.fingerprint for e in built}), 'model')}"
            f" ({', '.join(models)}), whose vectors cannot be compared",
            "run `codesearch cluster index` again with one model.",
        )
    repositories: dict[str, list[str]] = {}
    for entry in built:
        repositories.setdefault(entry.shard, []).append(entry.repository)
    first = {entry.shard: entry for entry in reversed(built)}
    return tuple(
        Shard(
            name,
            first[name].digest,
            first[name].sha256,
            first[name].n_tokens,
            first[name].n_bytes,
            tuple(repositories[name]),
        )
        for name in repositories
    )
