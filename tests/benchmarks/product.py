"""The product under test: copies of the collections, their indexes in the cache, and searches.

Indexes lie in the cache folder, keyed by model, settings and revision, so that a change of ranking
runs searches only. An index made by other code of the write path is used and reported as such;
`--refresh` brings it up to date (stored embeddings that still fit are not computed again).
Called by `quality.py`. Everything goes through `codesearch.CodeIndex`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_data import CACHE, PROJECT, Collection
from metrics import Returned

MODES = ("hybrid", "single", "colbert", "lexical")
_READ_PATH = frozenset(("search.py", "query_encoder.py", "products.py", "status.py"))
"""Changes to these, and to what lies in `retrieve`, need no new index."""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What an index is made with."""

    model: str
    settings: tuple[tuple[str, Any], ...] = ()
    """Fields of `BuildSettings` that differ from the defaults."""

    @property
    def key(self) -> str:
        """Folder name in the cache."""
        digest = hashlib.sha256(json.dumps([self.model, sorted(self.settings)]).encode())
        return digest.hexdigest()[:12]


def write_path_digest() -> str:
    """One digest of all sources that an index depends on."""
    digest = hashlib.sha256()
    for path in sorted((PROJECT / "indexer").rglob("*")):
        is_read = path.name in _READ_PATH or path.parent.name == "retrieve"
        if path.suffix in {".py", ".scm"} and not is_read:
            digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def tree_of(collection: Collection, spec: IndexSpec) -> Path:
    """Where the copy of a collection and its index lie."""
    return CACHE / "indexes" / spec.key / f"{collection.name}-{collection.revision[:12]}"


def prepare(collection: Collection, spec: IndexSpec, *, refresh: bool) -> dict[str, Any]:
    """Make sure that the index is there; returns what is known of its build."""
    tree = tree_of(collection, spec)
    note = tree.with_name(tree.name + ".json")
    digest = write_path_digest()
    if note.is_file():
        known: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        if not refresh or known["write_path"] == digest:
            return known | {"current": known["write_path"] == digest}
    from codesearch import BuildSettings, CodeIndex

    if not tree.is_dir():
        unfinished = tree.with_name(tree.name + ".copy")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(collection.source, unfinished, symlinks=True)
        unfinished.rename(tree)
    print(f"indexing {collection.name} ...", end=" ", flush=True, file=sys.stderr)
    settings = BuildSettings(model=spec.model, **dict(spec.settings))
    started = time.monotonic()
    index = CodeIndex.build(tree, settings=settings, rebuild=refresh)
    index.close()
    seconds = time.monotonic() - started
    print(f"{seconds:.1f} s", file=sys.stderr)
    known = {"write_path": digest, "seconds": round(seconds, 2)}
    note.write_text(json.dumps(known), encoding="utf-8")
    return known | {"current": True}


class Product:
    """An open index, asked in two ways: for ranks alone, and for what a user reads."""

    def __init__(self, tree: Path, tokenizer: str):
        from codesearch import CodeIndex
        from codesearch.answers.counting import counter_for
        from indexer.search import Searcher

        self._index = CodeIndex.open(tree)
        self._ranker = Searcher.open(tree)
        self._counter = counter_for(tokenizer)

    def files(self, query: str, depth: int, mode: str) -> list[str]:
        """The files of the engine's first `depth` hits, each where its first hit stands."""
        from codesearch.request import make_request

        hits = self._ranker.search(make_request(query, k=depth, mode=mode)).hits
        return list(dict.fromkeys(self._ranker.chunk(hit.chunk_id).path for hit in hits))

    def passages(self, query: str, n: int, mode: str) -> list[Returned]:
        """The first `n` passages as a user gets them."""
        found = self._index.search(query, k=n, mode=mode, tokenizer=self._counter)
        return [Returned(p.path, p.start_line, p.end_line, p.n_tokens, p.omitted_lines) for p in found]


def build_setting(text: str) -> tuple[str, Any]:
    """`max_tokens=1024` as a field of `BuildSettings` and its value."""
    from codesearch import BuildSettings

    name, _, value = text.partition("=")
    default = getattr(BuildSettings(), name, None)
    if not isinstance(default, int | float | str):
        raise SystemExit(f"BuildSettings has no plain field {name}.")
    return name, type(default)(value)
