"""Token rows through PyLate: a PLAID index searched end to end, and PyLate's re-ranking of candidates.

A `MultiIndex` for collections whose rows are too many to score as they are stored. It is not where
rows live: it is fed from the embedding store, and whoever needs a row reads it there. torch
and PyLate are imported on first use, which takes seconds.

What of PyLate is used, and what is not, as of PyLate 1.6 and fast-plaid 1.4:

- `indexes.PLAID` over PyLate's fast-plaid backend, `retrieve.ColBERT` and `rank.rerank`: used.
- PyLate pickles the two maps between document ids and positions, and unpickles both on every query.
  `_plaid` overrides the three methods that do; ids are int64 in a .npy file, loaded once.
- fast-plaid keeps the rows of small collections (`embeddings.npy`) and of small updates (`buffer.npy`)
  in pickled object arrays. Both are switched off by arguments of `create` and `update`. It would still
  unpickle such a file if somebody else had put it there: a folder with any file that this module did
  not write is refused.
- fast-plaid draws the sample for k-means from torch's global generator: seeded here, and restored.
- An empty subset means "no filter" to fast-plaid: it never gets that far.
- fast-plaid writes to its folder when it is opened (`merged_*.npy`, a lock file).
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import re
import shutil
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from indexer.errors import InputError, MissingExtraError
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.vectors.base import Neighbours, top_k
from indexer.vectors.index_files import (
    IndexFacts,
    checked_ids,
    corrupt,
    load_facts,
    load_ids,
    save_facts,
    save_ids,
)

FORMAT_VERSION = 1
N_BITS = 4
"""Bits a number of a row's residual, after the nearest centroid is taken off."""
N_PROBES = 8
"""Centroids that each query row visits."""
N_FULL_SCORES = 1024
"""Documents whose rows are decompressed and scored in full, a third of all where that is less. On 1,500
chunks of 400 rows, 256 / 512 / 1,024 bring 0.935 / 0.975 / 0.988 of the exact ten best among the first
hundred, at 77 / 105 / 216 ms of CPU a query; more probes bring nothing."""
BATCH_ROWS = 4_000_000
"""Rows handed to fast-plaid at once: 512 MB as float16 at D = 64. Centroids are fitted to the first batch."""

_NAME, _IDS, _FACTS = "plaid", "plaid_ids.npy", "plaid.json"
_KNOWN_FILES = re.compile(
    r"(metadata|plan|doclens\.\d+|\d+\.metadata|merged_(codes|residuals)\.manifest)\.json"
    r"|(centroids|avg_residual|bucket_cutoffs|bucket_weights|ivf|ivf_lengths|cluster_threshold)\.npy"
    r"|(\d+\.|merged_)(codes|residuals)\.npy|plaid\.lock"
)


class Documents(Protocol):
    """Each document's rows (n, D) float32, n at least 1; decoding them on access keeps memory low."""

    def __len__(self) -> int:
        """Documents."""

    def __getitem__(self, at: int, /) -> Float32Array:
        """The rows of one."""


@dataclass(frozen=True, slots=True)
class PlaidFacts(IndexFacts):
    """What a PLAID index on disk is."""

    n_bits: int
    n_trained: int
    """Documents there were when the centroids were fitted."""


class PlaidIndex:
    """An open index, its rows mapped."""

    def __init__(self, folder: Path, n_probes: int = N_PROBES, n_full_scores: int | None = None) -> None:
        """Open the index in a folder. Raises IndexCorruptError, or MissingExtraError without PyLate."""
        self.facts = load_facts(folder / _FACTS, PlaidFacts, FORMAT_VERSION)
        self._ids = load_ids(folder / _IDS, self.facts.n_stored)
        if n_full_scores is None:
            n_full_scores = min(N_FULL_SCORES, max(256, self.facts.n_stored // 3))
        self._index = _open(folder, self._ids, n_probes, n_full_scores)
        from pylate.retrieve import ColBERT

        self._retriever = ColBERT(index=self._index)

    @property
    def n_documents(self) -> int:
        """Documents stored."""
        return self.facts.n_stored

    def search(self, query_rows: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        """The k documents nearest to query rows (Q, D); only those in `allowed` where that is given.

        Scores are PLAID's own, from rows it has compressed again. To rank by, take a hundred documents
        and score their stored rows (`exact.run_maxima`, or `rerank`): NDCG@10 is then exact MaxSim's
        (0.719 against 0.718; by PLAID's own scores 0.704).
        """
        subset = None
        if allowed is not None:
            subset = [np.intersect1d(allowed, self._ids).tolist()]
        if k <= 0 or not len(query_rows) or subset == [[]]:
            return Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
        query: list[Any] = [np.ascontiguousarray(query_rows, dtype=np.float32)]
        with _one_torch_thread():
            (found,) = self._retriever.retrieve(query, k=min(k, self.n_documents), subset=subset)
        return _as_neighbours(found)


def build_plaid(folder: Path, ids: Int64Array, documents: Documents, seed: int = 0) -> PlaidFacts:
    """Write an index over documents into an existing folder; the same input gives the same results.

    `ids` (N,) are unique and 0 or more. Raises InputError where they are not, where there is no
    document or one has no rows, and MissingExtraError without PyLate.
    """
    ids = checked_ids(ids, len(documents))
    # Centroids are fitted to the first batch: it must be a fair sample, so documents go in shuffled.
    order = np.random.default_rng(seed).permutation(len(ids))
    index = _open(folder, np.empty(0, np.int64), N_PROBES, N_FULL_SCORES, seed)
    n_first = 0
    with _seeded(seed):
        for batch in _batches(order, documents):
            rows = [np.asarray(documents[i], dtype=np.float16) for i in batch.tolist()]
            index.add_documents(ids[batch].tolist(), rows)
            n_first = n_first or len(batch)
    dim = int(np.asarray(documents[0]).shape[1])
    facts = PlaidFacts(FORMAT_VERSION, len(ids), dim, N_BITS, n_first)
    _finish(folder, index, facts)
    return facts


def update_plaid(
    old: Path, new: Path, removed: Int64Array, added_ids: Int64Array, added: Documents, seed: int = 0
) -> PlaidFacts | None:
    """Write into folder `new` the index in `old` with documents removed and added; centroids are kept.

    Rows far from all centroids get new ones. None, and nothing written, where the index should be
    built anew: nothing would be left, or it has doubled since its centroids were fitted. Ids to remove
    that are not stored are ignored. Raises InputError where an added id is stored already.
    """
    facts = load_facts(old / _FACTS, PlaidFacts, FORMAT_VERSION)
    ids = load_ids(old / _IDS, facts.n_stored)
    added_ids = checked_ids(added_ids, len(added)) if len(added) else np.empty(0, np.int64)
    kept = ids[~np.isin(ids, removed)]
    if np.isin(added_ids, kept).any():
        raise InputError("An id to add is in the index already; remove it in the same step.")
    n_documents = len(kept) + len(added_ids)
    if not len(kept) or n_documents > 2 * facts.n_trained:
        return None
    _check_files(old)
    shutil.copytree(old / _NAME, new / _NAME, ignore=shutil.ignore_patterns("merged_*", "*.lock"))
    index = _open(new, ids, N_PROBES, N_FULL_SCORES, seed)
    with _seeded(seed):
        if len(kept) < len(ids):
            index.remove_documents(ids[np.isin(ids, removed)].tolist())
        for batch in _batches(np.arange(len(added_ids)), added):
            rows = [np.asarray(added[i], dtype=np.float16) for i in batch.tolist()]
            index.add_documents(added_ids[batch].tolist(), rows)
    changed = PlaidFacts(FORMAT_VERSION, n_documents, facts.dim, facts.n_bits, facts.n_trained)
    _finish(new, index, changed)
    return changed


def rerank(query_rows: Float32Array, ids: Int64Array, documents: Documents) -> Neighbours:
    """Candidates in order of PyLate's MaxSim over their rows, by `pylate.rank.rerank`.

    Precondition: every query row has a non-negative cosine with some row of each document, as trained
    models' rows do. PyLate pads shorter documents with zero rows, which win over negative cosines;
    `exact.maxsim` gives the same scores without that, and without torch.
    """
    _pylate()
    from pylate import rank

    if not len(ids):
        return Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
    rows: list[Any] = [np.asarray(documents[at], dtype=np.float32) for at in range(len(documents))]
    (found,) = rank.rerank(
        documents_ids=[ids.tolist()],
        queries_embeddings=[np.asarray(query_rows, dtype=np.float32)],
        documents_embeddings=[rows],
    )
    return _as_neighbours(found)


def _as_neighbours(found: list[Any]) -> Neighbours:
    """PyLate's list of `id` and `score`, with equal scores by ascending id."""
    ids = np.array([result["id"] for result in found], dtype=np.int64)
    scores = np.array([result["score"] for result in found], dtype=np.float32)
    by_id = np.argsort(ids, kind="stable")
    order = by_id[top_k(scores[by_id], len(ids))]
    return Neighbours(ids[order], scores[order])


def _pylate() -> None:
    """Raise MissingExtraError where PyLate or fast-plaid cannot be imported."""
    try:
        import pylate.indexes  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"PLAID needs a package: pip install 'codesearch-local[pylate]' ({error})."
        ) from error


@cache
def _plaid_class() -> Any:
    """`pylate.indexes.PLAID` with ids in memory where PyLate pickles them."""
    _pylate()
    from pylate.indexes import PLAID
    from pylate.indexes.fast_plaid import FastPlaid

    class Backend(FastPlaid):
        """PyLate's fast-plaid backend, its id maps kept here and never in a pickle."""

        def __init__(self, ids: Int64Array, **settings: Any) -> None:
            super().__init__(**settings)
            self.is_indexed = len(ids) > 0
            self._id_of = dict(enumerate(ids.tolist()))
            self._position_of = {i: position for position, i in self._id_of.items()}
            # Arguments that keep fast-plaid from pickling rows, for PyLate does not pass them on.
            self.fast_plaid.create = partial(self.fast_plaid.create, start_from_scratch=-1)
            self.fast_plaid.update = partial(self.fast_plaid.update, start_from_scratch=-1, buffer_size=0)

        def _load_documents_ids_to_plaid_ids(self) -> dict[int, int]:
            return self._position_of

        def _load_plaid_ids_to_documents_ids(self) -> dict[int, int]:
            return self._id_of

        def _save_mappings(self, position_of: dict[int, int], id_of: dict[int, int]) -> None:
            self._position_of, self._id_of = position_of, id_of

        def ids(self) -> Int64Array:
            """(N,) the ids by position."""
            return np.array([self._id_of[position] for position in range(len(self._id_of))], dtype=np.int64)

        def is_open(self) -> bool:
            """Whether fast-plaid could load what is on disk."""
            return all(loaded is not None for loaded in self.fast_plaid.indices.values())

    class Plaid(PLAID):
        """What PyLate's retrievers take."""

        def __init__(self, backend: Backend) -> None:
            self.use_fast = True
            self._index = backend

        @property
        def backend(self) -> Any:
            """The index under PyLate's wrapper."""
            return self._index

    return partial(_make, Plaid, Backend)


def _make(plaid: Any, backend: Any, ids: Int64Array, **settings: Any) -> Any:
    return plaid(backend(ids, **settings))


def _open(folder: Path, ids: Int64Array, n_probes: int, n_full_scores: int, seed: int = 0) -> Any:
    """PyLate's PLAID over a folder; empty, to be filled, where there are no ids."""
    make = _plaid_class()
    import torch

    if len(ids):
        _check_files(folder)
    elif (folder / _NAME).exists():
        raise InputError(f"{folder / _NAME} exists already; an index is built in a folder of its own.")
    # PyLate warns at each addition that centroids are kept; that is what `update_plaid` says it does.
    logging.getLogger("pylate.indexes.fast_plaid").setLevel(logging.ERROR)
    said = io.StringIO()
    # fast-plaid prints why it could not load an index, and goes on without one.
    with contextlib.redirect_stdout(said), _quick_collections():
        index = make(
            ids,
            index_folder=str(folder),
            index_name=_NAME,
            nbits=N_BITS,
            seed=seed,
            n_ivf_probe=n_probes,
            n_full_scores=n_full_scores,
            show_progress=False,
            num_threads=1,
            use_triton=False,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )
    if len(ids) and not index.backend.is_open():
        raise corrupt(folder, said.getvalue().strip() or "fast-plaid cannot load it")
    return index


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """torch's global generator seeded inside, and as it was outside."""
    import torch

    with torch.random.fork_rng(devices=[]), _quick_collections():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _one_torch_thread() -> Iterator[None]:
    """torch computes on the calling thread alone.

    A query is hundreds of small operations, and threads that share them wait by spinning: beside other
    work on two cores, 1,140 ms of CPU a query with two threads, 85 ms with one.
    """
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


@contextlib.contextmanager
def _quick_collections() -> Iterator[None]:
    """Garbage collections look at nothing that existed before.

    fast-plaid collects six times in a build and three at each opening; over the objects of torch and
    its friends each takes 0.2 seconds and more.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _batches(order: Int64Array, documents: Documents) -> Iterator[Int64Array]:
    """Positions in `order`, cut so that a batch holds about BATCH_ROWS rows."""
    batch: list[int] = []
    n_rows = 0
    for position in order.tolist():
        batch.append(position)
        n_own = len(documents[position])
        if not n_own:
            raise InputError("A document without rows cannot be found; leave it out of the index.")
        n_rows += n_own
        if n_rows >= BATCH_ROWS:
            yield np.array(batch)
            batch, n_rows = [], 0
    if batch:
        yield np.array(batch)


def _finish(folder: Path, index: Any, facts: PlaidFacts) -> None:
    """Write ids and facts, the facts last."""
    save_ids(folder / _IDS, index.backend.ids())
    save_facts(folder / _FACTS, facts)


def _check_files(folder: Path) -> None:
    """Raise IndexCorruptError for a file that fast-plaid might read and this module did not write."""
    top, inner = folder / _NAME, folder / _NAME / "fast_plaid_index"
    if top.is_symlink() or not top.is_dir() or [path.name for path in top.iterdir()] != [inner.name]:
        raise corrupt(folder, f"{top.name} holds something else than an index")
    for path in inner.iterdir():
        if path.is_symlink() or not path.is_file() or not _KNOWN_FILES.fullmatch(path.name):
            raise corrupt(folder, f"{path.name} does not belong there")
