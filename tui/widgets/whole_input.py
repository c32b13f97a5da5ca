"""A line to type in that keeps a pasted text whole: Textual's own keeps the first line of it."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

LINE_BREAK = "⏎"
"""What a line break looks like in the line."""


class WholeInput(Input):
    """An input whose text may have several lines; `value` is what is drawn, `text` what was meant."""

    @property
    def text(self) -> str:
        """The text, its line breaks as they were."""
        return self.value.replace(LINE_BREAK, "\n")

    def set_text(self, text: str) -> None:
        """Replace the text, with the cursor at its end."""
        self.value = drawn(text)
        self.cursor_position = len(self.value)

    def _on_paste(self, event: events.Paste) -> None:
        """All of it takes the place of what is selected."""
        event.prevent_default()
        event.stop()
        self.replace(drawn(event.text), *self.selection)


def drawn(text: str) -> str:
    """A text as one line. What ends it is left out: copying a line of a terminal brings it along."""
    return LINE_BREAK.join(line.expandtabs(4) for line in text.rstrip("\r\n").splitlines())
