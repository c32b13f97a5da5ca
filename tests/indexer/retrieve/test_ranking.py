"""Hand-made candidates, one signal at a time: each expected order follows from the numbers in its test.

The weights are the tests' own, so that those of the product may be fitted anew. A column that is added to
`Weights` needs a case here: `CASES` says for which file it is largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import Float32Array, Int64Array, Mode
from indexer.retrieve import ranking
from indexer.retrieve.candidates import Gathered
from indexer.retrieve.path_signals import FileFacts, PathSignals, path_signals
from indexer.retrieve.query_shape import query_shape
from indexer.retrieve.ranking import (
    FileSignals,
    Ranked,
    Title,
    Weights,
    file_scores,
    file_signals,
    in_known_places,
    order_regions,
    order_sections,
    rank,
)

NOT_COLUMNS = {"region", "chunk", "maxima", "header_maxima", "has_vectors"}


@dataclass(frozen=True)
class Region:
    """A candidate: its file, its chunk and what the rankers say of it."""

    file: str
    chunk: int = 0
    lexical: float = 0.0
    lexical_body: float = 0.0
    symbol: float = 0.0
    definition: float = 0.0
    single: float = 0.0
    single_chunk: float = 0.0
    rows: tuple[float, ...] | None = None
    """For each query row, the best cosine within the region."""
    header: tuple[float, ...] = (0.0, 0.0)
    has_vectors: bool = True


@dataclass(frozen=True)
class Scene:
    """Candidates as the ranking gets them."""

    names: list[str]
    gathered: Gathered
    file_of: Int64Array
    paths: PathSignals

    @property
    def signals(self) -> FileSignals:
        return file_signals(self.gathered, self.file_of, self.paths)

    def files(self, weights: Weights) -> list[str]:
        """Files in the order in which they first appear."""
        ranked = order_regions(self.gathered, self.signals, file_scores(self.signals, weights))
        return list(dict.fromkeys(self.names[self.file_of[at]] for at in ranked.order))


def scene(regions: Sequence[Region], **of_file: dict[str, float]) -> Scene:
    """`of_file` gives signals of paths, file by file; 0 where nothing is given."""
    names = list(dict.fromkeys(region.file for region in regions))
    chunks = list(dict.fromkeys((region.file, region.chunk) for region in regions))
    columns = {
        field.name: np.array([getattr(region, field.name, 0.0) for region in regions], np.float32)
        for field in fields(Gathered)
        if field.name not in NOT_COLUMNS
    }
    compared = any(region.rows is not None for region in regions)
    gathered = Gathered(
        has_vectors=np.array([region.has_vectors for region in regions], bool),
        region=np.arange(len(regions)),
        chunk=np.array([chunks.index((region.file, region.chunk)) for region in regions], np.int64),
        maxima=np.array([r.rows or (0, 0) for r in regions], np.float32).T.copy() if compared else None,
        header_maxima=np.array([r.header for r in regions], np.float32).T.copy() if compared else None,
        **columns,
    )
    paths = {
        field.name: np.array([of_file.get(field.name, {}).get(name, 0.0) for name in names], np.float32)
        for field in fields(PathSignals)
    }
    file_of = np.array([names.index(region.file) for region in regions], np.int64)
    return Scene(names, gathered, file_of, PathSignals(**paths))


# --- every signal moves files the way its weight's sign says ------------------------------------

# Both query rows have the same nine values, so that each counts half.
#  file       one row in each of two chunks: 1.0 over the file, 0.5 in a chunk
#  chunk      both rows in one chunk, in two regions: 0.9 over the chunk, 0.45 in a region
#  top        0.7 in each of three regions, each a chunk
#  header     nothing but 0.8 in its path
MAXSIM = scene(
    [
        Region("file", 0, rows=(1.0, 0.0)),
        Region("file", 1, rows=(0.0, 1.0)),
        Region("chunk", 0, rows=(0.9, 0.0)),
        Region("chunk", 0, rows=(0.0, 0.9)),
        *[Region("top", chunk, rows=(0.7, 0.7)) for chunk in range(3)],
        Region("header", 0, rows=(0.0, 0.0), header=(0.8, 0.8)),
    ]
)
# The usual region has 0.1, so the best three of `top` are 3 × 0.5 above it, of `region` 0.7, of `chunk` 0.
SINGLE = scene(
    [
        *[Region("chunk", single=0.1, single_chunk=0.9) for _ in range(5)],
        Region("region", single=0.8, single_chunk=0.5),
        *[Region("top", single=0.6, single_chunk=0.4) for _ in range(3)],
    ]
)
WORDS = scene(
    [
        *[Region("top", lexical=3.0, lexical_body=1.0) for _ in range(3)],
        Region("body", lexical=4.0, lexical_body=5.0),
        Region("symbol", lexical=2.0, symbol=7.0),
        Region("defines", lexical=1.0, definition=1.0),
        Region("alone", lexical=1.0, definition=0.4),
    ],
    is_lone={"alone": 1.0},
)
OF_PATH = [field.name for field in fields(PathSignals) if field.name in {f.name for f in fields(Weights)}]
PATHS = scene(
    [Region(name, lexical=1.0) for name in ["no-name", *OF_PATH]], **{name: {name: 1.0} for name in OF_PATH}
)
CASES: dict[str, tuple[Scene, str]] = {
    "colbert_file": (MAXSIM, "file"),
    "colbert_chunk": (MAXSIM, "chunk"),
    "colbert_top": (MAXSIM, "top"),
    "colbert_header": (MAXSIM, "header"),
    "single_chunk": (SINGLE, "chunk"),
    "single_region": (SINGLE, "region"),
    "single_top": (SINGLE, "top"),
    "lexical_top": (WORDS, "top"),
    "lexical_body": (WORDS, "body"),
    "symbol": (WORDS, "symbol"),
    "definition": (WORDS, "defines"),
    "lone_definition": (WORDS, "alone"),
    **{name: (PATHS, name) for name in OF_PATH},
}


@pytest.mark.parametrize("column", [field.name for field in fields(Weights)])
def test_a_weight_moves_the_file_whose_signal_is_largest(column: str) -> None:
    given_scene, name = CASES[column]
    assert given_scene.files(Weights(**{column: 1.0}))[0] == name
    assert given_scene.files(Weights(**{column: -1.0}))[-1] == name
    assert given_scene.files(Weights()) == given_scene.names, "without weights all files tie"


def test_every_signal_by_hand() -> None:
    found = {name: values.tolist() for name, values in MAXSIM.signals.columns.items()}
    # Regions have 0.5 0.5 | 0.45 0.45 | 0.7 0.7 0.7 | 0.8, the usual one 0.6: above it 0.3 and 0.2.
    assert found["colbert_top"] == pytest.approx([0, 0, 1, 2 / 3])
    assert found["colbert_header"] == [0, 0, 0, 1]
    assert found["colbert_chunk"] == pytest.approx([5 / 9, 1, 7 / 9, 8 / 9])
    assert found["colbert_file"] == pytest.approx([1, 0.9, 0.7, 0.8])
    found = {name: values.tolist() for name, values in SINGLE.signals.columns.items()}
    assert found["single_chunk"] == pytest.approx([1, 5 / 9, 4 / 9])
    assert found["single_region"] == pytest.approx([1 / 8, 1, 6 / 8])
    assert found["single_top"] == pytest.approx([0, 7 / 15, 1])
    found = {name: values.tolist() for name, values in WORDS.signals.columns.items()}
    assert found["lexical_top"] == pytest.approx([1, 4 / 9, 2 / 9, 1 / 9, 1 / 9])
    assert found["lexical_body"] == pytest.approx([1 / 5, 1, 0, 0, 0])
    assert found["definition"] == pytest.approx([0, 0, 0, 1, 0.4])


def test_signals_add_up_by_their_weights() -> None:
    # body: 2 × 1 of its body + 4/9 of its best three; top: 2 × 1/5 + 1.
    scores = file_scores(WORDS.signals, Weights(lexical_body=2.0, lexical_top=1.0))
    assert scores[:2].tolist() == pytest.approx([1.4, 22 / 9])


def test_a_row_of_a_rare_word_counts_more_than_one_of_a_common_word() -> None:
    rows = {"rare": (0.8, 0.0), "common": (0.0, 0.9), **dict.fromkeys("abcdef", (0.0, 0.0))}
    found = scene([Region(name, rows=row) for name, row in rows.items()])

    def best(rarities: tuple[float, float] | None) -> list[float]:
        given = None if rarities is None else np.array(rarities, np.float32)
        columns = file_signals(found.gathered, found.file_of, found.paths, given).columns
        return columns["colbert_file"][:2].tolist()

    rare, common = best((0.9, 0.1))
    assert rare == 1.0
    assert common < 1.0
    rare, common = best(None)
    assert common == 1.0
    assert rare < 1.0
    assert best((0.5, 0.5)) == best(None)


def test_a_query_row_that_every_region_matches_counts_nothing() -> None:
    regions = [Region("a", rows=(0.9, 0.0)), *[Region(name, rows=(0.9, 0.0)) for name in "bcdef"]]
    regions.append(Region("g", rows=(0.2, 0.6)))
    found = scene(regions).signals.colbert
    # The best three of each row on the average, less the average of all: 0.9 - 0.8 and 0.2 - 0.6/7.
    first, second = 0.9 - (6 * 0.9 + 0.2) / 7, 0.2 - 0.6 / 7
    assert found[-1] == pytest.approx((first * 0.2 + second * 0.6) / (first + second))
    flat = scene(
        [Region(name, rows=(0.9, value)) for name, value in zip("abcd", (0, 0, 0, 0.6), strict=True)]
    )
    assert flat.signals.colbert.tolist() == pytest.approx([0, 0, 0, 0.6])


# --- regions within their files -----------------------------------------------------------------


@pytest.mark.parametrize("ranker", ["lexical", "symbol", "definition", "single"])
def test_each_ranker_orders_the_regions_of_a_file(ranker: str) -> None:
    some = scene([Region("a", **{ranker: value}) for value in (0.2, 0.9, 0.4)])
    ranked = order_regions(some.gathered, some.signals, np.ones(1, np.float32))
    assert ranked.order.tolist() == [1, 2, 0]


def test_maxsim_orders_the_regions_of_a_file() -> None:
    some = scene([Region("a", rows=rows) for rows in ((0.2, 0.3), (0.9, 0.1), (0.4, 0.5))])
    ranked = order_regions(some.gathered, some.signals, np.ones(1, np.float32))
    assert np.argsort(-some.signals.colbert).tolist() == ranked.order.tolist()
    assert ranked.colbert.tolist() == some.signals.colbert.tolist()


def test_rankers_weigh_in_a_region_as_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    some = scene([Region("a", lexical=9.0, single=0.1), Region("a", lexical=3.0, single=0.2)])
    for lexical, single, first in ((3.0, 1.0, 0), (1.0, 3.0, 1)):  # 3 + 1/2 and 1 + 1; 1 + 3/2 and 1/3 + 3
        monkeypatch.setitem(ranking._REGION_WEIGHTS, "lexical", lexical)
        monkeypatch.setitem(ranking._REGION_WEIGHTS, "single", single)
        ranked = order_regions(some.gathered, some.signals, np.ones(1, np.float32))
        assert ranked.order.tolist() == [first, 1 - first]


def test_a_files_further_regions_score_a_share_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_NEXT_REGION", 0.5)
    some = scene([*[Region("a", lexical=value) for value in (1.0, 3.0, 2.0)], Region("b", lexical=9.0)])
    ranked = order_regions(some.gathered, some.signals, np.array([1.0, 0.4], np.float32))
    # a: 1, 1/2, 1/4 in order of its regions' own scores; b: 0.4 comes between the last two.
    assert ranked.order.tolist() == [1, 2, 3, 0]
    assert ranked.scores.tolist() == pytest.approx([1.0, 0.5, 0.4, 0.25], abs=2e-3)


def test_a_file_that_scores_below_nothing_still_shows_its_best_region_first() -> None:
    some = scene([Region("a", lexical=1.0), Region("a", lexical=2.0), Region("b", lexical=1.0)])
    ranked = order_regions(some.gathered, some.signals, np.array([-3.0, -1.0], np.float32))
    assert ranked.order.tolist() == [2, 1, 0]
    assert (ranked.scores > 0).all()
    assert (np.diff(ranked.scores) < 0).all()


def test_a_region_without_vectors_is_placed_by_its_words_among_those_that_have_some() -> None:
    seen = [Region("a", single=value) for value in (0.3, 0.5, 0.4)]
    some = scene([*seen, Region("a", lexical=9.0, has_vectors=False), Region("a", has_vectors=False)])
    ranked = order_regions(some.gathered, some.signals, np.ones(1, np.float32))
    assert ranked.order.tolist() == [3, 1, 2, 0]


def test_vectors_of_a_files_beginning_do_not_speak_for_what_its_words_find_further_on() -> None:
    beginning = Region("a", single=0.1)
    made = scene([beginning, Region("a", lexical=9.0, has_vectors=False), Region("b", single=0.5)])
    ranked = rank(made.gathered, made.file_of, made.paths, Mode.HYBRID)
    assert made.names[made.file_of[ranked.order[0]]] == "a"


def test_the_usual_region_is_not_the_usual_one_of_those_that_words_picked() -> None:
    """Of the picked the second is the usual one; beside ten that were not, it stands out too."""
    picked = [Region(name, single=value) for name, value in zip("abc", (0.8, 0.7, 0.5), strict=True)]
    rest = [Region("d", has_vectors=False) for _ in range(10)]
    alone, beside = (scene(regions).signals.columns["single_top"] for regions in (picked, [*picked, *rest]))
    assert alone[1] == 0.0
    assert beside[1] == pytest.approx(0.2 / 0.3)
    assert (beside[2], beside[3]) == (0.0, 0.0)


def test_regions_that_no_ranker_found_are_left_out() -> None:
    nothing = Region("a", lexical_body=1.0, single_chunk=1.0)
    some = scene([nothing, Region("a", single=-0.1), nothing, Region("b", lexical=1.0), nothing])
    ranked = rank(some.gathered, some.file_of, some.paths, Mode.HYBRID)
    assert sorted(ranked.order.tolist()) == [1, 3]
    assert len(ranked.scores) == 2
    assert len(ranked.colbert) == 5


def test_no_candidates_no_order() -> None:
    empty = scene([])
    ranked = rank(empty.gathered, empty.file_of, empty.paths, Mode.HYBRID)
    assert len(ranked.order) == len(ranked.scores) == len(ranked.colbert) == 0


# --- properties ---------------------------------------------------------------------------------

VALUES = st.integers(0, 64).map(lambda eighths: eighths / 8)
REGIONS = st.builds(
    Region,
    file=st.sampled_from("abcd"),
    lexical=VALUES,
    lexical_body=VALUES,
    symbol=VALUES,
    definition=st.sampled_from([0.0, 0.4, 1.0]),
    single=VALUES,
    single_chunk=VALUES,
)
BY_THEMSELVES = (
    "lexical_top lexical_body symbol definition lone_definition single_chunk single_region".split()
)
"""Signals that depend on the file alone, but for their scale; the others are taken above the usual region."""


@given(st.lists(REGIONS, min_size=1, max_size=8), REGIONS)
def test_a_further_candidate_never_reorders_what_is_said_of_the_others(
    regions: list[Region], further: Region
) -> None:
    before = scene(regions)
    after = scene(
        [*regions, Region("new", **{k: getattr(further, k) for k in ("lexical", "symbol", "single")})]
    )
    for name in BY_THEMSELVES:
        old, new = before.signals.columns[name], after.signals.columns[name][: len(before.names)]
        for left in range(len(old)):
            for right in range(len(old)):
                if old[left] < old[right]:
                    assert new[left] <= new[right], name


@given(st.lists(REGIONS, min_size=1, max_size=8), st.sampled_from([0.125, 2.0, 1024.0]))
def test_how_large_a_rankers_scores_are_does_not_matter(regions: list[Region], factor: float) -> None:
    scored = ("lexical", "lexical_body", "symbol", "single", "single_chunk")
    larger = scene(
        [
            Region(r.file, definition=r.definition, **{name: factor * getattr(r, name) for name in scored})
            for r in regions
        ]
    )
    smaller = scene(regions)
    for name, values in smaller.signals.columns.items():
        np.testing.assert_allclose(larger.signals.columns[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


@given(st.lists(REGIONS, min_size=1, max_size=8))
def test_signals_are_scaled_by_the_largest_of_the_query(regions: list[Region]) -> None:
    for name, values in scene(regions).signals.columns.items():
        assert np.isfinite(values).all(), name
        assert values.min() >= 0, name
        assert values.max() == pytest.approx(1.0) or name not in BY_THEMSELVES[:3] or not values.any(), name


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=12))
def test_ties_keep_the_order_of_the_index(files: list[str]) -> None:
    some = scene([Region(name, lexical=1.0) for name in files])
    ranked = order_regions(some.gathered, some.signals, np.ones(len(some.names), np.float32))
    place = dict.fromkeys(files, 0)
    expected = []
    for at, name in enumerate(files):
        expected.append((place[name], at))
        place[name] += 1
    assert ranked.order.tolist() == [at for _, at in sorted(expected)]


# --- modes and sections -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_each_mode_has_weights_of_its_own(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = dict(zip(Mode, ("symbol", "definition", "lexical_body", "lone_definition"), strict=True))
    for each, column in wanted.items():
        monkeypatch.setitem(ranking.WEIGHTS, each, Weights(**{column: 1.0}))
    ranked = rank(WORDS.gathered, WORDS.file_of, WORDS.paths, mode)
    assert WORDS.names[WORDS.file_of[ranked.order[0]]] == CASES[wanted[mode]][1]


def documents(names: Sequence[str], query: str = "lamp", **rarities: float) -> PathSignals:
    facts = [FileFacts(name, "markdown" if name.endswith(".md") else "python") for name in names]
    return path_signals(query_shape(query, "repository"), rarities, facts)


def ranked_as(*places: int) -> Ranked:
    order = np.array(places, np.int64)
    nothing: Float32Array = np.zeros(len(places), np.float32)
    return Ranked(order, np.linspace(1, 0.1, len(places), dtype=np.float32), nothing)


def test_a_document_that_the_query_names_comes_first_among_equals() -> None:
    names = ["other.md", "changelog.md"]
    some = scene([Region(name, lexical=1.0) for name in names])
    for column, query in (("stem_match", "changelog"), ("folder_match", "guide")):
        paths = documents(["other.md", "guide/changelog.md"], query, **{query: 1.0, "guid": 1.0})
        after = order_sections(
            ranked_as(0, 1), some.gathered, some.file_of, paths, Weights(**{column: 1.0}), None
        )
        assert after.order.tolist() == [1, 0], column


def test_documents_are_ordered_by_the_rows_of_rare_words() -> None:
    some = scene(
        [Region("a.md", rows=(0.9, 0.1)), Region("b.md", rows=(0.1, 0.8)), Region("c.py", rows=(1, 1))]
    )
    paths = documents(some.names)
    for rarities, expected in (((0.9, 0.1), [0, 2, 1]), ((0.1, 0.9), [1, 2, 0])):
        after = order_sections(
            ranked_as(0, 2, 1), some.gathered, some.file_of, paths, Weights(), np.array(rarities, np.float32)
        )
        assert after.order.tolist() == expected


def test_documents_that_tie_keep_the_order_of_the_index() -> None:
    some = scene([Region(f"{name}.md", lexical=1.0) for name in "abc"])
    after = order_sections(
        ranked_as(2, 0, 1), some.gathered, some.file_of, documents(some.names), Weights(), None
    )
    assert after.order.tolist() == [0, 1, 2]


@given(st.lists(st.tuples(st.booleans(), VALUES), min_size=1, max_size=12))
def test_code_keeps_its_places(files: list[tuple[bool, float]]) -> None:
    names = [f"{at}.{'md' if is_document else 'py'}" for at, (is_document, _) in enumerate(files)]
    some = scene([Region(name, lexical=score) for name, (_, score) in zip(names, files, strict=True)])
    before = ranked_as(*reversed(range(len(files))))
    after = order_sections(before, some.gathered, some.file_of, documents(names), Weights(), None)
    assert sorted(after.order.tolist()) == list(range(len(files)))
    assert after.scores.tolist() == before.scores.tolist()
    for old, new in zip(before.order, after.order, strict=True):
        assert old == new or (files[old][0] and files[new][0])
    of_documents = [files[place][1] for place in after.order if files[place][0]]
    assert (np.diff(of_documents) <= 0).all()


# --- a report's title is a question of its own ---------------------------------------------------


def test_a_title_counts_as_much_as_all_that_is_below_it() -> None:
    below = scene([Region("log.py", lexical=3.0), Region("lamp.py", lexical=2.9), Region("oil.py")])
    to_title = scene([Region("log.py"), Region("lamp.py", lexical=5.0), Region("oil.py", lexical=1.0)])
    alone = rank(below.gathered, below.file_of, below.paths, Mode.LEXICAL)
    assert [below.names[below.file_of[at]] for at in alone.order] == ["log.py", "lamp.py"]
    title = Title(to_title.gathered, to_title.paths)
    both = rank(below.gathered, below.file_of, below.paths, Mode.LEXICAL, title=title)
    # What the title alone finds is found.
    assert [below.names[below.file_of[at]] for at in both.order] == ["lamp.py", "log.py", "oil.py"]


def test_a_title_chooses_among_the_regions_of_a_file() -> None:
    below = scene([Region("lamp.py", lexical=3.0), Region("lamp.py", lexical=2.0)])
    to_title = scene([Region("lamp.py"), Region("lamp.py", lexical=1.0)])
    title = Title(to_title.gathered, to_title.paths)
    both = rank(below.gathered, below.file_of, below.paths, Mode.LEXICAL, title=title)
    assert both.order.tolist() == [1, 0]


# --- what is not encoded yet -----------------------------------------------------------------------


def test_files_without_vectors_keep_the_place_that_their_words_give_them():
    by_words = np.array([5, 4, 3, 2, 1], np.float32)
    by_all = np.array([0, 9, 1, 9, 7], np.float32)  # of the second and fourth nothing is known
    known = np.array([True, False, True, False, True])
    assert in_known_places(by_words, by_all, known).tolist() == [1, 4, 3, 2, 5]


def test_nothing_known_leaves_the_order_of_words():
    by_words = np.array([5, 4, 3], np.float32)
    assert in_known_places(by_words, by_words[::-1], np.zeros(3, bool)).tolist() == [5, 4, 3]


def test_sections_without_vectors_do_not_tell_what_is_usual_among_those_that_have_some() -> None:
    """Rows say `a` before `b` where the usual region has 0.6; where it had 0, they would say `b`."""
    encoded = [
        Region("a.md", lexical=1.0, single=0.85),
        Region("b.md", lexical=1.8, single=0.6),
        *[Region(f"{name}.md", lexical=0.1, single=0.6) for name in "cde"],
    ]
    bare = [Region(f"x{at}.md", lexical=5.0, has_vectors=False) for at in range(8)]

    def ordered(regions: Sequence[Region]) -> list[str]:
        some = scene(regions)
        before = ranked_as(*range(len(regions)))
        after = order_sections(before, some.gathered, some.file_of, documents(some.names), Weights(), None)
        return [regions[at].file for at in after.order.tolist()]

    alone = ordered(encoded)
    assert alone[:2] == ["a.md", "b.md"]
    assert [name for name in ordered(encoded + bare) if not name.startswith("x")] == alone
    assert ordered(encoded + bare)[:8] == [region.file for region in bare]
