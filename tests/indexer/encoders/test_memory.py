"""The memory model against what a process really took."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from indexer.encoders import memory as module
from indexer.encoders.memory import batch_tokens_within, bytes_per_token, resident_bytes
from indexer.errors import InputError
from indexer.models.architecture import Architecture, read_architecture
from indexer.models.checkpoint import open_checkpoint

CPU = torch.device("cpu")
PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from indexer.models.checkpoint import open_checkpoint
from indexer.encoders.encoder import Encoder
from indexer.encoders.memory import bytes_per_token, piece_bytes, resident_bytes
from indexer.chunking.pack import pack
from indexer.records import Window
checkpoint = open_checkpoint("codesearch-edge")
encoder = Encoder(checkpoint, device="cpu", dtype=sys.argv[1])
rng = np.random.default_rng(0)
def run(n):
    windows = [Window(i, rng.integers(10, 30000, 1024, dtype=np.int32), 0, 1024) for i in range(n)]
    (batch,) = pack(windows, 1024 * n)
    encoder.encode(batch)
def peak():  # of this program alone, which getrusage's is not: that begins at its parent's
    (line,) = (l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
run(1)
before = resident_bytes()
run(8)
itemsize = 2 if sys.argv[1] == "bfloat16" else 4
model = 8 * 1024 * bytes_per_token(checkpoint.architecture, itemsize, 64)
print(json.dumps({"measured": peak() - before, "model": model, "pieces": piece_bytes(1024)}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_model_bounds_the_measured_peak(dtype: str) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, dtype], cwd=root, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["measured"] <= found["model"] + found["pieces"]
    assert found["measured"] >= found["model"] / 3


def test_more_memory_makes_larger_batches_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resident_bytes", lambda: 550_000_000)
    checkpoint = open_checkpoint("codesearch-edge")
    sizes = [
        batch_tokens_within(checkpoint, CPU, torch.float32, limit)
        for limit in (950_000_000, 1_000_000_000, 2_000_000_000, 64_000_000_000)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] >= checkpoint.window_tokens
    assert sizes[2] == sizes[3] == 4096
    with pytest.raises(InputError, match=r"codesearch-edge needs [1-9][0-9]* MB of memory to read 1024"):
        batch_tokens_within(checkpoint, CPU, torch.float32, 500_000_000)


LENGTHS_PROGRAM = """
import sys
import numpy as np, torch
torch.set_num_threads(1)
from indexer.models.checkpoint import open_checkpoint
from indexer.encoders.encoder import Encoder
from indexer.encoders.memory import release_memory, resident_bytes
from indexer.chunking.pack import pack
from indexer.records import Window
encoder = Encoder(open_checkpoint("codesearch-edge"), device="cpu", dtype=sys.argv[1])
rng = np.random.default_rng(0)
def run(lengths):
    for n in lengths:
        (batch,) = pack([Window(0, rng.integers(10, 30000, n, dtype=np.int32), 0, n)], n)
        encoder.encode(batch)
    release_memory()
    return resident_bytes()
print(run(range(400, 410)), run(range(410, 450)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="as the system counts resident memory")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_batches_of_many_lengths_leave_nothing_behind(dtype: str) -> None:
    command = [sys.executable, "-c", LENGTHS_PROGRAM, dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, last = map(int, done.stdout.split())
    assert last - first < 25_000_000  # kernels of forty lengths


def test_what_others_hold_in_the_process_is_not_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = open_checkpoint("codesearch-edge")
    monkeypatch.setattr(module, "resident_bytes", lambda: 30_000_000_000)
    assert batch_tokens_within(checkpoint, CPU, torch.float32, 2_000_000_000) == 4096


def test_a_gpu_is_filled_to_four_fifths(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = replace(open_checkpoint("codesearch-edge"), window_tokens=64)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100_000_000, 200_000_000))
    tokens = batch_tokens_within(checkpoint, torch.device("cuda"), torch.bfloat16, 0)
    per_token = bytes_per_token(checkpoint.architecture, 2, 64)
    assert tokens == 80_000_000 // per_token


def test_a_base_model_takes_more_than_an_edge_model() -> None:
    base: Architecture = read_architecture({"model_type": "modernbert"}, "base")
    edge = open_checkpoint("codesearch-edge").architecture
    assert bytes_per_token(base, 4, 128) > 2 * bytes_per_token(edge, 4, 64)


def test_resident_memory_is_that_of_this_process() -> None:
    assert 10_000_000 < resident_bytes() < 64_000_000_000
