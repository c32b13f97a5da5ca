"""Several indexes under names: which are open, which are told apart, which answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from codesearch.api import CodeIndex
from codesearch.workspace import Workspace, short_names
from indexer.errors import InputError


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/repo"], ["repo"]),
        (["/a/repo", "/b/repo", "/c/other"], ["a/repo", "b/repo", "other"]),
        (["/x/a/repo", "/y/a/repo"], ["x/a/repo", "y/a/repo"]),
        (["/"], ["/"]),
        (["lighthouse"], ["lighthouse"]),
    ],
)
def test_short_names(paths, names):
    assert short_names([Path(path) for path in paths]) == names


@pytest.fixture
def folders(fake, tmp_path, monkeypatch):
    """Three folders whose indexes are in memory, and the names of those that were closed."""
    closed = []

    class Index(CodeIndex):
        def close(self):
            closed.append(self.root.name)
            super().close()

    monkeypatch.setattr(
        "codesearch.workspace.CodeIndex.open",
        lambda root, build=None: Index(root, fake({f"{root.name}.py": "def routes():\n    return 1\n"})),
    )
    roots = [tmp_path / name for name in ("one", "two", "three")]
    for root in roots:
        root.mkdir()
    return roots, closed


def test_only_so_many_indexes_stay_open_and_none_that_is_asked_is_closed(folders):
    roots, closed = folders
    with Workspace(roots, max_open=1) as workspace:
        with workspace.opened("one") as first:
            with workspace.opened("two") as second:
                assert workspace.n_open == 2
                assert second.paths() == ("two.py",)
            assert closed == ["two"], "the one that nobody asks goes first"
            assert first.paths() == ("one.py",)
        with workspace.opened("three"):
            pass
        assert closed == ["two", "one"]
        with workspace.opened("one") as again:
            assert again.paths() == ("one.py",)
    assert workspace.n_open == 0


def test_a_folder_that_is_named_twice_is_one_and_an_unknown_name_is_refused(folders):
    roots, _ = folders
    workspace = Workspace([roots[0], roots[0]])
    assert workspace.names == ("one",)
    with pytest.raises(InputError, match="known are one"):
        workspace.name_of("four")
