from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import pytest

from indexer.disk.state_place import state_folder
from indexer.errors import IndexCorruptError, IndexMismatchError, IndexMissingError
from indexer.storage.manifest import (
    FORMAT_VERSION,
    Manifest,
    OlderFormatError,
    check_agrees,
    read_manifest,
    write_manifest,
)
from indexer.storage.seals import Seal

MANIFEST = Manifest(
    generation="00000000000000000017",
    format_version=FORMAT_VERSION,
    model="codesearch-edge",
    model_fingerprint="ab" * 32,
    max_tokens=8192,
    window_tokens=1024,
    overlap_tokens=128,
    codec="int4",
    files={"index.db": Seal(4096, 5, "cd" * 32)},
    segments={"0000.rows": Seal(34, 0, "ef" * 32)},
)


@pytest.fixture
def state(tmp_path):
    folder = state_folder(tmp_path)
    folder.mkdir()
    return folder


def put(state, **changes):
    """A manifest on disk with fields changed; None takes a field away."""
    raw = {**asdict(MANIFEST), **changes}
    kept = {name: value for name, value in raw.items() if value is not None}
    (state / "manifest.json").write_text(json.dumps(kept))


def test_what_is_written_is_read_again(state):
    write_manifest(state, MANIFEST)
    assert read_manifest(state) == MANIFEST
    write_manifest(state, replace(MANIFEST, generation="18"))
    assert read_manifest(state).generation == "18"
    assert [path.name for path in state.iterdir()] == ["manifest.json"]
    assert (state / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_no_index_says_how_to_build_one(state, tmp_path):
    with pytest.raises(IndexMissingError, match=f"codesearch index {tmp_path}"):
        read_manifest(state)
    with pytest.raises(IndexMissingError):
        read_manifest(tmp_path / "nowhere" / ".codesearch")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 200_000, b"null"])
def test_what_is_no_manifest_is_damaged(state, content):
    (state / "manifest.json").write_bytes(content)
    with pytest.raises(IndexCorruptError, match="doctor --repair"):
        read_manifest(state)


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": None},
        {"surprise": 1},
        {"generation": 17},
        {"generation": "../../etc"},
        {"generation": ""},
        {"max_tokens": "8192"},
        {"max_tokens": True},
        {"files": []},
        {"files": {"../../x": asdict(Seal(1, 1, ""))}},
        {"files": {"/x": asdict(Seal(1, 1, ""))}},
        {"files": {"index.db": {"n_bytes": 1}}},
        {"segments": {"0000.rows": asdict(Seal(1, 1, "")) | {"n_bytes": "1"}}},
    ],
)
def test_a_planted_or_flipped_value_goes_no_further(state, changes):
    put(state, **changes)
    with pytest.raises(IndexCorruptError, match="damaged"):
        read_manifest(state)


def test_another_version_is_refused_by_its_number(state):
    put(state, format_version=FORMAT_VERSION + 1)
    with pytest.raises(IndexMismatchError, match=f"format_version {FORMAT_VERSION + 1}") as refused:
        read_manifest(state)
    assert not isinstance(refused.value, OlderFormatError)
    put(state, format_version=1)
    with pytest.raises(OlderFormatError):
        read_manifest(state)


def test_a_link_is_not_read(state, tmp_path):
    write_manifest(state, MANIFEST)
    (state / "manifest.json").rename(tmp_path / "elsewhere.json")
    (state / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IndexCorruptError, match="is a link"):
        read_manifest(state)


def test_a_planted_link_is_replaced_and_not_written_through(state, tmp_path):
    (tmp_path / "victim").write_text("untouched")
    for name in ("manifest.json", "manifest.json.new"):
        (state / name).symlink_to(tmp_path / "victim")
    write_manifest(state, MANIFEST)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert read_manifest(state) == MANIFEST


def test_agreement_is_checked_field_by_field(tmp_path):
    check_agrees(MANIFEST, replace(MANIFEST, generation="99", files={}, segments={}), tmp_path)
    others = {str: "other", int: 77}
    for item in fields(Manifest):
        if item.name in ("generation", "files", "segments"):
            continue
        was = getattr(MANIFEST, item.name)
        with pytest.raises(IndexMismatchError, match=f"built with {item.name} .*--rebuild"):
            check_agrees(MANIFEST, replace(MANIFEST, **{item.name: others[type(was)]}), tmp_path)


def test_a_message_shows_no_control_characters(state):
    put(state, format_version="\x1b[2J" + "x" * 500)
    with pytest.raises(IndexMismatchError) as refused:
        read_manifest(state)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400
