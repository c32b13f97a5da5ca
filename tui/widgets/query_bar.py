"""The line a person types in. Posts `QueryEdited` on every change and `QueryEntered` on enter."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.widgets import Input

from tui.keys import bindings
from tui.messages import QueryEdited, QueryEntered
from tui.widgets.whole_input import WholeInput


class QueryBar(WholeInput):
    """An input with a history: ctrl+up and ctrl+down walk through older queries."""

    BINDINGS = bindings("query")

    def __init__(self) -> None:
        super().__init__(
            placeholder="Ask the code: “where is a failed job retried?”",
            id="query",
            compact=True,
        )
        self.history: Sequence[str] = ()
        """Newest first."""
        self._history_index = -1
        self._draft = ""

    def set_query(self, query: str) -> None:
        """Replace the text, with the cursor at its end."""
        self.set_text(query)

    @on(Input.Changed)
    def _edited(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(QueryEdited(self.text))

    def action_enter(self) -> None:
        """Search now."""
        self._history_index = -1
        self.post_message(QueryEntered(self.text))

    def action_older_query(self) -> None:
        """One step back in the history; what was typed is kept as the newest entry."""
        if self._history_index < 0:
            self._draft = self.text
        if self._history_index + 1 < len(self.history):
            self._history_index += 1
            self.set_query(self.history[self._history_index])

    def action_newer_query(self) -> None:
        """One step forward, to what was typed in the end."""
        if self._history_index >= 0:
            self._history_index -= 1
            self.set_query(self.history[self._history_index] if self._history_index >= 0 else self._draft)

    async def action_clear(self) -> None:
        """Empty the line; where it is empty, leave it."""
        if self.value:
            self.set_query("")
        else:
            await self.run_action("screen.focus_results")

    async def action_next_result(self) -> None:
        """Move the cursor of the list."""
        await self.run_action("screen.move_result(1)")

    async def action_previous_result(self) -> None:
        """Move the cursor of the list."""
        await self.run_action("screen.move_result(-1)")
