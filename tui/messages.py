"""Everything that screens, widgets and workers tell each other, as past-tense facts and requests.

Messages are frozen: a handler may stop one, never change it. Widgets post up to their screen, screens
post up to the app, and the app's workers post down to a screen. Nothing else passes between them.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

from textual.message import Message

from indexer.records import BuildProgress, BuildReport, SearchRequest
from tui.session import RepositoryState, Result
from tui.state import RememberedState
from tui.text.document import Document


class Fact(Message):
    """Base of all messages: fields are set once; Textual's own bookkeeping stays writable.

    `dataclass(frozen=True)` would refuse Textual's bookkeeping too, so the base does the freezing.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in getattr(self, "__dataclass_fields__", ()) and name in self.__dict__:
            raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be set again")
        super().__setattr__(name, value)


# --- searching -------------------------------------------------------------------------------


@dataclass(eq=False)
class QueryEdited(Fact):
    """The text in the query bar changed; the search waits for a pause."""

    query: str


@dataclass(eq=False)
class QueryEntered(Fact):
    """Enter was pressed in the query bar: search now, and go to the results."""

    query: str


@dataclass(eq=False)
class SearchRequested(Fact):
    """A request for the app. A newer serial number makes older answers worthless."""

    serial: int
    request: SearchRequest
    scope: tuple[str, ...]
    """Names of the repositories to ask; empty: all that are open."""


@dataclass(eq=False)
class SimilarRequested(Fact):
    """Find code that resembles this result."""

    serial: int
    result: Result


@dataclass(eq=False)
class DefinitionRequested(Fact):
    """Find where this word is defined."""

    serial: int
    word: str
    scope: tuple[str, ...]


@dataclass(eq=False)
class ResultsFound(Fact):
    """The answer to one of the three requests above."""

    serial: int
    title: str
    """Empty for a search; else what the list is instead: `similar to ...`, `definition of ...`."""
    results: tuple[Result, ...]
    elapsed_seconds: float
    note: str = ""
    """One sentence on what this answer lacks, such as a repository that failed."""


@dataclass(eq=False)
class SearchFailed(Fact):
    """No answer, and why, in one sentence."""

    serial: int
    sentence: str


# --- looking ---------------------------------------------------------------------------------


@dataclass(eq=False)
class ResultHighlighted(Fact):
    """The cursor of the list stands on this row; -1 where the list is empty."""

    index: int


@dataclass(eq=False)
class ResultOpened(Fact):
    """Enter or a double click on a row: go and read it."""

    index: int


@dataclass(eq=False)
class MarksChanged(Fact):
    """Rows were marked or unmarked."""

    n_marked: int


@dataclass(eq=False)
class WordChosen(Fact):
    """A word of the passage was double-clicked: jump to its definition."""

    word: str


@dataclass(eq=False)
class FileRequested(Fact):
    """The whole file of this result is wanted."""

    result: Result


@dataclass(eq=False)
class FileLoaded(Fact):
    """The whole file, ready to be drawn, and what is to be said about it."""

    result: Result
    document: Document
    notice: str
    """Sentences; empty: nothing."""
    state: str
    """The same in a word or two."""


@dataclass(eq=False)
class ContextRequested(Fact):
    """What stands around the passage of this result? Lines to fill rows that it leaves free."""

    result: Result


@dataclass(eq=False)
class ContextLoaded(Fact):
    """The lines around the passage of this result."""

    result: Result
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(eq=False)
class FileUnavailable(Fact):
    """The file cannot be shown, and why, in one sentence."""

    result: Result
    sentence: str


@dataclass(eq=False)
class ChipPressed(Fact):
    """A filter chip was pressed, or cleared."""

    name: str
    cleared: bool = False


# --- taking along ------------------------------------------------------------------------------


@dataclass(eq=False)
class CopyRequested(Fact):
    """Put this text on the clipboard, and say so."""

    text: str
    what: str
    """What it is, for the confirmation."""


@dataclass(eq=False)
class EditorRequested(Fact):
    """Open the file of this result in the person's editor."""

    result: Result
    line: int


@dataclass(eq=False)
class ExportRequested(Fact):
    """Write these results to a Markdown file."""

    path: Path
    query: str
    results: tuple[Result, ...]


@dataclass(eq=False)
class StateChanged(Fact):
    """Something to remember between runs changed."""

    state: RememberedState


# --- repositories and building -----------------------------------------------------------------


@dataclass(eq=False)
class RepositoriesOpened(Fact):
    """What became of the folders the app was started on; again after each build or look at the disk."""

    repositories: tuple[RepositoryState, ...]
    answers_changed: bool
    """Questions may have other answers now, so the current one is worth asking again."""


@dataclass(eq=False)
class ReadingAdvanced(Fact):
    """One progress event of the first reading of a folder, which is searched as text meanwhile."""

    root: Path
    progress: BuildProgress


@dataclass(eq=False)
class StatusRequested(Fact):
    """Look again at the files of every repository: what is stale, what is skipped."""


@dataclass(eq=False)
class BuildRequested(Fact):
    """Build or refresh the index of this folder."""

    root: Path


@dataclass(eq=False)
class BuildCancelRequested(Fact):
    """Stop the running build; the previous index stays."""


@dataclass(eq=False)
class BuildAdvanced(Fact):
    """One progress event of the running build."""

    root: Path
    progress: BuildProgress


@dataclass(eq=False)
class BuildFinished(Fact):
    """The new index is in place."""

    root: Path
    report: BuildReport


@dataclass(eq=False)
class BuildFailed(Fact):
    """The build ended without an index, and why; `cancelled` when a person asked for it."""

    root: Path
    sentence: str
    cancelled: bool = False
