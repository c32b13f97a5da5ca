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
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer  # type: ignore[import-untyped]

from indexer.light_dataclasses import dataclass
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
_NUMBER_BITS = 24
_FEW_PIECES = 32
"""So many are counted one by one: less work than to learn where the tokens of each are."""
_MAX_ODD_SHARE = 0.5
"""A text of which more lies in odd lines is read as a whole."""


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

    placed: dict[str, int]
    """By piece with the gap before it: length of the gap, in the bits above _NUMBER_BITS, and its number."""
    numbers: dict[str, int]
    """By piece."""
    first: Int64Array
    """By number: where the piece's tokens begin in the next arrays; one more for the end of the last."""
    ids: Int32Array
    chars: Int32Array
    """(room, 2): from the start of the piece."""
    n_chars: int = 0

    @classmethod
    def empty(cls) -> _Memory:
        """Of nothing."""
        room = 1024
        return cls({}, {}, np.zeros(room, np.int64), np.empty(room, np.int32), np.empty((room, 2), np.int32))

    def learn(self, placed: Sequence[str], tokenizer: Tokenizer) -> None:
        """Remember pieces, with the gaps before them, that are new."""
        bare = [each.lstrip(_GAP) for each in placed]
        new = [piece for piece in dict.fromkeys(bare) if piece not in self.numbers]
        if new:
            self._add(new, tokenizer)
        for each, piece in zip(placed, bare, strict=True):
            self.placed[each] = (len(each) - len(piece)) << _NUMBER_BITS | self.numbers[piece]
        self.n_chars += sum(map(len, placed))

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

    def tokens(self, text: str) -> Tokens:
        """The tokens of a text, without specials."""
        odd = list(self._odd_lines(text))
        if sum(end - start for start, end in odd) > _MAX_ODD_SHARE * len(text):
            return tokens_of(self._tokenizer, [text])[0]
        if not odd:
            return self._of_ascii(text)
        found = iter(tokens_of(self._tokenizer, [text[start:end] for start, end in odd]))
        parts, at = [], 0
        for start, end in odd:
            parts += [_moved(self._of_ascii(text[at:start]), at), _moved(next(found), start)]
            at = end
        parts.append(_moved(self._of_ascii(text[at:]), at))
        return Tokens(
            np.concatenate([part.ids for part in parts]), np.concatenate([part.chars for part in parts])
        )

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

    def _of_ascii(self, text: str) -> Tokens:
        # A last gap is no part of a piece, and would be looked through from each of its characters.
        pieces = _PIECE.findall(text.rstrip(_GAP))
        n = len(pieces)
        with self._lock:
            memory, placed = self._placed(pieces)
            gaps, numbers = np.divmod(placed, 1 << _NUMBER_BITS)
            first = memory.first[numbers]
            counts = memory.first[numbers + 1] - first
            ends = np.cumsum(counts)
            at = np.arange(ends[-1] if n else 0) + np.repeat(first - ends + counts, counts)
            ids, chars = memory.ids[at], memory.chars[at]
        starts = np.fromiter(accumulate(map(len, pieces), initial=0), np.int32, n + 1)[:-1]
        chars += np.repeat(starts + gaps.astype(np.int32), counts)[:, None]
        return Tokens(ids, chars)

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
        if len(pieces) > _FEW_PIECES:
            memory, placed = self._placed(pieces)
            numbers = placed & ((1 << _NUMBER_BITS) - 1)
            counts = (memory.first[numbers + 1] - memory.first[numbers]).tolist()
            self._counts.update(zip(pieces, counts, strict=True))
            return
        for piece in pieces:
            bare = piece.lstrip(_GAP)  # with no gap before it, as at the start of a text
            if bare not in self._counts:
                self._counts[bare] = _n_tokens(self._tokenizer, bare)
            self._counts[piece] = self._counts[bare]

    def _placed(self, pieces: Sequence[str]) -> tuple[_Memory, Int64Array]:
        """A memory that knows the pieces, and what it has of each in `placed`; the lock is held."""
        memory = self._memory
        found = list(map(memory.placed.get, pieces))
        if None in found:
            if len(memory.placed) > _MAX_PIECES or memory.n_chars > _MAX_CHARS:
                memory = self._memory = _Memory.empty()
            new = [each for each in dict.fromkeys(pieces) if each not in memory.placed]
            memory.learn(new, self._tokenizer)
            found = list(map(memory.placed.get, pieces))
        return memory, np.array(found, np.int64)


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


def _moved(tokens: Tokens, by: int) -> Tokens:
    return Tokens(tokens.ids, tokens.chars + np.int32(by))
