"""What fills the screen before there is a question: the repositories, queries of before, a few keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from indexer.wording import counted
from tui.session import RepositoryState
from tui.state import RememberedState
from tui.text.document import safe_line
from tui.widgets.drawing import styles_of

_FIRST_KEYS = (
    ("enter", "go to the results"),
    ("F2", "search mode"),
    ("F3–F8", "filters"),
    ("^r", "queries of before"),
    ("F9", "the index"),
    ("F1", "all keys"),
)


class Welcome(Widget):
    """Drawn from the last `show`."""

    def __init__(self) -> None:
        super().__init__(id="welcome")
        self._repositories: Sequence[RepositoryState] = ()
        self._remembered = RememberedState()
        self._is_open = False

    def show(
        self, repositories: Sequence[RepositoryState], remembered: RememberedState, is_open: bool
    ) -> None:
        """Show what there is to ask."""
        self._repositories, self._remembered, self._is_open = repositories, remembered, is_open
        self.refresh(layout=True)

    def render(self) -> RenderResult:
        """The page."""
        styles = styles_of(self)
        text = Text(style=styles.text, no_wrap=True, overflow="ellipsis")
        if not self._is_open:
            text.append("Opening. Ask already: the answer comes in a moment.", styles.quiet)
            return text
        for repository in self._repositories:
            text.append(f"{safe_line(repository.name)}  ", styles.strong)
            text.append(_summary(repository) + "\n", styles.quiet)
        text.append("\nAsk in words, or paste an identifier or an error message.\n\n")
        for key, meaning in _FIRST_KEYS:
            text.append(f"{key:<8}", styles.accent)
            text.append(f"{meaning}\n", styles.quiet)
        queries = [f"★ {saved.query}" for saved in self._remembered.saved[:3]]
        queries += [f"  {query}" for query in self._remembered.history[:4]]
        if queries:
            text.append("\n^r recalls\n", styles.quiet)
            for query in queries:
                text.append(f"{safe_line(query)}\n")
        return text


def _summary(repository: RepositoryState) -> str:
    status = repository.status
    if status is None:
        if repository.is_being_read:
            return "being read for the first time; until then words are matched as they are"
        if repository.is_searchable:
            return "no index yet – F9 builds it; until then words are matched as they are"
        return safe_line(repository.problem)
    parts = [counted(status.n_files, "file"), counted(status.n_chunks, "chunk")]
    if status.languages:
        more = f" +{len(status.languages) - 4}" if len(status.languages) > 4 else ""
        parts.append(", ".join(status.languages[:4]) + more)
    if status.is_encoding:
        parts.append(f"{100 * status.n_encoded // max(1, status.n_chunks)} % encoded")
    if status.stale:
        parts.append(f"{len(status.stale)} stale")
    return " · ".join(parts)
