from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

import codesearch
from codesearch.api import CodeIndex
from codesearch.locate import find_root
from codesearch.render.passages import render
from indexer.errors import IndexMissingError, InputError
from indexer.records import QueryUsed, StaleFiles


def test_the_public_names():
    assert sorted(codesearch.__all__) == codesearch.__all__
    for name in codesearch.__all__:
        assert getattr(codesearch, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = codesearch.nonsense


def test_search_is_find_without_its_surroundings(index):
    findings = index.find("plane sides", k=2)
    assert index.search("plane sides", k=2) == list(findings.passages)
    assert [p.symbol for p in findings.passages] == ["Circle.area"]
    assert findings.n_tokens == sum(p.n_tokens for p in findings.passages)
    assert (findings.index.n_files, findings.index.n_skipped) == (3, 1)


def test_more_hits_are_taken_until_k_passages_stand_and_nothing_is_searched_twice(fake, tmp_path):
    searcher = fake({"log.txt": "def needle\n" * 300, "other.txt": "one def needle\n"})
    index = CodeIndex(tmp_path, searcher)
    for answer in (index.find("needle", k=2), index.similar("log.txt", k=2)):
        assert [p.path for p in answer.passages] == ["log.txt", "other.txt"]
    assert [request.k for request in searcher.requests] == [40, 40]
    assert [file.path for file in index.files("needle", k=2)] == ["log.txt", "other.txt"]
    assert {p.path for p in index.context("needle", 4000).passages} == {"log.txt", "other.txt"}
    assert len(searcher.requests) == 4


def test_a_hit_is_explained_once(fake, tmp_path):
    searcher = fake({"log.txt": "needle\n" * 300, "other.txt": "one needle\n"})
    explained = []
    searcher.explain = lambda result, hit: explained.append(hit) or hit
    CodeIndex(tmp_path, searcher).find("needle", k=2)
    assert len(explained) == len(set(explained)) > 40


def test_a_budget_that_fits_nothing_says_so(index, words):
    findings = index.find("plane", budget_tokens=1, tokenizer=words)
    assert findings.passages == ()
    assert findings.notes == ("No passage fits into 1 token; raise the budget.",)


def test_an_answer_that_shares_no_word_with_the_query_says_so(fake, tmp_path):
    searcher = fake({"notes.txt": "alpha\n"})
    search = searcher.search
    searcher.search = lambda request: replace(search(request), has_words=False)
    found = CodeIndex(tmp_path, searcher).find("alpha")
    assert [p.path for p in found.passages] == ["notes.txt"]
    assert found.notes == (
        "No indexed text has a word of the query; these passages are only the closest matches.",
    )
    assert CodeIndex(tmp_path, searcher).files("alpha").notes == found.notes
    nothing = CodeIndex(tmp_path, searcher).find("beta")
    assert nothing.notes == ("Nothing in the index answers the query.",)


def test_an_answer_of_which_the_index_knows_little_is_weak(fake, tmp_path):
    searcher = fake({"notes.txt": "alpha\n"})
    search = searcher.search
    searcher.search = lambda request: replace(search(request), is_weak=True)
    found = CodeIndex(tmp_path, searcher).find("alpha")
    assert found.is_weak
    assert found.notes == (
        "Little of the query is in this index; these passages are only the closest matches.",
    )
    assert not CodeIndex(tmp_path, fake({"notes.txt": "alpha\n"})).find("alpha").is_weak


def test_passages_below_the_threshold_are_left_out(fake, tmp_path):
    searcher = fake({f"{name}.txt": f"alpha {name}\n" for name in "abc"})
    search, sure = searcher.search, (0.9, 0.5, 0.2)

    def with_confidence(request):
        hits = search(request).hits
        hits = tuple(replace(hit, confidence=each) for hit, each in zip(hits, sure, strict=False))
        return replace(search(request), hits=hits, first=lambda n: hits[:n])

    searcher.search = with_confidence
    index = CodeIndex(tmp_path, searcher)
    kept = {value: [p.confidence for p in index.find("alpha", threshold=value)] for value in (0, 0.5, 0.8)}
    assert kept == {0: [0.9, 0.5, 0.2], 0.5: [0.9, 0.5], 0.8: [0.9]}
    assert len(index.files("alpha", threshold=0.5)) == 2
    nothing = index.find("alpha", threshold=0.95)
    assert nothing.notes == (
        "No passage has a confidence of 0.95; the best has 0.90. Lower the threshold, or ask in other words.",
    )


def test_what_does_not_count_of_a_long_query_is_said(fake, tmp_path):
    searcher = fake({"notes.txt": "alpha\n"})
    search, used = searcher.search, QueryUsed("alpha", ("alpha", "beta"), 812, 1900)
    searcher.search = lambda request: replace(search(request), used=used, has_words=False)
    found = CodeIndex(tmp_path, searcher).find("alpha")
    assert found.query_used == used
    assert found.notes[1:] == (
        "Too long to be compared whole: of 812 different words the 2 most telling were looked up,"
        " and of 1,900 tokens the model read the most telling lines.",
    )
    assert json.loads(render(found, "json"))["query_used"] == {
        "text": "alpha", "words": ["alpha", "beta"], "n_words": 812, "n_tokens": 1900,
    }  # fmt: skip
    assert CodeIndex(tmp_path, searcher).context("alpha", 100).notes == found.notes


def test_similar_needs_an_indexed_file(index):
    assert index.similar("shapes.py", 12, k=2).query == "shapes.py:12"
    with pytest.raises(InputError):
        index.similar("nowhere.py")


def test_files_are_ranked_once_each(index):
    assert [file.path for file in index.files("plane sides alpha")] == ["shapes.py", "notes.txt"]
    assert [file.path for file in index.files("plane sides alpha", k=1)] == ["shapes.py"]


def test_outline_of_a_file_and_of_all(index):
    assert [entry.span.name for entry in index.outline("shapes.py")][:2] == ["Circle", "Circle.__init__"]
    assert {entry.path for entry in index.outline()} == {"shapes.py", "long.py"}
    with pytest.raises(InputError, match="shape is not in the index"):
        index.outline("shape")


def test_read_gives_indexed_lines(index):
    assert index.read("notes.txt", 2, 4) == "beta\n\ngamma ray\n"
    assert index.read("notes.txt") == "alpha\nbeta\n\ngamma ray\n"
    assert index.read("notes.txt", 4, 99) == "gamma ray\n"
    for path, start, end in [
        ("nowhere", 1, 1),
        ("../notes.txt", 1, 1),
        ("notes.txt", 5, 9),
        ("notes.txt", 3, 2),
    ]:
        with pytest.raises(InputError):
            index.read(path, start, end)


def test_what_is_stale_is_marked_and_noted(shapes, tmp_path):
    shapes.stale = StaleFiles(changed=("shapes.py",), added=("new.py",), complete=False)
    findings = CodeIndex(tmp_path, shapes).find("plane alpha")
    assert [(p.path, p.stale) for p in findings.passages] == [("shapes.py", True), ("notes.txt", False)]
    assert findings.notes[-1].startswith("The index is out of date by at least 2 files (1 changed, 1 added);")


def test_an_answer_reads_no_full_status(shapes, tmp_path):
    facts = shapes.facts
    shapes.__class__ = type("Cheap", (type(shapes),), {"facts": facts, "n_skipped": 1, "status": None})
    index = CodeIndex(tmp_path, shapes)
    assert index.search("plane alpha")
    assert (index.state().n_files, index.state().n_skipped) == (3, 1)


def test_an_empty_index_says_so(fake, tmp_path):
    findings = CodeIndex(tmp_path, fake({})).find("x")
    assert findings.notes == (
        "The index is empty: no file was indexed; `codesearch status --skipped` lists the reasons.",
    )


def test_a_closed_index_says_so(shapes, tmp_path):
    with CodeIndex(tmp_path, shapes) as index:
        pass
    assert shapes.closed
    with pytest.raises(InputError, match="This index is closed"):
        index.search("x")
    index.close()


def test_threads_take_turns(index):
    expected = index.search("plane sides")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(index.search("plane sides"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 8


def test_the_nearest_index_above_is_found(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(IndexMissingError):
        find_root(tmp_path / "a" / "b")
    for folder in (tmp_path, tmp_path / "a"):
        (folder / ".codesearch").mkdir()
        (folder / ".codesearch" / "manifest.json").write_text("{}")
    assert find_root(tmp_path / "a" / "b") == tmp_path / "a"
    assert find_root(tmp_path) == tmp_path


def test_scores_and_places_do_not_depend_on_the_counter(index, words):
    plain = index.search("plane sides alpha")
    counted = index.search("plane sides alpha", tokenizer=words)
    assert [replace(p, n_tokens=0) for p in plain] == [replace(p, n_tokens=0) for p in counted]
