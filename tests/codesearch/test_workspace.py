"""Several indexes under names: which are open, which are told apart, which answer."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from codesearch import api
from codesearch.api import CodeIndex
from codesearch.locate import build_index
from codesearch.render.passages import render
from codesearch.workspace import Several, Workspace, short_names
from indexer.errors import IndexMissingError, InputError
from indexer.records import BuildReport
from indexer.search import Searcher


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/repo"], ["repo"]),
        (["/a/repo", "/b/repo", "/c/other"], ["a/repo", "b/repo", "other"]),
        (["/x/a/repo", "/y/a/repo"], ["x/a/repo", "y/a/repo"]),
        (["/"], ["/"]),
        (["lighthouse"], ["lighthouse"]),
    ],
)
def test_short_names(paths, names):
    assert short_names([Path(path) for path in paths]) == names


@pytest.fixture
def folders(fake, tmp_path, monkeypatch):
    """Three folders whose indexes are in memory, and the names of those that were closed."""
    closed = []

    class Index(CodeIndex):
        def close(self):
            closed.append(self.root.name)
            super().close()

    monkeypatch.setattr(
        "codesearch.workspace.CodeIndex.open",
        lambda root, build=None, progress=None, state=None: Index(
            root, fake({f"{root.name}.py": "def routes():\n    return 1\n"})
        ),
    )
    roots = [tmp_path / name for name in ("one", "two", "three")]
    for root in roots:
        root.mkdir()
    return roots, closed


def test_only_so_many_indexes_stay_open_and_none_that_is_asked_is_closed(folders):
    roots, closed = folders
    with Workspace(roots, max_open=1) as workspace:
        with workspace.opened("one") as first:
            with workspace.opened("two") as second:
                assert workspace.n_open == 2
                assert second.paths() == ("two.py",)
            assert closed == ["two"], "the one that nobody asks goes first"
            assert first.paths() == ("one.py",)
        with workspace.opened("three"):
            pass
        assert closed == ["two", "one"]
        with workspace.opened("one") as again:
            assert again.paths() == ("one.py",)
    assert workspace.n_open == 0


def test_bringing_up_to_date_ends_the_background_build_that_holds_the_lock(folders, monkeypatch):
    roots, _ = folders
    did = []

    class Background:
        is_running = True

        def stop(self):
            did.append("stop")

    def update(self, progress):
        did.append("update")
        return BuildReport(1, 1, 0, 9, 1, 9, 0, 0.5, 0)

    monkeypatch.setattr(CodeIndex, "update", update)
    with Workspace(roots) as workspace:
        with workspace.opened("one") as index:
            index._background = Background()
        assert workspace.build("one").startswith("Built the index of one")
    assert did == ["stop", "update"]


def test_while_one_index_is_made_others_answer(folders, monkeypatch):
    roots, _ = folders
    made, begun = threading.Event(), threading.Event()
    open_one = CodeIndex.open

    def slow(root, **options):
        if root.name == "one":
            begun.set()
            assert made.wait(60)
        return open_one(root, **options)

    monkeypatch.setattr("codesearch.workspace.CodeIndex.open", slow)
    with Workspace(roots) as workspace:

        def ask():
            with workspace.opened("one"):
                pass

        opening = threading.Thread(target=ask)
        opening.start()
        assert begun.wait(60)
        with workspace.opened("two") as index:
            assert index.paths() == ("two.py",)
        made.set()
        opening.join(60)
        assert workspace.n_open == 2


def test_a_folder_that_is_named_twice_is_one_and_an_unknown_name_is_refused(folders):
    roots, _ = folders
    workspace = Workspace([roots[0], roots[0]])
    assert workspace.names == ("one",)
    with pytest.raises(InputError, match="known are one"):
        workspace.name_of("four")


def test_several_indexes_answer_as_one(checkouts):
    with Workspace(checkouts) as workspace:
        assert workspace.names == ("work/queue", "old/queue")
        found = workspace.find("how long between attempts", k=40)
        assert {passage.repository for passage in found.passages} == set(workspace.names)
        scores = [passage.score for passage in found.passages]
        assert scores == sorted(scores, reverse=True)
        assert found.index.n_files == sum(
            index.state().n_files for name in workspace.names for index in [held(workspace, name)]
        )
        first = found.passages[0]
        text = render(found, "text")
        assert text.startswith(f"{first.repository}/{first.path}:{first.start_line}-")
        value = json.loads(render(found, "json"))
        assert value["passages"][0]["repository"] == first.repository
        assert value["passages"][0]["path"] == first.path
        block = workspace.context("how long between attempts", 6_000)
        assert {passage.repository for passage in block.passages} == set(workspace.names)
        assert f"] {block.passages[0].full_path}:" in block.text
        files = workspace.files("how long between attempts", k=30).files
        assert len({(file.best.repository, file.path) for file in files}) == len(files)


def held(workspace, name):
    with workspace.opened(name) as index:
        return index


def test_the_same_file_of_two_checkouts_is_shown_once_and_seen_once(checkouts):
    with Workspace(checkouts) as workspace:
        found = workspace.find("claim a job and run it", k=40, paths=["worker.py"])
        dropped = [omitted for omitted in found.omitted if omitted.reason == "duplicate"]
        assert {each.repository for each in (*found.passages, *dropped)} == set(workspace.names)
        assert len({passage.text for passage in found.passages}) == len(found.passages)
        seen = workspace.seen(workspace.names, "talk")
        first = workspace.find("retry", k=3, seen=seen)
        second = workspace.find("retry", k=3, seen=seen)
        assert first.passages
        assert not {p.full_path + str(p.start_line) for p in first.passages} & {
            p.full_path + str(p.start_line) for p in second.passages
        }


def test_one_of_several_answers_as_it_does_alone_and_one_that_is_lost_is_named(checkouts, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with Workspace([*checkouts, empty]) as workspace, CodeIndex.open(checkouts[0]) as alone:
        alone_found = alone.find("backoff")
        chosen = workspace.among(["work/queue"]).find("backoff")
        assert render(chosen, "json") == render(alone_found, "json")
        found = workspace.find("backoff")
        assert found.passages
        assert any(note.startswith("empty: There is no index in") for note in found.notes)
        with pytest.raises(IndexMissingError):
            workspace.among(["empty"]).find("backoff")


def test_folders_below_the_roots_narrow_the_answer(checkouts):
    below = next(path for path in checkouts[0].rglob("*.py") if path.parent != checkouts[0]).parent
    with Workspace([below, checkouts[1]]) as workspace:
        found = workspace.among(below=True).find("job", k=50)
    inside = below.relative_to(checkouts[0]).as_posix() + "/"
    own = [passage for passage in found.passages if passage.repository == "work/queue"]
    assert own
    assert all(passage.path.startswith(inside) for passage in own)
    assert any(passage.repository == "old/queue" for passage in found.passages)


def test_looks_at_many_trees_take_no_longer_than_one_look(tmp_path, monkeypatch):
    roots = [tmp_path / name for name in ("one", "two", "three")]
    for root in roots:
        root.mkdir()
        (root / "routes.py").write_text("def routes():\n    return 1\n")
        build_index(root, encode=False)
    looks = []
    real = Searcher.freshness
    monkeypatch.setattr(
        Searcher, "freshness", lambda searcher, seconds: looks.append(seconds) or real(searcher, seconds)
    )
    with Workspace(roots) as workspace:
        workspace.find("routes", encode_seconds=0)
        assert len(looks) == 3
        assert sum(looks) == pytest.approx(api.LOOK_SECONDS)
    looks.clear()
    with Workspace(roots) as workspace:
        workspace.among(["two"]).find("routes", encode_seconds=0)
        assert looks == [api.LOOK_SECONDS]


def test_many_trees_are_looked_at_by_turns(fake, tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr("codesearch.workspace._FILES_LOOKED_AT", 4)  # the trees have a file each

    def keep_looks(seconds):
        for module in ("api", "workspace"):
            monkeypatch.setattr(f"codesearch.{module}.FRESHNESS_KEPT_SECONDS", seconds)

    keep_looks(3_600.0)

    class Searcher(type(fake({}))):
        def freshness(self, budget_seconds=0.5):
            looks.append(next(iter(self.files)))
            return super().freshness(budget_seconds)

    names = [f"{number}.py" for number in range(6)]
    indexes = {name: CodeIndex(tmp_path, Searcher({name: "x = 1\n"})) for name in names}
    several = Several(indexes)
    assert [state.complete for state in several._states().values()] == [True] * 4 + [False] * 2
    assert looks == names[:4]
    several._states()
    assert looks == names[:4], "not more often than a look is kept"
    keep_looks(-1.0)
    assert all(state.complete for state in several._states().values())
    assert set(looks) == set(names)


def test_a_tree_that_is_gone_answers_from_its_index(fake, tmp_path):
    class Searcher(type(fake({}))):
        def freshness(self, budget_seconds=0.5):
            raise FileNotFoundError("gone")

    indexes = {"a": CodeIndex(tmp_path, Searcher({"a.py": "x = 1\n"})), "b": CodeIndex(tmp_path, fake({}))}
    assert [state.complete for state in Several(indexes)._states().values()] == [False, True]
