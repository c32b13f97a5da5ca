"""`codesearch repos`: the indexes that `--all` asks."""

from __future__ import annotations

from pathlib import Path

import click

from codesearch.cli.console import put, say
from codesearch.cli.options import state_in_force


@click.group("repos", invoke_without_command=True, short_help="List, add or forget the indexes of --all.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_context
def repositories_command(context: click.Context, /, form: str) -> None:
    """List the indexes that `--all` asks; `codesearch index` adds what it indexes."""
    if context.invoked_subcommand is not None:
        return
    from codesearch.known_repositories import known_roots
    from codesearch.locate import has_index
    from codesearch.render.sanitize import json_text, label
    from codesearch.workspace import short_names

    roots, state = known_roots(), state_in_force()
    rows = [
        {"name": name, "root": str(root), "indexed": has_index(root, state)}
        for name, root in zip(short_names(roots), roots, strict=True)
    ]
    if form == "json":
        put(json_text({"schema": 1, "repositories": rows}, indent=2) + "\n")
    else:
        for row in rows:
            gone = "" if row["indexed"] else "\tno index"
            put(f"{label(str(row['name']))}\t{label(str(row['root']))}{gone}\n")
    if not rows:
        say("No index is known; `codesearch index` and `codesearch repos add` make one known.")
    context.exit(0 if rows else 1)


@repositories_command.command("add", short_help="Add indexes.")
@click.argument("folders", nargs=-1, required=True)
def add_command(folders: tuple[str, ...]) -> None:
    """Add the indexes of FOLDERS, or of the nearest folders above."""
    from codesearch.known_repositories import remember
    from codesearch.locate import find_root

    state = state_in_force()
    for root in remember([find_root(folder, state) for folder in folders]):
        say(f"Added {root}.")


@repositories_command.command("forget", short_help="Forget indexes; they stay where they are.")
@click.argument("folders", nargs=-1, required=True)
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
