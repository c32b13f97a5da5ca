"""`codesearch mcp`: the MCP server for coding agents."""

from __future__ import annotations

import click

from codesearch.cli.console import say
from codesearch.cli.options import (
    build_option,
    require_folder,
    state_in_force,
    state_option,
    tokenizer_option,
)
from codesearch.config import load_config


@click.command("mcp", short_help="Serve indexes to coding agents (Model Context Protocol).")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--http", is_flag=True, help="Serve HTTP on 127.0.0.1 in place of stdio.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8765,
    show_default=True,
    help="With --http; 0 is any that is free.",
)
@tokenizer_option
@build_option
@state_option
def mcp_command(
    paths: tuple[str, ...], http: bool, port: int, tokenizer: str | None, build: bool | None
) -> None:
    """Serve the indexes of PATHS (here, by default) to agents over the Model Context Protocol."""
    from codesearch.agents.mcp_server import run

    config = load_config(None, {"tokenizer": tokenizer, "build": build})
    folders = [require_folder(path) for path in paths or (".",)]
    run(
        folders,
        port=port if http else None,
        tokenizer=config["tokenizer"],
        build=config["build"],
        state=state_in_force(),
        started=lambda url: say(f"Serving agents at {url}; Ctrl-C ends it."),
    )
