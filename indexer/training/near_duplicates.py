"""Which texts say nearly what another said before: minhash over lines, after Broder (1997)."""

from __future__ import annotations

import hashlib

import numpy as np

_N_HASHES, _BAND = 32, 4
"""Eight bands of four: of texts that share nine lines in ten 99.9 % meet, of such that share half 40 %."""
_SAME = 0.8
"""Share of common lines, as the hashes estimate it, from which two texts are near duplicates."""
_PRIME = np.uint64((1 << 61) - 1)


class NearDuplicates:
    """Remembers the texts that it was shown."""

    def __init__(self) -> None:
        random = np.random.default_rng(24)
        self._factors = random.integers(1, 1 << 32, (_N_HASHES, 1), np.uint64)
        self._terms = random.integers(0, 1 << 60, (_N_HASHES, 1), np.uint64)
        self._bands: dict[tuple[int, bytes], list[int]] = {}
        self._sketches: list[np.ndarray[tuple[int, ...], np.dtype[np.uint64]]] = []

    def has_seen(self, text: str) -> bool:
        """Tell whether a text like this one came before; if not, it is remembered."""
        lines = {line.strip() for line in text.splitlines()} - {""}
        if not lines:
            return True
        raw = b"".join(
            hashlib.blake2b(line.encode("utf-8", "surrogatepass"), digest_size=4).digest()
            for line in sorted(lines)
        )
        hashes = np.frombuffer(raw, "<u4").astype(np.uint64)
        sketch = ((self._factors * hashes + self._terms) % _PRIME).min(axis=1)  # (N,)
        keys = [(first, sketch[first : first + _BAND].tobytes()) for first in range(0, _N_HASHES, _BAND)]
        near = {number for key in keys for number in self._bands.get(key, ())}
        if any(float((self._sketches[number] == sketch).mean()) >= _SAME for number in near):
            return True
        for key in keys:
            self._bands.setdefault(key, []).append(len(self._sketches))
        self._sketches.append(sketch)
        return False
