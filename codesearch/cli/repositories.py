"""`codesearch repos`: the indexes of this user, which `--all` asks; adding, forgetting and deleting them."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codesearch.cli.console import put, say
from codesearch.cli.options import require_folder, state_in_force, state_option

if TYPE_CHECKING:
    from indexer.index_folders import IndexFolder


@click.group(
    "repos", invoke_without_command=True, short_help="List your indexes; add, forget or remove some."
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@state_option
@click.pass_context
def repositories_command(context: click.Context, /, form: str) -> None:
    """List your indexes, with their sizes and ages; `--all` asks them as one.

    `codesearch index` adds what it indexes. `codesearch list` is the same command.
    """
    if context.invoked_subcommand is not None:
        return
    from codesearch.known_repositories import known_roots
    from codesearch.render.index_folders import KnownIndex, known_json, known_text
    from codesearch.workspace import short_names
    from indexer.index_folders import look_at

    roots, state = known_roots(), state_in_force()
    known = [
        KnownIndex(name, root, look_at(root, state))
        for name, root in zip(short_names(roots), roots, strict=True)
    ]
    put(known_json(known) if form == "json" else known_text(known))
    if not known:
        say("No index is known; `codesearch index` and `codesearch repos add` make one known.")
    context.exit(0 if known else 1)


@repositories_command.command("add", short_help="Add indexes.")
@click.argument("folders", nargs=-1, required=True, type=click.Path())
@state_option
def add_command(folders: tuple[str, ...]) -> None:
    """Add the indexes of FOLDERS, or of the nearest folders above."""
    from codesearch.known_repositories import remember
    from codesearch.locate import find_root

    state = state_in_force()
    roots = dict.fromkeys(find_root(require_folder(folder), state) for folder in folders)
    added = remember(roots)
    for root in roots:
        say(f"Added {root}." if root in added else f"{root} was there already.")


@repositories_command.command("forget", short_help="Forget indexes; they stay where they are.")
@click.argument("folders", nargs=-1, required=True, type=click.Path())
def forget_command(folders: tuple[str, ...]) -> None:
    """Forget FOLDERS, which may be gone; their indexes stay."""
    from codesearch.known_repositories import forget, known_roots
    from indexer.disk.user_folders import expand_user
    from indexer.errors import InputError

    wanted: list[Path] = [expand_user(folder).resolve() for folder in folders]
    known = known_roots()
    for folder, root in zip(folders, wanted, strict=True):
        if root not in known:
            raise InputError(f"{folder} is not known; `codesearch repos` lists what is.")
    for root in forget(wanted):
        say(f"Forgot {root}.")


@repositories_command.command("remove", short_help="Delete indexes; the indexed files stay.")
@click.argument("folders", nargs=-1, required=True, type=click.Path())
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@state_option
def remove_command(folders: tuple[str, ...], yes: bool) -> None:
    """Delete the indexes of FOLDERS, vectors and all, and forget them; the indexed files stay.

    A FOLDER may be gone where its index lies elsewhere (--state). `codesearch remove` and `codesearch repos
    remove` are one command.
    """
    from codesearch.known_repositories import forget
    from codesearch.render.index_folders import age_words
    from codesearch.render.status import size_words
    from indexer import index_folders
    from indexer.errors import InputError

    state = state_in_force()
    found = [_own_index(folder, state) for folder in folders]
    if not yes and not asks_a_person():
        raise InputError("Deleting an index cannot be undone; give --yes where nobody can be asked.")
    n_kept = 0
    for index in found:
        made = "" if index.built_at is None else f", built {age_words(time.time() - index.built_at)}"
        question = (
            f"Delete the index of {index.root} ({size_words(index.n_bytes)}{made})? The files of it stay."
        )
        if not yes and not click.confirm(question, err=True):
            n_kept += 1
            continue
        index_folders.delete(index.root, state)
        forget([index.root])
        again = f"`codesearch index {shlex.quote(str(index.root))}`"
        say(f"Deleted the index of {index.root}; {again} makes a new one.")
    click.get_current_context().exit(1 if n_kept == len(found) else 0)


def asks_a_person() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()


def _own_index(folder: str, state: Path | None) -> IndexFolder:
    """The index of exactly this folder. Raises IndexMissingError, which names the nearest above."""
    from codesearch.locate import find_root
    from indexer.disk.user_folders import expand_user
    from indexer.errors import CodesearchError, IndexMissingError
    from indexer.index_folders import look_at

    root = expand_user(folder).resolve()
    found = look_at(root, state)
    if found is not None:
        return found
    try:
        above = f"; the index of {find_root(folder, state)} covers it"
    except CodesearchError:
        above = ""
    raise IndexMissingError(f"{folder} has no index of its own{above}. `codesearch repos` lists yours.")
