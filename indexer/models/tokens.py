"""Text to token ids and back to characters, by the checkpoint's own tokenizer; no torch.

Three things live here and nowhere else: what the model sees before a text (prompt, prefix token,
header line), which characters of a file a token covers, and which tokens get no row. Positions are
characters throughout. Not a chunker: `chunks.py` cuts, by the offsets that `file_offsets` gives.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer  # type: ignore[import-untyped]

from indexer.errors import CheckpointError
from indexer.models.checkpoint import Checkpoint
from indexer.models.pieces import PieceTokenizer, Tokens, cuts_as_known, tokens_of
from indexer.records import Chunk, Int32Array, QueryToken, TokenizedChunk, TokenizedQuery

_SEGMENT_CHARS = 200_000
"""A longer text is tokenised in pieces cut at line ends: the tokenizer takes a hundred bytes a token."""
_BATCH_CHARS = 1_000_000
"""Characters tokenised in one call."""
_loading = threading.Lock()
"""Held while a file is read, which takes longer than most of what waits for it: nobody reads it twice."""


def load_tokenizer(file: Path) -> Tokenizer:
    """A `tokenizer.json` that neither cuts nor pads. Not to be changed: whoever reads the file shares it.

    Raises what the tokenizers package raises: a bare Exception for a missing or damaged file.
    """
    with _loading:
        return _load_tokenizer(str(file), file.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load_tokenizer(file: str, mtime_ns: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@lru_cache(maxsize=4)
def _vocabulary_size(tokenizer: Tokenizer) -> int:
    return int(tokenizer.get_vocab_size(with_added_tokens=True))  # it counts them anew, all of them


@lru_cache(maxsize=4)
def token_reader(tokenizer: Tokenizer) -> Callable[[Sequence[str]], list[Tokens]]:
    """What gives the tokens of texts, without specials: by pieces where the tokenizer allows it."""
    by_pieces = _by_pieces(tokenizer)
    if by_pieces is None:
        return partial(tokens_of, tokenizer)
    return by_pieces.tokens


def token_counter(tokenizer: Tokenizer) -> Callable[[str], int]:
    """What counts the tokens of a text, without specials, as `token_reader` finds them."""
    by_pieces = _by_pieces(tokenizer)
    if by_pieces is None:
        return lambda text: len(tokens_of(tokenizer, [text])[0].ids)
    return by_pieces.count


@lru_cache(maxsize=4)
def _by_pieces(tokenizer: Tokenizer) -> PieceTokenizer | None:
    return PieceTokenizer(tokenizer) if cuts_as_known(tokenizer) else None


class ChunkTokenizer:
    """The tokenizer of one checkpoint. Thread-safe; the heavy work runs outside the interpreter lock.

    Raises CheckpointError on construction where tokenizer and checkpoint do not fit together.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        try:
            self._tokenizer = load_tokenizer(checkpoint.tokenizer_file)
        except Exception as error:  # the Rust side raises a bare Exception
            raise CheckpointError(
                f"{checkpoint.name}: tokenizer.json cannot be read ({error}); download the model again."
            ) from error
        self._read = token_reader(self._tokenizer)
        self._count = token_counter(self._tokenizer)
        self._keeps_to_lines = _by_pieces(self._tokenizer) is not None
        n_vocabulary = _vocabulary_size(self._tokenizer)
        if n_vocabulary > checkpoint.architecture.vocab_size:
            raise CheckpointError(
                f"{checkpoint.name}: its tokenizer knows {n_vocabulary} tokens, its weights"
                f" {checkpoint.architecture.vocab_size}; they do not match each other."
            )
        self._document_prefix = self._prefix_ids(checkpoint.document_prefix)
        self._query_prefix = self._prefix_ids(checkpoint.query_prefix)
        framed = self._tokenizer.encode("x")
        inner = np.flatnonzero(np.asarray(framed.special_tokens_mask) == 0)
        ids = np.asarray(framed.ids, np.int32)
        self._lead_ids, self._tail_ids = ids[: inner[0]], ids[inner[-1] + 1 :]
        self._n_lead, self._n_tail = len(self._lead_ids), len(self._tail_ids)

    @property
    def n_document_prompt(self) -> int:
        """Leading tokens of specials, prefix and prompt in every document."""
        return (
            self._n_lead + len(self._document_prefix) + self._count_prompt(self._checkpoint.document_prompt)
        )

    def _count_prompt(self, prompt: str) -> int:
        # By itself and stripped, as sentence-transformers measures it.
        return self.count(prompt.strip() if self._checkpoint.strip_text else prompt)

    def skip_ids(self) -> Int32Array:
        """Sorted ids of the tokens that get no row in a document.

        As PyLate does, a skip word that the vocabulary lacks stands for the unknown token.
        """
        return self._skip_ids

    @cached_property
    def _skip_ids(self) -> Int32Array:
        words = self._checkpoint.rows.skip_words if self._checkpoint.rows else ()
        ids = [self._tokenizer.token_to_id(word) for word in words]
        if None in ids:
            unknown = self._special_id("unk_token")
            ids = [unknown if word_id is None else word_id for word_id in ids]
        found = np.array(sorted({word_id for word_id in ids if word_id is not None}), dtype=np.int32)
        found.setflags(write=False)
        return found

    def count(self, text: str) -> int:
        """Tokens of a text by itself, without specials."""
        return sum(map(self._count, _segments(text)))

    def count_header(self, header: str) -> int:
        """Tokens that specials, prefix, prompt and a header line take from a chunk."""
        if not header:
            return self._n_without_header
        n_specials = self._n_lead + self._n_tail + len(self._document_prefix)
        return n_specials + self.count(f"{self._checkpoint.document_prompt}{header}\n")

    @cached_property
    def _n_without_header(self) -> int:
        n_specials = self._n_lead + self._n_tail + len(self._document_prefix)
        return n_specials + self.count(self._checkpoint.document_prompt)

    def file_offsets(self, texts: Sequence[str]) -> list[Int32Array]:
        """For each text, the characters of its tokens, (n, 2) int32, without header and specials."""
        parts: list[list[Int32Array]] = [[] for _ in texts]
        pending: list[tuple[int, int]] = []
        pieces: list[str] = []

        def flush() -> None:
            found = self._read([self._lower(piece) for piece in pieces])
            for (owner, start), tokens in zip(pending, found, strict=True):
                parts[owner].append(tokens.chars + np.int32(start))
            pending.clear()
            pieces.clear()

        for number, text in enumerate(texts):
            start = 0
            for piece in _segments(text):
                pieces.append(piece)
                pending.append((number, start))
                start += len(piece)
                if sum(map(len, pieces)) >= _BATCH_CHARS:
                    flush()
        if pieces:
            flush()
        return [np.concatenate(part) if part else np.empty((0, 2), np.int32) for part in parts]

    def tokenize_whole(self, texts: Sequence[str], headers: Sequence[str]) -> list[TokenizedChunk | None]:
        """Files as `tokenize` gives them if each is one chunk, which most are: they are read only once.

        Else the characters of its tokens are what a file is cut by. None for a text too long to be read
        in one piece: `file_offsets` reads those.
        """
        whole = [
            Chunk(0, "", "", "", text, 0, len(text), 1, 1, 0, (), header)
            for text, header in zip(texts, headers, strict=True)
            if len(text) <= _SEGMENT_CHARS
        ]
        found = iter(self.tokenize(whole))
        return [next(found) if len(text) <= _SEGMENT_CHARS else None for text in texts]

    def tokenize(self, chunks: Sequence[Chunk]) -> list[TokenizedChunk]:
        """Chunks as the model reads them: specials, prefix, prompt, header line, text, specials."""
        found: list[TokenizedChunk] = []
        first, n_chars = 0, 0
        for stop, chunk in enumerate(chunks, 1):
            n_chars += len(chunk.text)
            if n_chars >= _BATCH_CHARS or stop == len(chunks):
                found += self._tokenize_batch(chunks[first:stop])
                first, n_chars = stop, 0
        return found

    def tokenize_parts(self, whole: TokenizedChunk, chunks: Sequence[Chunk]) -> list[TokenizedChunk]:
        """What `tokenize` gives for the chunks of a file that `tokenize_whole` has read.

        Where the tokenizer reads each line by itself, and all cuts lie between lines, only headers are read.
        """
        if not self._keeps_to_lines or not all(chunk.text.endswith("\n") for chunk in chunks[:-1]):
            return self.tokenize(chunks)
        stop = len(whole.input_ids) - whole.n_tail
        ids, chars = whole.input_ids[whole.n_header : stop], whole.token_chars[whole.n_header : stop]
        prompt = self._checkpoint.document_prompt
        before = [prompt + (chunk.header + "\n" if chunk.header else "") for chunk in chunks]
        found = []
        for chunk, lead, header in zip(
            chunks, before, self._read(list(map(self._lower, before))), strict=True
        ):
            first, last = np.searchsorted(chars[:, 0], [chunk.start_char, chunk.end_char])
            own = chars[first:last] + np.int32(len(lead) - chunk.start_char)
            tokens = Tokens(
                np.concatenate([header.ids, ids[first:last]]), np.concatenate([header.chars, own])
            )
            found.append(self._tokenized_chunk(chunk, tokens, len(lead)))
        return found

    def _tokenize_batch(self, chunks: Sequence[Chunk]) -> list[TokenizedChunk]:
        prompt, strip = self._checkpoint.document_prompt, self._checkpoint.strip_text
        before = [prompt + (chunk.header + "\n" if chunk.header else "") for chunk in chunks]
        texts = []
        for lead, chunk in zip(before, chunks, strict=True):
            text = self._lower(lead + chunk.text)
            texts.append(text.rstrip() if strip else text)
        # Stripping at the front moves characters only where nothing stands before the text.
        moved = [len(text) - len(text.lstrip()) if strip else 0 for text in texts]
        found = self._read([text[n:] for text, n in zip(texts, moved, strict=True)])
        return [
            self._tokenized_chunk(chunk, tokens, len(lead) - n)
            for chunk, tokens, lead, n in zip(chunks, found, before, moved, strict=True)
        ]

    def _tokenized_chunk(self, chunk: Chunk, tokens: Tokens, n_before: int) -> TokenizedChunk:
        prefix, lead, tail = self._document_prefix, self._n_lead, self._n_tail
        inner = tokens.chars
        n_before_tokens = (
            int(np.argmax(inner[:, 1] > n_before)) if (inner[:, 1] > n_before).any() else len(inner)
        )
        # A token that reaches from the header's line end into the text counts as text.
        inner = np.maximum(inner - n_before, 0) + chunk.start_char
        inner[:n_before_tokens] = -1
        at = min(1, lead)
        outside = np.full((lead + len(prefix), 2), -1, np.int32)
        return TokenizedChunk(
            chunk_id=chunk.chunk_id,
            input_ids=np.concatenate(
                [self._lead_ids[:at], prefix, self._lead_ids[at:], tokens.ids, self._tail_ids]
            ),
            token_chars=np.concatenate([outside, inner, np.full((tail, 2), -1, np.int32)]),
            n_header=lead + len(prefix) + n_before_tokens,
            n_tail=tail,
        )

    @property
    def query_room(self) -> int:
        """Tokens of a query that the model reads, beside specials, prefix and prompt."""
        room = self._checkpoint.query_tokens - self._n_lead - self._n_tail - len(self._query_prefix)
        return max(1, room - self.count(self._checkpoint.query_prompt))

    def tokenize_query(self, query: str) -> TokenizedQuery:
        """A query as the model reads it, cut to the checkpoint's query length."""
        checkpoint, prefix = self._checkpoint, self._query_prefix
        lead, tail, prompt = self._n_lead, self._n_tail, checkpoint.query_prompt
        text = self._lower(prompt + query)
        moved = len(text) - len(text.lstrip()) if checkpoint.strip_text else 0
        text = text.strip() if checkpoint.strip_text else text
        encoding = self._tokenizer.encode(text[: 64 * checkpoint.query_tokens])
        ids = np.asarray(encoding.ids, dtype=np.int32)
        chars = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
        room = max(1, checkpoint.query_tokens - lead - tail - len(prefix))
        stop = min(len(ids) - tail, lead + room)
        inner = chars[lead:stop] + moved - len(prompt)
        words = [
            QueryToken(query[start:end], int(start), int(end)) if start >= 0 else _NO_TOKEN
            for start, end in inner
        ]
        at = min(1, lead)
        all_ids = np.concatenate([ids[:at], prefix, ids[at:stop], ids[len(ids) - tail :]])
        tokens = [_NO_TOKEN] * (lead + len(prefix)) + words + [_NO_TOKEN] * tail
        n_seen = len(all_ids)
        if checkpoint.rows is not None and checkpoint.rows.expand_queries:
            n_more = max(0, checkpoint.query_tokens - n_seen)
            all_ids = np.concatenate([all_ids, np.full(n_more, self._expansion_id(), np.int32)])
            tokens += [_NO_TOKEN] * n_more
            n_seen = len(all_ids) if checkpoint.rows.attend_to_expansion else n_seen
        n_prompt = lead + len(prefix) + self._count_prompt(prompt)
        return TokenizedQuery(all_ids, n_seen, n_prompt, tuple(tokens))

    def _lower(self, text: str) -> str:
        if not self._checkpoint.lower_case:
            return text
        lowered = text.lower()
        # A few capitals become two characters; they stay, so that positions hold.
        return (
            lowered
            if len(lowered) == len(text)
            else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        )

    def _prefix_ids(self, prefix: str) -> Int32Array:
        if not prefix:
            return np.empty(0, np.int32)
        token_id = self._tokenizer.token_to_id(prefix)
        if token_id is None:
            raise CheckpointError(
                f"{self._checkpoint.name}: its prefix {prefix!r} is not in its tokenizer; save the model"
                " again from PyLate."
            )
        return np.array([token_id], np.int32)

    def _expansion_id(self) -> int:
        for name in ("mask_token", "eos_token", "pad_token"):
            token_id = self._special_id(name)
            if token_id is not None:
                return token_id
        raise CheckpointError(f"{self._checkpoint.name} expands queries but its tokenizer has no mask token.")

    def _special_id(self, name: str) -> int | None:
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            path = self._checkpoint.tokenizer_file.with_name(file)
            try:
                value: Any = json.loads(path.read_text(encoding="utf-8")).get(name)
            except (OSError, ValueError):
                continue
            text = value.get("content") if isinstance(value, dict) else value
            if text is not None and self._tokenizer.token_to_id(str(text)) is not None:
                return int(self._tokenizer.token_to_id(str(text)))
        return None


_NO_TOKEN = QueryToken("", 0, 0)


def _segments(text: str) -> Iterator[str]:
    """The text in pieces of about `_SEGMENT_CHARS`, cut behind a line end where there is one."""
    start = 0
    while len(text) - start > _SEGMENT_CHARS:
        end = text.rfind("\n", start, start + _SEGMENT_CHARS) + 1
        end = end if end > start else start + _SEGMENT_CHARS
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
