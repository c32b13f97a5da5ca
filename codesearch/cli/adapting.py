"""`codesearch adapt`: a model of one's own, trained on one's own folders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codesearch.cli.console import put, say

if TYPE_CHECKING:
    from indexer.training.adapt import AdaptReport
    from indexer.training.settings import AdaptProgress

NOT_BETTER = 1
"""Exit code where the folders made no better model: the search for one found nothing."""


@click.command("adapt", short_help="Train a model on your own folders.")
@click.argument("folders", metavar="[FOLDER…]", nargs=-1)
@click.option(
    "--out", metavar="MODEL", required=True, help="Name of the new model, or a folder to write it to."
)
@click.option("--model", metavar="M", help="Start from this one; the bundled model by default.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True,
              help="Time for all of it.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Learning rate at its highest.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another draw of pairs and batches.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Processor threads; all by default.")
@click.option(
    "--restart", is_flag=True, help="Remove what an interrupted run left instead of going on with it."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def adapt_command(
    folders: tuple[str, ...],
    out: str,
    model: str | None,
    minutes: float,
    rate: float | None,
    seed: int,
    threads: int | None,
    restart: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a model on the FOLDERs, by default the current one, and write it as MODEL if it is better.

    Questions and answers are made from the folders themselves: docstrings and comments, names, commit
    messages, headings. A tenth of them is held out, and MODEL is written only where it finds more of those
    than the model it started from; else the exit code is 1. `codesearch index --model MODEL` uses it.
    """
    from codesearch.cli.indexing import limit_threads
    from codesearch.cli.options import require_folder
    from indexer.settings import BuildSettings
    from indexer.training.adapt import adapt
    from indexer.training.settings import TrainSettings

    limit_threads(threads)
    roots = [require_folder(folder).resolve() for folder in folders or (".",)]
    settings = TrainSettings(minutes=minutes, seed=seed, rate=rate or TrainSettings().rate)
    with _Reporter(quiet=quiet or as_json) as reporter:
        done = adapt(roots, _target(out), model or BuildSettings().model, settings, reporter, restart=restart)
    if as_json:
        put(_json(done))
    elif done.is_written:
        put(_summary(done, out))
    if not done.is_written:
        say(
            f"codesearch: The model is no better on the held-out tenth after {done.n_steps:,} steps"
            f" ({_figures(done)}), so that none was written; give it more --minutes or name more folders."
        )
        sys.exit(NOT_BETTER)


def _target(out: str) -> Path:
    """Where the model is written: a plain name is of a model of one's own, all else a path."""
    from indexer.disk.user_folders import expand_user
    from indexer.errors import InputError
    from indexer.models.hub import own_folder

    if not out.strip():
        raise InputError("The new model has no name; give it one with --out.")
    own = own_folder(out)
    if own is not None and not Path(out).exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        return own
    target = Path(expand_user(out)).absolute()
    if not target.parent.is_dir():
        raise InputError(f"There is no such folder: {target.parent}.")
    return target


def _summary(done: AdaptReport, out: str) -> str:
    return (
        f"Wrote {done.folder}: {done.n_steps:,} steps over {done.n_pairs:,} pairs in"
        f" {done.elapsed_seconds / 60:.1f} minutes.\n"
        f"Held-out MRR, {done.n_held_out:,} questions: {_figures(done)}.\n"
        f"`codesearch index --rebuild --model {out}` uses it.\n"
    )


def _figures(done: AdaptReport) -> str:
    return ", ".join(f"{kind} {done.before[kind]:.3f} → {done.after[kind]:.3f}" for kind in done.after)


def _json(done: AdaptReport) -> str:
    from dataclasses import asdict

    from codesearch.render.sanitize import json_text

    value = {**asdict(done), "folder": str(done.folder)}
    value.pop("losses")
    return json_text({"schema": 1, **value}, indent=2) + "\n"


class _Reporter:
    """Progress on stderr: a bar on a terminal, elsewhere a line whenever the held-out measure is taken."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_drawn = not quiet and sys.stderr.isatty()

    def __enter__(self) -> _Reporter:
        if self._is_drawn:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.fields[figures]}"))
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task("read", total=None, figures="")
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_drawn:
            self._progress.stop()

    def __call__(self, event: AdaptProgress) -> None:
        """Take one event."""
        figures = "" if event.loss is None else f"loss {event.loss:.3f}, held-out MRR {event.mrr:.3f}"
        if self._is_drawn:
            self._progress.update(
                self._task,
                description=event.stage,
                completed=event.done,
                total=event.total or None,
                figures=figures,
            )
        elif not self._quiet and event.stage == "measure" and figures:
            say(f"step {int(event.done):,}: {figures}")
