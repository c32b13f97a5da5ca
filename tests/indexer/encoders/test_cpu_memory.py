"""The memory model against what a process really took."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.encoders import cpu_memory as module
from indexer.encoders.cpu_memory import _LIBRARY_BYTES, streams_within
from indexer.errors import InputError
from indexer.models.checkpoint import open_checkpoint

PROGRAM = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from indexer.models.checkpoint import open_checkpoint
from indexer.encoders.encoder import Encoder
from indexer.encoders.cpu_memory import _STREAM_BYTES, bytes_per_token, release_memory, resident_bytes
from indexer.chunking.pack import pack
from indexer.records import Window
checkpoint = replace(open_checkpoint("codesearch-edge"), window_tokens=6000)
encoder = Encoder(checkpoint, device="cpu", dtype=sys.argv[1], threads=1)
rng = np.random.default_rng(0)
def encode(n):
    (batch,) = pack([Window(0, rng.integers(10, 30000, n, dtype=np.int32), 0, n)], n)
    encoder.encode(batch)
def peak():  # of this program alone, which getrusage's is not: that begins at its parent's
    (line,) = (l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
def left(lengths):
    for n in lengths:
        encode(n)
    release_memory()
    return resident_bytes()
before = resident_bytes()
encode(6000)
measured = peak() - before
itemsize = 2 if sys.argv[1] == "bfloat16" else 4
model = _STREAM_BYTES + 6000 * bytes_per_token(checkpoint.architecture, itemsize, 64)
grown = -left(range(65, 70)) + left(range(70, 110))
print(json.dumps({"measured": measured, "model": model, "loaded": before, "grown": grown}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_model_bounds_the_measured_peak_and_batches_of_many_lengths_leave_nothing(dtype: str) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, dtype], cwd=root, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["model"] / 3 <= found["measured"] <= found["model"]
    assert found["loaded"] <= _LIBRARY_BYTES  # the compiled model comes on top
    assert found["grown"] < 25_000_000  # kernels of forty lengths


def test_more_memory_makes_more_batches_at_once_up_to_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resident_bytes", lambda: 200_000_000)
    checkpoint = open_checkpoint("codesearch-edge")
    counts = [
        streams_within(checkpoint, "float32", limit, 8)
        for limit in (600_000_000, 700_000_000, 2_000_000_000, 64_000_000_000)
    ]
    assert counts == sorted(counts)
    assert 1 <= counts[0] < counts[1] < counts[2] == counts[3] == 8
    with pytest.raises(InputError, match=r"codesearch-edge needs [1-9][0-9]* MB of memory to read 1024"):
        streams_within(checkpoint, "float32", 400_000_000, 8)


def test_what_others_hold_in_the_process_is_not_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = open_checkpoint("codesearch-edge")
    monkeypatch.setattr(module, "resident_bytes", lambda: 30_000_000_000)
    assert streams_within(checkpoint, "float32", 2_000_000_000, 2) == 2
