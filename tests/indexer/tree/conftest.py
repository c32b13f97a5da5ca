from __future__ import annotations

import pytest

from tests.git_command import git


@pytest.fixture
def repository(tmp_path):
    """One commit on `trunk`, a folder with a file in it."""
    folder = tmp_path / "repository"
    (folder / "inner").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "inner" / "a.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder
