"""`codesearch models`: checkpoints by name; `codesearch models pull`: the one command that downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from codesearch.cli.console import put, say

if TYPE_CHECKING:
    from pathlib import Path


@click.group("models", short_help="List models by name, or download one.", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def models_command(context: click.Context, /, as_json: bool) -> None:
    """List models that are known by name; any other ModernBERT checkpoint loads by hub name or folder."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from codesearch.render.sanitize import json_text
    from indexer.models.hub import BUNDLED_FOLDER, cached_folder, own_models
    from indexer.models.known_models import KNOWN_MODELS

    rows = []
    for model in KNOWN_MODELS:
        if "/" not in model.name:
            where = "bundled" if (BUNDLED_FOLDER / model.name).is_dir() else "missing"
        else:
            where = "cached" if cached_folder(model.name) else "not here"
        rows.append({**asdict(model), "where": where})
    rows += [row for folder in own_models() if (row := _own_row(folder)) is not None]
    if as_json:
        put(json_text({"schema": 1, "models": rows}, indent=2) + "\n")
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        size = f"{row['n_parameters'] / 1e6:,.0f}M"
        dims = "+".join(str(row[name]) for name in ("single_dim", "row_dim") if row[name])
        put(
            f"{row['name']:<{width}}  {row['kind']:<13}  {size:>5}  {dims:>7}  {row['licence']:<10}"
            f"  {row['where']:<8}  {row['note']}\n"
        )


def _own_row(folder: Path) -> dict[str, Any] | None:
    """What is told of a model that `codesearch adapt` made; None where it cannot be opened."""
    from indexer.errors import CheckpointError
    from indexer.models.checkpoint import open_checkpoint
    from indexer.models.model_files import read_json

    try:
        found = open_checkpoint(str(folder))
        start = read_json(folder / "codesearch.json").get("adapted", {}).get("from", "")
    except CheckpointError:
        return None
    return {
        "name": folder.name,
        "kind": found.kind,
        "n_parameters": found.architecture.n_parameters,
        "single_dim": found.single_dim,
        "row_dim": found.row_dim,
        "licence": "yours",
        "note": f"adapted from {start}" if start else "your own",
        "where": "here",
    }


@models_command.command("pull")
@click.argument("name")
def pull_command(name: str) -> None:
    """Download the hub model NAME into the local cache."""
    from indexer.models.hub import pull

    folder = pull(name)
    say(f"{name} is at {folder}; index with --model {name}.")
