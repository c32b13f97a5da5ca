"""Several indexes asked as one: the answer over the parts of a tree is the answer over the tree."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from indexer.build import build
from indexer.errors import InputError
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher, Together
from indexer.settings import BuildSettings

pytestmark = pytest.mark.usefixtures("one_encoder")

QUERIES = (
    "what happens when a job keeps failing",
    "BackoffPolicy",
    "how many jobs may run in one second",
    "claim the next job from the database",
    "README install",
    "jobs that fail are lost\n\nWhen a worker dies while it holds a job, nobody claims that job again.\n"
    "I expected the retry policy to put it back into the queue after its lease has ended.",
)


@pytest.fixture(scope="module")
def trees(task_queue, tmp_path_factory):
    """The sample repository, and its files dealt out to two folders.

    All three have the whole's vectors, for those of another build differ in the third decimal.
    """
    base = tmp_path_factory.mktemp("trees")
    for at, name in enumerate(("everything", "even", "odd")):
        root = base / name
        shutil.copytree(task_queue, root)
        files = sorted(p for p in root.rglob("*") if p.is_file() and ".codesearch" not in p.parts)
        if at:
            for path in files[2 - at :: 2]:
                path.unlink()
            assert build(root, BuildSettings()).n_encoded_chunks == 0
    return base


@pytest.fixture(scope="module")
def whole(trees):
    with Searcher.open(trees / "everything") as searcher:
        yield searcher


@pytest.fixture(scope="module")
def together(trees):
    with Searcher.open(trees / "even") as even, Searcher.open(trees / "odd") as odd:
        yield Together({"even": even, "odd": odd})


def places(result, chunk_of):
    """(path, first and last character) and scores of every hit."""
    return {
        (chunk_of(hit).path, hit.start_char, hit.end_char): (
            hit.score,
            hit.scores.lexical,
            hit.scores.colbert,
        )
        for hit in result.first(10_000)
    }


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("query", QUERIES)
def test_the_answer_over_two_halves_is_the_answer_over_the_whole_score_by_score(whole, together, query, mode):
    request = SearchRequest(query=query, mode=mode)
    expected = places(whole.search(request), lambda hit: whole.chunk(hit.chunk_id))
    result = together.search(request)
    found = places(result, lambda hit: together.searchers[hit.repository].chunk(hit.chunk_id))
    assert expected
    assert found.keys() == expected.keys()
    for place, scores in expected.items():
        assert found[place] == pytest.approx(scores, abs=2e-4), place
    ordered = [hit.score for hit in result.first(10_000)]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize("query", QUERIES[:4])
def test_caps_are_those_of_all_indexes_together(whole, together, query, monkeypatch):
    """Few rows are looked at, of the halves as many as of the whole: the same ones."""
    monkeypatch.setattr("indexer.retrieve.candidates.FULL_SCAN_ROWS", 0)
    for module in ("retrieve.candidates", "fan_out"):
        for name in ("LEXICAL_REGIONS", "SYMBOL_SPANS", "SINGLE_ROWS"):
            monkeypatch.setattr(f"indexer.{module}.{name}", 3)
    request = SearchRequest(query=query)
    expected = places(whole.search(request), lambda hit: whole.chunk(hit.chunk_id))
    found = places(
        together.search(request), lambda hit: together.searchers[hit.repository].chunk(hit.chunk_id)
    )
    assert found.keys() == expected.keys()
    for place, scores in expected.items():
        assert found[place] == pytest.approx(scores, abs=2e-4), place


@pytest.mark.parametrize("mode", Mode)
def test_one_index_asked_by_name_answers_as_it_does_alone(task_queue, mode):
    """A word of its folder's name, which tells nothing within it, is in the query."""
    with Searcher.open(task_queue) as searcher:
        request = SearchRequest(query="avoid queueing the same work twice", mode=mode)
        alone = searcher.search(request)
        result = Together({"jobs": searcher}).search(request)
        assert [replace(hit, repository="") for hit in result.hits] == list(alone.hits)
        assert {hit.repository for hit in result.hits} == {"jobs"}
        assert (result.query, result.n_candidates) == (alone.query, alone.n_candidates)


def test_a_filter_is_each_index_s_own(trees):
    with Searcher.open(trees / "even") as even, Searcher.open(trees / "odd") as odd:
        only = {"even": ("*.md",), "odd": ("*.py",)}
        together = Together(
            {"even": even, "odd": odd}, lambda name, request: replace(request, paths=only[name])
        )
        hits = together.search(SearchRequest(query="job")).first(1_000)
        paths = {
            (hit.repository, together.searchers[hit.repository].chunk(hit.chunk_id).path) for hit in hits
        }
    assert {name for name, _ in paths} == {"even", "odd"}
    assert all(path.endswith(only[name][0][1:]) for name, path in paths)


def test_indexes_whose_rows_are_stored_in_different_ways_answer_together(trees, tmp_path, monkeypatch):
    root = tmp_path / "other"
    shutil.copytree(trees / "odd", root, ignore=shutil.ignore_patterns(".codesearch"))
    monkeypatch.setattr("indexer.storage.manifest.DEFAULT_CODEC", "float16")
    assert build(root, BuildSettings()).n_encoded_chunks > 0
    request = SearchRequest(query=QUERIES[0], mode=Mode.COLBERT)
    with (
        Searcher.open(trees / "even") as even,
        Searcher.open(trees / "odd") as odd,
        Searcher.open(root) as other,
    ):
        alike, mixed = (
            {
                (hit.repository, asked.searchers[hit.repository].chunk(hit.chunk_id).path, hit.start_char): (
                    hit.scores.colbert
                )
                for hit in asked.search(request).first(10_000)
            }
            for asked in (Together({"even": even, "odd": each}) for each in (odd, other))
        )
    assert len({name for name, *_ in alike}) == 2
    assert mixed.keys() == alike.keys()
    for place, score in alike.items():
        assert mixed[place] == pytest.approx(score, abs=0.05)  # what four bits a number round


@pytest.mark.filterwarnings("ignore")  # of a model without trained heads
def test_indexes_of_two_models_answer_together_by_words_and_by_rank(trees, plain_folder, tmp_path):
    root = tmp_path / "other"
    shutil.copytree(trees / "odd", root, ignore=shutil.ignore_patterns(".codesearch"))
    build(root, BuildSettings(model=str(plain_folder)))
    with Searcher.open(trees / "even") as even, Searcher.open(root) as other:
        together = Together({"even": even, "other": other})
        assert together.n_models == 2
        for mode in (Mode.HYBRID, Mode.SINGLE, Mode.LEXICAL):
            result = together.search(SearchRequest(query="how long between attempts", mode=mode, k=40))
            scores = [hit.score for hit in result.hits]
            assert {hit.repository for hit in result.hits} == {"even", "other"}
            assert scores[0] == 1.0
            assert scores == sorted(scores, reverse=True)
            for hit in result.hits[:3]:
                together.explain(result, hit)
        with pytest.raises(InputError, match="makes no vectors for mode colbert"):
            together.search(SearchRequest(query="attempts", mode=Mode.COLBERT))
