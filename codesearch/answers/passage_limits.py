"""How long passages are: of a few results, of many, of a context block; and when two are one. Values only."""

from __future__ import annotations

from dataclasses import replace

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """How large a passage is, and when two are the same."""

    max_lines: int = 14
    """Longer symbols are cut around the match."""
    window_lines: int = 16
    """Lines shown where no symbol holds the match."""
    tiny_lines: int = 5
    """A symbol shorter than this is shown within its parent, if that has at most `window_lines`."""
    keeps_parent: bool = False
    """A passage may begin above the symbol that names it, in its parent or a neighbour; else never."""
    max_line_chars: int = 1000
    excerpt_chars: int = 160
    """How much of an over-long line its mark quotes."""
    reach_lines: int = 0
    """Short drafts of one file are joined to one passage where they lie within so many lines; 0: never."""
    widening_share: float = 0.0
    """A hit widens the passage that it touches if it scores at least this share of the passage's own."""
    n_full: int = 0
    """Passages after so many are brief: a long list is looked through, not read; 0: none is."""
    brief_lines: int = 8
    """Lines of a brief passage."""
    max_gap_lines: int = 2
    """A gap this short is shown: a mark would cost as much."""
    duplicate_share: float = 0.9
    """Two passages are one when this share of their distinct lines is common."""

    def brief(self) -> PassageLimits:
        """The limits of passages after the first `n_full`."""
        return replace(
            self,
            max_lines=min(self.max_lines, self.brief_lines),
            window_lines=min(self.window_lines, self.brief_lines),
        )


_SCREENFUL = 10
DEFAULT_LIMITS = PassageLimits(widening_share=0.8, n_full=_SCREENFUL)
"""Of ten search results: short, so that several fit a screen or a few hundred tokens."""
CONTEXT_LIMITS = PassageLimits(max_lines=60, window_lines=30, keeps_parent=True)
"""Of context blocks: whole functions, as a reader without the file needs them."""


_PAGE_LINES = 180
_TOKENS_A_LINE = 10


def search_limits(k: int, budget_tokens: int | None = None) -> PassageLimits:
    """Of `k` search results: fewer than ten are shown at more length, and joined where they are near.

    They share a page of 180 lines, or of as many as the budget holds; each gets 14 to 60 of them.
    """
    if budget_tokens is not None:
        page_lines = budget_tokens // _TOKENS_A_LINE
    else:
        page_lines = _PAGE_LINES if k < _SCREENFUL else 0
    max_lines = min(page_lines // k, CONTEXT_LIMITS.max_lines)
    if max_lines <= DEFAULT_LIMITS.max_lines:
        return DEFAULT_LIMITS
    window_lines = max(DEFAULT_LIMITS.window_lines, max_lines // 2)
    return PassageLimits(max_lines=max_lines, window_lines=window_lines, reach_lines=3 * max_lines)
