"""What every vector index keeps beside its library's own files: its facts as JSON, its ids as .npy.

Nothing is pickled, and whatever does not fit its facts is refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

import numpy as np

from indexer.disk.mapped_arrays import map_array, save_array
from indexer.errors import IndexCorruptError, InputError
from indexer.light_dataclasses import dataclass
from indexer.records import Int64Array


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What any index says of itself; each kind adds integers of its own."""

    format_version: int
    n_stored: int
    """Vectors or documents."""
    dim: int
    """Numbers in a row."""


Facts = TypeVar("Facts", bound=IndexFacts)


def corrupt(folder: Path, why: object) -> IndexCorruptError:
    """The error for an index that cannot be used as it lies on disk."""
    return IndexCorruptError(
        f"The vector index in {folder} cannot be read ({why}); rebuild with `codesearch index --rebuild`."
    )


def save_facts(path: Path, facts: IndexFacts) -> None:
    """Write facts as JSON; to be done last, for an index without facts is none."""
    path.write_text(json.dumps(asdict(facts), indent=1), encoding="utf-8")


def load_facts(path: Path, kind: type[Facts], format_version: int) -> Facts:
    """The facts in a file. Raises IndexCorruptError for other fields or another format."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if set(raw) != {field.name for field in fields(kind)}:
            raise ValueError(f"{path.name} has missing or unknown fields")
        facts = kind(**{name: int(value) for name, value in raw.items()})
    except (OSError, ValueError, TypeError) as error:
        raise corrupt(path.parent, error) from error
    if facts.format_version != format_version:
        was = facts.format_version
        raise corrupt(path.parent, f"format_version {was}, this codesearch reads {format_version}")
    return facts


def save_ids(path: Path, ids: Int64Array) -> None:
    """Write (N,) ids."""
    save_array(path, ids.astype(np.int64))


def load_ids(path: Path, n_stored: int) -> Int64Array:
    """(n_stored,) ids, mapped. Raises IndexCorruptError unless there are as many."""
    try:
        ids = map_array(path)
    except (OSError, ValueError, EOFError) as error:
        raise corrupt(path.parent, error) from error
    if ids.shape != (n_stored,) or ids.dtype != np.int64:
        raise corrupt(path.parent, f"{path.name} does not hold {n_stored} ids")
    return np.asarray(ids)


def checked_ids(ids: Int64Array, n_stored: int) -> Int64Array:
    """The ids as int64; InputError unless there is at least one, each its own and 0 or more."""
    ids = np.ascontiguousarray(ids, dtype=np.int64)
    steps = np.diff(np.sort(ids))  # `np.unique` loads masked arrays: 15 ms of a build after an edit
    if n_stored == 0 or len(ids) != n_stored or ids.min() < 0 or not steps.all():
        raise InputError(f"{n_stored} vectors need as many ids, at least one, each 0 or more and used once.")
    return ids
