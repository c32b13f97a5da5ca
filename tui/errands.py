"""What the app does for a person besides searching: copying, the editor, exporting. It says how it went."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from textual.app import App, SuspendNotSupported

from codesearch.render.passages import place_in_document
from codesearch.tree_files import check_tree_file
from indexer.errors import CodesearchError
from indexer.wording import counted
from tui.handoff import copy_with_tool, editor_command, export
from tui.messages import CopyRequested, EditorRequested, ExportRequested
from tui.text.shown_file import of_revision


@dataclass(frozen=True, slots=True)
class Errands:
    """Runs for one application."""

    app: App[None]
    environment: Mapping[str, str]
    """Where `$EDITOR`, `$PATH` and the desktop's variables are read."""

    def copy(self, message: CopyRequested) -> None:
        """By the terminal, and by the desktop's tool where there is one."""
        self.app.copy_to_clipboard(message.text)
        by_tool = partial(copy_with_tool, message.text, self.environment)
        self.app.run_worker(by_tool, thread=True, group="copy", exit_on_error=False)
        self.app.notify(f"Copied {message.what}.", markup=False)

    def open_editor(self, message: EditorRequested) -> None:
        """Hand the terminal over to the editor, and take it back."""
        passage = message.result.passage
        name = passage.path
        if passage.is_extracted:
            where = f" It is {place_in_document(passage)}." if passage.page or passage.anchor else ""
            self.app.notify(
                f"{name} cannot be opened there: these are lines of the text taken out of it.{where}",
                severity="warning",
                markup=False,
            )
            return
        if message.result.revision:
            self.app.notify(of_revision(name), severity="warning", markup=False)
            return
        path = message.result.root / name
        try:
            check_tree_file(message.result.root, name)
            command = editor_command(self.environment, path, message.line)
            with self.app.suspend():
                subprocess.run(command, check=False)
        except FileNotFoundError:
            self.app.notify(f"{name} was deleted after it was indexed.", severity="warning", markup=False)
        except (CodesearchError, OSError) as error:
            self.app.notify(str(error), severity="warning", markup=False)
        except SuspendNotSupported:
            self.app.notify("No editor can be opened from here; y copies path:line.", severity="warning")

    def export(self, message: ExportRequested) -> None:
        """Write the file."""
        try:
            n_bytes = export(message.path, message.query, message.results)
        except CodesearchError as error:
            self.app.notify(str(error), severity="error", markup=False)
            return
        n = len(message.results)
        self.app.notify(f"Wrote {counted(n, 'passage')}, {n_bytes:,} bytes, to {message.path}.", markup=False)
