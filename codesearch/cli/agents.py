"""`codesearch init-agent`: tell coding agents of the index, after showing what would be written."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from codesearch.choices import AGENT_NAMES
from codesearch.cli.console import put, say
from codesearch.render.sanitize import visible


@click.command("init-agent", short_help="Tell coding agents about the index: instructions, MCP entries.")
@click.argument("path", default=".", type=click.Path())
@click.option(
    "--agent",
    "agents",
    multiple=True,
    type=click.Choice([*AGENT_NAMES, "all"]),
    help="Only these; by default Claude Code and those whose folder is here or in your home.",
)
@click.option("--remove", is_flag=True, help="Take sections and entries out again, of every agent.")
@click.option("--file", "instructions", metavar="NAME", help="Instructions go to this file alone.")
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.pass_context
def init_agent_command(
    context: click.Context,
    /,
    path: str,
    agents: tuple[str, ...],
    remove: bool,
    instructions: str | None,
    yes: bool,
) -> None:
    """Add a section to AGENTS.md and CLAUDE.md in PATH, and an MCP entry to each agent's own file.

    These are .mcp.json (Claude Code), .cursor/mcp.json, .vscode/mcp.json, .codex/config.toml and
    .gemini/settings.json. All is shown before it is written, and --remove leaves no trace.
    """
    from codesearch.agents.agent_setup import agents_in_use, apply, plan, server_command
    from codesearch.cli.options import require_folder
    from indexer.disk.user_folders import expand_user

    root = Path(require_folder(path)).resolve()
    chosen = AGENT_NAMES if "all" in agents else agents or agents_in_use(root, expand_user("~"))
    command = server_command()
    changes = plan(root, remove=remove, instructions=instructions, agents=chosen, command=command)
    if not changes:
        say("Nothing to do." if not remove else "There is nothing to remove.")
        return
    for change in changes:
        put(visible(change.diff()))
    if not remove and Path(command[0]).is_absolute():
        say(
            f"The entries start {command[0]}, for PATH has no codesearch that lasts: agents on other machines"
            " will not find it."
        )
    verb, done = ("remove", "removed") if remove else ("write", "written")
    if not yes:
        if not sys.stdin.isatty():
            say(f"Nothing was {done}; add --yes to {verb} it.")
            context.exit(1)
        if not click.confirm(f"{verb.capitalize()} this?", err=True):
            say(f"Nothing was {done}.")
            context.exit(1)
    apply(changes)
    for change in changes:
        say(f"{'Wrote' if change.after is not None else 'Removed'} {change.path}.")
