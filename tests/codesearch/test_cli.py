"""The commands over the real engine, on a small repository indexed once."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from codesearch import __version__
from codesearch.cli import cli
from codesearch.console import ProgressBar
from indexer.manifest import read_manifest, write_manifest

SOURCES = {
    "router.py": '"""Routes of a small server."""\n\n\ndef add_route(table, path, handler):\n'
    '    """Register a handler for a path."""\n    table[path] = handler\n',
    "retry.py": '"""Trying again."""\n\n\ndef pause_after(attempt):\n'
    '    """Seconds to wait before the next attempt, growing each time."""\n    return 2**attempt\n',
    "docs/guide.md": "# Guide\n\n## Deploying\n\nCopy the wheel to the server and restart it.\n",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    result = CliRunner().invoke(cli, ["index", str(root)])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Indexed 3 files, ")
    assert result.stderr == ""
    return root


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("CODESEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def run(*arguments, **options):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], **options)


def one_sentence(result, code=2):
    """The only thing a failed command says."""
    assert result.exit_code == code, (result.stdout, result.stderr)
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("codesearch: ")
    assert "Traceback" not in line
    return line.removeprefix("codesearch: ")


def test_search_finds_and_exits_with_zero(repository):
    result = run("search", "how is a handler registered", repository, "-k", 1)
    assert result.exit_code == 0
    assert result.stdout.startswith("router.py:")
    assert "│def add_route(table, path, handler):\n" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_every_format_of_one_answer_has_the_same_passages(repository):
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


def test_filters_narrow(repository):
    def found(*flags):
        result = run("search", "server", repository, "--format", "json", *flags)
        return {p["path"] for p in json.loads(result.stdout)["passages"]}

    assert found("--lang", "markdown") == {"docs/guide.md"}
    assert found("--lang", "md") == {"docs/guide.md"}
    assert found("--path", "*.py") == {"router.py", "retry.py"}
    assert found("--path", "!*.py") == {"docs/guide.md"}
    assert found("--regex", r"2\*\*attempt") == {"retry.py"}
    assert found("--kind", "docs") == {"docs/guide.md"}


def test_a_folder_inside_the_index_narrows(repository):
    result = run("search", "server", repository / "docs", "--format", "json")
    assert {p["path"] for p in json.loads(result.stdout)["passages"]} == {"docs/guide.md"}


def test_the_index_is_found_from_below(repository, monkeypatch):
    monkeypatch.chdir(repository / "docs")
    result = run("search", "handler registered", "-k", 1)
    assert result.stdout.startswith("router.py:")


def test_a_query_from_standard_input(repository):
    result = run("search", "-", repository, "-k", 1, input="how is a handler\nregistered\n")
    assert result.stdout.startswith("router.py:")


def test_a_budget_holds(repository):
    result = run("search", "server", repository, "--budget", 30, "--format", "json")
    value = json.loads(result.stdout)
    assert 0 < value["n_tokens"] <= 30
    assert value["budget_tokens"] == 30
    assert value["tokenizer"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--lang", "cobol"], "Nothing in the index passes the filters together: language cobol."),
        (["--path", "nowhere/**"], "No indexed file matches nowhere/**; patterns are relative"),
        (
            ["--regex", "xyzzy"],
            "Nothing in the index passes the filters together: regular expression 'xyzzy'.",
        ),
    ],
)
def test_an_empty_answer_says_why(repository, flags, reason):
    result = run("search", "server", repository, *flags)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(reason)


def test_an_empty_lexical_answer_says_why(repository):
    result = run("search", "zyzzyva", repository, "--mode", "lexical")
    assert result.exit_code == 1
    assert result.stderr.startswith("No indexed text has a word of the query")


def test_status(repository):
    assert "files      3 in 3 chunks" in run("status", repository).stdout
    value = json.loads(run("status", repository, "--json").stdout)
    assert " ".join(value) == (
        "schema root model commit branch built_at files chunks spans tokens rows bytes_on_disk languages"
        " settings stale skipped problems redacted"
    )
    assert (value["files"], value["model"], value["commit"]) == (3, "codesearch-edge", None)


def test_skipped_files_are_listed(tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    (tmp_path / "b\nc.txt").write_text("a name with a line feed\n")
    assert run("index", tmp_path).exit_code == 0
    (line,) = run("status", tmp_path, "--skipped").stdout.splitlines()
    assert line.startswith("b\\nc.txt\t")


def test_where_no_file_is_skipped_it_says_so(repository):
    result = run("status", repository, "--skipped")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No file was skipped.\n")


def test_index_json(tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    first = json.loads(run("index", tmp_path, "--json").stdout)
    assert " ".join(first) == (
        "schema root model n_files n_chunks n_spans n_tokens n_encoded_chunks n_encoded_tokens n_skipped"
        " elapsed_seconds peak_memory_bytes"
    )
    assert first["n_encoded_chunks"] == 1
    again = json.loads(run("index", tmp_path, "--json").stdout)
    assert again["n_encoded_chunks"] == 0


def copy_of(repository, tmp_path):
    return Path(shutil.copytree(repository, tmp_path / "copy"))


def test_a_changed_file_is_brought_up_to_date_first(repository, tmp_path):
    root = copy_of(repository, tmp_path)
    (root / "retry.py").write_text("def forget_all_cookies():\n    return None\n")
    result = run("search", "forget cookies", root, "-k", 1)
    assert result.stdout.startswith("retry.py:1-2  forget_all_cookies")
    assert result.stderr.startswith("Brought the index up to date (1 chunks encoded")


def test_without_refresh_a_changed_file_is_marked(repository, tmp_path):
    root = copy_of(repository, tmp_path)
    (root / "retry.py").write_text("def forget_all_cookies():\n    return None\n")
    result = run("search", "seconds to wait", root, "-k", 1, "--no-refresh", "--format", "json")
    value = json.loads(result.stdout)
    assert value["passages"][0]["stale"] is True
    assert "2**attempt" in value["passages"][0]["text"]
    assert value["index"]["stale"] == {"changed": 1, "added": 0, "deleted": 0, "complete": True}
    assert result.stderr.startswith("The index is behind the disk by 1 file (1 changed);")


# --- bad input: one sentence, the right code ----------------------------------------------------


def test_no_such_path(tmp_path):
    for command in (["index"], ["search", "x"], ["status"]):
        assert one_sentence(run(*command, tmp_path / "nowhere")).startswith("There is no such folder: ")


def test_a_file_where_a_folder_is_meant(repository):
    for command in (["index"], ["search", "x"], ["status"]):
        assert "is a file; give the folder that holds it" in one_sentence(
            run(*command, repository / "retry.py")
        )


def test_an_empty_folder(tmp_path):
    assert "nothing to index" in one_sentence(run("index", tmp_path))


def test_a_folder_with_nothing_indexable(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\0\1" * 500)
    assert "no file that can be indexed" in one_sentence(run("index", tmp_path))


def test_no_index_yet(tmp_path, monkeypatch):
    message = one_sentence(run("search", "x", tmp_path))
    assert (
        message
        == f"There is no index in {tmp_path} or above it; build one with `codesearch index {tmp_path}`."
    )
    monkeypatch.chdir(tmp_path)
    assert one_sentence(run("search", "x")).endswith("build one with `codesearch index .`.")


def test_an_index_of_another_schema(repository, tmp_path):
    root = copy_of(repository, tmp_path)
    manifest = root / ".codesearch" / "manifest.json"
    value = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**value, "format_version": 99}))
    assert "format_version 99" in one_sentence(run("search", "x", root))
    manifest.write_text(json.dumps(value))
    state = manifest.parent
    write_manifest(state, replace(read_manifest(state), model_fingerprint="0" * 64))
    assert "model_fingerprint" in one_sentence(run("search", "x", root))
    manifest.write_text("{")
    assert "manifest.json cannot be read" in one_sentence(run("search", "x", root))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mode", "magic"], "'magic' is not one of 'hybrid', 'single', 'colbert', 'lexical'"),
        (["--format", "yaml"], "'yaml' is not one of 'text', 'json', 'jsonl', 'markdown', 'xml'"),
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
def test_bad_flags_of_search(repository, flags, message):
    assert message in one_sentence(run("search", "server", repository, *flags))


@pytest.mark.parametrize("query", ["", "  \n\t"])
def test_an_empty_query(repository, query):
    assert one_sentence(run("search", query, repository)).startswith("The query is empty; ")


def test_a_query_of_ten_thousand_words(repository):
    message = one_sentence(run("search", "word " * 10_000, repository))
    assert message == "The query has 10,000 words and may have 4,000; shorten it."


def test_a_long_query_is_answered(repository):
    trace = 'File "retry.py", line 4, in pause_after: waiting before the next attempt failed. ' * 40
    result = run("search", trace, repository, "-k", 1)
    assert result.stdout.startswith("retry.py:")


def test_a_query_without_quotes(repository):
    assert one_sentence(run("search", "how", "are", "routes")).endswith(
        "A query of several words stands in quotes."
    )


def test_an_unknown_command():
    assert one_sentence(run("serch", "x")).startswith("No such command 'serch'")


@pytest.mark.parametrize("size", ["huge", "0", "-1", "1XB"])
def test_a_size_that_is_none(repository, size):
    assert "max_memory from --max-memory" in one_sentence(run("index", repository, f"--max-memory={size}"))


def test_an_unknown_model(tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    assert "no-such-model" in one_sentence(run("index", tmp_path, "--model", "no-such-model"))


def test_an_interrupted_build_leaves_the_old_index(repository, tmp_path, monkeypatch):
    root = copy_of(repository, tmp_path)
    (root / "new.py").write_text("def brand_new():\n    return 'new'\n")

    def interrupt(self, event):
        if event.stage == "encode":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        one_sentence(run("index", root), code=130)
    result = run("search", "seconds to wait", root, "-k", 1, "--no-refresh")
    assert result.exit_code == 0
    assert result.stdout.startswith("retry.py:")


def python(*arguments, **options):
    command = [sys.executable, "-m", "codesearch", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, **options)


def test_a_full_disk(tmp_path):
    (tmp_path / "a.txt").write_text("some text\n" * 5000)

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = python("index", tmp_path, preexec_fn=small_files_only)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_write_permission(tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    tmp_path.chmod(0o500)
    try:
        one_sentence(run("index", tmp_path))
    finally:
        tmp_path.chmod(0o700)


def test_output_on_a_full_device(repository):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "codesearch", "search", "server", str(repository)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr == "codesearch: The disk is full; free some space and run the same command again.\n"


def test_a_closed_pipe_is_no_error(repository):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "codesearch", "search", "server", str(repository), "--format", "json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_version_and_module():
    done = python("--version")
    assert done.stdout == f"codesearch, version {__version__}\n"


def test_an_ascii_terminal_gets_escapes(repository):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "codesearch", "search", "server", str(repository), "-k", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0
    assert "\\u2502" in done.stdout


def test_a_planted_configuration_changes_nothing_that_matters(repository, tmp_path):
    root = copy_of(repository, tmp_path)
    (root / "codesearch.toml").write_text('k = 1\nmodel = "/etc"\nchat_base_url = "http://evil"\n')
    result = run("search", "server", root, "--no-refresh")
    assert result.exit_code == 0
    assert result.stdout.count("│") > 0
    assert "'model' in the repository's codesearch.toml is ignored" in result.stderr
    assert "'chat_base_url' in the repository's codesearch.toml is ignored" in result.stderr


# --- the other verbs --------------------------------------------------------------------------------


def test_context_prints_what_was_counted(repository):
    from codesearch.counting import counter_for

    for form in ("text", "markdown", "xml", "json", "messages"):
        result = run("context", "wait before trying again", repository, "--budget", 200, "--format", form)
        assert result.exit_code == 0
        assert "retry.py" in result.stdout
        assert counter_for(None).count(result.stdout) <= 200
    small = run("context", "server", repository, "--budget", 60)
    assert small.stderr.startswith("2 more passages did not fit into 60 tokens (")
    none = run("context", "server", repository, "--budget", 5)
    assert (none.exit_code, none.stdout) == (1, "")
    assert "raise --budget" in none.stderr


def test_similar(repository):
    result = run("similar", f"{repository}/retry.py:5", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["query"] == "retry.py:5"
    assert "retry.py has lines 1 to 6" in one_sentence(run("similar", f"{repository}/retry.py:99"))
    assert "nowhere.py is not in the index" in one_sentence(run("similar", repository / "nowhere.py"))
    assert "There is no such file" in one_sentence(run("similar", repository / "no" / "where.py"))


def test_files(repository):
    result = run("files", "wait before trying again", repository, "-k", 1)
    assert result.stdout == "retry.py:1-6  pause_after\n"
    value = json.loads(run("files", "wait before trying again", repository, "--format", "json").stdout)
    assert value["files"][0]["path"] == "retry.py"
    assert len({file["path"] for file in value["files"]}) == len(value["files"]) == 3


def test_outline(repository, monkeypatch):
    result = run("outline", repository / "retry.py")
    assert result.stdout == "retry.py\n  4-6 function pause_after\n"
    everything = json.loads(run("outline", repository, "--format", "json").stdout)
    assert [s["name"] for s in everything["symbols"] if s["path"] == "router.py"] == ["add_route"]
    monkeypatch.chdir(repository / "docs")
    assert run("outline", ".").stdout.startswith("docs/guide.md\n")
    missing = run("outline", repository / "nowhere.py")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "is not in the index" in missing.stderr
    outside = run("outline", repository / ".." / "elsewhere.py")
    assert outside.exit_code == 2


def test_seen_files(repository, tmp_path):
    memory = tmp_path / "seen.json"
    first = run("search", "server", repository, "-k", 1, "--seen", memory)
    second = run("search", "server", repository, "-k", 1, "--seen", memory)
    assert first.exit_code == second.exit_code == 0
    assert first.stdout.split(":")[0] != second.stdout.split(":")[0]


def test_models(monkeypatch):
    assert "codesearch-edge" in run("models").stdout
    value = json.loads(run("models", "--json").stdout)
    assert value["models"][0]["name"] == "codesearch-edge"
    assert "is not a hub name" in one_sentence(run("models", "pull", "not a name"))
