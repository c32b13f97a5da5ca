"""`codesearch cluster`: building and searching many repositories on a Ray cluster, from a catalogue."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codesearch.cli.console import put, say
from codesearch.cli.options import tokenizer_option
from codesearch.config import load_config
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.cluster.indexing import JobReport
    from indexer.cluster.job_progress import JobProgress
    from indexer.cluster.layout import Cluster

_N_QUESTIONS = 16
"""That the entrance works on at once: most of the time it waits for shards."""

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
        report = index_catalogue(
            ray, job, _Line(quiet or as_json), lambda who: say(f"Another job writes to the store. {who}")
        )
    for line in failures_in_words(report.failures):
        say(f"codesearch: {line}")
    if as_json:
        put(_as_json(report))
    elif not quiet:
        put(_summary(report))
    if report.failures:
        sys.exit(1)


class _Line:
    """A line on stderr after each shard; on a terminal once a second, written over."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._n_done = 0
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, progress: JobProgress) -> None:
        is_news, self._n_done = progress.n_done > self._n_done, progress.n_done
        if self._quiet or not (is_news or self._is_terminal):
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


@cluster_command.command("serve", short_help="Answer questions to a catalogue over HTTP.")
@click.argument("catalogue", type=click.Path())
@store_option
@address_option
@click.option("--groups", default=0, metavar="N", help="Groups of shards; one a machine by default.")
@click.option("--replicas", default=1, show_default=True, metavar="N", help="Replicas of each group.")
@click.option("--cache", metavar="DIR", help="Where each machine keeps its shards; in your cache by default.")
@click.option(
    "--cache-gb",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    help="What each machine keeps at most; shards that are served stay, others go, oldest first.",
)
@click.option("--port", type=click.IntRange(1, 65_535), default=8766, show_default=True, help="TCP port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; others need --token-file.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A host name that may be asked for."
)
@click.option("--token-file", metavar="FILE", help="File with the token that clients must send.")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Seconds for an answer.",
)
@click.option(
    "--fan-out", type=click.IntRange(1), default=64, show_default=True, help="Shards a question is put to."
)
@tokenizer_option
def serve_command(
    catalogue: str,
    where: str,
    address: str,
    groups: int,
    replicas: int,
    cache: str | None,
    cache_gb: float,
    port: int,
    host: str,
    hosts: tuple[str, ...],
    token_file: str | None,
    deadline: float,
    fan_out: int,
    tokenizer: str | None,
) -> None:
    """Serve the shards of CATALOGUE: a page, JSON at /v1, agents at /mcp, as `codesearch serve` does.

    Given again, it takes up a new CATALOGUE without a gap. With --address local it serves until interrupted,
    else the cluster does until `serve shutdown`. A shard that does not answer in time is named in the answer.
    """
    from indexer.cluster.connection import LOCAL, connected, import_ray

    import_ray()  # first: what serves is a part of this extra, and would name another
    from codesearch.service.guard import LOOPBACK_HOSTS
    from codesearch.service.server import check_exposure, read_token
    from indexer.cluster.catalogue import read_catalogue, shards_to_serve
    from indexer.cluster.layout import Limits
    from indexer.cluster.serving import Served, Serving, serve_catalogue
    from indexer.cluster.store import open_store
    from indexer.disk.user_folders import cache_folder, expand_user
    from indexer.errors import InputError

    token = read_token(expand_user(token_file)) if token_file else None
    check_exposure(host, token)
    entries = read_catalogue(Path(expand_user(catalogue)))
    shards = shards_to_serve(entries)
    first = next(entry for entry in entries if entry.is_built)
    folder = expand_user(cache) if cache else cache_folder()
    if folder is None:
        raise InputError("There is no folder for a cache here; name one with --cache.")
    allowed = LOOPBACK_HOSTS | {host.lower(), *map(str.lower, hosts)}
    config = load_config(None, {"tokenizer": tokenizer})
    how = Serving(
        open_store(where), folder.absolute() / "shards", groups, replicas, host, port,
        limits=Limits(deadline, fan_out), cache_bytes=int(cache_gb * 1e9),
    )  # fmt: skip
    app = partial(application, hosts=allowed, token=token, tokenizer=config["tokenizer"])
    with connected(address) as ray:
        serve_catalogue(ray, Served(shards, first.model, first.fingerprint), how, app)
        say(f"Serving {counted(len(shards), 'shard')} at http://{host}:{port}/")
        unbuilt = [entry.repository for entry in entries if not entry.is_built]
        if unbuilt:
            missing = counted(len(unbuilt), "repository", "repositories")
            say(f"codesearch: {missing} of the catalogue: not built yet, and in no answer.")
        if address == LOCAL:
            with suppress(KeyboardInterrupt):
                threading.Event().wait()


def application(cluster: Cluster, *, hosts: frozenset[str], token: str | None, tokenizer: str | None) -> Any:
    """The application of `codesearch serve` over a cluster, in whichever process takes HTTP."""
    from codesearch.agents.mcp_server import agents_app
    from codesearch.cluster_workspace import ClusterWorkspace
    from codesearch.service.app import Service, ServiceSettings
    from codesearch.service.guard import Access
    from codesearch.service.operations import Operations

    workspace = ClusterWorkspace(cluster)
    seconds = 2 * cluster.limits.answer_seconds
    settings = ServiceSettings(Access(hosts, token), n_workers=_N_QUESTIONS, answer_seconds=seconds)
    agents = agents_app(workspace, tokenizer=tokenizer, read_only=True)
    return Service(Operations(workspace, tokenizer), settings, agents=agents).app
