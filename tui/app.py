"""The application: the only module of the TUI that knows the library, and the one that owns threads.

Screens post requests up to `CodesearchApp`; it runs them in thread workers, which post the answers back
and never touch a widget. Not here: what anything looks like.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.worker import get_current_worker

from codesearch.answers.counting import counter_for
from codesearch.answers.explain import stale_note
from codesearch.answers.findings import Findings, Found, RepositoryStatus
from codesearch.api import CodeIndex
from codesearch.build_speed import Limiter
from codesearch.locate import build_index, has_index, manifest_mark
from codesearch.unindexed import PlainText
from codesearch.workspace import Several
from indexer.errors import (
    BuildInterruptedError,
    IndexCorruptError,
    IndexMismatchError,
    IndexMissingError,
)
from indexer.languages import language_of
from indexer.records import (
    BuildProgress,
    BuildReport,
    ComponentScores,
    Evidence,
    Mode,
    Passage,
    ProgressCallback,
    SearchRequest,
    Span,
)
from tui.errands import Errands
from tui.keys import KEYS, Key, bindings, written
from tui.messages import (
    BuildAdvanced,
    BuildCancelRequested,
    BuildFailed,
    BuildFinished,
    BuildRequested,
    CopyRequested,
    DefinitionRequested,
    EditorRequested,
    ExportRequested,
    FileLoaded,
    FileRequested,
    FileUnavailable,
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
from tui.session import Answer, Engine, Repository, RepositoryState, Workspace, sentence_of
from tui.state import default_state_file, load_state, save_state
from tui.text.document import file_document
from tui.text.shown_file import read_file
from tui.theme import DARK, LIGHT

PAUSE_SECONDS = 0.06
"""Typing that stops this long starts a search."""
MAX_DEFINITION_LINES = 60
CANCELLED = "The build was cancelled; what was encoded is kept for the next one."


class IndexedRepository:
    """A `CodeIndex` as a `Repository`. Notices a newer build, and an index that was deleted while open."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        self._state = state
        self._mark = manifest_mark(root, state)  # before it is opened: what is published meanwhile is noticed
        self._index = CodeIndex.open(root, state=state)
        self._spans_by_name: dict[str, list[tuple[str, Span]]] | None = None

    def search(self, request: SearchRequest) -> Found:
        """The best passages for a question."""
        return _without_stale_note(self.followed().find(request))

    def followed(self) -> CodeIndex:
        """The index, the newest build of it. Raises IndexMissingError where it was deleted."""
        self._follow()
        return self._index

    def similar(self, passage: Passage, k: int) -> Found:
        """Passages like this one."""
        self._follow()
        found = self._index.similar(passage.path, passage.start_line, k + 1)
        others = [
            other
            for other in found.passages
            if other.path != passage.path or other.start_line != passage.start_line
        ]
        return Found(others[:k], found.notes)

    def definitions(self, word: str, k: int) -> Found:
        """Symbols whose last name is `word`, shorter paths first."""
        self._follow()
        if self._spans_by_name is None:
            self._spans_by_name = {}
            for entry in self._index.outline():
                if entry.span.kind != "section":
                    name = re.split(r"[.:#]+", entry.span.name)[-1]
                    self._spans_by_name.setdefault(name, []).append((entry.path, entry.span))
        places = sorted(self._spans_by_name.get(word, ()), key=lambda place: (len(place[0]), place[0]))
        return Found([self._definition(path, span) for path, span in places[:k]])

    def status(self, looks_at_disk: bool) -> RepositoryStatus:
        """What the index holds."""
        if looks_at_disk:
            self._follow()
        status = self._index.status() if looks_at_disk else self._index.status(look_seconds=0.0)
        stale = status.stale
        changes = [f"{path}  changed" for path in stale.changed]
        changes += [f"{path}  new" for path in stale.added]
        changes += [f"{path}  deleted" for path in stale.deleted]
        return RepositoryStatus(
            n_files=status.n_files,
            n_chunks=status.n_chunks,
            n_tokens=status.n_tokens,
            commit=status.commit,
            model=status.model,
            languages=tuple(status.languages),
            stale=tuple(changes) if looks_at_disk else (),
            skipped=tuple(status.skipped),
        )

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _follow(self) -> None:
        mark = manifest_mark(self._index.root, self._state)
        if mark is None:
            raise IndexMissingError(
                f"The index of {self._index.root} was deleted while it was open; F9 builds it again."
            )
        if mark != self._mark:
            old, self._index = self._index, CodeIndex.open(self._index.root, state=self._state)
            old.close()
            self._mark, self._spans_by_name = mark, None

    def _definition(self, path: str, span: Span) -> Passage:
        end_line = min(span.end_line, span.start_line + MAX_DEFINITION_LINES - 1)
        text = self._index.read(path, span.start_line, end_line)
        return Passage(
            path=path,
            start_line=span.start_line,
            end_line=end_line,
            text=text,
            language=language_of(path, text),
            symbol=span.name,
            kind=span.kind,
            score=1.0,
            n_tokens=counter_for(None).count(text),
            evidence=Evidence(ComponentScores(), (), ()),
        )


def _without_stale_note(found: Findings) -> Found:
    """The title says it beside the results."""
    known = stale_note(found.index) if found.passages else ()
    return Found(found.passages, tuple(note for note in found.notes if note not in known))


class CodeIndexEngine:
    """The library as an `Engine`."""

    def __init__(self, state: Path | None = None) -> None:
        """`state` keeps the indexes outside their trees."""
        self._state = state

    def open(self, root: Path) -> Repository:
        """The index of this folder; not of one above it."""
        if not has_index(root, self._state):
            raise IndexMissingError(f"There is no index in {root}; F9 builds it.")
        return IndexedRepository(root, self._state)

    def open_unindexed(self, root: Path) -> Repository:
        """The files themselves."""
        return PlainText(root)

    def search_together(self, repositories: Mapping[str, Repository], request: SearchRequest) -> Found:
        """The best passages of several indexes, ranked as those of one."""
        indexes = {
            name: each.followed()
            for name, each in repositories.items()
            if isinstance(each, IndexedRepository)
        }
        return _without_stale_note(Several(indexes).find(request))

    def build(self, root: Path, progress: ProgressCallback) -> BuildReport:
        """Build or refresh with the settings the index has; one that cannot be used is made anew."""
        try:
            return build_index(root, progress=progress, state=self._state)
        except (IndexMismatchError, IndexCorruptError):
            return build_index(root, progress=progress, rebuild=True, state=self._state)


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
    ) -> None:
        """Nothing is opened before the app runs.

        Arguments:
            roots: folders to search, absolute, with or without an index.
            engine: opens and builds indexes; the library where not given.
            state_file: where to remember; the platform's place where not given.
            environment: where `$EDITOR` and its like are read.
            clock: seconds, for the time a search took.
            pause_seconds: how long typing must pause; 0 searches at once.
        """
        super().__init__()
        self.workspace = Workspace(engine or CodeIndexEngine(), tuple(roots))
        self.state_file = state_file or default_state_file()
        self.errands = Errands(self, os.environ if environment is None else environment)
        self.clock = clock
        remembered = load_state(self.state_file)
        self.search_screen = SearchScreen(remembered, pause_seconds)
        self.states: tuple[RepositoryState, ...] = ()
        self.building: Path | None = None
        self._outcome = ""
        self._cancel_build = threading.Event()
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
            self.post_message(RepositoriesOpened(states, answers_changed=True))

    def on_file_requested(self, message: FileRequested) -> None:
        """Read and colour the file in a thread."""
        self.in_thread(partial(self._load, message), group="file", exclusive=True)

    def _load(self, message: FileRequested) -> None:
        result = message.result
        try:
            shown = read_file(result.root, result.passage)
            document = file_document(shown.text, result.passage)
            answer: Message = FileLoaded(result, document, shown.notice, shown.state)
        except Exception as error:
            answer = FileUnavailable(result, sentence_of(error))
        if not get_current_worker().is_cancelled:
            self.search_screen.post_message(answer)

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
        self.post_message(RepositoriesOpened(self.workspace.open(only), answers_changed=True))
        # The first search loads the model; it may as well be one that nobody waits for.
        try:
            self.workspace.search(SearchRequest("main", k=1, mode=Mode.HYBRID), (), lambda: False)
        except Exception as error:
            self.log.warning(f"warming up: {error}")
        self._refresh()

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
        for state in self.states:
            if state.status is None and state.root in had_index:
                self.notify(state.problem, severity="error", markup=False)
        nothing_indexed = all(state.status is None for state in self.states)
        if nothing_indexed and not self._has_offered_build and self.screen is self.search_screen:
            self._has_offered_build = True
            if not self.search_screen.query_text:  # Else letters meant for it would be commands there.
                self.action_index()
            elif not had_index:
                self.notify("There is no index here yet; F9 builds it.")

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
