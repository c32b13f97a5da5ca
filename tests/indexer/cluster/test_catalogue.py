"""The file that says what belongs together: read strictly, replaced whole, every mistake one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from indexer.cluster.catalogue import Entry, read_catalogue, shards_to_serve, write_catalogue
from indexer.errors import IndexMismatchError, IndexMissingError, InputError, StorageError

HASH = "a" * 64
BUILT = Entry("web", "/src/web", "", "web", HASH, HASH, 1, 2, 3, 4, "edge", HASH)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "cat.jsonl"
    entries = (BUILT, Entry("shop", "/src/shop", "v1.2"))
    write_catalogue(path, entries)
    assert read_catalogue(path) == entries
    assert [each.name for each in tmp_path.iterdir()] == ["cat.jsonl"]
    assert '"n_files": 0' not in path.read_text("utf-8")


def test_a_relative_folder_counts_from_the_catalogues_own(tmp_path, monkeypatch):
    (tmp_path / "cat.jsonl").write_text('\n{"repository": "web", "folder": "src/../web"}\n\n')
    monkeypatch.chdir("/")
    assert read_catalogue(tmp_path / "cat.jsonl")[0].folder == str(tmp_path / "web")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "is empty"),
        ("{", "Line 1 of the catalogue"),
        ("[" * 100_000, "Line 1 of the catalogue"),
        ("[1]", "it holds no JSON object"),
        ('{"folder": "/a"}', "it has no repository"),
        ('{"repository": "web"}', "it has no folder"),
        ('{"repository": "web", "folder": "/a", "path": "/b"}', "unknown field 'path'"),
        ('{"repository": "web", "folder": "/a", "n_files": "2"}', "its n_files is no number"),
        ('{"repository": "web", "folder": "/a", "n_files": true}', "its n_files is no number"),
        ('{"repository": "web", "folder": "/a", "n_files": -1}', "below zero"),
        ('{"repository": 3, "folder": "/a"}', "its repository is no text"),
        ('{"repository": "../etc", "folder": "/a"}', "is no name"),
        ('{"repository": "a/../b", "folder": "/a"}', "is no name"),
        ('{"repository": "\\u001b[31m", "folder": "/a"}', "is no name"),
        ('{"repository": "web", "folder": "/a", "revision": "--upload-pack=x"}', "revision"),
        ('{"repository": "web", "folder": "/a", "digest": "../../x"}', "its digest is no SHA-256"),
        (f'{{"repository": "web", "folder": "/a", "digest": "{HASH}"}}', "run `codesearch cluster index`"),
        (
            '{"repository": "web", "folder": "/a"}\n{"repository": "web", "folder": "/b"}',
            "two folders or revisions",
        ),
        ('{"repository": "web", "folder": "/a"}\n{"repository": "web", "folder": "/a"}', "twice"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, line, said):
    path = tmp_path / "cat.jsonl"
    path.write_text(line)
    with pytest.raises(InputError) as error:
        read_catalogue(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_no_catalogue_says_what_to_write(tmp_path):
    with pytest.raises(InputError, match="write one line a repository"):
        read_catalogue(tmp_path / "none")


def test_shards_with_two_digests_are_refused(tmp_path):
    path = tmp_path / "cat.jsonl"
    other = replace(BUILT, repository="shop", digest="b" * 64)
    path.write_text(
        "".join(
            json.dumps({name: getattr(e, name) for name in Entry.__dataclass_fields__}) + "\n"
            for e in (BUILT, other)
        )
    )
    with pytest.raises(InputError, match="two digests"):
        read_catalogue(path)


def test_what_was_there_stays_where_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "cat.jsonl"
    write_catalogue(path, [BUILT])

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexer.cluster.catalogue.os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_catalogue(path, [Entry("shop", "/src/shop")])
    assert read_catalogue(path) == (BUILT,)
    assert len(list(tmp_path.iterdir())) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from indexer.cluster.catalogue import read_catalogue, write_catalogue

Path.replace = lambda half, path: os.kill(os.getpid(), signal.SIGKILL)
write_catalogue(Path(sys.argv[1]), read_catalogue(Path(sys.argv[1])))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a signal that cannot be caught")
def test_what_a_killed_job_was_about_to_rename_is_removed_by_the_next(tmp_path):
    path = tmp_path / "cat[1].jsonl"
    write_catalogue(path, [BUILT])
    others = {".cat[1].jsonl.new", ".cat1.jsonl.7.new", ".cat[1].jsonl.swp", "x.cat[1].jsonl.7.new"}
    for name in others:
        (tmp_path / name).write_text("a person's own\n")
    assert subprocess.run([sys.executable, "-c", KILLED, path], check=False).returncode == -9
    assert len(list(tmp_path.iterdir())) == 2 + len(others)
    assert read_catalogue(path) == (BUILT,)
    write_catalogue(path, [Entry("shop", "/src/shop")])
    assert {each.name for each in tmp_path.iterdir()} == others | {path.name}


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_who_may_read_it_stays(tmp_path):
    path = tmp_path / "cat.jsonl"
    write_catalogue(path, [BUILT])
    for mode in (0o600, 0o664):
        path.chmod(mode)
        write_catalogue(path, [BUILT])
        assert path.stat().st_mode & 0o777 == mode


def test_several_repositories_may_share_a_shard_and_one_may_have_several():
    second = replace(BUILT, shard="web.2of2", digest="b" * 64, sha256="b" * 64)
    shared = replace(BUILT, repository="shop")
    shards = shards_to_serve([BUILT, second, shared, Entry("new", "/new")])
    assert [(each.name, each.repositories) for each in shards] == [
        ("web", ("web", "shop")),
        ("web.2of2", ("web",)),
    ]


def test_models_are_not_mixed_and_nothing_is_not_served():
    with pytest.raises(IndexMismatchError, match="mixes 2 models"):
        shards_to_serve([BUILT, replace(BUILT, repository="b", shard="b", model="m", fingerprint="b" * 64)])
    with pytest.raises(IndexMissingError, match="codesearch cluster index"):
        shards_to_serve([Entry("new", "/new")])
