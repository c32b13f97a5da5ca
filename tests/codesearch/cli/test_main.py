"""The group of commands: usage errors, streams and exit codes; what single commands say is in `commands/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from codesearch import __version__
from codesearch.cli.main import cli


def test_a_query_without_quotes(run, one_sentence):
    assert "put the whole query in quotes" in one_sentence(run("search", "how", "are", "routes"))


def test_an_unknown_command(run, one_sentence):
    assert one_sentence(run("serch", "x")).startswith("No such command 'serch'")
    assert "Did you mean 'search'? `" in one_sentence(run("serch", "x"))
    assert "Did you mean 'search'? `" in one_sentence(run("grep", "x"))
    assert "Did you mean" not in one_sentence(run("xyzzy"))
    message = one_sentence(run("how is a job claimed"))
    assert message.startswith("A question needs a command before it: `codesearch search")


def test_an_option_of_another_tool(run, one_sentence):
    for theirs, ours in (("--k", "-k"), ("--top-k", "-k"), ("--glob", "-g"), ("--type", "--lang")):
        assert f"Did you mean '{ours}'?" in one_sentence(run("search", "x", theirs, "3"))


def test_bare_is_the_help_and_no_sentence(run):
    bare = run()
    assert (bare.exit_code, bare.stdout) == (2, "")
    assert bare.stderr == run("--help").stdout


def test_output_on_a_full_device(python, repository):
    with Path("/dev/full").open("w") as full:
        done = python("search", "server", repository, stdout=full)
    assert done.returncode == 2
    assert done.stderr == "codesearch: The disk is full; free some space and run the same command again.\n"


def test_a_closed_pipe_is_no_error(python, repository):
    reader, writer = os.pipe()
    os.close(reader)
    done = python("search", "server", repository, "--format", "json", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_version_and_module(python):
    done = python("--version")
    assert done.stdout == f"codesearch, version {__version__}\n"


def test_the_process_ends_with_its_exit_functions_run_and_no_thread_waited_for() -> None:
    program = "import atexit, sys, threading, time; from codesearch.cli.main import main\n"
    program += (
        "threading.Thread(target=time.sleep, args=(600,)).start(); atexit.register(print, 'ended'); main()"
    )
    command = [sys.executable, "-c", program, "--no-such-option"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "ended\n")
    assert done.stderr.startswith("codesearch: No such option")


def test_an_ascii_terminal_gets_escapes(python, repository):
    done = python("search", "server", repository, "-k", 1, variables={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "\\u2502" in done.stdout


def test_a_query_may_begin_with_a_dash(run, repository, one_sentence):
    assert run("search", "- handler is not registered", repository).exit_code == 0
    assert run("files", "-Wall hides the handler", repository, "-k", 1).exit_code == 0
    assert run("search", "--", "-handler", repository).exit_code == 0
    assert "before a query that begins with a dash" in one_sentence(run("search", "-Wall", repository))


def test_help_and_version_in_every_spelling(run):
    assert run("help").stdout == run("--help").stdout
    assert run("help", "search").stdout == run("search", "--help").stdout
    assert run("-V").stdout == run("--version").stdout


def test_the_manual_page_has_every_command_and_option(run):
    page = run("--man").stdout
    context = cli.make_context("codesearch", ["--help"], resilient_parsing=True)
    for name in cli.list_commands(context):
        assert rf".SS codesearch {name}".replace("-", r"\-") in page
        for parameter in cli.get_command(context, name).params:
            assert all(option.replace("-", r"\-") in page for option in parameter.opts if option[0] == "-")
    assert not [line for line in page.splitlines() if line.startswith("'")]
    if shutil.which("groff"):
        command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
        done = subprocess.run(command, input=page, text=True, capture_output=True, check=False)
        assert done.stderr == ""


def test_an_expression_alone_is_no_query(run, one_sentence):
    for command in ("search", "files"):
        assert "say in words what you look for" in one_sentence(run(command, "--regex", "max_age="))
        assert "--help` lists the options" in one_sentence(run(command))


def test_two_words_without_quotes(run, repository, one_sentence):
    for command in ("search", "files", "context", "ask"):
        assert "put the whole query in quotes" in one_sentence(run(command, "handler", "registered"))
