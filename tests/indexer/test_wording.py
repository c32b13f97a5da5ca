from __future__ import annotations

import ast
import re
from pathlib import Path

from indexer.wording import counted

ROOT = Path(__file__).parents[2]
_PLURAL = re.compile(r" (files|chunks|symbols|passages|lines|tokens|rows|pages|credentials|folders)\b")


def test_one_is_no_plural():
    assert [counted(n, "file") for n in (0, 1, 2, 2000)] == ["0 files", "1 file", "2 files", "2,000 files"]
    assert counted(2, "entry", "entries") == "2 entries"


_ALWAYS_MANY = {
    "used.n_tokens",
    "n_vocabulary",
    "reading.n_pages",
    "file.n_tokens",
    "n_tokens",
    "facts.n_tokens",
    "facts.n_seen_tokens",
}


def test_a_count_is_not_followed_by_a_plural_whatever_it_is():
    found = set()
    for path in sorted(
        each for name in ("codesearch", "indexer", "tui") for each in (ROOT / name).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                for figure, text in zip(node.values, node.values[1:], strict=False):
                    if (
                        isinstance(figure, ast.FormattedValue)
                        and "n_" in ast.unparse(figure.value)
                        and isinstance(text, ast.Constant)
                        and _PLURAL.match(str(text.value))
                    ):
                        found.add(f"{path.relative_to(ROOT)}: {ast.unparse(figure.value)}")
    assert not {each for each in found if each.split(": ")[1] not in _ALWAYS_MANY}
