"""`codesearch models`: checkpoints by name; `codesearch models pull`: the one command that downloads."""

from __future__ import annotations

import click

from codesearch.cli.console import put, say


@click.group("models", short_help="List models by name, or download one.", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def models_command(context: click.Context, /, as_json: bool) -> None:
    """List models that are known by name; any other ModernBERT checkpoint loads by hub name or folder."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from codesearch.render.sanitize import json_text
    from indexer.models.hub import BUNDLED_FOLDER, cached_folder
    from indexer.models.known_models import KNOWN_MODELS

    rows = []
    for model in KNOWN_MODELS:
        if "/" not in model.name:
            where = "bundled" if (BUNDLED_FOLDER / model.name).is_dir() else "missing"
        else:
            where = "cached" if cached_folder(model.name) else "not here"
        rows.append({**asdict(model), "where": where})
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


@models_command.command("pull")
@click.argument("name")
def pull_command(name: str) -> None:
    """Download the hub model NAME into the local cache."""
    from indexer.models.hub import pull

    folder = pull(name)
    say(f"{name} is at {folder}; index with --model {name}.")
