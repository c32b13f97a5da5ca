"""Path patterns of a question."""

from __future__ import annotations

import pytest

from indexer.retrieve.globs import PathGlobs

PATHS = ("app.py", "src/main.py", "src/deep/main.go", "docs/guide.md")


@pytest.mark.parametrize(
    ("patterns", "passing"),
    [
        ((), PATHS),
        (("*.py",), ("app.py", "src/main.py")),
        (("/src/",), ("src/main.py", "src/deep/main.go")),
        (("src/*.py", "*.md"), ("src/main.py", "docs/guide.md")),
        (("!src/",), ("app.py", "docs/guide.md")),
        (("*.py", "!src/"), ("app.py",)),
        (("nowhere/**",), ()),
    ],
)
def test_what_passes(patterns, passing):
    globs = PathGlobs(patterns)
    assert tuple(path for path in PATHS if globs.passes(path)) == passing


def test_a_broken_pattern_is_refused():
    with pytest.raises(ValueError, match="Invalid git pattern"):
        PathGlobs(["*.py", "!a\\"])
