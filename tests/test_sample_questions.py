"""The questions on the sample repositories, put to the product as a person would: three answers each.

The bundled model's own figure is in README.md; the floor here is lower, so that a change of ranking that
moves single questions passes and one that breaks search does not.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from codesearch import CodeIndex
from codesearch.answers.lines import numbered_lines

ROOT = Path(__file__).parent.parent / "sample_repos"
QUESTIONS = json.loads((ROOT / "queries.json").read_text(encoding="utf-8"))["queries"]
FLOOR = 0.78
MAKEFILE = (ROOT.parent / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def samples(tmp_path_factory, task_queue):
    """Sample repositories by name, each a copy with its index."""
    folders = {"task_queue": task_queue}
    for repo in sorted({question["repo"] for question in QUESTIONS} - {"task_queue"}):
        folder = tmp_path_factory.mktemp("samples") / repo
        shutil.copytree(ROOT / repo, folder, symlinks=True)
        CodeIndex.build(folder).close()
        folders[repo] = folder
    return folders


@pytest.fixture(scope="module")
def found(samples):
    """Per question: whether a line of the expected span is shown in the first three passages."""
    shown = []
    for repo, folder in samples.items():
        with CodeIndex.open(folder) as index:
            shown += [answers(index, question) for question in QUESTIONS if question["repo"] == repo]
    return shown


def answers(index, question):
    expected = range(question["start_line"], question["end_line"] + 1)
    return any(
        number in expected
        for passage in index.search(question["query"], k=3)
        if passage.path == question["path"]
        for number, _ in numbered_lines(passage)
    )


def test_the_expected_span_is_among_three_answers(found):
    assert len(found) >= 60
    assert sum(found) / len(found) >= FLOOR


def test_what_make_run_asks_is_answered_by_the_first_passage(samples):
    asked = re.findall(r'search "([^"]+)" \$\(VENV\)/sample -k (\d+)', MAKEFILE)
    with CodeIndex.open(samples["task_queue"]) as index:
        first = {query: index.search(query, k=int(k))[0] for query, k in asked}
    assert {query: (passage.path, passage.symbol.partition(".")[0]) for query, passage in first.items()} == {
        "what happens when a job keeps failing": ("millrace/worker.py", "Worker"),
        "wait longer between attempts": ("millrace/backoff.py", "BackoffPolicy"),
    }
