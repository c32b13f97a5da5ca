"""The table of languages and how files find their row."""

from __future__ import annotations

import pytest

from indexer.languages import LANGUAGES, TEXT, canonical, is_code, knows, language_of
from indexer.reading.documents.registry import READERS


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a/b.py", "", "python"),
        ("A.PY", "", "python"),
        ("types.d.ts", "", "typescript"),
        ("app.tsx", "", "tsx"),
        ("x.h", "int add(int);\n", "c"),
        ("x.h", "#pragma once\nnamespace a {\n", "cpp"),
        ("x.h", "class A {\n public:\n", "cpp"),
        ("x.m", "#import <Foundation/Foundation.h>\n", "objc"),
        ("x.m", "function y = f(x)\n", "matlab"),
        ("Makefile", "", "make"),
        ("Dockerfile.dev", "", "dockerfile"),
        ("CMakeLists.txt", "", "cmake"),
        ("notes.txt", "", "text"),
        ("run", "#!/usr/bin/env python3.11\nx", "python"),
        ("run", "#!/bin/sh -e\n", "bash"),
        ("run", "#! /usr/bin/env -S node --harmony\n", "javascript"),
        ("run", "#!/usr/local/bin/unknown\n", TEXT),
        ("run.py", "#!/bin/sh\n", "python"),
        ("LICENSE", "", TEXT),
        ("no_suffix", "", TEXT),
        ("strange.qqq", "", TEXT),
        (".py", "", TEXT),
        ("", "", TEXT),
        ("a.", "", TEXT),
        ("script.R", "", "r"),
    ],
)
def test_files_find_their_language(path: str, head: str, expected: str) -> None:
    assert language_of(path, head) == expected


def test_no_suffix_name_shebang_or_alias_stands_in_two_rows() -> None:
    for column in ("suffixes", "file_names", "shebangs"):
        entries = [entry for row in LANGUAGES.values() for entry in getattr(row, column)]
        assert len(entries) == len(set(entries)), column
        assert all(entry == entry.lower() for entry in entries)
    names = [name for row in LANGUAGES.values() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))
    assert all(suffix.startswith(".") for row in LANGUAGES.values() for suffix in row.suffixes)


def test_names_and_aliases_are_known_in_any_case() -> None:
    assert knows("Python")
    assert knows("c++")
    assert not knows("klingon")
    assert not knows("")
    assert canonical("JS") == "javascript"
    assert canonical("rust") == "rust"
    with pytest.raises(KeyError):
        canonical("klingon")


def test_code_prose_and_data_are_told_apart() -> None:
    assert is_code("python")
    assert is_code("vue")
    assert not is_code("markdown")
    assert not is_code("json")
    assert not is_code(TEXT)


def test_every_language_that_was_promised_symbols_has_a_grammar() -> None:
    promised = """
        python javascript typescript tsx go java rust c cpp csharp ruby php kotlin scala swift elixir haskell
        lua zig bash sql r
    """
    assert all(LANGUAGES[name].grammar for name in promised.split())
    assert LANGUAGES["markdown"].headings
    assert LANGUAGES["rst"].headings


def test_documents_have_rows_too() -> None:
    assert {reader.language for reader in READERS} <= set(LANGUAGES)
