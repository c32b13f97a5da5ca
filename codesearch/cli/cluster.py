"""`codesearch cluster`: building and searching many repositories on a Ray cluster, from a catalogue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codesearch.cli.console import put, say
from codesearch.config import load_config
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.cluster.indexing import JobProgress, JobReport

store_option = click.option(
    "--store",
    "where",
    required=True,
    metavar="DIR_OR_URL",
    help="Where finished shards lie; every machine sees it.",
)
address_option = click.option(
    "--address",
    default="auto",
    show_default=True,
    help="The Ray cluster: auto, HOST:PORT, or local for one of this machine alone.",
)


@click.group("cluster", short_help="Index and search many repositories on a Ray cluster.")
def cluster_command() -> None:
    """Index and search many repositories on a Ray cluster (extra `ray`); one machine needs none of it.

    CATALOGUE is a file of JSON lines, one a repository: {"repository": "NAME", "folder": "PATH"}, and
    "revision" for a branch, tag or commit. Every machine must see the folders and the store, and have the
    same codesearch.
    """


@cluster_command.command("index", short_help="Build the shards of a catalogue.")
@click.argument("catalogue", type=click.Path())
@store_option
@address_option
@click.option("--model", metavar="M", help="Bundled name, hub name or folder of a ModernBERT checkpoint.")
@click.option(
    "--workers", default=0, metavar="N", help="Actors that encode; one a GPU, or all cores, by default."
)
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="CPU threads of each.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def index_command(
    catalogue: str,
    where: str,
    address: str,
    model: str | None,
    workers: int,
    threads: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build the shards of CATALOGUE into the store, and note them in CATALOGUE.

    What the store has already is not built again: a job that was broken off goes on where it ended. Exit code
    1 where a repository failed; it keeps the shard that it had.
    """
    from codesearch import __version__
    from indexer.cluster.catalogue import read_catalogue
    from indexer.cluster.connection import connected, import_ray
    from indexer.cluster.indexing import Job, Pool, failures_in_words, index_catalogue
    from indexer.cluster.shard_build import Workplace
    from indexer.cluster.store import open_store
    from indexer.disk.user_folders import expand_user
    from indexer.errors import InputError

    if workers < 0:
        raise InputError("--workers is below zero; leave it out for as many as there is room for.")
    import_ray()
    path = Path(expand_user(catalogue))
    read_catalogue(path)  # refused before anything is started
    settings = load_config(None, {"model": model}).build_settings(None)
    job = Job(path, Workplace(open_store(where), settings, __version__), Pool(workers, threads))
    with connected(address) as ray:
        report = index_catalogue(ray, job, _Line(quiet or as_json))
    for line in failures_in_words(report.failures):
        say(f"codesearch: {line}")
    if as_json:
        put(_as_json(report))
    elif not quiet:
        put(_summary(report))
    if report.failures:
        sys.exit(1)


class _Line:
    """A line on stderr after each shard, written over on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, progress: JobProgress) -> None:
        if self._quiet:
            return
        left = progress.left_seconds
        text = f"{progress.n_done:,} of {counted(progress.n_shards, 'shard')}"
        if progress.n_done_tokens:
            text += f", {progress.tokens_per_second:,.0f} tokens a second"
        if left:
            text += f", {_time(left)} left"
        if self._is_terminal:
            end = "\n" if progress.n_done == progress.n_shards else ""
            print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)
        else:
            say(text)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _summary(report: JobReport) -> str:
    speed = report.n_encoded_tokens / max(report.elapsed_seconds, 1e-9)
    done = (
        f"Encoded {counted(report.n_encoded_chunks, 'chunk')} ({counted(report.n_encoded_tokens, 'token')},"
        f" {speed:,.0f} a second)"
        if report.n_encoded_chunks
        else "Nothing had to be encoded"
    )
    return (
        f"Built {counted(report.n_repositories, 'repository', 'repositories')} as"
        f" {counted(report.n_shards, 'shard')} of {counted(report.n_tokens, 'token')}"
        f" in {report.elapsed_seconds:.1f} s; the store had {report.n_found_shards:,} of them.\n{done}.\n"
    )


def _as_json(report: JobReport) -> str:
    from dataclasses import asdict

    from codesearch.render.sanitize import json_text

    return json_text({"schema": 1, **asdict(report)}, indent=2) + "\n"
