"""Questions over a screen: choose several, type a line, recall a query. Each returns its answer or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, SelectionList
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from tui.state import SavedQuery
from tui.text.document import safe_line
from tui.widgets.whole_input import WholeInput, drawn

AnswerT = TypeVar("AnswerT")


class Dialog(ModalScreen[AnswerT]):
    """A framed question in the middle; escape and a click beside it answer nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss_unanswered", "cancel")]

    def __init__(self, title: str, hint: str) -> None:
        super().__init__()
        self.dialog_title = title
        self.hint = hint

    def action_dismiss_unanswered(self) -> None:
        """No answer."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """A click beside the frame is no answer."""
        if event.widget is self:
            self.dismiss(None)


class _NarrowInput(WholeInput):
    """A line whose text narrows the list below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("down", "screen.move(1)", "next"),
        ("up", "screen.move(-1)", "previous"),
        ("delete", "screen.forget", "forget"),
    ]


class _NarrowChoices(_NarrowInput):
    """Of names without blanks: a blank chooses."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "screen.choose", "choose", priority=True)]


class _Choices(SelectionList[str]):
    BINDINGS: ClassVar[list[BindingType]] = [("enter", "screen.accept", "accept")]


class ChoiceDialog(Dialog[tuple[str, ...] | None]):
    """Choose any number of names, from a list that is narrowed by typing."""

    def __init__(self, title: str, names: Sequence[str], chosen: Sequence[str]) -> None:
        super().__init__(title, "type to narrow · space chooses · enter accepts · esc")
        self.names = [*names, *(name for name in chosen if name not in names)]
        self.chosen = set(chosen)

    def compose(self) -> ComposeResult:
        """The line and the list."""
        with Vertical(classes="dialog") as box:
            box.border_title = self.dialog_title
            box.border_subtitle = self.hint
            yield _NarrowChoices(placeholder="narrow", compact=True)
            yield _Choices(compact=True)

    def on_mount(self) -> None:
        """All names."""
        self._narrow("")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow(self.query_one(_NarrowChoices).text)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_accept()

    @on(SelectionList.SelectedChanged)
    def _selected(self, event: SelectionList.SelectedChanged[str]) -> None:
        event.stop()
        options = self.query_one(SelectionList)
        self.chosen -= {options.get_option_at_index(i).value for i in range(options.option_count)}
        self.chosen |= set(options.selected)

    def action_move(self, step: int) -> None:
        """Move in the list while typing."""
        options = self.query_one(SelectionList)
        if options.option_count:
            options.highlighted = ((options.highlighted or 0) + step) % options.option_count

    def action_choose(self) -> None:
        """Choose the highlighted name, or not any more."""
        options = self.query_one(SelectionList)
        if options.highlighted is not None:
            options.toggle(options.get_option_at_index(options.highlighted))

    def action_accept(self) -> None:
        """The chosen names, in the order of the list."""
        self.dismiss(tuple(name for name in self.names if name in self.chosen))

    def _narrow(self, typed: str) -> None:
        words = typed.casefold().split()
        shown = [name for name in self.names if all(word in name.casefold() for word in words)]
        options = self.query_one(SelectionList)
        with self.prevent(SelectionList.SelectedChanged):
            options.clear_options()
            options.add_options(Selection(safe_line(name), name, name in self.chosen) for name in shown)
        options.highlighted = 0 if shown else None


class TextDialog(Dialog[str | None]):
    """Type one line; it is accepted only when the check has nothing to object."""

    def __init__(self, title: str, hint: str, value: str, check: Callable[[str], str]) -> None:
        super().__init__(title, f"{hint} · enter accepts · esc cancels")
        self.value = value
        self.check = check
        """Returns what is wrong with a text, or nothing."""

    def compose(self) -> ComposeResult:
        """The line and room for an objection."""
        with Vertical(classes="dialog") as box:
            box.border_title = self.dialog_title
            box.border_subtitle = self.hint
            yield WholeInput(drawn(self.value), compact=True)
            yield Label("", id="objection", markup=False)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#objection", Label).update(self.check(self._text))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.check(self._text):
            self.dismiss(self._text)

    @property
    def _text(self) -> str:
        return self.query_one(WholeInput).text.strip()


@dataclass(frozen=True, slots=True)
class Recalled:
    """What came of a recall: a query to ask again, or one to forget."""

    saved: SavedQuery
    is_saved: bool
    forget: bool = False


class RecallDialog(Dialog[Recalled | None]):
    """Saved queries first, then the history, narrowed by typing."""

    def __init__(self, saved: Sequence[SavedQuery], history: Sequence[str]) -> None:
        super().__init__("queries", "type to narrow · enter recalls · del forgets · esc cancels")
        self.entries = [Recalled(entry, True) for entry in saved]
        known = {entry.query for entry in saved}
        self.entries += [Recalled(SavedQuery(query), False) for query in history if query not in known]
        self.shown: list[Recalled] = []

    def compose(self) -> ComposeResult:
        """Filter line and list."""
        with Vertical(classes="dialog") as box:
            box.border_title = self.dialog_title
            box.border_subtitle = self.hint
            yield _NarrowInput(placeholder="narrow", compact=True)
            yield OptionList(compact=True, markup=False)

    def on_mount(self) -> None:
        """All entries."""
        self._narrow("")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow(self.query_one(_NarrowInput).text)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer(forget=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._answer(forget=False)

    def action_move(self, step: int) -> None:
        """Move in the list while typing."""
        options = self.query_one(OptionList)
        if self.shown:
            options.highlighted = ((options.highlighted or 0) + step) % len(self.shown)

    def action_forget(self) -> None:
        """Delete the entry."""
        self._answer(forget=True)

    def _narrow(self, typed: str) -> None:
        words = typed.casefold().split()
        self.shown = [
            entry for entry in self.entries if all(word in entry.saved.query.casefold() for word in words)
        ]
        options = self.query_one(OptionList)
        options.clear_options()
        signs = ("★ " if entry.is_saved else "  " for entry in self.shown)
        options.add_options(
            Option(sign + safe_line(entry.saved.query)) for sign, entry in zip(signs, self.shown, strict=True)
        )
        if self.shown:
            options.highlighted = 0

    def _answer(self, forget: bool) -> None:
        index = self.query_one(OptionList).highlighted
        if index is not None and self.shown:
            entry = self.shown[index]
            self.dismiss(Recalled(entry.saved, entry.is_saved, forget))
