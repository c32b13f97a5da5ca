"""The table of languages and how files find their row."""

from __future__ import annotations

import pytest

from indexer.languages import LANGUAGES, TEXT, canonical, is_code, knows, language_of


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
        ("x.h", "/* " + "licence " * 400 + "*/\nstruct D : B {\n  int x;\n};\n", "cpp"),
        ("x.h", "/* of class and namespace:\nclass A {};\n*/\nint f(void);\n", "c"),
        ("x.h", '#ifdef __cplusplus\nextern "C" {\nclass A;\n#endif\nstruct s { unsigned virtual; };\n', "c"),
        ("x.h", "static inline int f(int a) { if (a & MASK) { return 1; } return 0; }\n", "c"),
        ("x.h", "struct s { unsigned a : 3; };\n", "c"),
        ("x.h", "#include <vector>\nint f(int);\n", "cpp"),
        ("x.h", "#import <UIKit/UIKit.h>\n@interface A : NSObject\n@end\n", "objc"),
        ("x.m", "#import <Foundation/Foundation.h>\n", "objc"),
        ("x.m", "/* function */\n@implementation A\n@end\n", "objc"),
        ("x.pp", "class ntp {\n  package { 'ntp': }\n}\n", "puppet"),
        ("x.pp", "unit Main;\ninterface\nend.\n", "pascal"),
        ("x.pl", "parent(tom, bob).\nchild(X, Y) :- parent(Y, X).\n", "prolog"),
        ("x.pl", "use strict;\nmy $x = 1;\n", "perl"),
        ("x.v", "Require Import Arith.\nLemma a : 1 = 1.\nProof. reflexivity. Qed.\n", "coq"),
        ("x.v", "module main\n\nfn main() {\n}\n", "vlang"),
        ("x.v", "module counter(input clk);\nendmodule\n", "verilog"),
        ("de.ts", '<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS version="2.1">\n', "xml"),
        ("x.ts", "export const a = 1\n", "typescript"),
        ("X.cls", "VERSION 1.0 CLASS\nBEGIN\n", "vb"),
        ("X.cls", "public with sharing class X {\n}\n", "apex"),
        ("x.cls", "\\NeedsTeXFormat{LaTeX2e}\n", "latex"),
        ("x.d", "main.o: main.c main.h\n", "make"),
        ("x.d", "module main;\nvoid main() {}\n", "d"),
        ("x.fs", "#version 330\nout vec4 color;\n", "glsl"),
        ("x.fs", "module A\nlet x = 1\n", "fsharp"),
        ("x.t", "use Test::More;\nok(1);\n", "perl"),
        ("x.t", "Section one\n", "text"),
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
