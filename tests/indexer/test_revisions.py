"""Commits that nobody has checked out are indexed and asked; what two share is encoded once."""

from __future__ import annotations

import shutil

import pytest

from indexer.build import build
from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.doctor import examine, repair
from indexer.errors import IndexBusyError, IndexMissingError, InputError
from indexer.records import SearchRequest
from indexer.revisions import (
    RevisionSearcher,
    changed_since,
    find_root_with_revisions,
    forget_revision,
    index_revision,
    indexed_revisions,
    moved_on,
    place_of_revision,
)
from indexer.search import Searcher
from indexer.settings import STATE_FOLDER, BuildSettings, WalkSettings
from tests.git_command import git

pytestmark = pytest.mark.usefixtures("one_encoder", "own_git_settings")

SETTINGS = BuildSettings()
FILES = {
    "lamp.py": "class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n",
    "clock.py": "def strike(hour):\n    return ['dong'] * hour\n",
    ".gitignore": "*.log\n",
    "kept.log": "tracked although it is ignored\n",
}


@pytest.fixture
def repository(tmp_path):
    """v1, and v2 with one file more and one changed; the tree is at v2, and not indexed."""
    root = tmp_path / "repository"
    root.mkdir()
    for path, text in FILES.items():
        (root / path).write_text(text)
    git(root, "init", "-q", "-b", "trunk")
    git(root, "add", "-f", ".")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "v1")
    (root / "horn.py").write_text("def sound(fog):\n    return 'tuut' * fog\n")
    (root / "clock.py").write_text("def strike(hour):\n    return ['dong', 'dang'] * hour\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "second")
    git(root, "tag", "v2")
    return root


def hits(searcher, query="fog horn sound", **more):
    return [
        searcher.chunk(hit.chunk_id).path for hit in searcher.search(SearchRequest(query, 5, **more)).hits
    ]


def outside_of_the_state(root):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file() and STATE_FOLDER not in path.parts
    }


def test_each_revision_answers_as_it_was_and_shares_what_it_can(repository):
    before = outside_of_the_state(repository)
    assert index_revision(repository, "v1").n_encoded_chunks == 3
    assert index_revision(repository, "v2").n_encoded_chunks == 2
    assert index_revision(repository, "v2").n_encoded_chunks == 0
    assert outside_of_the_state(repository) == before
    assert build(repository, SETTINGS).n_encoded_chunks == 0
    with RevisionSearcher.open_revision(repository, "v1") as first:
        assert "horn.py@v1" not in hits(first)
        assert sorted(first.paths()) == ["clock.py", "kept.log", "lamp.py"]
        assert first.file_text("clock.py@v1") == first.file_text("clock.py") == FILES["clock.py"]
        assert not first.freshness()
        assert not first.stale_among(["clock.py"])
    with RevisionSearcher.open_revision(repository, "v2") as second, Searcher.open(repository) as tree:
        assert hits(second) == [f"{path}@v2" for path in hits(tree)]
        assert hits(second)[0] == "horn.py@v2"
    assert [(r.name, r.n_files) for r in indexed_revisions(repository)] == [("v1", 3), ("v2", 4)]


def test_a_revision_takes_over_what_searches_have_encoded(repository, monkeypatch):
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 0)  # only what words name is encoded
    build(repository, SETTINGS, encode=False)
    with Searcher.open(repository) as searcher:
        searcher.search(SearchRequest("ignite the lamp", encode_seconds=60.0))
        assert searcher.n_encoded == 1
    assert index_revision(repository, "v1").n_encoded_chunks == 2
    with RevisionSearcher.open_revision(repository, "v1") as first:
        assert hits(first, "ignite the lamp")[0] == "lamp.py@v1"


def test_a_revision_that_was_only_begun_does_not_answer_as_what_it_began_from(repository, monkeypatch):
    build(repository, SETTINGS)

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("indexer.revisions.shutil.rmtree", lambda *_, **__: None)  # as after a kill
        patch.setattr("indexer.revisions.build", stop)
        for name in ("v1", "trunk"):
            with pytest.raises(KeyboardInterrupt):
                index_revision(repository, name)
    assert indexed_revisions(repository) == ()
    with pytest.raises(IndexMissingError, match="'v1' is not indexed"):
        RevisionSearcher.open_revision(repository, "v1")
    place = place_of_revision(repository, "v1")
    with write_lock(state_folder(repository, place)), pytest.raises(IndexBusyError):
        index_revision(repository, "v1")
    assert place.is_dir()  # it may be another process that is at it
    assert index_revision(repository, "v1").n_encoded_chunks == 1
    with RevisionSearcher.open_revision(repository, "v1") as first:
        assert "horn.py@v1" not in first.paths()
    assert [revision.name for revision in indexed_revisions(repository)] == ["v1"]


def test_what_one_index_does_to_its_files_no_other_sees(repository):
    build(repository, SETTINGS)
    index_revision(repository, "v1")
    for number in range(
        3
    ):  # each build of the tree, and of the revision, adds vectors and drops a generation
        (repository / "lamp.py").write_text(f"def lamp_{number}():\n    return {number}\n")
        assert build(repository, SETTINGS).n_encoded_chunks == 1
        git(repository, "commit", "-qam", "more")
        index_revision(repository, "HEAD")
        with RevisionSearcher.open_revision(repository, "v1") as first:
            assert "lamp.py@v1" in hits(first, "the lamp burns")
    assert build(repository, SETTINGS, rebuild=True).n_encoded_chunks == 0
    assert examine(repository).findings == ()
    for name in ("v1", "HEAD"):
        forget_revision(repository, name)
    assert examine(repository).findings == ()
    with Searcher.open(repository) as tree:
        assert "lamp.py" in hits(tree, "lamp_2")


def test_a_branch_moves_on_and_keeps_what_it_had(repository):
    index_revision(repository, "trunk")
    commit = indexed_revisions(repository)[0].commit
    assert not moved_on(repository, "trunk", commit)
    (repository / "bell.py").write_text("def ring():\n    return 'a bell'\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "third")
    assert moved_on(repository, "trunk", commit)
    assert index_revision(repository, "trunk").n_encoded_chunks == 1
    with RevisionSearcher.open_revision(repository, "HEAD") as searcher:  # the same commit by another name
        assert "bell.py@trunk" in hits(searcher, "ring a bell")


def test_files_that_differ(repository):
    build(repository, SETTINGS)
    index_revision(repository, "v2")
    with Searcher.open(repository) as tree:
        assert changed_since(tree, "v2") == frozenset()
        assert changed_since(tree, "v1") == {"horn.py", "clock.py"}
        (repository / "lamp.py").write_text(FILES["lamp.py"].replace("burns", "burnt"))
        assert changed_since(tree, "v2") == {"lamp.py"}
        assert hits(tree, "lamp", files=("clock.py",)) == ["clock.py"]
        assert hits(tree, "lamp", files=()) == []
    with RevisionSearcher.open_revision(repository, "v2") as second:
        assert changed_since(second, "v1") == {"horn.py", "clock.py"}


def test_a_folder_of_a_repository_an_index_outside_and_a_bare_repository(repository, tmp_path):
    (repository / "inner").mkdir()
    (repository / "inner" / "deep.py").write_text("def deep():\n    return 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "inner")
    outside = tmp_path / "outside"
    assert index_revision(repository / "inner", "HEAD", outside=outside).n_files == 1
    assert not (repository / "inner" / STATE_FOLDER).exists()
    with RevisionSearcher.open_revision(repository / "inner", "HEAD", outside) as searcher:
        assert hits(searcher, "deep") == ["deep.py@HEAD"]
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert index_revision(tmp_path / "bare.git", "v1", others=[repository]).n_files == 3
    assert find_root_with_revisions(tmp_path / "bare.git" / "objects") == tmp_path / "bare.git"


def test_revisions_go_along_with_a_folder_that_is_renamed(repository, tmp_path):
    index_revision(repository, "v1")
    moved = repository.rename(tmp_path / "moved")
    assert [revision.name for revision in indexed_revisions(moved)] == ["v1"]
    with RevisionSearcher.open_revision(moved, "v1") as searcher:
        assert hits(searcher, "lamp")
    # A move that was cut short before the folder's new path was written down.
    (root_file,) = moved.glob(f"{STATE_FOLDER}/revisions/v1/*/root")
    root_file.write_bytes(b"/elsewhere")
    assert [revision.name for revision in indexed_revisions(moved)] == ["v1"]
    assert index_revision(moved, "v1").n_encoded_chunks == 0
    assert len(list(moved.glob(f"{STATE_FOLDER}/revisions/v1/*/"))) == 1


def test_an_examination_looks_at_revisions_too_and_a_repair_keeps_the_tree_s_index(repository):
    build(repository, SETTINGS)
    index_revision(repository, "v1")
    assert examine(repository).findings == ()
    (vectors,) = repository.glob(f"{STATE_FOLDER}/revisions/v1/*/generations/*/chunks.npy")
    content = vectors.read_bytes()
    vectors.unlink()  # it may be the same file as the tree's
    vectors.write_bytes(content[:-8])
    vectors.chmod(0o600)
    live = (repository / STATE_FOLDER / "manifest.json").read_bytes()
    for diagnosis in (examine(repository), repair(repository)):
        (finding,) = diagnosis.findings
        assert not diagnosis.is_sound
        assert finding.sentence.startswith("Revision v1: ")
        assert finding.sentence.endswith(
            "; `codesearch forget --rev v1` and `codesearch index --rev v1` make it anew."
        )
    assert (repository / STATE_FOLDER / "manifest.json").read_bytes() == live
    forget_revision(repository, "v1")
    index_revision(repository, "v1")
    assert examine(repository).is_sound
    shutil.rmtree(repository / STATE_FOLDER / "generations")
    (repository / STATE_FOLDER / "manifest.json").unlink()
    assert examine(repository).findings == (), "revisions alone"


def test_other_settings_begin_anew_and_the_tree_s_index_stays(repository):
    build(repository, SETTINGS)
    index_revision(repository, "v1")
    small = BuildSettings(max_tokens=200, walk=WalkSettings(include_hidden=True))
    assert index_revision(repository, "v1", small).n_files == 4
    assert build(repository, SETTINGS).n_encoded_chunks == 0


def test_what_cannot_be_indexed_or_asked_is_a_sentence_and_leaves_nothing(repository, tmp_path):
    with pytest.raises(InputError, match="has no revision 'nothing'"):
        index_revision(repository, "nothing")
    assert not (repository / STATE_FOLDER).exists()
    with pytest.raises(IndexMissingError, match=r"No revision of .* is indexed"):
        find_root_with_revisions(repository)
    index_revision(repository, "v1")
    with pytest.raises(IndexMissingError, match=r"'v2' is not indexed; .*index --rev v2.*indexed are v1"):
        RevisionSearcher.open_revision(repository, "v2")
    with pytest.raises(InputError, match=r"has no revision '\.\./v1'"):
        RevisionSearcher.open_revision(repository, "../v1")
    with pytest.raises(InputError, match="is not indexed; indexed are v1"):
        forget_revision(repository, "../../repository")
    objects = repository / ".git" / "objects"
    shutil.move(objects, tmp_path / "objects")
    objects.mkdir()
    with pytest.raises(InputError, match="has no revision 'v2'"):
        index_revision(repository, "v2")
    with RevisionSearcher.open_revision(repository, "v1") as searcher:  # needs no object
        assert hits(searcher, "lamp")
    forget_revision(repository, "v1")
    assert list((repository / STATE_FOLDER / "revisions").iterdir()) == []
