"""Where the pieces of ASCII text lie, and a number for each different one: arrays, no object a piece.

A piece is known by its bytes, as one number where it has at most eight, and by a hash of them where it has
more. `pieces.py` says what pieces are, and keeps the tokens of each.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from indexer.light_dataclasses import dataclass
from indexer.records import Int64Array

UInt64Array = NDArray[np.uint64]
UInt8Array = NDArray[np.uint8]

_GAP, _UPPER, _LOWER, _DIGIT, _OTHER = range(5)
_WIDTHS = np.array([1 << 62, 1 << 62, 1 << 62, 3, 8])
"""Longer runs of each class are pieces of so many characters."""
_WORD_BYTES = 8
_MAX_HASHED_BYTES = 64
"""Of longer pieces Python takes the hash."""
_IS_HASH = np.uint64(1 << 63)
"""Not set in eight bytes of ASCII, so that no hash is taken for those."""
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(_WORD_BYTES + 1)], np.uint64)
_FIRST_BITS = 12


def _classes() -> UInt8Array:
    found = np.full(256, _OTHER, np.uint8)
    for code in range(128):
        char = chr(code)
        if char in " \t\n\r\f\v_":
            found[code] = _GAP
        elif char.isalnum():
            found[code] = _UPPER if char.isupper() else _LOWER if char.islower() else _DIGIT
    return found


_CLASSES = _classes()


@dataclass(frozen=True, slots=True)
class Cuts:
    """P pieces of a text, in order."""

    starts: Int64Array
    """(P,)"""
    ends: Int64Array
    """(P,)"""


def cut(raw: UInt8Array) -> Cuts:
    """The pieces of a text in ASCII: a capital with small letters, capitals, small letters, digits, signs.

    White space and underscores are in none. Equal to what `pieces.py` matches, a gap before a piece left out.
    """
    if not len(raw):
        return Cuts(np.empty(0, np.int64), np.empty(0, np.int64))
    classes = _CLASSES[raw]
    is_border = np.empty(len(raw), np.bool_)
    is_border[0] = True
    np.not_equal(classes[1:], classes[:-1], out=is_border[1:])
    # A capital belongs to the small letters behind it.
    humps = classes[:-1] == _UPPER
    humps &= classes[1:] == _LOWER
    is_border[1:] &= ~humps
    is_border[:-1] |= humps
    borders = np.flatnonzero(is_border)
    of_borders = classes[borders]
    lengths = np.diff(borders, append=len(raw))
    is_long = _WIDTHS[of_borders] < lengths
    if is_long.any():
        long_ones = (borders[is_long], lengths[is_long], _WIDTHS[of_borders[is_long]])
        for start, length, width in zip(*(each.tolist() for each in long_ones), strict=True):
            is_border[start : start + length : width] = True
        borders = np.flatnonzero(is_border)
        of_borders = classes[borders]
    ends = np.append(borders[1:], len(raw))
    is_piece = of_borders != _GAP
    return Cuts(borders[is_piece], ends[is_piece])


class PieceTable:
    """Numbers of pieces, by their bytes; an open-addressed hash table in two arrays."""

    def __init__(self) -> None:
        self._n = 0
        self._room(_FIRST_BITS)
        self._factors = [np.uint64(secrets.randbits(63) << 1 | 1) for _ in range(3)]
        """Odd, and nobody's to foresee: no text can be made to have the hashes of another."""

    def _room(self, n_bits: int) -> None:
        self._n_bits = n_bits
        self._keys = np.zeros(1 << n_bits, np.uint64)
        self._numbers = np.full(1 << n_bits, -1, np.int64)

    def keys(self, raw: UInt8Array, cuts: Cuts) -> UInt64Array:
        """(P,) what each piece is known by: the same for the same bytes."""
        lengths = cuts.ends - cuts.starts
        padded = np.concatenate([raw, np.zeros(_MAX_HASHED_BYTES + _WORD_BYTES, np.uint8)])
        words = np.ndarray((len(padded) - _WORD_BYTES,), f"V{_WORD_BYTES}", padded, strides=(1,))

        def word(at: Int64Array, n_bytes: Int64Array) -> UInt64Array:
            whole: UInt64Array = words[at].view("<u8")
            return whole & _MASKS[np.clip(n_bytes, 0, _WORD_BYTES)]

        keys = word(cuts.starts, lengths)
        long = np.flatnonzero(lengths > _WORD_BYTES)
        if len(long):
            keys[long] = self._hashes(word, keys[long], cuts.starts[long], lengths[long])
            for at in long[lengths[long] > _MAX_HASHED_BYTES].tolist():
                whole = hash(raw[cuts.starts[at] : cuts.ends[at]].tobytes())
                keys[at] = np.uint64(whole & (1 << 64) - 1) | _IS_HASH
        return keys

    def _hashes(
        self,
        word: Callable[[Int64Array, Int64Array], UInt64Array],
        first: UInt64Array,
        starts: Int64Array,
        lengths: Int64Array,
    ) -> UInt64Array:
        one, other, last = self._factors
        found = first * one
        for done in range(_WORD_BYTES, min(int(lengths.max()), _MAX_HASHED_BYTES), _WORD_BYTES):
            found ^= found >> np.uint64(29)
            found = (found ^ word(starts + done, lengths - done)) * other
        found = (found ^ lengths.astype(np.uint64)) * last
        return (found ^ found >> np.uint64(32)) | _IS_HASH

    def find(self, keys: UInt64Array) -> Int64Array:
        """(P,) the number of each piece, -1 where it has none."""
        slots = self._slots(keys)
        numbers = self._numbers[slots]
        other = np.flatnonzero((self._keys[slots] != keys) & (numbers >= 0))
        while len(other):
            slots[other] = (slots[other] + 1) & (len(self._keys) - 1)
            found = self._numbers[slots[other]]
            numbers[other] = found
            other = other[(self._keys[slots[other]] != keys[other]) & (found >= 0)]
        return numbers

    def add(self, keys: UInt64Array, numbers: Int64Array) -> None:
        """Give pieces, each once and new, their numbers."""
        self._n += len(keys)
        if 2 * self._n > len(self._keys):
            known = self._numbers >= 0
            keys = np.concatenate([self._keys[known], keys])
            numbers = np.concatenate([self._numbers[known], numbers])
            self._room((4 * self._n).bit_length())
        slots = self._slots(keys)
        while len(keys):
            free = np.flatnonzero(self._numbers[slots] < 0)
            self._keys[slots[free]], self._numbers[slots[free]] = keys[free], numbers[free]
            rest = (self._keys[slots] != keys) | (self._numbers[slots] != numbers)
            keys, numbers = keys[rest], numbers[rest]
            slots = (slots[rest] + 1) & (len(self._keys) - 1)

    def _slots(self, keys: UInt64Array) -> Int64Array:
        return ((keys * self._factors[0]) >> np.uint64(64 - self._n_bits)).astype(np.int64)
