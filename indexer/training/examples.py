"""Training files as the model reads them: windows, regions, and questions with the places that answer.

Windows and regions are the index's own: a file is cut as `ingest` cuts it, and read in the passes of a build.
What is said of regions lies in arrays, for a batch takes a few of many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.chunking.regions import cut_regions
from indexer.ingest.embed import chunk_windows
from indexer.ingest.prepare import PreparedChunk, tokenized_chunks
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import Int32Array, Int64Array
from indexer.settings import MAX_TOKENS
from indexer.training.corpus import TrainingFile
from indexer.training.pair import PairKind

_MIN_OVERLAP = 0.5
"""Of a region or of the answer, whichever is smaller: from there on the region is part of the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A pair's query as the model reads it."""

    input_ids: Int32Array
    """(n,): without what fills a query up, for no other token sees that."""
    n_prompt: int
    """Leading tokens that a mean leaves out, where the checkpoint leaves out prompts."""
    kind: PairKind
    file: int
    start_char: int
    end_char: int
    window: int
    """The window that holds most of the answer."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Windows, their regions and their questions. W windows, R regions."""

    windows: tuple[Int32Array, ...]
    """Token ids of each pass."""
    is_prose: NDArray[np.bool_]
    """(W,)"""
    first_regions: Int64Array
    """(W + 1,): window w holds regions first_regions[w] to first_regions[w + 1]."""
    region_tokens: Int32Array
    """(R, 2): where a region's tokens lie in its window."""
    region_files: Int64Array
    """(R,)"""
    region_chars: Int32Array
    """(R, 2): characters of its file."""
    region_texts: NDArray[np.uint64]
    """(R,): a hash of its text; regions that say the same answer the same."""
    questions: tuple[Question, ...]

    @property
    def n_tokens(self) -> int:
        """Tokens of all windows."""
        return sum(map(len, self.windows))

    def regions_of(self, windows: Sequence[int]) -> Int64Array:
        """The regions of some windows, in the windows' order."""
        parts = [np.arange(self.first_regions[w], self.first_regions[w + 1]) for w in windows]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def answers(self, questions: Sequence[int], regions: Int64Array) -> NDArray[np.int8]:
        """(Q, R): 1 where a region is part of a question's answer, 0 where not, -1 where that is unclear."""
        chosen = [self.questions[q] for q in questions]
        files = np.array([question.file for question in chosen]).reshape(-1, 1)
        starts = np.array([question.start_char for question in chosen]).reshape(-1, 1)
        ends = np.array([question.end_char for question in chosen]).reshape(-1, 1)
        first, last = self.region_chars[regions].T
        overlap = np.minimum(ends, last) - np.maximum(starts, first)
        same_file = files == self.region_files[regions]
        smaller = np.minimum(ends - starts, last - first)
        found = np.where(same_file & (overlap > 0), -1, 0).astype(np.int8)
        found[same_file & (overlap > 0) & (overlap >= _MIN_OVERLAP * smaller)] = 1
        texts = self.region_texts[regions]
        for row in found:  # copies of an answer answer too
            row[np.isin(texts, texts[row == 1])] = 1
        return found


def make_examples(
    files: Sequence[TrainingFile],
    checkpoint: Checkpoint,
    tokenizer: ChunkTokenizer,
    *,
    keep_all: bool,
    max_tokens: int | None = None,
    seed: int = 0,
) -> Examples:
    """The windows of files; without `keep_all` only those that answer a question, drawn up to `max_tokens`.

    A region that is cut by a window's border, or has no token, is in none.
    """
    found = _Found()
    for number, file in enumerate(files):
        _add_file(found, number, file, checkpoint, tokenizer)
        asked = sorted(file.pairs, key=lambda pair: (pair.start_char, pair.end_char, pair.query))
        for pair in asked:
            tokenized = tokenizer.tokenize_query(pair.query)
            window = found.window_of(pair.start_char, pair.end_char)
            if window >= 0:
                found.questions.append(
                    Question(tokenized.input_ids[: tokenized.n_seen], tokenized.n_prompt, pair.kind, number,
                             pair.start_char, pair.end_char, window)
                )  # fmt: skip
        found.end_file()
    return found.examples(range(len(found.windows)) if keep_all else found.asked(max_tokens, seed))


class _Found:
    """What was found so far, as lists."""

    def __init__(self) -> None:
        self.windows: list[Int32Array] = []
        self.is_prose: list[bool] = []
        self.regions: list[list[tuple[int, int, int, int, int]]] = []
        """Of each window: first and last token, first and last character, hash of the text."""
        self.files: list[int] = []
        self.questions: list[Question] = []
        self._first_of_file = 0

    def end_file(self) -> None:
        """The next window is of another file."""
        self._first_of_file = len(self.windows)

    def window_of(self, start: int, end: int) -> int:
        """The window of the file at hand whose regions hold most of some characters; -1: none holds half
        of a region."""
        held = [
            sum(min(end, last) - max(start, first) for _, _, first, last, _ in regions
                if 2 * (min(end, last) - max(start, first)) >= min(end - start, last - first))
            for regions in self.regions[self._first_of_file :]
        ]  # fmt: skip
        if not held or max(held) <= 0:
            return -1
        return self._first_of_file + held.index(max(held))

    def asked(self, max_tokens: int | None, seed: int) -> list[int]:
        """The windows that answer a question, or so many drawn of them as have `max_tokens` tokens."""
        asked = sorted({question.window for question in self.questions})
        drawn = np.random.default_rng(seed).permutation(asked)
        ends = np.cumsum([len(self.windows[window]) for window in drawn])
        n_kept = len(drawn) if max_tokens is None else int(np.searchsorted(ends, max_tokens, "right"))
        return sorted(drawn[: max(2, n_kept)].tolist())

    def examples(self, kept: Sequence[int]) -> Examples:
        """Some of the windows, with their questions, as arrays."""
        place = {window: number for number, window in enumerate(kept)}
        regions = [region for window in kept for region in self.regions[window]]
        counts = [len(self.regions[window]) for window in kept]
        table = np.array([region[:4] for region in regions], np.int32).reshape(-1, 4)
        questions = [
            Question(q.input_ids, q.n_prompt, q.kind, q.file, q.start_char, q.end_char, place[q.window])
            for q in self.questions
            if q.window in place
        ]
        return Examples(
            windows=tuple(self.windows[window] for window in kept),
            is_prose=np.array([self.is_prose[window] for window in kept], np.bool_),
            first_regions=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            region_tokens=table[:, :2],
            region_files=np.repeat([self.files[window] for window in kept], counts).astype(np.int64),
            region_chars=table[:, 2:],
            region_texts=np.array([region[4] for region in regions], np.uint64),
            questions=tuple(questions),
        )


def _add_file(
    found: _Found, number: int, file: TrainingFile, checkpoint: Checkpoint, tokenizer: ChunkTokenizer
) -> None:
    text = file.source.text
    max_tokens = min(MAX_TOKENS, checkpoint.max_tokens)
    (pairs,) = tokenized_chunks([(file.source, file.spans)], tokenizer, max_tokens)
    for chunk, tokenized in pairs:
        prepared = PreparedChunk(chunk, tokenized, cut_regions(chunk, tokenized), "")
        chars = prepared.regions.chars + np.int32(chunk.start_char)
        first, last = tokenized.n_header, len(tokenized.input_ids) - tokenized.n_tail
        borders = np.searchsorted(tokenized.token_chars[first:last, 0], chars) + first  # (R, 2)
        n_before = 0
        for window in chunk_windows(prepared, checkpoint, 0):
            n_kept = window.kept_end - window.kept_start
            inside = (borders[:, 0] >= n_before) & (borders[:, 1] <= n_before + n_kept)
            inside &= borders[:, 0] < borders[:, 1]
            shift = window.kept_start - n_before
            found.windows.append(window.input_ids)
            found.is_prose.append(file.is_prose)
            found.files.append(number)
            found.regions.append([
                (begin + shift, end + shift, start_char, end_char, _text_hash(text[start_char:end_char]))
                for (begin, end), (start_char, end_char) in zip(
                    borders[inside].tolist(), chars[inside].tolist(), strict=True
                )
            ])  # fmt: skip
            n_before += n_kept


def _text_hash(text: str) -> int:
    said = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")
