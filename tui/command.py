"""`codesearch tui`: the command that the command line loads by name, so that it never imports Textual itself.

Checks its arguments before the terminal changes its face. Also run as `python -m tui`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from codesearch.cli.options import build_option, state_in_force, state_option

DEFAULT_PORT = 8321


@click.command("tui", short_help="Search as you type, in the terminal or a browser.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--web", is_flag=True, help="Serve the same application to a browser on this machine.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65535), help="With --web."
)
@click.option("--rev", default="", metavar="REV", help="Ask a branch, tag or commit that is indexed.")
@build_option
@state_option
@click.option("--host", default="127.0.0.1", show_default=True, help="With --web: a loopback address.")
def command(paths: tuple[Path, ...], web: bool, port: int, rev: str, build: bool | None, host: str) -> None:
    """Ask code bases questions in an interactive terminal application.

    PATHS are folders with or without an index; the current one where none is given. A folder inside an
    indexed one stands for that. With --rev what `codesearch index --rev` indexed is asked. Press F1 in the
    application for all keys.
    """
    from codesearch.cli.console import say
    from codesearch.config import load_config
    from indexer.errors import CodesearchError, MissingExtraError

    try:
        state = state_in_force()
        builds = bool(load_config(None, {"build": build})["build"])
        roots = folders(paths or (Path(),), state, rev)
        if web:
            try:
                from tui.web import application, serve
            except ImportError as error:
                raise MissingExtraError(
                    "The browser view needs a package: pip install 'codesearch-local[web]'."
                ) from error
            serve(application(roots, state, builds=builds, revision=rev), host, port)
            return
        streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on the third.
        if not all(stream.isatty() for stream in streams) and not _is_served():
            raise click.UsageError(
                "`codesearch tui` needs a terminal; use `codesearch search`, or --web for a browser."
            )
        from tui.app import CodesearchApp
        from tui.engine import CodeIndexEngine

        engine = CodeIndexEngine(state, builds=builds, revision=rev)
        app = CodesearchApp(roots, engine=engine, revision=rev)
        app.run()
    except CodesearchError as error:
        say(f"codesearch: {error}")
        sys.exit(2)
    sys.exit(app.return_code or 0)


def folders(paths: tuple[Path, ...], state: Path | None = None, revision: str = "") -> list[Path]:
    """The folders to open, absolute, each once: an indexed folder above stands for those in it.

    Raises InputError for what is no folder, and what opening a revision raises that is not indexed.
    """
    from codesearch.locate import find_root_or_self

    if revision:
        from codesearch.revision_index import RevisionIndex

        roots = []
        for path in paths:
            with RevisionIndex.open_revision(path, revision, state=state) as index:
                roots.append(index.root)
        return list(dict.fromkeys(roots))
    return list(dict.fromkeys(find_root_or_self(path, state) for path in paths))


def _is_served() -> bool:
    import os

    return "TEXTUAL_DRIVER" in os.environ
