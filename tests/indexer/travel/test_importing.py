"""An export is taken in whole or not at all: what is hostile is refused in a sentence, nothing is written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest

from indexer.build import build
from indexer.disk.state_place import state_folder
from indexer.doctor import examine
from indexer.errors import (
    CodesearchError,
    IndexMismatchError,
    InputError,
    NothingToIndexError,
    StorageError,
)
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import STATE_FOLDER, BuildSettings
from indexer.storage.signing import require_key
from indexer.travel.archives import add_file, end_archive, members_of
from indexer.travel.exporting import export_index
from indexer.travel.header import HEADER_NAME, TEXTS, VECTORS, WORDS, Member, header_bytes, read_header
from indexer.travel.importing import ImportRules, import_archive, import_folder

pytestmark = pytest.mark.usefixtures("one_encoder")

SETTINGS = BuildSettings()
RULES = ImportRules()


@pytest.fixture(scope="module")
def exports(task_queue, tmp_path_factory):
    """The index of a sample, with its texts and without."""
    folder = tmp_path_factory.mktemp("exports")
    export_index(task_queue, folder / "whole.tar.gz", "1.0")
    export_index(task_queue, folder / "words.tar", "1.0", carries=WORDS)
    export_index(task_queue, folder / "vectors.tar", "1.0", carries=VECTORS)
    return folder


def parts_of(file):
    """An export taken apart: names and contents, the header first."""
    with file.open("rb") as raw:
        return {member.name: b"".join(member.parts()) for member in members_of(raw)}


@pytest.fixture
def members(exports):
    """The whole export."""
    return parts_of(exports / "whole.tar.gz")


@pytest.fixture
def root(task_queue, tmp_path):
    """The same tree, checked out once more and without an index."""
    root = tmp_path / "inside" / "clone"
    shutil.copytree(task_queue, root, ignore=shutil.ignore_patterns(STATE_FOLDER))
    return root


def packed(members, *more):
    """An archive of these members; `more` are whole blocks to go before its end."""
    stream = io.BytesIO()
    for name, content in members.items():
        add_file(stream, name, content)
    for block in more:
        stream.write(block)
    end_archive(stream)
    return stream.getvalue()


def signed(members, **changes):
    """The members with a header that tells the truth about them, and is signed with this user's key."""
    rest = {name: content for name, content in members.items() if name != HEADER_NAME}
    header = read_header(members[HEADER_NAME]).header
    files = {name: Member(len(c), hashlib.sha256(c).hexdigest()) for name, c in rest.items()}
    return {HEADER_NAME: header_bytes(replace(header, files=files, **changes)), **rest}


def take(content, root, rules=RULES, **more):
    return import_archive(io.BufferedReader(io.BytesIO(content)), root, rules, **more)


def first_hits(root, query="retry with a delay", **more):
    with Searcher.open(root, **more) as searcher:
        return [(hit.score, hit.start_char) for hit in searcher.search(SearchRequest(query, 5)).hits]


def refused(content, root, sentence, error=InputError, rules=RULES):
    """One sentence, and not a file more or less anywhere."""
    base = root.parents[1]

    def everything():
        return {
            path: path.read_bytes() if path.is_file() and not path.is_symlink() else None
            for path in base.rglob("*")
        }

    before = everything()
    with pytest.raises(error, match=sentence) as caught:
        take(content, root, rules)
    assert "\n" not in str(caught.value)
    assert everything() == before


# --- what is taken in ------------------------------------------------------------------------


def test_an_export_answers_at_once_and_the_next_build_encodes_what_is_new_alone(exports, root, task_queue):
    imported = take((exports / "whole.tar.gz").read_bytes(), root)
    assert imported.has_placed_index
    assert imported.n_vectors == imported.header.n_encoded == imported.header.n_chunks > 10
    assert first_hits(root) == first_hits(task_queue)
    assert examine(root).findings == ()
    (root / "new.py").write_text("def brand_new():\n    return 'not seen before'\n")
    assert build(root, SETTINGS).n_encoded_chunks == 1
    assert build(root, SETTINGS, rebuild=True).n_encoded_chunks == 0


@pytest.fixture
def nowhere(exports, task_queue, tmp_path):
    """A folder without files that has the index without texts."""
    folder = tmp_path / "nowhere" / task_queue.name
    folder.mkdir(parents=True)
    assert take((exports / "words.tar").read_bytes(), folder).has_placed_index
    return folder


def test_without_texts_every_mode_answers_as_with_them_where_no_file_is(nowhere, task_queue):
    modes = (Mode.HYBRID, Mode.LEXICAL, Mode.COLBERT, Mode.SINGLE)
    queries = ("retry with a delay", "Worker stop", "stop", "how are jobs stored")
    with Searcher.open(nowhere) as without, Searcher.open(task_queue) as whole:
        for query, mode in zip(queries, modes, strict=True):
            request = SearchRequest(query, 20, mode)
            hits = without.search(request).hits
            assert hits == whole.search(request).hits
            assert len(hits) > 5
        assert without.outline() == whole.outline()
        filtered = SearchRequest("stop", 20, kinds=("class",), paths=("!tests/",))
        assert without.search(filtered).hits == whole.search(filtered).hits
        assert not without.search(SearchRequest("stop", 5, regex=r".|\n")).hits
        with pytest.raises(InputError, match=r"text of .* is not here"):
            without.similar(without.paths()[0], 1)
    assert examine(nowhere).findings == ()
    with pytest.raises(NothingToIndexError):
        build(nowhere, SETTINGS)
    with Searcher.open(nowhere) as without:
        assert without.n_encoded == without.facts.n_chunks > 10


def test_no_text_travels_but_its_names_and_the_bag_of_words_of_each_region(exports, task_queue, tmp_path):
    content = b"".join(parts_of(exports / "words.tar").values())
    lines = {
        line.strip()
        for path in task_queue.rglob("*.py")
        for line in path.read_bytes().splitlines()
        if line.strip().count(b" ") > 5
    }
    assert len(lines) > 50
    whole = b"".join(parts_of(exports / "whole.tar.gz").values())
    assert sum(line in whole for line in lines) > 50
    assert not [line for line in lines if line in content]
    assert b"millrace/" in content
    database = tmp_path / "index.db"
    database.write_bytes(parts_of(exports / "words.tar")["index.db"])
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE VIRTUAL TABLE temp.places USING fts5vocab(main, lexical_regions, instance)")
        rows = db.execute("SELECT doc, term FROM places WHERE col = 'body' ORDER BY doc, offset").fetchall()
        assert db.execute("SELECT count(*), max(mtime_ns) FROM files").fetchone() == (17, 0)
        assert db.execute("SELECT count(*) FROM skipped").fetchone() == (0,)
    inverted = sum(a > b for (doc, a), (other, b) in pairwise(rows) if doc == other)
    assert inverted < len(rows) / 100  # words are sorted, and stems but for a few


def test_a_passage_is_read_from_the_tree_where_the_file_is_what_was_indexed(exports, root, task_queue):
    changed = root / "millrace" / "backoff.py"
    changed.write_text(changed.read_text() + "# more\n")
    take((exports / "words.tar").read_bytes(), root)
    with Searcher.open(root) as without, Searcher.open(task_queue) as whole:
        request = SearchRequest("retry with a delay", 40)
        for hit in whole.search(request).hits:
            chunk, own = whole.chunk(hit.chunk_id), without.chunk(hit.chunk_id)
            is_here = chunk.path != "millrace/backoff.py"
            assert (own.has_text, own.text == chunk.text) == (is_here, is_here)
            assert len(own.text) == len(chunk.text)
            assert own.text.count("\n") == chunk.text.count("\n")
            assert without.has_text(chunk.path) == is_here
        changed.write_bytes((task_queue / "millrace" / "backoff.py").read_bytes())
        assert without.has_text("millrace/backoff.py")  # it has come back
    changed.write_text("def wait():\n    return 'another file by now'\n")
    report = build(root, SETTINGS)
    assert report.n_encoded_chunks == 1
    with Searcher.open(root) as own:
        assert own.facts.has_text
        assert "another file" in own.file_text("millrace/backoff.py")


def test_an_import_without_texts_makes_room_for_the_next_and_is_exported_without_them(nowhere, exports):
    with pytest.raises(InputError, match="was imported without texts; export it with --no-text"):
        export_index(nowhere, nowhere / "again.tar", "1.0")
    export_index(nowhere, nowhere / "again.tar", "1.0", carries=WORDS)
    again = parts_of(nowhere / "again.tar")
    assert again["index.db"] == parts_of(exports / "words.tar")["index.db"]
    assert take((exports / "whole.tar.gz").read_bytes(), nowhere).has_placed_index
    with Searcher.open(nowhere) as whole:
        assert whole.facts.has_text
    assert not take((exports / "words.tar").read_bytes(), nowhere).has_placed_index


def test_an_index_that_does_not_carry_what_it_says_is_refused(exports, members, root):
    without = parts_of(exports / "words.tar")
    sentence = "its database is not with or without texts as it says"
    refused(packed(signed(members, carries=WORDS)), root, sentence)
    refused(packed(signed(without, carries=TEXTS)), root, sentence)
    for carries in (VECTORS, "everything"):
        refused(packed(signed(members, carries=carries)), root, "no index that `codesearch export` wrote")


def test_of_vectors_alone_nothing_of_the_tree_is_in_it_and_nothing_is_encoded(exports, root, task_queue):
    content = (exports / "vectors.tar").read_bytes()
    words = {path.stem for path in task_queue.rglob("*.py")} - {"__init__"}
    assert len(words) > 5
    assert not [word for word in words if word.encode() in content]
    assert b"millrace" not in content
    imported = take(content, root)
    assert not imported.has_placed_index
    report = build(root, imported.header.settings)
    assert (report.n_encoded_chunks, report.n_chunks) == (0, imported.header.n_chunks)
    assert first_hits(root) == first_hits(task_queue)


def test_an_index_that_is_there_stays_and_gets_the_vectors(exports, root, tmp_path):
    outside = tmp_path / "outside"
    for path in root.rglob("*.py"):
        path.unlink()
    own = build(root, SETTINGS, outside=outside)
    state = state_folder(root, outside)
    before = (state / "manifest.json").read_bytes()
    imported = take((exports / "whole.tar.gz").read_bytes(), root, outside=outside)
    assert not imported.has_placed_index
    assert imported.n_vectors == imported.header.n_chunks > own.n_chunks
    assert (state / "manifest.json").read_bytes() == before
    assert len(list((state / "generations").iterdir())) == 1
    assert not (root / STATE_FOLDER).exists()


def test_a_folder_that_an_export_was_unpacked_to(exports, members, root, tmp_path):
    folder = tmp_path / "unpacked"
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert import_folder(folder, root, RULES).has_placed_index
    shutil.rmtree(root / STATE_FOLDER)
    (tmp_path / "elsewhere").write_bytes(members["index.db"])
    (folder / "index.db").unlink()
    (folder / "index.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="holds no index that `codesearch export` wrote"):
        import_folder(folder, root, RULES)
    with pytest.raises(InputError, match="holds no index that `codesearch export` wrote"):
        import_folder(root, root, RULES)
    assert not (root / STATE_FOLDER).exists()


def test_another_user_s_export_is_taken_in_by_the_person_s_word_alone(exports, root, tmp_path, monkeypatch):
    content = (exports / "whole.tar.gz").read_bytes()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    require_key()
    refused(content, root, "is not signed with your key .* import it with --trust", IndexMismatchError)
    assert take(content, root, ImportRules(trust=True)).has_placed_index
    assert examine(root).findings == ()  # signed with the key of who took it in


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "embeddings/../../x.db", "a\nb"])
def test_a_path_outside(members, root, name):
    refused(packed({**members, name: b"x"}), root, "which it does not name")
    refused(packed(signed({**members, name: b"x"})), root, "no index that `codesearch export` wrote")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_a_link_a_folder_and_a_device(members, root, kind):
    member = tarfile.TarInfo("embeddings/0000.rows")
    member.type, member.linkname = kind, "/etc/passwd"
    refused(packed(members, member.tobuf(tarfile.GNU_FORMAT)), root, "is no plain file")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_that_would_fill_the_memory(members, root, kind):
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 1 << 40
    refused(member.tobuf(tarfile.GNU_FORMAT), root, "is no plain file")


def test_a_bomb(members, root):
    first = signed(members)
    refused(packed(first), root, "and 1,000 are allowed", rules=ImportRules(max_bytes=1000))
    member = tarfile.TarInfo(HEADER_NAME)
    member.size = 1 << 40
    refused(member.tobuf(tarfile.GNU_FORMAT), root, "no index that `codesearch export` wrote")
    grown = {**first, "index.db": first["index.db"] + b"\0" * 4096}
    refused(packed(grown), root, "has another size than it says")
    own = read_header(first[HEADER_NAME]).header
    files = {**own.files, "index.db": replace(own.files["index.db"], n_bytes=1 << 45)}
    content = packed({HEADER_NAME: header_bytes(replace(own, files=files))})
    refused(content, root, "left; free some space", StorageError, ImportRules(max_bytes=1 << 50))


def test_wrong_hashes_a_wrong_signature_and_files_that_lack_or_come_twice(members, root):
    changed = bytearray(members["embeddings/0000.rows"])
    changed[100] ^= 1
    refused(packed({**members, "embeddings/0000.rows": bytes(changed)}), root, "is not what was exported")
    header = json.loads(members[HEADER_NAME])
    header["files"]["index.db"]["sha256"] = "0" * 64
    unsigned = {**members, HEADER_NAME: json.dumps(header).encode()}
    refused(packed(unsigned), root, "is not signed with your key", IndexMismatchError)
    lacking = {name: content for name, content in members.items() if name != "index.db"}
    refused(packed(lacking), root, "it lacks index.db")
    stream = io.BytesIO()
    add_file(stream, "index.db", b"again")
    refused(packed(members, stream.getvalue()), root, "which it does not name")


def test_cut_short_anywhere(exports, root):
    content = (exports / "whole.tar.gz").read_bytes()
    for length in (0, 1, 10, 600, len(content) // 2, len(content) - 20):
        refused(content[:length], root, "damaged or incomplete")
    plain = (exports / "vectors.tar").read_bytes()
    for length in (100, 512, 5000, len(plain) - 1024):
        refused(plain[:length], root, "damaged or incomplete")


def test_another_version_another_model_and_no_export_at_all(members, root):
    value = json.loads(members[HEADER_NAME])
    for older in (value | {"schema": 0}, value | {"manifest": value["manifest"] | {"format_version": 3}}):
        refused(packed({**members, HEADER_NAME: json.dumps(older).encode()}), root, "by another version")
    manifest = read_header(members[HEADER_NAME]).header.manifest
    other = signed(members, manifest=replace(manifest, model_fingerprint="0" * 64))
    refused(packed(other), root, "another version of the model", IndexMismatchError)
    gone = signed(members, manifest=replace(manifest, model="nobody/nothing"))
    refused(packed(gone), root, "is not on this machine", CodesearchError)
    refused(packed({"README": b"hello"}), root, "no index that `codesearch export` wrote")
    for broken in (b"[]", b"{}", b"\xff", b'{"signature": 1, "schema": 1, "manifest": 3}'):
        refused(packed({**members, HEADER_NAME: broken}), root, "no index that `codesearch export` wrote")


def test_a_database_with_a_trigger_or_with_paths_outside(members, root, tmp_path):
    for sql, sentence in (
        ("CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END", "other tables than an index"),
        ("UPDATE files SET path = '../../secret' WHERE file_id = 1", "outside its tree"),
        ("PRAGMA user_version = 99", "other tables than an index"),
        ("UPDATE chunks SET end_char = end_char + 1 WHERE chunk_id = 1", "do not cover their files"),
    ):
        file = tmp_path / "index.db"
        file.write_bytes(members["index.db"])
        with closing(sqlite3.connect(file)) as db:
            db.execute(sql)
            db.commit()
        content = file.read_bytes()
        file.unlink()
        refused(packed(signed({**members, "index.db": content})), root, sentence)
    damaged = bytearray(members["index.db"])
    damaged[4096:8192] = os.urandom(4096)
    refused(packed(signed({**members, "index.db": bytes(damaged)})), root, "its database")


def test_an_index_of_another_model_is_not_added_to(exports, root):
    build(root, BuildSettings(max_tokens=300))
    refused(
        (exports / "whole.tar.gz").read_bytes(), root, "was built with max_tokens 300", IndexMismatchError
    )
