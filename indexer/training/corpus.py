"""Folders become training files: each once, without what its queries were taken from, with its pairs.

Everything is drawn by hashes of a seed and a file's path: the same folders give the same pairs in any order
and on any machine.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.document_formats import DOCUMENT_LANGUAGES
from indexer.languages import LANGUAGES
from indexer.light_dataclasses import dataclass
from indexer.path_roles import is_data, is_vendored
from indexer.reading.read_file import read_file
from indexer.records import FoundFile, SkippedFile, SourceFile, Span
from indexer.settings import BuildSettings
from indexer.training.code_pairs import code_pairs
from indexer.training.commit_pairs import Candidate, commit_pairs
from indexer.training.near_duplicates import NearDuplicates
from indexer.training.pair import PROSE_KINDS, Pair, PairKind, draw
from indexer.training.prose_pairs import prose_pairs
from indexer.training.tested_pairs import NamedFile, tested_pairs
from indexer.tree.walk import walk

HELD_OUT = 0.1
"""Share of the pairs that are measured with and never trained on, file by file."""
MAX_HELD_OUT = 1_000
"""Pairs: more would tell no better, and measuring costs as much as questions times regions."""
PROSE_SHARE = 1 / 3
MAX_PAIRS_OF_FILE = 32
MAX_CHARS = 200_000_000
"""Of all texts; files beyond are left out, in the order of their draws."""
_KEPT = {
    PairKind.DOC: 0.8, PairKind.COMMENT: 0.5, PairKind.NAME: 0.3, PairKind.PATH: 0.3, PairKind.COMMIT: 1.0,
    PairKind.TEST: 1.0, PairKind.HEADING: 0.6, PairKind.QUESTION: 0.8, PairKind.SENTENCE: 0.5,
}  # fmt: skip
"""Of each kind: what is left stays in its document, so that documents with comments are trained on too."""

_LEGAL = re.compile(r"(?:licen[cs]e|copying|notice|patents|authors|contributors)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """A file as the model is to see it, and its pairs; all positions are in `source.text`."""

    source: SourceFile
    spans: tuple[Span, ...]
    pairs: tuple[Pair, ...]
    is_held_out: bool = False

    @property
    def is_prose(self) -> bool:
        """It is a document, no code."""
        return self.source.language in DOCUMENT_LANGUAGES


@dataclass(frozen=True, slots=True)
class Corpus:
    """What there is to train on and to measure with."""

    files: tuple[TrainingFile, ...]
    n_near_duplicates: int

    def count(self, *, held_out: bool) -> Counter[PairKind]:
        """Pairs of each kind."""
        return Counter(
            pair.kind for file in self.files if file.is_held_out == held_out for pair in file.pairs
        )


def read_corpus(
    folders: Sequence[Path], settings: BuildSettings, seed: int, tick: Callable[[int, int], None]
) -> Corpus:
    """Read the folders' files and make their pairs; `tick(done, total)` counts files."""
    seen = NearDuplicates()
    files: list[TrainingFile] = []
    n_duplicates = 0
    several = len(folders) > 1
    for folder in folders:
        found = [entry for entry in walk(folder, settings.walk) if isinstance(entry, FoundFile)]
        read: dict[str, TrainingFile] = {}
        n_chars = 0
        for done, entry in enumerate(sorted(found, key=lambda entry: draw(seed, "order", entry.path))):
            tick(done, len(found))
            file = _read(folder, entry, settings)
            if file is None or n_chars > MAX_CHARS:
                continue
            if seen.has_seen(file.source.text):
                n_duplicates += 1
                continue
            n_chars += len(file.source.text)
            read[file.source.path] = file
        prefix = f"{folder.name}/" if several else ""
        files += [_below(file, prefix) for file in _with_pairs(folder, read, seed)]
    files = _without_repeated_queries(files)
    files = _balanced([_without_queries(file) for file in files], seed)
    return Corpus(tuple(_split(files, seed)), n_duplicates)


def _read(folder: Path, entry: FoundFile, settings: BuildSettings) -> TrainingFile | None:
    if is_vendored(entry.path) or _LEGAL.match(posixpath.basename(entry.path)):
        return None
    read = read_file(folder, entry, settings)
    if isinstance(read, SkippedFile) or is_data(read.source.path, read.source.language):
        return None
    return TrainingFile(read.source, read.parsed.spans, ())


def _with_pairs(folder: Path, read: dict[str, TrainingFile], seed: int) -> Iterator[TrainingFile]:
    more: defaultdict[str, list[Pair]] = defaultdict(list)
    candidates = {
        path: Candidate(path, file.source.text, file.spans)
        for path, file in read.items()
        if not file.is_prose
    }
    for pair in commit_pairs(folder, candidates):
        more[pair.path].append(pair)
    for pair in tested_pairs(NamedFile(path, file.spans) for path, file in sorted(read.items())):
        more[pair.path].append(pair)
    for path, file in sorted(read.items()):
        is_code = LANGUAGES[file.source.language].is_code and not file.is_prose
        own: Iterable[Pair] = (
            prose_pairs(file.source, file.spans, seed)
            if file.is_prose
            else code_pairs(file.source, file.spans)
            if is_code
            else ()
        )
        yield replace(file, pairs=tuple(_chosen([*more[path], *own], seed)))


def _chosen(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Those that are drawn and do not need what another one needs removed, by position."""
    drawn = [(draw(seed, pair.kind, pair.path, pair.start_char, pair.query), pair) for pair in pairs]
    kept: list[Pair] = []
    removed: list[tuple[int, int]] = []
    for number, pair in sorted(drawn, key=lambda each: (each[0] / _KEPT[each[1].kind], each[1].query)):
        if number >= _KEPT[pair.kind] or len(kept) == MAX_PAIRS_OF_FILE:
            continue
        if pair.removed is not None:
            start, end = pair.removed
            if any(a < end and start < b for a, b in removed):
                continue
            removed.append(pair.removed)
        kept.append(pair)
    return sorted(kept, key=lambda pair: (pair.start_char, pair.end_char, pair.query))


def _below(file: TrainingFile, prefix: str) -> TrainingFile:
    if not prefix:
        return file
    pairs = tuple(replace(pair, path=prefix + pair.path) for pair in file.pairs)
    return replace(file, source=replace(file.source, path=prefix + file.source.path), pairs=pairs)


def _without_repeated_queries(files: Sequence[TrainingFile]) -> list[TrainingFile]:
    """A query that has answers in several places names none of them."""
    places: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for file in files:
        for pair in file.pairs:
            places[pair.query.lower()].add((pair.path, pair.start_char))
    return [
        replace(file, pairs=tuple(pair for pair in file.pairs if len(places[pair.query.lower()]) == 1))
        for file in files
    ]


def _without_queries(file: TrainingFile) -> TrainingFile:
    """The file without what its queries were taken from, the rest moved to where it then stands."""
    text = file.source.text
    gaps = sorted(pair.removed for pair in file.pairs if pair.removed is not None)
    if not gaps:
        return file
    starts = np.array([start for start, _ in gaps])
    ends = np.array([end for _, end in gaps])
    before = np.concatenate([[0], np.cumsum(ends - starts)])
    kept = [text[a:b] for a, b in zip([0, *ends.tolist()], [*starts.tolist(), len(text)], strict=True)]
    shorter = "".join(kept)
    lines = (
        np.flatnonzero(np.frombuffer(shorter.encode("utf-32-le"), "<u4") == 10) if shorter else np.empty(0)
    )

    def moved(char: int) -> int:
        number = int(np.searchsorted(starts, char, "right"))
        within = max(0, int(ends[number - 1]) - char) if number else 0
        return char - int(before[number]) + within

    def line_of(char: int) -> int:
        return int(np.searchsorted(lines, char)) + 1

    spans = []
    for span in file.spans:
        start, end = moved(span.start_char), moved(span.end_char)
        if start < end:
            span = replace(span, start_char=start, end_char=end)
            spans.append(replace(span, start_line=line_of(start), end_line=line_of(end - 1)))
    pairs = [
        replace(pair, start_char=moved(pair.start_char), end_char=moved(pair.end_char), removed=None)
        for pair in file.pairs
    ]
    return replace(
        file,
        source=replace(file.source, text=shorter),
        spans=tuple(spans),
        pairs=tuple(pair for pair in pairs if pair.start_char < pair.end_char),
    )


def _balanced(files: Sequence[TrainingFile], seed: int) -> list[TrainingFile]:
    """Where there is more prose than its share, pairs of it are left out; where there is less, none is."""
    n_prose = sum(pair.kind in PROSE_KINDS for file in files for pair in file.pairs)
    n_code = sum(len(file.pairs) for file in files) - n_prose
    most = n_code * PROSE_SHARE / (1 - PROSE_SHARE)
    kept = min(1.0, most / n_prose) if n_prose and n_code else 1.0
    return [
        replace(
            file,
            pairs=tuple(
                pair
                for pair in file.pairs
                if pair.kind not in PROSE_KINDS or draw(seed, "share", pair.path, pair.query) < kept
            ),
        )
        for file in files
    ]


def _split(files: Sequence[TrainingFile], seed: int) -> Iterator[TrainingFile]:
    """Files in the order of their draws are held out until they hold a tenth of the pairs, or enough."""
    wanted = min(HELD_OUT * sum(len(file.pairs) for file in files), MAX_HELD_OUT)
    n_held = 0
    for file in sorted(files, key=lambda file: draw(seed, "held out", file.source.path)):
        is_held_out = n_held + len(file.pairs) / 2 < wanted
        n_held += len(file.pairs) * is_held_out
        yield replace(file, is_held_out=is_held_out)
