"""Each file of an index cut short, emptied, flipped, deleted and exchanged: named by the doctor, mended by
`--repair`, and never a wrong line in an answer. Damage that leaves size and time alone is the doctor's."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.doctor import examine
from indexer.errors import CodesearchError, IndexCorruptError
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from tests.reliability.trees import Builder, answer, damage, texts_on_disk, write_tree


def index_files(root: Path) -> list[str]:
    """The files that an index consists of, the generation's number left out."""
    state = root / ".codesearch"
    found = [path.relative_to(state) for path in sorted(state.rglob("*")) if path.is_file()]
    names = [path.as_posix() for path in found if path.name not in (".gitignore", "lock")]
    return ["/".join(part for part in name.split("/") if not part.isdigit()) for name in names]


def locate(root: Path, name: str) -> Path:
    state = root / ".codesearch"
    folder, _, file = name.rpartition("/")
    if folder.startswith("generations"):
        (generation,) = (state / "generations").iterdir()
        return generation / name.removeprefix("generations/")
    return state / folder / file


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Path:
    """Another repository's index."""
    root = tmp_path_factory.mktemp("other") / "tree"
    write_tree(root, n_files=11, seed=77)
    assert "error" not in builder(root)
    return root


def cut(path: Path, other: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path, other: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    at = random.Random(path.name).randrange(len(content) // 4, len(content) * 3 // 4)
    if path.name == "embeddings.db":  # much of it is free space
        at = re.search(rb"[0-9a-f]{64}", content).end() + 20
    content[at] ^= 0x55
    path.write_bytes(content)


def delete(path: Path, other: Path) -> None:
    path.unlink()


def exchange(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


DAMAGES = (cut, empty, flip, delete, exchange)


def ask_or_refuse(root: Path, texts: dict[str, str]) -> CodesearchError | None:
    """The one sentence that refuses; else every line that is shown stands in the tree."""
    refused = None
    try:
        with Searcher.open(root) as searcher:
            for mode in (Mode.HYBRID, Mode.LEXICAL):
                for hit in searcher.search(SearchRequest("merge the invoice number", mode=mode)).hits:
                    chunk = searcher.chunk(hit.chunk_id)
                    assert chunk.text in texts[chunk.path]
    except CodesearchError as error:
        refused = error
    assert refused is None or ("\n" not in str(refused) and "`codesearch " in str(refused))
    return refused


@pytest.mark.parametrize("damage_file", DAMAGES, ids=lambda function: function.__name__)
def test_each_file(
    tmp_path: Path, indexed: Path, other: Path, builder: Builder, damage_file: Callable[[Path, Path], None]
) -> None:
    texts, expected = texts_on_disk(indexed), answer(indexed)
    for number, name in enumerate(index_files(indexed)):
        root = tmp_path / str(number)
        shutil.copytree(indexed, root)
        path = locate(root, name)
        whole = path.read_bytes()
        damage_file(path, locate(other, name))
        if path.exists() and path.read_bytes() == whole:  # both repositories have the same here
            continue
        error = ask_or_refuse(root, texts)
        if name.startswith("generations") or name == "manifest.json":
            assert isinstance(error, CodesearchError), name
        found = damage(root)
        if name == "manifest.json" and damage_file is delete:
            assert "no index" in found[0]
        else:
            assert found, (name, damage_file.__name__)
        if number % 2 or name.startswith(("embeddings", "manifest")):
            assert builder(root, repair=True).get("findings") == [], name
            assert answer(root) == expected
            assert ask_or_refuse(root, texts) is None


def test_damage_that_leaves_size_and_time_alone(
    tmp_path: Path, indexed: Path, other: Path, builder: Builder
) -> None:
    """As a failing disk does it."""
    texts = texts_on_disk(indexed)
    for number, name in enumerate(index_files(indexed)):
        root = tmp_path / str(number)
        shutil.copytree(indexed, root)
        path = locate(root, name)
        if not path.stat().st_size or name == "manifest.json":
            continue
        before = path.stat()
        flip(path, other)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        ask_or_refuse(root, texts)
        assert damage(root), name


def test_the_doctor_names_file_and_place(tmp_path: Path, indexed: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    rows = root / ".codesearch" / "embeddings" / "0000.rows"
    flip(rows, rows)
    (locate(root, "generations/regions.npy")).unlink()
    sentences = damage(root)
    assert sentences[0] == "Regions.npy is missing."
    assert sentences[1].startswith("0000.rows has changed between bytes ")
    assert "so that the vectors of" in sentences[1]


def test_only_damaged_vectors_are_computed_again(tmp_path: Path, indexed: Path, builder: Builder) -> None:
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    rows = root / ".codesearch" / "embeddings" / "0000.rows"
    flip(rows, rows)
    assert 0 < builder(root, rebuild=True)["n_encoded"] < 8
    assert examine(root).findings == ()


def test_the_whole_index_of_another_repository(
    tmp_path: Path, indexed: Path, other: Path, builder: Builder
) -> None:
    """Copied by mistake: it opens, says that everything is stale, and an update makes it right."""
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    shutil.rmtree(root / ".codesearch")
    shutil.copytree(other / ".codesearch", root / ".codesearch")
    with Searcher.open(root) as searcher:
        stale = searcher.freshness(5.0)
        assert len(stale.changed) + len(stale.deleted) == 11
    builder(root)
    assert answer(root) == answer(indexed)
    assert damage(root) == []


def test_a_restored_backup_is_accepted_with_other_times(tmp_path: Path, indexed: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(indexed, root, copy_function=shutil.copyfile)
    path = locate(root, "generations/index.db")
    changed_at = path.stat().st_mtime_ns
    assert answer(root) == answer(indexed)
    assert path.stat().st_mtime_ns != changed_at  # put back, so that the next opening need not read it
    assert damage(root) == []


def test_an_update_on_a_damaged_index_refuses_by_name(
    tmp_path: Path, indexed: Path, builder: Builder
) -> None:
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    flip(locate(root, "generations/index.db"), root)
    (root / "new.py").write_text("def new(): pass\n")
    result = builder(root)
    assert result["error"] == IndexCorruptError.__name__
    assert "index.db has changed" in result["message"]
    assert "doctor --repair" in result["message"]
    assert builder(root, rebuild=True)["n_encoded"] == 1
    assert damage(root) == []
