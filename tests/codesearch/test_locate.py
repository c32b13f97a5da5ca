from __future__ import annotations

from codesearch.locate import has_index, manifest_mark
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
