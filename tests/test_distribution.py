"""What a wheel and an sdist are made of; `make dist` builds both and tries the wheel."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]


def test_every_package_is_in_the_wheel():
    found = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for name in ("codesearch", "indexer", "tui")
        for path in (ROOT / name).rglob("*.py")
    }
    assert set(PACKAGES) == found


def test_every_file_that_the_program_reads_is_in_the_wheel():
    """Tables, grammars, the model, the page: whatever lies in a package and is no Python."""
    data = PROJECT["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{glob}" for package, globs in data.items() for glob in globs]
    patterns = [pattern.replace("**/*", "*") for pattern in patterns]
    missing = [
        path.relative_to(ROOT).as_posix()
        for name in ("codesearch", "indexer", "tui")
        for path in (ROOT / name).rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc")
        and "pictures" not in path.parts  # of the README
        and not any(fnmatch(path.relative_to(ROOT).as_posix(), each) for each in patterns)
    ]
    assert missing == []


def test_advice_names_this_distribution_and_not_anothers():
    """`codesearch` on the package index is another project: no advice may have people install that."""
    name = PROJECT["project"]["name"]
    assert name == "codesearch-local"
    extras = PROJECT["project"]["optional-dependencies"]
    for package in ("codesearch", "indexer", "tui"):
        for path in (ROOT / package).rglob("*.py"):
            for asked, extra in re.findall(
                r"(?:pip|pipx|uv tool) install '?([\w-]+)\[([\w-]+)\]", path.read_text("utf-8")
            ):
                assert (asked, extra in extras) == (name, True), path
    readme = (ROOT / "README.md").read_text("utf-8")
    assert not re.search(r"install '?codesearch(?!-local)", readme)
