"""How well a tree answers of which nothing is encoded: words name candidates, a budget of tokens is read.

Every question begins with no vectors at all. Their vectors are taken from the index that has all of them, as
many tokens of named chunks as the budget pays for, so that a run costs minutes; what is encoded is the
same. Compared, paired, with the whole index and with words alone. Needs what `quality.py` needs.

    python tests/benchmarks/instant.py --budgets 0,15000,45000
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from bench_data import Collection, load_collections
from metrics import bootstrap, ndcg_at, paired_difference
from product import IndexSpec, tree_of

from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.storage.mapped_tables import Tables, with_vectors

DEPTH = 60
WHOLE = -1
"""The budget of the index that has every vector."""


class Borrowed:
    """In place of the model: vectors of an index that has them, for a budget of tokens a question."""

    tokens_per_second = 0.0

    def __init__(self, tables: Tables, n_tokens: dict[int, int], budget: int) -> None:
        self._tables = tables
        self._n_tokens = n_tokens
        self._budget = budget

    def encode(self, ids: Sequence[int], others: Sequence[int], seconds: float) -> dict[int, StoredEmbedding]:
        """The named chunks, best first, as far as the budget goes."""
        found: dict[int, StoredEmbedding] = {}
        spent = 0
        for chunk_id in ids:
            if spent >= self._budget:
                break
            spent += self._n_tokens[chunk_id]
            found[chunk_id] = stored_of(self._tables, chunk_id)
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
    """The tables of the same index before anything was encoded."""
    nothing = {}
    for at in range(tables.n_chunks):
        regions = np.array(tables.regions[tables.region_start[at] : tables.region_start[at + 1]])
        regions[:, 2] = 0
        nothing[at] = StoredEmbedding(-1, 0, 0, 0, 0, regions, np.empty((0, 2), np.int32), 0)
    return with_vectors(tables, nothing)


def scores(collection: Collection, budget: int) -> Iterator[float]:
    """NDCG@10 of each question."""
    with Searcher.open(tree_of(collection, IndexSpec("codesearch-edge"))) as searcher:
        whole = searcher.generation.tables
        bare = without_vectors(whole)
        n_tokens = dict(searcher.generation.store.query("SELECT chunk_id, n_tokens FROM chunks"))
        for query in collection.queries:
            if budget != WHOLE:
                patched: dict[str, Any] = vars(searcher.generation)
                for name in ("gatherer", "_evidence_finder", "singles", "multis"):
                    patched.pop(name, None)
                searcher.generation.tables = bare
                patched["_on_demand"] = Borrowed(whole, n_tokens, budget)
            request = SearchRequest(query.text, DEPTH, encode_seconds=1.0)
            hits = searcher.search(request).hits
            files = list(dict.fromkeys(searcher.chunk(hit.chunk_id).path for hit in hits))
            yield ndcg_at(files, {target.path for target in query.targets})


def main() -> None:
    """Print NDCG@10 of every budget, and the paired difference from the whole index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budgets", default="0,15000,45000")
    parser.add_argument("--repos", default="")
    arguments = parser.parse_args()
    names = [name for name in arguments.repos.split(",") if name]
    collections = load_collections(["repo"], names)
    budgets = [WHOLE, *(int(budget) for budget in arguments.budgets.split(","))]
    found = {budget: [score for c in collections for score in scores(c, budget)] for budget in budgets}
    for budget in budgets:
        mean = bootstrap(found[budget])
        difference = paired_difference(found[budget], found[WHOLE])
        label = "every vector" if budget == WHOLE else f"{budget:,} tokens a question"
        print(f"{label:<26} {mean}   {difference}")


if __name__ == "__main__":
    main()
