"""A large data file costs the model a bounded part, and words find all of it."""

from __future__ import annotations

import pytest

from codesearch.render.status import skipped_text, status_dict, status_text
from indexer.build import build
from indexer.doctor import examine
from indexer.path_roles import is_data
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings, WalkSettings

pytestmark = pytest.mark.usefixtures("one_encoder")

BOUND = 2048
SETTINGS = BuildSettings(
    max_tokens=1024, data_file_tokens=BOUND, walk=WalkSettings(max_file_bytes=10_000_000)
)
CODE = "def lamp():\n    return 'burns'\n"


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    words = ",".join(["temperature measurement station", "northern harbour weather", "information"] * 4)
    (root / "weather.csv").write_text(
        "".join(f"{n},{words}\n" for n in range(7_500)) + "zugspitze,-12.5,blizzard\n"
    )
    assert (root / "weather.csv").stat().st_size > 2_000_000
    (root / "lamp.py").write_text(CODE)
    return root


def test_a_large_csv_is_found_by_its_words_and_encoded_within_the_bound(tree):
    report = build(tree, SETTINGS)
    assert report.n_tokens > 50 * BOUND
    assert BOUND / 2 < report.n_encoded_tokens < BOUND + 100  # lamp.py has a few
    with Searcher.open(tree) as searcher:
        for mode in (Mode.LEXICAL, Mode.HYBRID):
            request = SearchRequest("zugspitze blizzard", mode=mode, encode_seconds=60)
            result = searcher.search(request)
            first = searcher.chunk(result.hits[0].chunk_id)
            assert (first.path, "zugspitze" in first.text, result.missing) == ("weather.csv", True, None)
        assert searcher.n_encoded == report.n_chunks
        # Asking for the last line encoded nothing.
        assert int(searcher.generation.tables.has_vectors.sum()) == report.n_encoded_chunks
        status = searcher.status()
    n_without = report.n_chunks - report.n_encoded_chunks
    assert (status.n_words_only, status_dict(status)["words_only"]) == (n_without, n_without)
    assert f"all chunks but {n_without:,} at the end of 1 large data file, which words find" in status_text(
        status
    )
    assert "weather.csv\twords-only\tdata: words find all of it, the first " in skipped_text(status)
    assert examine(tree).is_sound
    assert build(tree, SETTINGS).n_encoded_chunks == 0


def test_another_bound_is_another_index(tree):
    (tree / "weather.csv").write_text("".join(f"{n},station {n}\n" for n in range(2_000)))
    n_first = build(tree, SETTINGS).n_encoded_chunks
    wider = BuildSettings(max_tokens=1024, data_file_tokens=1_000_000, walk=SETTINGS.walk)
    report = build(tree, wider)
    assert report.n_encoded_chunks == report.n_chunks - n_first > 0
    assert build(tree, wider).n_encoded_chunks == 0
    with Searcher.open(tree) as searcher:
        assert (searcher.status().n_words_only, searcher.settings.data_file_tokens) == (0, 1_000_000)


def test_code_and_prose_of_the_same_size_are_encoded_whole(tree):
    lines = "".join(f"lamp {n} burns in the harbour\n" for n in range(1_000))
    (tree / "weather.csv").unlink()
    (tree / "log.txt").write_text(lines)
    (tree / "lamp.py").write_text("".join(f"def lamp_{n}():\n    return {n}\n" for n in range(400)))
    report = build(tree, SETTINGS)
    assert report.n_encoded_chunks == report.n_chunks > 5


@pytest.mark.parametrize(
    ("path", "language", "is_one"),
    [
        ("a/package.json", "json", True),
        ("server.log", "text", True),
        ("events.JSONL", "text", True),
        ("minutes.txt", "text", False),
        ("LICENSE", "text", False),
        ("a.py", "python", False),
        ("style.css", "css", False),
        ("README.md", "markdown", False),
    ],
)
def test_what_is_data(path, language, is_one):
    assert is_data(path, language) is is_one
