"""One contender of `encode.py` in a process of its own: encodes the texts, prints speed and peak memory.

    python encode_contenders.py CONTENDER MODEL_FOLDER TEXTS_JSON DTYPE THREADS REPEATS

Contenders: `transformers` (padded SDPA, sorted by length), `sentence-transformers` and `pylate` (their
own `encode`), `ours` (from texts to pooled vectors and rows, the build's chain), `ours-forward` (the
forward pass alone, what `transformers` is timed for). A library's batch size is the fastest of several
on a sample.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
SAMPLE_TOKENS = 6_000

Run = Callable[[Sequence[str]], None]


def main() -> int:
    """Time one contender and print one line of JSON."""
    name, folder, texts_file, dtype, threads, repeats = sys.argv[1:]
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(PROJECT))
    data = json.loads(Path(texts_file).read_text())
    texts, n_tokens = data["texts"], sum(data["n_tokens"])
    sample = _sample(texts, data["n_tokens"])
    start_bytes = peak_bytes()
    made = {"transformers": _transformers, "sentence-transformers": _sentence, "pylate": _pylate}
    best_size: int | None = None
    if name in made:
        import torch

        torch.set_num_threads(int(threads))
        make = made[name](Path(folder), getattr(torch, dtype))
        seconds = {size: _time(make(size), sample) for size in BATCH_SIZES if size <= max(1, len(sample))}
        best_size = min(seconds, key=seconds.__getitem__)
        run = make(best_size)
    else:
        run = _ours(Path(folder), dtype, int(threads), forward_only=name == "ours-forward")
    run(sample)
    loaded_bytes = resident_bytes()
    reset_peak()
    wall, cpu = [], []
    for _ in range(int(repeats)):
        start = time.process_time()
        wall.append(_time(run, texts))
        cpu.append(time.process_time() - start)
    print(
        json.dumps(
            {
                "contender": name,
                "batch_size": best_size,
                "n_tokens": n_tokens,
                "seconds": wall,
                "cpu_seconds": cpu,
                "tokens_per_second": n_tokens / min(wall),
                "tokens_per_cpu_second": n_tokens / min(cpu),
                "peak_bytes": peak_bytes(),
                "loaded_bytes": loaded_bytes,
                "imported_bytes": start_bytes,
            }
        )
    )
    return 0


def _time(run: Run, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    run(texts)
    return time.perf_counter() - start


def _sample(texts: Sequence[str], lengths: Sequence[int]) -> list[str]:
    """Texts of about `SAMPLE_TOKENS` from the front: at least two, so that padding shows."""
    chosen, total = [], 0
    for text, length in zip(texts, lengths, strict=True):
        chosen.append(text)
        total += length
        if total >= SAMPLE_TOKENS and len(chosen) >= 2:
            break
    return chosen


def _transformers(folder: Path, dtype: Any) -> Callable[[int], Run]:
    import torch
    from tokenizers import Tokenizer
    from transformers import ModernBertModel

    model = ModernBertModel.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def make(batch_size: int) -> Run:
        def run(texts: Sequence[str]) -> None:
            ids = sorted(
                (encoding.ids for encoding in tokenizer.encode_batch(list(texts))), key=len, reverse=True
            )
            for start in range(0, len(ids), batch_size):
                batch = ids[start : start + batch_size]
                longest = len(batch[0])
                tokens = torch.tensor([x + [0] * (longest - len(x)) for x in batch])
                mask = torch.tensor([[1] * len(x) + [0] * (longest - len(x)) for x in batch])
                with torch.inference_mode():
                    model(input_ids=tokens, attention_mask=mask)

        return run

    return make


def _sentence(folder: Path, dtype: Any) -> Callable[[int], Run]:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    arguments = {"dtype": dtype, "attn_implementation": "sdpa"}
    backbone = Transformer(str(folder), max_seq_length=8192, model_args=arguments)
    model = SentenceTransformer(
        modules=[backbone, Pooling(backbone.get_word_embedding_dimension())], device="cpu"
    )

    def make(batch_size: int) -> Run:
        def run(texts: Sequence[str]) -> None:
            model.encode(list(texts), batch_size=batch_size, show_progress_bar=False)

        return run

    return make


def _pylate(folder: Path, dtype: Any) -> Callable[[int], Run]:
    from pylate import models

    model = models.ColBERT(
        str(folder), device="cpu", model_kwargs={"dtype": dtype, "attn_implementation": "sdpa"}
    )

    def make(batch_size: int) -> Run:
        def run(texts: Sequence[str]) -> None:
            model.encode(list(texts), batch_size=batch_size, is_query=False, show_progress_bar=False)

        return run

    return make


def _ours(folder: Path, dtype: str, threads: int, *, forward_only: bool) -> Run:
    import numpy as np

    from indexer.chunking.pack import pack, split_vectors
    from indexer.chunking.windows import cut_windows, join_windows
    from indexer.encoders.chunk_vectors import pool_chunk, pool_recipe
    from indexer.encoders.encoder import Encoder
    from indexer.models.checkpoint import open_checkpoint
    from indexer.models.tokens import ChunkTokenizer
    from indexer.records import Chunk, SequenceVectors

    checkpoint = open_checkpoint(str(folder))
    tokenizer = ChunkTokenizer(checkpoint)
    encoder = Encoder(checkpoint, threads=threads, device="cpu", dtype=dtype, max_memory_bytes=8_000_000_000)
    no_areas = np.empty((0, 2), np.int32)
    recipe = pool_recipe(checkpoint, tokenizer.skip_ids(), tokenizer.n_document_prompt)

    def run(texts: Sequence[str]) -> None:
        chunks = [
            Chunk(i, "", "", "python", text, 0, len(text), 1, 1, 0, (), "") for i, text in enumerate(texts)
        ]
        tokenized = tokenizer.tokenize(chunks)
        groups, windows = [], []
        for one in tokenized:
            cut = cut_windows(one, checkpoint.window_tokens, checkpoint.overlap_tokens, len(windows))
            groups.append(cut)
            windows += cut
        parts: dict[int, SequenceVectors] = {}
        batches = pack(windows, encoder.batch_tokens, encoder.short_lane_tokens)
        for vectors in encoder.encode_all(batches):
            if not forward_only:
                parts |= {part.sequence_id: part for part in split_vectors(vectors)}
        if not forward_only:
            for chunk, one, cut in zip(chunks, tokenized, groups, strict=True):
                joined = join_windows(chunk.chunk_id, cut, [parts.pop(window.window_id) for window in cut])
                pool_chunk(one, chunk.start_char, no_areas, joined, recipe)

    return run


def peak_bytes() -> int:
    """Peak resident memory of this process since `reset_peak`."""
    return _status("VmHWM")


def resident_bytes() -> int:
    """Resident memory now."""
    return _status("VmRSS")


def reset_peak() -> None:
    """Begin a new peak; where the kernel forbids it, the old one stays."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
