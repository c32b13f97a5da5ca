"""The rows of every word of full-text tables as one mapped file: a question reads the words it asks for.

FTS5 tells where a word stands at 0.3 microseconds a place, which over fifty indexes is a second for words
that are everywhere. Here the answer for all words is written beside the database, for tables where that
takes a tenth of a second or so. Of larger tables the same numbers are read from FTS5 itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.disk.mapped_arrays import map_array, save_array
from indexer.errors import IndexCorruptError
from indexer.light_dataclasses import dataclass
from indexer.records import Int64Array

MAX_PLACES = 500_000
"""Of a table whose words are stored: 0.15 s of a build."""
_KINDS = {
    "row_ids": "<i8", "lengths": "<i4", "term_ends": "<i8", "ends": "<i8", "rows": "<i4", "n_times": "<u2",
    "terms": "u1",
}  # fmt: skip
"""The arrays of a table, in the order of the file."""
_ALIGNED_BYTES = 8


@dataclass(frozen=True, slots=True)
class StoredPostings:
    """N rows, T terms in order of their bytes, P pairs of a term and a row that holds it."""

    row_ids: Int64Array
    """(N,) ascending."""
    lengths: NDArray[np.int32]
    """(N,) tokens of each."""
    term_ends: Int64Array
    """(T,) where each term ends in `terms`."""
    ends: Int64Array
    """(T,) where its pairs end."""
    rows: NDArray[np.int32]
    """(P,) positions among the rows, ascending within a term."""
    n_times: NDArray[np.uint16]
    """(W, P) how often each has it, by each weighting of the columns."""
    terms: NDArray[np.uint8]
    """UTF-8, one behind the other."""

    def __len__(self) -> int:
        return len(self.term_ends)

    def __getitem__(self, at: int) -> bytes:
        start = self.term_ends[at - 1] if at else 0
        return self.terms[start : self.term_ends[at]].tobytes()

    def pairs_of(self, first_term: str, last_term: str) -> slice:
        """The pairs of all terms between two, both included."""
        begin = bisect_left(self, first_term.encode())
        end = bisect_right(self, last_term.encode(), begin)
        return slice(int(self.ends[begin - 1]) if begin else 0, int(self.ends[end - 1]) if end else 0)


def save_postings(path: Path, tables: Sequence[StoredPostings]) -> None:
    """Write those of some tables into one file."""
    parts = [np.ascontiguousarray(getattr(table, name)) for table in tables for name in _KINDS]
    blocks = [np.array([part.nbytes for part in parts], "<i8").tobytes()]
    for part in parts:
        blocks += [part.tobytes(), bytes(-part.nbytes % _ALIGNED_BYTES)]
    save_array(path, np.frombuffer(b"".join(blocks), np.uint8))


def load_postings(path: Path, n_tables: int) -> list[StoredPostings] | None:
    """Map what was written; None where nothing was. Raises IndexCorruptError."""
    try:
        content = map_array(path)
        at = 8 * n_tables * len(_KINDS)
        arrays: list[NDArray[Any]] = []
        for n_bytes, kind in zip(
            content[:at].view("<i8").tolist(), n_tables * [*_KINDS.values()], strict=True
        ):
            arrays.append(content[at : at + n_bytes].view(kind))
            at += n_bytes + -n_bytes % _ALIGNED_BYTES
        if at != len(content):
            raise ValueError("its parts are not as long as it says")
        return [_table(*arrays[first : first + len(_KINDS)]) for first in range(0, len(arrays), len(_KINDS))]
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IndexCorruptError(
            f"The words of the index in {path.parent} cannot be read ({error}); rebuild with"
            " `codesearch index --rebuild`."
        ) from error


def _table(*arrays: NDArray[Any]) -> StoredPostings:
    table = StoredPostings(*arrays)
    n_pairs = len(table.rows)
    return replace(table, n_times=table.n_times.reshape(-1, n_pairs) if n_pairs else np.zeros((1, 0), "<u2"))
