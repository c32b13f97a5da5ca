"""`codesearch forget`, `changed` and `index --rev`: commits and branches that nobody has checked out."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from codesearch.choices import SEARCH_FORMATS
from codesearch.cli.console import put, say
from codesearch.cli.display import display_options, path_options, show
from codesearch.cli.options import (
    budget_options,
    build_option,
    encode_option,
    filter_options,
    refresh_option,
    revision_option,
    state_option,
)
from codesearch.cli.questions import QuestionCommand
from codesearch.cli.targets import asked_of
from indexer.search_defaults import DEFAULT_K

if TYPE_CHECKING:
    from codesearch.api import CodeIndex
    from codesearch.config import Config


def index_revisions(
    folder: Path, names: tuple[str, ...], config: Config, state: Path | None, *, quiet: bool, as_json: bool
) -> None:
    """`codesearch index --rev`: index each revision and say what was done."""
    from codesearch.cli.progress import ProgressBar
    from codesearch.locate import recorded_settings
    from codesearch.render.sanitize import json_text
    from codesearch.revision_index import index_revision
    from indexer.wording import counted

    settings = config.build_settings(recorded_settings(folder, state))
    rows = []
    for name in dict.fromkeys(names):
        with ProgressBar(quiet=quiet or as_json) as progress:
            report = index_revision(folder, name, settings, progress, state=state)
        rows.append({"revision": name, **asdict(report)})
        if not quiet and not as_json:
            put(
                f"Indexed {counted(report.n_files, 'file')} of {name} in {report.elapsed_seconds:.1f} s;"
                f" {counted(report.n_encoded_chunks, 'chunk')} had to be encoded.\n"
            )
    if as_json:
        put(json_text({"schema": 1, "root": str(folder), "revisions": rows}, indent=2) + "\n")


@click.command("forget", short_help="Remove the index of a revision.")
@click.argument("path", default=".", type=click.Path())
@click.option("--rev", "names", multiple=True, required=True, metavar="REV", help="Branch, tag or commit.")
@state_option
def forget_command(path: str, names: tuple[str, ...]) -> None:
    """Remove the indexes of revisions of PATH; the repository and its own index stay."""
    from codesearch.cli.options import require_folder, state_in_force
    from indexer.revisions import find_root_with_revisions, forget_revision

    state = state_in_force()
    root = find_root_with_revisions(require_folder(path), state)
    for name in names:
        forget_revision(root, name, state)
        say(f"Removed the index of {name}.")


@click.command("changed", cls=QuestionCommand, short_help="Find passages in files that a revision has not.")
@click.argument("query")
@click.argument("path", required=False, type=click.Path())
@click.option("--since", required=True, metavar="REV", help="Branch, tag or commit to compare with.")
@click.option("-k", type=int, metavar="N", help=f"How many passages, {DEFAULT_K} by default.")
@filter_options
@budget_options
@click.option("--format", "form", type=click.Choice(SEARCH_FORMATS), default="text", show_default=True)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@path_options
@display_options
@encode_option
@revision_option
@build_option
@refresh_option
@state_option
@click.pass_context
def changed_command(
    context: click.Context,
    /,
    query: str,
    path: str | None,
    since: str,
    k: int | None,
    budget: int | None,
    tokenizer: str | None,
    form: str,
    **given: Any,
) -> None:
    """Find the passages that answer QUERY in files that changed since REV, or were not there.

    Files of the tree are compared with those of REV by content; with --rev those of another revision are.
    """
    from codesearch.revision_index import changed_since
    from indexer.wording import counted

    folders = (path,) if path else ()
    with asked_of(folders, query, k, given={**given, "every": False}, tokenizer=tokenizer) as asked:
        files = changed_since(cast("CodeIndex", asked.index), since)
        request = replace(asked.request, files=files)
        findings = asked.index.find(request, budget_tokens=budget, tokenizer=asked.config["tokenizer"])
    code = show(findings, form, asked.places)
    say(f"{counted(len(files), 'indexed file')} changed since {since}.")
    context.exit(code)
