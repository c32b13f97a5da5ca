"""From what the rankers say of candidate regions to one order: files first, then the regions in each.

Pure arithmetic over arrays: nothing here reads an index. A question is about files, so each file gets
a score, a weighted sum of signals that are each divided by their largest value among the candidates;
its regions then share it out. Every constant is in `Weights`; `tests/benchmarks/results/ranking.md` has
what each is worth on the development data, on which alone they were fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array, Mode
from indexer.retrieve.candidates import Gathered
from indexer.retrieve.groups import median, over_largest, place_in_group, top_three
from indexer.retrieve.path_signals import PathSignals
from indexer.retrieve.section_ranking import passage_means, section_scores


@dataclass(frozen=True, slots=True)
class Weights:
    """What a signal at its largest adds to a file's score."""

    colbert_file: float = 0.0
    """MaxSim over all of the file's rows."""
    colbert_chunk: float = 0.0
    """MaxSim of its best chunk."""
    colbert_top: float = 0.0
    """MaxSim of its best three regions, above the usual region's, summed."""
    colbert_header: float = 0.0
    """MaxSim over the rows of its path."""
    single_chunk: float = 0.0
    """Cosine of its best chunk."""
    single_region: float = 0.0
    """Cosine of its best region."""
    single_top: float = 0.0
    """Cosine of its best three regions, above the usual region's, summed."""
    lexical_top: float = 0.0
    """BM25 of its best three regions, summed."""
    lexical_body: float = 0.0
    """BM25 of its best region's body."""
    symbol: float = 0.0
    """BM25 of its best symbol's name."""
    definition: float = 0.0
    """It defines an identifier of the query."""
    lone_definition: float = 0.0
    """It defines the identifier that is the whole query."""
    stem_match: float = 0.0
    folder_match: float = 0.0
    gram_match: float = 0.0
    named_path: float = 0.0
    is_test: float = 0.0
    is_prose: float = 0.0
    is_aside: float = 0.0
    is_vendored: float = 0.0
    is_foreign: float = 0.0
    is_older: float = 0.0
    """See `path_signals.PathSignals`."""


WEIGHTS: dict[Mode, Weights] = {
    Mode.HYBRID: Weights(
        colbert_file=3.13, colbert_chunk=3.52, colbert_top=1.16, colbert_header=0.93, single_chunk=0.91,
        single_region=0.87, single_top=0.24, lexical_top=0.62, lexical_body=1.83, symbol=0.5,
        definition=0.66, lone_definition=1.79, stem_match=1.41, folder_match=1.32, gram_match=1.16,
        named_path=4.0, is_test=-4.7, is_prose=-2.38, is_aside=-2.11, is_vendored=-0.6, is_foreign=-3.9,
        is_older=-3.73,
    ),
    Mode.COLBERT: Weights(colbert_file=6.37, colbert_chunk=4.92, colbert_top=3.6, colbert_header=1.35),
    Mode.SINGLE: Weights(single_chunk=2.48, single_region=4.62, single_top=4.45),
    Mode.LEXICAL: Weights(
        lexical_top=2.53, lexical_body=3.29, definition=1.2, lone_definition=2.78, stem_match=2.35,
        folder_match=2.75, gram_match=2.06, named_path=4.0, is_test=-5.46, is_prose=-2.72, is_aside=-2.36,
        is_vendored=-0.6, is_foreign=-4.6, is_older=-4.57,
    ),
}  # fmt: skip
"""As `tests/benchmarks/fit.py` gives them; `is_vendored` and `named_path`, of which its data
cannot speak, are set by hand."""

_DOCUMENT_NAMES: dict[Mode, Weights] = {
    Mode.HYBRID: Weights(stem_match=1.87, folder_match=1.06),
    Mode.LEXICAL: Weights(stem_match=3.28, folder_match=3.12),
}
"""What names add to the sections of documents, which the fit has not seen: its questions are about code."""
_REGION_WEIGHTS = {"colbert": 1.0, "single": 0.5, "lexical": 0.5, "symbol": 0.3, "definition": 0.5}
"""What a ranker's largest value adds to a region's place within its file."""
_OF_VECTORS = frozenset({"colbert", "single"})
"""What places a region by its vectors."""
_NEXT_REGION = 0.85
"""A file's second region scores this share of its first, its third the square of it."""
_TELLING_SHARE = 0.02
"""A query row's weight is how far its best regions, this share of all, stand above the usual one."""
_LEAST_RARITY = 0.3
"""What a row of a common word, of the folder's name or of no word weighs, beside 1 of the rarest."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates in order."""

    order: Int64Array
    """(M,) positions in `Gathered`, best first."""
    scores: Float32Array
    """(M,)"""
    colbert: Float32Array
    """(N,) weighted MaxSim of every candidate region; 0 where it did not run."""


@dataclass(frozen=True, slots=True)
class Title:
    """A report's first line, asked for by itself: what the rankers say to it of the same regions."""

    gathered: Gathered
    """Of the same N regions as those of the whole report."""
    paths: PathSignals


@dataclass(frozen=True, slots=True)
class FileSignals:
    """The signals of F candidate files, each 0 to about 1."""

    columns: dict[str, Float32Array]
    """(F,) by the names of `Weights`."""
    file_of: Int64Array
    """(N,) the file of each candidate region, 0 .. F-1."""
    colbert: Float32Array
    """(N,) weighted MaxSim of each region, header included."""


def rank(
    gathered: Gathered,
    file_of: Int64Array,
    paths: PathSignals,
    mode: Mode,
    row_rarities: Float32Array | None = None,
    title: Title | None = None,
) -> Ranked:
    """Order candidate regions; a file scores for the whole query, and again for its title if it has one.

    `file_of` is (N,), the position in `paths` of each region's file; `row_rarities` is (Q,), as
    `section_ranking.row_rarities` gives them, None where no rows are compared.
    """
    if not len(gathered.region):
        return Ranked(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))
    # Of a report's rows those of common words are gone already.
    signals = file_signals(gathered, file_of, paths, row_rarities if title is None else None)
    titled = None if title is None else file_signals(title.gathered, file_of, title.paths)

    def scores_of(weights: Weights) -> Float32Array:
        own = file_scores(signals, weights)
        return own if titled is None else own + file_scores(titled, weights)

    of_file = scores_of(WEIGHTS[mode])
    if mode is Mode.HYBRID and not gathered.has_vectors.all():
        known = _known_files(gathered, file_of, len(of_file))
        mode = mode if known.any() else Mode.LEXICAL
        of_file = in_known_places(scores_of(WEIGHTS[Mode.LEXICAL]), of_file, known)
    to_title = None if title is None or titled is None else _region_scores(title.gathered, titled)
    ranked = order_regions(gathered, signals, of_file, to_title)
    names = _DOCUMENT_NAMES.get(mode, Weights())
    return order_sections(ranked, gathered, file_of, paths, names, row_rarities)


def order_sections(
    ranked: Ranked,
    g: Gathered,
    file_of: Int64Array,
    paths: PathSignals,
    weights: Weights,
    row_rarities: Float32Array | None,
) -> Ranked:
    """The same places for code; those that documents have, by their sections' own scores and their names."""
    places = np.flatnonzero(paths.is_document[file_of[ranked.order]])
    if len(places) < 2:
        return ranked
    at = ranked.order[places]
    parts = {"single": g.single[at], "lexical": g.lexical[at]}
    if g.maxima is not None and row_rarities is not None:
        parts["colbert"] = row_rarities @ g.maxima[:, at]
    named = np.float32(weights.stem_match) * paths.stem_match
    named += np.float32(weights.folder_match) * paths.folder_match
    parts["passage"] = passage_means(g.lexical[at] * g.is_flat[at], g.region[at], file_of[at])
    known = g.has_vectors[at]
    scores = section_scores(parts, file_of[at], paths.n_files, known)
    if not known.all() and parts["lexical"].any():
        words = {name: parts[name] for name in ("lexical", "passage")}
        by_words = section_scores(words, file_of[at], paths.n_files) + named[file_of[at]]
        scores = in_known_places(by_words, scores + named[file_of[at]], known)
    else:
        scores += named[file_of[at]]
    order = ranked.order.copy()
    order[places] = at[np.lexsort((at, -scores))]
    return Ranked(order, ranked.scores, ranked.colbert)


def file_signals(
    g: Gathered, file_of: Int64Array, paths: PathSignals, row_rarities: Float32Array | None = None
) -> FileSignals:
    """Every signal of every candidate file, on its own scale, largest value 1.

    `row_rarities` is (Q,), as `rank` has it; None where all rows count by what they tell apart alone.
    """
    n_files = paths.n_files
    best: Callable[[Float32Array], Float32Array] = lambda values: _largest(values, file_of, n_files)  # noqa: E731
    columns: dict[str, Float32Array] = {}
    colbert = np.zeros(len(g.region), np.float32)
    seen = g.has_vectors
    if g.maxima is not None and g.header_maxima is not None and seen.any():
        weights = _row_weights(g.maxima[:, seen], row_rarities)
        both = np.maximum(g.maxima, g.header_maxima)  # (Q, N)
        colbert = np.where(seen, weights @ both, np.float32(0.0))
        _, chunk_of = np.unique(g.chunk, return_inverse=True)
        columns["colbert_top"] = top_three(_above_usual(colbert, seen), file_of, n_files)
        columns["colbert_header"] = best(weights @ g.header_maxima)
        columns["colbert_chunk"] = best((weights @ _group_maxima(both, chunk_of))[chunk_of])
        columns["colbert_file"] = weights @ _group_maxima(both, file_of, n_files)
    columns["single_chunk"] = best(g.single_chunk)
    columns["single_region"] = best(g.single)
    columns["single_top"] = top_three(_above_usual(g.single, seen), file_of, n_files)
    columns["lexical_top"] = top_three(g.lexical, file_of, n_files)
    columns["lexical_body"] = best(g.lexical_body)
    columns["symbol"] = best(g.symbol)
    scaled = {name: over_largest(values) for name, values in columns.items()}
    scaled["definition"] = best(g.definition)
    scaled["lone_definition"] = scaled["definition"] * paths.is_lone
    scaled |= {field.name: getattr(paths, field.name) for field in fields(PathSignals)}
    return FileSignals(scaled, file_of, colbert.astype(np.float32))


def expected(values: Float32Array, words: Float32Array, known: NDArray[np.bool_]) -> Float32Array:
    """(N,) a signal of regions, with what is not `known` as their words let expect.

    A least-squares line through the known ones' `words`, rising or level and within what is known:
    what has no vectors competes with the others as the average of its kind. Zeros where nothing is
    known.
    """
    if not known.any():
        return np.zeros_like(values)
    x, y = words[known], values[known]
    spread = float(((x - x.mean()) ** 2).sum())
    slope = max(float(((x - x.mean()) * (y - y.mean())).sum()) / spread, 0.0) if spread > 0 else 0.0
    guess = np.clip(y.mean() + slope * (words - x.mean()), y.min(), y.max())
    return np.where(known, values, guess).astype(np.float32)


def _known_files(g: Gathered, file_of: Int64Array, n_files: int) -> NDArray[np.bool_]:
    """(F,) whether vectors speak for a file: it has some, and its words are not best where it has none."""
    known = np.zeros(n_files, bool)
    known[file_of[g.has_vectors]] = True
    lacking, having = (
        _largest(g.lexical * part, file_of, n_files) for part in (~g.has_vectors, g.has_vectors)
    )
    return known & (lacking <= having)


def in_known_places(by_words: Float32Array, by_all: Float32Array, known: NDArray[np.bool_]) -> Float32Array:
    """(F,) scores by words, where the `known` files share out theirs in the order of `by_all`.

    A file that was not encoded yet keeps the place that its words give it: what is known of others by their
    vectors orders these among themselves, and says nothing of it.
    """
    at = np.flatnonzero(known)
    scores = by_words.copy()
    scores[at[np.argsort(-by_all[at], kind="stable")]] = np.sort(by_words[at])[::-1]
    return scores


def file_scores(signals: FileSignals, weights: Weights) -> Float32Array:
    """(F,) weighted sums."""
    total = np.zeros(len(signals.columns["is_test"]), np.float32)
    for field in fields(Weights):
        weight = getattr(weights, field.name)
        if weight and field.name in signals.columns:
            total += np.float32(weight) * signals.columns[field.name]
    return total


def order_regions(
    g: Gathered, signals: FileSignals, of_file: Float32Array, to_title: Float32Array | None = None
) -> Ranked:
    """Regions by their file's score, the best of each file first; those no ranker found are left out.

    `to_title` is (N,), what regions score for the title alone, where the query has one.
    """
    score = _region_scores(g, signals)
    if to_title is not None:
        score = np.where(np.isnan(score), to_title, score + np.nan_to_num(to_title))
    keep = np.flatnonzero(~np.isnan(score))
    file = signals.file_of[keep]
    in_file = np.lexsort((-score[keep], file))
    place = place_in_group(file[in_file])
    positive = of_file - min(float(of_file.min(initial=0.0)), 0.0) + 1e-3
    scores = np.empty(len(keep), np.float32)
    scores[in_file] = positive[file[in_file]] * np.float32(_NEXT_REGION) ** place
    order = np.lexsort((keep, -scores))
    return Ranked(keep[order], scores[order], signals.colbert)


def _region_scores(g: Gathered, signals: FileSignals) -> Float32Array:
    """(N,) each region's place within its file; NaN for those that no ranker found."""
    parts = {
        "colbert": signals.colbert,
        "single": g.single,
        "lexical": g.lexical,
        "symbol": g.symbol,
        "definition": g.definition,
    }
    found = np.zeros(len(g.region), bool)
    score = np.zeros(len(g.region), np.float32)
    words = over_largest(g.lexical)
    for name, values in parts.items():
        found |= values != 0
        scaled = over_largest(values)
        if name in _OF_VECTORS and not g.has_vectors.all():
            scaled = expected(scaled, words, g.has_vectors)
        score += np.float32(_REGION_WEIGHTS[name]) * scaled
    return np.where(found, score, np.float32(np.nan))


def _above_usual(values: Float32Array, seen: NDArray[np.bool_]) -> Float32Array:
    """(N,) how far each is above the median of all; 0 for those not `seen`.

    What was not seen was not picked, and counts as much as the least that was: the usual one of those that
    were picked for their words is not the usual one of the tree.
    """
    if not seen.any():
        return np.zeros_like(values)
    usual = median(np.where(seen, values, values[seen].min()))
    return np.where(seen, values - usual, np.float32(0.0))


def _row_weights(maxima: Float32Array, row_rarities: Float32Array | None) -> Float32Array:
    """(Q,) summing to 1: query rows that single regions out count, rows that match everywhere do not.

    And those of rare words count more than those of common ones, which the model may tell apart as well.
    """
    n = maxima.shape[1]
    n_best = min(n, max(3, int(n * _TELLING_SHARE)))
    best = np.partition(maxima, n - n_best, axis=1)[:, n - n_best :].mean(axis=1)
    telling = np.maximum(best - maxima.mean(axis=1), 0.0)
    if row_rarities is not None:
        rarity = np.sqrt(row_rarities / max(float(row_rarities.max(initial=0.0)), 1e-9))
        telling *= np.maximum(rarity, _LEAST_RARITY)
    total = float(telling.sum())
    return (telling / total if total > 0 else np.full(len(maxima), 1.0 / len(maxima))).astype(np.float32)


def _largest(values: Float32Array, group: NDArray[np.int64], n_groups: int) -> Float32Array:
    """(n_groups,) the largest value of each group, at least 0."""
    found = np.zeros(n_groups, np.float32)
    np.maximum.at(found, group, values)
    return found


def _group_maxima(
    values: Float32Array, group: NDArray[np.int64], n_groups: int | None = None
) -> Float32Array:
    """(Q, groups) the largest value of each row within each group; -1 for an empty one."""
    n_groups = int(group.max()) + 1 if n_groups is None else n_groups
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    found = np.full((len(values), n_groups), -1.0, np.float32)
    found[:, ordered[starts]] = np.maximum.reduceat(values[:, order], starts, axis=1)
    return found
