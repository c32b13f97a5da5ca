"""The read path on a sample repository with the bundled model: what holds whatever the ranking."""

from __future__ import annotations

import os
import re
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from indexer.build import build
from indexer.disk.state_place import state_folder
from indexer.embeddings.embedding_store import NOWHERE
from indexer.errors import IndexCorruptError, IndexMismatchError, IndexMissingError, InputError
from indexer.open_model import OpenModel
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher, recorded_settings
from indexer.settings import BuildSettings, WalkSettings
from indexer.storage.facts import TOTALS
from indexer.storage.full_text import REGIONS
from indexer.storage.manifest import read_manifest, write_manifest
from indexer.storage.single_candidates import SingleVectors

pytestmark = pytest.mark.usefixtures("one_encoder")

QUERIES = (
    "what happens when a job keeps failing",
    "wait longer between attempts",
    "BackoffPolicy",
    "how many jobs may run in one second",
    "claim the next job from the database",
)


@pytest.fixture(scope="module")
def searcher(task_queue):
    with Searcher.open(task_queue) as searcher:
        yield searcher


@pytest.fixture
def own_copy(task_queue, tmp_path):
    """The tree and its index, to be changed."""
    root = tmp_path / "task_queue"
    shutil.copytree(task_queue, root)
    return root


def ask(searcher, query=QUERIES[0], **changes):
    return searcher.search(SearchRequest(query=query, **changes)).hits


def explained(searcher, query, **changes):
    result = searcher.search(SearchRequest(query=query, **changes))
    return [searcher.explain(result, hit) for hit in result.hits]


def path_of(searcher, hit):
    return searcher.chunk(hit.chunk_id).path


def text_of(searcher, hit):
    return searcher.file_text(path_of(searcher, hit))[hit.start_char : hit.end_char]


# --- hits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("query", QUERIES)
def test_hits_are_places_in_files_best_first(searcher, query, mode):
    hits = ask(searcher, query, k=20, mode=mode)
    assert 1 <= len(hits) <= 20
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    assert len({(hit.chunk_id, hit.start_char) for hit in hits}) == len(hits)
    for hit in hits:
        chunk = searcher.chunk(hit.chunk_id)
        assert chunk.start_char <= hit.start_char < hit.end_char <= chunk.end_char
        assert text_of(searcher, hit).strip()


@pytest.mark.parametrize("mode", list(Mode))
def test_fewer_hits_are_the_first_of_more(searcher, mode):
    for query in QUERIES:
        assert ask(searcher, query, k=3, mode=mode) == ask(searcher, query, k=12, mode=mode)[:3]


@pytest.mark.parametrize("mode", list(Mode))
def test_further_hits_are_those_of_a_longer_answer(searcher, mode, monkeypatch):
    few = [searcher.search(SearchRequest(query, k=3, mode=mode)) for query in QUERIES]
    many = [ask(searcher, query, k=50, mode=mode) for query in QUERIES]
    like = searcher.similar("README.md", 3, k=2), searcher.similar("README.md", 3, k=30).hits
    monkeypatch.setattr(searcher, "search", None)
    assert [result.first(50) for result in few] == many
    assert [result.first(2) for result in few] == [result.hits[:2] for result in few]
    assert like[0].first(30) == like[1]
    assert len(like[1]) == 30


def test_the_same_question_has_the_same_answer(searcher, task_queue):
    first = [ask(searcher, query) for query in QUERIES]
    with Searcher.open(task_queue) as another:
        assert [ask(another, query) for query in QUERIES] == first
    assert [ask(searcher, query) for query in QUERIES] == first


def test_each_mode_shows_the_scores_of_its_rankers(searcher):
    def shown(mode):
        hits = ask(searcher, k=5, mode=mode)
        names = ("lexical", "single", "colbert")
        return {name for name in names for hit in hits if getattr(hit.scores, name) is not None}

    assert shown(Mode.HYBRID) == {"lexical", "single", "colbert"}
    assert shown(Mode.SINGLE) == {"single"}
    assert shown(Mode.COLBERT) == {"colbert"}
    assert shown(Mode.LEXICAL) == {"lexical"}


def test_an_identifier_leads_to_its_definition(searcher):
    for mode in (Mode.HYBRID, Mode.LEXICAL):
        best = ask(searcher, "BackoffPolicy", k=1, mode=mode)[0]
        assert path_of(searcher, best) == "millrace/backoff.py"


def test_a_plain_question_finds_its_place(searcher):
    paths = [path_of(searcher, hit) for hit in ask(searcher, "wait longer between attempts", k=3)]
    assert "millrace/backoff.py" in paths


def test_words_that_occur_nowhere_find_nothing_by_words_and_something_by_meaning(searcher):
    assert ask(searcher, "zzyzzx qwrtpl", mode=Mode.LEXICAL) == ()
    assert ask(searcher, "zzyzzx qwrtpl", mode=Mode.COLBERT)


@pytest.mark.parametrize(
    "query",
    ["?!", "的", "a" * 5000, "word " * 3000, 'NEAR("x" AND*', "\x00\x1b[2J", "😀"],
    ids=["marks", "han", "long word", "many words", "syntax", "controls", "emoji"],
)
def test_odd_questions_are_answered_or_not_but_never_fail(searcher, query):
    for mode in Mode:
        ask(searcher, query, k=2, mode=mode)


# --- evidence --------------------------------------------------------------------------------


def test_evidence_words_are_at_their_characters(searcher):
    n_matches = 0
    for query in QUERIES:
        for hit in explained(searcher, query, k=10):
            text = searcher.file_text(path_of(searcher, hit))
            for match in hit.matches:
                n_matches += 1
                assert text[match.start_char : match.end_char] == match.code_word
                assert hit.start_char <= match.start_char < match.end_char <= hit.end_char
                assert match.query_word in query
                assert -1 <= match.similarity <= 1.001
    assert n_matches > 50


@pytest.mark.parametrize("word", ["exponent", "ceiling_seconds", "RetryLater"])
def test_a_word_of_the_code_is_its_own_evidence(searcher, word):
    shown = {match.code_word for hit in explained(searcher, word, k=4) for match in hit.matches}
    assert word in shown


def test_every_row_of_a_text_is_noted_where_its_token_begins(searcher):
    tables, skipped, n_noted = searcher.generation.tables, searcher.generation.tokenizer.skip_ids(), 0
    for position, chunk_id in enumerate(tables.chunk_id.tolist()):
        chunk = searcher.chunk(chunk_id)
        (tokenized,) = searcher.generation.tokenizer.tokenize([chunk])
        chars = tokenized.token_chars[~np.isin(tokenized.input_ids, skipped)]
        expected = (chars[chars[:, 0] >= 0, 0] - chunk.start_char).tolist()
        regions = tables.regions[tables.region_start[position] : tables.region_start[position + 1]]
        first_row, noted = 0, []
        for start, end, end_row in regions.tolist():
            rows = int(tables.segment[position]), int(tables.rows_start[position]) + first_row
            starts = searcher.generation.segments.row_starts(*rows, end_row - first_row).astype(int)
            here = (starts[starts < NOWHERE] + start).tolist()
            assert all(start <= at < end for at in here)
            noted += here
            first_row = end_row
        assert noted == expected, chunk.path
        n_noted += len(noted)
    assert n_noted > 1000


# --- filters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_hits_pass_every_filter(searcher, mode):
    for hit in ask(searcher, k=30, mode=mode, paths=("millrace/", "!worker.py"), regex=r"\bself\b"):
        assert re.match(r"millrace/(?!worker)", path_of(searcher, hit))
        assert "self" in text_of(searcher, hit)
    for hit in ask(searcher, k=30, mode=mode, languages=("sql", "markdown")):
        assert searcher.chunk(hit.chunk_id).language in ("sql", "markdown")
    for hit in ask(searcher, k=30, mode=mode, kinds=("class",)):
        spans = searcher.chunk(hit.chunk_id).spans
        classes = [span for span in spans if span.kind == "class"]
        assert any(s.start_char < hit.end_char and s.end_char > hit.start_char for s in classes)
    assert ask(searcher, mode=mode, paths=("nowhere/",)) == ()


def test_filters_find_what_they_let_through(searcher):
    assert {path_of(searcher, h) for h in ask(searcher, "the tables", languages=("sql",))} == {
        "millrace/schema.sql"
    }
    found = ask(searcher, "retry", k=50, regex=r"class RetryLater\b")
    assert {path_of(searcher, hit) for hit in found} == {"millrace/backoff.py"}


# --- large indexes ---------------------------------------------------------------------------


def test_candidates_of_a_large_index_hold_the_best_of_a_full_scan(searcher, monkeypatch):
    """With the whole index as candidates both ways give the same scores of the rows."""
    whole = {query: ask(searcher, query, k=5) for query in QUERIES}
    monkeypatch.setattr("indexer.retrieve.candidates.FULL_SCAN_ROWS", 0)
    for query in QUERIES:
        found = ask(searcher, query, k=5)
        assert found[0].chunk_id == whole[query][0].chunk_id
        for mode in Mode:
            assert ask(searcher, query, k=5, mode=mode)


def test_filters_reach_beyond_the_first_matches(searcher, monkeypatch):
    monkeypatch.setattr("indexer.retrieve.candidates.FULL_SCAN_ROWS", 0)
    monkeypatch.setattr("indexer.retrieve.candidates.LEXICAL_REGIONS", 1)
    monkeypatch.setattr("indexer.retrieve.candidates.SINGLE_ROWS", 1)
    for mode in (Mode.HYBRID, Mode.LEXICAL, Mode.SINGLE):
        found = ask(searcher, "job", mode=mode, paths=("README.md",))
        assert {path_of(searcher, hit) for hit in found} == {"README.md"}, mode


def test_token_rows_alone_find_in_a_large_index_too(searcher, monkeypatch):
    """A model without single vectors: words name the candidates, rows rank them."""
    monkeypatch.setattr("indexer.retrieve.candidates.FULL_SCAN_ROWS", 0)
    encoder = searcher.generation.query_encoder
    real = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda query, also: replace(real(query), single=None))
    monkeypatch.setattr(SingleVectors, "is_empty", True)
    hits = ask(searcher, "claim the next job", mode=Mode.COLBERT)
    assert len(hits) == 10
    assert {(hit.scores.lexical, hit.scores.single) for hit in hits} == {(None, None)}


@pytest.mark.parametrize(("mode", "head"), [(Mode.SINGLE, "single"), (Mode.COLBERT, "rows")])
def test_a_mode_that_the_model_does_not_serve_is_refused(task_queue, mode, head):
    with Searcher.open(task_queue) as searcher:
        searcher.generation.model = OpenModel(replace(searcher.generation.checkpoint, **{head: None}))
        with pytest.raises(InputError, match=f"makes no vectors for mode {mode}; use hybrid"):
            ask(searcher, mode=mode)


def test_faiss_and_exact_single_vectors_give_the_same_hits(searcher, own_copy):
    report = build(own_copy, BuildSettings(vectors="faiss"))
    assert report.n_encoded_chunks == 0
    with Searcher.open(own_copy) as faiss:
        assert faiss.status().settings["vectors"] == "faiss"
        for query in QUERIES:
            wanted = ask(searcher, query, mode=Mode.SINGLE)
            found = ask(faiss, query, mode=Mode.SINGLE)
            assert [hit.start_char for hit in found] == [hit.start_char for hit in wanted]
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-3)


# --- similar, reading, status ----------------------------------------------------------------


def test_similar_code_is_elsewhere(searcher):
    path = "tests/test_backoff.py"
    span = next(entry.span for entry in searcher.outline(path) if entry.span.kind == "function")
    result = searcher.similar(path, span.start_line, k=5)
    assert 1 <= len(result.hits) <= 5
    for hit in result.hits:
        if path_of(searcher, hit) == path:
            assert hit.end_char <= span.start_char or hit.start_char >= span.end_char
    assert path not in {path_of(searcher, hit) for hit in searcher.similar(path, None, k=5).hits}


def test_similar_has_as_many_hits_as_asked_for_and_none_of_its_own(searcher):
    for path in ("millrace/storage.py", "README.md", "millrace/schema.sql"):
        whole = searcher.similar(path, None, k=15)
        assert len(whole.hits) == 15
        assert path not in {path_of(searcher, hit) for hit in whole.hits}
        text = searcher.file_text(path)
        for line in (1, text.count("\n") // 2):
            result = searcher.similar(path, line, k=15)
            assert len(result.hits) == 15
            start = len("".join(text.splitlines(keepends=True)[: line - 1]))
            same = [h for h in result.hits if path_of(searcher, h) == path]
            assert not [h for h in same if h.start_char <= start < h.end_char]


def test_similar_of_what_is_not_there_is_refused(searcher):
    with pytest.raises(InputError, match=r"nowhere\.py is not in the index"):
        searcher.similar("nowhere.py", 1)
    with pytest.raises(InputError, match=r"has lines 1 to \d+; line 100000 is not"):
        searcher.similar("millrace/job.py", 100_000)
    with pytest.raises(InputError, match="line 0 is not"):
        searcher.similar("millrace/job.py", 0)


def test_outline_is_of_one_file_or_of_all_below_a_folder(searcher):
    everything = searcher.outline()
    inside = searcher.outline("millrace")
    assert {entry.path for entry in inside} < {entry.path for entry in everything}
    assert inside == searcher.outline("millrace/")
    assert all(entry.path.startswith("millrace/") for entry in inside)
    assert searcher.outline("mill") == ()
    names = [entry.span.name for entry in searcher.outline("millrace/backoff.py")]
    assert names[:3] == ["BackoffPolicy", "BackoffPolicy.pause_after", "BackoffPolicy.next_start"]


def test_files_are_as_on_disk(searcher, task_queue):
    assert len(searcher.paths()) == searcher.status().n_files == 17
    for path in searcher.paths():
        assert searcher.file_text(path).encode() == (task_queue / path).read_bytes()
    assert searcher.file_text("nowhere.py") is None


def test_status_counts_what_there_is(searcher, task_queue):
    status = searcher.status()
    assert status.root == task_queue.resolve()
    assert status.model == "codesearch-edge"
    assert sum(status.languages.values()) == status.n_files
    assert status.n_spans == len(searcher.outline())
    assert status.n_rows > status.n_tokens // 2
    assert status.n_bytes_on_disk > 34 * status.n_rows
    assert (status.skipped, status.problems) == ((), ())
    assert not status.stale


def test_what_the_build_did_not_note_is_said_and_not_a_traceback(task_queue, monkeypatch):
    with Searcher.open(task_queue) as searcher:
        noted = searcher.generation.store.facts()
        for name in ("n_files", "built_at_ns"):
            monkeypatch.setattr(searcher.generation.store, "facts", lambda name=name: {**noted, name: "many"})
            with pytest.raises(IndexCorruptError, match=f"lacks its fact {name}; rebuild"):
                searcher.status()
            monkeypatch.setattr(searcher.generation.store, "facts", lambda: {})
            with pytest.raises(IndexCorruptError, match="lacks its fact"):
                _ = searcher.facts
        kept = {name: noted[name] for name in (*TOTALS, "built_at_ns")}
        monkeypatch.setattr(searcher.generation.store, "facts", lambda: kept)
        status = searcher.status()
    assert (status.commit, status.n_redacted, status.settings["max_file_bytes"]) == ("", 0, "1000000")


def test_recorded_settings_are_read_without_the_tables(own_copy, monkeypatch):
    settings = BuildSettings(vectors="exact", walk=WalkSettings(max_file_bytes=5000, include_hidden=True))
    build(own_copy, settings)
    monkeypatch.setattr("indexer.open_generation.load_tables", None)
    assert recorded_settings(own_copy) == settings
    (own_copy / "elsewhere").mkdir()
    with pytest.raises(IndexMissingError):
        recorded_settings(own_copy / "elsewhere")


def test_freshness_names_what_changed(own_copy):
    with Searcher.open(own_copy) as searcher:
        assert not searcher.freshness(60.0)
        (own_copy / "millrace/job.py").write_text("x = 1\n")
        (own_copy / "millrace/worker.py").unlink()
        (own_copy / "fresh.py").write_text("y = 2\n")
        stale = searcher.freshness(60.0)
    assert (stale.changed, stale.added, stale.deleted) == (
        ("millrace/job.py",), ("fresh.py",), ("millrace/worker.py",),
    )  # fmt: skip


def test_threads_share_an_open_index(searcher):
    wanted = {query: ask(searcher, query) for query in QUERIES}
    wrong = []

    def work(offset):
        for i in range(6):
            query = QUERIES[(offset + i) % len(QUERIES)]
            if ask(searcher, query) != wanted[query]:
                wrong.append(query)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- opening ---------------------------------------------------------------------------------


def test_no_index_and_a_broken_one_say_what_to_do(own_copy, tmp_path):
    with pytest.raises(IndexMissingError, match="codesearch index"):
        Searcher.open(tmp_path)
    manifest = read_manifest(state_folder(own_copy))
    database = state_folder(own_copy) / "generations" / manifest.generation / "index.db"
    os.truncate(database, 5000)
    with pytest.raises(IndexCorruptError, match="doctor --repair"):
        Searcher.open(own_copy)


def test_another_version_of_the_model_is_refused(own_copy):
    manifest = read_manifest(state_folder(own_copy))
    write_manifest(state_folder(own_copy), replace(manifest, model_fingerprint="0" * 64))
    with Searcher.open(own_copy) as searcher, pytest.raises(IndexMismatchError, match="model_fingerprint"):
        ask(searcher)


def test_the_full_text_table_has_a_row_a_region(searcher):
    (n_rows,) = searcher.generation.store.query(f"SELECT count(*) FROM {REGIONS}_docsize")[0]
    assert n_rows == len(searcher.generation.tables.regions)
    assert np.array_equal(searcher.generation.tables.chunk_id, np.unique(searcher.generation.tables.chunk_id))


# --- long queries ----------------------------------------------------------------------------


def python_traceback(root, path, name):
    """A long traceback through other people's code whose innermost frame is in the tree."""
    frames = [
        f'  File "/usr/lib/python3/site-packages/web/l{n}.py", line {n}, in dispatch_{n}\n    call_{n}(x)'
        for n in range(60)
    ]
    text = (root / path).read_text()
    line = text[: text.index(f"def {name}")].count("\n") + 2
    frames.append(f'  File "/app/{path}", line {line}, in {name}\n    {text.splitlines()[line].strip()}')
    return "Traceback (most recent call last):\n" + "\n".join(frames) + "\nKeyError: 'x'\n"


def test_the_last_frame_of_a_traceback_counts(searcher, task_queue):
    query = python_traceback(task_queue, "millrace/backoff.py", "pause_after")
    result = searcher.search(SearchRequest(query=query))
    assert path_of(searcher, result.hits[0]) == "millrace/backoff.py"
    assert result.used is not None
    assert "pause_after" in result.used.text
    assert {"pause", "backoff"} <= set(result.used.words)


def test_a_question_behind_a_lock_file_counts(searcher):
    lock = "".join(f'+package{n} = "sha256:{n:064x}"\n' for n in range(200))
    query = f"diff --git a/poetry.lock b/poetry.lock\n+++ b/poetry.lock\n@@ -1 +1 @@\n{lock}"
    query += (
        "diff --git a/x.py b/x.py\n+++ b/x.py\n@@ -1 +1 @@\n+ wait longer between attempts: BackoffPolicy\n"
    )
    assert "backoff" in path_of(searcher, ask(searcher, query)[0])


def test_words_that_the_name_of_the_folder_hides_are_known(searcher):
    assert searcher.search(SearchRequest(query="zzqx queue")).has_words
    long = " ".join(f"zz{chr(97 + n % 26)}q{chr(97 + n // 26)}x" for n in range(100))
    assert not searcher.search(SearchRequest(query=long)).has_words


def test_a_licence_is_not_what_is_compared(own_copy):
    licence = "# Copyright 2020 Someone\n# Licensed under the Apache License, Version 2.0\n" * 60
    for name in ("millrace/worker.py", "millrace/throttle.py"):
        path = own_copy / name
        if path.exists():
            path.write_text(licence + "\n" + path.read_text())
    (own_copy / "again.py").write_text(licence + (own_copy / "millrace/backoff.py").read_text())
    build(own_copy, BuildSettings())
    with Searcher.open(own_copy) as searcher:
        hits = searcher.similar("again.py", None).hits
        assert path_of(searcher, hits[0]) == "millrace/backoff.py"
