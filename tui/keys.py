"""Every key of the TUI, once: bindings, footer, help screen and command palette are made from this table.

`owner` says whose binding it is. Letters belong to the search screen: while a person types in the query
bar they are text, everywhere else they are commands.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """One command and the keys that give it."""

    owner: str
    """`app`, `search`, `query`, `results`, `passage`, `chip`, `index` or `help`."""
    keys: str
    """As Textual names them, separated by commas; the first is shown."""
    action: str
    label: str
    """One or two words, for the footer."""
    help: str
    """What it does, for the help screen and the command palette."""
    footer: bool = False
    display: str = ""
    """How the keys are written, where Textual's names would not do."""
    palette: bool = True
    """Offer it in the command palette."""


OWNERS = {
    "query": "While typing a query",
    "results": "In the list of results",
    "passage": "In the passage",
    "search": "Anywhere on the search screen (letters: outside the query bar)",
    "chip": "On a filter",
    "index": "On the index screen",
    "app": "Everywhere",
}
"""The groups of the help screen, in order."""

KEYS: tuple[Key, ...] = (
    # query
    Key("query", "enter", "enter", "results", "Search now and go to the results", footer=True, palette=False),
    Key("query", "down", "next_result", "select", "Select the next result without leaving the query",
        footer=True, display="↓", palette=False),
    Key("query", "up", "previous_result", "previous", "Select the previous result", display="↑",
        palette=False),
    Key("query", "ctrl+up", "older_query", "older query", "Put the previous query of the history here",
        display="^↑", palette=False),
    Key("query", "ctrl+down", "newer_query", "newer query", "Put the next query of the history here",
        display="^↓", palette=False),
    Key("query", "escape", "clear", "clear", "Clear the query; when it is empty, go to the results",
        display="esc", palette=False),
    # results
    Key("results", "enter", "open", "read", "Read the passage", footer=True, palette=False),
    Key("results", "down,j", "cursor_down", "down", "Next result", display="↓ j", palette=False),
    Key("results", "up,k", "cursor_up", "up", "Previous result; above the first is the query bar",
        display="↑ k", palette=False),
    Key("results", "pagedown", "page_down", "page down", "A page of results down", display="pgdn",
        palette=False),
    Key("results", "pageup", "page_up", "page up", "A page of results up", display="pgup", palette=False),
    Key("results", "home,g", "first", "first", "First result", display="home g", palette=False),
    Key("results", "end,G", "last", "last", "Last result", display="end G", palette=False),
    Key("results", "space", "mark", "mark", "Mark or unmark this result for copying and exporting",
        footer=True, palette=False),
    Key("results", "a", "mark_all", "mark all", "Mark all results, or none if all are marked"),
    Key("results", "escape", "leave", "query", "Back to the query bar", display="esc", palette=False),
    # passage
    Key("passage", "down,j", "cursor_down", "down", "Next line", display="↓ j", palette=False),
    Key("passage", "up,k", "cursor_up", "up", "Previous line", display="↑ k", palette=False),
    Key("passage", "right", "cursor_right", "right", "Next column", display="→", palette=False),
    Key("passage", "left", "cursor_left", "left", "Previous column", display="←", palette=False),
    Key("passage", "w,ctrl+right", "next_word", "word", "Next word", display="w", palette=False),
    Key("passage", "b,ctrl+left", "previous_word", "word back", "Previous word", display="b", palette=False),
    Key("passage", "pagedown", "page_down", "page down", "A page down", display="pgdn", palette=False),
    Key("passage", "pageup", "page_up", "page up", "A page up", display="pgup", palette=False),
    Key("passage", "home,g", "top", "top", "First line", display="home g", palette=False),
    Key("passage", "end,G", "bottom", "bottom", "Last line", display="end G", palette=False),
    Key("passage", "z", "toggle_wrap", "wrap", "Wrap long lines, or not"),
    Key("passage", "escape", "leave", "results", "Back to the results", display="esc", palette=False),
    # search screen
    Key("search", "slash", "focus_query", "query", "Go to the query bar", display="/"),
    Key("search", "n", "next_match", "match", "Next matched word in the passage"),
    Key("search", "N", "previous_match", "previous match", "Previous matched word in the passage"),
    Key("search", "f", "toggle_file", "file", "Switch between the passage and its whole file", footer=True),
    Key("search", "e", "toggle_evidence", "why", "Show or hide why this passage matched", footer=True),
    Key("search", "d", "definition", "def", "Jump to the definition of the word under the cursor",
        footer=True),
    Key("search", "s", "similar", "like", "Find code similar to this passage", footer=True),
    Key("search", "backspace", "back", "back", "Back to the results before the last jump", display="⌫"),
    Key("search", "o", "open_editor", "edit", "Open the file in $EDITOR at the line", footer=True),
    Key("search", "y", "copy_place", "copy path:line", "Copy path:line"),
    Key("search", "Y", "copy_passage", "copy passage", "Copy the text of the passage"),
    Key("search", "c", "copy_context", "copy",
        "Copy the marked results (or all) as a context block for a language model", footer=True),
    Key("search", "plus,equals_sign", "budget_up", "more tokens",
        "Raise the token budget of the context block",
        display="+"),
    Key("search", "minus", "budget_down", "fewer tokens",
        "Lower the token budget of the context block",
        display="-"),
    Key("search", "x", "export", "export", "Write the marked results (or all) to a Markdown file"),
    Key("search", "v", "toggle_zoom", "zoom", "Give the passage the whole screen, or not"),
    Key("search", "f2,m", "next_mode", "mode", "Next search mode: hybrid, single, colbert, lexical",
        footer=True, display="F2 m"),
    Key("search", "f3,l", "filter('lang')", "lang", "Choose languages", footer=True, display="F3 l"),
    Key("search", "f4,p", "filter('path')", "path", "Choose paths by globs; ! excludes", display="F4 p"),
    Key("search", "f6,t", "filter('kind')", "kind", "Choose kinds of symbol", display="F6 t"),
    Key("search", "f7,r", "filter('regex')", "regex", "Filter by regular expression", display="F7 r"),
    Key("search", "f8,R", "filter('scope')", "scope", "Choose repositories", display="F8 R"),
    Key("search", "f10,u", "clear_filters", "no filters", "Remove all filters", display="F10 u"),
    Key("search", "ctrl+r,h", "recall", "history", "Recall a query from history and saved queries",
        footer=True, display="^r h"),
    Key("search", "ctrl+s", "save_query", "save query", "Save this query with its filters", display="^s"),
    # chips
    Key("chip", "enter,space", "press", "choose", "Change this filter", footer=True, display="enter",
        palette=False),
    Key("chip", "delete,backspace", "clear", "remove", "Remove this filter", footer=True, display="del",
        palette=False),
    Key("chip", "right", "next", "next", "Next filter", display="→", palette=False),
    Key("chip", "left", "previous", "previous", "Previous filter", display="←", palette=False),
    Key("chip", "escape,down", "leave", "results", "Back to the results", display="esc", palette=False),
    # index screen
    Key("index", "b,u,enter", "build", "build / refresh", "Build or refresh the index of this repository",
        footer=True, display="b", palette=False),
    Key("index", "c", "cancel", "cancel", "Cancel the running build; the previous index stays", footer=True,
        palette=False),
    Key("index", "r", "check", "check", "Look again for stale and skipped files", footer=True, palette=False),
    Key("index", "down,j", "move(1)", "next", "Next repository or line", display="↓ j", palette=False),
    Key("index", "up,k", "move(-1)", "previous", "Previous repository or line", display="↑ k", palette=False),
    Key("index", "escape,slash", "leave", "search", "Back to searching; a build continues", footer=True,
        display="esc", palette=False),
    # everywhere
    Key("app", "f9,i", "index", "index", "Show the index: build, refresh, skipped and stale files",
        footer=True, display="F9 i"),
    Key("app", "f1,question_mark", "help", "help", "Show all keys", footer=True, display="F1 ?"),
    Key("app", "T", "toggle_theme", "theme", "Switch between the dark and the light theme"),
    Key("app", "ctrl+p", "command_palette", "palette", "Find any command by its name", display="^p",
        palette=False),
    Key("app", "ctrl+q,q", "quit", "quit", "Leave; ^c twice does too", display="^q q"),
)  # fmt: skip


def bindings(owner: str) -> list[BindingType]:
    """Textual's bindings of one owner."""
    made: list[BindingType] = []
    for key in KEYS:
        if key.owner == owner:
            for i, name in enumerate(key.keys.split(",")):
                made.append(
                    Binding(
                        name,
                        key.action,
                        key.label,
                        show=key.footer and i == 0,
                        key_display=written(key).split(" ")[0],
                    )
                )
    return made


def written(key: Key) -> str:
    """The keys as a person reads them."""
    return key.display or key.keys.split(",")[0]
