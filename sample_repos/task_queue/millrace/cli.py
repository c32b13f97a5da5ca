"""`python -m millrace`: run a worker, look at the queue, look after the dead."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from datetime import timedelta
from pathlib import Path

from millrace import graveyard
from millrace.job import JobState
from millrace.storage import Storage
from millrace.worker import Worker


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="millrace", description="Background jobs in one SQLite file.")
    commands = parser.add_subparsers(dest="command", required=True)

    work = commands.add_parser("work", help="run jobs until stopped")
    work.add_argument("database", type=Path)
    work.add_argument("--import", dest="modules", action="append", default=[], metavar="MODULE")
    work.add_argument("--slots", type=int, default=1, help="jobs at the same time (default 1)")

    stats = commands.add_parser("stats", help="count jobs by kind and state")
    stats.add_argument("database", type=Path)

    graves = commands.add_parser("graves", help="what the dead jobs died of")
    graves.add_argument("database", type=Path)
    graves.add_argument("--traceback", action="store_true", help="print the newest error of every group")

    revive = commands.add_parser("revive", help="send dead jobs round again")
    revive.add_argument("database", type=Path)
    revive.add_argument("job", type=int, nargs="?", help="number of one job (default: all)")
    revive.add_argument("--kind")
    revive.add_argument("--attempts", type=int, default=1)

    sweep = commands.add_parser("sweep", help="delete old successful jobs")
    sweep.add_argument("database", type=Path)
    sweep.add_argument("--days", type=float, default=14.0)
    return parser


def print_table(counts: dict[str, dict[str, int]]) -> None:
    """The queue at a glance: one line a kind, one column a state."""
    states = [state.value for state in JobState]
    width = max([len(kind) for kind in counts] + [4])
    print("kind".ljust(width), *(state.rjust(8) for state in states))
    for kind in sorted(counts):
        print(kind.ljust(width), *(str(counts[kind].get(state, 0)).rjust(8) for state in states))


def run_work(storage: Storage, arguments: argparse.Namespace) -> int:
    sys.path.insert(0, str(Path.cwd()))
    for module in arguments.modules:
        importlib.import_module(module)
    worker = Worker(storage, arguments.slots)
    worker.install_signal_handlers()
    worker.run()
    return 0


def run_graves(storage: Storage, arguments: argparse.Namespace) -> int:
    epitaphs = graveyard.summarise(storage)
    for epitaph in epitaphs:
        print(f"{epitaph.n_jobs:5}  {epitaph.kind}: {epitaph.cause}   (newest #{epitaph.newest.id})")
        if arguments.traceback:
            print(epitaph.newest.last_error)
    return 1 if epitaphs else 0


def run_revive(storage: Storage, arguments: argparse.Namespace) -> int:
    if arguments.job is not None:
        n_revived = int(storage.revive(arguments.job, arguments.attempts))
    else:
        n_revived = graveyard.resurrect(storage, kind=arguments.kind, attempts=arguments.attempts)
    print(f"{n_revived} jobs will be tried again")
    return 0 if n_revived else 1


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if arguments.command != "work" and not arguments.database.exists():
        print(f"{arguments.database}: no such queue", file=sys.stderr)
        return 2
    storage = Storage(arguments.database)
    try:
        if arguments.command == "work":
            return run_work(storage, arguments)
        if arguments.command == "graves":
            return run_graves(storage, arguments)
        if arguments.command == "revive":
            return run_revive(storage, arguments)
        if arguments.command == "sweep":
            print(f"{storage.delete_finished(timedelta(days=arguments.days))} jobs deleted")
            return 0
        print_table(storage.counts())
        return 0
    finally:
        storage.close()
