"""What an exported index says of itself: the first member of the archive, signed with the exporter's key.

The checksums of all other members are in it, so that the one signature speaks for every byte.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace

from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.settings import BuildSettings
from indexer.storage.facts import recorded_settings
from indexer.storage.manifest import FORMAT_VERSION, Manifest, manifest_from_json
from indexer.storage.signing import is_signed, sign

HEADER_NAME = "codesearch-export.json"
MAX_HEADER_BYTES = 4_000_000
DATABASE_NAME = "index.db"
TEXTS, WORDS, VECTORS = "texts", "words", "vectors"
CARRIES = (TEXTS, WORDS, VECTORS)
"""What is beside the vectors: the whole database, one without the texts of its files, nothing."""
_SCHEMA = 1
_NAME = re.compile(r"index\.db|embeddings/(?:embeddings\.db|[0-9]{4,9}\.(?:single|rows))")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_EXPORT = "it is no index that `codesearch export` wrote"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an export."""

    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Header:
    """An export, but for its files."""

    codesearch: str
    """Version of the program that wrote it."""
    repository: str
    """Name of the folder that was indexed."""
    commit: str
    branch: str
    n_files: int
    n_chunks: int
    n_encoded: int
    """Chunks with vectors."""
    manifest: Manifest
    """Of the index that was exported: its model and how vectors were made; no generation and no seals."""
    facts: dict[str, str]
    """The settings that it was built with, as its database notes them."""
    carries: str
    """One of CARRIES."""
    files: dict[str, Member]
    """By name, in the order of the archive."""

    @property
    def has_text(self) -> bool:
        """Whether the indexed texts are in it."""
        return self.carries == TEXTS

    @property
    def has_database(self) -> bool:
        """Whether it is an index, not vectors alone."""
        return self.carries != VECTORS

    @property
    def settings(self) -> BuildSettings:
        """What the index was built with."""
        return recorded_settings(self.manifest, self.facts)

    @property
    def n_bytes(self) -> int:
        """Of all files, unpacked."""
        return sum(member.n_bytes for member in self.files.values())


def header_bytes(header: Header) -> bytes:
    """The member that begins an archive. Raises StorageError where there is no key to sign with."""
    value = asdict(replace(header, manifest=_bare(header.manifest)))
    value |= {"schema": _SCHEMA}
    return json.dumps(value | {"signature": sign(_content(value))}, indent=1, sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class Read:
    """A header that was read, and whether this user's key signed it."""

    header: Header
    is_own: bool


def read_header(content: bytes) -> Read:
    """Read the first member of an archive. Raises InputError for anything but a header of this format."""
    try:
        value = json.loads(content)
        signature = value.pop("signature")
        if value.get("schema") != _SCHEMA or value["manifest"]["format_version"] != FORMAT_VERSION:
            raise _other_version(value)
        signed = _content(value)
        del value["schema"]
        header = _header(value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"The file cannot be imported: {_NO_EXPORT} ({str(error)[:80]!r}).") from error
    return Read(header, isinstance(signature, str) and is_signed(signed, signature))


def _other_version(value: dict[str, object]) -> InputError:
    version = value.get("codesearch")
    shown = version if isinstance(version, str) and re.fullmatch(r"[0-9a-z.+-]{1,40}", version) else "unknown"
    return InputError(
        f"The file was exported by another version of codesearch ({shown}), whose format this one does not"
        " read; export it again with this version, or install that one."
    )


def _header(value: dict[str, object]) -> Header:
    """Every field in its type, every name one that an export has."""
    known = {item.name: str(item.type) for item in fields(Header)}
    if set(value) != set(known):
        raise ValueError("missing or unknown fields")
    for name, kind in known.items():
        expected = {"str": str, "int": int}.get(kind, dict)
        if type(value[name]) is not expected:
            raise TypeError(f"{name} is no {expected.__name__}")
    manifest, files, facts = value["manifest"], value["files"], value["facts"]
    assert isinstance(manifest, dict)
    assert isinstance(files, dict)
    assert isinstance(facts, dict)
    if not all(isinstance(part, str) for pair in facts.items() for part in pair):
        raise TypeError("a setting is no text")
    members = {}
    for name, raw in files.items():
        member = Member(**raw)
        if not _NAME.fullmatch(name):
            raise ValueError(f"a file named {name[:40]}")
        if type(member.n_bytes) is not int or member.n_bytes < 0 or not _SHA256.fullmatch(member.sha256):
            raise TypeError("a file's size or checksum is broken")
        members[name] = member
    if "embeddings/embeddings.db" not in members:
        raise ValueError("no embeddings")
    if value["carries"] not in CARRIES or (value["carries"] == VECTORS) == (DATABASE_NAME in members):
        raise ValueError("it does not carry what it says")
    made = {**value, "manifest": manifest_from_json(manifest), "files": members}
    return Header(**made)  # type: ignore[arg-type]


def _bare(manifest: Manifest) -> Manifest:
    return replace(manifest, generation="0", files={}, segments={})


def _content(value: dict[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
