"""`codesearch config`: the settings in force, where each came from, and where codesearch keeps things."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from codesearch.cli.console import put, say
from codesearch.cli.options import state_option
from codesearch.config import KEYS, Key, load_config, user_config_file

_SECRET = "chat_key"  # noqa: S105 - a setting's name


def _complete(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    return [key.name for key in KEYS if key.name.startswith(typed)]


@click.command("config", short_help="Show settings, where each came from, and where things are kept.")
@click.argument("key", required=False, shell_complete=_complete)
@click.argument("value", required=False)
@click.argument("more", nargs=-1, metavar="")
@click.option("--unset", "unsets", is_flag=True, help="Take KEY out of your settings.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@state_option
def config_command(
    key: str | None, value: str | None, more: tuple[str, ...], unsets: bool, as_json: bool
) -> None:
    """Show all settings, or KEY alone, as they are in force in the current folder; VALUE sets it.

    What is set is a line KEY = VALUE (TOML) of your settings file. The environment, as CODESEARCH_KEY, beats
    it, and the flag of a command beats both. A repository's codesearch.toml may set some as well.
    """
    from codesearch.cli.options import state_in_force
    from codesearch.locate import find_root
    from codesearch.render.sanitize import json_text, label
    from indexer.errors import CodesearchError

    if more or key in ("set", "get", "unset"):
        raise click.UsageError(
            "`codesearch config KEY` shows a setting, `codesearch config KEY VALUE` sets it, with a VALUE of"
            " several words in quotes, and `codesearch config KEY --unset` takes it out."
        )
    if value is not None or unsets:
        _write(key, value, unsets)
        return
    state = state_in_force()
    try:
        root = find_root(".", state)
    except CodesearchError:
        root = Path.cwd()
    config = load_config(root)
    if state is not None and not config.is_set("state"):
        config = load_config(root, {"state": str(state)})
    rows = KEYS if key is None else (_named(key),)
    if as_json:
        settings = {
            each.name: {
                "value": _plain(_shown(each, config[each.name])),
                "source": config.sources[each.name],
                "variable": f"CODESEARCH_{each.name.upper()}",
                "in_repository": each.in_repository,
                "help": each.help,
            }
            for each in rows
        }
        everything = {
            "schema": 1,
            "settings": settings,
            "places": dict(_places(root, state)),
            "warnings": config.warnings,
        }
        put(json_text(everything, indent=2) + "\n")
        return
    if key is not None:
        put(f"{label(_words(rows[0], config[rows[0].name]))}\n")
        return
    cells = [
        (each.name, label(_words(each, config[each.name])), label(config.sources[each.name]), each.help)
        for each in rows
    ]
    put(_columns(cells) + "\n" + _columns(_places(root, state)))
    for warning in config.warnings:
        say(f"codesearch: {warning}")


def _named(name: str) -> Key:
    from indexer.errors import InputError

    for each in KEYS:
        if each.name == name.lower().replace("-", "_"):
            return each
    raise InputError(f"There is no setting {name!r}; `codesearch config` lists all.")


def _write(name: str | None, value: str | None, unsets: bool) -> None:
    from codesearch.user_settings import set_setting, unset_setting

    if name is None or (unsets and value is not None):
        raise click.UsageError("--unset takes the name of one setting alone.")
    key = _named(name)
    path = unset_setting(key) if value is None else set_setting(key, value)
    say(f"{'Took' if value is None else 'Set'} {key.name} {'out of' if value is None else 'in'} {path}.")
    config = load_config()
    if config.sources[key.name].startswith("CODESEARCH_"):
        say(f"{config.sources[key.name]} in the environment beats it.")


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)


def _places(root: Path, state: Path | None) -> list[tuple[str, str]]:
    """What is kept, and where."""
    from codesearch.config import REPOSITORY_FILE
    from codesearch.known_repositories import list_file
    from indexer.disk.state_place import state_folder
    from indexer.disk.user_folders import cache_folder, hub_cache, key_file

    def where(find: Any) -> str:
        from indexer.errors import InputError

        try:
            found = find()
        except InputError as error:
            return str(error)
        return "no place" if found is None else f"{found}{'' if found.exists() else ' (not there)'}"

    return [
        ("your settings", where(user_config_file)),
        ("the repository's", where(lambda: root / REPOSITORY_FILE)),
        ("index", where(lambda: state_folder(root, state))),
        ("list of indexes", where(list_file)),
        ("key that signs them", where(key_file)),
        ("what can be computed again", where(cache_folder)),
        ("downloaded models", where(hub_cache)),
    ]


def _shown(key: Key, value: Any) -> Any:
    return "(set, not shown)" if key.name == _SECRET and value else value


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _words(key: Key, value: Any) -> str:
    shown = _shown(key, value)
    if shown is None or shown == "":
        return "-"
    return str(shown).lower() if isinstance(shown, bool) else str(shown)
