from __future__ import annotations

import random
import re
from itertools import pairwise

import numpy as np
import pytest

from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.records import Chunk, SearchRequest, SourceFile, Span
from indexer.retrieve import filters
from indexer.retrieve.expressions import n_compiled_parts
from indexer.retrieve.filters import make_masks
from indexer.storage.database import ChunkKey, StoreReader, StoreWriter
from indexer.storage.mapped_tables import make_tables

ROUTER = "import re\n\ndef add(path):\n    return 1\n\nclass Router:\n    def find(self):\n        pass\n"
GUIDE = "# Guide\n\nHow to add a route.\n\n## Install\n\nRun it.\n"
"""Regions of both are their blank-line separated paragraphs; see `paragraphs`."""


def paragraphs(text):
    borders = [0, *(m.end() for m in re.finditer("\n\n", text)), len(text)]
    return [(a, b) for a, b in pairwise(borders) if a < b]


def spans_of(path, text):
    if path.endswith(".md"):
        return [
            ("section", "Guide", 0, len(text)),
            ("section", "Guide > Install", text.index("##"), len(text)),
        ]
    found = [("function", "add", text.index("def add"), text.index("class Router") - 2)]
    found.append(("class", "Router", text.index("class"), len(text) - 1))
    return [*found, ("method", "Router.find", text.index("def find"), len(text) - 1)]


FILES = {
    "app/router.py": ("python", ROUTER),
    "app/tests/test_router.py": ("python", ROUTER),
    "docs/guide.md": ("markdown", GUIDE),
    "main.go": ("go", "package main\n\nfunc main() {}\n"),
}


@pytest.fixture
def index(tmp_path):
    """A store and tables of the files above, one chunk each, with gaps between chunk ids."""
    writer = StoreWriter(tmp_path / "index.db")
    keys, stored = [], {}
    for number, (path, (language, text)) in enumerate(FILES.items(), 1):
        file_id = writer.add_file(SourceFile(path, text, language, "", 1), 1)
        spans = [] if language == "go" else spans_of(path, text)
        chunk_id = writer.next_chunk_id = 3 * number
        chunk = Chunk(
            chunk_id, path, "", language, text, 0, len(text), 1, 1, 9,
            tuple(Span(kind, name, a, b, 1, 1) for kind, name, a, b in spans), path,
        )  # fmt: skip
        writer.add_chunk(file_id, chunk, f"key-{number}", np.array(paragraphs(text)))
        keys.append(ChunkKey(chunk_id, file_id, f"key-{number}", np.array(paragraphs(text))))
        regions = np.array([(a, b, 0) for a, b in paragraphs(text)], np.int32)
        stored[f"key-{number}"] = StoredEmbedding(0, 0, 0, 0, 0, regions, np.empty((0, 2), np.int32), 0)
    writer.close()
    reader = StoreReader(tmp_path / "index.db")
    yield reader, make_tables(keys, lambda _: stored)
    reader.close()


def passing(index, **changes):
    """The paragraphs that pass, as (path, text), after a check that both masks agree."""
    reader, tables = index
    request = SearchRequest(query="q", **changes)
    masks = make_masks(request, reader, tables)
    if masks.regions is None:
        assert masks.chunks is None
        return None
    found = []
    for c, (path, (_, text)) in enumerate(FILES.items()):
        low, high = tables.region_start[c], tables.region_start[c + 1]
        assert masks.chunks[c] == masks.regions[low:high].any()
        for (start, end, _), passes in zip(tables.regions[low:high], masks.regions[low:high], strict=True):
            if passes:
                found.append((path, text[start:end].strip()))
    return found


def paths(found):
    return list(dict.fromkeys(path for path, _ in found))


def test_without_filters_everything_passes(index):
    assert passing(index) is None


def test_languages_by_name(index):
    assert paths(passing(index, languages=("go",))) == ["main.go"]
    assert paths(passing(index, languages=("python", "markdown"))) == list(FILES)[:3]


@pytest.mark.parametrize(
    ("globs", "wanted"),
    [
        (("app",), ["app/router.py", "app/tests/test_router.py"]),
        (("*.py", "!tests"), ["app/router.py"]),
        (("!*.py",), ["docs/guide.md", "main.go"]),
        (("/*.go",), ["main.go"]),
        (("app/**/test_*.py",), ["app/tests/test_router.py"]),
        (("nothing",), []),
        (("app", "!app"), []),
    ],
)
def test_globs_are_those_of_gitignore_and_exclude_behind_a_mark(index, globs, wanted):
    assert paths(passing(index, paths=globs)) == wanted


def test_kinds_pass_what_shows_part_of_such_a_span(index):
    functions = passing(index, kinds=("function",), paths=("app/router.py",))
    assert functions == [("app/router.py", "def add(path):\n    return 1")]
    sections = passing(index, kinds=("section",))
    assert paths(sections) == ["docs/guide.md"]
    assert len(sections) == len(paragraphs(GUIDE))


def test_code_and_docs_stand_for_their_languages_and_kinds_add_up(index):
    assert paths(passing(index, kinds=("docs",))) == ["docs/guide.md"]
    assert paths(passing(index, kinds=("code",))) == ["app/router.py", "app/tests/test_router.py", "main.go"]
    assert paths(passing(index, kinds=("code", "docs"))) == list(FILES)
    both = passing(index, kinds=("docs", "method"), paths=("!tests",))
    assert both[0] == ("app/router.py", ROUTER[ROUTER.index("class") :].strip())
    assert paths(both) == ["app/router.py", "docs/guide.md"]


def test_a_regular_expression_passes_where_it_matches(index):
    assert passing(index, regex=r"^def \w+\(") == [
        ("app/router.py", "def add(path):\n    return 1"),
        ("app/tests/test_router.py", "def add(path):\n    return 1"),
    ]
    across = passing(index, regex=r"return 1\s+class", languages=("python",), paths=("!tests",))
    assert [text[:9] for _, text in across] == ["def add(p", "class Rou"]
    assert passing(index, regex="no such text") == []
    assert len(passing(index, regex="$")) == len(passing(index, regex="(?s).*"))


def test_filters_hold_together(index):
    assert passing(index, languages=("python",), kinds=("class",), regex="find", paths=("!tests",)) == [
        ("app/router.py", ROUTER[ROUTER.index("class") :].strip())
    ]
    assert passing(index, languages=("go",), kinds=("docs",)) == []


def test_a_runaway_expression_is_stopped_and_said_to_be(index, monkeypatch):
    monkeypatch.setattr(filters, "MATCH_SECONDS", 0.05)
    reader, tables = index
    text = "a" * 5000
    monkeypatch.setattr(
        reader, "chunks", lambda ids: {i: Chunk(i, "", "", "", text, 0, 1, 1, 1, 1, (), "") for i in ids}
    )
    masks = make_masks(SearchRequest(query="q", regex="(a|a)*b|(a+)+$"), reader, tables)
    assert masks.timed_out
    assert not masks.regions.any()


def test_an_expression_that_takes_all_memory_is_stopped_and_said_to_be(index, monkeypatch):
    """`regex` raises MemoryError once it remembers a gigabyte of places to go back to."""

    class Greedy:
        def finditer(self, text, timeout):
            raise MemoryError

    monkeypatch.setattr(filters, "compile_expression", lambda _: Greedy())
    assert make_masks(SearchRequest(query="q", regex="x"), *index).timed_out


def test_places_against_a_slow_and_plain_way(index):
    _, tables = index
    rng = random.Random(3)
    for _ in range(200):
        places = []
        for _ in range(rng.randrange(4)):
            position = rng.randrange(tables.n_chunks)
            last = int(tables.regions[tables.region_start[position + 1] - 1, 1])
            start = rng.randrange(last)
            places.append((int(tables.chunk_id[position]), start, rng.randint(start + 1, last)))
        wanted = [
            any(
                chunk_id == tables.chunk_id[c] and region[0] < end and region[1] > start
                for chunk_id, start, end in places
            )
            for c in range(tables.n_chunks)
            for region in tables.regions[tables.region_start[c] : tables.region_start[c + 1]]
        ]
        found = filters._showing(np.array(places, np.int64).reshape(-1, 3), tables)
        assert found.tolist() == wanted


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("abc", 3), ("a{3}", 3), ("(ab){10}c", 21), (r"\{3}", 3), ("[]{}]{3}", 3), ("a{,5}b{2,}", 7),
        ("((a{999}){999}){999}", 999**3), ("((a", 1), ("))", 2), ("", 0),
    ],
)  # fmt: skip
def test_counted_repeats_are_written_out(pattern, want):
    assert n_compiled_parts(pattern) == want
