"""What paths say to queries."""

from __future__ import annotations

import pytest

from indexer.retrieve import path_signals as module
from indexer.retrieve.path_signals import FileFacts, path_signals
from indexer.retrieve.query_shape import query_shape


def signals_of(query, *paths, language="python"):
    shape = query_shape(query, "repository")
    files = [FileFacts(path, language) for path in paths]
    return path_signals(shape, dict.fromkeys(shape.stems, 1.0), files)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("request logging", "middleware/logger.py"),
        ("parsing command lines", "parser.go"),
        ("how plugins are loaded", "core/loader.lua"),
        ("run the tasks", "manage/runner.lua"),
        ("route requests", "router.py"),
        ("write rows", "writer.rs"),
        ("check for updates", "checker.lua"),
        ("schema validation", "validators.py"),
    ],
)
def test_a_file_named_for_what_it_does_answers_who_asks_for_the_doing(query, path):
    (match,) = signals_of(query, path).stem_match
    assert match > 0


@pytest.mark.parametrize(
    ("query", "path"), [("used", "user.py"), ("numb", "remember.py"), ("log", "blog.py")]
)
def test_other_words_stay_other_words(query, path):
    assert signals_of(query, path).stem_match[0] == 0


def test_a_name_is_worth_less_the_more_it_says_beside():
    match = signals_of("session cookie", "cookie.py", "cookie_jar.py", "cookie_jar_test_data.py", "jar.py")
    assert match.stem_match[0] == 1
    assert 1 > match.stem_match[1] > match.stem_match[2] > match.stem_match[3] == 0


def test_the_name_of_what_every_file_is_about_tells_little():
    files = [FileFacts(path, "python") for path in ("job.py", "retry.py")]
    shape = query_shape("a job keeps failing, is there a retry", "")
    match = path_signals(shape, {"job": 0.5, "keep": 3.0, "fail": 2.5, "retri": 2.0}, files)
    assert match.stem_match.tolist() == [0.5, 1.0]


def test_folders_are_measured_by_the_query():
    match = signals_of("session cookie", "session/cookie/store.py", "session/store.py", "store.py")
    assert match.folder_match.tolist() == [1, 0.5, 0]


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(module, "_NATIVE", frozenset({"posix", "linux"}))


@pytest.mark.usefixtures("on_linux")
def test_the_other_system_has_the_second_place():
    paths = ("src/unix/fs.c", "src/win/fs.c", "src/win/registry.c", "exec_windows.go", "exec_linux.go", "a.c")
    assert signals_of("read a file", *paths).is_foreign.tolist() == [0, 1, 0, 1, 0, 0]


@pytest.mark.usefixtures("on_linux")
def test_the_other_system_is_found_by_its_name():
    assert signals_of("read a file on windows", "unix/fs.c", "win/fs.c").is_foreign.tolist() == [0, 0]
    assert signals_of("read a file on macOS", "unix/fs.c", "win/fs.c").is_foreign.tolist() == [0, 1]


@pytest.mark.usefixtures("on_linux")
def test_without_one_for_this_system_none_is_another_s():
    assert signals_of("read a file", "windows/fs.c", "darwin/fs.c").is_foreign.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("query", "expected"), [("parse a value", [1, 0, 0, 0, 1]), ("parse a value in v3", [0, 0, 0, 0, 1])]
)
def test_of_several_versions_the_newest_is_meant(query, expected):
    paths = ("src/v3/types.ts", "src/v4/core/types.ts", "src/index.ts", "lib/v1/a.ts", "src/v2/types.ts")
    assert signals_of(query, *paths).is_older.tolist() == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [("load the picture", [1, 1, 0]), ("an example that loads it", [0, 1, 0]), ("benchmarks", [1, 0, 0])],
)
def test_examples_stand_back_unless_asked_for(query, expected):
    found = signals_of(query, "examples/load.py", "benchmarks/load.py", "src/load.py")
    assert found.is_aside.tolist() == expected
