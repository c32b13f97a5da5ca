"""What counts of a long query, on hand-made counts: four characters are a token."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.retrieve.query_digest import MAX_WORDS, digest
from indexer.retrieve.query_line_weights import line_factors, title_of
from indexer.retrieve.query_shape import query_shape, stem
from indexer.words import query_words

N_REGIONS = 1000


def digested(query, n_with, room_tokens=40, usual=0):
    """`n_with` are the regions that hold a word; `usual` those of any other word."""
    by_stem = {stem(word): n for word, n in n_with.items()}
    return digest(
        query,
        lambda stems: {each: by_stem.get(each, usual) for each in stems},
        N_REGIONS,
        room_tokens,
        lambda text: -(-len(text) // 4),
    )


def test_a_query_that_fits_counts_whole():
    found = digested("how are retries delayed", {})
    assert (found.text, found.words, found.used) == ("how are retries delayed", ("retries", "delayed"), None)


def filler(n, first=0):
    return " ".join(f"word{chr(97 + at // 26)}{chr(97 + at % 26)}x" for at in range(first, first + n))


def test_rare_words_count_wherever_they_stand():
    query = f"{filler(100)}\nthe graveyard is never swept\n{filler(100, 100)}"
    found = digested(query, {"graveyard": 2, "swept": 3}, usual=400)
    assert {"graveyard", "swept"} <= set(found.words)
    assert "the graveyard is never swept" in found.text
    assert len(found.words) == MAX_WORDS
    assert len(found.text) <= 4 * 40
    assert found.used is not None
    assert (found.used.n_words, found.used.words, found.used.text) == (203, found.words, found.text)


def test_what_no_region_holds_is_not_looked_up():
    found = digested(f"{filler(100)} sweep", {"sweep": 10})
    assert found.words == ("sweep",)
    assert found.weights["wordaax"] == 0


def test_a_word_in_code_tells_more_than_one_in_prose():
    found = digested(f"{filler(60)} sweeper Sweeper.run() broom", {"sweeper": 20, "broom": 20, "run": 20})
    assert found.weights["sweeper"] > found.weights["broom"]


PYTHON = """Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    outermost()
  File "/app/worker.py", line 9, in loop
    innermost(job)
  File "/usr/lib/python3.12/json/decoder.py", line 355, in raw_decode
    obj = scan(s)
ValueError: no job
""".split("\n")


def test_the_innermost_frame_of_the_tree_tells_most():
    factors = dict(zip(PYTHON, line_factors(PYTHON), strict=True))
    outer, inner, library, error = (factors[PYTHON[at]] for at in (1, 3, 5, 7))
    assert inner > outer > 1 > library
    assert factors["    innermost(job)"] == inner
    assert error > outer


@pytest.mark.parametrize(
    "frames",
    [
        ["java.lang.IllegalStateException: x", "\tat app.In.run(In.java:3)", "\tat app.Out.go(Out.java:9)"],
        ["TypeError: x", "    at inner (/app/in.js:3:4)", "    at outer (/app/out.js:9:1)"],
        ["panic: x", "\t/app/in.go:12 +0x1d", "main.outer()", "\t/app/out.go:9 +0x2"],
        [
            "thread 'main' panicked at x",
            "   at ./src/in.rs:3:5",
            "   1: app::outer",
            "   at ./src/out.rs:4:2",
        ],
        ["in.rb:1:in `inner': x (E)", "\tfrom out.rb:2:in `outer'"],
    ],
)
def test_elsewhere_the_innermost_frame_comes_first(frames):
    factors = dict(zip(frames, line_factors(frames), strict=True))
    inner = next(factor for line, factor in factors.items() if re.search(r"\b[Ii]n\.", line))
    outer = next(factor for line, factor in factors.items() if re.search(r"\b[Oo]ut\.", line))
    assert inner > outer > 1


def test_a_lock_file_in_a_diff_tells_nothing():
    diff = [
        "diff --git a/poetry.lock b/poetry.lock", "--- a/poetry.lock", "+++ b/poetry.lock", "@@ -1 +1 @@",
        "+name = 'sweep'",
        "diff --git a/app/sweep.py b/app/sweep.py", "--- a/app/sweep.py", "+++ b/app/sweep.py", "@@ -1 +1 @@",
        "+def sweep(): ...", " context",
    ]  # fmt: skip
    factors = line_factors(diff)
    assert factors[:5] == [0] * 5
    assert factors[9] > factors[10] == 1


def test_the_shape_of_a_long_query_is_of_what_counts():
    query = f"{filler(80)}\nGraveyard.sweep_all fails in millrace"
    found = digested(query, {"graveyard": 2, "sweep": 3, "all": 100, "sweepall": 1, "fails": 9})
    shape = query_shape(query, "millrace", found.words)
    assert set(shape.words) == {"graveyard", "sweep", "sweepall", "fails"}
    assert shape.identifiers == {"graveyard", "sweepall"}
    assert shape.stems == {"graveyard", "sweep", "fail"}


@given(st.text(max_size=600), st.integers(0, 50))
def test_any_query_has_a_digest_that_fits(query, usual):
    found = digested(query, {}, room_tokens=20, usual=usual)
    assert len(found.words) <= MAX_WORDS
    assert set(found.words) <= set(query_words(query))
    assert found.text == query or len(found.text) <= 20 * 4


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("The lamp goes out at dawn\n\n" + "It burns all night and then it does not burn. " * 3, True),
        ("`burn()` ignores `oil`\n" + "With an empty can nothing is said and the lamp is dark. " * 3, True),
        ("The lamp goes out\nat dawn", False),  # a question of two lines
        ("The lamp goes out at dawn " * 10, False),  # nothing below it
        ("def burn(lamp, oil):\n" + "    return lamp.light(oil) if oil else None\n" * 8, False),
        ("Traceback (most recent call last):\n" + '  File "lamp.py", line 3, in burn\n' * 8, False),
        ("diff --git a/lamp.py b/lamp.py\n@@ -1,3 +1,3 @@\n" + "+    burn the oil of the lamp\n" * 8, False),
    ],
)
def test_the_title_of_a_report(query: str, title: bool) -> None:
    assert title_of(query) == (query.splitlines()[0] if title else None)
