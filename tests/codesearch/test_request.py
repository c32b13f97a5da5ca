from __future__ import annotations

import pathspec
import pytest

from codesearch.choices import KINDS, MODES
from codesearch.request import make_request, within_folder
from indexer.errors import InputError
from indexer.records import Mode
from indexer.retrieve.filters import SPAN_KINDS


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
    assert set(KINDS) == SPAN_KINDS | {"docs"}
    assert tuple(Mode) == MODES


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
        ({"paths": ["a/../../b"]}, "leaves the indexed folder"),
        ({"regex": "["}, "is broken"),
        ({"regex": "(" * 5000}, "regular expression"),
        ({"regex": "((a{999}){999}){999}"}, "more than 50,000 parts"),
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
