"""The base installation: the main jobs run where no extra's package can be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_repos" / "task_queue"
PROGRAM = """
import asyncio, shutil, sys
from pathlib import Path

for name in '''
    torch transformers pylate sentence_transformers fast_plaid flash_attn safetensors openai pypdfium2 lxml
    tiktoken textual_serve langchain_core llama_index openvino_telemetry
'''.split():
    sys.modules[name] = None  # its import fails as where it is not installed
from codesearch import BuildSettings, CodeIndex

root = Path(sys.argv[2])
root.mkdir()
for name in ("backoff.py", "worker.py"):
    shutil.copy(Path(sys.argv[1], "millrace", name), root)
with CodeIndex.build(root) as index:
    for mode in ("hybrid", "single", "colbert", "lexical"):
        assert index.search("wait longer between attempts", k=2, mode=mode), mode

async def main():
    from codesearch.agents.mcp_server import make_server
    from tui.app import CodesearchApp

    assert await make_server([root]).list_tools()
    app = CodesearchApp((root,), state_file=root.parent / "state.json")
    async with app.run_test() as pilot:
        await pilot.pause()

asyncio.run(main())
try:
    CodeIndex.build(root, settings=BuildSettings(vectors="plaid"), rebuild=True)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_index_search_tui_and_mcp_without_any_extra(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SAMPLE), str(tmp_path / "tree")],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "MissingExtraError PLAID needs a package: pip install 'codesearch-local[pylate]'"
    )
