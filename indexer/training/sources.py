"""What a card says of the folders that a model was trained on: name, commit, licence by their files."""

from __future__ import annotations

import re
from pathlib import Path

from indexer.disk.contained import read_regular
from indexer.errors import InputError
from indexer.tree.git_objects import find_commit
from indexer.tree.git_runner import find_repository

_MAX_BYTES = 100_000
_FILES = (
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "LICENSE.rst",
    "MIT-LICENSE",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "LICENCE",
    "COPYING",
    "COPYING.md",
    "UNLICENSE",
)
_LICENCES = (
    ("MIT", r"permission is hereby granted, free of charge"),
    ("Apache-2.0", r"apache license\s+version 2\.0"),
    ("MPL-2.0", r"mozilla public license,? version 2\.0"),
    ("AGPL-3.0", r"gnu affero general public license\s+version 3"),
    ("LGPL", r"gnu (?:lesser|library) general public license\s+version"),
    ("GPL-3.0", r"gnu general public license\s+version 3"),
    ("GPL-2.0", r"gnu general public license\s+version 2"),
    ("BSD-4-Clause", r"redistribution and use in source and binary forms.*all advertising materials"),
    ("BSD-3-Clause", r"redistribution and use in source and binary forms.*used to endorse or promote"),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
    ("ISC", r"permission to use, copy, modify,? and(?:/or)? distribute this software"),
    ("CC0-1.0", r"cc0 1\.0 universal"),
    ("Unlicense", r"free and unencumbered software released into the public domain"),
)
"""By a phrase of the text, the first that fits. GNU licences name one another, without a version behind."""


def describe(folder: Path) -> str:
    """One line: `celery at 1a2b3c4d, BSD-3-Clause`."""
    name = folder.resolve().name
    try:
        name += f" at {find_commit(folder, 'HEAD').commit_id[:12]}"
    except InputError:
        name += ", no history"
    return f"{name}, {_licence(folder)}"


def _licence(folder: Path) -> str:
    """What the folder's own file states, else its repository's."""
    repository = find_repository(folder)
    for place in (folder,) if repository is None else (folder, repository.top):
        for file in _FILES:
            try:
                text = read_regular(place, file, _MAX_BYTES).decode("utf-8", "replace")
            except OSError:
                continue
            said = " ".join(text.lower().split())
            return next((name for name, phrase in _LICENCES if re.search(phrase, said)), f"see its {file}")
    return "licence not stated"
