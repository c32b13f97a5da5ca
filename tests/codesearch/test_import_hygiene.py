"""What a cold start loads, seen from outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import codesearch

ROOT = Path(codesearch.__file__).parents[1]
HEAVY = {"torch", "transformers", "textual", "faiss", "pylate", "sentence_transformers", "mcp", "openai"}


def modules_after(statement):
    start, end = f"import sys\nsys.path.insert(0, {str(ROOT)!r})", "print(*sys.modules, file=sys.stderr)"
    code = f"{start}\n{statement}\n{end}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stderr.split()}


def test_importing_the_package_loads_nothing_of_others():
    assert not modules_after("import codesearch") & (HEAVY | {"numpy", "click", "rich", "tokenizers"})


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["index", "--help"], ["--version"]])
def test_help_loads_no_engine(arguments):
    run = f"from codesearch.cli.main import cli\ntry:\n    cli({arguments!r})\nexcept SystemExit:\n    pass"
    assert not modules_after(run) & (HEAVY | {"numpy", "tokenizers", "sqlite_utils", "tree_sitter"})


def test_the_api_loads_no_torch():
    assert not modules_after("from codesearch import CodeIndex") & (HEAVY | {"tree_sitter"})


def test_a_build_with_nothing_to_encode_loads_no_torch(tmp_path, task_queue):
    root = tmp_path / "task_queue"
    shutil.copytree(task_queue, root)
    build = f"from codesearch.locate import build_index\nbuild_index({str(root)!r})"
    assert not modules_after(build) & HEAVY
    (root / "README.md").unlink()  # as after a switch to another branch
    assert not modules_after(build) & HEAVY
    shutil.copy(task_queue / "README.md", root)
    assert not modules_after(build) & HEAVY
