"""Passages as `path:line:column:text`, as editors read them: Vim's quickfix, Emacs' grep mode, VS Code, fzf.

One line for each place that a regular expression or phrase matched, else one for a passage's best line.
Columns are bytes, from 1, as ripgrep and Vim count them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codesearch.answers.lines import numbered_lines
from codesearch.answers.shown_evidence import telling
from codesearch.render.sanitize import label, visible
from indexer.records import Passage


def vimgrep_text(passages: Iterable[Passage]) -> str:
    """A line for each place, in the order of the passages."""
    return "".join(
        f"{label(passage.full_path)}:{line}:{column}:{text}\n"
        for passage in passages
        for line, column, text in _places(passage)
    )


def _places(passage: Passage) -> Iterator[tuple[int, int, str]]:
    """(line, column, text of the line)."""
    lines = {number: text.rstrip("\r\n") for number, text in numbered_lines(passage) if number is not None}
    literal = {
        match.line: match.code_word.split("\n")[0].rstrip("\r")
        for match in reversed(passage.evidence.matches)
        if match.is_literal
    }
    shown = [number for number in sorted(literal) if number in lines]
    best = passage.best_line if passage.best_line in lines else passage.start_line
    for number in shown or [best]:
        text = lines.get(number, "")
        words = [literal[number]] if number in literal else _words_on(passage, number)
        yield number, _column(text, words), visible(text)


def _words_on(passage: Passage, line: int) -> list[str]:
    matches = (match for match in telling(passage.evidence.matches) if match.line == line)
    return [match.code_word for match in sorted(matches, key=lambda match: -match.similarity)]


def _column(text: str, words: list[str]) -> int:
    """Byte from 1 at which the first of the words begins; that of the line's text where none does."""
    found = next((text.find(word) for word in words if word and word in text), -1)
    at = found if found >= 0 else len(text) - len(text.lstrip())
    return len(text[:at].encode("utf-8", "surrogateescape")) + 1
