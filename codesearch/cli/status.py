"""`codesearch status`: what an index holds, what it skipped and why, what is stale."""

from __future__ import annotations

from dataclasses import asdict

import click

from codesearch.cli.console import advice, put, say
from codesearch.cli.options import state_option


@click.command("status", short_help="Show what an index holds, what it skipped, what is stale.")
@click.argument("path", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--skipped", is_flag=True, help="List every skipped file with its reason.")
@state_option
def status_command(path: str | None, as_json: bool, skipped: bool) -> None:
    """Say what the index of PATH, or of the nearest folder above, holds and what is stale."""
    from codesearch.cli.options import open_index, state_in_force
    from codesearch.render.sanitize import label
    from codesearch.render.status import skipped_text, status_json, status_text
    from indexer.revisions import indexed_revisions
    from indexer.wording import counted

    with open_index(path, {}, refresh=False).index as index:
        status = index.status()
        revisions = indexed_revisions(index.root, state_in_force())
    if as_json:
        put(status_json(status, [asdict(revision) for revision in revisions]))
    elif skipped:
        listed = skipped_text(status)
        put(listed)
        if not listed:
            say("No file was skipped.")
    else:
        put(advice(status_text(status)))
        for revision in revisions:
            files = counted(revision.n_files, "file")
            put(f"revision   {label(revision.name)} at {revision.commit[:12]}, {files}\n")
