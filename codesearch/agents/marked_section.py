"""A section of a text file between two lines of its own; taking it out leaves every other byte as it was."""

from __future__ import annotations

import re

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MarkedSection:
    """What is put into a file."""

    begin: str
    """Its first line, a comment in the file's language."""
    n_known_chars: int
    """How much of `begin` tells the section, whatever an earlier version wrote behind it."""
    body: str
    """The lines between, each ended by a line feed."""
    end: str
    """Its last line."""

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.begin}\n{self.body}{self.end}\n"

    def put_into(self, before: str | None) -> str:
        """The file with the section: in its place where it has one, else at the end; None: no file yet.

        An empty line is set before it. Where the file does not end with a line feed, the section does not
        either, which tells `taken_out_of` to take two.
        """
        if before is None:
            return self.text
        found = self._expression.search(before)
        if found:
            text = self.text if found["feed"] else self.text[:-1]
            return before[: found.start("section")] + text + before[found.end() :]
        if not before or before.endswith("\n"):
            return f"{before}\n{self.text}"
        return f"{before}\n\n{self.text[:-1]}"

    def taken_out_of(self, before: str) -> str | None:
        """The file without the section, as it was before; None: there was no file."""
        found = self._expression.search(before)
        if found is None:
            return before
        lead = found["lead"]
        is_unended = not found["feed"] and found.end() == len(before)
        head = before[: found.start()] + lead[: max(0, len(lead) - (2 if is_unended else 1))]
        after = head + before[found.end() :]
        return after if after or lead else None

    @property
    def _expression(self) -> re.Pattern[str]:
        begin, end = re.escape(self.begin[: self.n_known_chars]), re.escape(self.end)
        return re.compile(rf"(?P<lead>\n*)(?P<section>{begin}[^\n]*\n.*?{end}(?P<feed>\n?))", re.DOTALL)
