"""Headings of Markdown and reStructuredText: which lines are, which only look like it."""

from __future__ import annotations

import time

import pytest

from indexer.reading.markup_headings import markdown_headings, rst_headings


def markdown(text: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in markdown_headings(text)]


def rst(text: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in rst_headings(text)]


def test_marks_and_underlines() -> None:
    text = (
        "# One\n\ntext\n\n## Two ##\n\nThree\n-----\n\nFour\n====\n\n"
        "### Five {#anchor}\n   #### Six\n#######7\n#8\n"
    )
    assert markdown(text) == [(1, "One"), (2, "Two"), (2, "Three"), (1, "Four"), (3, "Five"), (4, "Six")]


def test_a_heading_starts_with_its_first_line() -> None:
    text = "intro\n\nTitle\n=====\n\n  ## Two\n"
    starts = [heading.start_char for heading in markdown_headings(text)]
    assert starts == [text.index("Title"), text.index("  ## Two")]


@pytest.mark.parametrize(
    "text",
    [
        "```\n# not\n```\n",
        "~~~ python\n# not\n```\n# nor\n~~~\n",
        "````\n```\n# not\n````\n",
        "```\n# never closed\n",
        "    # indented code\n",
        "<!--\n# commented out\n-->\n",
        "---\ntitle: x\n# comment\n---\n",
        "+++\ntitle = 'x'\n# comment\n+++\n",
        "text\n\n---\n\ntext\n",
        "- item\n---\n",
        "| a | b |\n|---|---|\n",
        "#!shebang\n",
        "",
    ],
)
def test_what_only_looks_like_a_markdown_heading(text: str) -> None:
    assert markdown(text) == []
    assert markdown(text + "\n# Real\n")[-1:] == ([] if "never closed" in text else [(1, "Real")])


def test_windows_line_ends() -> None:
    assert markdown("# One\r\n\r\nTwo\r\n---\r\n```\r\n# not\r\n```\r\n## Three\r\n") == [
        (1, "One"),
        (2, "Two"),
        (2, "Three"),
    ]
    assert rst("One\r\n===\r\n\r\nTwo\r\n---\r\n") == [(1, "One"), (2, "Two")]


def test_rst_levels_follow_the_order_in_which_styles_appear() -> None:
    text = (
        "=====\nTitle\n=====\n\nintro\n\nChapter\n-------\n\nPart\n~~~~\n\nOther\n-----\n\n"
        "Same char, no line above\n========================\n"
    )
    assert rst(text) == [
        (1, "Title"),
        (2, "Chapter"),
        (3, "Part"),
        (2, "Other"),
        (4, "Same char, no line above"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "text\n\n----\n\ntext\n",
        "=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n",
        "::\n\n    literal\n    -------\n",
        "A title that is longer than the line below\n---\n",
        "....\n----\n",
        "",
    ],
)
def test_what_only_looks_like_an_rst_heading(text: str) -> None:
    assert rst(text) == []


def test_rst_start_includes_the_line_above() -> None:
    text = "intro\n\n=====\nTitle\n=====\n"
    (heading,) = rst_headings(text)
    assert heading.start_char == text.index("=====")


@pytest.mark.parametrize("piece", ["#", "# a\n", "`", "=\n", "a\n", "<!--", "-", "a ", " ", "--\n"])
def test_odd_texts_take_no_time(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    started = time.process_time()
    markdown(text)
    rst(text)
    assert time.process_time() - started < 3
