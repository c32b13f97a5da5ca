"""The one-time check that bfloat16 ranks as float32 does, for one checkpoint on one machine.

It ranks twenty pieces of code by sentences about them, in both types. The verdict is
remembered in the user's cache folder, so that a build pays for it once.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from indexer.disk.remembered import recall, remember
from indexer.encoders.attention import Borders, make_attention
from indexer.encoders.cpu_backbone import CpuBackbone
from indexer.encoders.dense import apply_dense, load_dense
from indexer.encoders.pool import finish_single, normalize_rows
from indexer.encoders.query_encoder import QueryEncoder
from indexer.models.checkpoint import Checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import Chunk, Float32Array, Int32Array, QueryVectors

_TEXTS = Path(__file__).with_name("precision_texts.json")
SAME_SCORE = 0.004
"""Passages whose float32 scores differ by less may change places: the difference carries no meaning."""


def ranks_alike(checkpoint: Checkpoint) -> bool:
    """True where bfloat16 changes no ranking beyond ties; computed once, then read from the cache."""
    machine = f"{platform.machine()}-{torch.backends.cpu.get_cpu_capability()}"
    key = f"{checkpoint.fingerprint[:32]}-{torch.__version__}-{machine}"
    record = key.replace("/", "_").replace(" ", "_")
    known = recall("bfloat16", record).get("ranks_alike")
    if isinstance(known, bool):
        return known
    verdict = compare_types(checkpoint)
    remember("bfloat16", record, {"ranks_alike": verdict})
    return verdict


@torch.inference_mode()
def compare_types(checkpoint: Checkpoint) -> bool:
    """The check itself: twenty passages ranked for the questions they answer, in both types."""
    texts = _texts()
    queries = QueryEncoder(checkpoint)
    tokenizer = ChunkTokenizer(checkpoint)
    chunks = [
        Chunk(i, "", "", "python", text.passage, 0, len(text.passage), 1, 1, 0, (), "")
        for i, text in enumerate(texts)
    ]
    ids = [tokenized.input_ids[: checkpoint.window_tokens] for tokenized in tokenizer.tokenize(chunks)]
    questions = [queries.encode(text.question) for text in texts]
    exact, rounded = (_scores(checkpoint, dtype, ids, questions) for dtype in (torch.float32, torch.bfloat16))
    return agree(exact, rounded)


def agree(exact: Float32Array, rounded: Float32Array) -> bool:
    """True where no two passages that `exact` tells apart stand the other way round in `rounded`.

    Both are (rankings, passages) scores, higher better.
    """
    ahead = exact[:, :, None] - exact[:, None, :] > SAME_SCORE
    return not bool((ahead & (rounded[:, :, None] < rounded[:, None, :])).any())


def _scores(
    checkpoint: Checkpoint, dtype: torch.dtype, ids: Sequence[Int32Array], questions: Sequence[QueryVectors]
) -> Float32Array:
    """(heads * questions, passages): cosine of single vectors, mean of best rows."""
    attention = make_attention(torch.device("cpu"), dtype, checkpoint.architecture.half_window)
    backbone = CpuBackbone(checkpoint, dtype, attention)
    dense = load_dense(checkpoint.rows.dense) if checkpoint.rows else ()
    columns = []
    for sequence in ids:
        n = len(sequence)
        borders = Borders(torch.tensor([0, n], dtype=torch.int32), (n,))
        hidden = backbone.forward(torch.from_numpy(sequence).long(), torch.arange(n), borders).numpy()
        column = []
        if checkpoint.single is not None:
            pooled = hidden[0] if checkpoint.single.pooling == "cls" else hidden.mean(axis=0)
            vector = finish_single(pooled[None], load_dense(checkpoint.single.dense), checkpoint.single.dim)[
                0
            ]
            column += [float(vector @ q.single) for q in questions if q.single is not None]
        if checkpoint.rows is not None:
            rows = normalize_rows(apply_dense(hidden, dense))
            column += [float((q.rows @ rows.T).max(axis=1).mean()) for q in questions if q.rows is not None]
        columns.append(column)
    return np.array(columns, dtype=np.float32).T


@dataclass(frozen=True, slots=True)
class _Text:
    question: str
    passage: str


def _texts() -> list[_Text]:
    """Twenty sentences about code, and the code that each is about."""
    pairs = json.loads(_TEXTS.read_text(encoding="utf-8"))
    return [_Text(pair["question"], pair["passage"]) for pair in pairs]
