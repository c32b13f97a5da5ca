"""`codesearch export` and `codesearch import`: an index in one file, for colleagues and other machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codesearch.cli.console import put, say
from codesearch.cli.options import state_option
from codesearch.render.status import size_words
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.settings import BuildSettings


@click.command("export", short_help="Write an index to one file.")
@click.argument("target", metavar="OUT")
@click.argument("path", required=False)
@click.option("--no-text", is_flag=True, help="Leave the texts out: paths, names, words and vectors travel.")
@click.option("--vectors-only", is_flag=True, help="Leave paths, names and words out too.")
@state_option
def export_command(target: str, path: str | None, no_text: bool, vectors_only: bool) -> None:
    """Write the index of PATH, or of the nearest folder above, to OUT: .tar.gz, .tar.zst or .tar.

    OUT is signed with your key and readable by you alone. `codesearch import` takes it in anywhere, and where
    the same tree is checked out nothing that is the same there is encoded.

    With --no-text the import is an index that can be searched and names path, lines and symbol; passages are
    read from the folder that it is imported to, where a file is the same. Whoever has OUT knows paths, names
    of symbols, checksums of files, and of every few lines which words they hold and how often, not in which
    order.

    With --vectors-only an import needs the files to make an index of. Even so, words can be guessed from
    vectors by whoever has the model: give OUT to nobody who may not read the files.
    """
    from codesearch import __version__
    from codesearch.cli.options import state_in_force
    from codesearch.locate import find_root
    from indexer.disk.user_folders import expand_user
    from indexer.errors import InputError
    from indexer.travel.exporting import export_index
    from indexer.travel.header import TEXTS, VECTORS, WORDS

    if no_text and vectors_only:
        raise InputError(
            "--vectors-only leaves out names and words too, and --no-text keeps them; give one of them."
        )
    carries = VECTORS if vectors_only else WORDS if no_text else TEXTS
    state = state_in_force()
    root = find_root(path or ".", state)
    out = Path(expand_user(target)).absolute()
    if not out.parent.is_dir():
        raise InputError(f"There is no such folder: {out.parent}.")
    exported = export_index(root, out, __version__, carries=carries, outside=state)
    header = exported.header
    files = counted(header.n_files, "file")
    rest = {
        TEXTS: f"the texts of {files}",
        WORDS: f"names and words of {files}, no text",
        VECTORS: f"nothing else of {files}",
    }
    say(
        f"Wrote {target} ({size_words(exported.n_bytes)}): the vectors of {header.n_encoded:,} of"
        f" {counted(header.n_chunks, 'chunk')}, {rest[carries]}."
    )


@click.command("import", short_help="Take in an index that was exported.")
@click.argument("source", metavar="FILE|FOLDER|URL")
@click.argument("path", default=".")
@click.option("--trust", is_flag=True, help="Take in what another user or machine exported.")
@click.option("--max-size", metavar="SIZE", help="Refuse more than this, unpacked; 50GB by default.")
@state_option
def import_command(source: str, path: str, trust: bool, max_size: str | None) -> None:
    """Take in what `codesearch export` wrote, for the folder PATH, by default the current one.

    A file that another user or machine signed is taken in with --trust alone. Every byte is checked before
    anything is opened. An index that PATH has stays, and what it lacks is found by content; `codesearch
    index` then encodes what is not in the file. FOLDER is one that the file was unpacked to, - is standard
    input.
    """
    from codesearch.cli.options import require_folder, state_in_force
    from codesearch.config import parse_size
    from codesearch.known_repositories import remember_if_possible
    from codesearch.render.sanitize import label
    from indexer.disk.user_folders import expand_user
    from indexer.travel.importing import ImportRules, import_archive, import_folder
    from indexer.travel.sources import opened_source

    root = require_folder(path).resolve()
    state = state_in_force()
    try:
        rules = ImportRules(trust) if max_size is None else ImportRules(trust, parse_size(max_size))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--max-size") from error
    if "://" not in source and source != "-":
        source = str(expand_user(source))
    if Path(source).is_dir():
        imported = import_folder(Path(source), root, rules, outside=state)
    else:
        with opened_source(source) as raw:
            imported = import_archive(raw, root, rules, outside=state)
    header = imported.header
    remember_if_possible(root)
    commit = f" at {label(header.commit[:12])}" if header.commit else ""
    source_name = f"{label(header.repository)}{commit}"
    put(f"Imported the vectors of {counted(imported.n_vectors, 'chunk')} of {source_name}.\n")
    if imported.has_placed_index:
        files = counted(header.n_files, "file")
        if header.has_text:
            put(f"Its {files} can be searched; `codesearch index` adds what is new.\n")
        else:
            put(
                f"Its {files} can be searched; passages are shown where this folder has the file as it was"
                " indexed. `codesearch index` makes an index of the files that are here.\n"
            )
    else:
        put(_words_read(root, state, header.settings))


def _words_read(root: Path, state: Path | None, settings: BuildSettings) -> str:
    """Index the words of a tree whose vectors were imported; what has none yet."""
    from codesearch.api import CodeIndex
    from codesearch.cli.progress import ProgressBar
    from codesearch.locate import build_index, recorded_settings
    from indexer.errors import NothingToIndexError

    settings = recorded_settings(root, state) or settings
    try:
        with ProgressBar() as bar:
            build_index(root, progress=bar, settings=settings, encode=False, state=state)
    except NothingToIndexError:
        return "They are used once there are files here: run `codesearch index` then.\n"
    with CodeIndex.open(root, state=state) as index:
        has = index.state()
    left = has.n_chunks - has.n_encoded
    rest = f"; `codesearch index` encodes the other {left:,}" if left else ""
    return f"{has.n_encoded:,} of {counted(has.n_chunks, 'chunk')} here have vectors{rest}.\n"
