"""What a person can do with filters and results: the actions of the search screen's keys.

`SearchScreen` asks and shows answers; what it adds is declared here without a body.
"""

from __future__ import annotations

from dataclasses import replace

from textual.screen import Screen

from indexer.disk.user_folders import expand_user
from indexer.errors import InputError
from indexer.records import Mode
from indexer.wording import counted
from tui.handoff import context_block
from tui.messages import (
    ChipPressed,
    CopyRequested,
    DefinitionRequested,
    EditorRequested,
    ExportRequested,
    SimilarRequested,
    StateChanged,
)
from tui.screens.filter_dialogs import ask_filter, without
from tui.session import RepositoryState
from tui.state import Filters, RememberedState, SavedQuery
from tui.text.shown import Shown
from tui.widgets.chips import ChipRow
from tui.widgets.dialogs import RecallDialog, Recalled, TextDialog
from tui.widgets.evidence_panel import EvidencePanel
from tui.widgets.passage_view import PassageView
from tui.widgets.query_bar import QueryBar
from tui.widgets.result_list import ResultList
from tui.widgets.title_line import TitleLine

BUDGETS = (1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000)


class ResultScreen(Screen[None]):
    """The actions named in the key table under `search`: of a query bar, a list and a passage."""

    def __init__(self, remembered: RememberedState) -> None:
        super().__init__()
        self.remembered = remembered
        self.filters = Filters(mode=remembered.mode)
        self.repositories: tuple[RepositoryState, ...] = ()
        self.shows_file = False

    # --- what a screen that asks adds ---

    def search(self) -> None:
        """Ask the query bar's question with the filters."""
        raise NotImplementedError

    def next_serial(self) -> int:
        """Another question: what is still to come of the one before is worthless."""
        raise NotImplementedError

    def show_passage(self) -> None:
        """Show the current result."""
        raise NotImplementedError

    @property
    def shown(self) -> Shown:
        """The list as it stands now."""
        raise NotImplementedError

    @property
    def query_text(self) -> str:
        """What stands in the query bar, blanks at the ends aside."""
        return self.query_one(QueryBar).text.strip()

    def show_filters(self) -> None:
        """The chips."""
        self.query_one(ChipRow).show(self.filters, len(self.repositories))

    # --- remembering ---

    def remember(self, state: RememberedState) -> None:
        """Keep this between runs."""
        if state != self.remembered:
            self.remembered = state
            self.query_one(QueryBar).history = state.history
            self.post_message(StateChanged(state))

    def remember_theme(self, theme: str) -> None:
        """Keep the theme between runs."""
        self.remember(replace(self.remembered, theme=theme))

    def remember_query(self) -> None:
        """The query was worth something: it enters the history."""
        self.remember(self.remembered.with_query(self.query_text))

    def set_filters(self, filters: Filters) -> None:
        """Other filters, and the question again under them."""
        self.filters = filters
        self.remember(replace(self.remembered, mode=filters.mode))
        self.show_filters()
        self.search()

    def focus_on(self, widget_id: str) -> None:
        """Move the focus."""
        self.query_one(f"#{widget_id}").focus()

    # --- moving ---

    def action_focus_query(self) -> None:
        """To the query bar."""
        self.focus_on("query")

    def action_focus_results(self) -> None:
        """To the list, where it has rows."""
        self.focus_on("results" if self.query_one(ResultList).results else "query")

    def action_move_result(self, n_rows: int) -> None:
        """Move in the list without leaving the query bar."""
        self.query_one(ResultList).move(n_rows)

    def action_next_match(self) -> None:
        """The next matched word."""
        self._go_to_match(1)

    def action_previous_match(self) -> None:
        """The previous matched word."""
        self._go_to_match(-1)

    def _go_to_match(self, step: int) -> None:
        mark = self.query_one(PassageView).go_to_match(step)
        if mark is None:
            self.notify("No matched words in this passage.", severity="warning")
            return
        self.query_one("#place", TitleLine).show(
            state=f"{mark.query_word} → {mark.code_word} {mark.similarity:.2f}"
        )

    # --- looking ---

    def action_toggle_file(self) -> None:
        """Passage or whole file."""
        if self.query_one(ResultList).current is not None:
            self.shows_file = not self.shows_file
            self.show_passage()

    def action_toggle_evidence(self) -> None:
        """Why it matched, or only the code."""
        shows = not self.remembered.evidence
        self.query_one(PassageView).set_evidence(shows)
        self.query_one(EvidencePanel).display = shows
        self.remember(replace(self.remembered, evidence=shows))

    def action_toggle_zoom(self) -> None:
        """Only the passage, or everything."""
        if self.query_one(ResultList).current is not None:
            self.toggle_class("-zoomed")
            self.focus_on("passage" if self.has_class("-zoomed") else "results")

    def action_definition(self) -> None:
        """Where the word under the cursor is defined."""
        word = self.query_one(PassageView).word
        if not word:
            self.notify("There is no word under the cursor.", severity="warning")
            return
        self.post_message(DefinitionRequested(self.next_serial(), word, self.filters.scope))

    def action_similar(self) -> None:
        """What resembles the current passage."""
        result = self.query_one(ResultList).current
        if result is not None:
            self.query_one("#title", TitleLine).show(state="searching…")
            self.post_message(SimilarRequested(self.next_serial(), result))

    # --- taking along ---

    def action_open_editor(self) -> None:
        """At the cursor's line where one reads, else at the passage's first."""
        result = self.query_one(ResultList).current
        if result is not None:
            view = self.query_one(PassageView)
            line = view.line_number if view.has_focus else 0
            self.remember_query()
            self.post_message(EditorRequested(result, line or result.passage.start_line))

    def action_copy_place(self) -> None:
        """`path:line`."""
        result = self.query_one(ResultList).current
        if result is not None:
            self.remember_query()
            self.post_message(CopyRequested(result.place, result.place))

    def action_copy_passage(self) -> None:
        """Its text as it is in the file."""
        result = self.query_one(ResultList).current
        if result is not None:
            passage = result.passage
            n_lines = passage.end_line - passage.start_line + 1
            self.remember_query()
            self.post_message(CopyRequested(passage.text, f"{counted(n_lines, 'line')} of {passage.path}"))

    def action_copy_context(self) -> None:
        """The chosen results as one block within the budget."""
        chosen = self.query_one(ResultList).chosen
        if not chosen:
            return
        budget = self.remembered.budget_tokens
        try:
            block = context_block(chosen, budget)
        except InputError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        self.remember_query()
        left_out = f", {block.n_omitted} did not fit" if block.n_omitted else ""
        what = f"{counted(block.n_passages, 'passage')}, {block.n_tokens:,} of {budget:,} tokens{left_out}"
        self.post_message(CopyRequested(block.text, what))

    def action_budget_up(self) -> None:
        """The next larger budget."""
        larger = [budget for budget in BUDGETS if budget > self.remembered.budget_tokens]
        self._set_budget(larger[0] if larger else BUDGETS[-1])

    def action_budget_down(self) -> None:
        """The next smaller budget."""
        smaller = [budget for budget in BUDGETS if budget < self.remembered.budget_tokens]
        self._set_budget(smaller[-1] if smaller else BUDGETS[0])

    def _set_budget(self, n_tokens: int) -> None:
        self.remember(replace(self.remembered, budget_tokens=n_tokens))
        self.notify(f"Context block: up to {n_tokens:,} tokens.")

    def action_export(self) -> None:
        """Ask for a file name, then write the chosen results."""
        chosen = self.query_one(ResultList).chosen
        if not chosen:
            return

        def write(answer: str | None) -> None:
            if answer is not None:
                self.remember_query()
                path = expand_user(answer)
                self.post_message(ExportRequested(path, self.shown.title or self.query_text, chosen))

        title = f"export {len(chosen)} result{'s' if len(chosen) > 1 else ''}"
        self.app.push_screen(TextDialog(title, "a Markdown file", "passages.md", _export_objection), write)

    # --- filters ---

    def action_next_mode(self) -> None:
        """The next of the four."""
        modes = list(Mode)
        following = modes[(modes.index(Mode(self.filters.mode)) + 1) % len(modes)]
        self.set_filters(replace(self.filters, mode=following.value))

    def action_clear_filters(self) -> None:
        """All but the mode."""
        self.set_filters(Filters(mode=self.filters.mode))

    def on_chip_pressed(self, message: ChipPressed) -> None:
        """Change or remove a filter."""
        message.stop()
        if message.cleared:
            self.set_filters(without(self.filters, message.name))
        elif message.name == "mode":
            self.action_next_mode()
        else:
            self.action_filter(message.name)

    def action_filter(self, name: str) -> None:
        """Ask for a filter's value."""
        ask_filter(self.app, name, self.filters, self.repositories, self.set_filters)

    # --- history ---

    def action_recall(self) -> None:
        """A query of before, with its filters where it was saved."""
        if not self.remembered.saved and not self.remembered.history:
            self.notify("No queries yet. ^s saves one with its filters.")
            return

        def recall(answer: Recalled | None) -> None:
            if answer is None:
                return
            if answer.forget:
                self.remember(self.remembered.without(answer.saved.query))
                self.action_recall()
                return
            if answer.is_saved:
                names = {repository.name for repository in self.repositories}
                scope = tuple(name for name in answer.saved.filters.scope if name in names)
                self.filters = replace(answer.saved.filters, scope=scope)
                self.show_filters()
            self.query_one(QueryBar).set_query(answer.saved.query)
            self.search()  # Where only the filters are others, the text says nothing.
            self.focus_on("query")

        self.app.push_screen(RecallDialog(self.remembered.saved, self.remembered.history), recall)

    def action_save_query(self) -> None:
        """This query with its filters."""
        if not self.query_text:
            self.notify("Type a query first; ^s then saves it with its filters.", severity="warning")
            return
        self.remember(self.remembered.with_saved(SavedQuery(self.query_text, self.filters)))
        self.notify("Saved. ^r recalls it.")


def _export_objection(text: str) -> str:
    try:
        path = expand_user(text)
    except InputError as error:
        return str(error)
    if not text or path.is_dir():
        return "Name a file."
    if path.exists():
        return "This file exists already."
    return "" if path.parent.is_dir() else f"There is no folder {path.parent}."
