"""Names to folders, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import CheckpointError
from indexer.models.hub import BUNDLED_FOLDER, cached_folder, find_folder, full_name, pull


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def put_in_cache(cache: Path, name: str, revision: str, ref: str | None = None) -> Path:
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    if ref is not None:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(ref)
    return snapshot


def test_bundled_name_and_folder(tmp_path: Path) -> None:
    assert find_folder("codesearch-edge") == BUNDLED_FOLDER / "codesearch-edge"
    assert find_folder(str(tmp_path)) == tmp_path


def test_cached_hub_model_by_full_and_by_short_name(cache: Path) -> None:
    put_in_cache(cache, "lightonai/LateOn-Code", "old")
    current = put_in_cache(cache, "lightonai/LateOn-Code", "new", ref="new")
    assert find_folder("lightonai/LateOn-Code") == current
    assert find_folder("lateon-code") == current


def test_a_snapshot_without_a_ref_is_found(cache: Path) -> None:
    snapshot = put_in_cache(cache, "a/b", "only")
    assert cached_folder("a/b") == snapshot


def test_a_ref_that_points_outside_is_not_followed(cache: Path) -> None:
    put_in_cache(cache, "a/b", "x", ref="../../../elsewhere")
    assert cached_folder("a/b") is None


@pytest.mark.parametrize("name", ["no-such-model", "../up", "a/b/c", "a/..", "/no/such/folder"])
def test_an_unknown_name_says_which_there_are(cache: Path, name: str) -> None:
    with pytest.raises(
        CheckpointError, match=r"no model or folder named .*codesearch-edge.*`codesearch models`"
    ):
        find_folder(name)


def test_an_empty_name(cache: Path) -> None:
    with pytest.raises(CheckpointError, match="empty"):
        find_folder("  ")


def test_not_cached_names_both_ways_out(cache: Path) -> None:
    with pytest.raises(CheckpointError, match=r"codesearch models pull a/b.*give its folder"):
        find_folder("a/b")


def test_full_names() -> None:
    assert full_name("gte-modernbert-base") == "Alibaba-NLP/gte-modernbert-base"
    assert full_name("someone/something") == "someone/something"
    assert full_name("something") is None


def test_pull_asks_the_library_and_turns_its_errors_into_one_sentence(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked = []

    def download(name: str, **kwargs: object) -> str:
        asked.append((name, kwargs["cache_dir"]))
        return str(cache)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert pull("LateOn-Code") == cache
    assert asked == [("lightonai/LateOn-Code", cache)]

    def fail(name: str, **kwargs: object) -> str:
        raise OSError("no route to host\nand much more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match=r"a/b could not be pulled \(no route to host\)"):
        pull("a/b")
    with pytest.raises(CheckpointError, match="not a hub name"):
        pull("b")
