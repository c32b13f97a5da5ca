"""Tokens of ASCII text by the pieces that a tokenizer cuts it into first; each piece is read only once.

Code repeats its names: of a million and a half tokens of Python one piece in a hundred is new. The bundled
model's tokenizer splits at white space, underscores, camel humps, digits and punctuation before it looks for
tokens. None crosses such a cut, so that what it gives for a piece holds wherever the piece stands. Lines with
other characters, or with text that the tokenizer takes for a special token, are read by the tokenizer itself;
no token crosses the end of a line either.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer  # type: ignore[import-untyped]

from indexer.light_dataclasses import dataclass
from indexer.models.piece_table import Cuts, PieceTable, UInt8Array, cut
from indexer.records import Int32Array, Int64Array

_NORMALIZER = {
    "type": "Sequence",
    "normalizers": [
        {"type": "NFC"},
        {
            "type": "Replace",
            "pattern": {"Regex": "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"},
            "content": " ",
        },
        {"type": "Lowercase"},
    ],
}
_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {
            "type": "Split",
            "pattern": {"Regex": r"\p{L}[\p{L}\p{M}]*|\p{N}{1,3}|[^\s\p{L}\p{N}_]{1,8}"},
            "behavior": "Removed",
            "invert": True,
        },
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ],
}
"""What `_PIECE` says of ASCII text."""
_GAP = " \t\n\r\f\v_"
_PIECE = re.compile(r"[\s_]*(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]{1,3}|[^\s\w]{1,8})", re.ASCII)
"""A piece and the gap before it; every character of ASCII text but a last gap is in one."""
_MAX_PIECES, _MAX_CHARS = 65_536, 2_000_000
"""Remembered, with the characters of all together: some 15 MB."""
_FEW_PIECES = 32
"""So many are counted one by one: less work than to learn where the tokens of each are."""
_BLOCK_CHARS = 262_144
"""Characters of texts that are cut at once: arrays of so many numbers stay near the processor."""
_MAX_ODD_SHARE = 0.5
"""A text of which more lies in odd lines is read as a whole."""


class _Stretch(NamedTuple):
    """Lines of a text that are read in one way."""

    text: str
    start: int
    """In the text that it is a part of."""
    is_odd: bool = False


class Tokens(NamedTuple):
    """The n tokens of a text."""

    ids: Int32Array
    """(n,)"""
    chars: Int32Array
    """(n, 2): first character, and that behind the last."""


def tokens_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """The tokens of texts, without specials, by the tokenizer itself."""
    return [
        Tokens(np.array(found.ids, np.int32), np.array(found.offsets, np.int32).reshape(-1, 2))
        for found in tokenizer.encode_batch(texts, add_special_tokens=False)
    ]


def _n_tokens(tokenizer: Tokenizer, text: str) -> int:
    # One text a call: for so small ones the package's threads cost more than they save.
    return len(tokenizer.encode_batch_fast([text], add_special_tokens=False)[0])


def cuts_as_known(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer cuts text into the pieces that this module knows, and reads each by itself."""
    model = tokenizer.model
    return (
        _state(tokenizer.normalizer) == _NORMALIZER
        and _state(tokenizer.pre_tokenizer) == _PRE_TOKENIZER
        and type(model).__name__ == "BPE"
        and not model.dropout
        and not model.byte_fallback
        and model.unk_token is None
        and model.continuing_subword_prefix is None
        and model.end_of_word_suffix is None
    )


def _state(part: Any) -> object:
    return None if part is None else json.loads(part.__getstate__())


@dataclass(slots=True)
class _Memory:
    """The tokens of pieces that were seen, in arrays with room to grow."""

    table: PieceTable
    """The numbers of those that stood in texts."""
    numbers: dict[str, int]
    """By piece."""
    first: Int64Array
    """By number: where the piece's tokens begin in the next arrays; one more for the end of the last."""
    ids: Int32Array
    chars: Int32Array
    """(room, 2): from the start of the piece."""
    n_chars: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to begin anew."""
        return len(self.numbers) > _MAX_PIECES or self.n_chars > _MAX_CHARS

    @classmethod
    def empty(cls) -> _Memory:
        """Of nothing."""
        room = 1024
        return cls(
            PieceTable(),
            {},
            np.zeros(room, np.int64),
            np.empty(room, np.int32),
            np.empty((room, 2), np.int32),
        )

    def learn(self, pieces: Sequence[str], tokenizer: Tokenizer) -> Int64Array:
        """The numbers of pieces; those that are new are read, all in one call."""
        new = [piece for piece in dict.fromkeys(pieces) if piece not in self.numbers]
        if new:
            self._add(new, tokenizer)
            self.n_chars += sum(map(len, new))
        return np.array([self.numbers[piece] for piece in pieces], np.int64)

    def _add(self, pieces: Sequence[str], tokenizer: Tokenizer) -> None:
        """Read pieces, a line each, in one call."""
        (found,) = tokens_of(tokenizer, ["\n".join(pieces)])
        starts = np.fromiter(accumulate((len(piece) + 1 for piece in pieces), initial=0), np.int32)[:-1]
        owner = np.searchsorted(starts, found.chars[:, 0], "right") - 1
        n_before, n_tokens = len(self.numbers), int(self.first[len(self.numbers)])
        n_after, stop = n_before + len(pieces), n_tokens + len(found.ids)
        self.first = _with_room(self.first, n_after + 1)
        self.ids, self.chars = _with_room(self.ids, stop), _with_room(self.chars, stop)
        counts = np.bincount(owner, minlength=len(pieces))
        self.first[n_before + 1 : n_after + 1] = n_tokens + np.cumsum(counts)
        self.ids[n_tokens:stop] = found.ids
        self.chars[n_tokens:stop] = found.chars - starts[owner][:, None]
        self.numbers.update(zip(pieces, range(n_before, n_after), strict=True))


def _with_room(array: Any, n: int) -> Any:
    if n <= len(array):
        return array
    grown = np.empty((max(n, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


class PieceTokenizer:
    """Gives the tokens that a tokenizer gives, many times as fast. Threads may share it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """`tokenizer` is one that `cuts_as_known`."""
        self._tokenizer = tokenizer
        added = _added_pattern(tokenizer)
        self._added, self._odd = re.compile(added), re.compile(rf"[^\x00-\x7f]+|{added}")
        self._memory = _Memory.empty()
        self._counts: dict[str, int] = {}
        """Tokens by piece with the gap before it, of texts that were counted."""
        self._n_counted_chars = 0
        self._lock = threading.Lock()

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of texts, without specials; of many small ones at once, which is what arrays are for."""
        stretches = [list(self._stretches(text)) for text in texts]
        every = [each for of_text in stretches for each in of_text]
        plain = iter(self._of_ascii([each.text for each in every if not each.is_odd]))
        odd = iter(tokens_of(self._tokenizer, [each.text for each in every if each.is_odd]))
        return [
            _joined([_moved(next(odd if each.is_odd else plain), each.start) for each in of_text])
            for of_text in stretches
        ]

    def _stretches(self, text: str) -> Iterator[_Stretch]:
        odd = list(self._odd_lines(text))
        if sum(end - start for start, end in odd) > _MAX_ODD_SHARE * len(text):
            yield _Stretch(text, 0, is_odd=True)
            return
        at = 0
        for start, end in odd:
            yield _Stretch(text[at:start], at)
            yield _Stretch(text[start:end], start, is_odd=True)
            at = end
        yield _Stretch(text[at:], at)

    def count(self, text: str) -> int:
        """How many tokens a text has, without specials."""
        odd = list(self._odd_lines(text))
        if sum(end - start for start, end in odd) > _MAX_ODD_SHARE * len(text):
            return _n_tokens(self._tokenizer, text)
        if not odd:
            return self._count_of_ascii(text)
        n = sum(_n_tokens(self._tokenizer, text[a:b]) for a, b in odd)
        starts, ends = [0, *(end for _, end in odd)], [*(start for start, _ in odd), len(text)]
        return n + sum(self._count_of_ascii(text[a:b]) for a, b in zip(starts, ends, strict=True))

    def _odd_lines(self, text: str) -> Iterator[tuple[int, int]]:
        """Lines that are not ASCII or hold a special token's text; neighbouring ones as one."""
        start = end = -1
        for match in (self._added if text.isascii() else self._odd).finditer(text):
            if match.start() < end:
                continue
            line_start = text.rfind("\n", 0, match.start()) + 1
            if start < 0:
                start = line_start
            elif line_start > end + 1:
                yield start, end
                start = line_start
            end = text.find("\n", match.end())
            end = len(text) if end < 0 else end
        if start >= 0:
            yield start, end

    def _of_ascii(self, texts: Sequence[str]) -> Iterator[Tokens]:
        first, n_chars = 0, 0
        for stop, text in enumerate(texts, 1):
            n_chars += len(text) + 1
            if n_chars >= _BLOCK_CHARS or stop == len(texts):
                yield from self._of_block(texts[first:stop])
                first, n_chars = stop, 0

    def _of_block(self, texts: Sequence[str]) -> Iterator[Tokens]:
        block = "\n".join(texts)  # which no piece crosses
        raw = np.frombuffer(block.encode("ascii"), np.uint8)
        cuts = cut(raw)
        with self._lock:
            memory, numbers = self._numbers(block, raw, cuts)
            first = memory.first[numbers]
            counts = memory.first[numbers + 1] - first
            ends = np.cumsum(counts)
            at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + counts, counts)
            ids, chars = memory.ids[at], memory.chars[at]
        chars += np.repeat(cuts.starts.astype(np.int32), counts)[:, None]
        starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
        places = np.searchsorted(chars[:, 0], starts).tolist()
        for start, (low, high) in zip(starts, pairwise(places), strict=False):
            yield Tokens(ids[low:high], chars[low:high] - np.int32(start))

    def _numbers(self, text: str, raw: UInt8Array, cuts: Cuts) -> tuple[_Memory, Int64Array]:
        """A memory that knows all pieces of a text, and the number of each; the lock is held."""
        memory = self._memory
        keys = memory.table.keys(raw, cuts)
        numbers = memory.table.find(keys)
        if (numbers < 0).any():
            if memory.is_full:
                memory = self._memory = _Memory.empty()
                keys = memory.table.keys(raw, cuts)
                numbers = memory.table.find(keys)
            missing = np.flatnonzero(numbers < 0)
            new, where = np.unique(keys[missing], return_index=True)
            places = zip(
                cuts.starts[missing[where]].tolist(), cuts.ends[missing[where]].tolist(), strict=True
            )
            memory.table.add(new, memory.learn([text[a:b] for a, b in places], self._tokenizer))
            numbers[missing] = memory.table.find(keys[missing])
        return memory, numbers

    def _count_of_ascii(self, text: str) -> int:
        pieces = _PIECE.findall(text.rstrip(_GAP))
        with self._lock:
            if len(self._counts) > _MAX_PIECES or self._n_counted_chars > _MAX_CHARS:
                self._counts, self._n_counted_chars = {}, 0
            missing = set(pieces).difference(self._counts)
            if missing:
                self._learn_counts([piece for piece in dict.fromkeys(pieces) if piece in missing])
            return sum(map(self._counts.__getitem__, pieces))

    def _learn_counts(self, pieces: Sequence[str]) -> None:
        """How many tokens pieces are that were not counted before; the lock is held."""
        self._n_counted_chars += sum(map(len, pieces))
        bare = [piece.lstrip(_GAP) for piece in pieces]  # with no gap before it, as at the start of a text
        if len(pieces) > _FEW_PIECES:
            if self._memory.is_full and not self._memory.numbers.keys() >= set(bare):
                self._memory = _Memory.empty()
            numbers = self._memory.learn(bare, self._tokenizer)
            counts = (self._memory.first[numbers + 1] - self._memory.first[numbers]).tolist()
            self._counts.update(zip(pieces, counts, strict=True))
            return
        for piece, alone in zip(pieces, bare, strict=True):
            if alone not in self._counts:
                self._counts[alone] = _n_tokens(self._tokenizer, alone)
            self._counts[piece] = self._counts[alone]


def _added_pattern(tokenizer: Tokenizer) -> str:
    """What the tokenizer takes for a token of its own before it cuts, in capitals or not.

    Some are looked for as they are written: a few lines more that it reads itself do no harm. Spelled out,
    because with a first character that has no case `re` looks for that alone, which takes a fiftieth.
    """
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    firsts = {content[0] for content in added}
    if not added:
        return r"(?!)"
    first = firsts.pop() if len(firsts) == 1 else ""
    cased = ("".join(map(_in_any_case, content.removeprefix(first))) for content in sorted(added))
    return f"{re.escape(first)}(?:{'|'.join(cased)})"


def _in_any_case(char: str) -> str:
    return f"[{char.lower()}{char.upper()}]" if char.isalpha() else re.escape(char)


def _joined(parts: Sequence[Tokens]) -> Tokens:
    if len(parts) == 1:
        return parts[0]
    return Tokens(
        np.concatenate([part.ids for part in parts]), np.concatenate([part.chars for part in parts])
    )


def _moved(tokens: Tokens, by: int) -> Tokens:
    return Tokens(tokens.ids, tokens.chars + np.int32(by)) if by else tokens
