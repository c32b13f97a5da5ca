from __future__ import annotations

from pathlib import Path

import pytest

from codesearch.locate import has_index, is_too_wide, manifest_mark
from indexer.disk.state_files import write_file


def test_the_mark_of_an_index_is_another_when_its_manifest_is_replaced(tmp_path):
    assert not has_index(tmp_path)
    assert manifest_mark(tmp_path) is None
    (tmp_path / ".codesearch").mkdir()
    manifest = tmp_path / ".codesearch" / "manifest.json"
    write_file(manifest, b"{}")
    assert has_index(tmp_path)
    mark = manifest_mark(tmp_path)
    assert mark is not None
    assert manifest_mark(tmp_path) == mark
    write_file(manifest, b"{}")
    assert manifest_mark(tmp_path) != mark


def test_the_home_folder_those_above_it_and_the_systems_are_too_wide_to_index_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "me" / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    for wide in (tmp_path / "home" / "me", tmp_path / "home", Path("/"), Path("/etc"), Path("/usr/lib")):
        assert is_too_wide(wide), wide
    for own in (tmp_path / "home" / "me" / "project", tmp_path / "else", Path("/opt/app"), Path("/src")):
        assert not is_too_wide(own), own
