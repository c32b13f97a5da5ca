"""Which repositories become which shards: one each, small ones together, huge ones in parts; longest first.

A plan changes little when a repository changes or comes: parts and shared shards are chosen by hashes. What a
shard is made of is its digest, by which a job knows what is done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from indexer.cluster.catalogue import Entry
from indexer.cluster.trees import Source, opened, part_of
from indexer.disk.contained import digest_on_disk
from indexer.errors import NothingToIndexError
from indexer.ingest.ingest import TEXT_RULES
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import open_checkpoint
from indexer.reading.redact import rules_version
from indexer.records import FoundFile
from indexer.settings import BuildSettings
from indexer.storage.facts import settings_facts
from indexer.storage.manifest import manifest_for

_BYTES_PER_TOKEN = 3.5
"""Of source code, by the bundled tokenizer: 3.3 to 3.8."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a shard is to be, in tokens as far as bytes tell."""

    split_tokens: int = 20_000_000
    """A repository with more is split: some 500 MB of vectors, minutes of one GPU."""
    shared_tokens: int = 300_000
    """One with less shares a shard."""
    group_tokens: int = 3_000_000
    """Of a shard of several."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a repository holds, without having read it."""

    source: Source
    parts: tuple[str, ...]
    """A digest of the files of each part; one where it is not split."""
    n_tokens: int
    """Of all parts, as its bytes tell."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A shard to be made. JSON takes it through `to_json`, so that only text travels."""

    name: str
    digest: str
    sources: tuple[Source, ...]
    part: int
    n_parts: int
    n_tokens: int
    """As bytes tell."""
    previous: tuple[tuple[str, str], ...] = ()
    """Digest and SHA-256 of shards in the store that hold vectors of an earlier state."""

    def to_json(self) -> str:
        """Text that `from_json` makes the same of."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Plan:
        """A plan of its text."""
        raw = json.loads(text)
        sources = tuple(Source(**each) for each in raw.pop("sources"))
        previous = tuple((digest, sha256) for digest, sha256 in raw.pop("previous"))
        return Plan(sources=sources, previous=previous, **raw)


def recipe_of(settings: BuildSettings) -> str:
    """What shards depend on beside the files: model, rules and settings. Raises CheckpointError."""
    manifest = manifest_for(open_checkpoint(settings.model), settings.max_tokens)
    rules = settings_facts(settings, f"{TEXT_RULES} redaction={rules_version()}")
    return json.dumps([asdict(replace(manifest, generation="0", model="")), rules], sort_keys=True)


def survey(source: Source, within: Path, settings: BuildSettings, limits: Limits) -> Survey:
    """Look at every file of a repository. Raises InputError, NothingToIndexError."""
    with opened(source, within, settings) as tree:
        entries = list(tree.walk(settings.walk))
        n_bytes = sum(entry.n_bytes for entry in entries if isinstance(entry, FoundFile))
        if not n_bytes:
            raise NothingToIndexError(f"{source.folder} holds no file that can be indexed.")
        n_tokens = int(n_bytes / _BYTES_PER_TOKEN) + 1
        digests = [hashlib.sha256() for _ in range(-(-n_tokens // limits.split_tokens))]
        for entry in entries:
            what = digest_on_disk(tree.folder, entry.path) if isinstance(entry, FoundFile) else entry.reason
            own = digests[part_of(entry.path, len(digests))]
            for text in (entry.path, what):
                raw = text.encode("utf-8", "surrogatepass")
                own.update(len(raw).to_bytes(8, "little") + raw)
    return Survey(source, tuple(each.hexdigest() for each in digests), n_tokens)


def plan_shards(
    surveys: Sequence[Survey], recipe: str, before: Iterable[Entry], limits: Limits
) -> list[Plan]:
    """The shards to be made of these repositories, the longest first; `before` is what the catalogue has."""
    known: dict[str, dict[tuple[str, str], None]] = {}
    for entry in before:
        if entry.is_built:
            known.setdefault(entry.repository, {})[entry.digest, entry.sha256] = None
    small = [each for each in surveys if each.n_tokens < limits.shared_tokens]
    large = [each for each in surveys if each.n_tokens >= limits.shared_tokens]
    plans = [_plan([each], part, recipe, known) for each in large for part in range(len(each.parts))]
    for group in _groups(small, limits.group_tokens):
        plans.append(_plan(group, 0, recipe, known))
    return sorted(plans, key=lambda plan: (-plan.n_tokens, plan.name))


def _groups(small: Sequence[Survey], group_tokens: int) -> list[list[Survey]]:
    """Small repositories by a hash of their names, so that one that comes changes one group."""
    n_wanted = sum(each.n_tokens for each in small) / group_tokens
    n_groups = 1
    while n_groups < n_wanted:
        n_groups *= 2
    groups: list[list[Survey]] = [[] for _ in range(n_groups)]
    for each in sorted(small, key=lambda each: each.source.repository):
        groups[part_of(each.source.repository, n_groups)].append(each)
    return [group for group in groups if group]


def _plan(
    group: Sequence[Survey], part: int, recipe: str, known: Mapping[str, Mapping[tuple[str, str], None]]
) -> Plan:
    first, n_parts = group[0], len(group[0].parts)
    name = first.source.repository
    if len(group) > 1:
        names = " ".join(each.source.repository for each in group)
        name = f"shared-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
    elif n_parts > 1:
        name = f"{name}.{part + 1}of{n_parts}"
    digest = hashlib.sha256(recipe.encode())
    for each in group:
        own = each.source.repository if len(group) > 1 else Path(each.source.folder).name
        digest.update(json.dumps([own, part, n_parts, each.parts[part]]).encode())
    previous = {pair: None for each in group for pair in known.get(each.source.repository, ())}
    previous.pop((digest.hexdigest(), ""), None)
    return Plan(
        name,
        digest.hexdigest(),
        tuple(each.source for each in group),
        part,
        n_parts,
        sum(each.n_tokens // n_parts for each in group),
        tuple(previous),
    )
