"""`codesearch init-agent`: tell coding agents of the index, after showing what would be written."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from codesearch.cli.console import put, say
from codesearch.render.sanitize import visible


@click.command("init-agent", short_help="Tell coding agents about the index: AGENTS.md, .mcp.json.")
@click.argument("path", default=".")
@click.option("--remove", is_flag=True, help="Take the section and the entry out again.")
@click.option("--file", "instructions", metavar="NAME", help="AGENTS.md or CLAUDE.md.")
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.pass_context
def init_agent_command(
    context: click.Context, /, path: str, remove: bool, instructions: str | None, yes: bool
) -> None:
    """Add a section to AGENTS.md or CLAUDE.md in PATH and an MCP entry to .mcp.json; shows them first."""
    from codesearch.agents.agent_setup import apply, plan
    from codesearch.cli.options import require_folder

    root = Path(require_folder(path)).resolve()
    changes = plan(root, remove=remove, instructions=instructions)
    if not changes:
        say("Nothing to do." if not remove else "There is nothing to remove.")
        return
    for change in changes:
        put(visible(change.diff()))
    if not yes:
        if not sys.stdin.isatty():
            say("Nothing was written; add --yes to write it.")
            context.exit(1)
        if not click.confirm("Write this?", err=True):
            say("Nothing was written.")
            context.exit(1)
    apply(changes)
    for change in changes:
        say(f"{'Wrote' if change.after is not None else 'Removed'} {change.path}.")
