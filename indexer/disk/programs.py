"""Where a program lies that is started by its name.

PATH may name the current folder (`.`, or nothing between two colons). In a repository that nobody trusts,
a file named `git` there would be run: only absolute folders of PATH are looked in, here and by whoever
asks here before starting anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def find_program(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The absolute path of an executable on PATH, or None; a name with a slash is looked up as it is."""
    import shutil

    if os.sep in name:
        return shutil.which(name)
    folders = environment.get("PATH", os.defpath).split(os.pathsep)
    absolute = [folder for folder in folders if os.path.isabs(folder)]  # noqa: PTH117
    return shutil.which(name, path=os.pathsep.join(absolute)) if absolute else None
