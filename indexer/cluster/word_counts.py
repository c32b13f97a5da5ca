"""How often words occur in each shard: asked once and kept, since a shard never changes.

A question is weighed by what all its shards hold before any of them is searched. With the counts at hand it
goes to the shards once, where it would have to go twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from indexer.cluster.shard_answers import ShardCounts
from indexer.fan_out import Counted
from indexer.light_dataclasses import dataclass
from indexer.records import Int64Array
from indexer.storage.bm25 import TableStatistics
from indexer.storage.full_text import TextStatistics

_KEPT_NUMBERS = 4_000_000
"""Of all words and shards: 32 MB, or the words of months of questions to sixty shards."""
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of some words in some shards; a negative number is not."""

    at: Int64Array
    """(S,) the shards, by their positions in the catalogue."""
    words: tuple[str, ...]
    stems: tuple[str, ...]
    counts: ShardCounts

    @property
    def lacking(self) -> list[int]:
        """The shards that are to be asked, by their positions here."""
        counts = self.counts
        is_known = (counts.sizes >= 0).all(1) & (counts.of_stems >= 0).all(1)
        return np.flatnonzero(~(is_known & (counts.of_words >= 0).all((1, 2)))).tolist()

    def fill(self, own: Sequence[int], found: ShardCounts) -> None:
        """Note what some of the shards answered, given by their positions here."""
        self.counts.sizes[own] = found.sizes
        self.counts.of_words[own] = found.of_words
        self.counts.of_stems[own] = found.of_stems

    def together(self) -> Counted:
        """Of all shards, once all have answered."""
        sizes = self.counts.sizes.sum(0).tolist()
        of_words = self.counts.of_words.sum(0)
        regions, symbols = (
            TableStatistics(
                sizes[2 * table], sizes[2 * table + 1], dict(zip(self.words, column, strict=True))
            )
            for table, column in enumerate(of_words.T.tolist())
        )
        of_stems = self.counts.of_stems.sum(0).tolist()
        return Counted(TextStatistics(regions, symbols), dict(zip(self.stems, of_stems, strict=True)))


class WordCounts:
    """What the shards of a catalogue have answered. Threads may share it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._at = {name: at for at, name in enumerate(names)}
        self._sizes = np.full((len(names), 4), _UNKNOWN)
        self._words: dict[str, Int64Array] = {}
        self._stems: dict[str, Int64Array] = {}
        self._lock = threading.Lock()

    def tally(self, names: Sequence[str], words: Sequence[str], stems: Sequence[str]) -> Tally:
        """What is known of these words in these shards; its own copy."""
        at = np.array([self._at[name] for name in names], np.int64)
        of_words = np.full((len(at), len(words), 2), _UNKNOWN)
        of_stems = np.full((len(at), len(stems)), _UNKNOWN)
        with self._lock:
            for column, word in enumerate(words):
                if word in self._words:
                    of_words[:, column] = self._words[word][at]
            for column, stem in enumerate(stems):
                if stem in self._stems:
                    of_stems[:, column] = self._stems[stem][at]
            counts = ShardCounts(self._sizes[at], of_words, of_stems)
        return Tally(at, tuple(words), tuple(stems), counts)

    def keep(self, tally: Tally) -> None:
        """Know what was answered the next time."""
        n_shards = len(self._at)
        with self._lock:
            if (2 * len(self._words) + len(self._stems)) * n_shards > _KEPT_NUMBERS:
                self._words, self._stems = {}, {}
            self._sizes[tally.at] = tally.counts.sizes
            for column, word in enumerate(tally.words):
                kept = self._words.setdefault(word, np.full((n_shards, 2), _UNKNOWN))
                kept[tally.at] = tally.counts.of_words[:, column]
            for column, stem in enumerate(tally.stems):
                kept = self._stems.setdefault(stem, np.full(n_shards, _UNKNOWN))
                kept[tally.at] = tally.counts.of_stems[:, column]
