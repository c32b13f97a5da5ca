"""The one-time check that bfloat16 ranks as float32 does, for one checkpoint on one machine.

It ranks twenty pieces of code by sentences about them, in both types. The verdict is
remembered in the user's cache folder, so that a build pays for it once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.chunking.pack import pack
from indexer.disk.remembered import recall, remember
from indexer.encoders.chunk_vectors import finish_single
from indexer.encoders.cpu_backbone import CpuBackbone, graph_key
from indexer.encoders.dense import load_dense
from indexer.encoders.query_encoder import QueryEncoder
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.pooling import pool_tokens
from indexer.models.tokens import ChunkTokenizer
from indexer.records import Chunk, Float32Array, QueryVectors, Window

_TEXTS = Path(__file__).with_name("precision_texts.json")
SAME_SCORE = 0.004
"""Passages whose float32 scores differ by less may change places: the difference carries no meaning."""


def ranks_alike(checkpoint: Checkpoint) -> bool:
    """True where bfloat16 changes no ranking beyond ties; computed once, then read from the cache.

    Computed again for another graph, library, CPU or model, and by other texts.
    """
    depends_on = f"{graph_key(checkpoint, 'bfloat16')} {SAME_SCORE} ".encode() + _TEXTS.read_bytes()
    record = hashlib.sha256(depends_on).hexdigest()[:32]
    known = recall("bfloat16", record).get("ranks_alike")
    if isinstance(known, bool):
        return known
    verdict = compare_types(checkpoint)
    remember("bfloat16", record, {"ranks_alike": verdict})
    return verdict


def compare_types(checkpoint: Checkpoint) -> bool:
    """The check itself: twenty passages ranked for the questions they answer, in both types."""
    texts = _texts()
    queries = QueryEncoder(checkpoint)
    tokenizer = ChunkTokenizer(checkpoint)
    chunks = [
        Chunk(i, "", "", "python", text.passage, 0, len(text.passage), 1, 1, 0, (), "")
        for i, text in enumerate(texts)
    ]
    windows = [
        Window(i, tokenized.input_ids[: checkpoint.window_tokens], 0, 0)
        for i, tokenized in enumerate(tokenizer.tokenize(chunks))
    ]
    questions = [queries.encode(text.question) for text in texts]
    exact, rounded = (_scores(checkpoint, dtype, windows, questions) for dtype in ("float32", "bfloat16"))
    return agree(exact, rounded)


def agree(exact: Float32Array, rounded: Float32Array) -> bool:
    """True where no two passages that `exact` tells apart stand the other way round in `rounded`.

    Both are (rankings, passages) scores, higher better.
    """
    ahead = exact[:, :, None] - exact[:, None, :] > SAME_SCORE
    return not bool((ahead & (rounded[:, :, None] < rounded[:, None, :])).any())


def _scores(
    checkpoint: Checkpoint, dtype: str, windows: Sequence[Window], questions: Sequence[QueryVectors]
) -> Float32Array:
    """(heads * questions, passages): cosine of single vectors, mean of best rows."""
    backbone = CpuBackbone(checkpoint, dtype, n_streams=1)
    columns = []
    for vectors in backbone.encode_all(batch for window in windows for batch in pack([window], 1)):
        hidden = vectors.hidden
        column = []
        if checkpoint.single is not None:
            head = checkpoint.single
            pooled = pool_tokens(head.pooling, hidden)
            vector = finish_single(pooled[None], load_dense(head.dense), head.dim)[0]
            column += [float(vector @ q.single) for q in questions if q.single is not None]
        if vectors.rows is not None:
            tables = [q.rows @ vectors.rows.T for q in questions if q.rows is not None]
            column += [float(table.max(axis=1).mean()) for table in tables]
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
