"""What a card says of a folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from indexer.training.sources import describe
from tests.git_command import git


def test_a_folder_within_a_repository_has_its_commit_and_licence(tree: Path) -> None:
    (tree / "lib").mkdir()
    (tree / "lib" / "a.py").write_text("A = 1\n")
    assert describe(tree / "lib") == "lib, no history, licence not stated"
    (tree / "LICENSE").write_text("Permission is hereby granted,\nfree of charge, to any person")
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "all of it")
    assert re.fullmatch(r"lib at [0-9a-f]{12}, MIT", describe(tree / "lib"))
    (tree / "lib" / "LICENSE.md").write_text("All rights reserved.")
    assert describe(tree / "lib").endswith(", see its LICENSE.md")


@pytest.mark.parametrize(
    "third_clause", ["Neither the name of the author", "The names of the contributors may not"]
)
def test_a_third_clause_makes_another_licence(tree: Path, third_clause: str) -> None:
    two = "Redistribution and use in source and binary forms are permitted.\n"
    (tree / "LICENSE").write_text(two)
    assert describe(tree).endswith(", BSD-2-Clause")
    (tree / "LICENSE").write_text(f"{two}{third_clause} may be used to\r\n   endorse or promote products.")
    assert describe(tree).endswith(", BSD-3-Clause")


_BSD = "Redistribution and use in source and binary forms, with or\nwithout modification, are permitted:"
_GNU = "GNU GENERAL PUBLIC LICENSE\n   Version"
_LESSER = "GNU LESSER GENERAL PUBLIC LICENSE\n   Version"
_OTHER = "GNU Lesser General Public License instead of this License."


@pytest.mark.parametrize(
    ("file", "text", "licence"),
    [
        (
            "LICENSE",
            f"{_BSD} All advertising materials must. may be used to endorse or promote",
            "BSD-4-Clause",
        ),
        ("COPYING", f"{_GNU} 3\nUse with the GNU Affero General Public License. use the {_OTHER}", "GPL-3.0"),
        ("COPYING", f"{_GNU} 2\nIf this is what you want to do, use the {_OTHER}", "GPL-2.0"),
        ("COPYING", f"{_LESSER} 3\nincorporates version 3 of the GNU General Public License", "LGPL"),
        ("MIT-LICENSE", "Permission is hereby granted, free of charge", "MIT"),
        ("LICENSE-MIT", "Permission is hereby granted, free of charge", "MIT"),
        ("LICENSE", "Creative Commons Legal Code\n\nCC0 1.0 Universal\n\n    CREATIVE COMMONS", "CC0-1.0"),
    ],
)
def test_a_licence_is_told_from_its_kin(tree: Path, file: str, text: str, licence: str) -> None:
    (tree / file).write_text(text)
    assert describe(tree).endswith(f", {licence}")
