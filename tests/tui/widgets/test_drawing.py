"""Fitting text into cells, by hand and by property."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.drawing import bar, fitted, fitted_start


def test_fitted():
    assert fitted("abc", 5) == "abc  "
    assert fitted("abcdef", 4) == "abc…"
    assert fitted("漢字漢字", 5) == "漢字…"
    assert fitted("abc", 0) == ""


def test_fitted_start_keeps_the_end():
    assert fitted_start("a/long/path.py", 8) == "…path.py"
    assert fitted_start("a.py", 6) == "a.py  "


def test_bar():
    assert bar(0.0, 4) == "    "
    assert bar(0.5, 4) == "██  "
    assert bar(1.0, 4) == "████"
    assert bar(0.28, 4) == "█▏  "
    assert bar(7.0, 2) == "██"
    assert bar(-1.0, 2) == "  "


@settings(deadline=None)
@given(st.text(alphabet="aé漢🎈 /", max_size=30), st.integers(1, 20))
def test_fitted_text_has_exactly_its_cells(text, n_cells):
    assert cell_len(fitted(text, n_cells)) == n_cells
    assert cell_len(fitted_start(text, n_cells)) == n_cells
