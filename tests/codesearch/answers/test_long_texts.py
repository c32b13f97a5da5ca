from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesearch.answers import long_texts
from codesearch.answers.long_texts import MAX_CHARS, MAX_LINES, MAX_TOKENS, page_of


def read_on(text, count_tokens):
    """Every page, and the places where they began."""
    lines, line, char, found = text.split("\n"), 1, 0, []
    while True:
        rest = "\n".join(lines[line - 1 :])
        page = page_of(rest, line, char, count_tokens)
        found.append(page)
        if not page.next_line:
            return found
        assert (page.next_line, page.next_char) > (line, char)
        line, char = page.next_line, page.next_char


@pytest.mark.parametrize(
    "text",
    [
        "[" + ", ".join(f'"row {n}"' for n in range(9000)) + "]",
        "x,y\n" * 900 + "1," * 40_000 + "\nend",
        "端口被占用时报错。" * 9000,
        "\n" * 1000,
    ],
)
def test_all_of_a_text_is_read_in_bounded_pages(text):
    def count(part):
        return len(part.encode()) // 2

    found = read_on(text, count)
    assert "".join(page.text for page in found) == text
    for page in found:
        assert len(page.text) <= MAX_CHARS
        assert page.text.count("\n") <= MAX_LINES
        assert count(page.text) <= MAX_TOKENS


@given(st.text(alphabet="ab\n", max_size=60), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_nothing_is_lost_or_shown_twice(text, n_chars, n_tokens, n_lines):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_texts, "MAX_CHARS", n_chars)
        patch.setattr(long_texts, "MAX_TOKENS", n_tokens)
        patch.setattr(long_texts, "MAX_LINES", n_lines)
        found = read_on(text, len)
    assert "".join(page.text for page in found) == text
    assert [page.last_line for page in found] == sorted(page.last_line for page in found)
