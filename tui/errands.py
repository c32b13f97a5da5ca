"""What the app does for a person besides searching: copying, the editor, exporting, the command palette.

A mixin of `CodesearchApp` alone, so that `app.py` keeps to the library and its threads.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported, SystemCommand
from textual.screen import Screen

from codesearch.tree_files import check_tree_file
from indexer.errors import CodesearchError
from tui.handoff import copy_with_tool, editor_command, export
from tui.keys import KEYS, Key, written
from tui.messages import CopyRequested, EditorRequested, ExportRequested, StateChanged
from tui.screens.help import HelpScreen
from tui.state import save_state
from tui.theme import DARK, LIGHT

if TYPE_CHECKING:
    _Base = Any  # mypy follows no circle of classes: what these use of it is not checked
else:
    _Base = object


class Errands(_Base):
    """Handlers of the messages under «taking along», and the actions under `app` in the key table."""

    theme: Any

    def on_copy_requested(self, message: CopyRequested) -> None:
        """By the terminal, and by the desktop's tool where there is one."""
        self.copy_to_clipboard(message.text)
        self.in_thread(partial(copy_with_tool, message.text, self.environment), group="copy")
        self.notify(f"Copied {message.what}.", markup=False)

    def on_editor_requested(self, message: EditorRequested) -> None:
        """Hand the terminal over to the editor, and take it back."""
        name = message.result.passage.path
        path = message.result.root / name
        try:
            check_tree_file(message.result.root, name)
            command = editor_command(self.environment, path, message.line)
            with self.suspend():
                subprocess.run(command, check=False)
        except FileNotFoundError:
            self.notify(f"{name} was deleted after it was indexed.", severity="warning", markup=False)
        except (CodesearchError, OSError) as error:
            self.notify(str(error), severity="warning", markup=False)
        except SuspendNotSupported:
            self.notify("No editor can be opened from here; y copies path:line.", severity="warning")

    def on_export_requested(self, message: ExportRequested) -> None:
        """Write the file."""
        try:
            n_bytes = export(message.path, message.query, message.results)
        except CodesearchError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        n = len(message.results)
        self.notify(f"Wrote {n} passages, {n_bytes:,} bytes, to {message.path}.", markup=False)

    def on_state_changed(self, message: StateChanged) -> None:
        """Remember."""
        save_state(self.state_file, message.state)

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(HelpScreen())

    def action_toggle_theme(self) -> None:
        """Dark or light."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.search_screen.remember_theme(self.theme)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: every key of the table that makes sense without its place."""
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
