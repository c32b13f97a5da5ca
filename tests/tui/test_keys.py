"""Every key of the table, pressed in a running application; the table itself."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.tui.key_checks import elsewhere, lists, search_screen  # noqa: F401 - they fill the registry
from tests.tui.key_checks.registry import CHECKS
from tui.keys import KEYS, OWNERS, bindings, written

FIRST_KEYS = [(key.owner, key.action, key.keys.split(",")[0]) for key in KEYS]
OTHER_KEYS = [(key, name) for key in KEYS for name in key.keys.split(",")[1:]]


def test_every_command_has_a_check():
    assert {(key.owner, key.action) for key in KEYS} == set(CHECKS)


@pytest.mark.parametrize(("owner", "action", "name"), FIRST_KEYS, ids=lambda value: str(value))
async def test_first_key(owner, action, name, drive):
    """The first key of a command does what the command is there for."""
    async with drive() as driver:
        await CHECKS[owner, action](driver, name)


@pytest.mark.parametrize("owner", sorted({key.owner for key, _ in OTHER_KEYS}))
async def test_other_keys(owner, drive):
    """Every other key of a command runs the same action."""
    async with drive() as driver:
        await driver.ask(
            focus="chip-mode" if owner == "chip" else "passage" if owner == "passage" else "results"
        )
        if owner == "index":
            await driver.press("f9")
        nodes = {"app": driver.app, "search": driver.app.screen, "index": driver.app.screen}
        node = nodes.get(owner, driver.app.focused)
        done = []
        for key, name in OTHER_KEYS:
            if key.owner == owner:
                method = key.action.partition("(")[0]
                setattr(node, f"action_{method}", lambda *arguments, key=key: done.append((key, *arguments)))
                await driver.pilot.press(name)
        expected = [
            (key, *([ast.literal_eval(key.action.partition("(")[2][:-1])] if "(" in key.action else []))
            for key, _ in OTHER_KEYS
            if key.owner == owner
        ]
        assert done == expected


def test_a_key_means_one_thing_in_one_place():
    for owner in OWNERS:
        names = Counter(name for key in KEYS if key.owner == owner for name in key.keys.split(","))
        assert [name for name, n in names.items() if n > 1] == []


def test_letters_of_the_search_screen_do_not_hide_those_of_its_widgets():
    letters = {name for key in KEYS if key.owner in ("search", "app") for name in key.keys.split(",")}
    for owner in ("results", "passage"):
        own = {name for key in KEYS if key.owner == owner for name in key.keys.split(",")}
        assert own & letters == set()


def test_bindings_show_only_footer_keys_and_only_once():
    shown = [binding.key for binding in bindings("index") if binding.show]
    assert shown == ["b", "c", "r", "escape"]


def test_every_key_is_written_and_explained():
    assert all(written(key) and key.help[0].isupper() and not key.help.endswith(".") for key in KEYS)
