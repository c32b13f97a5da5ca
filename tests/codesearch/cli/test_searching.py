"""`search`, `similar` and `files` over the real engine, on a small repository indexed once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def test_search_finds_and_exits_with_zero(run, repository):
    result = run("search", "how is a handler registered", repository, "-k", 1)
    assert result.exit_code == 0
    assert result.stdout.startswith("router.py:")
    assert "│def add_route(table, path, handler):\n" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_every_format_of_one_answer_has_the_same_passages(run, repository):
    def paths(form, read):
        return read(run("search", "wait before trying again", repository, "-k", 2, "--format", form).stdout)

    expected = paths("json", lambda text: [p["path"] for p in json.loads(text)["passages"]])
    assert expected[0] == "retry.py"
    assert (
        paths("jsonl", lambda text: [json.loads(line)["path"] for line in text.splitlines()[1:]]) == expected
    )
    for form in ("text", "markdown", "xml"):
        text = run("search", "wait before trying again", repository, "-k", 2, "--format", form).stdout
        assert [text.index(path) for path in expected] == sorted(text.index(path) for path in expected)


def test_filters_narrow(run, repository):
    def found(*flags):
        result = run("search", "server", repository, "--format", "json", *flags)
        return {p["path"] for p in json.loads(result.stdout)["passages"]}

    assert found("--lang", "markdown") == {"docs/guide.md"}
    assert found("--lang", "md") == {"docs/guide.md"}
    assert found("--path", "*.py") == {"router.py", "retry.py"}
    assert found("--path", "!*.py") == {"docs/guide.md"}
    assert found("--regex", r"2\*\*attempt") == {"retry.py"}
    assert found("--kind", "docs") == {"docs/guide.md"}


def test_a_folder_inside_the_index_narrows(run, repository):
    result = run("search", "server", repository / "docs", "--format", "json")
    found = json.loads(result.stdout)
    assert {p["path"] for p in found["passages"]} == {"guide.md"}
    assert found["root"] == str(repository)


def test_a_place_that_is_not_indexed_has_no_answer_and_is_said(run, copied):
    (copied / "empty").mkdir()
    for options, place in (([copied / "empty"], "empty"), ([copied, "-g", "/empty/x.py"], "empty/x.py")):
        result = run("search", "retry", *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"{place} is not in the index; `codesearch outline` lists what is")


def test_a_file_narrows(run, repository):
    result = run("search", "server", repository / "retry.py", "--format", "json", "--path", "!*.md")
    assert {p["path"] for p in json.loads(result.stdout)["passages"]} == {str(repository / "retry.py")}
    result = run("files", "server", repository / "docs" / "guide.md")
    assert result.stdout == f"{repository / 'docs' / 'guide.md'}\n"


def test_what_files_prints_can_be_given_back(run, repository, monkeypatch):
    for here in (repository, repository / "docs", repository.parent):
        monkeypatch.chdir(here)
        printed = run("files", "handler registered", os.path.relpath(repository), "-k", 1).stdout
        path = printed.rstrip("\n")
        assert Path(path).resolve() == repository / "router.py"
        assert not Path(path).is_absolute()
        assert run("outline", path).exit_code == 0
        assert run("search", "handler", path, "-k", 1).stdout.startswith(f"{path}:")


def test_the_index_is_found_from_below(run, repository, monkeypatch):
    monkeypatch.chdir(repository / "docs")
    result = run("search", "handler registered", "-k", 1)
    assert result.stdout.startswith("../router.py:")


def test_a_query_from_standard_input(run, repository):
    result = run("search", "-", repository, "-k", 1, input="how is a handler\nregistered\n")
    assert result.stdout.startswith("router.py:")


def test_a_budget_holds(run, repository):
    result = run("search", "server", repository, "--budget", 30, "--format", "json")
    value = json.loads(result.stdout)
    assert 0 < value["n_tokens"] <= 30
    assert value["budget_tokens"] == 30
    assert value["tokenizer"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--lang", "cobol"], "Nothing in the index passes all the filters: language cobol."),
        (["--path", "nowhere/**"], "No indexed file matches nowhere/**; patterns are relative"),
        (
            [f"--path=x{n}" for n in range(12)],
            "No indexed file matches x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 and 2 more; patterns are relative",
        ),
        (
            ["--regex", "xyzzy"],
            "Nothing in the index passes all the filters: regular expression 'xyzzy'.",
        ),
    ],
)
def test_an_empty_answer_says_why(run, repository, flags, reason):
    result = run("search", "server", repository, *flags)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(reason)


def test_an_empty_lexical_answer_says_why(run, repository):
    result = run("search", "zyzzyva", repository, "--mode", "lexical")
    assert result.exit_code == 1
    assert result.stderr.startswith("No indexed text has a word of the query")


def test_a_changed_file_is_brought_up_to_date_first(run, copied):
    (copied / "retry.py").write_text("def forget_all_cookies():\n    return None\n")
    result = run("search", "forget cookies", copied, "-k", 1)
    assert result.stdout.startswith("retry.py:1-2  forget_all_cookies")
    assert result.stderr.startswith("Brought the index up to date in ")
    assert "no vectors" not in result.stderr  # the search named it, and it was encoded


@pytest.mark.parametrize(
    ("flags", "is_stale", "expected"),
    [((), True, 1), ((), False, 0), (("--mode", "lexical"), True, 0), (("--encode-seconds", 0), True, 0)],
)
def test_the_model_is_loaded_while_an_edited_file_is_read(
    run, copied, monkeypatch, flags, is_stale, expected
):
    loads = []
    monkeypatch.setattr("indexer.open_model.load_model_ahead", lambda *_, **how: loads.append(how))
    if is_stale:
        (copied / "retry.py").write_text("def forget_all_cookies():\n    return None\n")
    assert run("search", "forget the cookies", copied, "-k", 1, *flags).exit_code == 0
    assert loads == [{"is_brief": True}] * expected


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("out of luck"), OSError("no space")])
def test_a_refresh_that_fails_takes_no_answer_away(run, copied, monkeypatch, error):
    def fail(*_):
        raise error

    (copied / "retry.py").write_text("def forget_all_cookies():\n    return None\n")
    monkeypatch.setattr("codesearch.api.CodeIndex.refresh", fail)
    result = run("search", "seconds to wait", copied, "-k", 1)
    assert result.exit_code == 0
    assert result.stdout
    assert result.stderr.startswith("The index could not be brought up to date: ")


def test_without_refresh_a_changed_file_is_marked(run, copied):
    (copied / "retry.py").write_text("def forget_all_cookies():\n    return None\n")
    result = run("search", "seconds to wait", copied, "-k", 1, "--no-refresh", "--format", "json")
    value = json.loads(result.stdout)
    assert value["passages"][0]["stale"] is True
    assert "2**attempt" in value["passages"][0]["text"]
    assert value["index"]["stale"] == {"changed": 1, "added": 0, "deleted": 0, "complete": True}
    assert result.stderr.startswith("The index is out of date by 1 file (1 changed);")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mode", "magic"], "'magic' is not one of 'hybrid', 'single', 'colbert', 'lexical'"),
        (["--format", "yaml"], "'yaml' is not one of 'text', 'json', 'jsonl', 'markdown', 'xml', 'vimgrep'"),
        (["--lang", "klingon"], "Unknown language 'klingon'"),
        (["--kind", "verb"], "Unknown kind 'verb'"),
        (["--regex", "(a"], "The regular expression '(a' is broken: "),
        (["--path", "../secrets"], "leaves the indexed folder"),
        (["--path", ""], "is empty or broken"),
        (["-k", "0"], "The number of passages (k) must be from 1 to 1,000, not 0."),
        (["-k", "many"], "'many' is not a valid integer"),
        (["--budget", "0"], "A token budget must be at least 1, not 0."),
        (["--tokenizer", "gpt-9"], "Unknown tokenizer 'gpt-9'"),
        (["--colour"], "No such option"),
    ],
)
def test_bad_flags_of_search(run, one_sentence, repository, flags, message):
    assert message in one_sentence(run("search", "server", repository, *flags))


@pytest.mark.parametrize("query", ["", "  \n\t"])
def test_an_empty_query(run, one_sentence, repository, query):
    assert one_sentence(run("search", query, repository)).startswith("The query is empty; ")


def test_a_query_of_ten_thousand_words(run, one_sentence, repository):
    message = one_sentence(run("search", "word " * 10_000, repository))
    assert message == "The query has 10,000 words and may have 4,000; shorten it."


def test_a_long_query_is_answered(run, repository):
    trace = 'File "retry.py", line 4, in pause_after: waiting before the next attempt failed. ' * 40
    result = run("search", trace, repository, "-k", 1)
    assert result.stdout.startswith("retry.py:")


def test_a_planted_configuration_changes_nothing_that_matters(run, copied):
    (copied / "codesearch.toml").write_text('k = 1\nmodel = "/etc"\nchat_base_url = "http://evil"\n')
    result = run("search", "server", copied, "--no-refresh")
    assert result.exit_code == 0
    assert result.stdout.count("│") > 0
    assert "'model' in the repository's codesearch.toml is ignored" in result.stderr
    assert "'chat_base_url' in the repository's codesearch.toml is ignored" in result.stderr


def test_similar(run, one_sentence, repository):
    result = run("similar", f"{repository}/retry.py:5", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["query"] == "retry.py:5"
    assert "retry.py has lines 1 to 6" in one_sentence(run("similar", f"{repository}/retry.py:99"))
    assert "nowhere.py is not in the index" in one_sentence(run("similar", repository / "nowhere.py"))
    assert "There is no such file" in one_sentence(run("similar", repository / "no" / "where.py"))
    assert ". is a folder; name a file of it, or a line as FILE:LINE." in one_sentence(
        run("similar", repository)
    )


def test_files(run, repository):
    result = run("files", "wait before trying again", repository, "-k", 1)
    assert result.stdout == "retry.py\n"
    assert run("files", "wait before trying again", repository, "-k", 1, "--format", "text").stdout == (
        "retry.py:4-6  pause_after\n"
    )
    value = json.loads(run("files", "wait before trying again", repository, "--format", "json").stdout)
    assert value["files"][0]["path"] == "retry.py"
    assert len({file["path"] for file in value["files"]}) == len(value["files"]) == 3


def test_seen_files(run, repository, tmp_path):
    memory = tmp_path / "seen.json"
    first = run("search", "server", repository, "-k", 1, "--seen", memory)
    second = run("search", "server", repository, "-k", 1, "--seen", memory)
    assert first.exit_code == second.exit_code == 0
    assert first.stdout.split(":")[0] != second.stdout.split(":")[0]


def test_paths_alone_for_pipes(run, repository):
    args = ("files", "wait before trying again", repository, "-k", 2)
    lines = run(*args, "-l").stdout
    assert lines.splitlines()[0] == "retry.py"
    assert run(*args).stdout == lines
    assert run("search", *args[1:], "-l").stdout == lines
    assert run(*args, "-0").stdout == run(*args, "-l0").stdout == lines.replace("\n", "\0")
    assert run(*args, "--json").stdout == run(*args, "--format", "json").stdout


def test_short_forms_of_options(run, repository):
    short = run("search", "server", repository, "--json", "-g", "*.md")
    assert short.stdout == run("search", "server", repository, "--format", "json", "--path", "*.md").stdout
    assert json.loads(short.stdout)["filters"]["paths"] == ["*.md"]
    assert run("search", "server", repository, "-k", 1).stdout[0] not in "{"
