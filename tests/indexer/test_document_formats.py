from __future__ import annotations

from importlib import import_module

from indexer import path_roles
from indexer.document_formats import (
    DOCUMENT_FORMATS,
    DOCUMENT_SUFFIXES,
    PROSE_SUFFIXES,
    is_document_name,
    is_prose_name,
)
from indexer.languages import LANGUAGES, language_of
from indexer.reading.documents.read_document import format_read


def test_a_row_alone_makes_a_format_known_to_languages_readers_and_walk() -> None:
    for row in DOCUMENT_FORMATS:
        assert not LANGUAGES[row.language].is_code
        for suffix in row.suffixes:
            assert language_of(f"a{suffix}", "") == row.language
            assert format_read(f"a{suffix}") == (row if row.reader else None)
            assert not path_roles.is_binary_name(f"a{suffix}")
        for suffix in row.other_suffixes:
            assert LANGUAGES[row.language].suffixes.count(suffix) == 1
            assert format_read(f"a{suffix}") is None


def test_every_reader_is_there() -> None:
    for row in DOCUMENT_FORMATS:
        if row.reader:
            module, function = row.reader.split(".")
            assert callable(getattr(import_module(f"indexer.reading.documents.{module}"), function))


def test_suffixes_tell_documents_and_prose() -> None:
    assert {".md", ".pdf"} < DOCUMENT_SUFFIXES
    assert ".pdf" not in PROSE_SUFFIXES
    assert is_document_name("Manual.PDF")
    assert not is_document_name("pdf.py")
    assert is_prose_name("README.md")
    assert not is_prose_name("manual.pdf")
