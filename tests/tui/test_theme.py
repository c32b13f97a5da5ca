"""The shading can be told apart: in lightness, without colour, and from the text on it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rich.color import Color
from rich.style import Style

from tui.theme import DARK, LEVEL_FLOORS, LIGHT, N_LEVELS, code_styles, level_of

THEMES = [DARK, LIGHT]


def luminance(color: Color | None) -> float:
    """Relative luminance by WCAG 2, of a colour given as #rrggbb."""
    assert color is not None
    channels = [value / 255 for value in color.get_truecolor()]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: Color | None, b: Color | None) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def styles_of(theme, no_color=False):
    return code_styles(theme.background, theme.foreground, theme.dark, no_color)


def test_luminance_by_hand():
    assert luminance(Color.parse("#ffffff")) == pytest.approx(1.0)
    assert contrast(Color.parse("#000000"), Color.parse("#ffffff")) == pytest.approx(21.0)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_each_step_is_further_from_the_background(theme):
    background = Style(bgcolor=theme.background).bgcolor
    steps = [contrast(style.bgcolor, background) for style in styles_of(theme).evidence]
    assert steps == sorted(steps)
    assert all(after / before > 1.12 for before, after in pairwise(steps))


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_on_the_shading_can_be_read(theme):
    assert all(contrast(style.color, style.bgcolor) >= 4.5 for style in styles_of(theme).evidence)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_all_text_can_be_read(theme):
    styles = styles_of(theme)
    background = Style(bgcolor=theme.background).bgcolor
    colors = [style.color for style in styles.syntax.values() if style.color] + [styles.quiet.color]
    assert min(contrast(color, background) for color in colors) >= 4.5


def test_without_colour_the_steps_are_attributes():
    evidence = styles_of(DARK, no_color=True).evidence
    assert all(style.color is None and style.bgcolor is None for style in evidence)
    assert evidence[-1].reverse
    assert len({str(style) for style in evidence}) == 3, "the two weakest steps share underline"


def test_levels_begin_at_their_floors():
    assert level_of(-1.0) == 0
    assert [level_of(floor) for floor in LEVEL_FLOORS] == list(range(1, N_LEVELS))
    assert level_of(1.0) == N_LEVELS - 1
