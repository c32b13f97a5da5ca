"""The bottom line: the keys that do something here, from the bindings of what has the focus. Clickable."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.drawing import styles_of

_BOLD = Style(bold=True)


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    written: str
    label: str
    enabled: bool

    @property
    def n_cells(self) -> int:
        """With the blanks between and behind."""
        return cell_len(self.written) + cell_len(self.label) + 3


class KeyLine(Widget):
    """Drawn from the screen's active bindings; where not all fit, the last (help) stays."""

    def __init__(self) -> None:
        super().__init__(id="keys")

    def on_mount(self) -> None:
        """Draw again when the bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def _entries(self) -> list[_Entry]:
        entries: dict[str, _Entry] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.action not in entries:
                written = binding.key_display or binding.key
                entries[binding.action] = _Entry(binding.key, written, binding.description, active.enabled)
        return list(entries.values())

    def _fitting(self) -> list[_Entry]:
        entries = self._entries()
        left = self.size.width + 1 - sum(entry.n_cells for entry in entries)
        while left < 0 and len(entries) > 1:
            left += entries.pop(-2).n_cells
        return entries

    def render_line(self, y: int) -> Strip:
        """Key, label, key, label."""
        styles = styles_of(self)
        width = self.size.width
        segments = [Segment(" ", styles.text)]
        for entry in self._fitting():
            key_style = styles.accent + _BOLD if entry.enabled else styles.rule
            label_style = styles.quiet if entry.enabled else styles.rule
            segments.append(Segment(entry.written, key_style, None))
            segments.append(Segment(f" {entry.label}  ", label_style))
        return Strip(segments).adjust_cell_length(width, styles.text)

    def on_click(self, event: events.Click) -> None:
        """As if the key were pressed."""
        x = 1
        for entry in self._fitting():
            x_end = x + entry.n_cells
            if x <= event.x < x_end - 2:
                self.app.simulate_key(entry.key)
                return
            x = x_end
