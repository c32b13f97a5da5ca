"""Single vectors through FAISS: a flat index while they are few, inverted lists of 8-bit rows beyond.

A `SingleIndex` on disk, opened by mapping it: the lists stay in the file until a query visits them.
Ids are the caller's, kept inside the lists or beside a flat index as .npy; nothing is pickled. Flat
rows are float16, as they come from the embedding store, so a flat search is an exact one. Builds write
a folder of their own and never touch another's files; a killed build leaves the index in use as it was.

FAISS's CPU and GPU wheels install the same package over each other: either will do, both are refused.
With a GPU build and a GPU, k-means runs there; lists are searched on the CPU, for they
are mapped and a query visits a few of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError, MissingExtraError
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.vectors.base import Neighbours
from indexer.vectors.index_files import (
    IndexFacts,
    checked_ids,
    corrupt,
    load_facts,
    load_ids,
    save_facts,
    save_ids,
)
from indexer.vectors.row_codec import float16_to_float32

FORMAT_VERSION = 1
MAX_FLAT_ROWS = 100_000
"""Up to this many rows are compared one by one: exact, and under 10 ms."""
RECALL_TARGET = 0.985
"""Recall of the ten nearest that `n_probes` is chosen for, on queries made up at build time. Visiting
all lists gives 0.993 on real rows: 8-bit rounding swaps near ties."""
MAX_GROWTH = 2.0
"""An index whose rows have grown by this factor since its lists were trained is to be built anew."""

_TRAIN_ROWS_PER_LIST = 48
_PROBE_QUERIES = 128
_TILE_ROWS = 16_384
_COMPARED_ROWS = 4096
"""Rows that the made-up queries are held against at a time."""
_INDEX, _IDS, _FACTS = "single.faiss", "single_ids.npy", "single.json"

_WHEELS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12")

Pieces = Sequence[NDArray[np.floating]]
"""Rows (n, D) float16 or float32 in order, one array or many, views of mapped files or not."""


@dataclass(frozen=True, slots=True)
class FaissFacts(IndexFacts):
    """What a FAISS index on disk is."""

    n_lists: int
    """Inverted lists; 0 for a flat index."""
    n_probes: int
    """Lists that a query visits."""
    n_trained: int
    """Rows there were when the lists were fitted."""


class FaissIndex:
    """An open index, mapped and read-only."""

    def __init__(self, folder: Path) -> None:
        """Open the index in a folder. Raises IndexCorruptError."""
        faiss = _faiss()

        self.facts = load_facts(folder / _FACTS, FaissFacts, FORMAT_VERSION)
        # Lists are mapped as lists; a flat index has one array of codes, mapped through the other flag.
        flags = faiss.IO_FLAG_MMAP if self.facts.n_lists else faiss.IO_FLAG_MMAP_IFC
        self._index = _read_index(folder, flags | faiss.IO_FLAG_READ_ONLY, self.facts)
        self._ids: Int64Array | None = None
        if self.facts.n_lists:
            # Threads that read ahead cost more than the reads of a query that visits a few lists.
            faiss.downcast_InvertedLists(self._index.invlists).prefetch_nthread = 0
        else:
            self._ids = load_ids(folder / _IDS, self.facts.n_stored)

    @property
    def n_rows(self) -> int:
        """Vectors stored."""
        return self.facts.n_stored

    def search(
        self, query: Float32Array, k: int, allowed: Int64Array | None = None, least: float = -math.inf
    ) -> Neighbours:
        """The k nearest to a query (D,), as `SingleIndex` says.

        A filter visits every list: what it lets through may be in any of them.
        """
        faiss = _faiss()

        k = min(k, self.n_rows)
        if k <= 0 or (allowed is not None and not len(allowed)):
            return Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
        selector = None
        if allowed is not None:
            inside = allowed if self._ids is None else np.flatnonzero(np.isin(self._ids, allowed))
            selector = faiss.IDSelectorBatch(np.ascontiguousarray(inside, dtype=np.int64))
        if self.facts.n_lists:
            n_probes = self.facts.n_probes if selector is None else self.facts.n_lists
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=n_probes)
        else:
            parameters = faiss.SearchParameters(sel=selector)
        scores, found = self._index.search(
            np.ascontiguousarray(query, np.float32)[None], k, params=parameters
        )
        hit = (found[0] >= 0) & (scores[0] >= least)
        ids = found[0][hit] if self._ids is None else self._ids[found[0][hit]]
        order = np.lexsort((ids, -scores[0][hit]))
        return Neighbours(ids[order], scores[0][hit][order])


def build_faiss(folder: Path, ids: Int64Array, pieces: Pieces, seed: int = 0) -> FaissFacts:
    """Write an index over rows into an existing folder; the same rows and seed give the same index.

    `ids` (N,) are unique, one for each row of the pieces. Raises InputError where they are not, or
    where there is no row.
    """
    faiss = _faiss()

    ids = checked_ids(ids, sum(len(piece) for piece in pieces))
    dim = int(pieces[0].shape[1])
    if len(ids) <= MAX_FLAT_ROWS:
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        _add(index, None, pieces)
        facts = FaissFacts(FORMAT_VERSION, len(ids), dim, 0, 0, 0)
    else:
        n_lists = lists_for(len(ids))
        index = _trained(pieces, len(ids), dim, n_lists, seed)
        _add(index, ids, pieces)
        n_probes = _n_probes_for(index, ids, pieces, seed)
        facts = FaissFacts(FORMAT_VERSION, len(ids), dim, n_lists, n_probes, len(ids))
    _write(folder, index, ids, facts)
    return facts


def update_faiss(
    old: Path, new: Path, removed: Int64Array, added_ids: Int64Array, added: Pieces
) -> FaissFacts | None:
    """Write into folder `new` the index in `old` with rows removed and added; trained lists are kept.

    None, and nothing written, where it should be built anew instead: it crosses the size at which
    lists begin, or has outgrown those it has. Ids to remove that are not stored are ignored. Raises
    InputError where an added id is stored already, IndexCorruptError where `old` cannot be read.
    """
    faiss = _faiss()

    facts = load_facts(old / _FACTS, FaissFacts, FORMAT_VERSION)
    index = _read_index(old, 0, facts)
    n_added = sum(len(piece) for piece in added)
    added_ids = checked_ids(added_ids, n_added) if n_added else np.empty(0, np.int64)
    ids = load_ids(old / _IDS, facts.n_stored)
    kept = np.flatnonzero(~np.isin(ids, removed))
    if np.isin(added_ids, ids[kept]).any():
        raise InputError("An id to add is in the index already; remove it in the same step.")
    n_rows = len(kept) + n_added
    needs_lists = n_rows > MAX_FLAT_ROWS
    outgrown = n_rows > MAX_GROWTH * facts.n_trained or MAX_GROWTH * n_rows < facts.n_trained
    if n_rows == 0 or needs_lists != bool(facts.n_lists) or (facts.n_lists and outgrown):
        return None
    if len(kept) < len(ids):
        gone = np.setdiff1d(np.arange(len(ids)), kept, assume_unique=True)
        index.remove_ids(faiss.IDSelectorBatch(ids[gone] if facts.n_lists else gone))
    _add(index, added_ids if facts.n_lists else None, added)
    changed = FaissFacts(FORMAT_VERSION, n_rows, facts.dim, facts.n_lists, facts.n_probes, facts.n_trained)
    _write(new, index, np.concatenate([ids[kept], added_ids]), changed)
    return changed


def lists_for(n_rows: int) -> int:
    """Inverted lists for a number of rows: the power of two nearest to 4 sqrt(n), or n / 64 if less."""
    return 1 << int(np.log2(min(4 * np.sqrt(n_rows), n_rows / 64)) + 0.5)


def _trained(pieces: Pieces, n_rows: int, dim: int, n_lists: int, seed: int) -> Any:
    """An empty inverted-list index whose lists and 8-bit ranges are fitted to a sample of the rows.

    What `index.train` does and gives, in a quarter of its memory: the sample stays in float16, and its
    residuals are looked at tile by tile.
    """
    faiss = _faiss()

    quantizer = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dim, n_lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, True
    )
    n_sampled = min(n_rows, _TRAIN_ROWS_PER_LIST * n_lists)
    chosen = np.sort(np.random.default_rng(seed).choice(n_rows, n_sampled, replace=False))
    sample = _gather(pieces, chosen, np.float16)
    halves = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16)
    clustering = faiss.Clustering(dim, n_lists)
    clustering.seed = seed + 1
    clustering.spherical = True
    clustering.niter = 8
    clustering.decode_block_size = _TILE_ROWS
    # FAISS warns on standard output below 39 points a list; the sample holds more wherever there are more.
    clustering.min_points_per_centroid = 1
    clustering.max_points_per_centroid = _TRAIN_ROWS_PER_LIST
    assigner = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(dim)) if _has_gpu() else faiss.IndexFlatIP(dim)
    clustering.train_encoded(sample.view(np.uint8), halves, assigner)
    centroids = faiss.vector_to_array(clustering.centroids).reshape(n_lists, dim)
    quantizer.add(centroids)
    low, high = np.full(dim, np.inf, np.float32), np.full(dim, -np.inf, np.float32)
    for tile in _tiles([sample]):
        _, nearest = quantizer.search(tile, 1)
        residuals = tile - centroids[nearest[:, 0]]
        low, high = np.minimum(low, residuals.min(axis=0)), np.maximum(high, residuals.max(axis=0))
    faiss.copy_array_to_vector(np.concatenate([low, high - low]), index.sq.trained)
    index.is_trained = True
    return index


def _has_gpu() -> bool:
    """Whether the FAISS at hand was built for GPUs and sees one."""
    faiss = _faiss()

    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def _n_probes_for(index: Any, ids: Int64Array, pieces: Pieces, seed: int) -> int:
    """The fewest lists to visit at which the recall target is met on made-up queries.

    A query is not a stored row: it lies farther from its answers (cosine 0.61 to the nearest, 0.55 to
    the tenth with the bundled model) than they from each other (0.97, 0.88), and needs several times
    the lists. Two rows and as much noise again, added up, lie as far (0.57, 0.54), and need a few more.
    """
    faiss = _faiss()

    rng = np.random.default_rng(seed + 2)
    n_rows, dim = len(ids), index.d
    pairs = _gather(pieces, np.sort(rng.choice(n_rows, 2 * _PROBE_QUERIES, replace=False)), np.float32)
    rng.shuffle(pairs)
    noise = rng.standard_normal((_PROBE_QUERIES, dim)).astype(np.float32) * (2 / np.sqrt(dim))
    queries = pairs[::2] + pairs[1::2] + noise
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    k = min(10, n_rows)
    nearest = _nearest_ids(queries, ids, pieces, k)
    n_probes = 1
    while n_probes < index.nlist:
        _, found = index.search(queries, k, params=faiss.SearchParametersIVF(nprobe=n_probes))
        recall = np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(found, nearest, strict=True)])
        if recall >= RECALL_TARGET:
            break
        n_probes += max(1, n_probes // 5)
    return min(n_probes, int(index.nlist))


def _nearest_ids(queries: Float32Array, ids: Int64Array, pieces: Pieces, k: int) -> Int64Array:
    """(n_queries, k) ids of the nearest rows, in no order, found by comparing them all tile by tile."""
    best_scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    best_ids = np.full((len(queries), k), -1, dtype=np.int64)
    at = 0
    for tile in _tiles(pieces):
        for start in range(0, len(tile), _COMPARED_ROWS):
            part = tile[start : start + _COMPARED_ROWS]
            names = np.tile(ids[at : at + len(part)], (len(queries), 1))
            names = np.concatenate([best_ids, names], axis=1)
            scores = np.concatenate([best_scores, queries @ part.T], axis=1)
            chosen = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
            best_scores = np.take_along_axis(scores, chosen, axis=1)
            best_ids = np.take_along_axis(names, chosen, axis=1)
            at += len(part)
    return best_ids


def _add(index: Any, ids: Int64Array | None, pieces: Pieces) -> None:
    """Add rows tile by tile, under ids or (None) under their positions."""
    at = 0
    for tile in _tiles(pieces):
        if ids is None:
            index.add(tile)
        else:
            index.add_with_ids(tile, ids[at : at + len(tile)])
        at += len(tile)


def _tiles(pieces: Pieces) -> Iterator[Float32Array]:
    """The rows in order as float32, at most _TILE_ROWS at a time; small pieces are joined."""
    waiting: list[NDArray[np.floating]] = []
    n_waiting = 0
    for piece in pieces:
        for start in range(0, len(piece), _TILE_ROWS):
            part = piece[start : start + _TILE_ROWS]
            if n_waiting + len(part) > _TILE_ROWS:
                yield _as_float32(waiting)
                waiting, n_waiting = [], 0
            waiting.append(part)
            n_waiting += len(part)
    if n_waiting:
        yield _as_float32(waiting)


def _as_float32(parts: Pieces) -> Float32Array:
    """The parts as one contiguous array."""
    joined = np.concatenate(parts) if len(parts) > 1 else np.ascontiguousarray(parts[0])
    if joined.dtype == np.float16:
        return float16_to_float32(joined)
    return np.asarray(joined, dtype=np.float32)


def _gather(pieces: Pieces, rows: Int64Array, dtype: type[np.floating]) -> NDArray[Any]:
    """Rows by position (ascending), through all pieces: (n, D)."""
    ends = np.cumsum([len(piece) for piece in pieces])
    found = np.empty((len(rows), pieces[0].shape[1]), dtype)
    at = 0
    for number in np.unique(np.searchsorted(ends, rows, "right")).tolist():
        first = int(ends[number]) - len(pieces[number])
        inside = rows[(rows >= first) & (rows < ends[number])] - first
        found[at : at + len(inside)] = pieces[number][inside]
        at += len(inside)
    return found


def _write(folder: Path, index: Any, ids: Int64Array, facts: FaissFacts) -> None:
    """Write an index's files, the facts last."""
    _faiss().write_index(index, str(folder / _INDEX))
    save_ids(folder / _IDS, ids)
    save_facts(folder / _FACTS, facts)


def _read_index(folder: Path, flags: int, facts: FaissFacts) -> Any:
    """FAISS's own file, held against the facts. Raises IndexCorruptError."""
    faiss = _faiss()
    try:
        index = faiss.read_index(str(folder / _INDEX), flags)
    except RuntimeError as error:
        raise corrupt(folder, str(error).splitlines()[0]) from error
    wanted = faiss.IndexIVFScalarQuantizer if facts.n_lists else faiss.IndexScalarQuantizer
    if type(index) is not wanted or index.ntotal != facts.n_stored or index.d != facts.dim:
        raise corrupt(folder, "it is not what its facts say")
    if facts.n_lists and (index.nlist != facts.n_lists or not 0 < facts.n_probes <= facts.n_lists):
        raise corrupt(folder, "its lists are not what its facts say")
    return index


@cache
def _faiss() -> Any:
    """The module, loaded on first use. Raises MissingExtraError where it is absent or there twice."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(
            f"FAISS cannot be imported ({error}); install it with `pip install faiss-cpu`, or index with"
            " --vectors exact."
        ) from error
    wheels = [name for name in _WHEELS if _is_installed(name)]
    if len(wheels) > 1:
        raise MissingExtraError(
            f"{' and '.join(wheels)} are both installed and overwrite each other's files; uninstall both,"
            " then install the one you want."
        )
    return faiss


def _is_installed(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
