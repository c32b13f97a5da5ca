"""Candidates of a hand-made index, whose every array a reader can check, against loops over it.

Three chunks: `wide` of two regions and a wide span over both, `bare` of one region, `long` of three with
a wide span over parts of two and one exactly over the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.records import Float32Array, Int64Array, Mode, QueryVectors, SearchRequest
from indexer.retrieve import candidates
from indexer.retrieve.candidates import (
    CandidateGatherer,
    Gathered,
    LookedUp,
    Nominated,
    Nominations,
    are_scored_whole,
    split_rows,
)
from indexer.retrieve.filters import Masks
from indexer.retrieve.query_shape import query_shape
from indexer.retrieve.several_indexes import best_of_all
from indexer.search import Searcher
from indexer.storage.database import ChunkKey
from indexer.storage.full_text import LexicalMatches
from indexer.storage.mapped_tables import REGION_BITS, Tables, make_tables
from indexer.storage.single_candidates import NearRows
from indexer.vectors.row_codec import row_codec

DIM = 4
EVERYTHING = Masks(None, None)


@dataclass(frozen=True)
class Chunk:
    """A chunk as the index keeps it; vectors are made up."""

    chunk_id: int
    borders: tuple[int, ...]
    """Characters at which its regions begin and end."""
    n_rows: tuple[int, ...]
    """Token rows of the header and of each region."""
    wide: tuple[tuple[int, int], ...] = ()
    segment: int = 0

    @property
    def n_regions(self) -> int:
        return len(self.borders) - 1


CHUNKS = (
    Chunk(3, borders=(0, 10, 20), n_rows=(1, 2, 1), wide=((0, 20),)),
    Chunk(5, borders=(0, 8), n_rows=(2, 3), segment=1),
    Chunk(9, borders=(0, 5, 9, 30), n_rows=(1, 1, 2, 4), wide=((6, 12), (5, 9))),
)
WIDE, BARE, LONG = range(3)
FIRST_REGION = (0, 2, 3)
"""The regions of the table are numbered 0 1 | 2 | 3 4 5."""


@dataclass
class Index:
    """Stands for what a gatherer reads: the stored vectors, the database and both vector indexes."""

    chunks: Sequence[Chunk] = CHUNKS
    near: tuple[int, ...] = ()
    """What the single-vector index names, best first."""
    near_rows: tuple[int, ...] | None = None
    """What PLAID names; None: there is none."""
    answers: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """Rows of the database, by a part of the question."""
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(5)
        stored, ends = {}, {}
        for chunk in self.chunks:
            n_single, n_rows = 1 + chunk.n_regions + len(chunk.wide), sum(chunk.n_rows)
            single, rows = ends.get(chunk.segment, (2, 3))  # not from the very start of a segment
            end_rows = np.cumsum(chunk.n_rows)[1:]
            regions = np.stack([chunk.borders[:-1], chunk.borders[1:], end_rows], axis=1).astype(np.int32)
            wide = np.array(chunk.wide, np.int32).reshape(-1, 2)
            stored[str(chunk.chunk_id)] = StoredEmbedding(
                chunk.segment, single, n_single, rows, n_rows, regions, wide, chunk.n_rows[0]
            )
            ends[chunk.segment] = (single + n_single, rows + n_rows)
        keys = [
            ChunkKey(chunk.chunk_id, 1, key, stored[key].regions[:, :2])
            for chunk in self.chunks
            if (key := str(chunk.chunk_id))
        ]
        self.tables: Tables = make_tables(keys, lambda wanted: {key: stored[key] for key in wanted})
        self.stored = stored
        self.singles = {segment: _unit(rng, n) for segment, (n, _) in ends.items()}
        self.rows = {segment: _unit(rng, n) for segment, (_, n) in ends.items()}
        self.codec = row_codec("float16", DIM)

    def gatherer(self) -> CandidateGatherer:
        index: Any = self
        return CandidateGatherer(index, self.tables, index, self.codec, _Singles(self), _Multis(self))  # type: ignore[arg-type]

    # --- as SegmentReader and StoreReader ---

    def single(self, segment: int, start: int, n: int) -> Any:
        return self.singles[segment][start : start + n].astype(np.float16)

    def codes(self, segment: int, start: int, n: int) -> Any:
        return self.codec.encode(self.rows[segment][start : start + n])

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.asked.append((sql, *values))
        return next((rows for part, rows in self.answers.items() if part in sql), [])


class _Singles:
    def __init__(self, index: Index) -> None:
        self.index, self.is_empty, self.wanted = index, False, []

    def search(self, query: Float32Array, k: int, chunks: Any = None, best: Any = None) -> NearRows:
        self.index.asked.append(("single", k, chunks))
        found = np.array(self.index.near, np.int64)
        return NearRows(found, np.zeros(len(found), np.int64), np.zeros(len(found), np.float32))


class _Multis:
    def __init__(self, index: Index) -> None:
        self.index, self.is_built = index, index.near_rows is not None

    def search(self, rows: Float32Array, k: int, chunks: Any = None) -> Int64Array:
        self.index.asked.append(("rows", k, chunks))
        return np.array(self.index.near_rows, np.int64)


def _unit(rng: np.random.Generator, n: int) -> Float32Array:
    rows = rng.normal(size=(n, DIM)).astype(np.float16).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def vectors(seed: int = 7) -> QueryVectors:
    rng = np.random.default_rng(seed)
    return QueryVectors(single=_unit(rng, 1)[0], rows=_unit(rng, 3), tokens=())


def found_words(*regions: tuple[int, int, float]) -> LookedUp:
    """Full text that found regions: (chunk_id, ordinal, BM25), half as much of it in the body."""
    rows = np.array([chunk_id << REGION_BITS | ordinal for chunk_id, ordinal, _ in regions], np.int64)
    scores = np.array([score for _, _, score in regions], np.float32)
    return LookedUp(LexicalMatches(rows, scores, scores / 2), candidates.no_places(), candidates.no_places())


def chosen(index: Index, *lists: Int64Array) -> list[int]:
    """The chunks that are scored where rankers name these, best first."""
    named = [Nominated(each, np.zeros(len(each), np.float32)) for each in lists]
    (chunks,) = best_of_all([[Nominations(named, None, None)]], [index.tables.n_rows])
    return list(chunks.tolist())


def expected_of_vectors(index: Index, query: QueryVectors, wanted: Sequence[int]) -> dict[str, Any]:
    """What the vectors say of the regions of some chunks, one after the other."""
    single, whole, maxima, header = [], [], [], []
    for at in wanted:
        chunk = index.chunks[at]
        e = index.stored[str(chunk.chunk_id)]
        own = index.single(e.segment, e.single_start, e.n_single).astype(np.float32) @ query.single
        rows = index.rows[e.segment][e.rows_start : e.rows_start + e.n_rows].astype(np.float16)
        scores = query.rows @ rows.astype(np.float32).T
        ends = np.cumsum(chunk.n_rows)
        for region in range(chunk.n_regions):
            start, end = chunk.borders[region : region + 2]
            shown = [
                own[1 + chunk.n_regions + n] - candidates._WIDE_LOSS
                for n, (low, high) in enumerate(chunk.wide)
                if start < high and end > low
            ]
            single.append(max([own[1 + region], *shown]))
            whole.append(own[0])
            maxima.append(scores[:, ends[region] : ends[region + 1]].max(axis=1))
            header.append(scores[:, : ends[0]].max(axis=1))
    return {
        "single": single,
        "single_chunk": whole,
        "maxima": np.transpose(maxima),
        "header_maxima": np.transpose(header),
    }


def check_vectors(index: Index, found: Gathered, query: QueryVectors, wanted: Sequence[int]) -> None:
    for name, values in expected_of_vectors(index, query, wanted).items():
        np.testing.assert_allclose(getattr(found, name), values, atol=1e-3, err_msg=name)


# --- gathering ----------------------------------------------------------------------------------


def test_every_region_has_its_own_scores_where_the_whole_index_is_scored() -> None:
    index, query = Index(), vectors()
    found = index.gatherer().gather(found_words(), query, Mode.HYBRID, EVERYTHING, np.arange(3))
    assert found.region.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.chunk.tolist() == [WIDE, WIDE, BARE, LONG, LONG, LONG]
    check_vectors(index, found, query, [WIDE, BARE, LONG])


@pytest.mark.parametrize("wanted", [[WIDE], [BARE], [LONG], [WIDE, LONG], [BARE, LONG]])
def test_chosen_chunks_are_scored_as_within_the_whole(wanted: list[int]) -> None:
    index, query = Index(), vectors(11)
    found = index.gatherer().gather(found_words(), query, Mode.HYBRID, EVERYTHING, np.array(wanted, np.int64))
    assert sorted(set(found.chunk.tolist())) == wanted
    check_vectors(index, found, query, wanted)


def test_an_index_of_one_region() -> None:
    index, query = Index(CHUNKS[BARE : BARE + 1]), vectors()
    found = index.gatherer().gather(found_words((5, 0, 2.0)), query, Mode.HYBRID, EVERYTHING, np.arange(1))
    assert (found.region.tolist(), found.lexical.tolist(), found.lexical_body.tolist()) == ([0], [2.0], [1.0])
    check_vectors(index, found, query, [0])


def test_an_empty_index() -> None:
    index = Index(())
    gatherer = index.gatherer()
    assert chosen(index, np.empty(0, np.int64)) == []
    found = gatherer.gather(
        found_words(), vectors(), Mode.HYBRID, EVERYTHING, gatherer.every_chunk(EVERYTHING)
    )
    assert len(found.region) == len(found.chunk) == len(found.single) == 0
    assert found.maxima is None


def test_words_reach_the_regions_that_hold_them() -> None:
    index = Index()
    looked_up = found_words((9, 1, 4.0), (3, 0, 1.0), (9, 2, 6.0))
    gatherer = index.gatherer()
    named = gatherer.nominate(looked_up, None, Mode.LEXICAL, EVERYTHING)
    (chunks,) = best_of_all([[named]], [index.tables.n_rows])
    assert chunks.tolist() == [WIDE, LONG], "in order of the index, not of rank"
    found = gatherer.gather(looked_up, None, Mode.LEXICAL, EVERYTHING, chunks)
    assert found.region.tolist() == [0, 1, 3, 4, 5]
    assert found.lexical.tolist() == [1, 0, 0, 4, 6]
    assert found.lexical_body.tolist() == [0.5, 0, 0, 2, 3]
    assert found.maxima is None
    assert not found.single.any()


def test_a_named_span_scores_the_region_in_which_it_begins() -> None:
    spans = [("class", 9, 8), ("method", 9, 9), ("section", 3, 19)]  # kind, chunk, where in it
    index = Index(answers={"leaf IN": spans})
    gatherer = index.gatherer()
    looked_up = gatherer.look_up(query_shape("LampPost", "x"), Mode.HYBRID, EVERYTHING)
    found = gatherer.gather(looked_up, None, Mode.LEXICAL, EVERYTHING, np.array([WIDE, LONG]))
    by_kind = candidates._DEFINITION_WEIGHT
    assert dict(zip(found.region.tolist(), found.definition.tolist(), strict=True)) == pytest.approx(
        {0: 0, 1: by_kind["section"], 3: 0, 4: 1.0, 5: by_kind["method"]}
    )


def test_an_extension_is_less_of_a_definition_than_the_type() -> None:
    spans = [("class", 9, 8), ("impl", 3, 19)]  # kind, chunk, where in it
    gatherer = Index(answers={"leaf IN": spans}).gatherer()
    looked_up = gatherer.look_up(query_shape("Application", "x"), Mode.HYBRID, EVERYTHING)
    found = gatherer.gather(looked_up, None, Mode.LEXICAL, EVERYTHING, np.array([WIDE, LONG]))
    scores = dict(zip(found.region.tolist(), found.definition.tolist(), strict=True))
    assert 0 < scores[1] < scores[4] == 1


def test_the_best_symbol_of_a_region_counts() -> None:
    symbols = {"MATCH": [(71, 3.0, 3.0), (72, 8.0, 8.0)], "span_id IN": [(71, 5, 0), (72, 5, 4)]}
    index = Index(answers=symbols)
    gatherer = index.gatherer()
    looked_up = gatherer.look_up(query_shape("lamp", "x"), Mode.HYBRID, EVERYTHING)
    assert looked_up.symbols.region.tolist() == [2, 2]
    nothing = found_words().regions
    only_symbols = LookedUp(nothing, looked_up.symbols, looked_up.definitions)
    found = gatherer.gather(only_symbols, None, Mode.LEXICAL, EVERYTHING, np.array([BARE]))
    assert (found.region.tolist(), found.symbol.tolist()) == ([2], [8.0])


@pytest.mark.parametrize(
    ("mode", "ran"),
    [
        (Mode.HYBRID, "lexical single maxima"),
        (Mode.LEXICAL, "lexical"),
        (Mode.SINGLE, "single"),
        (Mode.COLBERT, "maxima"),
    ],
)
def test_only_the_rankers_of_the_mode_speak(mode: Mode, ran: str) -> None:
    words = found_words((3, 0, 1.0))
    found = Index().gatherer().gather(words, vectors(), mode, EVERYTHING, np.arange(3))
    spoke = {name for name in ("lexical", "single", "single_chunk") if getattr(found, name).any()}
    spoke |= {name for name in ("maxima", "header_maxima") if getattr(found, name) is not None}
    also = {"single": "single_chunk", "maxima": "header_maxima"}
    assert spoke == {*ran.split(), *(also[name] for name in ran.split() if name in also)}


# --- filters ------------------------------------------------------------------------------------


def only(*regions: int) -> Masks:
    passing = np.isin(np.arange(6), regions)
    return Masks(np.array([passing[:2].any(), passing[2], passing[3:].any()]), passing)


def test_only_regions_that_pass_are_candidates() -> None:
    index, query = Index(), vectors()
    looked_up = found_words((5, 0, 9.0), (9, 1, 4.0), (9, 0, 2.0))
    gatherer, passing = index.gatherer(), only(1, 3, 4)
    assert gatherer.every_chunk(passing).tolist() == [WIDE, LONG]
    found = gatherer.gather(looked_up, query, Mode.HYBRID, passing, gatherer.every_chunk(passing))
    assert found.region.tolist() == [1, 3, 4]
    assert found.chunk.tolist() == [WIDE, LONG, LONG]
    assert found.lexical.tolist() == [0, 2, 4]
    every = expected_of_vectors(index, query, [WIDE, BARE, LONG])
    np.testing.assert_allclose(found.single, np.array(every["single"])[[1, 3, 4]], atol=1e-3)
    np.testing.assert_allclose(found.maxima, every["maxima"][:, [1, 3, 4]], atol=1e-3)


def test_nothing_passes_nothing_is_found() -> None:
    words, gatherer = found_words((5, 0, 9.0)), Index().gatherer()
    found = gatherer.gather(words, vectors(), Mode.HYBRID, only(), gatherer.every_chunk(only()))
    assert len(found.region) == 0


def test_what_a_filter_leaves_out_takes_no_candidates_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MAX_CHUNKS", 1)
    index = Index()
    looked_up = found_words((5, 0, 9.0), (9, 0, 4.0), (3, 0, 2.0))
    for filters, expected in ((EVERYTHING, BARE), (only(4), LONG), (only(0), WIDE)):
        named = index.gatherer().nominate(looked_up, None, Mode.LEXICAL, filters)
        (chunks,) = best_of_all([[named]], [index.tables.n_rows])
        assert chunks.tolist() == [expected]


def test_filters_reach_the_vector_indexes_and_lift_the_limit_on_words() -> None:
    for filters, limit in ((EVERYTHING, candidates.LEXICAL_REGIONS), (only(4), -1)):
        index = Index(near_rows=(BARE,))
        gatherer = index.gatherer()
        gatherer.look_up(query_shape("lamp", "x"), Mode.LEXICAL, filters)
        gatherer.nominate(found_words(), vectors(), Mode.HYBRID, filters)
        words = next(each for each in index.asked if "lexical_regions" in each[0])
        assert words[-1] == limit
        rows, single = index.asked[-2:]
        assert (rows[:2], single[:2]) == (
            ("rows", candidates.MAX_CHUNKS),
            ("single", candidates.SINGLE_ROWS),
        )
        assert rows[2] is filters.chunks
        assert single[2] is filters.chunks


# --- which chunks -------------------------------------------------------------------------------


def test_an_index_is_scored_whole_up_to_its_limit_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    n_rows = sum(sum(chunk.n_rows) for chunk in CHUNKS)
    one, two = Index(near=(LONG,)).gatherer(), Index().gatherer()
    monkeypatch.setattr(candidates, "FULL_SCAN_ROWS", n_rows)
    assert are_scored_whole([one], vectors(), Mode.HYBRID)
    assert not are_scored_whole([one, two], vectors(), Mode.HYBRID), "all together have that much time"
    monkeypatch.setattr(candidates, "FULL_SCAN_ROWS", n_rows - 1)
    assert not are_scored_whole([one], vectors(), Mode.HYBRID)
    # Only MaxSim scans: without rows to compare, an index names candidates whatever its size.
    monkeypatch.setattr(candidates, "FULL_SCAN_ROWS", n_rows)
    assert not are_scored_whole([one], None, Mode.LEXICAL)
    assert not are_scored_whole([one], vectors(), Mode.SINGLE)
    named = one.nominate(found_words(), vectors(), Mode.SINGLE, EVERYTHING)
    assert named.single is not None
    assert named.single.chunk.tolist() == [LONG]
    assert one.nominate(found_words(), None, Mode.LEXICAL, EVERYTHING).single is None


def test_plaid_names_chunks_where_it_is_built_however_small_the_index() -> None:
    gatherer = Index(near=(LONG,), near_rows=(BARE, WIDE)).gatherer()
    assert not are_scored_whole([gatherer], vectors(), Mode.HYBRID)
    named = gatherer.nominate(found_words(), vectors(), Mode.HYBRID, EVERYTHING)
    assert named.rows is not None
    assert named.rows.tolist() == [BARE, WIDE]


def test_the_chunks_most_often_and_most_highly_named_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    near = [np.array([WIDE, LONG]), np.array([BARE, LONG])]  # 1/20, 1/20 and twice 1/21
    for most, expected in ((1, [LONG]), (2, [WIDE, LONG]), (3, [WIDE, BARE, LONG])):
        monkeypatch.setattr(candidates, "MAX_CHUNKS", most)
        assert chosen(Index(), *near) == expected


def test_a_chunk_named_twice_by_one_index_votes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MAX_CHUNKS", 1)
    near = [np.array([WIDE, BARE, WIDE])]  # its first place counts: 1/20, not 1/22 below 1/21
    assert chosen(Index(), *near) == [WIDE]


def test_rows_to_be_scored_are_bounded_but_for_the_first_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    near = [np.array([LONG, BARE, WIDE])]  # of 8, 5 and 4 rows
    for most, expected in (
        (17, [WIDE, BARE, LONG]),
        (16, [BARE, LONG]),
        (13, [BARE, LONG]),
        (12, [LONG]),
        (1, [LONG]),
    ):
        monkeypatch.setattr(candidates, "MAX_ROWS", most)
        assert chosen(Index(), *near) == expected, most


@pytest.mark.parametrize("mode", list(Mode))
def test_words_are_looked_up_where_they_are_ranked(mode: Mode) -> None:
    index = Index()
    index.gatherer().look_up(query_shape("LampPost", "x"), mode, EVERYTHING)
    by_words = mode in (Mode.HYBRID, Mode.LEXICAL)
    assert any("MATCH" in each[0] for each in index.asked) == by_words
    assert any("leaf IN" in each[0] for each in index.asked) == by_words


def test_without_single_vectors_words_name_the_candidates_of_maxsim() -> None:
    index = Index()
    gatherer = index.gatherer()
    gatherer._singles.is_empty = True
    gatherer.look_up(query_shape("lamp", "x"), Mode.COLBERT, EVERYTHING)
    assert any("MATCH" in each[0] for each in index.asked)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_answer_tells_whether_its_words_are_known(task_queue, mode):
    looked_for = mode in (Mode.HYBRID, Mode.LEXICAL)
    with Searcher.open(task_queue) as searcher:
        for query, known in (("zzqx", False), ("zzqx vvkw", False), ("zzqx queue", True), ("how do I", True)):
            result = searcher.search(SearchRequest(query=query, mode=mode))
            assert result.has_words == (known or not looked_for), query


def test_rows_of_two_texts_that_were_compared_at_once_are_told_apart() -> None:
    rows, n = 5, 3
    scores = np.arange(rows * n, dtype=np.float32).reshape(rows, n)
    nothing = np.zeros(n, np.float32)
    both = Gathered(
        region=np.arange(n), chunk=np.arange(n), lexical=nothing, lexical_body=nothing, symbol=nothing,
        definition=nothing, single=nothing, single_chunk=nothing, maxima=scores, header_maxima=-scores,
        is_flat=np.zeros(n, bool), has_vectors=np.ones(n, bool),
    )  # fmt: skip
    first, second = split_rows(both, 2)
    assert first.maxima.tolist() == scores[:2].tolist()
    assert second.maxima.tolist() == scores[2:].tolist()
    assert second.header_maxima.tolist() == (-scores[2:]).tolist()
    bare = replace(both, maxima=None, header_maxima=None)
    assert all(each is bare for each in split_rows(bare, 2))
