"""What other ways to keep and to compare token rows would bring: narrower, pooled, weighted, by length.

    python tests/benchmarks/row_variants.py                  small repositories, CoSQA, meetings
    python tests/benchmarks/row_variants.py --names chi,click

Nothing is encoded but the questions: rows are those that `quality.py`'s indexes hold, at four bits a number.
A region scores as the mean over the question's rows of its best row, a file as its best region: MaxSim
alone, without the product's weights, so that a variant stands for itself. NDCG@10 of files, each
against MaxSim over all rows, query by query. What is fitted is fitted on the other collections.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]
from bench_data import Collection, load_collections, load_meetings  # noqa: E402
from metrics import paired_difference  # noqa: E402
from product import IndexSpec, tree_of  # noqa: E402

SMALL = "chi,click,dapper,plug,lazy.nvim,sinatra,monolog,redux,starlette"
_BLOCK_ROWS = 16_384
_CLASSES = ("special", "sign", "short", "common", "rare")
"""Of tokens: `[CLS]` and its like, signs, two letters or fewer, in a tenth of the questions, others."""


@dataclass(slots=True)
class Loaded:
    """One collection's rows and questions."""

    name: str
    rows: np.ndarray
    """(K, 64) float32."""
    ends: np.ndarray
    """(R,) last row of each region, exclusive: they tile the rows that are no headers."""
    starts: np.ndarray
    files: np.ndarray
    """(R,) numbered through."""
    query_rows: np.ndarray
    """(L, 64) of all questions."""
    owners: np.ndarray
    """(L,) the question of each row."""
    tokens: list[str]
    """(L,)"""
    right: list[set[int]]
    """Files of each question's targets."""


def load(collection: Collection) -> Loaded:
    """Read an index that `quality.py` built."""
    from tokenizers import Tokenizer

    from indexer.open_generation import OpenGeneration
    from indexer.storage.manifest import read_manifest

    root = tree_of(collection, IndexSpec("codesearch-edge"))
    state = root / ".codesearch"
    opened = OpenGeneration(root, state, read_manifest(state))
    tables, codec = opened.tables, opened.layout.codec
    rows, starts, ends, files = [], [], [], []
    n_rows = 0
    for chunk in np.flatnonzero(tables.n_rows > 0):
        codes = opened.segments.codes(
            int(tables.segment[chunk]), int(tables.rows_start[chunk]), int(tables.n_rows[chunk])
        )
        rows.append(codec.decode(np.ascontiguousarray(codes)))
        own = tables.regions[tables.region_start[chunk] : tables.region_start[chunk + 1], 2] + n_rows
        starts.append(np.concatenate([[n_rows + tables.n_header_rows[chunk]], own[:-1]]))
        ends.append(own)
        files.append(np.full(len(own), tables.file_id[chunk]))
        n_rows += int(tables.n_rows[chunk])
    paths = {path: number for number, path in opened.store.query("SELECT file_id, path FROM files")}
    vectors = [opened.query_encoder.encode(query.text).rows for query in collection.queries]
    named = Tokenizer.from_file(str(opened.checkpoint.folder / "tokenizer.json"))
    tokens = [
        named.id_to_token(number)
        for query in collection.queries
        for number in opened.tokenizer.tokenize_query(query.text).input_ids.tolist()
    ]
    kept = [np.concatenate(part) for part in (starts, ends, files)]
    used = kept[1] > kept[0]
    loaded = Loaded(
        collection.name, np.concatenate(rows), kept[1][used], kept[0][used], kept[2][used],
        np.concatenate(vectors), np.repeat(np.arange(len(vectors)), [len(v) for v in vectors]), tokens,
        [{paths[t.path] for t in query.targets if t.path in paths} or {-1} for query in collection.queries],
    )  # fmt: skip
    opened.close()
    return loaded


# --- scores ---------------------------------------------------------------------------------------


def best_rows(
    data: Loaded, rows: np.ndarray, queries: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """(R, L): for each region and row of a question the best inner product; regions tile all but headers."""
    best = np.empty((len(starts), len(queries)), np.float32)
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(ends, starts[first] + _BLOCK_ROWS)))
        part = rows[starts[first] : ends[last - 1]] @ queries.T
        borders = np.stack([starts[first:last], ends[first:last]], axis=1).ravel() - starts[first]
        best[first:last] = np.maximum.reduceat(part, borders[:-1], axis=0)[::2]
        first = last
    return best


def by_question(data: Loaded, best: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(R, Q): the weighted mean over each question's rows."""
    weights = np.ones(len(data.owners), np.float32) if weights is None else weights
    firsts = np.flatnonzero(np.diff(data.owners, prepend=-1))
    return np.add.reduceat(best * weights, firsts, axis=1) / np.add.reduceat(weights, firsts)


def ndcg(data: Loaded, scores: np.ndarray) -> np.ndarray:
    """(Q,) NDCG@10 of files by their best region; `scores` is (R, Q)."""
    names, number = np.unique(data.files, return_inverse=True)
    files = np.full((len(names), scores.shape[1]), -np.inf, np.float32)
    np.maximum.at(files, number, scores)
    found = np.empty(scores.shape[1])
    discounts = 1 / np.log2(np.arange(2, 12))
    for question, right in enumerate(data.right):
        order = names[np.argsort(-files[:, question], kind="stable")[:10]]
        gains = np.isin(order, list(right)) @ discounts[: len(order)]
        found[question] = gains / discounts[: min(10, len(right))].sum()
    return found


# --- variants --------------------------------------------------------------------------------------


def narrower(collections: list[Loaded], dim: int, *, rounded: bool) -> Iterator[np.ndarray]:
    """Rows on the leading `dim` directions of the other collections' rows, brought back to unit norm."""
    from indexer.vectors.row_codec import row_codec

    moments = [data.rows[::7].T @ data.rows[::7] / len(data.rows[::7]) for data in collections]
    codec = row_codec("int4", dim)
    for own, data in enumerate(collections):
        others = [moment for number, moment in enumerate(moments) if number != own] or moments
        base = np.linalg.eigh(np.mean(others, axis=0))[1][:, ::-1][:, :dim].astype(np.float32)
        rows, queries = unit(data.rows @ base), unit(data.query_rows @ base)
        if rounded:
            rows = codec.decode(codec.encode(rows))
        yield ndcg(data, by_question(data, best_rows(data, rows, queries, data.starts, data.ends)))


def pooled(data: Loaded, factor: int, *, clustered: bool) -> np.ndarray:
    """Regions with 1 / factor of their rows: means of neighbours or of clusters (Clavie et al. 2024)."""
    from scipy.cluster.hierarchy import fcluster, linkage

    parts = []
    for start, end in zip(data.starts, data.ends, strict=True):
        own = data.rows[start:end]
        n = max(1, len(own) // factor)
        if not clustered or len(own) < 3:
            label = np.arange(len(own)) * n // len(own)
        else:
            label = fcluster(linkage(own, "ward"), n, "maxclust") - 1
        sums = np.zeros((int(label.max()) + 1, own.shape[1]), np.float32)
        np.add.at(sums, label, own)
        parts.append(unit(sums))
    ends = np.cumsum([len(part) for part in parts])
    starts = ends - [len(part) for part in parts]
    return ndcg(
        data, by_question(data, best_rows(data, np.concatenate(parts), data.query_rows, starts, ends))
    )


def token_classes(data: Loaded) -> np.ndarray:
    """(L,) which of `_CLASSES` each row of a question is of."""
    said = [token.strip("Ġ▁").lower() for token in data.tokens]
    share = {token: len(set(data.owners[np.array(said) == token])) / len(data.right) for token in set(said)}
    return np.array([
        0 if token.startswith("[") else 1 if not token.isalnum() else 2 if len(token) < 3
        else 3 if share[token] >= 0.1 else 4
        for token in said
    ])  # fmt: skip


def fitted_weights(collections: list[Loaded], bests: list[np.ndarray]) -> Iterator[np.ndarray]:
    """A weight for each class of tokens, one after another over a grid, by the other collections' mean."""
    classes = [token_classes(data) for data in collections]
    grid = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
    found: dict[tuple[float, ...], list[np.ndarray]] = {}

    def all_of(weights: tuple[float, ...]) -> list[np.ndarray]:
        if weights not in found:
            found[weights] = [
                ndcg(data, by_question(data, best, np.maximum(np.array(weights, np.float32)[of], 1e-6)))
                for data, best, of in zip(collections, bests, classes, strict=True)
            ]
        return found[weights]

    for own in range(len(collections)):
        weights = (1.0,) * len(_CLASSES)
        for position in range(len(_CLASSES) - 1):  # the last one's stays 1
            tried = [(*weights[:position], value, *weights[position + 1 :]) for value in grid]
            weights = max(
                tried, key=lambda w: np.mean([v.mean() for n, v in enumerate(all_of(w)) if n != own])
            )
        print(
            f"  {collections[own].name}: "
            + ", ".join(f"{c} {w}" for c, w in zip(_CLASSES, weights, strict=True))
        )
        yield all_of(weights)[own]


def by_length(data: Loaded, scores: np.ndarray, factor: float, *, of_file: bool) -> np.ndarray:
    """Less `factor` times the logarithm of the rows among which the best was looked for."""
    n_rows = (data.ends - data.starts).astype(np.float32)
    if of_file:
        _, number = np.unique(data.files, return_inverse=True)
        n_rows = np.bincount(number, n_rows)[number].astype(np.float32)
    return ndcg(data, scores - factor * np.log(n_rows)[:, None])


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of norm 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def main() -> int:
    """Print a table of differences."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--names", default=SMALL)
    flags.add_argument("--without", default="", help="cosqa,meetings")
    flags.add_argument("--only", default="narrow,pool,length,weights")
    flags.add_argument("--questions", type=int, default=1_000_000, help="of a collection, at most")
    given = flags.parse_args()
    found = load_collections(["repo"], given.names.split(","))
    if "cosqa" not in given.without:
        found += load_collections(["cosqa"], [])
    if "meetings" not in given.without:
        found.append(load_meetings())
    found = [replace(each, queries=each.queries[: given.questions]) for each in found]
    data = [load(collection) for collection in found]
    bests = [best_rows(d, d.rows, d.query_rows, d.starts, d.ends) for d in data]
    plain = [by_question(d, best) for d, best in zip(data, bests, strict=True)]
    base = [ndcg(d, scores) for d, scores in zip(data, plain, strict=True)]
    show("MaxSim", data, base, base)

    def table(name: str, variant: Callable[[Loaded], np.ndarray]) -> None:
        show(name, data, [variant(d) for d in data], base)

    if "narrow" in given.only:
        for dim in (48,):
            show(f"{dim} numbers, not rounded again", data, list(narrower(data, dim, rounded=False)), base)
            show(f"{dim} numbers of four bits", data, list(narrower(data, dim, rounded=True)), base)
    if "length" in given.only:
        for of_file in (False, True):
            for factor in (-0.01, 0.005, 0.01, 0.02, 0.04):
                name = f"less {factor} log rows of the {'file' if of_file else 'region'}"
                of = iter(zip(data, plain, strict=True))
                show(name, data, [by_length(d, s, factor, of_file=of_file) for d, s in of], base)
    if "pool" in given.only:
        for factor in (2, 3):
            for clustered in (False, True):
                name = f"pooled by {factor}, {'clusters' if clustered else 'neighbours'}"
                table(name, lambda d, f=factor, c=clustered: pooled(d, f, clustered=c))
    if "weights" in given.only:
        show("a weight for each class of token", data, list(fitted_weights(data, bests)), base)
    return 0


def show(name: str, data: list[Loaded], found: list[np.ndarray], base: list[np.ndarray]) -> None:
    """One line: repositories together, CoSQA and meetings each, with what differs from the base."""
    parts = []
    kinds = {"repositories": [n for n, d in enumerate(data) if d.name not in ("cosqa", "meetings")]}
    kinds |= {d.name: [n] for n, d in enumerate(data) if d.name in ("cosqa", "meetings")}
    for kind, numbers in kinds.items():
        if numbers:
            now, before = (np.concatenate([each[n] for n in numbers]) for each in (found, base))
            differs = paired_difference(now.tolist(), before.tolist())
            said = f"{differs.mean:+.4f} [{differs.low:+.4f}, {differs.high:+.4f}]"
            parts.append(
                f"{kind} {now.mean():.4f} {said if found is not base else f'({len(now)} questions)'}"
            )
    print(f"{name}: " + "; ".join(parts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
