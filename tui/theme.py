"""Colours: two themes, the syntax palette of each, and the shading of evidence.

Shading is one hue in four steps that differ in lightness, so that every kind of colour vision and a
grey screen can tell them apart; the hue (orange, from Okabe and Ito's palette) is used for nothing
else. Without colour (NO_COLOR) the steps are underline, bold underline, and reverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.theme import Theme

DARK = Theme(
    name="codesearch-dark",
    primary="#6fb3e8",
    secondary="#4f9bd0",
    accent="#6fb3e8",
    foreground="#d5dae3",
    background="#12151b",
    surface="#181c24",
    panel="#222834",
    success="#58b39a",
    warning="#e0a93b",
    error="#e5786d",
    dark=True,
    variables={
        "input-selection-background": "#6fb3e8 35%",
        "scrollbar": "#2c3442",
        "scrollbar-background": "#12151b",
        "scrollbar-corner-color": "#12151b",
        "border": "#6fb3e8",
        "border-blurred": "#2c3442",
        "quiet": "#8f99a9",
        "rule": "#2c3442",
    },
)

LIGHT = Theme(
    name="codesearch-light",
    primary="#0b62a4",
    secondary="#2d7fbd",
    accent="#0b62a4",
    foreground="#20242b",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e6e6e0",
    success="#0a7558",
    warning="#8a5a00",
    error="#b3261e",
    dark=False,
    variables={
        "input-selection-background": "#0b62a4 25%",
        "scrollbar": "#cdccc4",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
        "border": "#0b62a4",
        "border-blurred": "#cdccc4",
        "quiet": "#5b626d",
        "rule": "#d6d5cd",
    },
)

N_LEVELS = 4
LEVEL_FLOORS = (0.5, 0.6, 0.7)
"""Similarities at which the second, third and fourth step of the shading begin."""


def level_of(similarity: float) -> int:
    """The step of the shading, 0 to 3, for a cosine."""
    return sum(similarity >= floor for floor in LEVEL_FLOORS)


@dataclass(frozen=True, slots=True)
class CodeStyles:
    """Every style that the passage view draws with, for one theme."""

    text: Style
    quiet: Style
    """Line numbers, omissions, first lines in the list."""
    context: Style
    """What stands around a passage, to fill free rows."""
    strong: Style
    accent: Style
    rule: Style
    syntax: dict[str, Style]
    """By the names of `syntax.KINDS`."""
    evidence: tuple[Style, ...]
    """By level, laid over the syntax."""
    bar: tuple[Style, ...]
    """By level, for a bar or a gutter sign on the plain background."""
    current_match: Style
    cursor: Style
    selection: Style
    cursor_line: Style


_SYNTAX = {
    "dark": {
        "comment": "italic #7d8899",
        "keyword": "#7aa6ea",
        "string": "#86b89a",
        "number": "#b7a3d9",
        "function": "bold #cfe3f5",
        "class": "bold #6cc3c8",
        "builtin": "#6cc3c8",
        "decorator": "#b7a3d9",
        "tag": "#7aa6ea",
        "heading": "bold #6fb3e8",
        "emphasis": "italic",
        "strong": "bold",
        "operator": "#a9b3c2",
        "error": "#e5786d",
    },
    "light": {
        "comment": "italic #6a7079",
        "keyword": "#0b4fa8",
        "string": "#20693f",
        "number": "#6b3fa0",
        "function": "bold #123a5c",
        "class": "bold #0a6a70",
        "builtin": "#0a6a70",
        "decorator": "#6b3fa0",
        "tag": "#0b4fa8",
        "heading": "bold #0b62a4",
        "emphasis": "italic",
        "strong": "bold",
        "operator": "#4a515c",
        "error": "#b3261e",
    },
}
_EVIDENCE = {
    "dark": (
        "#f2e3c4 on #3a2c12",
        "#fbeccb on #5f440f",
        "bold #1a1206 on #b5790a",
        "bold #1a1206 on #f0a500",
    ),
    "light": (
        "#20242b on #faecc9",
        "#20242b on #f7d995",
        "bold #20242b on #efb951",
        "bold #1a1206 on #e69500",
    ),
}
_BAR = {
    "dark": ("#6b5220", "#8f6612", "#c2840d", "#f0a500"),
    "light": ("#e3c27a", "#d8a63c", "#c8850c", "#a96500"),
}
_PLAIN_EVIDENCE = ("underline", "underline", "bold underline", "bold reverse")


@lru_cache(maxsize=8)
def code_styles(background: str, foreground: str, dark: bool, no_color: bool) -> CodeStyles:
    """The styles for a view on this background (`#rrggbb`).

    Arguments:
        background: what the view is drawn on.
        foreground: the theme's text colour.
        dark: whether the theme is a dark one.
        no_color: draw with attributes alone.
    """
    side = "dark" if dark else "light"
    text = Style(color=foreground, bgcolor=background)
    quiet = "#7f8a9b" if dark else "#666d78"
    if no_color:
        return CodeStyles(
            text=text,
            quiet=text + Style(dim=True),
            context=text + Style(dim=True),
            strong=text + Style(bold=True),
            accent=text + Style(bold=True),
            rule=text + Style(dim=True),
            syntax={kind: _attributes(style) for kind, style in _SYNTAX[side].items()},
            evidence=tuple(Style.parse(style) for style in _PLAIN_EVIDENCE),
            bar=tuple(text for _ in range(N_LEVELS)),
            current_match=Style(bold=True, reverse=True, underline=True),
            cursor=Style(reverse=True),
            selection=Style(reverse=True),
            cursor_line=Style(),
        )
    return CodeStyles(
        text=text,
        quiet=text + Style(color=quiet),
        context=text + Style(color="#5b6472" if dark else "#9a9fa6"),
        strong=text + Style(bold=True),
        accent=text + Style(color="#6fb3e8" if dark else "#0b62a4"),
        rule=text + Style(color="#2c3442" if dark else "#d6d5cd"),
        syntax={kind: Style.parse(style) for kind, style in _SYNTAX[side].items()},
        evidence=tuple(Style.parse(style) for style in _EVIDENCE[side]),
        bar=tuple(Style.parse(style) for style in _BAR[side]),
        current_match=Style(underline=True),
        cursor=Style(reverse=True),
        selection=Style(bgcolor="#2f4a66" if dark else "#bcd8ee"),
        cursor_line=Style(bgcolor="#1d232d" if dark else "#efefe9"),
    )


def _attributes(definition: str) -> Style:
    style = Style.parse(definition)
    return Style(bold=style.bold, italic=style.italic)
