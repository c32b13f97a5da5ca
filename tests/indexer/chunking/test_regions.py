from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chunking.regions import MAX_REGION_TOKENS, cut_regions
from indexer.records import Chunk, Span, TokenizedChunk
from indexer.storage.mapped_tables import REGION_BITS

OFFSET = 50
"""Chunks in these tests begin at this character of their file."""


def chunk_of(text, spans=()):
    """A chunk with a span for each (start, end) in the text."""
    placed = tuple(Span("function", f"f{i}", a + OFFSET, b + OFFSET, 1, 1) for i, (a, b) in enumerate(spans))
    return Chunk(1, "a.py", "", "python", text, OFFSET, OFFSET + len(text), 1, 1, 9, placed, "a.py")


def tokens_of(text):
    """A token a word or punctuation mark, two for each emoji, behind [CLS] and before [SEP]."""
    chars = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    chars = [span for span in chars for _ in range(1 + (ord(text[span[0]]) > 0xFFFF))]
    inner = np.array(chars, np.int32).reshape(-1, 2) + OFFSET
    outside = np.full((1, 2), -1, np.int32)
    all_chars = np.concatenate([outside, inner, outside])
    return TokenizedChunk(1, np.zeros(len(all_chars), np.int32), all_chars, 1)


def cut(text, spans=(), **limits):
    return cut_regions(chunk_of(text, spans), tokens_of(text), **limits)


def pieces(text, regions):
    return [text[start:end] for start, end in regions.chars.tolist()]


def span_of(text, part):
    return text.index(part), text.index(part) + len(part)


ONE = "def one():\n    return 1 + 2 + 3 + 4\n"
TWO = "def two():\n    return 5 + 6 + 7 + 8\n"


def test_borders_are_where_spans_begin_and_end():
    text = "import x\nimport y\n\n" + ONE + "\n" + TWO
    regions = cut(text, [span_of(text, ONE.rstrip()), span_of(text, TWO.rstrip())], min_tokens=3)
    assert pieces(text, regions) == ["import x\nimport y\n\n", ONE + "\n", TWO]
    assert regions.wide_chars.tolist() == []


def test_a_span_is_cut_out_with_its_whole_lines():
    text = "    @decorated  # first\n    def f():\n        pass  # last\nnext_one(1, 2, 3, 4, 5)\n"
    regions = cut(text, [span_of(text, "def f():\n        pass")], min_tokens=3)
    assert pieces(text, regions)[1] == "    def f():\n        pass  # last\n"


def test_small_neighbours_are_joined_and_large_ones_are_not():
    text = "".join(f"a{i} = {i}\n" for i in range(6))
    spans = [span_of(text, f"a{i} = {i}") for i in range(6)]
    assert pieces(text, cut(text, spans, min_tokens=6, max_tokens=8)) == [text[:14], text[14:28], text[28:]]
    assert len(cut(text, spans, min_tokens=3).chars) == 6
    assert len(cut(text, spans).chars) == 1


def test_white_space_between_long_spans_is_no_region():
    body = "".join(f"    call_{i}(a, b)\n" for i in range(5))
    text = f"\n\ndef one():\n{body}\n\n\ndef two():\n{body}\n"
    spans = [span_of(text, f"def {name}():\n{body}".rstrip()) for name in ("one", "two")]
    found = pieces(text, cut(text, spans, max_tokens=16, min_tokens=2))
    assert "".join(found) == text
    assert len(found) > 3
    assert all(piece.strip() for piece in found)


def test_a_span_over_several_regions_has_a_row_of_its_own():
    text = "class A:\n" + "".join(f"    def m{i}(self):\n        return {i}\n" for i in range(3))
    methods = [span_of(text, f"def m{i}(self):\n        return {i}") for i in range(3)]
    regions = cut(text, [(0, len(text)), *methods], min_tokens=3)
    assert len(regions.chars) == 4
    assert regions.wide_chars.tolist() == [[0, len(text)]]


def test_what_is_too_long_is_cut_at_blank_lines():
    paragraph = "one two three four\nfive six seven eight\n\n"
    text = paragraph * 6
    found = pieces(text, cut(text, max_tokens=16, min_tokens=2))
    assert "".join(found) == text
    assert len(found) > 1
    assert all(piece.endswith("\n\n") for piece in found)


def test_without_line_ends_cuts_fall_between_tokens():
    text = "word " * 100
    found = pieces(text, cut(text, max_tokens=16, min_tokens=2))
    assert "".join(found) == text
    assert all(len(piece.split()) <= 16 for piece in found)
    assert all(piece.startswith("word") for piece in found)


@pytest.mark.parametrize("text", ["", "\n", "   \n\t", "x"])
def test_the_smallest_chunks(text):
    assert cut(text).chars.tolist() == [[0, len(text)]]


def test_the_most_regions_of_a_chunk_fit_their_row_numbers():
    """Two neighbours hold more than MAX_REGION_TOKENS or both MIN_REGION_TOKENS: 512 at most in 8,192."""
    text = "".join(f"w{i} " * 32 + "\n" for i in range(256))
    starts = [m.start() for m in re.finditer(r"(?m)^", text)][:256]
    spans = [(start, text.index("\n", start)) for start in starts]
    regions = cut(text, spans)
    assert len(regions.chars) == 256 < 1 << REGION_BITS


lines = st.sampled_from(
    ["", "a b c", "  x = 1", "# note", "def f(a, b):", "😀 😀 😀", "wörd " * 30, "\t", "f()\r"]
)


@settings(deadline=None)
@given(st.lists(lines, max_size=40), st.data(), st.integers(8, 40), st.integers(0, 8))
def test_regions_tile_any_chunk_and_none_is_too_long(rows, data, most, least):
    text = "\n".join(rows)
    border = st.integers(0, len(text))
    spans = sorted(
        tuple(sorted(data.draw(st.tuples(border, border)))) for _ in range(data.draw(st.integers(0, 6)))
    )
    tokenized = tokens_of(text)
    regions = cut_regions(chunk_of(text, spans), tokenized, most, least)
    found = pieces(text, regions)
    assert "".join(found) == text
    assert len(found) == 1 or all(found)
    starts = tokenized.token_chars[1:-1, 0] - OFFSET
    counts = [int(((starts >= a) & (starts < b)).sum()) for a, b in regions.chars.tolist()]
    assert all(count <= most for count in counts)
    assert len(found) == 1 or min(counts) > 0
    assert sum(counts) == len(starts)
    for start, end in regions.wide_chars.tolist():
        assert 0 <= start < end <= len(text)
        assert ((regions.chars[:, 0] > start) & (regions.chars[:, 0] < end)).any()


def test_defaults_give_passages_of_reading_size():
    text = "".join(f"value_{i} = compute({i})\n" for i in range(300))
    regions = cut(text)
    counts = [len(tokens_of(piece).input_ids) - 2 for piece in pieces(text, regions)]
    assert all(MAX_REGION_TOKENS / 2 <= count <= MAX_REGION_TOKENS for count in counts)
