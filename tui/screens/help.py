"""All keys, generated from the key table, so that it cannot forget one."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from tui.keys import KEYS, OWNERS, written
from tui.widgets.drawing import styles_of
from tui.widgets.key_line import KeyLine
from tui.widgets.title_line import HEIGHTS, WIDTHS, TitleLine, TooSmall


class HelpScreen(Screen[None]):
    """One block a group of keys; two columns where there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,f1,question_mark", "dismiss", "back"),
        ("down,j", "scroll(1)", "down"),
        ("up,k", "scroll(-1)", "up"),
    ]
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def compose(self) -> ComposeResult:
        """Title and blocks."""
        yield TooSmall()
        with Vertical(id="main"):
            yield TitleLine()
            with VerticalScroll(id="help"), Container(id="blocks"):
                owners = list(OWNERS)
                for column in (owners[:3], owners[3:]):
                    with Vertical(classes="help-column"):
                        for owner in column:
                            yield Static(id=f"help-{owner}", classes="help-block")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill the blocks in the theme's colours."""
        self.query_one(TitleLine).show(about="keys", state="esc goes back")
        styles = styles_of(self)
        for owner, title in OWNERS.items():
            table = Table.grid(padding=(0, 2, 0, 0))
            table.add_column(no_wrap=True, min_width=9, style=styles.accent)
            table.add_column(style=styles.text)
            for key in KEYS:
                if key.owner == owner:
                    table.add_row(written(key), key.help)
            block = Table.grid()
            block.add_row(Text(title, styles.strong))
            block.add_row(table)
            self.query_one(f"#help-{owner}", Static).update(block)
        self.query_one("#help").focus()

    def action_scroll(self, n_lines: int) -> None:
        """Line by line."""
        self.query_one("#help", VerticalScroll).scroll_relative(y=n_lines, animate=False)
