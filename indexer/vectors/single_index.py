"""A generation's single vectors, in whichever structure was chosen for them: written, changed, opened.

The one place that knows both kinds, so that builds and searches need not: exact rows in a .npy
file, or FAISS. It decides nothing; `index_choice.choose` does, by the number of rows or as a person
forces it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.disk.mapped_arrays import map_array, save_array
from indexer.errors import InputError
from indexer.records import Int64Array
from indexer.vectors.base import SingleIndex
from indexer.vectors.exact import ExactIndex
from indexer.vectors.index_choice import VectorKind
from indexer.vectors.index_files import (
    IndexFacts,
    checked_ids,
    corrupt,
    load_facts,
    load_ids,
    save_facts,
    save_ids,
)

if TYPE_CHECKING:  # a search of exact rows does not wait for the other kind
    from indexer.vectors.faiss_index import Pieces

_FORMAT_VERSION = 1
_ROWS, _IDS, _FACTS = "exact_rows.npy", "exact_ids.npy", "exact.json"


def build_single(folder: Path, kind: VectorKind, ids: Int64Array, pieces: Pieces, seed: int = 0) -> None:
    """Write rows (n, D), at least one, under their ids into an existing folder.

    `ids` (N,) are unique and 0 or more, one for each row of all pieces; they need not be in order.
    Raises InputError where they are not, or for a kind that holds no single vectors.
    """
    if kind is VectorKind.FAISS:
        from indexer.vectors.faiss_index import build_faiss

        build_faiss(folder, ids, pieces, seed)
        return
    if kind is not VectorKind.EXACT:
        raise InputError(f"Single vectors are held as exact or faiss, not {kind}.")
    ids = checked_ids(ids, sum(len(piece) for piece in pieces))
    order = np.argsort(ids)
    rows = np.concatenate(pieces).astype(np.float16, copy=False)[order]
    save_array(folder / _ROWS, rows)
    save_ids(folder / _IDS, ids[order])
    save_facts(folder / _FACTS, IndexFacts(_FORMAT_VERSION, len(ids), rows.shape[1]))


def update_single(
    old: Path, new: Path, kind: VectorKind, removed: Int64Array, added_ids: Int64Array, added: Pieces
) -> bool:
    """Write into `new` what is in `old`, less rows removed, with rows added, without all rows at hand.

    False, and nothing written, where it is to be built anew: another kind is wanted, or FAISS's lists
    would no longer fit. An exact index is always built anew, for that is as quick.
    """
    if kind is not VectorKind.FAISS or (old / _FACTS).exists():
        return False
    from indexer.vectors.faiss_index import update_faiss

    return update_faiss(old, new, removed, added_ids, added) is not None


def open_single(folder: Path) -> SingleIndex:
    """The index in a folder, of the kind that was written there. Raises IndexCorruptError."""
    if not (folder / _FACTS).exists():
        from indexer.vectors.faiss_index import FaissIndex

        return FaissIndex(folder)
    facts = load_facts(folder / _FACTS, IndexFacts, _FORMAT_VERSION)
    ids = load_ids(folder / _IDS, facts.n_stored)
    try:
        rows = map_array(folder / _ROWS)
    except (OSError, ValueError, EOFError) as error:
        raise corrupt(folder, error) from error
    if rows.shape != (facts.n_stored, facts.dim) or rows.dtype != np.float16:
        raise corrupt(folder, f"{_ROWS} is not what its facts say")
    return ExactIndex(rows, ids)
