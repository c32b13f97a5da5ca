"""Chunks: they tile the file, fit the model, and are cut where the file's structure says."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chunking.chunks import cut_chunks
from indexer.records import Chunk, Int32Array, SourceFile, Span

seeded = settings(derandomize=True, database=None, deadline=None, max_examples=120)


def tokens_of(text: str) -> Int32Array:
    """Words, numbers and single signs; white space belongs to no token, as with the bundled model."""
    bounds = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    return np.array(bounds, dtype=np.int32).reshape(-1, 2)


def n_header(header: str) -> int:
    return 2 + len(re.findall(r"\w+|[^\w\s]", header))


def span(text: str, start: int, end: int, name: str = "f", kind: str = "function") -> Span:
    return Span(
        kind, name, start, end, text.count("\n", 0, start) + 1, text.count("\n", 0, max(start, end - 1)) + 1
    )


def span_of(text: str, part: str, name: str, kind: str = "function") -> Span:
    start = text.index(part)
    return span(text, start, start + len(part), name, kind)


def cut(text: str, spans: tuple[Span, ...] = (), max_tokens: int = 100, path: str = "a.py") -> list[Chunk]:
    source = SourceFile(path, text, "python", "0" * 64, len(text))
    return cut_chunks(source, spans, tokens_of(text), max_tokens, n_header, 7)


def assert_tiles(text: str, chunks: list[Chunk], max_tokens: int) -> None:
    assert "".join(chunk.text for chunk in chunks) == text
    position = 0
    for i, chunk in enumerate(chunks):
        assert chunk.chunk_id == 7 + i
        assert (chunk.start_char, chunk.end_char) == (position, position + len(chunk.text))
        assert chunk.text
        assert chunk.start_line == text.count("\n", 0, chunk.start_char) + 1
        assert chunk.end_line == text.count("\n", 0, chunk.end_char - 1) + 1
        assert chunk.n_tokens <= max_tokens
        assert chunk.n_tokens >= n_header(chunk.header) + len(tokens_of(chunk.text)) - 2
        position = chunk.end_char


# --- whole files -----------------------------------------------------------------------------


def test_a_file_that_fits_is_one_chunk_with_its_path_before_it() -> None:
    text = "def f():\n    return 1\n"
    (chunk,) = cut(text, (span_of(text, "def f():\n    return 1", "f"),), max_tokens=20)
    assert (chunk.text, chunk.header, chunk.start_line, chunk.end_line) == (text, "a.py", 1, 2)
    assert chunk.n_tokens == 2 + 3 + 7  # specials, a . py, and def f ( ) : return 1
    assert [s.name for s in chunk.spans] == ["f"]
    assert (chunk.path, chunk.language, chunk.file_sha256) == ("a.py", "python", "0" * 64)


def test_an_empty_text_gives_no_chunk() -> None:
    assert cut("") == []


@pytest.mark.parametrize("text", [" ", "\n\n\n", "x", "no line end"])
def test_tiny_texts_are_one_chunk(text: str) -> None:
    chunks = cut(text)
    assert len(chunks) == 1
    assert_tiles(text, chunks, 100)


# --- where it is cut -------------------------------------------------------------------------


def function(name: str, n_words: int) -> str:
    return f"def {name}():\n    " + " ".join(["w"] * n_words) + "\n"


def test_it_is_cut_between_functions_and_filled_as_far_as_they_go() -> None:
    parts = [function(name, 20) for name in "abcde"]  # 25 tokens each
    text = "".join(parts)
    spans = tuple(span_of(text, part.rstrip(), part[4]) for part in parts)
    chunks = cut(text, spans, max_tokens=70)  # 5 for the header: room for two functions
    assert [chunk.text for chunk in chunks] == [parts[0] + parts[1], parts[2] + parts[3], parts[4]]
    assert [[s.name for s in chunk.spans] for chunk in chunks] == [["a", "b"], ["c", "d"], ["e"]]
    assert_tiles(text, chunks, 70)


def test_an_outer_border_is_preferred_to_an_inner_one_further_on() -> None:
    first = function("first", 40)
    methods = [f"    def {name}(self):\n        " + " ".join(["w"] * 10) + "\n" for name in "abcd"]
    text = first + "class A:\n" + "".join(methods)
    outer = text[len(first) :].rstrip()
    spans = (
        span_of(text, first.rstrip(), "first"),
        span_of(text, outer, "A", "class"),
        *(span_of(text, part.strip(), f"A.{part.strip()[4]}", "method") for part in methods),
    )
    chunks = cut(text, spans, max_tokens=80)
    assert chunks[0].text == first
    assert chunks[1].text.startswith("class A:\n    def a(self)")
    assert chunks[1].header == "a.py"


def test_a_class_too_long_is_cut_between_its_methods_and_the_rest_says_where_it_is() -> None:
    methods = [
        f"    # of {name}\n    def {name}(self):\n        " + " ".join(["w"] * 20) + "\n" for name in "abcd"
    ]
    text = "class A:\n" + "".join(methods)
    spans = (
        span(text, 0, len(text) - 1, "A", "class"),
        *(span_of(text, part.strip(), f"A.{part[9]}", "method") for part in methods),
    )
    chunks = cut(text, spans, max_tokens=80)
    assert [chunk.text for chunk in chunks] == [
        "class A:\n" + methods[0] + methods[1],
        methods[2] + methods[3],
    ]
    assert [chunk.header for chunk in chunks] == ["a.py", "a.py A"]
    assert [[s.name for s in chunk.spans] for chunk in chunks] == [["A", "A.a", "A.b"], ["A.c", "A.d"]]
    clipped = chunks[0].spans[0]
    assert (clipped.end_char, clipped.end_line) == (chunks[0].end_char, chunks[0].end_line)


def test_without_spans_it_is_cut_at_blank_lines_then_line_ends_then_between_words() -> None:
    block = "w w w w w\nw w w w w\n"
    blocks = (block + "\n") * 6
    chunks = cut(blocks, max_tokens=5 + 4 + 25)
    assert all(chunk.text.endswith("\n\n") for chunk in chunks)
    assert_tiles(blocks, chunks, 34)

    lines = "w w w w w\n" * 12
    chunks = cut(lines, max_tokens=34)
    assert all(chunk.text.endswith("\n") for chunk in chunks)
    assert_tiles(lines, chunks, 34)

    words = "word " * 100
    chunks = cut(words, max_tokens=34)
    assert all(chunk.text.startswith("word") for chunk in chunks)
    assert_tiles(words, chunks, 34)


def test_blank_lines_with_space_and_windows_line_ends_count() -> None:
    text = "w w w w w w w w w w\r\n \t\r\n" * 6
    chunks = cut(text, max_tokens=34)
    assert all(chunk.text.endswith("\r\n \t\r\n") for chunk in chunks)
    assert_tiles(text, chunks, 34)


def test_a_line_end_of_two_characters_is_never_parted() -> None:
    text = "word\r\n" * 200
    for max_tokens in range(12, 24):
        chunks = cut(text, max_tokens=max_tokens)
        assert all(chunk.text.endswith("\r\n") for chunk in chunks)
        assert_tiles(text, chunks, max_tokens)


def test_a_border_that_would_leave_a_chunk_nearly_empty_is_passed_over() -> None:
    head, long = function("head", 2), "    " + "w " * 300 + "\n"
    text = head + "def long():\n" + long
    spans = (span_of(text, head.rstrip(), "head"), span(text, len(head), len(text) - 1, "long"))
    chunks = cut(text, spans, max_tokens=105)
    assert chunks[0].text != head
    assert len(chunks) == 4
    assert [chunk.header for chunk in chunks] == ["a.py", "a.py long", "a.py long", "a.py long"]


def test_sections_give_their_chain_to_the_chunks_within() -> None:
    text = "# Guide\n\n" + "w " * 20 + "\n\n## Use\n\n" + ("w " * 20 + "\n\n") * 6
    spans = (
        span(text, 0, len(text), "Guide", "section"),
        span(text, text.index("##"), len(text), "Guide > Use", "section"),
    )
    chunks = cut(text, spans, max_tokens=70, path="d.md")
    assert chunks[0].header == "d.md"
    assert {chunk.header for chunk in chunks[1:]} <= {"d.md Guide", "d.md Guide > Use"}
    assert chunks[-1].header == "d.md Guide > Use"
    assert_tiles(text, chunks, 70)


# --- limits ----------------------------------------------------------------------------------


def test_a_header_too_long_gives_way_symbol_first_then_folders_then_all() -> None:
    text = "w " * 200
    around = (span(text, 0, len(text), "x." * 30 + "y"),)
    assert {chunk.header for chunk in cut(text, around, max_tokens=60)[1:]} == {"a.py"}
    deep = "folder/" * 30 + "a.py"
    assert {chunk.header for chunk in cut(text, max_tokens=60, path=deep)} == {"a.py"}
    assert {chunk.header for chunk in cut(text, max_tokens=60, path="x." * 40)} == {""}


def test_no_room_at_all_still_ends() -> None:
    text = "a b c d e f"
    chunks = cut(text, max_tokens=1)
    assert "".join(chunk.text for chunk in chunks) == text
    assert len(chunks) <= len(text)


def test_tokens_that_share_a_character_are_not_parted() -> None:
    text = "🎉🎉🎉🎉"
    tokens = np.repeat(np.array([[i, i + 1] for i in range(4)], dtype=np.int32), 3, axis=0)
    source = SourceFile("a", text, "text", "0" * 64, 16)
    chunks = cut_chunks(source, (), tokens, 12, lambda header: 2 + len(header), 0)
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(chunk.n_tokens <= 12 for chunk in chunks)


def test_fifty_megabytes_cut_in_seconds() -> None:
    line = "lorem ipsum dolor sit amet consectetur\n"
    n_lines = 220_000  # a fifth of it, for the suite's sake
    text = line * n_lines
    one = tokens_of(line)
    starts = np.arange(n_lines, dtype=np.int32) * len(line)
    tokens = (starts[:, None, None] + one[None]).reshape(-1, 2)  # (n_lines, 6, 2) → (n, 2)
    source = SourceFile("a.txt", text, "text", "0" * 64, len(text))
    started = time.process_time()
    chunks = cut_chunks(source, (), tokens, 8192, n_header, 0)
    assert time.process_time() - started < 2
    assert len(chunks) == -(-n_lines * 6 // (8187 // 6 * 6))


def test_many_spans_cut_in_linear_time() -> None:
    text = "def f(): pass\n" * 20_000
    spans = tuple(Span("function", "f", 14 * i, 14 * i + 13, i + 1, i + 1) for i in range(20_000))
    started = time.process_time()
    chunks = cut(text, spans, max_tokens=500)
    assert time.process_time() - started < 3
    assert sum(len(chunk.spans) for chunk in chunks) == 20_000


# --- any text --------------------------------------------------------------------------------

PIECES = ["w ", "word", "\n", "\n\n", "\r\n", "    ", "f(x)", "é", "🎉", "  \n", "# c\n"]


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, tuple[Span, ...]]:
    text = "".join(draw(st.lists(st.sampled_from(PIECES), max_size=60)))
    spans: list[Span] = []

    def fill(start: int, end: int, depth: int) -> None:
        position = start
        while position < end and depth < 3 and draw(st.booleans()):
            left = draw(st.integers(position, end - 1))
            right = draw(st.integers(left + 1, end))
            spans.append(span(text, left, right, f"s{len(spans)}"))
            fill(left, right, depth + 1)
            position = right

    fill(0, len(text), 0)
    return text, tuple(spans)


@seeded
@given(texts_with_spans(), st.integers(12, 60))
def test_chunks_tile_any_file(text_and_spans: tuple[str, tuple[Span, ...]], max_tokens: int) -> None:
    text, spans = text_and_spans
    chunks = cut(text, spans, max_tokens)
    assert_tiles(text, chunks, max_tokens)
    starts = [(own.kind, own.name, own.start_char) for chunk in chunks for own in chunk.spans]
    assert starts == [(one.kind, one.name, one.start_char) for one in spans]
    for chunk in chunks:
        for own in chunk.spans:
            assert chunk.start_char <= own.start_char < own.end_char <= chunk.end_char
            assert own.end_line == text.count("\n", 0, own.end_char - 1) + 1


@seeded
@given(texts_with_spans())
def test_the_same_file_is_cut_the_same_way(text_and_spans: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = text_and_spans
    assert cut(text, spans, 20) == cut(text, spans, 20)
