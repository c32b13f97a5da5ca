"""What a cold start loads, seen from outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import codesearch

ROOT = Path(codesearch.__file__).parents[1]
HEAVY = {"torch", "transformers", "textual", "faiss", "pylate", "sentence_transformers", "mcp", "openai"}


def modules_after(statement):
    start, end = f"import sys\nsys.path.insert(0, {str(ROOT)!r})", "print(*sys.modules, file=sys.stderr)"
    code = f"{start}\n{statement}\n{end}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stderr.split()}


def test_the_api_loads_no_torch():
    assert not modules_after("from codesearch import CodeIndex") & (HEAVY | {"tree_sitter"})


def test_a_build_with_nothing_to_encode_loads_no_torch(tmp_path, task_queue):
    root = tmp_path / "task_queue"
    shutil.copytree(task_queue, root)
    build = (
        "from pathlib import Path\n"
        "from codesearch.locate import build_index\n"
        f"root = Path({str(root)!r})\n"
        "readme = root / 'README.md'\n"
        "build_index(root)\n"
        "kept = readme.read_bytes()\n"
        "readme.unlink()\n"  # as after a switch to another branch
        "build_index(root)\n"
        "readme.write_bytes(kept)\n"
        "build_index(root)\n"
    )
    assert not modules_after(build) & HEAVY
