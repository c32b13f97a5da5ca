"""What a file's path says to a query: a number a signal for every candidate file. Cheap, and of any language.

Definitions of symbols and their names are scored where they are looked up (`candidates.py`); weights
are `ranking.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache

import numpy as np

from indexer.document_formats import DOCUMENT_LANGUAGES
from indexer.light_dataclasses import dataclass
from indexer.path_roles import (
    PlatformVariant,
    VersionFolder,
    is_test,
    is_vendored,
    native_systems,
    platform_variant,
    systems_named,
    version_folder,
)
from indexer.records import Float32Array
from indexer.retrieve.named_paths import named_files
from indexer.retrieve.query_shape import QueryShape, stem, stems_of
from indexer.words import joined

_ASIDE = re.compile(r"(^|/)_?(examples?|samples?|docs?|docs_src|benchmarks?|bench|demos?|scripts?|tools?)/")
_PROSE = DOCUMENT_LANGUAGES - {"notebook", "org", "latex"}
"""Notebooks hold code, and the weight was chosen on trees without the others."""
_MIN_ROOTED = 5
"""Letters of a stem that loses its ending: `user` is not `us`."""
_AS_TELLING = 2.0
"""A name says all that it can where its rarest word is half as rare as the query's usual one, or rarer."""
_NATIVE = native_systems()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a candidate file without reading it."""

    path: str
    language: str


@dataclass(frozen=True, slots=True)
class PathSignals:
    """One number a file, (F,) each; 0 where a signal says nothing."""

    stem_match: Float32Array
    """0..1: how much of the file's name the query's words make up, by their rarity; less for common words."""
    folder_match: Float32Array
    """0..1: how much of the query the words of its folders make up, by their rarity."""
    gram_match: Float32Array
    """1 where neighbouring words of the query, run together, are the file's name."""
    named_path: Float32Array
    """0..1: the query names the file by its path."""
    is_test: Float32Array
    """1 for test code, unless the query asks for tests."""
    is_prose: Float32Array
    """1 for documents, unless the query asks for documents."""
    is_document: Float32Array
    """1 for documents, whatever the query asks for; no signal of its own."""
    is_aside: Float32Array
    """1 for examples, benchmarks, scripts and tools, unless the query asks for them."""
    is_vendored: Float32Array
    is_foreign: Float32Array
    """1 for what another operating system has in place of a candidate for this one, unless asked for."""
    is_older: Float32Array
    """1 below `v3` where a candidate lies below its sibling `v4`, unless the version is asked for."""
    is_lone: Float32Array
    """1 for every file where the query is one identifier and nothing else."""

    @property
    def n_files(self) -> int:
        """F."""
        return len(self.is_lone)


def path_signals(shape: QueryShape, rarities: Mapping[str, float], files: Sequence[FileFacts]) -> PathSignals:
    """Signals of candidate files; `rarities` holds a weight for each of the query's stems."""
    paths = [_path_facts(file.path) for file in files]
    weights: dict[str, float] = {}
    for word, rarity in rarities.items():
        weights[_root(word)] = max(rarity, weights.get(_root(word), 0.0))
    total = sum(weights.values()) or 1.0
    usual = total / max(1, len(weights))

    def of_name(own: Sequence[str]) -> float:
        matched = sum(weights.get(word, 0.0) for word in own)
        n_other = sum(word not in weights for word in own)
        if not matched:
            return 0.0
        # In a queue of jobs every question names the job: a file of that name is not what most are about.
        telling = min(1.0, _AS_TELLING * max(weights.get(word, 0.0) for word in own) / usual)
        return telling * matched / (matched + usual * n_other)

    def of_folder(own: Sequence[str]) -> float:
        return sum(weights.get(word, 0.0) for word in own) / total

    return PathSignals(
        stem_match=_column(of_name(path.name_roots) for path in paths),
        folder_match=_column(of_folder(path.folder_roots) for path in paths),
        gram_match=_column(path.joined in shape.grams for path in paths),
        named_path=named_files(shape.paths, [file.path for file in files]),
        is_test=_column(not shape.wants_tests and path.is_test for path in paths),
        is_prose=_column(not shape.wants_documents and file.language in _PROSE for file in files),
        is_document=_column(file.language in DOCUMENT_LANGUAGES for file in files),
        is_aside=_column(bool(path.aside) and path.aside not in shape.stems for path in paths),
        is_vendored=_column(path.is_vendored for path in paths),
        is_foreign=_foreign([path.variant for path in paths], _NATIVE, systems_named(shape.words)),
        is_older=_older([path.version for path in paths], shape.words),
        is_lone=np.full(len(files), float(shape.is_identifier), np.float32),
    )


def _foreign(variants: Sequence[PlatformVariant | None], native: Set[str], wanted: Set[str]) -> Float32Array:
    """1 for files of a system neither native nor wanted, where a candidate is the native one's."""
    own = {variant.pattern for variant in variants if variant and variant.system in native}
    return _column(
        variant is not None and variant.system not in native | wanted and variant.pattern in own
        for variant in variants
    )


def _older(versions: Sequence[VersionFolder | None], words: Sequence[str]) -> Float32Array:
    """1 for files of a version that no word names, where a candidate has a later one."""
    newest: dict[str, int] = {}
    for version in versions:
        if version is not None:
            newest[version.parent] = max(version.number, newest.get(version.parent, 0))
    return _column(
        version is not None and f"v{version.number}" not in words and version.number < newest[version.parent]
        for version in versions
    )


@dataclass(frozen=True, slots=True)
class _PathFacts:
    """What a path says whatever the query is."""

    name_roots: tuple[str, ...]
    folder_roots: tuple[str, ...]
    joined: str
    is_test: bool
    aside: str
    """The stem of the folder that sets it aside; empty for what is none."""
    is_vendored: bool
    variant: PlatformVariant | None
    version: VersionFolder | None


@lru_cache(maxsize=32_768)
def _path_facts(text: str) -> _PathFacts:
    folder, _, name = text.rpartition("/")
    dot = name.rfind(".", 1)
    own = name[:dot] if 0 < dot < len(name) - 1 else name
    aside = _ASIDE.search(text.lower())
    return _PathFacts(
        name_roots=_roots_of(own),
        folder_roots=_roots_of_folder(folder),
        joined=joined(own),
        is_test=is_test(text),
        aside=stem(aside.group(2)) if aside else "",
        is_vendored=is_vendored(text),
        variant=platform_variant(text),
        version=version_folder(text),
    )


@lru_cache(maxsize=1024)
def _roots_of_folder(folder: str) -> tuple[str, ...]:
    """Remembered for its other files."""
    return _roots_of(folder)


def _roots_of(text: str) -> tuple[str, ...]:
    return tuple(sorted({_root(stem) for stem in stems_of(text)}))


def _root(stem: str) -> str:
    """A stem without the ending that makes a doer of it: `logger` is `log`, as Porter makes of `logging`.

    Porter leaves the ending to short words, and files are often named for what they do.
    """
    if len(stem) < _MIN_ROOTED:
        return stem
    if stem.endswith(("er", "or")):
        bare = stem[:-2]
        is_doubled = len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "aeiou"
        return bare[:-1] if is_doubled else bare
    return stem.removesuffix("e")


def _column(values: Iterable[float]) -> Float32Array:
    return np.fromiter(values, np.float32)
