"""Exports that changed on their way: refused in one sentence with nothing written, or the same index."""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path

from indexer.errors import CodesearchError
from indexer.travel.exporting import export_index
from indexer.travel.header import TEXTS, VECTORS, WORDS
from indexer.travel.importing import ImportRules, import_archive
from tests.reliability.trees import Builder


def changed(content: bytes, draw: random.Random) -> bytes:
    """The bytes cut short, or with some of them changed, moved, doubled or added."""
    made, at = bytearray(content), draw.randrange(len(content))
    length = draw.choice((1, 3, 512, 4096))
    kind = draw.randrange(6)
    if kind == 0:
        return bytes(made[:at])
    if kind == 1:
        made[at] ^= 1 << draw.randrange(8)
    elif kind == 2:
        made[at : at + length] = draw.randbytes(length)
    elif kind == 3:
        del made[at : at + length]
    elif kind == 4:
        made[at:at] = made[at : at + length]
    else:
        start = at % 2048 & ~511  # in the headers of the first members
        made[start : start + 512] = draw.randbytes(512)
    return bytes(made)


def import_damaged(folder: Path, tree: Path, n_tries: int, seed: int) -> int:
    """Try changed exports, one after the other; how many were refused."""
    folder.mkdir(parents=True, exist_ok=True)
    archives = []
    for name in ("whole.tar", "whole.tar.gz", "whole.tar.zst", "words.tar", "vectors.tar"):
        carries = {"words.tar": WORDS, "vectors.tar": VECTORS}.get(name, TEXTS)
        whole = export_index(tree, folder / name, "1.0", carries=carries)
        archives.append((folder / name).read_bytes())
        (folder / name).unlink()
    draw = random.Random(seed)
    n_refused = 0
    for _ in range(n_tries):
        root = folder / "root"
        root.mkdir()
        content = changed(draw.choice(archives), draw)
        try:
            imported = import_archive(io.BufferedReader(io.BytesIO(content)), root, ImportRules())
        except CodesearchError:
            n_refused += 1
            assert list(root.iterdir()) == [], "a refused import left something"
        else:
            assert imported.n_vectors == whole.header.n_encoded
            assert imported.header.n_files == whole.header.n_files
        assert [path.name for path in folder.iterdir()] == ["root"]
        shutil.rmtree(root)
    return n_refused


def test_changed_exports(tmp_path: Path, indexed: Path, builder: Builder) -> None:
    assert import_damaged(tmp_path / "imports", indexed, 40, seed=4) > 30
