"""The write path, end to end with the bundled model on tiny trees."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing

import numpy as np
import pytest

from indexer import build as build_module
from indexer.build import awaited, build
from indexer.disk.state_place import state_folder
from indexer.encoders import loading
from indexer.errors import (
    BuildInterruptedError,
    IndexMismatchError,
    InputError,
    NothingToIndexError,
    StorageError,
)
from indexer.reading import redact as redact_module
from indexer.reading import secret_rules
from indexer.records import BuildProgress, Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings, WalkSettings
from indexer.storage.database import StoreReader
from indexer.storage.full_text import REGIONS, SYMBOLS
from indexer.storage.generations import DATABASE, generation_folder, generation_names
from indexer.storage.manifest import read_manifest
from indexer.storage.mapped_tables import load_tables

pytestmark = pytest.mark.usefixtures("one_encoder")

SETTINGS = BuildSettings()
SMALL = BuildSettings(max_tokens=120)
FILES = {
    "app/lamp.py": "class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n",
    "app/clock.py": "def strike(hour):\n    '''Ring the bell once an hour.'''\n    return ['dong'] * hour\n",
    "notes.md": "# Lighthouse\n\nKeep the lamp burning at night.\n\n## Fog\n\nSound the horn.\n",
    "docs/größe.txt": "Wörter mit Umlauten, 😀 und\r\nZeilenenden.\n",
}
LONG_AGO = 1_600_000_000_000_000_000
QUERIES = ("lamp", "ring the bell", "fog horn", "Umlaute")


def put(root, files, mtime_ns=LONG_AGO):
    """Write files as if long ago, so that their figures can be trusted."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(file, ns=(mtime_ns, mtime_ns))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "lighthouse"
    put(root, FILES)
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory, one_encoder):
    """The tree above with its index; to be copied, not changed."""
    root = tmp_path_factory.mktemp("built") / "lighthouse"
    put(root, FILES)
    return root, build(root, SETTINGS)


@pytest.fixture
def indexed(built, tmp_path):
    """A tree and its index, to be changed."""
    root = tmp_path / "lighthouse"
    shutil.copytree(built[0], root)
    return root


def hits(root, queries=QUERIES, mode=Mode.HYBRID, k=5):
    """(path, text, score) of every hit of every query."""
    found = []
    with Searcher.open(root) as searcher:
        for query in queries:
            for hit in searcher.search(SearchRequest(query=query, k=k, mode=mode)).hits:
                chunk = searcher.chunk(hit.chunk_id)
                text = searcher.file_text(chunk.path)[hit.start_char : hit.end_char]
                found.append((query, chunk.path, text, hit.score))
    return found


def live_folder(root):
    state = state_folder(root)
    return generation_folder(state, read_manifest(state).generation)


def content(root):
    """All that an index holds but ids, times and the order in which files came."""
    reader = StoreReader(live_folder(root) / DATABASE)
    with closing(reader):
        chunks = reader.query(
            "SELECT path, language, sha256, text, header, start_char, end_char, start_line, end_line,"
            " n_tokens, embedding_key FROM chunks JOIN files USING (file_id) ORDER BY path, start_char"
        )
        spans = reader.query(
            "SELECT path, kind, name, leaf, spans.start_char, spans.end_char, spans.start_line,"
            " spans.end_line FROM spans JOIN chunks USING (chunk_id) JOIN files USING (file_id)"
            " ORDER BY path, spans.start_char, span_id"
        )
        terms = reader.query(f"SELECT term, doc, cnt FROM {REGIONS}_terms ORDER BY term")
        return chunks, spans, terms, sorted(row.file.path for row in reader.skipped().values())


def check_full_text(root):
    """FTS5's own check, and as many rows as the index has regions and symbols."""
    copy = root.parent / "checked.db"
    shutil.copyfile(live_folder(root) / DATABASE, copy)
    with closing(sqlite3.connect(copy)) as db:
        for table in (REGIONS, SYMBOLS):
            db.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
        n_regions = len(load_tables(live_folder(root)).regions)
        assert db.execute(f"SELECT count(*) FROM {REGIONS}_docsize").fetchone() == (n_regions,)
        (n_spans,) = db.execute("SELECT count(*) FROM spans").fetchone()
        assert db.execute(f"SELECT count(*) FROM {SYMBOLS}_docsize").fetchone() == (n_spans,)


def test_a_build_says_what_it_did(built):
    root, report = built
    assert (report.n_files, report.n_chunks, report.n_skipped) == (4, 4, 0)
    assert report.n_encoded_chunks == report.n_chunks
    assert report.n_encoded_tokens == report.n_tokens > 60
    assert report.n_spans == 6 - 1  # Lamp, ignite, strike, Lighthouse, Fog
    with Searcher.open(root) as searcher:
        status = searcher.status()
    assert (status.n_files, status.n_tokens, status.languages["python"]) == (4, report.n_tokens, 2)
    assert not status.stale
    assert hits(root, ["fog horn"])[0][1] == "notes.md"
    assert hits(root, ["ring the bell"])[0][1] == "app/clock.py"


def test_the_same_tree_twice_gives_the_same_index(built, tree):
    root, report = built
    again = build(tree, SETTINGS)
    assert (again.n_tokens, again.n_spans) == (report.n_tokens, report.n_spans)
    assert content(root) == content(tree)
    one, other = live_folder(root), live_folder(tree)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file() and p.name != DATABASE)
    assert [f.name for f in files][:3] == ["chunks.npy", "postings.npy", "regions.npy"]
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    for name in ("0000.single", "0000.rows"):
        segments = [state_folder(r) / "embeddings" / name for r in (root, tree)]
        assert segments[0].read_bytes() == segments[1].read_bytes()
    for mode in Mode:
        assert hits(root, mode=mode) == hits(tree, mode=mode)


def test_chunks_tile_their_files_and_regions_their_chunks(tmp_path):
    root = tmp_path / "tree"
    long = "".join(f"def step_{i}(value):\n    return value + {i}  # größer 😀\n\n" for i in range(40))
    put(root, {**FILES, "long.py": long, "crlf.py": long.replace("\n", "\r\n"), "flat.txt": "word " * 900})
    report = build(root, SMALL)
    assert report.n_chunks > 25
    with Searcher.open(root) as searcher:
        tables = load_tables(live_folder(root))
        for path in searcher.paths():
            chunks = searcher.generation.store.file_chunks(path)
            text = searcher.file_text(path)
            assert "".join(chunk.text for chunk in chunks) == text
            assert text.encode() == (root / path).read_bytes()
            for chunk in chunks:
                assert chunk.n_tokens <= 120
                (position,) = tables.position(np.array([chunk.chunk_id]))
                regions = tables.regions[tables.region_start[position] : tables.region_start[position + 1]]
                assert regions[0, 0] == 0
                assert regions[-1, 1] == len(chunk.text)
                assert (regions[1:, 0] == regions[:-1, 1]).all()
                assert tables.n_header_rows[position] <= regions[0, 2]
                assert (np.diff(regions[:, 2]) >= 0).all()
                assert regions[-1, 2] == tables.n_rows[position]
    check_full_text(root)


def test_progress_goes_forward_through_the_stages(tree, monkeypatch):
    monkeypatch.setattr("indexer.disk.write_lock.NOTE_SECONDS", 0.0)
    events, elsewhere = [], []

    def hear(event):
        events.append(event)
        if event.stage == "read":
            elsewhere.append(awaited(tree))

    build(tree, SETTINGS, hear)
    read = [(event.done, event.total) for event in events if event.stage == "read"]
    assert [(each.stage, each.done, each.total) for each in elsewhere] == [("wait", *each) for each in read]
    assert awaited(tree) == BuildProgress("wait", 0, 0, 0.0)
    assert list(dict.fromkeys(event.stage for event in events)) == ["walk", "read", "encode", "write"]
    assert all(event.done <= event.total for event in events)
    seconds = [event.elapsed_seconds for event in events]
    assert seconds == sorted(seconds)
    tokens = [event.n_tokens for event in events]
    assert tokens == sorted(tokens)
    assert (events[-1].done, events[-1].total, tokens[-1] > 60) == (1, 1, True)


def test_the_model_of_a_small_tree_is_loaded_while_its_files_are_read(tree, monkeypatch):
    loads = threading.Event()
    load, write = loading.load_encoder, build_module._Build._write_words

    def load_noted(*given):
        loads.set()
        return load(*given)

    def writing(run, *given):
        assert loads.wait(60)
        return write(run, *given)

    monkeypatch.setattr(loading, "_loading", {})  # a search that needed no vectors leaves its model there
    monkeypatch.setattr(loading, "load_encoder", load_noted)
    monkeypatch.setattr(build_module._Build, "_write_words", writing)
    assert build(tree, SETTINGS).n_encoded_chunks


@pytest.mark.parametrize(("name", "expected"), [("more.py", 1), ("more.txt", 0)])
def test_a_process_for_grammars_is_started_ahead_where_a_new_file_has_one(tree, monkeypatch, name, expected):
    build(tree, SETTINGS)
    started = []
    monkeypatch.setattr("indexer.ingest.prepare.start_ahead", lambda: started.append(1))
    (tree / name).write_text("def more():\n    pass\n")
    build(tree, SETTINGS, encode=False)
    assert len(started) == expected


def test_the_commit_is_recorded(tree):
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q", "-b", "trunk"], ["add", "."], [*author, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=tree, check=True, capture_output=True)
    build(tree, SETTINGS)
    with Searcher.open(tree) as searcher:
        assert (len(searcher.status().commit), searcher.status().branch) == (40, "trunk")


def test_an_unchanged_tree_encodes_nothing_and_writes_nothing(indexed):
    before, generation = hits(indexed), live_folder(indexed)
    report = build(indexed, SETTINGS)
    assert (report.n_encoded_chunks, report.n_encoded_tokens, report.n_files) == (0, 0, 4)
    assert live_folder(indexed) == generation
    assert hits(indexed) == before


def test_a_touched_file_encodes_nothing(indexed):
    put(indexed, {"app/lamp.py": FILES["app/lamp.py"]}, LONG_AGO + 5)
    assert build(indexed, SETTINGS).n_encoded_chunks == 0
    generation = live_folder(indexed)
    assert build(indexed, SETTINGS).n_encoded_chunks == 0
    assert live_folder(indexed) == generation


def test_a_changed_file_encodes_its_chunks_alone(indexed):
    put(indexed, {"app/lamp.py": "def extinguish():\n    return 'the wick is trimmed'\n"}, LONG_AGO + 5)
    report = build(indexed, SETTINGS)
    assert (report.n_encoded_chunks, report.n_files) == (1, 4)
    assert hits(indexed, ["trim the wick"])[0][1] == "app/lamp.py"
    assert not [hit for hit in hits(indexed, ["ignite"], Mode.LEXICAL) if "ignite" in hit[2]]
    check_full_text(indexed)


def test_a_rename_encodes_nothing(indexed):
    (indexed / "app/lamp.py").rename(indexed / "beacon.py")
    report = build(indexed, SETTINGS)
    assert (report.n_encoded_chunks, report.n_files) == (0, 4)
    assert {path for _, path, _, _ in hits(indexed)} >= {"beacon.py"}
    assert "app/lamp.py" not in {path for _, path, _, _ in hits(indexed)}
    assert [path for _, path, _, _ in hits(indexed, ["beacon"], Mode.LEXICAL)] == ["beacon.py"]
    check_full_text(indexed)


def test_a_deleted_file_is_gone(indexed):
    (indexed / "app/clock.py").unlink()
    report = build(indexed, SETTINGS)
    assert (report.n_encoded_chunks, report.n_files) == (0, 3)
    with Searcher.open(indexed) as searcher:
        assert "app/clock.py" not in searcher.paths()
        assert not searcher.outline("app/clock.py")
    assert not [hit for hit in hits(indexed, k=50) if hit[1] == "app/clock.py"]
    check_full_text(indexed)


def test_what_was_encoded_once_is_not_encoded_again(indexed):
    old = FILES["app/clock.py"]
    put(indexed, {"app/clock.py": "def tick():\n    return 1\n"}, LONG_AGO + 5)
    assert build(indexed, SETTINGS).n_encoded_chunks == 1
    put(indexed, {"app/clock.py": old, "copy/of_clock.py": old}, LONG_AGO + 6)
    assert build(indexed, SETTINGS).n_encoded_chunks == 0
    assert {hit[1] for hit in hits(indexed, ["ring the bell"], k=2)} == {"app/clock.py", "copy/of_clock.py"}


def test_files_of_equal_content_are_encoded_once(tmp_path):
    root = tmp_path / "tree"
    put(root, {f"{name}.py": FILES["app/lamp.py"] for name in "abc"})
    report = build(root, SETTINGS)
    assert (report.n_chunks, report.n_encoded_chunks) == (3, 1)
    assert {hit[1] for hit in hits(root, ["lamp"])} == {"a.py", "b.py", "c.py"}


def test_a_rebuild_uses_what_is_stored(indexed):
    before = hits(indexed)
    assert build(indexed, SETTINGS, rebuild=True).n_encoded_chunks == 0
    assert hits(indexed) == before


def test_an_updated_index_is_what_a_fresh_one_would_be(tmp_path):
    """Random additions, changes, renames and deletions, each followed by an update."""
    rng = random.Random(11)
    root, fresh = tmp_path / "updated" / "tree", tmp_path / "fresh" / "tree"
    put(root, FILES)
    words = "lamp horn bell fog keeper night stairs glass 😀 größe getUserName".split()

    def text():
        lines = [f"def {rng.choice(words[:8])}_{rng.randrange(9)}(x):\n    return '{rng.choice(words)}'\n\n"]
        return "".join(lines * rng.randrange(1, 12))

    for step in range(5):
        for _ in range(rng.randrange(1, 4)):
            present = sorted(p for p in root.rglob("*.*") if p.is_file() and ".codesearch" not in p.parts)
            chosen = rng.choice(present)
            match rng.choice(("add", "add", "change", "rename", "delete")):
                case "delete" if len(present) > 2:
                    chosen.unlink()
                case "rename":
                    chosen.rename(chosen.with_name(f"renamed_{step}_{rng.randrange(99)}{chosen.suffix}"))
                case "change":
                    put(root, {str(chosen.relative_to(root)): text()}, LONG_AGO + step)
                case _:
                    put(root, {f"new/{step}_{rng.randrange(99)}.py": text()}, LONG_AGO + step)
        build(root, SMALL)
        check_full_text(root)
    shutil.copytree(root, fresh, ignore=shutil.ignore_patterns(".codesearch"))
    build(fresh, SMALL)
    assert content(root) == content(fresh)
    assert hits(root, mode=Mode.LEXICAL, k=3) == hits(fresh, mode=Mode.LEXICAL, k=3)


def test_an_open_index_answers_as_before_while_another_build_replaces_it(indexed):
    with Searcher.open(indexed) as before:
        put(indexed, {"app/lamp.py": "def extinguish():\n    return 'the wick'\n"}, LONG_AGO + 5)
        build(indexed, SETTINGS)
        assert len(generation_names(state_folder(indexed))) == 2
        for mode in Mode:
            found = before.search(SearchRequest(query="Lamp ignite", k=1, mode=mode)).hits
            assert "ignite" in before.chunk(found[0].chunk_id).text
    put(indexed, {"app/clock.py": "def tick():\n    return 2\n"}, LONG_AGO + 5)
    build(indexed, SETTINGS)
    assert len(generation_names(state_folder(indexed))) == 1


def test_what_is_skipped_is_listed_with_its_reason(tree):
    put(tree, {"noise.dat": b"\0\1", "photo.txt": b"\0\1\2", "empty.py": "", "blank.py": " \n\n"})
    report = build(tree, SETTINGS)
    with Searcher.open(tree) as searcher:
        reasons = {skip.path: skip.reason for skip in searcher.status().skipped}
    assert reasons == {"noise.dat": "binary", "photo.txt": "binary", "empty.py": "empty", "blank.py": "empty"}
    assert report.n_skipped == 4
    assert build(tree, SETTINGS).n_skipped == 4
    put(tree, {"photo.txt": "no photo but a caption\n"}, LONG_AGO + 5)
    report = build(tree, SETTINGS)
    assert (report.n_skipped, report.n_files, report.n_encoded_chunks) == (3, 5, 1)


def test_other_walk_settings_read_what_they_newly_allow(indexed):
    put(indexed, {".hidden.py": "secret_lamp = 1\n", "made.py": "# @generated\nmade_lamp = 2\n"})
    assert build(indexed, SETTINGS).n_files == 4
    everything = BuildSettings(walk=WalkSettings(include_hidden=True, include_generated=True))
    report = build(indexed, everything)
    assert (report.n_files, report.n_encoded_chunks) == (6, 2)
    with Searcher.open(indexed) as searcher:
        assert not searcher.freshness(60.0)
    assert build(indexed, SETTINGS).n_files == 4


def test_bad_paths_are_refused_in_one_sentence(tree, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        build(tmp_path / "nowhere", SETTINGS)
    with pytest.raises(InputError, match="is a file; give the folder"):
        build(tree / "notes.md", SETTINGS)


def test_a_tree_without_text_says_why(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToIndexError, match="holds no files"):
        build(tmp_path / "empty", SETTINGS)
    put(tmp_path / "noise", {"a.bin": b"\0", "b.txt": b"\0\1"})
    with pytest.raises(NothingToIndexError, match=r"skipped: 2 binary"):
        build(tmp_path / "noise", SETTINGS)


def test_other_settings_are_refused_by_name_until_a_rebuild(indexed):
    with pytest.raises(IndexMismatchError, match="built with max_tokens 8192, now it is 120"):
        build(indexed, SMALL)
    build(indexed, SMALL, rebuild=True)
    with Searcher.open(indexed) as searcher:
        assert searcher.status().settings["max_tokens"] == "120"


def fail_with(error):
    def fail(*arguments, **options):
        raise error

    return fail


@pytest.mark.parametrize(
    ("where", "error", "expected"),
    [
        ("save_tables", OSError(28, "No space left on device"), StorageError),
        ("publish", KeyboardInterrupt(), BuildInterruptedError),
        ("make_tables", RuntimeError("a bug"), RuntimeError),
    ],
)
def test_a_build_that_fails_leaves_the_index_that_was_there(indexed, monkeypatch, where, error, expected):
    before, generation = hits(indexed), live_folder(indexed)
    put(indexed, {"app/lamp.py": "def extinguish():\n    return 'the wick is out'\n"}, LONG_AGO + 5)
    monkeypatch.setattr(build_module, where, fail_with(error))
    with pytest.raises(expected):
        build(indexed, SETTINGS)
    assert hits(indexed) == before
    assert generation_names(state_folder(indexed)) == [generation.name]
    monkeypatch.undo()
    report = build(indexed, SETTINGS)
    assert report.n_encoded_chunks == 0  # the failed build's vectors were kept
    assert hits(indexed, ["wick"])[0][1] == "app/lamp.py"


def test_a_new_rule_for_credentials_reaches_an_index_that_is_there(indexed, monkeypatch):
    """Read anew, and only what is another text now is encoded again."""
    secret = "zq" + "live" + "9f8e7d6c5b4a3f2e"
    put(indexed, {"app/pay.py": f"def pay():\n    return use({secret!r})\n"})
    build(indexed, SETTINGS)
    rule = secret_rules._rule("a new kind", "zqlive", r"zqlive[0-9a-f]{16}")
    monkeypatch.setattr(redact_module, "RULES", (*redact_module.RULES, rule))
    monkeypatch.setattr(redact_module, "_CASED", redact_module.Literals(rule.literals))
    report = build(indexed, SETTINGS)
    assert report.n_encoded_chunks == 1
    with Searcher.open(indexed) as searcher:
        text = searcher.file_text("app/pay.py")
    assert secret not in text
    assert "******" in text
    assert build(indexed, SETTINGS).n_encoded_chunks == 0
