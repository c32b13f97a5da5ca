"""Searching files without an index: on the small data set, whose answers are known by reading it."""

from __future__ import annotations

import pytest

from codesearch import unindexed as plain_text
from codesearch.unindexed import NOTE, PlainText
from indexer.errors import NothingToIndexError
from indexer.records import Mode, SearchRequest


@pytest.fixture
def files(lighthouse):
    return PlainText(lighthouse)


def paths(found):
    return [passage.path for passage in found.passages]


def test_the_window_with_most_of_the_words_comes_first(files):
    found = files.search(SearchRequest("when is the harbour master told"))
    best = found.passages[0]
    assert (best.path, "harbour master" in best.text) == ("docs/failures.md", True)
    assert found.notes == (NOTE,)


def test_a_passage_is_the_files_lines(files, lighthouse):
    for passage in files.search(SearchRequest("lamp oil attempts")).passages:
        lines = (lighthouse / passage.path).read_text().split("\n")
        assert passage.text == "\n".join(lines[passage.start_line - 1 : passage.end_line]) + "\n"
        whole = (lighthouse / passage.path).read_text()
        for match in passage.evidence.matches:
            assert whole[match.start_char : match.end_char] == match.code_word


def test_identifiers_are_split(files):
    assert "keeper.py" in paths(files.search(SearchRequest("maxAttempts")))


def test_filters_hold(files):
    assert paths(files.search(SearchRequest("lamp", languages=("go",)))) == ["beacon.go"]
    assert set(paths(files.search(SearchRequest("lamp", languages=("python",))))) == {"keeper.py", "lamps.py"}
    assert paths(files.search(SearchRequest("lamp", paths=("docs/",)))) == ["docs/failures.md"]
    assert "docs/failures.md" not in paths(files.search(SearchRequest("lamp", paths=("!docs/",))))
    assert paths(files.search(SearchRequest("lamp", regex=r"0\.4 \* hours"))) == ["lamps.py"]
    assert len(files.search(SearchRequest("lamp", k=1)).passages) == 1


def test_expressions_are_read_as_the_engine_reads_them(files):
    assert paths(files.search(SearchRequest("lamp", regex=r"^package \p{Ll}+$"))) == ["beacon.go"]
    assert "beacon.go" in paths(files.search(SearchRequest("lamp", regex=r"^func")))


def test_an_expression_that_takes_for_ever_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_text, "MATCH_SECONDS", 0.05)
    (tmp_path / "slow.txt").write_text("lamp " + "a" * 5000 + "\n")
    found = PlainText(tmp_path).search(SearchRequest("lamp", regex=r"(a|aa)+$b"))
    assert found.passages == []
    assert any("took too long" in note for note in found.notes)


def test_words_that_are_nowhere_find_nothing(files):
    found = files.search(SearchRequest("zeppelin"))
    assert (found.passages, found.notes[0]) == ([], "No file holds these words.")


def test_a_word_of_the_path_counts(files):
    assert paths(files.search(SearchRequest("failures")))[0] == "docs/failures.md"


def test_modes_that_need_vectors_say_so(files):
    assert "needs an index" in files.search(SearchRequest("lamp", mode=Mode.COLBERT)).notes[-1]
    assert "needs an index" in files.similar(files.search(SearchRequest("lamp")).passages[0], 5).notes[0]


def test_definitions_look_like_definitions(files):
    assert paths(files.definitions("Keeper", 5)) == ["keeper.py"]
    assert paths(files.definitions("Sweep", 5)) == ["beacon.go"]
    assert paths(files.definitions("lamp", 5)) == []


def test_status_counts_files(files):
    assert files.status(looks_at_disk=True).n_files == 4


def test_ignored_files_are_ignored(lighthouse):
    (lighthouse / ".codesearchignore").write_text("*.py\n")
    assert set(paths(PlainText(lighthouse).search(SearchRequest("lamp dark beacon")))) == {
        "beacon.go",
        "docs/failures.md",
    }


def test_beyond_the_memory_limit_the_notes_say_so(lighthouse, monkeypatch):
    monkeypatch.setattr(plain_text, "MAX_BYTES", 700)
    found = PlainText(lighthouse).search(SearchRequest("beam lamp"))
    assert "were searched" in found.notes[1]
    assert found.passages


def test_an_empty_folder_is_a_sentence(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(NothingToIndexError, match="no text"):
        PlainText(tmp_path / "nothing").search(SearchRequest("lamp"))


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("parse_config", "parse"),
        ("端口占用", "端口"),
        ("größe", "Größe"),
        ("GRO\u0308SSE", "Größe"),
        ("误", "误"),
    ],
)
def test_words_of_every_script_are_found_in_place(tmp_path, query, word):
    text = "# 端口8080报错误\n# 请调用parse_config函数\n# Größe\n"
    (tmp_path / "a.py").write_text(text)
    (passage,) = PlainText(tmp_path).search(SearchRequest(query)).passages
    assert text[passage.evidence.matches[0].start_char :].startswith(word)
