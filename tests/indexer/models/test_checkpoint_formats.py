"""Vectors of checkpoints that PyLate and sentence-transformers saved, against those libraries' own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.chunking.pack import pack, split_vectors
from indexer.chunking.windows import cut_windows, join_windows
from indexer.encoders.chunk_vectors import PooledChunk, pool_chunk, pool_recipe
from indexer.encoders.encoder import Encoder
from indexer.encoders.query_encoder import QueryEncoder
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import Chunk

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore")
SaveTiny = Callable[..., Path]
HEADER = "src/router.py"
NO_AREAS = np.empty((0, 2), np.int32)
DOCUMENTS = (
    "def route(path):\n    return Router.open(path)[0] # (comment)",
    "x",
    "\tclass Index:\n\n\tdef search(self, query, k=10):\n\t\traise NotImplementedError('é😀')\n" * 3,
)
QUERIES = ("how does the router open a path", "getUserName", "é😀 ( ) index " * 30)


def embed(checkpoint: Checkpoint, texts: Sequence[str]) -> list[PooledChunk]:
    """Our own chain, stage by stage, as the build composes it."""
    tokenizer = ChunkTokenizer(checkpoint)
    encoder = Encoder(checkpoint, device="cpu", dtype="float32")
    recipe = pool_recipe(checkpoint, tokenizer.skip_ids(), tokenizer.n_document_prompt)
    chunks = [
        Chunk(i, HEADER, "", "python", text, 0, len(text), 1, 1, 0, (), HEADER)
        for i, text in enumerate(texts)
    ]
    embeddings = []
    for chunk, tokenized in zip(chunks, tokenizer.tokenize(chunks), strict=True):
        windows = cut_windows(tokenized, checkpoint.window_tokens, checkpoint.overlap_tokens, 0)
        parts = {
            p.sequence_id: p
            for b in pack(windows, encoder.batch_tokens)
            for p in split_vectors(encoder.encode(b))
        }
        joined = join_windows(chunk.chunk_id, windows, [parts[window.window_id] for window in windows])
        embeddings.append(pool_chunk(tokenized, 0, NO_AREAS, joined, recipe))
    return embeddings


def library_texts() -> list[str]:
    return [f"{HEADER}\n{text}" for text in DOCUMENTS]


# --- PyLate ------------------------------------------------------------------------------------


def colbert(folder: Path, **settings: Any) -> Any:
    from pylate import models

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        return models.ColBERT(str(folder), device="cpu", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"document_length": 400, "query_length": 40, "do_query_expansion": False},
        {
            "document_length": 400,
            "query_length": 24,
            "do_query_expansion": True,
            "skiplist_words": ["(", ")", "zz"],
        },
        {
            "document_length": 400,
            "query_length": 90,
            "attend_to_expansion_tokens": True,
            "query_prefix": "[Q]",
        },
        {"document_length": 400, "query_prefix": "", "document_prefix": "", "skiplist_words": []},
    ],
    ids=["no-expansion", "expansion", "attended-expansion", "no-prefix"],
)
def test_pylate_documents_and_queries(tmp_path: Path, plain_folder: Path, settings: dict[str, Any]) -> None:
    made = colbert(plain_folder, embedding_size=8, **settings)
    made.save(str(tmp_path / "m"), create_model_card=False)
    library = colbert(tmp_path / "m")
    checkpoint = open_checkpoint(str(tmp_path / "m"))
    assert (checkpoint.format, checkpoint.kind) == ("pylate", "multi-vector")
    documents = library.encode(library_texts(), is_query=False)
    for ours, theirs in zip(embed(checkpoint, DOCUMENTS), documents, strict=True):
        assert not len(ours.single)
        assert len(ours.rows)
        assert ours.rows.shape == theirs.shape
        assert np.abs(ours.rows - theirs).max() < 1e-4
    encoder = QueryEncoder(checkpoint)
    for query in QUERIES:
        rows, theirs = encoder.encode(query).rows, library.encode([query], is_query=True)[0]
        assert rows is not None
        assert rows.shape == theirs.shape
        assert np.abs(rows - theirs).max() < 1e-4


def test_pylate_with_several_layers_residuals_and_activations(tmp_path: Path, plain_folder: Path) -> None:
    from pylate import models

    made = colbert(plain_folder, embedding_size=32, document_length=400)
    torch.manual_seed(4)
    made[1] = models.Dense(32, 32, bias=True, activation_function=torch.nn.GELU(), use_residual=True)
    made.append(models.Dense(32, 8, bias=False, activation_function=torch.nn.Identity(), use_residual=True))
    made.save(str(tmp_path / "m"), create_model_card=False)
    library = colbert(tmp_path / "m")
    checkpoint = open_checkpoint(str(tmp_path / "m"))
    assert checkpoint.rows is not None
    assert (len(checkpoint.rows.dense), checkpoint.rows.dim) == (2, 8)
    for ours, theirs in zip(
        embed(checkpoint, DOCUMENTS), library.encode(library_texts(), is_query=False), strict=True
    ):
        assert len(ours.rows)
        assert np.abs(ours.rows - theirs).max() < 1e-4


# --- sentence-transformers ---------------------------------------------------------------------


def sentence_model(
    folder: Path, target: Path, *, pooling: str, behind: Sequence[Any] = (), **settings: Any
) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    backbone = Transformer(str(folder), max_seq_length=300)
    modules = [backbone, Pooling(32, pooling, include_prompt=settings.pop("include_prompt", True)), *behind]
    SentenceTransformer(modules=modules, device="cpu", **settings).save(str(target), create_model_card=False)
    return SentenceTransformer(str(target), device="cpu")


def check_sentence_vectors(library: Any, checkpoint: Checkpoint, truncate_dim: int | None = None) -> None:
    options = {"normalize_embeddings": True, "truncate_dim": truncate_dim}
    documents = library.encode_document(library_texts(), **options)
    for ours, theirs in zip(embed(checkpoint, DOCUMENTS), documents, strict=True):
        assert not len(ours.rows)
        assert len(ours.single)
        assert ours.single[0].shape == theirs.shape
        assert np.abs(ours.single[0] - theirs).max() < 1e-4
    encoder = QueryEncoder(checkpoint)
    for query in QUERIES:
        single = encoder.encode(query).single
        assert single is not None
        assert np.abs(single - library.encode_query([query], **options)[0]).max() < 1e-4


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_sentence_transformers_pooling_prompts_and_normalize(
    tmp_path: Path, plain_folder: Path, pooling: str
) -> None:
    from sentence_transformers.models import Normalize

    prompts = {"query": "search_query: ", "document": "search_document: "}
    library = sentence_model(
        plain_folder, tmp_path / "m", pooling=pooling, behind=[Normalize()], prompts=prompts
    )
    checkpoint = open_checkpoint(str(tmp_path / "m"))
    assert (checkpoint.format, checkpoint.kind, checkpoint.window_tokens) == (
        "sentence-transformers", "single-vector", 300,
    )  # fmt: skip
    check_sentence_vectors(library, checkpoint)


def test_sentence_transformers_prompt_left_out_of_the_mean(tmp_path: Path, plain_folder: Path) -> None:
    library = sentence_model(
        plain_folder,
        tmp_path / "m",
        pooling="mean",
        include_prompt=False,
        prompts={"query": "ask: ", "passage": "p: "},
    )
    check_sentence_vectors(library, open_checkpoint(str(tmp_path / "m")))


def test_sentence_transformers_dense_layers_and_matryoshka(tmp_path: Path, plain_folder: Path) -> None:
    from sentence_transformers.models import Dense, Normalize

    torch.manual_seed(5)
    behind = [Dense(32, 24), Dense(24, 16, bias=False, activation_function=torch.nn.Identity()), Normalize()]
    library = sentence_model(plain_folder, tmp_path / "m", pooling="mean", behind=behind)
    check_sentence_vectors(library, open_checkpoint(str(tmp_path / "m")))
    check_sentence_vectors(library, open_checkpoint(str(tmp_path / "m"), truncate_dim=6), truncate_dim=6)


# --- plain -------------------------------------------------------------------------------------


def test_plain_backbone_is_mean_pooled(plain_folder: Path) -> None:
    from transformers import AutoTokenizer, ModernBertModel

    model, tokenizer = (
        ModernBertModel.from_pretrained(plain_folder).eval(),
        AutoTokenizer.from_pretrained(plain_folder),
    )
    for ours, text in zip(embed(open_checkpoint(str(plain_folder)), DOCUMENTS), library_texts(), strict=True):
        with torch.inference_mode():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        expected = torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy()
        assert len(ours.single)
        assert np.abs(ours.single[0] - expected).max() < 1e-4


# --- the bundled model -------------------------------------------------------------------------


def test_the_bundled_model_in_pylates_hands() -> None:
    checkpoint = open_checkpoint("codesearch-edge")
    library = colbert(checkpoint.folder, model_kwargs={"dtype": torch.float32})
    for ours, theirs in zip(
        embed(checkpoint, DOCUMENTS), library.encode(library_texts(), is_query=False), strict=True
    ):
        assert len(ours.rows)
        assert ours.rows.shape == theirs.shape
        assert np.abs(ours.rows - theirs).max() < 1e-3
    encoder = QueryEncoder(checkpoint)
    for query in QUERIES:
        vectors, theirs = encoder.encode(query), library.encode([query], is_query=True)[0]
        assert vectors.rows is not None
        assert np.abs(vectors.rows - theirs).max() < 1e-3
        features = library.tokenize([query], is_query=True)
        with torch.inference_mode():
            pooled = library[0](dict(features))["token_embeddings"][0].mean(0)
        assert vectors.single is not None
        assert np.abs(vectors.single - torch.nn.functional.normalize(pooled, dim=0).numpy()).max() < 1e-3
