"""Rows and queries for `vectors.py`: made up by a seed, or the bundled model's over a folder of Python.

Made-up rows resemble the model's, measured on 13,000 single vectors and 600,000 token rows of installed
packages: a common mean (norm 0.64 and 0.53), variance that falls off as theirs does, neighbours within
a file and a folder, tokens drawn from a vocabulary by Zipf's law. A query is a blurred stranger to all
rows: its nearest row is at a cosine near 0.6, as a question's is.

    python tests/benchmarks/vector_rows.py OUT.npz FOLDER...      encode Python folders with the bundled model
"""

from __future__ import annotations

import argparse
import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SINGLE_DIM, TOKEN_DIM = 256, 64
N_QUERIES = 100


@dataclass(frozen=True, slots=True)
class SingleData:
    """Single vectors and queries."""

    rows: np.ndarray
    """(N, 256) float16."""
    queries: np.ndarray
    """(n, 256) float32."""


@dataclass(frozen=True, slots=True)
class TokenData:
    """Documents of token rows and queries."""

    documents: list[np.ndarray]
    """(n, 64) float32 each."""
    queries: list[np.ndarray]
    """(Q, 64) float32 each."""
    answers: np.ndarray
    """(n,): the document that each query was taken from."""


def made_up_single(n_rows: int, seed: int = 0) -> SingleData:
    """Rows in files of about 8 and folders of about 200."""
    rng = np.random.default_rng(seed)
    spectrum = _spectrum(SINGLE_DIM)
    mean = _unit(rng.standard_normal(SINGLE_DIM)).astype(np.float32)

    def directions(n: int) -> np.ndarray:
        return rng.standard_normal((n, SINGLE_DIM)).astype(np.float32) * spectrum

    folders, files = directions(max(1, n_rows // 200)), directions(max(1, n_rows // 8))
    folder_of = rng.integers(0, len(folders), len(files))
    rows = np.empty((n_rows, SINGLE_DIM), np.float16)
    for start in range(0, n_rows, 50_000):
        n = min(50_000, n_rows - start)
        file = rng.integers(0, len(files), n)
        own = 0.5 * folders[folder_of[file]] + 0.65 * files[file] + 0.45 * directions(n)
        rows[start : start + n] = _unit(0.64 * mean + 0.77 * own)
    file = rng.integers(0, len(files), N_QUERIES)
    own = 0.5 * folders[folder_of[file]] + 0.65 * files[file] + 1.1 * directions(N_QUERIES)
    return SingleData(rows, _unit(0.35 * mean + 0.77 * own).astype(np.float32))


def made_up_tokens(n_rows: int, seed: int = 0) -> TokenData:
    """Documents of 100 to 700 rows; a query is twelve blurred rows of one document."""
    rng = np.random.default_rng(seed)
    spectrum = _spectrum(TOKEN_DIM)
    mean = 0.53 * _unit(rng.standard_normal(TOKEN_DIM)).astype(np.float32)

    def directions(n: int) -> np.ndarray:
        return rng.standard_normal((n, TOKEN_DIM)).astype(np.float32) * spectrum

    vocabulary = directions(8192)
    documents: list[np.ndarray] = []
    left = n_rows
    while left > 0:
        n = min(int(rng.integers(100, 700)), left)
        left -= n
        token = np.minimum(rng.zipf(1.15, n) - 1, 8191)
        documents.append(_unit(mean + 0.6 * vocabulary[token] + 0.4 * directions(1) + 0.45 * directions(n)))
    answers = rng.choice(len(documents), N_QUERIES, replace=len(documents) < N_QUERIES)
    queries = []
    for answer in answers:
        document = documents[answer]
        rows = document[rng.choice(len(document), min(12, len(document)), replace=False)]
        queries.append(_unit(rows + 0.9 * directions(len(rows))).astype(np.float32))
    return TokenData(documents, queries, answers)


def real_single(path: Path) -> SingleData:
    """What `sample` stored."""
    with np.load(path, allow_pickle=False) as stored:
        return SingleData(stored["single"].astype(np.float16), stored["query_single"][:N_QUERIES])


def real_tokens(path: Path, n_rows: int) -> TokenData | None:
    """Stored documents with about `n_rows` rows, the queries' own among them; None where there are fewer."""
    with np.load(path, allow_pickle=False) as stored:
        rows, lengths = stored["rows"], stored["lengths"]
        query_rows, query_lengths, answers = stored["query_rows"], stored["query_lengths"], stored["answers"]
    if lengths.sum() < n_rows:
        return None
    ends = np.cumsum(lengths)
    query_ends = np.cumsum(query_lengths)
    others = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(lengths)), answers))
    # A small collection holds few of the queries' documents: as many queries as fit half of it.
    n_queries = int(np.searchsorted(np.cumsum(lengths[answers[:N_QUERIES]]), n_rows / 2))
    order = np.concatenate([np.unique(answers[:n_queries]), others])
    order = order[: int(np.searchsorted(np.cumsum(lengths[order]), n_rows)) + 1]
    position = {int(document): at for at, document in enumerate(order)}
    return TokenData(
        [rows[ends[i] - lengths[i] : ends[i]].astype(np.float32) for i in order],
        [query_rows[query_ends[i] - query_lengths[i] : query_ends[i]] for i in range(n_queries)],
        np.array([position[int(answer)] for answer in answers[:n_queries]]),
    )


def _spectrum(dim: int) -> np.ndarray:
    """(dim,) standard deviations, falling as the model's do, for rows of expected norm 1."""
    variance = 1 / (np.arange(dim) + dim / 32)
    return np.sqrt(variance / variance.sum()).astype(np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


# --- the bundled model's rows ---------------------------------------------------------------------


def sample(out: Path, folders: list[Path], max_chunks: int) -> None:
    """Encode Python files, 100 lines a chunk, and one doc comment a file as a query for its code."""
    from indexer.chunking.pack import pack, split_vectors
    from indexer.chunking.windows import cut_windows, join_windows
    from indexer.encoders.chunk_vectors import pool_chunk, pool_recipe
    from indexer.encoders.encoder import Encoder
    from indexer.encoders.query_encoder import QueryEncoder
    from indexer.models.checkpoint import open_checkpoint
    from indexer.models.tokens import ChunkTokenizer

    checkpoint = open_checkpoint("codesearch-edge")
    tokenizer, encoder = ChunkTokenizer(checkpoint), Encoder(checkpoint)
    recipe = pool_recipe(checkpoint, tokenizer.skip_ids, tokenizer.n_document_prompt)
    chunks, questions, answers = _chunks_and_questions(folders)
    kept = np.random.default_rng(0).permutation(len(chunks))
    kept = np.concatenate([np.array(answers), np.setdiff1d(kept, answers, assume_unique=True)])[:max_chunks]
    kept.sort()
    rows, single = [], []
    for start in range(0, len(kept), 16):
        group = [chunks[i] for i in kept[start : start + 16].tolist()]
        tokenized = tokenizer.tokenize(group)
        windows, owner = [], []
        for number, chunk in enumerate(tokenized):
            cut = cut_windows(chunk, checkpoint.window_tokens, checkpoint.overlap_tokens, len(windows))
            windows += cut
            owner += [number] * len(cut)
        parts = {}
        for vectors in encoder.encode_all(pack(windows, encoder.batch_tokens, encoder.short_lane_tokens)):
            parts |= {part.sequence_id: part for part in split_vectors(vectors)}
        for number, chunk in enumerate(group):
            own = [window for window, o in zip(windows, owner, strict=True) if o == number]
            joined = join_windows(0, own, [parts[window.window_id] for window in own])
            pooled = pool_chunk(chunk, tokenized[number], joined.hidden, joined.rows, recipe)
            rows.append(pooled.multi.vectors)
            single.append(pooled.single.vectors)
        print(f"\r{start + len(group)} of {len(kept)} chunks", end="", flush=True)
    position = {int(chunk): at for at, chunk in enumerate(kept)}
    asked = [at for at, answer in enumerate(answers) if answer in position]
    encode = QueryEncoder(checkpoint).encode
    vectors = [encode(questions[at]) for at in asked]
    np.savez(
        out,
        rows=np.concatenate(rows).astype(np.float16),
        lengths=np.array([len(part) for part in rows]),
        single=np.concatenate(single).astype(np.float16),
        query_rows=np.concatenate([v.rows for v in vectors]),
        query_lengths=np.array([len(v.rows) for v in vectors]),
        query_single=np.stack([v.single for v in vectors]),
        answers=np.array([position[answers[at]] for at in asked]),
    )


def _chunks_and_questions(folders: list[Path]) -> tuple[list, list[str], list[int]]:  # type: ignore[type-arg]
    """Chunks of 100 lines with a span every 12; the middle documented function's comment is taken out."""
    from indexer.records import Chunk, Span

    chunks: list[Chunk] = []
    questions: list[str] = []
    answers: list[int] = []
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(encoding="utf-8", errors="replace")
            try:
                functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
            except (SyntaxError, ValueError):
                continue
            documented = [n for n in functions if len((ast.get_docstring(n) or "").split()) > 5]
            lines, question, line = text.splitlines(keepends=True), "", -1
            if documented:
                function = documented[len(documented) // 2]
                question = (ast.get_docstring(function) or "").split("\n\n")[0].replace("\n", " ")
                comment, line = function.body[0], function.lineno - 1
                del lines[comment.lineno - 1 : comment.end_lineno]
            starts = np.concatenate([[0], np.cumsum([len(text) for text in lines])]).astype(int).tolist()
            name = path.relative_to(folder.parent).as_posix()
            for first in range(0, len(lines), 100):
                last = min(first + 100, len(lines))
                spans = tuple(
                    Span("function", "f", starts[at], starts[min(at + 12, last)], at + 1, min(at + 12, last))
                    for at in range(first, last, 12)
                )
                if question and first <= line < last:
                    questions.append(question)
                    answers.append(len(chunks))
                chunks.append(
                    Chunk(
                        len(chunks), name, "", "python", "".join(lines[first:last]), starts[first],
                        starts[last], first + 1, last, 0, spans, name,
                    )
                )  # fmt: skip
    return chunks, questions, answers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Encode Python folders with the bundled model.")
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--chunks", type=int, default=3000)
    options = parser.parse_args()
    sample(options.out, options.folders, options.chunks)
