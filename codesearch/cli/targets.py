"""What a question is put to: the index of a folder, of several folders, or all that this user has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codesearch.cli.console import say
from codesearch.cli.options import (
    Command,
    Opened,
    build_option,
    build_words,
    encode_option,
    folder_asked,
    from_here,
    open_index,
    refresh_option,
    revision_in_force,
    server_option,
    state_in_force,
    state_option,
)
from codesearch.cli.places import Places
from codesearch.cli.questions import read_query
from codesearch.config import Config, load_config
from indexer.disk.user_folders import expand_user
from indexer.light_dataclasses import dataclass

if TYPE_CHECKING:
    from codesearch.asking import Asking
    from indexer.records import SearchRequest

_ONE_TREE = "--rev asks one repository; give files and folders of one."


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, what it is asked, and the settings in force."""

    index: Asking
    request: SearchRequest
    config: Config
    places: Places


def folder_arguments(command: Command) -> Command:
    """PATH, any number of them, and --all."""
    command = click.option(
        "--all", "every", is_flag=True, help="Ask every index that `codesearch repos` lists, as one."
    )(command)
    return click.argument("folders", nargs=-1, type=click.Path(), metavar="[PATH]...")(command)


def index_options(command: Command) -> Command:
    """How an index that is asked a question is made, kept, brought up to date and encoded."""
    for option in (state_option, refresh_option, build_option, server_option, encode_option):
        command = option(command)
    return command


@contextmanager
def asked_of(
    folders: Sequence[str], query: str, k: int | None = None, *, given: Mapping[str, Any], **flags: Any
) -> Iterator[Target]:
    """The query, checked, and the indexes of the folders, ready to answer it.

    `given` are the values of `folder_arguments` without the folders, `filter_options` and `index_options`;
    `flags` are settings that the command has more. Raises InputError.
    """
    from codesearch.request import make_request

    wanted = {name: given[name] for name in ("languages", "paths", "regex", "kinds", "threshold")}
    typed = make_request(read_query(query), k, **wanted)
    flags |= {"k": k, "mode": given["mode"], "encode_seconds": given["encode_seconds"]}
    ways = {name: given[name] for name in ("every", "refresh", "build")}
    with _target(typed, folders, flags, **ways) as found:
        yield found


@contextmanager
def _target(
    typed: SearchRequest,
    folders: Sequence[str],
    flags: dict[str, Any],
    *,
    every: bool,
    refresh: bool | None,
    build: bool | None,
) -> Iterator[Target]:
    """The index of one tree, as it is asked alone; several, or all known, as one."""
    from indexer.errors import InputError

    if every and folders:
        raise InputError("Give folders or --all, not both.")
    if len(folders) == 1 and folders[0].startswith("ray://"):
        with _cluster(folders[0], typed, flags) as target:
            yield target
        return
    if not every and _is_one_tree(folders):
        opened = _opened(folders, flags, refresh=refresh, build=build)
        with opened.index as index:
            yield Target(index, opened.request(typed), opened.config, Places.of({"": index.root}, folders))
        return
    if revision_in_force() is not None:
        raise InputError(_ONE_TREE)
    from codesearch.workspace import Workspace
    from indexer.records import Mode

    config = load_config(None, {**flags, "refresh": refresh, "build": build})
    for warning in config.warnings:
        say(f"codesearch: {warning}")
    state = state_in_force()
    named = _known(state) if every else indexed_paths(folders, config, state)
    paths = tuple(map(from_here, typed.paths))
    request = replace(
        typed, k=config["k"], mode=Mode(config["mode"]), paths=paths, encode_seconds=config["encode_seconds"]
    )
    with Workspace(named, follow=bool(config["refresh"]), state=state) as workspace:
        if refresh:
            for name in workspace.names:
                workspace.build(name)
        places = Places.of(workspace.roots, folders)
        yield Target(workspace.among(below=True), request, config, places)


def opened_revision(paths: Sequence[str], flags: dict[str, Any]) -> Opened:
    """The revision that is asked, narrowed to these paths of its tree. Raises InputError."""
    from indexer.errors import InputError

    if not _is_one_tree(paths):
        raise InputError(_ONE_TREE)
    return _opened(paths, flags)


def _opened(paths: Sequence[str], flags: dict[str, Any], **ways: bool | None) -> Opened:
    """The one index that holds all these paths; see `open_index`."""
    opened = open_index(paths[0] if paths else None, flags, **ways)
    return replace(opened, places=tuple(map(opened.within, paths))) if len(paths) > 1 else opened


@contextmanager
def _cluster(address: str, typed: SearchRequest, flags: dict[str, Any]) -> Iterator[Target]:
    """All repositories that a cluster serves; their paths are below their names."""
    from codesearch.workspace import Workspace
    from indexer.records import Mode

    config = load_config(None, flags)
    request = replace(typed, k=config["k"], mode=Mode(config["mode"]))
    with Workspace.open(address) as workspace:
        yield Target(workspace.among(), request, config, Places({}, is_absolute=False))


def _is_one_tree(paths: Sequence[str]) -> bool:
    """Whether one index holds all that is named, or will hold it where none does. Raises InputError."""
    from codesearch.locate import find_root
    from indexer.errors import IndexMissingError

    folders = {folder_asked(path).resolve() for path in paths}
    if len(folders) <= 1:
        return True
    state = state_in_force()
    try:
        if revision_in_force() is None:
            return len({find_root(folder, state) for folder in folders}) == 1
        from indexer.revisions import find_root_with_revisions

        return len({find_root_with_revisions(folder, state) for folder in folders}) == 1
    except IndexMissingError:
        return False


def indexed_paths(folders: Sequence[str], config: Config, state: Path | None) -> list[Path]:
    """The paths, words indexed of a folder where there was nothing and that is wanted.

    Raises InputError and IndexMissingError.
    """
    from codesearch.locate import find_root, is_too_wide
    from indexer.errors import IndexMissingError

    for folder in map(folder_asked, folders):
        try:
            find_root(folder, state)
        except IndexMissingError:
            if not config["build"] or is_too_wide(folder):
                raise
            build_words(folder, config, state)
    return [expand_user(folder) for folder in folders]


def _known(state: Path | None) -> list[Path]:
    """What `codesearch repos` lists, without what is gone, which is said."""
    from codesearch.known_repositories import known_roots
    from codesearch.locate import has_index
    from indexer.errors import InputError

    known = known_roots()
    there = [root for root in known if has_index(root, state)]
    if not there:
        raise InputError("No index is known; `codesearch index` and `codesearch repos add` make one known.")
    for root in known:
        if root not in there:
            say(
                f"{root} has no index where it is looked for; give the --state it was made with, name its new"
                f" place with `codesearch repos add`, or leave it out with `codesearch repos forget {root}`."
            )
    return there
