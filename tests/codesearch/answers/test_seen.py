from __future__ import annotations

import pytest

from codesearch.answers.seen import Seen
from codesearch.api import CodeIndex
from indexer.errors import InputError, StorageError


def test_an_answer_is_not_given_twice(index):
    seen = Seen()
    first = index.find("plane gamma", k=1, seen=seen)
    second = index.find("plane gamma", k=1, seen=seen)
    third = index.find("plane gamma", k=1, seen=seen)
    assert [p.symbol for p in (*first.passages, *second.passages)] == ["Circle.area", ""]
    assert third.passages == ()
    assert {o.reason for o in third.omitted} == {"seen"}
    assert third.notes == ("Everything that answers was shown before; leave --seen out to see it again.",)


def test_only_shown_lines_count(index, words):
    seen = Seen()
    index.context("step_100", 60, tokenizer=words, seen=seen)
    again = index.context("step_190", 60, tokenizer=words, seen=seen)
    assert "step_190 = start + 190" in again.text


def test_a_changed_file_is_new_again(shapes, tmp_path):
    seen = Seen()
    index = CodeIndex(tmp_path, shapes)
    assert index.search("alpha", seen=seen)
    shapes.files["notes.txt"] += "one more line\n"
    assert index.search("alpha", seen=seen)
    assert not index.search("alpha", seen=seen)


def test_the_memory_survives_in_a_file(index, tmp_path):
    path = tmp_path / "seen.json"
    seen = Seen.load(path)
    index.search("plane", seen=seen)
    seen.save(path)
    assert index.search("plane", seen=Seen.load(path)) == []
    assert path.read_text().startswith('{"schema": 1, "shown": {"shapes.py@')


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 2}', '{"schema": 1, "shown": {"a": [1]}}', "[" * 100_000]
)
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "seen.json"
    path.write_text(content)
    with pytest.raises(InputError, match="is not a --seen file"):
        Seen.load(path)


def test_a_memory_that_cannot_be_written(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        Seen().save(tmp_path / "nowhere" / "seen.json")
