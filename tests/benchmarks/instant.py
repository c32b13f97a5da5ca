"""How well a tree answers of which nothing is encoded: words name candidates, a budget of tokens is read.

Every question begins with no vectors at all. Vectors of whole chunks are taken from the index that has all of
them, as many as the budget pays for; excerpts are encoded, and kept for the other budgets. So a run costs
minutes, and what is searched is what the product would have. Compared, paired, with the whole index and with
words alone. Needs what `quality.py` needs.

    python tests/benchmarks/instant.py --budgets 0,15000,45000
    python tests/benchmarks/instant.py --budgets 0 --seconds 1.5  # by the clock: a quiet machine
    python tests/benchmarks/instant.py --set commits  # other questions, see `commit_questions.py`
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import BenchQuery, Collection, load_repositories
from commit_questions import load_commits
from metrics import bootstrap, ndcg_at, paired_difference
from product import IndexSpec, tree_of

from indexer.build import build
from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.embeddings.embedding_store import NewEmbedding, StoredEmbedding
from indexer.ingest.on_demand import _LEAST_SHARE, Encoded, OnDemand, Reading, _Piece
from indexer.open_generation import OpenGeneration
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings
from indexer.storage.mapped_tables import LACKING, Tables, with_vectors

DEPTH = 60
WHOLE, CLOCK = -1, -2
"""In place of a budget: the index that has every vector, and one that is asked by the clock."""
SECONDS = 1e6
"""What a search is allowed: a share of it is that share of the budget, however long anything takes."""


class Borrowed:
    """In place of `OnDemand`: vectors of an index that has them, for a budget of tokens a question."""

    tokens_per_second = load_seconds = 0.0

    def __init__(self, real: OnDemand, tables: Tables) -> None:
        self._real = real
        self._tables = tables
        self._excerpts: dict[tuple[int, tuple[int, ...]], NewEmbedding] = {}
        self.budget = self.spent = 0

    def room(self, seconds: float) -> float:
        """A share of the budget."""
        return self.budget * min(1.0, seconds / SECONDS)

    def encode(self, readings: Sequence[Reading], others: Sequence[int], seconds: float) -> Encoded:
        """The first of these, as far as the budget goes."""
        real, found = self._real, Encoded({}, {})
        room = round(self.room(seconds), -2)
        chunks = real._index.store.missing_chunks([each.chunk_id for each in readings])
        for chunk, reading in zip(chunks, readings, strict=True):
            piece = _Piece(chunk, reading)
            if piece.n_tokens * _LEAST_SHARE > room - self.spent:
                break
            self.spent += piece.n_tokens
            if not reading.picked:
                found.whole[chunk.chunk_id] = stored_of(self._tables, chunk.chunk_id)
                continue
            key = chunk.chunk_id, reading.picked
            if key not in self._excerpts:
                finished = real._embedder.embed(real._prepared([piece]))
                (self._excerpts[key],) = (new for each in finished for new in each)
            new = self._excerpts[key]
            held = real._hold(new.single, new.rows, new)
            found.excerpts[chunk.chunk_id] = real._spread(held, reading.regions)
        return found


def stored_of(tables: Tables, chunk_id: int) -> StoredEmbedding:
    """What the tables say of a chunk's vectors."""
    at = int(tables.position(np.array([chunk_id]))[0])
    regions = tables.regions[tables.region_start[at] : tables.region_start[at + 1]]
    wide = tables.wide[tables.wide_start[at] : tables.wide_start[at + 1]]
    numbers = (tables.segment, tables.single_start, tables.n_single, tables.rows_start, tables.n_rows)
    return StoredEmbedding(
        *(int(column[at]) for column in numbers), regions, wide, int(tables.n_header_rows[at])
    )


def without_vectors(tables: Tables) -> Tables:
    """The tables of the same index before anything was encoded; what is to have no vectors stays without."""
    nothing = {}
    for at in np.flatnonzero(tables.has_vectors).tolist():
        regions = np.array(tables.regions[tables.region_start[at] : tables.region_start[at + 1]])
        regions[:, 2] = 0
        nothing[at] = StoredEmbedding(LACKING, 0, 0, 0, 0, regions, np.empty((0, 2), np.int32), 0)
    return with_vectors(tables, nothing)


def forget(generation: OpenGeneration, bare: Tables, borrowed: Borrowed | None) -> None:
    """Back to where nothing was encoded; with every vector where `borrowed` is None."""
    patched: dict[str, Any] = vars(generation)
    for name in ("gatherer", "_evidence_finder", "singles", "multis"):
        patched.pop(name, None)
    generation._excerpts = {}
    generation.tables = bare
    if borrowed is not None:
        borrowed.spent = 0
        patched["_on_demand"] = borrowed


def scores(collection: Collection, budgets: Sequence[int]) -> Iterator[tuple[int, float, int]]:
    """Budget, NDCG@10 and tokens read, of each question with each."""
    with Searcher.open(tree_of(collection, IndexSpec("codesearch-edge"))) as searcher:
        generation = searcher.generation
        whole = generation.tables
        bare = without_vectors(whole)
        borrowed = Borrowed(generation._on_demand, whole)
        for query in collection.queries:
            for budget in budgets:
                borrowed.budget = budget
                forget(generation, *((whole, None) if budget == WHOLE else (bare, borrowed)))
                yield budget, score_of(searcher, query, SECONDS), borrowed.spent


def by_the_clock(collection: Collection, seconds: float) -> Iterator[tuple[float, int]]:
    """NDCG@10 and tokens read, of each question in an index of words alone that is opened for it.

    The model is loaded for each, and a lock that is held leaves in memory what is encoded.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / collection.name
        shutil.copytree(collection.source, tree, symlinks=True)
        build(tree, BuildSettings(), encode=False)
        with write_lock(state_folder(tree)):
            for query in collection.queries:
                with Searcher.open(tree) as searcher:
                    embedder = searcher.generation._on_demand._embedder  # those of one process share it
                    embedder.release()
                    n_before = embedder.n_computed
                    yield score_of(searcher, query, seconds), int(embedder.n_computed - n_before)


def score_of(searcher: Searcher, query: BenchQuery, seconds: float) -> float:
    """NDCG@10 of a question with so much time for encoding."""
    hits = searcher.search(SearchRequest(query.text, DEPTH, encode_seconds=seconds)).hits
    files = list(dict.fromkeys(searcher.chunk(hit.chunk_id).path for hit in hits))
    return ndcg_at(files, {target.path for target in query.targets})


def main() -> None:
    """Print NDCG@10 of every budget, and the paired difference from the whole index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budgets", default="0,15000,45000")
    parser.add_argument("--seconds", type=float, help="of the product itself, beside the budgets")
    parser.add_argument("--set", choices=("repo", "commits"), default="repo")
    parser.add_argument("--repos", default="")
    arguments = parser.parse_args()
    names = [name for name in arguments.repos.split(",") if name]
    collections = load_commits(names) if arguments.set == "commits" else load_repositories(names)
    budgets = [WHOLE, *(int(budget) for budget in arguments.budgets.split(","))]
    found: dict[int, list[float]] = {budget: [] for budget in budgets}
    spent: dict[int, list[int]] = {budget: [] for budget in budgets}
    if arguments.seconds:
        found[CLOCK], spent[CLOCK] = [], []
    for collection in collections:
        for budget, score, n_tokens in scores(collection, budgets):
            found[budget].append(score)
            spent[budget].append(n_tokens)
        for score, n_tokens in by_the_clock(collection, arguments.seconds) if arguments.seconds else ():
            found[CLOCK].append(score)
            spent[CLOCK].append(n_tokens)
        print(collection.name, {budget: round(float(np.mean(each)), 4) for budget, each in found.items()})
    labels = {WHOLE: "every vector", CLOCK: f"{arguments.seconds} s by the clock"}
    for budget in found:
        mean = bootstrap(found[budget])
        difference = paired_difference(found[budget], found[WHOLE])
        label = labels.get(budget, f"{budget:,} tokens a question")
        print(f"{label:<26} read {np.mean(spent[budget]):>8,.0f} {mean}   {difference}")


if __name__ == "__main__":
    main()
