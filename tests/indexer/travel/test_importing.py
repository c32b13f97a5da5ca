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

import pytest

from indexer.build import build
from indexer.disk.state_place import state_folder
from indexer.doctor import examine
from indexer.errors import CodesearchError, IndexMismatchError, InputError, StorageError
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.settings import STATE_FOLDER, BuildSettings
from indexer.storage.signing import require_key
from indexer.travel.archives import add_file, end_archive, members_of
from indexer.travel.exporting import export_index
from indexer.travel.header import HEADER_NAME, Member, header_bytes, read_header
from indexer.travel.importing import ImportRules, import_archive, import_folder

pytestmark = pytest.mark.usefixtures("one_encoder")

SETTINGS = BuildSettings()
RULES = ImportRules()


@pytest.fixture(scope="module")
def exports(task_queue, tmp_path_factory):
    """The index of a sample, with its texts and without."""
    folder = tmp_path_factory.mktemp("exports")
    export_index(task_queue, folder / "whole.tar.gz", "1.0")
    export_index(task_queue, folder / "vectors.tar", "1.0", with_text=False)
    return folder


@pytest.fixture
def members(exports):
    """The whole export, taken apart: names and contents, the header first."""
    with (exports / "whole.tar.gz").open("rb") as raw:
        return {member.name: b"".join(member.parts()) for member in members_of(raw)}


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
    assert imported.has_placed_text
    assert imported.n_vectors == imported.header.n_encoded == imported.header.n_chunks > 10
    assert first_hits(root) == first_hits(task_queue)
    assert examine(root).findings == ()
    (root / "new.py").write_text("def brand_new():\n    return 'not seen before'\n")
    assert build(root, SETTINGS).n_encoded_chunks == 1
    assert build(root, SETTINGS, rebuild=True).n_encoded_chunks == 0


def test_without_text_nothing_of_the_tree_is_in_it_and_nothing_is_encoded(exports, root, task_queue):
    content = (exports / "vectors.tar").read_bytes()
    words = {path.stem for path in task_queue.rglob("*.py")} - {"__init__"}
    assert len(words) > 5
    assert not [word for word in words if word.encode() in content]
    assert b"millrace" not in content
    imported = take(content, root)
    assert not imported.has_placed_text
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
    assert not imported.has_placed_text
    assert imported.n_vectors == imported.header.n_chunks > own.n_chunks
    assert (state / "manifest.json").read_bytes() == before
    assert len(list((state / "generations").iterdir())) == 1
    assert not (root / STATE_FOLDER).exists()


def test_a_folder_that_an_export_was_unpacked_to(exports, members, root, tmp_path):
    folder = tmp_path / "unpacked"
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert import_folder(folder, root, RULES).has_placed_text
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
    assert take(content, root, ImportRules(trust=True)).has_placed_text
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
