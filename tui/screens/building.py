"""The index of each repository: what it holds, what is stale, what is skipped and why, and its build.

Knows widgets and messages. Asks the app by `BuildRequested`, `BuildCancelRequested`, `StatusRequested`.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from codesearch.answers.findings import RepositoryStatus
from codesearch.build_speed import duration
from indexer.records import BuildReport
from indexer.wording import counted
from tui.keys import bindings
from tui.messages import (
    BuildAdvanced,
    BuildCancelRequested,
    BuildFailed,
    BuildFinished,
    BuildRequested,
    ReadingAdvanced,
    RepositoriesOpened,
    StatusRequested,
)
from tui.session import RepositoryState
from tui.text.document import safe_line
from tui.widgets.build_progress import BuildProgressView
from tui.widgets.drawing import styles_of
from tui.widgets.key_line import KeyLine
from tui.widgets.title_line import HEIGHTS, WIDTHS, TitleLine, TooSmall

MAX_LISTED = 500
"""Paths shown of each list; the command line has them all."""


class IndexScreen(Screen[None]):
    """Repositories, one of them in detail, and the running build."""

    BINDINGS = bindings("index")
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def __init__(
        self, repositories: tuple[RepositoryState, ...], building: Path | None, outcome: str
    ) -> None:
        """Opened on the state that the app knows.

        Arguments:
            repositories: their states.
            building: the folder of the running build, or None.
            outcome: one sentence on the build before, or nothing.
        """
        super().__init__()
        self.repositories = repositories
        self.building = building
        self.is_cancelling = False
        self._selected = 0
        self._outcome = outcome

    def compose(self) -> ComposeResult:
        """Title, repositories, build, details."""
        yield TooSmall()
        with Vertical(id="main"):
            yield TitleLine()
            yield OptionList(id="repositories", compact=True, markup=False)
            yield BuildProgressView()
            with VerticalScroll(id="details", can_focus=True):
                yield Static(id="details-text")
        yield KeyLine()

    def on_mount(self) -> None:
        """Show what is known so far."""
        self._show()
        self.query_one("#details").focus()

    # --- what the app says ---

    def on_repositories_opened(self, message: RepositoriesOpened) -> None:
        """New states."""
        message.stop()
        self.repositories = message.repositories
        self._show()

    def on_reading_advanced(self, message: ReadingAdvanced) -> None:
        """Progress of a folder's first reading."""
        message.stop()
        if self.building is None:
            self.query_one(BuildProgressView).advance(message.progress)

    def on_build_advanced(self, message: BuildAdvanced) -> None:
        """Progress."""
        message.stop()
        if self.building != message.root:
            self.building = message.root
            self._show()
        self.query_one(BuildProgressView).advance(message.progress)

    def on_build_finished(self, message: BuildFinished) -> None:
        """Say what was done."""
        message.stop()
        self._end_build(outcome_of(message.report))

    def on_build_failed(self, message: BuildFailed) -> None:
        """Say why."""
        message.stop()
        self._end_build(message.sentence)

    # --- actions ---

    @property
    def selected(self) -> RepositoryState | None:
        """The repository in detail."""
        return self.repositories[self._selected] if self._selected < len(self.repositories) else None

    def action_build(self) -> None:
        """Build or refresh the selected repository."""
        if self.building is not None:
            self.notify("A build is running; c cancels it.", severity="warning")
        elif self.selected is not None and self.selected.is_being_read:
            self.notify("Its files are being read; vectors follow by themselves.")
        elif self.selected is not None:
            self.building = self.selected.root
            self.is_cancelling = False
            self._outcome = ""
            self.query_one(BuildProgressView).reset()
            self.post_message(BuildRequested(self.selected.root))
            self._show()

    def action_cancel(self) -> None:
        """Stop the running build."""
        if self.building is None:
            self.notify("No build is running.")
            return
        self.is_cancelling = True
        self.post_message(BuildCancelRequested())
        self._show()

    def action_check(self) -> None:
        """Look again at the files."""
        self.query_one(TitleLine).show(state="looking at the files…")
        self.post_message(StatusRequested())

    def action_move(self, step: int) -> None:
        """Another repository, or the details where there is only one."""
        if len(self.repositories) > 1:
            self._selected = (self._selected + step) % len(self.repositories)
            self._show()
        else:
            self.query_one("#details", VerticalScroll).scroll_relative(y=step, animate=False)

    def action_leave(self) -> None:
        """Back to searching."""
        self.dismiss()

    @on(OptionList.OptionHighlighted, "#repositories")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index != self._selected:
            self._selected = event.option_index
            self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Cancelling needs a build."""
        return None if action == "cancel" and self.building is None else True

    # --- drawing ---

    def _end_build(self, outcome: str) -> None:
        self.building = None
        self.is_cancelling = False
        self._outcome = outcome
        self._show()

    def _show(self) -> None:
        many = len(self.repositories) > 1
        options = self.query_one("#repositories", OptionList)
        options.display = many
        if many:
            lines = [Text(_line_of(state), no_wrap=True) for state in self.repositories]
            options.clear_options()
            options.add_options(Option(line) for line in lines)
            options.highlighted = self._selected
        state = self.selected
        title = self.query_one(TitleLine)
        if self.is_cancelling:
            title_state, tone = "cancelling…", "problem"
        elif self.building is not None:
            title_state, tone = "building; you can keep searching", "good"
        elif state is None:
            title_state, tone = "", ""
        else:
            title_state, tone = _condition(state)
        title.show(about=f"index of {state.name}" if state else "index", state=title_state, tone=tone)
        self.refresh_bindings()
        is_reading = any(each.is_being_read for each in self.repositories)
        self.query_one(BuildProgressView).display = self.building is not None or is_reading
        self.query_one("#details-text", Static).update(self._details(state) if state else Text(""))

    def _details(self, state: RepositoryState) -> RenderableType:
        styles = styles_of(self)
        text = Text(style=styles.text)
        if self._outcome:
            text.append(self._outcome + "\n\n", styles.strong)
        status = state.status
        if status is None:
            if state.is_being_read:
                text.append("Its files are being read for the first time; vectors follow by themselves.\n")
                text.append("Meanwhile esc lets you search the files as text.\n")
            elif self.building == state.root:
                text.append("The first build is running. Meanwhile esc lets you search the files as text.\n")
            else:
                text.append("There is no usable index here.\n\n", styles.strong)
                text.append(f"{safe_line(str(state.root))}\n{safe_line(state.problem)}\n\n", styles.quiet)
                text.append("b", styles.accent)
                text.append("    builds it, on this machine; nothing leaves it\n")
                text.append("esc", styles.accent)
                text.append("  searches the files as text meanwhile\n")
            return text
        text.append_text(_facts(state, status, styles.quiet))
        stale_head = f"\nStale: {len(status.stale):,}" if status.stale else "\nNothing is stale."
        text.append(stale_head, styles.strong)
        text.append("   b brings the index up to date\n" if status.stale else "\n", styles.quiet)
        for path in status.stale[:MAX_LISTED]:
            text.append(f"  {safe_line(path)}\n")
        skipped_head = f"Skipped: {len(status.skipped):,}" if status.skipped else "Nothing was skipped."
        text.append(f"\n{skipped_head}", styles.strong)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(max_width=40, overflow="fold")
        table.add_column(no_wrap=True, style=styles.accent)
        table.add_column(style=styles.quiet)
        for skipped in status.skipped[:MAX_LISTED]:
            table.add_row(
                "  " + safe_line(skipped.path), safe_line(skipped.reason), safe_line(skipped.detail)
            )
        rest = Text(style=styles.quiet)
        if max(len(status.stale), len(status.skipped)) > MAX_LISTED:
            rest.append(f"\nOnly {MAX_LISTED} of each are shown; codesearch status --skipped lists all.")
        return Group(text, table, rest)


def outcome_of(report: BuildReport) -> str:
    """What a build did, in one sentence."""
    return (
        f"Indexed {counted(report.n_files, 'file')} in {duration(report.elapsed_seconds)}: "
        f"{counted(report.n_chunks, 'chunk')}, {report.n_encoded_chunks:,} of them encoded now, "
        f"{counted(report.n_skipped, 'file')} skipped."
    )


def _facts(state: RepositoryState, status: RepositoryStatus, quiet: object) -> Text:
    text = Text()
    facts = (
        ("folder", str(state.root)),
        ("files", f"{status.n_files:,}"),
        ("chunks", f"{status.n_chunks:,}"),
        ("tokens", f"{status.n_tokens:,}" if status.n_tokens else ""),
        ("vectors", _vectors(status)),
        ("languages", ", ".join(status.languages)),
        ("model", Path(status.model).name if status.model else ""),
        ("commit", status.commit[:12]),
    )
    for name, value in facts:
        if value:
            text.append(f"{name:<10} ", quiet)  # type: ignore[arg-type]
            text.append(f"{safe_line(value)}\n")
    return text


def _vectors(status: RepositoryStatus) -> str:
    if not status.is_encoding:
        return ""
    share = f"{status.n_encoded:,} of {counted(status.n_chunks, 'chunk')}"
    return f"{share}; the others are being encoded in the background, b does it at once"


def _condition(state: RepositoryState) -> tuple[str, str]:
    if state.is_being_read:
        return "being read", "good"
    if state.status is None:
        return "no index", "problem"
    if state.status.stale:
        return f"{len(state.status.stale):,} stale", "problem"
    return "ready", "good"


def _line_of(state: RepositoryState) -> str:
    condition, _ = _condition(state)
    n_files = counted(state.status.n_files, "file") if state.status else ""
    return f"{safe_line(state.name):<28} {condition:<12} {n_files}"
