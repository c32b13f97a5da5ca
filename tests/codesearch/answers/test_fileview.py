from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from codesearch.answers.fileview import FileView


@given(st.text(st.sampled_from("ab\n\r\u2028é中😀\ud800"), max_size=30))
def test_lines_are_what_lf_ends_in_any_text(text):
    view = FileView("a.txt", "text", text, ())
    lines = [line + "\n" for line in text.split("\n")[:-1]] + [text.rsplit("\n", 1)[-1]]
    expected = [line for line in lines if line]
    starts = [0, *accumulate(map(len, expected))][: len(expected)]
    assert view.n_lines == len(expected)
    assert [view.line(number) for number in range(1, view.n_lines + 1)] == expected
    assert [view.start_of(number) for number in range(1, view.n_lines + 1)] == starts
    for char in range(len(text)):
        assert view.line_of(char) == 1 + text[:char].count("\n")
