"""Chunks that a search names get their vectors then: once, for all, without waiting for a writer."""

from __future__ import annotations

import threading
from itertools import groupby

import pytest

from indexer.build import build
from indexer.disk.write_lock import write_lock
from indexer.encoders import loading
from indexer.ingest import embed
from indexer.ingest.embed import Embedder
from indexer.ingest.on_demand import OnDemand
from indexer.open_model import load_model_ahead
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import STATE_FOLDER, BuildSettings

pytestmark = pytest.mark.usefixtures("one_encoder")

FILES = {
    "lamp.py": "class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n",
    "clock.py": "def strike(hour):\n    return ['dong'] * hour\n",
    "horn.py": "def sound(fog):\n    return 'a long note' if fog else ''\n",
}
QUERY = "ignite the lamp"


@pytest.fixture(autouse=True)
def a_large_tree(monkeypatch):
    """These three files stand for many, of which none is encoded that no word names."""
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 0)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    for path, text in FILES.items():
        (root / path).write_text(text)
    build(root, BuildSettings(), encode=False)
    return root


def ask(searcher, query=QUERY, mode=Mode.HYBRID, seconds=60.0):
    return searcher.search(SearchRequest(query, mode=mode, encode_seconds=seconds))


def test_what_words_name_is_encoded_and_ranked_by_its_vectors(tree):
    with Searcher.open(tree) as searcher:
        assert searcher.n_encoded == 0
        result = ask(searcher)
        best = searcher.explain(result, result.hits[0])
        assert (searcher.n_encoded, result.missing.n_chunks) == (1, 2)
        assert searcher.chunk(best.chunk_id).path == "lamp.py"
        assert best.scores.colbert > 0.5
        assert {match.code_word for match in best.matches} >= {"ignite", "Lamp"}
        assert result.missing.tokens_per_second > 0


@pytest.mark.parametrize("mode", [Mode.COLBERT, Mode.SINGLE])
def test_words_name_the_candidates_of_vectors_too(tree, mode):
    with Searcher.open(tree) as searcher:
        (best,) = ask(searcher, mode=mode).hits
        assert searcher.chunk(best.chunk_id).path == "lamp.py"


def test_where_little_has_no_vectors_all_of_it_gets_some_what_words_name_first(tree, monkeypatch):
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 2)
    with Searcher.open(tree) as searcher:
        result = ask(searcher, "ignite the lamp at noon")
        assert (searcher.n_encoded, result.missing, len(result.hits)) == (3, None, 3)
        assert searcher.chunk(result.hits[0].chunk_id).path == "lamp.py"


def test_what_a_filter_keeps_out_is_not_encoded(tree, monkeypatch):
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 2)
    with Searcher.open(tree) as searcher:
        searcher.search(SearchRequest(QUERY, paths=("clock.py",), encode_seconds=60.0))
        assert searcher.n_encoded == 1


def test_without_time_words_alone_rank(tree):
    with Searcher.open(tree) as searcher:
        result = ask(searcher, seconds=0.0)
        assert searcher.n_encoded == 0
        assert searcher.chunk(result.hits[0].chunk_id).path == "lamp.py"
        assert result.hits[0].scores.colbert is None


def test_nothing_is_encoded_twice_by_other_searches_or_builds(tree, monkeypatch):
    with Searcher.open(tree) as searcher:
        first = ask(searcher)
    monkeypatch.setattr("indexer.encoders.loading.load_encoder", None)  # whoever loads the model now fails
    with Searcher.open(tree) as searcher:
        again = ask(searcher)
        assert searcher.n_encoded == 1
        assert again.hits == first.hits
    monkeypatch.undo()
    assert build(tree, BuildSettings()).n_encoded_chunks == 2


def test_the_status_counts_what_searches_have_stored(tree):
    with Searcher.open(tree) as searcher:
        assert searcher.status().n_encoded == 0
        ask(searcher)
    with Searcher.open(tree) as searcher:
        assert searcher.status().n_encoded == 1
        with write_lock(tree / STATE_FOLDER):  # nobody waits for anybody
            assert searcher.status().n_encoded == 1


def test_a_search_does_not_wait_for_a_writer(tree):
    with write_lock(tree / STATE_FOLDER), Searcher.open(tree) as searcher:
        result = ask(searcher)
        assert result.hits[0].scores.colbert > 0.5
        assert ask(searcher).hits == result.hits
    assert build(tree, BuildSettings()).n_encoded_chunks == 3


def test_what_lacks_vectors_is_counted_as_the_index_has_it_and_only_falls_in_a_build(tree, monkeypatch):
    def lacking(query="strike the clock"):
        with Searcher.open(tree) as searcher:
            missing = ask(searcher, query).missing
            assert searcher.n_encoded == 3 - missing.n_chunks
            return missing.n_chunks, missing.n_tokens

    with write_lock(tree / STATE_FOLDER):  # a build at work: what a search makes serves it alone
        assert [lacking(query)[0] for query in (QUERY, "strike lamp", "fog")] == [3, 3, 3]
    first, n_tokens = lacking(QUERY)
    assert first == 2
    counts = []
    monkeypatch.setattr("indexer.ingest.backlog.BLOCK_TOKENS", 1)
    monkeypatch.setattr("indexer.build._AT_ONCE_TOKENS", 0)
    monkeypatch.setattr("indexer.build._PUBLISH_SECONDS", -1.0)
    monkeypatch.setattr("indexer.build._ENCODING_SHARE", -1.0)

    def look(event):
        if event.stage == "encode":
            counts.append(lacking("fog")[0])
            counts.append(lacking("strike lamp")[0])

    report = build(tree, BuildSettings(), look)
    assert report.n_encoded_chunks == 2  # and what the search had stored is taken as it is
    assert counts == sorted(counts, reverse=True)
    assert set(counts) == {2, 1}
    assert n_tokens > 0


def test_a_build_takes_what_searches_have_stored_and_status_has_its_rows_before(tree):
    with Searcher.open(tree) as searcher:
        ask(searcher, "lamp clock horn strike sound ignite")
        before = searcher.status()
        assert searcher.lacks_vectors
        assert searcher.generation.tables.n_rows.sum() == before.n_rows > 0
    with Searcher.open(tree) as searcher:
        again = searcher.status()
    assert (again.n_encoded, again.n_rows) == (before.n_encoded, before.n_rows) == (3, before.n_rows)
    assert build(tree, BuildSettings()).n_encoded_chunks == 0
    with Searcher.open(tree) as searcher:
        assert not searcher.lacks_vectors
        assert searcher.status().n_rows == before.n_rows


def test_answers_are_those_of_the_whole_index_for_what_words_name(tree):
    with Searcher.open(tree) as searcher:
        before = ask(searcher, "lamp clock horn strike sound ignite")
        assert before.missing is None
    build(tree, BuildSettings())
    with Searcher.open(tree) as searcher:
        assert ask(searcher, "lamp clock horn strike sound ignite").hits == before.hits


def test_a_model_that_was_loaded_ahead_is_not_loaded_again(tree, monkeypatch):
    loaded = []
    load = loading.load_encoder
    monkeypatch.setattr(loading, "load_encoder", lambda *given: loaded.append(given) or load(*given))
    load_model_ahead(BuildSettings())
    with Searcher.open(tree) as searcher:
        ask(searcher)
        ask(searcher, "strike the clock")
        assert searcher.n_encoded == 2
    assert len(loaded) == 1
    assert not loading._loading


def test_an_edit_is_encoded_while_its_words_are_published(tree, monkeypatch):
    with Searcher.open(tree) as searcher:
        ask(searcher)
    (tree / "lamp.py").write_text(FILES["lamp.py"].replace("the lamp burns", "the lamp is lit at dusk"))
    load_model_ahead(BuildSettings(), is_brief=True)
    build(tree, BuildSettings(), encode=False)
    monkeypatch.setattr("indexer.ingest.on_demand.OnDemand._prepared", None)  # whoever encodes now fails
    with Searcher.open(tree) as searcher:
        best = ask(searcher).hits[0]
        assert (searcher.chunk(best.chunk_id).path, searcher.n_encoded) == ("lamp.py", 1)
        assert best.scores.colbert > 0.5
    assert not embed._encoding
    assert not loading._loading


def test_what_cannot_be_encoded_ahead_is_encoded_when_it_is_asked_for(tree, monkeypatch):
    embedded = Embedder.embed
    monkeypatch.setattr(Embedder, "embed", lambda *_: 1 // 0)
    monkeypatch.setattr(embed, "_encoding", {})
    (tree / "lamp.py").write_text(FILES["lamp.py"] + "# more\n")
    load_model_ahead(BuildSettings(), is_brief=True)
    build(tree, BuildSettings(), encode=False)
    with pytest.raises(ZeroDivisionError):
        next(iter(embed._encoding.values())).vectors.result()
    monkeypatch.setattr(Embedder, "embed", embedded)
    with Searcher.open(tree) as searcher:
        assert ask(searcher).hits
        assert searcher.n_encoded == 1


@pytest.mark.parametrize(
    ("speed", "seconds", "in_flight", "expected"),
    [
        (0.0, 1.5, 0, 2),  # a lot
        (0.0, 0.0, 0, 0),
        (1_000.0, 9.1, 0, 2),
        (1_000.0, 9.1, 5_500, 1),  # the second is too long for what is left, and not passed over
        (1_000.0, 1.6, 0, 1),  # more than half of it fits
        (1_000.0, 1.4, 0, 0),  # less than half of it does
        (1_000.0, 0.2, 0, 0),
        (1_000.0, 5.0, 4_800, 0),
        (1e6, 1.0, 0, 2),
    ],
)
def test_what_comes_next_is_what_the_time_left_is_enough_for(tree, speed, seconds, in_flight, expected):
    with Searcher.open(tree) as searcher:
        on_demand = searcher.generation._on_demand
        if speed:
            on_demand._n_tokens, on_demand._seconds = speed, 1.0
        assert on_demand._n_fitting((3_000, 4_000, 2_000, 500), seconds, in_flight) == expected
        assert on_demand._n_fitting([], 9.0) == 0


def test_no_core_waits_for_the_choice_of_what_comes_next(tree, monkeypatch):
    """The next lot is chosen before any of one is done: a lot is one file here."""
    monkeypatch.setattr("indexer.ingest.on_demand._LOT_TOKENS", 1)
    events = []
    split, prepared = embed.split_vectors, OnDemand._prepared
    monkeypatch.setattr(embed, "split_vectors", lambda vectors: events.append("done") or split(vectors))
    monkeypatch.setattr(
        OnDemand, "_prepared", lambda self, pieces: events.append("chosen") or prepared(self, pieces)
    )
    with Searcher.open(tree) as searcher:
        ask(searcher, "lamp clock horn strike sound ignite")
        assert searcher.n_encoded == 3
    assert events.index("done") >= 2
    assert sorted(events) == ["chosen"] * 3 + ["done"] * 3


def test_the_model_is_loaded_beside_what_is_prepared_first(tree, monkeypatch):
    begun, is_begun = threading.Event(), []
    load, prepared = loading.load_encoder, OnDemand._prepared
    monkeypatch.setattr(loading, "load_encoder", lambda *given: begun.set() or load(*given))
    monkeypatch.setattr(
        OnDemand, "_prepared", lambda self, pieces: is_begun.append(begun.wait(30)) or prepared(self, pieces)
    )
    with Searcher.open(tree) as searcher:
        ask(searcher)
    assert is_begun == [True]


def test_files_of_one_content_are_computed_once(tree, monkeypatch):
    (tree / "other.py").write_text(FILES["lamp.py"])
    build(tree, BuildSettings(), encode=False)
    read = pieces_read(monkeypatch)
    with Searcher.open(tree) as searcher:
        ask(searcher)
        assert searcher.n_encoded == 2
    assert len(read) == 1


# --- excerpts of long chunks -----------------------------------------------------------------------


@pytest.fixture
def long_tree(tmp_path, monkeypatch):
    """A tree of two long files, which has time for excerpts alone."""
    root = tmp_path / "long"
    root.mkdir()
    filler = [f"def strike_{at}(hour):\n    return {list(range(at, at + 30))}\n\n" for at in range(24)]
    for name, thing in (("lamp", "lamp burns"), ("horn", "horn sounds")):
        parts = [*filler[:12], f"def ignite_{name}(oil):\n    return 'the {thing}'\n\n", *filler[12:]]
        (root / f"{name}.py").write_text("".join(parts))
    build(root, BuildSettings(), encode=False)
    monkeypatch.setattr("indexer.ingest.on_demand._FIRST_TOKENS", 1_000)
    monkeypatch.setattr("indexer.ingest.excerpts.LEAST_SAVED", 1.25)
    allow_pieces_of(monkeypatch, 1_000)
    return root


def allow_pieces_of(monkeypatch, n_tokens):
    """Time is enough for pieces of fewer tokens, and for none that is longer."""
    monkeypatch.setattr(
        OnDemand, "_n_fitting", lambda self, pieces, *_: int(len(pieces) > 0 and pieces[0] < n_tokens)
    )


def pieces_read(monkeypatch):
    """All that is read from now on, in order."""
    read = []
    prepared = OnDemand._prepared
    monkeypatch.setattr(
        OnDemand, "_prepared", lambda self, pieces: read.extend(pieces) or prepared(self, pieces)
    )
    return read


def test_where_time_is_short_the_telling_regions_of_long_files_are_read(long_tree):
    with Searcher.open(long_tree) as searcher:
        result = ask(searcher)
        best = searcher.explain(result, result.hits[0])
        assert searcher.chunk(best.chunk_id).path == "lamp.py"
        assert "ignite_lamp" in searcher.chunk(best.chunk_id).text[best.start_char : best.end_char]
        assert best.scores.colbert > 0.5
        assert {match.code_word for match in best.matches} >= {"ignite_lamp"}
        assert (searcher.n_encoded, result.missing.n_chunks) == (0, 2)


def test_an_excerpt_is_read_once_and_serves_other_searches(long_tree, monkeypatch):
    with Searcher.open(long_tree) as searcher:
        first = ask(searcher)
        assert ask(searcher).hits == first.hits
    monkeypatch.setattr("indexer.encoders.loading.load_encoder", None)
    with Searcher.open(long_tree) as searcher:
        assert ask(searcher).hits == first.hits
        assert searcher.n_encoded == 0


def test_other_words_have_the_rest_of_an_excerpts_chunk_read_whole(long_tree, monkeypatch):
    with Searcher.open(long_tree) as searcher:
        ask(searcher)
        allow_pieces_of(monkeypatch, 9_000)
        ask(searcher, "strike_3")
        assert searcher.n_encoded == 2
        assert not searcher.generation._excerpts
    with Searcher.open(long_tree) as searcher:
        ask(searcher)
        assert searcher.n_encoded == 2


def test_what_excerpts_rank_highest_is_read_whole_in_the_time_left(long_tree, monkeypatch):
    allow_pieces_of(monkeypatch, 9_000)
    read = pieces_read(monkeypatch)
    with Searcher.open(long_tree) as searcher:
        best, *_ = ask(searcher).hits
        assert searcher.n_encoded == 2
        assert not searcher.generation._excerpts
    assert [bool(each.reading.picked) for each in read] == [True, True, False, False]
    assert read[2].chunk.chunk_id == best.chunk_id


def test_the_file_that_ranks_highest_is_read_whole_before_any_other(long_tree, monkeypatch):
    build(long_tree, BuildSettings(max_tokens=500), rebuild=True, encode=False)
    monkeypatch.setattr("indexer.ingest.excerpts.EXCERPT_TOKENS", 200)
    monkeypatch.setattr("indexer.ingest.on_demand._FIRST_TOKENS", 0)
    monkeypatch.setattr("indexer.open_generation._WHOLE_FILES", 1)
    allow_pieces_of(monkeypatch, 9_000)
    read = pieces_read(monkeypatch)
    with Searcher.open(long_tree) as searcher:
        ask(searcher, "ignite strike_3 strike_12 strike_20")
        excerpts = [each.chunk.chunk_id for each in read if each.reading.picked]
        again = [each.chunk.chunk_id for each in read if not each.reading.picked]
        paths = [searcher.chunk(chunk_id).path for chunk_id in again if chunk_id in excerpts]
    assert len(paths) >= 6
    assert len(list(groupby(paths))) == 2


def test_more_time_is_for_whole_chunks_once_excerpts_have_had_theirs(long_tree, monkeypatch):
    monkeypatch.setattr("indexer.open_generation._FIRST_TOKENS", 100)
    monkeypatch.setattr(OnDemand, "room", lambda self, seconds: 100 * seconds)
    allowed = []
    encode = OnDemand.encode
    monkeypatch.setattr(
        OnDemand, "encode", lambda self, *args: allowed.append(args[-1]) or encode(self, *args)
    )
    with Searcher.open(long_tree) as searcher:
        ask(searcher, seconds=20.0)
    first, rest = allowed
    assert first == pytest.approx(1.0)
    assert rest > first
