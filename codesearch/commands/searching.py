"""`codesearch search`: passages for a question."""

from __future__ import annotations

import sys
from typing import Any

import click

from codesearch.commands.options import budget_options, filter_options, open_index, refresh_option, show

FORMATS = ("text", "json", "jsonl", "markdown", "xml")


def read_query(query: str) -> str:
    """The query; `-` reads it from standard input, for an error message or a diff."""
    return sys.stdin.read() if query == "-" else query


@click.command("search")
@click.argument("query")
@click.argument("path", required=False)
@click.option("-k", type=int, metavar="N", help="Passages wanted; 10 by default.")
@filter_options
@budget_options
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@refresh_option
@click.pass_context
def search_command(
    context: click.Context,
    /,
    query: str,
    path: str | None,
    k: int | None,
    mode: str | None,
    budget: int | None,
    tokenizer: str | None,
    form: str,
    refresh: bool | None,
    **filters: Any,
) -> None:
    """Find the passages that answer QUERY in the index of PATH, or of the nearest folder above.

    Without PATH the whole index answers; a PATH inside it narrows the answer to that folder. QUERY is a
    question, an identifier, an error message, or - to read it from standard input.
    """
    from codesearch.request import check_k, check_query

    query = check_query(read_query(query))
    if k is not None:
        check_k(k)
    opened = open_index(path, {"k": k, "mode": mode, "tokenizer": tokenizer}, refresh=refresh)
    with opened.index as index:
        findings = index.find(
            query,
            opened.config["k"],
            opened.config["mode"],
            languages=filters["languages"],
            paths=opened.globs(filters["paths"]),
            regex=filters["regex"],
            kinds=filters["kinds"],
            budget_tokens=budget,
            tokenizer=opened.config["tokenizer"],
        )
    context.exit(show(findings, form))
