"""Repairing an index; what damage is found and mended is in `tests/reliability/test_corruption.py`."""

from __future__ import annotations

from indexer import doctor
from indexer.build import build
from indexer.search import Searcher
from indexer.settings import BuildSettings, WalkSettings


def test_what_is_built_anew_keeps_the_settings_it_was_built_with(tmp_path, one_encoder):
    settings = BuildSettings(vectors="exact", walk=WalkSettings(max_file_bytes=5000, include_hidden=True))
    (tmp_path / ".hidden.py").write_text("def kept_out_of_sight():\n    return 1\n")
    build(tmp_path, settings)
    (damaged,) = tmp_path.glob(".codesearch/generations/*/chunks.npy")
    damaged.write_bytes(b"")
    assert not doctor.examine(tmp_path).is_sound
    assert doctor.repair(tmp_path).is_sound
    with Searcher.open(tmp_path) as searcher:
        assert searcher.paths() == (".hidden.py",)
        assert searcher.settings == settings
