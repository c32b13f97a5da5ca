"""`codesearch index`: build an index, or bring one up to date."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from codesearch.choices import VECTOR_FAMILIES
from codesearch.cli.console import put, say
from codesearch.cli.options import state_option
from codesearch.cli.progress import ProgressBar
from codesearch.config import load_config
from codesearch.render.status import size_words
from indexer.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.records import BuildReport


@click.command("index", short_help="Index a folder, or bring its index up to date.")
@click.argument("path", default=".", type=click.Path())
@click.option("--model", metavar="M", help="Bundled name, hub name or folder of a ModernBERT checkpoint.")
@click.option("--rebuild", is_flag=True, help="Start over, for another model or other settings.")
@click.option("--vectors", type=click.Choice(VECTOR_FAMILIES), help="Vector index; auto by default.")
@click.option("--max-memory", metavar="SIZE", help="Memory limit of the build, such as 2GB.")
@click.option("--max-file-size", metavar="SIZE", help="Skip files larger than this, such as 1MB.")
@click.option("--threads", type=int, metavar="N", help="Processor threads; all by default.")
@click.option(
    "--include-hidden", is_flag=True, default=None, help="Also index files whose name starts with a dot."
)
@click.option("--include-generated", is_flag=True, default=None, help="Index minified and generated files.")
@click.option("--include-secrets", is_flag=True, default=None, help="Index credentials as they are.")
@click.option(
    "--encoding",
    metavar="NAME",
    help="Encoding of files that are not UTF-8, such as gb18030; detected by default.",
)
@click.option(
    "--rev",
    "revisions",
    multiple=True,
    metavar="REV",
    help="Index this branch, tag or commit, which need not be checked out; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
@state_option
def index_command(
    path: str,
    model: str | None,
    rebuild: bool,
    vectors: str | None,
    max_memory: str | None,
    max_file_size: str | None,
    threads: int | None,
    include_hidden: bool | None,
    include_generated: bool | None,
    include_secrets: bool | None,
    encoding: str | None,
    revisions: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Index the folder PATH, or bring its index up to date; only what changed is encoded."""
    from codesearch.cli.options import require_folder, state_in_force

    folder = require_folder(path).resolve()
    flags = {
        "model": model,
        "vectors": vectors,
        "max_memory": max_memory,
        "max_file_size": max_file_size,
        "threads": threads,
        "include_hidden": include_hidden,
        "include_generated": include_generated,
        "include_secrets": include_secrets,
        "encoding": encoding,
    }
    state = state_in_force()
    config = load_config(folder, flags)
    for warning in config.warnings:
        say(f"codesearch: {warning}")
    limit_threads(config["threads"])
    if revisions:
        from codesearch.cli.revisions import index_revisions

        index_revisions(folder, revisions, config, state, quiet=quiet, as_json=as_json)
        return
    _say_if_inside(folder, state)
    from codesearch.known_repositories import remember_if_possible
    from codesearch.locate import build_index, recorded_settings

    settings = config.build_settings(None if rebuild else recorded_settings(folder, state))
    with ProgressBar(quiet=quiet or as_json) as progress:
        report = build_index(folder, progress=progress, settings=settings, rebuild=rebuild, state=state)
    remember_if_possible(folder)
    if as_json:
        from codesearch.render.sanitize import json_text

        value = {"schema": 1, "root": str(folder), "model": settings.model, **asdict(report)}
        put(json_text(value, indent=2) + "\n")
    elif not quiet:
        put(_summary(report))


def _say_if_inside(folder: Path, state: Path | None) -> None:
    """A first index of a folder that another index holds answers for it from then on; that is said."""
    from codesearch.locate import find_root, has_index
    from indexer.errors import IndexMissingError

    if has_index(folder, state) or folder.parent == folder:
        return
    try:
        above = find_root(folder.parent, state)
    except IndexMissingError:
        return
    say(
        f"codesearch: {folder} lies in the indexed folder {above}; from now on searches in it are answered by"
        f" an index of its own. `codesearch index {above}` brings the whole up to date instead."
    )


def limit_threads(threads: int | None) -> None:
    """Set before the numeric libraries are imported, which read it once."""
    if threads is not None:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[variable] = str(threads)


def _summary(report: BuildReport) -> str:
    if report.n_encoded_chunks:
        speed = report.n_encoded_tokens / max(report.elapsed_seconds, 1e-9)
        tokens = f"{counted(report.n_encoded_tokens, 'token')}, {speed:,.0f} a second"
        tokens += f", batches {report.utilisation:.0%} full"
        done = f"Encoded {counted(report.n_encoded_chunks, 'chunk')} ({tokens})"
    else:
        done = "Nothing had to be encoded"
    if report.n_taken_chunks:
        done += f"; other indexes of yours held the vectors of {counted(report.n_taken_chunks, 'chunk')}"
    skipped = "; `codesearch status --skipped` lists the reasons" if report.n_skipped else ""
    return (
        f"Indexed {counted(report.n_files, 'file')}, {counted(report.n_spans, 'symbol')},"
        f" {counted(report.n_tokens, 'token')} in {report.elapsed_seconds:.1f} s;"
        f" skipped {counted(report.n_skipped, 'file or folder', 'files and folders')}{skipped}.\n"
        f"{done}; peak memory {size_words(report.peak_memory_bytes)}.\n"
    )
