"""Files made to break a grammar are read all the same; tests/benchmarks/reliability.py tries many more."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.languages import LANGUAGES
from indexer.reading.parse import parse
from indexer.reading.read_file import ReadFile, read_file
from indexer.records import FoundFile, SourceFile
from indexer.settings import BuildSettings
from tests.reliability.fuzzing import check_span
from tests.reliability.hostile_texts import hostile_texts

GRAMMARS = sorted(row.name for row in LANGUAGES.values() if row.grammar)


@pytest.mark.parametrize("language", GRAMMARS)
def test_hostile_texts_give_sound_spans_or_a_reason(language: str) -> None:
    for hostile in hostile_texts(6, max_chars=6_000, seed=GRAMMARS.index(language)):
        text = hostile.text
        parsed = parse(SourceFile("a", text, language, "", len(text)), seconds=0.3)
        assert not (parsed.spans and parsed.problem), hostile.kind
        for span in parsed.spans:
            check_span(span, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [("Deep.java", "%w(" * 13_333), ("Nested.kt", "val x = " + '"${' * 2_800)],
    ids=["memory", "crash"],
)
def test_files_that_killed_a_build_are_indexed_as_text(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    read = read_file(tmp_path, FoundFile(name, len(text), 1), BuildSettings())
    assert isinstance(read, ReadFile)
    assert read.source.text == text
    assert read.parsed.spans == ()
    assert "crashed the parser or took more than" in read.parsed.problem
    assert read.parsed.problem.endswith("; indexed as text")
