"""The file that makes a folder an index: which generation is live and what it was made with.

Written last and replaced by one rename; readers open the generation it names and nothing else.
Not a place for facts about content (commit, totals): those are in the generation's database.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Any

from indexer.disk.state_files import write_file
from indexer.disk.state_place import root_of
from indexer.disk.user_folders import key_file
from indexer.errors import IndexCorruptError, IndexMismatchError, IndexMissingError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.settings import MANIFEST_NAME
from indexer.storage.seals import Seal
from indexer.storage.signing import is_signed, sign
from indexer.vectors.row_codec import DEFAULT_CODEC

FORMAT_VERSION = 4
_MAX_BYTES = 1_000_000
_GENERATION = re.compile(r"[0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index is. All but `generation` and the seals must agree for the index to be used."""

    generation: str
    """Folder name under `generations/`: digits."""
    format_version: int
    model: str
    """As it was asked for: a bundled name, a hub name or a folder."""
    model_fingerprint: str
    """SHA-256 over the checkpoint's configuration, tokenizer and weights."""
    max_tokens: int
    window_tokens: int
    overlap_tokens: int
    codec: str
    """How token rows are stored."""
    files: dict[str, Seal] = field(default_factory=dict)
    """Each file of the generation, by name."""
    segments: dict[str, Seal] = field(default_factory=dict)
    """Each segment of embeddings that the generation uses, by name."""


_NOT_COMPARED = ("generation", "files", "segments")


class OlderFormatError(IndexMismatchError):
    """An earlier codesearch wrote the index; its embeddings can still be used."""


class ForeignIndexError(IndexMismatchError):
    """Another user or machine made the index."""


def read_manifest(state: Path, *, trust: bool = False) -> Manifest:
    """The live manifest; `trust` takes one that another user or machine made.

    Raises IndexMissingError where there is none, IndexCorruptError where it cannot be read, and
    IndexMismatchError where another version of codesearch, or another user, wrote it.
    """
    path, root = state / MANIFEST_NAME, root_of(state)
    try:
        if state.is_symlink() or path.is_symlink():
            raise IndexCorruptError(
                f"{state if state.is_symlink() else path} is a link",
                f"remove it and build the index with `codesearch index {root}`.",
            )
        with path.open("rb") as file:
            raw = json.loads(file.read(_MAX_BYTES))
        if not isinstance(raw, dict):
            raise ValueError("it holds no object")
        version = raw.get("format_version")
        checksum, signature = raw.pop("checksum", ""), raw.pop("signature", "")
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissingError(
            f"There is no index in {root}", f"build one with `codesearch index {root}`."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise IndexCorruptError(
            f"{path} cannot be read ({error})", f"`codesearch doctor --repair {root}` makes it anew."
        ) from error
    if version != FORMAT_VERSION:
        older = isinstance(version, int) and version < FORMAT_VERSION
        raise (OlderFormatError if older else IndexMismatchError)(
            f"The index in {root} has format_version {_short(version)}, and this codesearch reads"
            f" {FORMAT_VERSION}",
            f"make it anew with `codesearch index --rebuild {root}`.",
        )
    content = _content(raw)
    try:
        if checksum != hashlib.sha256(content).hexdigest():
            raise ValueError("its checksum is another")
        manifest = manifest_from_json(raw)
    except (ValueError, TypeError, KeyError) as error:
        raise IndexCorruptError(
            f"{path} is damaged ({_short(error)})", f"`codesearch doctor --repair {root}` makes it anew."
        ) from error
    if not trust and not is_signed(content, str(signature)):
        raise ForeignIndexError(
            f"The index in {root} is not signed with your key ({key_file()})",
            "if you built it, set HOME and XDG_STATE_HOME as they were then; else build your own with"
            f" `codesearch index --rebuild {root}`, or use it with `codesearch doctor --trust {root}` if you"
            " know where it comes from.",
        )
    return manifest


def _content(raw: dict[str, Any]) -> bytes:
    """What checksum and signature are made of: the same bytes for the same values."""
    return json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()


def manifest_from_json(raw: dict[str, Any]) -> Manifest:
    """Every field in its type: a planted or flipped value must not get any further than here.

    Raises ValueError, TypeError or KeyError.
    """
    known = {item.name for item in fields(Manifest)}
    if set(raw) != known:
        raise ValueError(f"missing or unknown fields: {', '.join(sorted(set(raw) ^ known))}")
    for item in fields(Manifest):
        value = raw[item.name]
        kind = {"str": str, "int": int}.get(str(item.type), dict)
        if type(value) is not kind:
            raise TypeError(f"{item.name} is no {kind.__name__}")
    if not _GENERATION.fullmatch(raw["generation"]):
        raise ValueError("generation is not a number")
    sealed = {
        kind: {name: _seal(name, seal) for name, seal in raw[kind].items()} for kind in ("files", "segments")
    }
    return Manifest(**{**raw, **sealed})


def _seal(name: str, raw: dict[str, Any]) -> Seal:
    seal = Seal(**raw)
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise ValueError("a file's name leads out of the index")
    if not (type(seal.n_bytes) is int and type(seal.mtime_ns) is int and type(seal.sha256) is str):
        raise TypeError(f"the seal of {name} is broken")
    return seal


def write_manifest(state: Path, manifest: Manifest) -> None:
    """Make a generation live: write beside the old manifest, sync, rename over it."""
    raw = asdict(manifest)
    content = _content(raw)
    raw |= {"checksum": hashlib.sha256(content).hexdigest(), "signature": sign(content)}
    write_file(state / MANIFEST_NAME, json.dumps(raw, indent=1, sort_keys=True).encode())


def manifest_for(checkpoint: Checkpoint, max_tokens: int) -> Manifest:
    """What an index would be that were made now: no generation, no seals."""
    return Manifest(
        generation="",
        format_version=FORMAT_VERSION,
        model=checkpoint.name,
        model_fingerprint=checkpoint.fingerprint,
        max_tokens=min(max_tokens, checkpoint.max_tokens),
        window_tokens=checkpoint.window_tokens,
        overlap_tokens=checkpoint.overlap_tokens,
        codec=DEFAULT_CODEC,
    )


def check_agrees(found: Manifest, wanted: Manifest, root: Path) -> None:
    """Refuse an index made with something else, by the name of the first field that differs."""
    for item in fields(Manifest):
        if item.name in _NOT_COMPARED:
            continue
        was, now = getattr(found, item.name), getattr(wanted, item.name)
        if was != now:
            raise IndexMismatchError(
                f"The index in {root} was built with {item.name} {_short(was)}, now it is {_short(now)};"
                f" replace it with `codesearch index --rebuild {root}`,"
                " or use the settings it was built with."
            )


def _short(value: object) -> str:
    text = "".join(char if char.isprintable() else "?" for char in str(value))
    return text[:12] + "…" if len(text) > 80 else text
