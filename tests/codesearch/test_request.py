from __future__ import annotations

import re
from pathlib import Path

import pathspec
import pytest
import regex
from pathspec.patterns.gitignore import spec as gitignore

import indexer.reading
from codesearch.choices import KINDS, MODES
from codesearch.request import make_request, own_globs, place_of, within_folder
from indexer.errors import InputError
from indexer.records import Mode, SearchRequest
from indexer.retrieve import expressions, globs
from indexer.retrieve.globs import PathGlobs


def test_a_request_is_checked_and_normalised():
    request = make_request(
        "  x ", k=3, mode="single", languages=["py"], paths=["*.py"], regex="a+", kinds=["class"]
    )
    assert (request.query, request.k, request.mode) == ("x", 3, Mode.SINGLE)
    assert (request.languages, request.paths, request.regex, request.kinds) == (
        ("python",),
        ("*.py",),
        "a+",
        ("class",),
    )


def test_kinds_and_modes_are_the_engines():
    grammars = Path(indexer.reading.__file__).parent / "grammars"
    captured = {
        name
        for file in grammars.glob("*.scm")
        for name in re.findall(r"@([a-z]+)\b", file.read_text("utf-8"))
    }
    of_code = captured - {"name", "doc", "title", "scope", "replaces"}
    assert len(of_code) >= 12
    assert set(KINDS) == of_code | {"section", "page", "cell", "table"} | {"code", "docs"}
    assert tuple(Mode) == MODES


def test_a_request_is_checked_too_and_what_stands_beside_it_replaces_its_fields():
    asked = SearchRequest("  x ", k=3, languages=("py",), regex="a+")
    request = make_request(asked, 5, mode="lexical", regex=None)
    assert request == SearchRequest("x", k=5, mode=Mode.LEXICAL, languages=("python",))
    assert make_request(asked).k == 3
    with pytest.raises(InputError, match="must be from 1 to 1,000, not 0"):
        make_request(SearchRequest("x", k=0))


def test_a_threshold_is_a_confidence():
    assert [make_request("x", threshold=value).threshold for value in (0, 0.25, 1)] == [0, 0.25, 1]
    assert make_request(SearchRequest("x", threshold=0.5)).threshold == 0.5
    for value in (-0.1, 1.01, float("nan")):
        with pytest.raises(InputError, match="a confidence from 0 to 1, not"):
            make_request("x", threshold=value)


def test_patterns_are_compiled_once(monkeypatch):
    make_request("x", paths=["only/once/*.py"], regex="only (once)+")
    monkeypatch.setattr(regex, "compile", None)
    monkeypatch.setattr(gitignore, "GitIgnoreSpecPattern", None)
    make_request("y", paths=["only/once/*.py", "!only/once/*.py"], regex="only (once)+")
    assert expressions.compile_expression("only (once)+").search("only onceonce")
    assert globs.PathGlobs(["only/once/*.py"]).passes("only/once/a.py")


def test_undecodable_arguments_are_replaced():
    assert make_request("caf\udce9", k=1).query == "caf?"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": ""}, "The query is empty"),
        ({"query": "x" * 100_001}, "has 100,001 characters"),
        ({"k": 0}, r"must be from 1 to 1,000, not 0"),
        ({"k": 1001}, "not 1001"),
        ({"mode": "x"}, "Unknown mode 'x'; use one of hybrid, single, colbert, lexical"),
        ({"languages": "python"}, "`languages` is a list of strings"),
        ({"paths": ["!"]}, "is empty or broken"),
        ({"paths": ["a\nb"]}, "is empty or broken"),
        ({"paths": ["*.py", "!a\\"]}, r"path pattern '!a.* is empty or broken"),
        ({"paths": ["a/../../b"]}, "leaves the indexed folder"),
        ({"regex": "["}, "is broken"),
        ({"regex": "(" * 5000}, "regular expression"),
        ({"regex": "((a{999}){999}){999}"}, "more than 50,000 parts"),
        ({"regex": "(?:(?:a?){1000}){1000}b"}, "more than 50,000 parts"),
        ({"languages": ["python", "klingon"]}, "Unknown language 'klingon'"),
        ({"kinds": ["nonsense"]}, "Unknown kind 'nonsense'"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        make_request(**{"query": "x", "k": 1, **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "globs", "matching"),
    [
        ("", ["*.py"], {"a.py", "src/a.py", "src/deep/a.py", "[x]/a.py"}),
        ("src", [], {"src/a.py", "src/deep/a.py", "src/b.go"}),
        ("src", ["*.py"], {"src/a.py", "src/deep/a.py"}),
        ("src", ["/a.py"], {"src/a.py"}),
        ("src", ["deep/*"], {"src/deep/a.py"}),
        ("src", ["!*.py"], {"src/b.go"}),
        ("src", ["*.py", "!deep/"], {"src/a.py"}),
        ("[x]", ["*.py"], {"[x]/a.py"}),
    ],
)
def test_patterns_are_relative_to_the_folder_named(folder, globs, matching):
    paths = ["a.py", "src/a.py", "src/deep/a.py", "src/b.go", "[x]/a.py", "x/src/a.go"]
    patterns = within_folder(folder, globs)
    included = [glob for glob in patterns if not glob.startswith("!")]
    excluded = [glob[1:] for glob in patterns if glob.startswith("!")]
    wanted, unwanted = (pathspec.GitIgnoreSpec.from_lines(lines) for lines in (included, excluded))
    assert {p for p in paths if wanted.match_file(p) and not unwanted.match_file(p)} == matching


ROOT = Path("/home/tree")
KNOWN = {"a.py", "src/b.ts", "caf\u00e9.py", "odd:3", "web/[id]/page.tsx"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a.py", ("a.py", None, None)),
        ("./src/b.ts", ("src/b.ts", None, None)),
        ("/home/tree/src/b.ts", ("src/b.ts", None, None)),
        ("a.py:1-2", ("a.py", 1, 2)),
        ("a.py:12", ("a.py", 12, None)),
        ("src/b.ts:1:5", ("src/b.ts", 1, None)),
        ("src/b.ts:1:5:", ("src/b.ts", 1, None)),
        ("./a.py#L3-L9", ("a.py", 3, 9)),
        ("[3] a.py:1-2", ("a.py", 1, 2)),
        ("cafe\u0301.py", ("caf\u00e9.py", None, None)),
        ("src\\b.ts", ("src/b.ts", None, None)),
        ("odd:3", ("odd:3", None, None)),
        ("odd:3:4-5", ("odd:3", 4, 5)),
        (".", ("", None, None)),
        ("src/", ("src", None, None)),
        ("../a.py", ("../a.py", None, None)),
        ("/etc/passwd:1", ("/etc/passwd", 1, None)),
    ],
)
def test_a_place_is_read_as_it_is_written(text, place):
    found = place_of(text, ROOT, KNOWN.__contains__)
    assert (found.path, found.start_line, found.end_line) == place


@pytest.mark.parametrize(
    ("patterns", "passing"),
    [
        (["./src/**"], {"src/b.ts"}),
        (["/home/tree/src"], {"src/b.ts"}),
        (["*.{ts,tsx}"], {"src/b.ts", "web/[id]/page.tsx"}),
        (["{src,web}/**/*.{ts,js}"], {"src/b.ts"}),
        (["!./web", "!*.py"], {"src/b.ts", "odd:3"}),
        (["a.py:1-2"], {"a.py"}),
        (["src/b.ts:1:5"], {"src/b.ts"}),
        (["web/[id]/page.tsx"], {"web/[id]/page.tsx"}),
        (["cafe\u0301*"], {"caf\u00e9.py"}),
        (["/home/tree"], KNOWN),
    ],
)
def test_patterns_are_read_as_they_are_written(patterns, passing):
    found = PathGlobs(own_globs(patterns, ROOT))
    assert {path for path in KNOWN if found.passes(path)} == passing


def test_a_bomb_of_braces_is_refused():
    with pytest.raises(InputError, match="too many alternatives"):
        own_globs(["{a,b}" * 40], ROOT)


@pytest.mark.parametrize("name", ["kind", "language", "top_k"])
def test_a_filter_that_there_is_not_is_no_filter_left_out(name):
    with pytest.raises(TypeError, match=f"There is no filter '{name}'; there are mode, languages, paths"):
        make_request("alpha", **{name: "x"})
