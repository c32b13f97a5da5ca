"""Measures encoding: ours against padded transformers, sentence-transformers and PyLate, on the same files.

    python tests/benchmarks/encode.py                         # everything; an hour on two cores
    python tests/benchmarks/encode.py --sizes edge --dtypes bfloat16 --tokens 33000 \\
        --contenders transformers,ours-forward,ours-forward-busy --no-extras     # the three ratios, minutes
    python tests/benchmarks/encode.py --label two-cores       # and keep the result in results/

Each contender runs in a process of its own (`encode_contenders.py`), on the same real files
(`encode_data.py`), with the same threads and number type. Beside them: a roofline (our FLOP/s over those
of bare matrix products of the same shapes), the forward pass beside four busy processes, and the time of
a query. GPU figures are taken where there is a GPU and are absent elsewhere.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encode_data import SETS, SIZES, TextSet, load_set, model_folder

if TYPE_CHECKING:
    from indexer.models.architecture import Architecture

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CONTENDERS = ("transformers", "sentence-transformers", "pylate", "ours-forward", "ours", "ours-forward-busy")
N_BUSY_PROCESSES = 4
"""Beside a contender whose name ends in `-busy`."""
DEFAULT_TOKENS = {("edge", "functions"): 60_000, ("edge", "files"): 80_000, ("edge", "long"): 49_152}
BASE_TOKENS = {"functions": 8_000, "files": 20_000, "long": 16_384}
TARGETS = {"functions": 2.0, "files": 3.5, "long": 3.0}


def main() -> int:
    """Run what was asked for, print tables, keep the result where a label is given."""
    arguments = _parser().parse_args()
    sys.path.insert(0, str(HERE.parents[1]))
    result: dict[str, Any] = {"machine": _machine(arguments), "runs": []}
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch)
        for size in arguments.sizes.split(","):
            folder = model_folder(size, cache)
            for name in arguments.sets.split(","):
                texts = load_set(name, arguments.tokens or _n_tokens(size, name))
                for dtype in arguments.dtypes.split(","):
                    runs = _compare(arguments, folder, texts, dtype, cache)
                    result["runs"].append(
                        {
                            "size": size,
                            "set": name,
                            "dtype": dtype,
                            "clock": arguments.clock,
                            "contenders": runs,
                            **_shape(texts, folder),
                        }
                    )
                    print(_table(result["runs"][-1]), flush=True)
            if not arguments.no_extras:
                for dtype in arguments.dtypes.split(","):
                    result.setdefault("roofline", []).append(
                        _roofline(folder, size, dtype, arguments.threads)
                    )
                    print(json.dumps(result["roofline"][-1]), flush=True)
        if not arguments.no_extras:
            result["query"] = _query_times()
            print(json.dumps(result["query"]), flush=True)
    if arguments.label:
        _keep(result, arguments.label)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Encoding speed and memory against other libraries.")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--dtypes", default="bfloat16,float32")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="what ratios are taken of; processor time of one thread is nearly independent of other load",
    )
    parser.add_argument("--repeats", type=int, default=2, help="the fastest pass counts")
    parser.add_argument("--tokens", type=int, default=0, help="tokens of every set; default by size and set")
    parser.add_argument("--no-extras", action="store_true", help="no roofline and query times")
    parser.add_argument("--label", default="", help="keep the result under this name")
    return parser


def _n_tokens(size: str, name: str) -> int:
    return DEFAULT_TOKENS.get((size, name), BASE_TOKENS[name])


def _shape(texts: TextSet, folder: Path) -> dict[str, Any]:
    from indexer.models.checkpoint import open_checkpoint

    a = open_checkpoint(str(folder)).architecture
    lengths = sorted(texts.n_tokens)
    ours = _n_operations(a, lengths, sum(a.layer_is_global))
    return {
        "operations_ratio": _n_operations(a, lengths, a.n_layers) / ours,
        "n_texts": len(lengths),
        "n_tokens": texts.total,
        "median_tokens": lengths[len(lengths) // 2],
        "longest_tokens": lengths[-1],
    }


def _compare(
    arguments: argparse.Namespace, folder: Path, texts: TextSet, dtype: str, scratch: Path
) -> list[dict[str, Any]]:
    file = scratch / "texts.json"
    file.write_text(json.dumps({"texts": texts.texts, "n_tokens": texts.n_tokens}))
    runs = []
    for contender in arguments.contenders.split(","):
        command = [
            sys.executable,
            str(HERE / "encode_contenders.py"),
            contender.removesuffix("-busy"),
            str(folder),
            str(file),
            dtype,
        ]
        command += [str(arguments.threads), str(arguments.repeats)]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(arguments.threads),
            "TOKENIZERS_PARALLELISM": "false",
        }
        with _busy(N_BUSY_PROCESSES if contender.endswith("-busy") else 0):
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            runs.append({"contender": contender, "error": done.stderr.strip().splitlines()[-1:]})
            continue
        runs.append({**json.loads(done.stdout.strip().splitlines()[-1]), "contender": contender})
        runs[-1]["load_average"] = os.getloadavg()[0]
    return runs


@contextmanager
def _busy(n_processes: int) -> Iterator[None]:
    """Other work beside what is measured: processes that count."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_processes)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _table(run: dict[str, Any]) -> str:
    key = "tokens_per_second" if run["clock"] == "wall" else "tokens_per_cpu_second"
    unit = "s" if run["clock"] == "wall" else "CPU s"
    lines = [
        f"\n{run['size']}, {run['set']}, {run['dtype']}: {run['n_texts']} texts, {run['n_tokens']} tokens,"
        f" median {run['median_tokens']}, longest {run['longest_tokens']}\n",
        f"| contender | batch | tokens/{unit} | ours over it | peak memory |",
        "|---|---|---|---|---|",
    ]
    speeds = {c["contender"]: c[key] for c in run["contenders"] if "error" not in c}
    for c in run["contenders"]:
        if "error" in c:
            lines.append(f"| {c['contender']} | | failed: {c['error']} | | |")
            continue
        # transformers is timed for the forward pass alone, the libraries for text to vectors.
        ours = speeds.get("ours-forward" if c["contender"] == "transformers" else "ours")
        ratio = f"{ours / c[key]:.2f}x" if ours and not c["contender"].startswith("ours") else ""
        size = c["batch_size"] or "packed"
        lines.append(
            f"| {c['contender']} | {size} | {c[key]:,.0f} | {ratio} | {c['peak_bytes'] / 1e9:.2f} GB |"
        )
    others = [speed for name, speed in speeds.items() if not name.startswith("ours")]
    if others and "ours-forward" in speeds:
        ratio, target = speeds["ours-forward"] / max(others), TARGETS[run["set"]]
        lines.append(f"\nOurs over the best padded: {ratio:.2f}x (target {target}x).")
        lines.append(
            f"Every layer global, as in transformers, is {run['operations_ratio']:.2f}x the arithmetic of"
            " ours, without a token of filling."
        )
    return "\n".join(lines)


def _n_operations(a: Architecture, lengths: Sequence[int], n_global: int) -> int:
    """Floating-point operations of a pass over sequences of these lengths; layers that are not global
    compare each token with three blocks of keys."""
    dense = 2 * a.n_layers * sum(n_in * n_out for n_in, n_out in _products(a))
    n_keys = {n: n_global * n + (a.n_layers - n_global) * min(n, 3 * a.half_window) for n in set(lengths)}
    return sum(n * (dense + 4 * n_keys[n] * a.hidden_size) for n in lengths)


def _products(a: Architecture) -> list[tuple[int, int]]:
    """Numbers into and out of each matrix of a layer."""
    return [
        (a.hidden_size, 3 * a.hidden_size),
        (a.hidden_size, a.hidden_size),
        (a.hidden_size, 2 * a.intermediate_size),
        (a.intermediate_size, a.hidden_size),
    ]


def _best(function: Callable[[], object], repeats: int) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _roofline(folder: Path, size: str, dtype: str, threads: int) -> dict[str, Any]:
    """FLOP/s of our forward pass at three lengths, over bare matrix products of the same shapes."""
    import numpy as np
    import torch

    from indexer.chunking.pack import pack
    from indexer.encoders.encoder import Encoder
    from indexer.models.checkpoint import open_checkpoint
    from indexer.records import Window

    torch.set_num_threads(threads)
    checkpoint = open_checkpoint(str(folder))
    a, encoder = (
        checkpoint.architecture,
        Encoder(checkpoint, threads=threads, device="cpu", dtype=dtype, max_memory_bytes=8_000_000_000),
    )
    torch_dtype = getattr(torch, dtype)
    n = 8192 if size == "edge" else 4096
    products = [
        (torch.randn(n, i, dtype=torch_dtype), torch.randn(o, i, dtype=torch_dtype)) for i, o in _products(a)
    ]
    with torch.inference_mode():
        seconds = _best(lambda: [torch.nn.functional.linear(x, w) for x, w in products], 5)
    bare = 2 * n * sum(i * o for i, o in _products(a)) / seconds
    points = []
    for length in (256, 1024, n):
        rng = np.random.default_rng(0)
        windows = [
            Window(i, rng.integers(10, 30_000, length, dtype=np.int32), 0, length) for i in range(n // length)
        ]
        batches = pack(windows, encoder.batch_tokens, encoder.short_lane_tokens)
        seconds = _best(lambda batches=batches: list(encoder.encode_all(batches)), 2)
        flops = _n_operations(a, [length] * (n // length), sum(a.layer_is_global))
        points.append(
            {
                "length": length,
                "tokens_per_second": n / seconds,
                "gigaflops": flops / seconds / 1e9,
                "of_roofline": flops / seconds / bare,
            }
        )
    return {"size": size, "dtype": dtype, "bare_gigaflops": bare / 1e9, "points": points}


def _query_times() -> dict[str, Any]:
    """Loading for, and encoding of, a query of ten words, in a fresh process."""
    program = """
import json, time
start = time.perf_counter()
from indexer.models.checkpoint import open_checkpoint
from indexer.encoders.query_encoder import QueryEncoder
imported = time.perf_counter()
queries = QueryEncoder(open_checkpoint("codesearch-edge"))
loaded = time.perf_counter()
times = []
for i in range(50):
    start_one = time.perf_counter()
    queries.encode(f"how are the routes of an application registered by name {i}")
    times.append(time.perf_counter() - start_one)
found = {"import_ms": imported - start, "load_ms": loaded - imported, "first_ms": times[0],
         "median_ms": sorted(times)[25], "best_ms": min(times)}
print(json.dumps({name: 1e3 * seconds for name, seconds in found.items()}))
"""
    command = [sys.executable, "-c", program]
    done = [
        subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    runs = [json.loads(one.stdout) for one in done]
    return min(runs, key=lambda run: run["load_ms"])


def _machine(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("torch", "transformers", "sentence-transformers", "pylate", "tokenizers", "numpy", "openvino")
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": arguments.threads,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in names},
        "gpu": "not measured: no GPU on this machine",
        "load_average_at_start": os.getloadavg(),
        "command": " ".join(["python tests/benchmarks/encode.py", *sys.argv[1:]]),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _keep(result: dict[str, Any], label: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    stem = f"encode-{datetime.date.today().isoformat()}-{label}"
    (RESULTS / f"{stem}.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / f"{stem}.md").write_text(_summary(result) + "\n")


def _summary(result: dict[str, Any]) -> str:
    machine = result["machine"]
    lines = [
        "# Encoding: ours against padded libraries",
        "",
        f"`{machine['command']}` on {machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads,"
        f" Python {machine['python']}, "
        + ", ".join(f"{k} {v}" for k, v in machine["packages"].items())
        + ".",
        f"Load average at the start {machine['load_average_at_start'][0]:.1f}. GPU: {machine['gpu']}.",
        *(_table(run) for run in result["runs"]),
    ]
    for line in result.get("roofline", []):
        lines.append(
            f"\nRoofline, {line['size']} {line['dtype']}: bare {line['bare_gigaflops']:.0f} GFLOP/s;"
        )
        for p in line["points"]:
            speed = f"{p['tokens_per_second']:,.0f} tokens/s, {p['gigaflops']:.0f} GFLOP/s"
            lines.append(f"- passes of {p['length']}: {speed} ({p['of_roofline']:.0%})")
    if "query" in result:
        lines.append(
            "\nA query of ten words: " + ", ".join(f"{k} {v:.1f}" for k, v in result["query"].items())
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
