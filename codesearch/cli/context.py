"""`codesearch context`: a block of cited passages for a prompt; `codesearch outline`: symbols."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from codesearch.choices import CONTEXT_FORMATS
from codesearch.cli.console import put, say
from codesearch.cli.options import (
    budget_options,
    filter_options,
    open_index,
    refresh_option,
    remembering,
    revision_option,
    seen_option,
    state_option,
)
from codesearch.cli.places import Places
from codesearch.cli.questions import QuestionCommand
from codesearch.cli.searching import folder_of, split_place
from codesearch.cli.targets import asked_of, folder_arguments, index_options
from indexer.wording import counted

if TYPE_CHECKING:
    from codesearch.context import Context


@click.command(
    "context", cls=QuestionCommand, short_help="Write cited passages for a prompt, within a token budget."
)
@click.argument("query")
@folder_arguments
@filter_options
@budget_options
@click.option("--format", "form", type=click.Choice(CONTEXT_FORMATS), default="text", show_default=True)
@seen_option
@revision_option
@index_options
@click.pass_context
def context_command(
    context: click.Context,
    /,
    query: str,
    folders: tuple[str, ...],
    budget: int | None,
    tokenizer: str | None,
    form: str,
    seen_file: str | None,
    **given: Any,
) -> None:
    """Write a block of cited passages that answer QUERY, for a language model; 4,000 tokens by default.

    The budget counts everything that is printed, in every format. What did not fit is named on stderr.
    """
    from codesearch.request import check_budget

    check_budget(budget)
    with (
        asked_of(folders, query, given=given, budget=budget, tokenizer=tokenizer) as asked,
        remembering(seen_file) as seen,
    ):
        block = asked.index.context(
            asked.request,
            asked.config["budget"],
            tokenizer=asked.config["tokenizer"],
            format=form,
            seen=seen,
            shown=asked.places.passage_shown(named=form == "json"),
        )
    put(block.text)
    n_left_out = sum(omitted.reason == "budget" for omitted in block.omitted)
    if block.passages and n_left_out:
        say(f"{counted(n_left_out, 'more passage')} did not fit into {budget_words(block)}.")
    elif n_left_out:
        say(f"No passage fits into {budget_words(block)}; raise --budget.")
    for note in block.notes:
        say(note)
    context.exit(0 if block.passages else 1)


def budget_words(block: Context) -> str:
    """`4,000 tokens (codesearch-edge)`."""
    return f"{block.budget_tokens:,} tokens ({block.tokenizer})"


@click.command("outline", short_help="List the symbols of files and folders.")
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@refresh_option
@revision_option
@state_option
@click.pass_context
def outline_command(
    context: click.Context, /, paths: tuple[str, ...], form: str, refresh: bool | None
) -> None:
    """List the symbols of indexed files, or of all files of folders; PATHs are of one tree."""
    from codesearch.render.lists import outline_json, outline_text
    from codesearch.revision_index import RevisionIndex

    named = [split_place(path)[0] for path in paths or (".",)]
    folders = [str(folder_of(path)) for path in named]
    opened = open_index(folders[0], {}, refresh=refresh, build=False)
    inside = dict(zip(named, map(opened.within, named), strict=True))
    with opened.index as index:
        places = Places.of({"": index.root}, named)
        of_revision = f"@{index.name}" if isinstance(index, RevisionIndex) else ""
        found = {path: index.outline(where) for path, where in inside.items()}
    entries = [
        replace(entry, path=places.shown(entry.path) + of_revision)
        for entry in dict.fromkeys(entry for each in found.values() for entry in each)
    ]
    where = places.shown(posixpath.commonpath(inside.values()) or ".")
    put(outline_json(where, entries, places.root) if form == "json" else outline_text(entries))
    for path, each in found.items():
        if not each:
            say(f"{path} has no symbols; `codesearch search` finds what is written in it.")
    context.exit(0 if entries else 1)
