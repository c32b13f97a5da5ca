from __future__ import annotations

import pytest

from indexer.disk.programs import find_program


@pytest.fixture
def program(tmp_path, monkeypatch):
    path = tmp_path / "bin" / "tool"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.chdir(path.parent)
    return path


def test_absolute_folders_of_path_alone(program):
    assert find_program("tool", {"PATH": f"/nonexistent:{program.parent}"}) == str(program)
    for path in (".", "", ":", ":/nonexistent", "../bin"):
        assert find_program("tool", {"PATH": path}) is None, path


def test_a_program_that_was_named_by_its_path(program):
    assert find_program("./tool", {"PATH": "/nonexistent"}) == "./tool"
    assert find_program(str(program), {}) == str(program)


def test_no_path_is_the_systems(program):
    assert str(find_program("sh", {})).startswith("/")
