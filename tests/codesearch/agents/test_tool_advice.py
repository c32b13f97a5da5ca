"""Commands that sentences name, as the tools that do the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from codesearch.agents.tool_advice import ToolAdvice

STALE = "The index is out of date by 1 file (1 changed); `codesearch index` brings it up to date."
ADVICE = ToolAdvice({"shop": Path("/w/shop"), "old/shop": Path("/w/old/shop")}, can_refresh=True)


@pytest.mark.parametrize(
    ("asked", "call"),
    [
        ({}, "`refresh`"),
        ({"repo": "shop"}, "`refresh`"),
        ({"repo": "old/shop"}, "`refresh repo=old/shop`"),
        ({"repositories": ["old/shop"]}, "`refresh repo=old/shop`"),
        ({"repositories": ["*"]}, "`refresh` of each repository"),
        ({"repositories": ["shop", "old/shop"], "revision": ""}, "`refresh` of each repository"),
        ({"revision": "v1"}, "`codesearch index`"),
    ],
)
def test_the_call_is_for_what_was_asked(asked, call):
    assert ADVICE.told(STALE, asked) == STALE.replace("`codesearch index`", call)


def test_a_folder_is_named_as_its_repository():
    assert ADVICE.told("build one with `codesearch index /w/old/shop`.", {}) == (
        "build one with `refresh repo=old/shop`."
    )


def test_what_no_tool_does_is_left_to_a_person():
    for sentence in (
        "rebuild with `codesearch index --rebuild /w/shop`.",
        "`codesearch doctor --repair /w/shop` repairs it.",
        "`codesearch index --rev v1` does it.",
    ):
        assert ADVICE.told(sentence, {}) == sentence
    reading_only = ToolAdvice(ADVICE.roots, can_refresh=False)
    assert reading_only.told(STALE, {}) == STALE
    skipped = "`codesearch outline` lists what is, `codesearch status --skipped` what was left out."
    assert reading_only.told(skipped, {}) == "`outline` lists what is, `status` what was left out."
