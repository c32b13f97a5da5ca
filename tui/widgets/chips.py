"""The row of filters: what may answer, always visible, each reachable by key, tab and mouse.

Posts `ChipPressed`; what a press means is the screen's.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from tui.keys import bindings
from tui.messages import ChipPressed
from tui.state import Filters

NAMES = ("mode", "lang", "path", "kind", "regex", "scope")


class Chip(Widget, can_focus=True):
    """One filter: its name and its value; bright where it narrows the search."""

    BINDINGS = bindings("chip")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chip--name", "chip--value"}

    def __init__(self, name: str) -> None:
        super().__init__(id=f"chip-{name}")
        self.chip_name = name
        self.value = ""

    def show(self, value: str, active: bool) -> None:
        """Show a value; active ones narrow the search."""
        self.value = value
        self.set_class(active, "-active")
        self.refresh(layout=True)

    def render(self) -> Text:
        """Name and value."""
        name = self.get_component_rich_style("chip--name")
        value = self.get_component_rich_style("chip--value")
        return Text.assemble(
            (f"{self.chip_name} ", name), (self.value, value), no_wrap=True, overflow="ellipsis"
        )

    def on_click(self, event: events.Click) -> None:
        """Press."""
        event.stop()
        self.action_press()

    def action_press(self) -> None:
        """Change it."""
        self.post_message(ChipPressed(self.chip_name))

    def action_clear(self) -> None:
        """Remove it."""
        self.post_message(ChipPressed(self.chip_name, cleared=True))

    def action_next(self) -> None:
        """The chip to the right."""
        self._step(1)

    def action_previous(self) -> None:
        """The chip to the left."""
        self._step(-1)

    async def action_leave(self) -> None:
        """To the results."""
        await self.run_action("screen.focus_results")

    def _step(self, n: int) -> None:
        chips = [chip for chip in self.screen.query(Chip) if chip.display]
        chips[(chips.index(self) + n) % len(chips)].focus()


class ChipRow(Horizontal):
    """All chips."""

    def __init__(self) -> None:
        super().__init__(id="chips")

    def compose(self) -> ComposeResult:
        """One chip a filter."""
        for name in NAMES:
            yield Chip(name)

    def show(self, filters: Filters, n_repositories: int) -> None:
        """Show the filters; the scope only where there is a choice."""
        scope = ", ".join(filters.scope) if filters.scope else f"all {n_repositories}"
        values = {
            "mode": (filters.mode, False),
            "lang": (_short(filters.languages), bool(filters.languages)),
            "path": (_short(filters.paths), bool(filters.paths)),
            "kind": (_short(filters.kinds), bool(filters.kinds)),
            "regex": (f"/{filters.regex}/" if filters.regex else "–", bool(filters.regex)),
            "scope": (scope, bool(filters.scope)),
        }
        for name, (value, active) in values.items():
            self.query_one(f"#chip-{name}", Chip).show(value, active)
        self.query_one("#chip-scope").display = n_repositories > 1


def _short(values: tuple[str, ...]) -> str:
    if not values:
        return "any"
    return values[0] if len(values) == 1 else f"{values[0]} +{len(values) - 1}"
