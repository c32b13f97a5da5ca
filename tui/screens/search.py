"""The main screen: ask, look through the answers, read one. What its keys do with them is `result_actions`'.

Knows widgets and messages. It asks the app by `SearchRequested` and its like and is answered by
`ResultsFound` or `SearchFailed`; answers older than the newest question are dropped by serial number.
"""

from __future__ import annotations

from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Label

from indexer.records import ComponentScores, Mode, SearchRequest
from indexer.search_defaults import DEFAULT_ENCODE_SECONDS
from tui.keys import bindings
from tui.messages import (
    BuildAdvanced,
    BuildFailed,
    BuildFinished,
    ContextLoaded,
    ContextRequested,
    FileLoaded,
    FileRequested,
    FileUnavailable,
    MarksChanged,
    QueryEdited,
    QueryEntered,
    ReadingAdvanced,
    RepositoriesOpened,
    ResultHighlighted,
    ResultOpened,
    ResultsFound,
    SearchFailed,
    SearchRequested,
    WordChosen,
)
from tui.screens.result_actions import ResultScreen
from tui.session import Result
from tui.state import Filters, RememberedState
from tui.text.document import EMPTY, Document, passage_document, safe_line
from tui.text.shown import Shown, at_same_place, encoding_of, place, reading_of, share_of, summary
from tui.text.shown_file import CHANGED
from tui.widgets.chips import ChipRow
from tui.widgets.evidence_panel import EvidencePanel
from tui.widgets.key_line import KeyLine
from tui.widgets.passage_view import PassageView
from tui.widgets.query_bar import QueryBar
from tui.widgets.result_list import ResultList
from tui.widgets.title_line import HEIGHTS, WIDTHS, TitleLine, TooSmall
from tui.widgets.welcome import Welcome

N_RESULTS = 20
"""How many a search answers with: a screen of them, so that it is quick."""
TYPED_ENCODE_SECONDS = 0.2
"""How long what words name may be encoded for while a person types; what enter asks for gets more."""
N_MORE_RESULTS = 100
"""How many there are once the cursor reaches the last of those."""


class SearchScreen(ResultScreen):
    """Query bar, filters, results, passage, evidence."""

    BINDINGS = bindings("search")
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def __init__(self, remembered: RememberedState, pause_seconds: float) -> None:
        super().__init__(remembered)
        self.pause_seconds = pause_seconds
        """How long typing must pause before the search starts."""
        self.serial = 0
        self.asked: SearchRequest | None = None
        """The search that the list shows, or will as soon as it is answered."""
        self.back_stack: list[Shown] = []
        self._pause: Timer | None = None
        self._entered = ""  # The query whose answer the focus goes to; empty where it stays.
        self._is_answered = False
        self._asks_better = False  # What is shown answers the same question already.
        self._n_asked = N_RESULTS
        self._shown = Shown()
        self._build_state = ""
        self._reading_state = ""
        self._encoding_state = ""
        self._opened = False

    def compose(self) -> ComposeResult:
        """The layout; the style sheet turns it by width and height."""
        yield TooSmall()
        with Vertical(id="main"):
            yield TitleLine()
            with Horizontal(id="query-row"):
                yield Label("❯", id="prompt")
                yield QueryBar()
            yield ChipRow()
            yield Label("", id="note", markup=False)
            yield Welcome()
            with Container(id="body"):
                yield ResultList()
                with Vertical(id="reading"):
                    yield TitleLine(id="place")
                    yield PassageView()
                    yield EvidencePanel()
        yield KeyLine()

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(QueryBar).history = self.remembered.history
        self.query_one("#place", TitleLine).name_text = ""
        self.query_one(PassageView).shows_evidence = self.remembered.evidence
        self.query_one(EvidencePanel).display = self.remembered.evidence
        self.show_filters()
        self._show_welcome(True)
        self.query_one(QueryBar).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Some keys say nothing where one stands already."""
        return not (action == "back" and not self.back_stack)

    # --- asking ---

    def on_query_edited(self, message: QueryEdited) -> None:
        """Search after a pause."""
        message.stop()
        self._stop_pause()
        query = message.query.strip()
        if query != self._entered:
            self._entered = ""
        if self.asked is not None and query == self.asked.query:
            return
        if not query:
            self.next_serial()
            self._show_welcome(True)
            self.show_state()
            return
        if self.pause_seconds > 0:
            self._pause = self.set_timer(self.pause_seconds, self.search)
        else:
            self.search()

    def on_query_entered(self, message: QueryEntered) -> None:
        """Search now; when the answer comes, go to it."""
        message.stop()
        self.remember_query()
        self._entered = self.query_text
        asked = self.asked
        if asked is None or asked.query != self._entered:
            self.search()
        elif self._is_answered:
            if self._encoding_state and asked.encode_seconds < DEFAULT_ENCODE_SECONDS:
                self.search()  # Typing gave it little time.
                self._asks_better = True
            self._go_to_answer()

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted beside the query bar is the query too."""
        event.stop()
        bar = self.query_one(QueryBar)
        bar.set_query(event.text)
        bar.focus()

    def next_serial(self) -> int:
        """Another question: what is still to come of the one before is worthless."""
        self.serial += 1
        self.asked, self._is_answered, self._asks_better = None, False, False
        return self.serial

    def search(self, k: int = N_RESULTS) -> None:
        """Ask the query bar's question with the filters."""
        self._stop_pause()
        self._n_asked = k
        if not self.query_text:
            return
        if not self._opened:  # `on_repositories_opened` asks.
            self.show_state()
            return
        serial = self.next_serial()
        self.asked = request = SearchRequest(
            self.query_text,
            encode_seconds=DEFAULT_ENCODE_SECONDS if self._entered else TYPED_ENCODE_SECONDS,
            k=k,
            mode=Mode(self.filters.mode),
            languages=self.filters.languages,
            paths=self.filters.paths,
            regex=self.filters.regex or None,
            kinds=self.filters.kinds,
        )
        self.query_one("#title", TitleLine).show(state="searching…")
        self.post_message(SearchRequested(serial, request, self.filters.scope))

    def on_results_found(self, message: ResultsFound) -> None:
        """Show an answer, unless a newer question was asked meanwhile."""
        message.stop()
        if message.serial != self.serial:
            return
        if message.title:
            self._show_jump(message)
            return
        shown = Shown("", message.results, 0, frozenset(), message.elapsed_seconds, message.note)
        reads_file = self.shows_file and self._asks_better
        has_moved = reads_file or self.shown.cursor > 0 or bool(self.shown.marked)
        if self._n_asked > N_RESULTS or (self._asks_better and has_moved):
            shown = at_same_place(shown, self.shown)
        else:
            self.back_stack.clear()
        self._asks_better = False
        self._show(shown)
        if reads_file:
            self.action_toggle_file()
        self._is_answered = True
        if self._entered:
            self._go_to_answer()

    def _go_to_answer(self) -> None:
        self._entered = ""
        self.action_focus_results()

    def _show_jump(self, message: ResultsFound) -> None:
        if not message.results:
            self.show_state()
            self.notify(f"Nothing found: {message.title}.", severity="warning", markup=False)
            return
        self.back_stack.append(self.shown)
        self._show(Shown(message.title, message.results, 0, frozenset(), message.elapsed_seconds))
        self.focus_on("passage" if len(message.results) == 1 else "results")

    def on_search_failed(self, message: SearchFailed) -> None:
        """Say why there is no answer."""
        message.stop()
        if message.serial != self.serial:
            return
        self._entered, self.asked = "", None
        self._show(Shown(note=message.sentence))
        self.query_one("#title", TitleLine).show(state="no answer", tone="problem")

    def action_back(self) -> None:
        """The list before the last jump."""
        if self.back_stack:
            self._show(self.back_stack.pop())

    # --- looking ---

    def on_result_highlighted(self, message: ResultHighlighted) -> None:
        """Show the passage of the row."""
        message.stop()
        self.show_passage()
        is_last = message.index == N_RESULTS - 1 == len(self._shown.results) - 1
        if is_last and not self._shown.title and self._n_asked == N_RESULTS:
            self.search(N_MORE_RESULTS)

    def on_result_opened(self, message: ResultOpened) -> None:
        """Go and read."""
        message.stop()
        self.remember_query()
        self.focus_on("passage")

    def on_marks_changed(self, message: MarksChanged) -> None:
        """Count them in the title."""
        message.stop()
        self.show_state()

    def on_word_chosen(self, message: WordChosen) -> None:
        """A double click asks for a definition."""
        message.stop()
        self.action_definition()

    def show_passage(self) -> None:
        """Show the current result, and ask for its file where the file is to be seen."""
        result = self.query_one(ResultList).current
        view = self.query_one(PassageView)
        if result is None:
            view.explain("")
            self.query_one("#place", TitleLine).show(about="", state="")
            self.query_one(EvidencePanel).show(EMPTY, ComponentScores())
            return
        document = passage_document(result.passage)
        view.show(document)
        self._show_place(result, document)
        if self.shows_file:
            self.post_message(FileRequested(result))
        else:
            self.post_message(ContextRequested(result))

    def on_context_loaded(self, message: ContextLoaded) -> None:
        """Fill the free rows, if the passage is still there."""
        message.stop()
        view = self.query_one(PassageView)
        if self.shows_file or message.result is not self.query_one(ResultList).current:
            return
        view.surround(message.before, message.after)

    def on_file_loaded(self, message: FileLoaded) -> None:
        """The whole file, if it is still wanted."""
        message.stop()
        if not self.shows_file or message.result is not self.query_one(ResultList).current:
            return
        self.query_one(PassageView).show(message.document, at_passage=True)
        self._show_place(message.result, message.document, message.state)
        if message.notice:
            self.notify(message.notice, severity="warning", markup=False)

    def on_file_unavailable(self, message: FileUnavailable) -> None:
        """Stay with the passage, and say why."""
        message.stop()
        if message.result is self.query_one(ResultList).current:
            self.shows_file = False
            self.show_passage()
            self.notify(message.sentence, severity="warning", markup=False)

    def _show_place(self, result: Result, document: Document, of_file: str = "") -> None:
        passage = result.passage
        state, tone = place(passage, document), ""
        if of_file or passage.stale:
            state, tone = of_file or CHANGED, "problem"
        symbol = f"  {passage.kind} {safe_line(passage.symbol)}" if passage.symbol else ""
        about = safe_line(passage.path) + symbol
        self.query_one("#place", TitleLine).show(about=about, state=state, tone=tone)
        self.query_one(EvidencePanel).show(document, passage.evidence.scores)

    @property
    def shown(self) -> Shown:
        """The list as it stands now."""
        results = self.query_one(ResultList)
        return replace(self._shown, cursor=results.cursor, marked=frozenset(results.marked))

    def _show(self, shown: Shown) -> None:
        self._show_welcome(False)
        self._shown = shown
        results = self.query_one(ResultList)
        results.shows_repository = len(self.repositories) > 1
        filtered = self.filters != Filters(mode=self.filters.mode)
        advice = "F10 removes the filters." if filtered else "Try other words, or F2 for another mode."
        results.explain(shown.note or f"Nothing found. {advice}")
        self._show_note(shown.note if shown.results else "")
        self.shows_file = False
        self.set_class(not shown.results, "-nothing")
        results.show(shown.results, shown.cursor, shown.marked)
        self.show_state()

    def _show_note(self, note: str) -> None:
        """What is to be said of the answer stays as long as the answer does."""
        line = self.query_one("#note", Label)
        line.update(note)
        line.display = bool(note)

    def _show_welcome(self, shows: bool) -> None:
        self.set_class(shows, "-welcome")
        if shows:
            self._show_note("")
            self._shown = Shown()
            self.query_one(ResultList).show((), -1)
            self.back_stack.clear()
            self.query_one(Welcome).show(self.repositories, self.remembered, self._opened)

    def show_state(self) -> None:
        """How the list came about, at the right of the title."""
        state = summary(self.shown, self._build_state or self._reading_state or self._encoding_state)
        self.query_one("#title", TitleLine).show(state=state)

    # --- repositories ---

    def on_repositories_opened(self, message: RepositoriesOpened) -> None:
        """Names in the title; the question, if there is one, again."""
        message.stop()
        self._opened = True
        self.repositories = message.repositories
        if not any(repository.is_being_read for repository in message.repositories):
            self._reading_state = ""
        self._encoding_state = encoding_of(message.repositories)
        names = ", ".join(repository.name for repository in message.repositories)
        self.query_one("#title", TitleLine).show(about=names)
        self.show_filters()
        if self.query_text and not self._shown.title and message.answers_changed:
            is_answered = self._is_answered
            self.search()
            self._asks_better = is_answered
        elif not self.query_text:
            self._show_welcome(True)
        self.show_state()

    def on_reading_advanced(self, message: ReadingAdvanced) -> None:
        """The first reading of a folder; what is asked meanwhile is asked again when it is done."""
        message.stop()
        self._reading_state = reading_of(message.progress)
        self.show_state()

    def on_build_advanced(self, message: BuildAdvanced) -> None:
        """A build in the title, while one searches."""
        message.stop()
        self._build_state = f"indexing{share_of(message.progress)}"
        self.show_state()

    def on_build_finished(self, message: BuildFinished) -> None:
        """The title says no more of it; `RepositoriesOpened` follows."""
        message.stop()
        self._build_state = ""
        self.show_state()

    def on_build_failed(self, message: BuildFailed) -> None:
        """Say so, wherever the person is."""
        message.stop()
        self._build_state = ""
        self.show_state()
        self.notify(message.sentence, severity="information" if message.cancelled else "error", markup=False)

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.stop()
            self._pause = None
