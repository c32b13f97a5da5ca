"""`codesearch search`, `similar` and `files`: what an index has for a question or a place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from codesearch.choices import SEARCH_FORMATS
from codesearch.cli.console import put, say
from codesearch.cli.display import display_of, display_options, path_options, show
from codesearch.cli.options import (
    Command,
    budget_options,
    build_option,
    filter_options,
    offset_option,
    open_index,
    refresh_option,
    remembering,
    revision_in_force,
    revision_option,
    seen_option,
    server_option,
    state_option,
)
from codesearch.cli.places import Places
from codesearch.cli.questions import QuestionCommand
from codesearch.cli.targets import asked_of, folder_arguments, index_options
from indexer.search_defaults import DEFAULT_K

_k_option = click.option(
    "-k",
    type=int,
    metavar="N",
    help=f"How many passages, {DEFAULT_K} by default; with fewer, each is longer.",
)


def _format_option(command: Command) -> Command:
    command = click.option("--json", "form", flag_value="json", help="Short for --format json.")(command)
    return click.option(
        "--format", "form", type=click.Choice(SEARCH_FORMATS), default="text", show_default=True
    )(command)


@click.command("search", cls=QuestionCommand, short_help="Find the passages that answer a question.")
@click.argument("query")
@folder_arguments
@_k_option
@offset_option
@filter_options
@budget_options
@_format_option
@path_options
@display_options
@seen_option
@revision_option
@index_options
@click.pass_context
def search_command(
    context: click.Context,
    /,
    query: str,
    folders: tuple[str, ...],
    k: int | None,
    offset: int,
    budget: int | None,
    tokenizer: str | None,
    form: str,
    seen_file: str | None,
    **given: Any,
) -> None:
    """Find the passages that answer QUERY in the index of PATH, or of the nearest folder above.

    Without PATH the whole index answers; a PATH inside it narrows the answer to that folder or file, several
    to all of them. The indexes of several trees answer as one. QUERY is a question, an identifier, an error
    message, or - to read it from standard input.
    """
    with (
        asked_of(folders, query, k, given=given, tokenizer=tokenizer) as asked,
        remembering(seen_file) as seen,
    ):
        findings = asked.index.find(
            asked.request,
            budget_tokens=budget,
            tokenizer=asked.config["tokenizer"],
            seen=seen,
            offset=offset,
        )
    context.exit(show(findings, form, asked.places))


@click.command("similar", short_help="Find code like a symbol or a file.")
@click.argument("places", type=click.Path(), metavar="FILE[:LINE]", nargs=-1, required=True)
@_k_option
@offset_option
@budget_options
@_format_option
@path_options
@display_options
@seen_option
@revision_option
@server_option
@build_option
@refresh_option
@state_option
@click.pass_context
def similar_command(
    context: click.Context,
    /,
    places: tuple[str, ...],
    k: int | None,
    offset: int,
    budget: int | None,
    tokenizer: str | None,
    form: str,
    seen_file: str | None,
    refresh: bool | None,
    build: bool | None,
) -> None:
    """Find code like the symbol at LINE of FILE, or like all of FILE."""
    from codesearch.request import check_k
    from indexer.disk.user_folders import expand_user
    from indexer.errors import InputError

    if len(places) > 1:
        raise InputError(f"One file is compared at a time, and {len(places)} are given; name one.")
    file, line = split_place(places[0])
    flags = {
        "k": None if k is None else check_k(k),
        "tokenizer": tokenizer,
    }
    if not expand_user(file).exists():
        build = False  # there is nothing to be made an index for
    opened = open_index(str(folder_of(file)), flags, refresh=refresh, build=build)
    with opened.index as index, remembering(seen_file) as seen:
        findings = index.similar(
            opened.within(file),
            line,
            opened.config["k"],
            budget,
            tokenizer=opened.config["tokenizer"],
            seen=seen,
            offset=offset,
        )
    context.exit(show(findings, form, Places.of({"": index.root}, (file,))))


@click.command("files", cls=QuestionCommand, short_help="List the files that answer a question.")
@click.argument("query")
@folder_arguments
@_k_option
@filter_options
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "vimgrep")), help="text on a terminal; else paths."
)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@path_options
@revision_option
@index_options
@click.pass_context
def files_command(
    context: click.Context,
    /,
    query: str,
    folders: tuple[str, ...],
    k: int | None,
    form: str | None,
    **given: Any,
) -> None:
    """List the files that answer QUERY, each once, best first.

    On a terminal with the lines of its best passage; paths alone where a program reads them.
    """
    from codesearch.render.lists import files_json, files_text, paths_text
    from codesearch.render.vimgrep import vimgrep_text

    with asked_of(folders, query, k, given=given) as asked:
        ranked = asked.places.files(asked.index.files(asked.request), named=form == "json")
    end = display_of(context).path_end
    if end is None and form is None and not sys.stdout.isatty():
        end = "\n"
    if end is not None:
        put(paths_text([file.best for file in ranked], end))
    elif form == "json":
        put(files_json(ranked))
    else:
        put(vimgrep_text(file.best for file in ranked) if form == "vimgrep" else files_text(ranked))
    for note in ranked.notes:
        say(note)
    context.exit(0 if ranked.files else 1)


def split_place(place: str) -> tuple[str, int | None]:
    """The file, and the line where one is named; see `codesearch.request.place_of`."""
    from codesearch.request import place_of

    found = place_of(place, Path("/nowhere"), lambda path: Path(path).exists())
    return found.path or ".", found.start_line


def folder_of(file: str) -> Path:
    """The folder from which the index of a file is looked for. Raises InputError where there is none.

    A file of a revision may be gone, and its folders too.
    """
    from indexer.disk.user_folders import expand_user
    from indexer.errors import InputError

    folder = expand_user(file)
    folder = folder if folder.is_dir() else folder.parent
    while revision_in_force() is not None and not folder.is_dir():
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(f"There is no such file: {file}.")
    return folder
