"""One dialog a filter, and the filters that come of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from textual.app import App

from codesearch.choices import KINDS
from codesearch.request import regex_problem
from indexer.languages import LANGUAGES
from tui.session import RepositoryState
from tui.state import Filters
from tui.widgets.dialogs import ChoiceDialog, TextDialog

_TITLES = {"lang": "languages", "kind": "kinds of symbol", "scope": "repositories"}
"""Filters whose value is a choice of names."""


def ask_filter(
    app: App[None],
    name: str,
    filters: Filters,
    repositories: Sequence[RepositoryState],
    use: Callable[[Filters], None],
) -> None:
    """Ask for the value of the filter that a chip is named for; `use` gets the filters with the answer."""

    def use_text(answer: str | None) -> None:
        if answer is not None:
            use(
                replace(filters, regex=answer)
                if name == "regex"
                else with_names(filters, name, _globs(answer))
            )

    def use_names(answer: tuple[str, ...] | None) -> None:
        if answer is not None:
            use(with_names(filters, name, answer))

    if name == "path":
        hint = "globs, ! excludes: src/**, !tests/"
        app.push_screen(TextDialog("paths", hint, ", ".join(filters.paths), lambda text: ""), use_text)
    elif name == "regex":
        dialog = TextDialog("regular expression", "empty removes it", filters.regex, _regex_objection)
        app.push_screen(dialog, use_text)
    elif names := _names(name, repositories):
        chosen = {"lang": filters.languages, "kind": filters.kinds, "scope": filters.scope}[name]
        app.push_screen(ChoiceDialog(_TITLES[name], names, chosen), use_names)


def without(filters: Filters, name: str) -> Filters:
    """The filters with the one that a chip is named for as if it had never been set."""
    if name == "mode":
        return replace(filters, mode=Filters().mode)
    return replace(filters, regex="") if name == "regex" else with_names(filters, name, ())


def with_names(filters: Filters, name: str, names: tuple[str, ...]) -> Filters:
    """The filters with other names in the one that a chip is named for: `lang`, `path`, `kind` or `scope`."""
    if name == "lang":
        return replace(filters, languages=names)
    if name == "path":
        return replace(filters, paths=names)
    return replace(filters, kinds=names) if name == "kind" else replace(filters, scope=names)


def _names(name: str, repositories: Sequence[RepositoryState]) -> tuple[str, ...]:
    if name == "kind":
        return KINDS
    if name == "scope":
        return tuple(repository.name for repository in repositories)
    statuses = (repository.status for repository in repositories)
    indexed = {language for status in statuses if status is not None for language in status.languages}
    return tuple(sorted(indexed)) or tuple(sorted(LANGUAGES))


def _globs(text: str) -> tuple[str, ...]:
    return tuple(glob.strip() for glob in re.split(r"[,\n]", text) if glob.strip())


def _regex_objection(text: str) -> str:
    problem = regex_problem(text)
    return f"Not a regular expression: {problem}." if problem else ""
