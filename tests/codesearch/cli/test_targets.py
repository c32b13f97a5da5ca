"""One question to several folders, or to all that are known."""

from __future__ import annotations

import json
import re

import pytest

from codesearch.known_repositories import known_roots, list_file, remember
from indexer.search import Searcher

QUERY = "how long between attempts"


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """A list that knows nothing, and a place without settings; the key of the indexes stays."""
    monkeypatch.setattr("codesearch.known_repositories.state_folder", lambda: tmp_path / "state")
    monkeypatch.chdir(tmp_path)


def test_several_folders_answer_as_one(run, checkouts):
    done = run("search", QUERY, *checkouts, "--format", "json", "-k", 40)
    assert done.exit_code == 0, done.stderr
    passages = json.loads(done.stdout)["passages"]
    assert {passage["repository"] for passage in passages} == {"work/queue", "old/queue"}
    scores = [passage["score"] for passage in passages]
    assert scores == sorted(scores, reverse=True)
    text = run("search", QUERY, *checkouts, "-k", 1).stdout
    first = passages[0]
    assert text.startswith(f"{first['path']}:")
    roots = {"work/queue": checkouts[0], "old/queue": checkouts[1]}
    for passage in passages:  # the command runs in the first of them
        path = checkouts[0] / passage["path"]
        assert path.is_relative_to(roots[passage["repository"]])
        assert path.is_file()
    assert json.loads(done.stdout)["roots"] == {name: str(root) for name, root in roots.items()}
    cited = re.findall(r"^\[\d+\] (.+):\d+-\d+", run("context", QUERY, *checkouts).stdout, re.MULTILINE)
    assert cited
    assert all((checkouts[0] / path).is_file() for path in cited)
    files = json.loads(run("files", QUERY, *checkouts, "--format", "json").stdout)["files"]
    assert {file["repository"] for file in files} == {"work/queue", "old/queue"}


def test_a_folder_below_narrows_its_own_repository(run, checkouts):
    done = run("search", QUERY, checkouts[0] / "millrace", checkouts[1], "--format", "json", "-k", 60)
    passages = json.loads(done.stdout)["passages"]
    own = [passage["path"] for passage in passages if passage["repository"] == "work/queue"]
    assert own
    assert all("/" not in path for path in own)  # the command runs there


def test_files_and_folders_of_one_tree_narrow_it(run, one_sentence, repository, monkeypatch):
    """As a shell gives `*.py`; what one path does, several do."""
    monkeypatch.chdir(repository)

    def found(*arguments):
        done = run("search", "server attempt", *arguments, "--format", "json", "-k", 40)
        assert '"repository"' not in done.stdout
        return {passage["path"] for passage in json.loads(done.stdout)["passages"]}

    assert found() == {"router.py", "retry.py", "docs/guide.md"}
    assert found("retry.py", "router.py") == {"router.py", "retry.py"}
    assert found("retry.py", "docs") == {"retry.py", "docs/guide.md"}
    assert found("retry.py", "docs", "-g", "!*.py") == {"docs/guide.md"}
    assert found("docs", ".", "-g", "*.py") == {"router.py", "retry.py"}
    listed = run("files", "server attempt", "retry.py", "docs").stdout.splitlines()
    assert set(listed) == {"retry.py", "docs/guide.md"}
    assert "router.py" not in run("context", "server attempt", "retry.py", "docs").stdout
    assert "There is no such folder: nowhere.py" in one_sentence(run("search", "x", "retry.py", "nowhere.py"))
    assert one_sentence(run("similar", "retry.py", "router.py")) == (
        "One file is compared at a time, and 2 are given; name one."
    )


def test_files_of_several_trees_narrow_each(run, checkouts, monkeypatch):
    monkeypatch.chdir(checkouts[0].parent)
    files = [next(path for path in root.rglob("*.py") if path.name == "worker.py") for root in checkouts]
    done = run("search", QUERY, *files, "--format", "json", "-k", 40)
    passages = json.loads(done.stdout)["passages"]
    assert {(p["repository"], p["path"].rpartition("/")[2]) for p in passages} == {
        ("work/queue", "worker.py"),
        ("old/queue", "worker.py"),
    }


def test_files_of_a_folder_without_an_index_are_one_tree(run, tmp_path):
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text(f"def routes_{name[0]}():\n    return 1\n")
    done = run("files", "routes", "a.py", "b.py", "--encode-seconds", 0)
    assert sorted(done.stdout.splitlines()) == ["a.py", "b.py"]
    assert done.stderr.count("Indexed the words of 3 files") == 1
    assert known_roots() == (tmp_path,)


def test_what_was_indexed_a_moment_ago_is_not_looked_through_again(run, tmp_path, monkeypatch):
    looks = []
    real = Searcher.freshness
    monkeypatch.setattr(
        Searcher, "freshness", lambda searcher, seconds: looks.append(seconds) or real(searcher, seconds)
    )
    (tmp_path / "a.py").write_text("def routes():\n    return 1\n")
    first = run("search", "routes", tmp_path, "--encode-seconds", 0, "--format", "json")
    assert "Indexed the words of 1 file" in first.stderr
    assert json.loads(first.stdout)["index"]["stale"]["complete"] is True
    assert not looks
    run("search", "routes", tmp_path, "--encode-seconds", 0)
    assert looks


def test_a_file_of_a_folder_without_an_index_is_asked_for_an_answer_too(run, tmp_path):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"def routes_{name[0]}():\n    return 1\n")
    done = run("ask", "routes", "a.py")
    assert done.exit_code == 2, "no endpoint"
    assert "routes_a" in done.stdout
    assert "routes_b" not in done.stdout
    assert done.stderr.count("Indexed the words of 2 files") == 1


def test_a_question_for_an_answer_in_words_is_narrowed_too(run, repository, monkeypatch):
    monkeypatch.chdir(repository)
    everything, narrowed = run("ask", "server attempt"), run("ask", "server attempt", "retry.py", "docs")
    assert narrowed.exit_code == everything.exit_code == 2
    assert narrowed.stderr == everything.stderr
    assert "router.py" in everything.stdout
    assert "router.py" not in narrowed.stdout
    assert "retry.py" in narrowed.stdout


def test_one_folder_is_written_as_ever(run, checkouts):
    done = run("search", QUERY, checkouts[0], "--format", "json")
    assert '"repository"' not in done.stdout
    assert run("search", QUERY, checkouts[0], checkouts[0], "--format", "json").stdout == done.stdout


def test_a_threshold_leaves_out_what_is_below(run, checkouts):
    def shown(*arguments):
        found = json.loads(run("search", QUERY, *arguments, "--format", "json", "-k", 40).stdout)["passages"]
        return sorted({passage["confidence"] for passage in found}, reverse=True)

    for folders in (checkouts[:1], checkouts):
        everything = shown(*folders)
        assert len(everything) > 1
        assert shown(*folders, "--threshold", everything[0]) == everything[:1]
    assert run("files", QUERY, checkouts[0], "--threshold", 1).exit_code == 1
    done = run("context", QUERY, checkouts[0], "--threshold", 2)
    assert done.exit_code == 2
    assert "from 0 to 1, not 2" in done.stderr


def test_what_was_seen_of_several_is_left_out(run, checkouts, tmp_path):
    def shown():
        done = run("search", QUERY, *checkouts, "--seen", tmp_path / "seen.json", "-k", 3, "--format", "json")
        return {(p["repository"], p["path"], p["start_line"]) for p in json.loads(done.stdout)["passages"]}

    first = shown()
    assert first
    assert not first & shown()


def test_all_asks_what_is_known(run, checkouts, one_sentence, tmp_path):
    assert "No index is known" in one_sentence(run("search", QUERY, "--all"))
    assert run("repos").exit_code == 1
    assert run("repos", "add", *checkouts).exit_code == 0
    assert known_roots() == tuple(checkouts)
    assert list_file().stat().st_mode & 0o077 == 0
    assert [line.split("\t")[:2] for line in run("repos").stdout.splitlines()] == [
        ["work/queue", str(checkouts[0])],
        ["old/queue", str(checkouts[1])],
    ]
    found = json.loads(run("search", QUERY, "--all", "--format", "json", "-k", 40).stdout)
    assert {passage["repository"] for passage in found["passages"]} == {"work/queue", "old/queue"}
    remember([tmp_path / "gone"])
    again = run("search", QUERY, "--all", "-k", 1)
    assert again.exit_code == 0
    assert "has no index where it is looked for" in again.stderr
    assert "name its new place with `codesearch repos add`" in again.stderr
    assert run("repos", "forget", tmp_path / "gone", checkouts[1]).exit_code == 0
    assert known_roots() == (checkouts[0],)
    assert "is not known" in one_sentence(run("repos", "forget", tmp_path))
    assert "not both" in one_sentence(run("search", QUERY, checkouts[0], "--all"))


def test_index_makes_itself_known(run, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.py").write_text("def routes():\n    return 1\n")
    assert run("index", tmp_path / "new").exit_code == 0
    assert known_roots() == (tmp_path / "new",)


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 2}', '{"schema": 1, "roots": 3}', "[" * 100_000])
def test_a_broken_list_is_one_sentence(run, one_sentence, content):
    list_file().parent.mkdir(parents=True)
    list_file().write_text(content)
    assert "is no list of repositories" in one_sentence(run("repos"))
    assert "is no list of repositories" in one_sentence(run("search", QUERY, "--all"))
