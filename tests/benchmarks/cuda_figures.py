"""What a GPU makes of it: tokens a second of the forward pass, and a tree from files to index.

    python tests/benchmarks/cuda_figures.py TREE                              # with CUDA and the extra gpu
    python tests/benchmarks/cuda_figures.py TREE --device cpu --tokens 5000   # a dry run anywhere

The same texts as `encode.py`'s, packed, in the type that the encoder chooses; the fastest of the repeats
counts, the first pass none. The tree is copied and indexed by the command itself, which takes a GPU where
there is one; a dry run hides it. Prints one line of JSON and ends with 2 where the device is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from encode_data import BUNDLED, SETS, load_set, model_folder

from indexer.chunking.pack import pack, utilisation
from indexer.encoders.encoder import Encoder
from indexer.errors import CodesearchError
from indexer.models.checkpoint import open_checkpoint
from indexer.records import Window


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Encoding and indexing on a GPU.")
    parser.add_argument("tree", type=Path, help="the folder to index")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tokens", type=int, default=2_000_000, help="of each set of texts")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            checkpoint = open_checkpoint(str(model_folder("edge", Path(scratch))))
            encoder = Encoder(checkpoint, device=arguments.device)
        except CodesearchError as error:
            print(error, file=sys.stderr)
            return 2
        result: dict[str, Any] = {"device": _device_name(encoder.device), "dtype": encoder.dtype_name}
        for name in SETS:
            result[name] = _encoding(encoder, name, arguments.tokens, arguments.repeats)
        result["index"] = _indexing(arguments.tree, Path(scratch), hide_gpu=encoder.device == "cpu")
    print(json.dumps(result))
    return 0


def _encoding(encoder: Encoder, name: str, n_tokens: int, repeats: int) -> dict[str, float]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
    texts = load_set(name, n_tokens)
    windows = [
        Window(i, encoded.ids, 0, len(encoded.ids))
        for i, encoded in enumerate(tokenizer.encode_batch(texts.texts))
    ]
    seconds = []
    for _ in range(1 + repeats):
        started = time.perf_counter()
        batches = pack(windows, encoder.batch_tokens, encoder.short_lane_tokens)
        for _vectors in encoder.encode_all(batches):
            pass  # they come back to main memory, as a build has them
        seconds.append(time.perf_counter() - started)
    total = sum(len(window.input_ids) for window in windows)
    return {
        "n_tokens": total,
        "tokens_per_second": total / min(seconds[1:]),
        "utilisation": utilisation(batches, encoder.block_tokens),
    }


def _indexing(tree: Path, scratch: Path, *, hide_gpu: bool) -> dict[str, float]:
    copy = scratch / "tree"
    shutil.copytree(tree, copy, symlinks=True, ignore=shutil.ignore_patterns(".codesearch"))
    # Nothing is known of other indexes, whose vectors a build would take.
    environment = os.environ | {
        f"XDG_{kind}_HOME": str(scratch / kind) for kind in ("STATE", "DATA", "CONFIG")
    }
    environment |= {"CUDA_VISIBLE_DEVICES": ""} if hide_gpu else {}
    command = [sys.executable, "-m", "codesearch", "index", str(copy), "--json"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    report: dict[str, float] = json.loads(done.stdout)
    names = ("n_files", "n_encoded_tokens", "elapsed_seconds", "utilisation")
    return {"seconds": time.perf_counter() - started, **{name: report[name] for name in names}}


def _device_name(device: str) -> str:
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)


if __name__ == "__main__":
    raise SystemExit(main())
