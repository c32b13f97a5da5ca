"""Small drawing helpers that several widgets share: fitting text to cells, and the styles of a widget."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.widget import Widget

from tui.theme import CodeStyles, code_styles

BAR_EIGHTHS = " ▏▎▍▌▋▊▉█"


def styles_of(widget: Widget) -> CodeStyles:
    """The code styles for this widget's background under the current theme."""
    _, background = widget.background_colors
    return code_styles(
        background.hex6,
        widget.app.theme_variables["foreground"][:7],
        widget.app.current_theme.dark,
        widget.app.no_color,
    )


def fitted(text: str, n_cells: int) -> str:
    """The text in exactly so many cells: cut with an ellipsis at the end, or padded."""
    if n_cells <= 0:
        return ""
    if cell_len(text) > n_cells:
        return set_cell_size(text, n_cells - 1) + "…"
    return set_cell_size(text, n_cells)


def fitted_start(text: str, n_cells: int) -> str:
    """As `fitted`, but what is cut is the beginning: of a path the end matters."""
    if n_cells <= 0:
        return ""
    if cell_len(text) <= n_cells:
        return set_cell_size(text, n_cells)
    while text and cell_len(text) > n_cells - 1:
        text = text[1:]
    return set_cell_size("…" + text, n_cells)


def bar(fraction: float, n_cells: int) -> str:
    """A horizontal bar in eighths of a cell."""
    eighths = round(max(0.0, min(1.0, fraction)) * n_cells * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (BAR_EIGHTHS[rest] if rest else "")).ljust(n_cells)


def over(segments: list[Segment], style: Style) -> list[Segment]:
    """The segments with a style laid over their own."""
    return [Segment(text, (own + style) if own else style, control) for text, own, control in segments]
