"""The application, which owns threads; the library is known to `tui.engine` alone.

Screens post requests up to `CodesearchApp`; it runs them in thread workers, which post the answers back
and never touch a widget. Not here: what anything looks like.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.worker import get_current_worker

from codesearch.build_speed import Limiter
from indexer.errors import BuildInterruptedError, CodesearchError, InputError
from indexer.records import BuildProgress, Mode, SearchRequest
from tui.engine import CodeIndexEngine
from tui.errands import Errands
from tui.keys import KEYS, Key, bindings, written
from tui.messages import (
    BuildAdvanced,
    BuildCancelRequested,
    BuildFailed,
    BuildFinished,
    BuildRequested,
    ContextLoaded,
    ContextRequested,
    CopyRequested,
    DefinitionRequested,
    EditorRequested,
    ExportRequested,
    FileLoaded,
    FileRequested,
    FileUnavailable,
    ReadingAdvanced,
    RepositoriesOpened,
    ResultsFound,
    SearchFailed,
    SearchRequested,
    SimilarRequested,
    StateChanged,
    StatusRequested,
)
from tui.screens.building import IndexScreen, outcome_of
from tui.screens.help import HelpScreen
from tui.screens.search import N_RESULTS, SearchScreen
from tui.session import Answer, Engine, RepositoryState, Workspace, sentence_of
from tui.state import default_state_file, load_state, save_state
from tui.text.document import file_document
from tui.text.shown_file import lines_around, of_revision, read_file
from tui.theme import DARK, LIGHT

LOOK_SECONDS = 2.0
"""How often it is looked how far encoding in the background has come."""
LEAVE_SECONDS = 3.0
"""Within this, a second ctrl+c leaves."""
PAUSE_SECONDS = 0.06
"""Typing that stops this long starts a search."""
CANCELLED = "The build was cancelled; what was encoded is kept for the next one."


class CodesearchApp(App[None]):
    """Ask code bases questions, from a terminal or, through textual-serve, a browser."""

    TITLE = "codesearch"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("app")

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        engine: Engine | None = None,
        state_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        pause_seconds: float = PAUSE_SECONDS,
        revision: str = "",
    ) -> None:
        """Nothing is opened before the app runs.

        Arguments:
            roots: folders to search, absolute, with or without an index.
            engine: opens and builds indexes; the library where not given.
            state_file: where to remember; the platform's place where not given.
            environment: where `$EDITOR` and its like are read.
            clock: seconds, for the time a search took.
            pause_seconds: how long typing must pause; 0 searches at once.
            revision: what `engine` opens in place of the files, for the screens to say.
        """
        super().__init__()
        self.workspace = Workspace(engine or CodeIndexEngine(), tuple(roots), revision)
        self.state_file = state_file or default_state_file()
        self.errands = Errands(self, os.environ if environment is None else environment)
        self.clock = clock
        remembered = load_state(self.state_file)
        self.search_screen = SearchScreen(remembered, pause_seconds)
        self.states: tuple[RepositoryState, ...] = ()
        self.building: Path | None = None
        self._outcome = ""
        self._cancel_build = threading.Event()
        self._is_leaving = threading.Event()
        self._looking: Timer | None = None
        self._interrupted_at = -math.inf
        self._has_offered_build = False
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = remembered.theme if remembered.theme in self.available_themes else DARK.name

    def on_mount(self) -> None:
        """Show the search screen at once; the indexes open behind it."""
        self.push_screen(self.search_screen)
        self.in_thread(self._open, group="open")

    def on_unmount(self) -> None:
        """A running build ends at its next step, so that leaving does not wait for all of it."""
        self._is_leaving.set()
        self._cancel_build.set()

    def in_thread(self, work: Callable[[], object], *, group: str, exclusive: bool = False) -> None:
        """Run something beside the screens; `exclusive` makes what runs in the group already worthless."""
        self.run_worker(work, thread=True, group=group, exclusive=exclusive, exit_on_error=False)

    # --- searching ---

    def on_search_requested(self, message: SearchRequested) -> None:
        """In a thread; a request that a newer one has overtaken does not even begin."""
        self._ask(message.serial, "", partial(self.workspace.search, message.request, message.scope))

    def on_similar_requested(self, message: SimilarRequested) -> None:
        """As a search."""
        title = f"similar to {message.result.place}"
        self._ask(message.serial, title, partial(self.workspace.similar, message.result, N_RESULTS))

    def on_definition_requested(self, message: DefinitionRequested) -> None:
        """As a search."""
        title = f"definition of {message.word}"
        ask = partial(self.workspace.definitions, message.word, N_RESULTS, message.scope)
        self._ask(message.serial, title, ask)

    def _ask(self, serial: int, title: str, ask: Callable[[Callable[[], bool]], Answer | None]) -> None:
        self.in_thread(partial(self._answer, serial, title, ask), group="search", exclusive=True)

    def _answer(self, serial: int, title: str, ask: Callable[[Callable[[], bool]], Answer | None]) -> None:
        worker = get_current_worker()
        began = self.clock()
        try:
            answer = ask(lambda: worker.is_cancelled)
        except Exception as error:
            message: Message = SearchFailed(serial, sentence_of(error))
        else:
            if answer is None or worker.is_cancelled:
                return
            seconds = self.clock() - began
            message = ResultsFound(serial, title, answer.results, seconds, " ".join(answer.notes))
        self.search_screen.post_message(message)
        states = self.workspace.states()
        if states != self.states:
            # A look at the files beside the search changes no answer; an index that it found gone does.
            lost = [state.status is None for state in states] != [
                state.status is None for state in self.states
            ]
            self.post_message(RepositoriesOpened(states, answers_changed=lost))

    def on_file_requested(self, message: FileRequested) -> None:
        """Read and colour the file in a thread."""
        self.in_thread(partial(self._load, message), group="file", exclusive=True)

    def _load(self, message: FileRequested) -> None:
        result = message.result
        try:
            if result.revision:
                raise InputError(of_revision(result.passage.path))
            shown = read_file(result.root, result.passage)
            document = file_document(shown.text, result.passage)
            answer: Message = FileLoaded(result, document, shown.notice, shown.state)
        except Exception as error:
            answer = FileUnavailable(result, sentence_of(error))
        if not get_current_worker().is_cancelled:
            self.search_screen.post_message(answer)

    def on_context_requested(self, message: ContextRequested) -> None:
        """Read the lines around a passage in a thread."""
        self.in_thread(partial(self._load_context, message), group="context", exclusive=True)

    def _load_context(self, message: ContextRequested) -> None:
        if message.result.revision:
            return
        before, after = lines_around(message.result.root, message.result.passage)
        if (before or after) and not get_current_worker().is_cancelled:
            self.search_screen.post_message(ContextLoaded(message.result, tuple(before), tuple(after)))

    # --- taking along ---

    def on_copy_requested(self, message: CopyRequested) -> None:
        """To the clipboard."""
        self.errands.copy(message)

    def on_editor_requested(self, message: EditorRequested) -> None:
        """To the editor."""
        self.errands.open_editor(message)

    def on_export_requested(self, message: ExportRequested) -> None:
        """To a file."""
        self.errands.export(message)

    def on_state_changed(self, message: StateChanged) -> None:
        """Remember."""
        save_state(self.state_file, message.state)

    # --- the command palette ---

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key of the table that makes sense without its place."""
        for key in KEYS:
            if key.palette and key.owner in ("app", "search", "results", "passage"):
                yield SystemCommand(key.help, f"key: {written(key)}", partial(self._run_key, key))

    async def _run_key(self, key: Key) -> None:
        if key.owner == "app":
            await self.run_action(key.action)
            return
        if self.screen is not self.search_screen:
            self.notify("That is a command of the search screen; esc goes there.", severity="warning")
            return
        targets = {"search": "", "results": "#results", "passage": "#passage"}
        selector = targets[key.owner]
        node = self.search_screen.query_one(selector) if selector else self.search_screen
        await self.run_action(key.action, default_namespace=node)

    # --- repositories and building ---

    def _open(self, only: Path | None = None) -> None:
        states = self.workspace.open(only)
        self.post_message(RepositoriesOpened(states, answers_changed=True))
        for state in states:
            if state.is_being_read:
                self._prepare(state.root)
                states = self.workspace.open(state.root)
                self.post_message(RepositoriesOpened(states, answers_changed=True))
        # The first search loads the model; it may as well be one that nobody waits for.
        try:
            self.workspace.search(SearchRequest("main", k=1, mode=Mode.HYBRID), (), lambda: False)
        except Exception as error:
            self.log.warning(f"warming up: {error}")
        self._refresh()

    def _prepare(self, root: Path) -> None:
        """A folder without an index gets one of words, which takes seconds; vectors follow by themselves."""
        limiter = Limiter()

        def advance(progress: BuildProgress) -> None:
            if self._is_leaving.is_set():
                raise BuildInterruptedError(CANCELLED)
            if limiter.lets_pass(progress):
                self.post_message(ReadingAdvanced(root, progress))

        try:
            self.workspace.engine.prepare(root, advance)
        except (CodesearchError, OSError) as error:
            self.log.warning(f"{root}: {error}")  # opening it says what is missing

    def _refresh(self) -> None:
        self.post_message(RepositoriesOpened(self.workspace.refresh(), answers_changed=False))

    def on_status_requested(self, message: StatusRequested) -> None:
        """Look at the files in a thread."""
        self.in_thread(self._refresh, group="open")

    def on_repositories_opened(self, message: RepositoriesOpened) -> None:
        """Tell the screens; where there is no index at all, offer to build one, once."""
        had_index = {state.root for state in self.states if state.status is not None}
        self.states = message.repositories
        self._tell_screens(message)
        self._look_while_encoding()
        for state in self.states:
            if state.status is None and state.root in had_index:
                self.notify(state.problem, severity="error", markup=False)
        nothing_indexed = all(state.status is None and not state.is_being_read for state in self.states)
        if nothing_indexed and not self._has_offered_build and self.screen is self.search_screen:
            self._has_offered_build = True
            if not self.search_screen.query_text:  # Else letters meant for it would be commands there.
                self.action_index()
            elif not had_index:
                self.notify("There is no index here yet; F9 builds it.")

    def _look_while_encoding(self) -> None:
        is_encoding = any(state.status is not None and state.status.is_encoding for state in self.states)
        if is_encoding and self._looking is None:
            self._looking = self.set_interval(LOOK_SECONDS, self._look_at_vectors)
        elif not is_encoding and self._looking is not None:
            self._looking.stop()
            self._looking = None

    def _look_at_vectors(self) -> None:
        def look() -> None:
            states = self.workspace.look_at_vectors()
            if states != self.states:
                self.post_message(RepositoriesOpened(states, answers_changed=False))

        self.in_thread(look, group="vectors", exclusive=True)

    def on_build_requested(self, message: BuildRequested) -> None:
        """Build in a thread; search goes on with what there is."""
        self._cancel_build.clear()
        self.building, self._outcome = message.root, ""
        self.in_thread(partial(self._build, message.root), group="build")

    def on_build_cancel_requested(self, message: BuildCancelRequested) -> None:
        """The next progress event ends the build."""
        self._cancel_build.set()

    def _build(self, root: Path) -> None:
        limiter = Limiter()

        def advance(progress: BuildProgress) -> None:
            if self._cancel_build.is_set():
                raise BuildInterruptedError(CANCELLED)
            if limiter.lets_pass(progress):
                self.post_message(BuildAdvanced(root, progress))

        try:
            report = self.workspace.engine.build(root, advance)
        except Exception as error:
            self.post_message(BuildFailed(root, sentence_of(error), isinstance(error, BuildInterruptedError)))
            return
        self.post_message(BuildFinished(root, report))
        self._open(root)

    def on_reading_advanced(self, message: ReadingAdvanced) -> None:
        """Tell the screens."""
        self._tell_screens(message)

    def on_build_advanced(self, message: BuildAdvanced) -> None:
        """Tell the screens."""
        self._tell_screens(message)

    def on_build_finished(self, message: BuildFinished) -> None:
        """Tell the screens, and keep what was done for an index screen that opens later."""
        self.building, self._outcome = None, outcome_of(message.report)
        self._tell_screens(message)

    def on_build_failed(self, message: BuildFailed) -> None:
        """As when finished."""
        self.building, self._outcome = None, message.sentence
        self._tell_screens(message)

    def action_index(self) -> None:
        """The index screen, on top of the search."""
        if not isinstance(self.screen, IndexScreen):
            self.push_screen(IndexScreen(self.states, self.building, self._outcome))

    def action_help_quit(self) -> None:
        """Ctrl+C, where there is nothing to copy: twice in a row it leaves."""
        now = self.clock()
        if now - self._interrupted_at < LEAVE_SECONDS:
            self.exit()
            return
        self._interrupted_at = now
        self.notify("^c once more leaves, as ^q does.", timeout=LEAVE_SECONDS)

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(HelpScreen())

    def action_toggle_theme(self) -> None:
        """Dark or light."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.search_screen.remember_theme(self.theme)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No second screen over a dialog, no index screen over itself."""
        no_place = {"index": (ModalScreen, IndexScreen), "help": (ModalScreen,)}.get(action, ())
        return not isinstance(self.screen, no_place)

    def _tell_screens(self, message: Message) -> None:
        """Hand a copy to each screen that cares; they stop it, so that it does not come back up."""
        for screen in self.screen_stack:
            if isinstance(screen, SearchScreen | IndexScreen):
                screen.post_message(replace(message))  # type: ignore[type-var]
