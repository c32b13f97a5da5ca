"""The job that builds a catalogue: repositories stream through tasks that read them and actors that encode.

    survey (task a repository) → plan → read (CPU task a shard) → encode (pool of actors) → catalogue

Only ids, counts and digests travel between machines; files go by the store. The longest shard is begun first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, field
from functools import partial
from pathlib import Path
from typing import Any

from indexer.cluster.catalogue import Entry, read_catalogue, write_catalogue
from indexer.cluster.connection import ClusterError
from indexer.cluster.job_progress import JobCounter, OnProgress, Running, TokenReport
from indexer.cluster.planning import Limits, Plan, Survey, plan_shards, recipe_of, survey
from indexer.cluster.shard_build import Made, ShardEncoder, Workplace, read_shard, to_plain
from indexer.cluster.store_lock import OnWait
from indexer.cluster.trees import Source
from indexer.errors import CodesearchError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import open_checkpoint
from indexer.wording import counted

_READ_CPUS = 0.5
"""Of a task that reads: it waits for the disk and the store as long as it computes."""
_MAX_PROBLEM_CHARS = 300
_TOLD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Which machines' parts encode."""

    n_workers: int = 0
    """Actors that encode; 0: one a GPU, or as many as the cores suffice for."""
    n_threads: int = 2
    """Of each, on CPUs."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A repository or shard that could not be made, and why."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a job did."""

    n_repositories: int
    n_shards: int
    n_found_shards: int
    """That the store had already."""
    n_tokens: int
    n_encoded_chunks: int
    n_encoded_tokens: int
    elapsed_seconds: float
    failures: tuple[Failure, ...]
    made: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A catalogue to be built, and with what."""

    catalogue: Path
    at: Workplace
    pool: Pool = field(default_factory=Pool)
    limits: Limits = field(default_factory=Limits)


def index_catalogue(
    ray: Any,
    job: Job,
    on_progress: OnProgress = lambda progress: None,
    on_wait: OnWait = lambda who: None,
) -> JobReport:
    """Build what a catalogue names, and replace it by what was built. `on_wait` as of `Store.locked`.

    A repository that fails keeps the shard that it had. Raises InputError, StorageError, IndexBusyError,
    CheckpointError; what goes wrong with one repository is in the report.
    """
    started = time.monotonic()
    before = read_catalogue(job.catalogue)
    recipe = recipe_of(job.at.settings)
    store = job.at.store
    with store.locked(on_wait):
        store.check_writable()
        sources = list(dict.fromkeys(Source(e.repository, e.folder, e.revision) for e in before))
        failures: list[Failure] = []
        surveys = list(_surveyed(ray, sources, job, failures))
        plans = plan_shards(surveys, recipe, before, job.limits)
        made = {}
        by_digest = {plan.digest: plan for plan in plans}
        with JobCounter(list(by_digest.values()), started, on_progress) as counter:
            for shard in _built(ray, list(by_digest.values()), job, counter):
                made[shard.digest] = shard
                if shard.problem:
                    failures.append(Failure(by_digest[shard.digest].name, shard.problem))
                # Found, or failed: it says nothing of the speed.
                counter.finished(shard.digest, is_encoded=bool(shard.encode_seconds))
        for digest in by_digest.keys() - made.keys():
            failures.append(Failure(by_digest[digest].name, "Its worker ended; run the same command again."))
        fingerprint = open_checkpoint(job.at.settings.model).fingerprint
        entries = _entries(before, plans, made, (job.at.settings.model, fingerprint))
        write_catalogue(job.catalogue, entries)
    whole = [each for each in made.values() if not each.problem]
    return JobReport(
        len(sources),
        len(whole),
        sum(not each.encode_seconds for each in whole),
        sum(each.n_tokens for each in whole),
        sum(each.n_encoded_chunks for each in whole),
        sum(each.n_encoded_tokens for each in whole),
        time.monotonic() - started,
        tuple(failures),
        tuple(whole),
    )


def _entries(
    before: Sequence[Entry], plans: Sequence[Plan], made: dict[str, Made], model: tuple[str, str]
) -> list[Entry]:
    """The catalogue's new lines, in the old order; what failed keeps its old ones."""
    new: dict[str, list[Entry]] = {}
    failed = set()
    for plan in sorted(plans, key=lambda plan: (plan.name, plan.part)):
        shard = made.get(plan.digest)
        for source in plan.sources:
            if shard is None or shard.problem:
                failed.add(source.repository)
                continue
            new.setdefault(source.repository, []).append(
                Entry(
                    source.repository,
                    source.folder,
                    source.revision,
                    plan.name,
                    plan.digest,
                    shard.sha256,
                    shard.n_files,
                    shard.n_chunks,
                    shard.n_tokens,
                    shard.n_bytes,
                    *model,
                )
            )
    entries: list[Entry] = []
    done = set()
    for entry in before:
        if entry.repository in failed or entry.repository not in new:
            entries.append(entry)
        elif entry.repository not in done:
            done.add(entry.repository)
            entries += new[entry.repository]
    return entries


# --- what Ray runs ---------------------------------------------------------------------------


def _surveyed(ray: Any, sources: Sequence[Source], job: Job, failures: list[Failure]) -> Iterator[Survey]:
    rows = [{"task": json.dumps(asdict(source))} for source in sources]
    look = partial(_survey_row, at=job.at, limits=job.limits)
    with _AsSentence():
        data = _dataset(ray, rows).map(look, num_cpus=_READ_CPUS)
        for row in data.iter_rows():
            found = json.loads(row["found"])
            source = Source(**found["source"])
            if found["problem"]:
                failures.append(Failure(source.repository, found["problem"]))
            else:
                yield Survey(source, tuple(found["parts"]), found["n_tokens"])


def _survey_row(row: dict[str, Any], at: Workplace, limits: Limits) -> dict[str, Any]:
    source = Source(**json.loads(row["task"]))
    found: dict[str, Any] = {"source": asdict(source), "problem": "", "parts": (), "n_tokens": 0}
    try:
        with at.folder() as name:
            seen = survey(source, Path(name), at.settings, limits)
        found |= {"parts": seen.parts, "n_tokens": seen.n_tokens}
    except Exception as error:
        found["problem"] = _sentence(error)
    return {"found": json.dumps(found)}


def _built(ray: Any, plans: Sequence[Plan], job: Job, counter: JobCounter) -> Iterator[Made]:
    """Shards as they are finished; `plans` are in the order in which they are begun."""
    if not plans:
        return
    rows = [{"task": plan.to_json()} for plan in plans]
    pool, use = _pool(ray, job.pool, len(plans))
    with _AsSentence():
        running = ray.remote(Running).options(num_cpus=0).remote()
        counter.watch(lambda: ray.get(running.tokens.remote(), timeout=_TOLD_SECONDS))
        data = (
            _dataset(ray, rows)
            .map(partial(_read_row, at=job.at), num_cpus=_READ_CPUS)
            .map_batches(
                EncodeRows,
                fn_constructor_args=(job.at, running),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=pool),
                **use,
            )
        )
        for row in data.iter_rows():
            yield Made(**json.loads(row["made"]))


def _pool(ray: Any, pool: Pool, n_shards: int) -> tuple[int, dict[str, float]]:
    """How many actors encode, and what each takes of a machine."""
    there = ray.cluster_resources()
    n_gpus = int(there.get("GPU", 0))
    if n_gpus:
        return min(pool.n_workers or n_gpus, n_shards), {"num_gpus": 1, "num_cpus": 1}
    n_cpus = there.get("CPU", 1.0)
    n_threads = max(1, min(pool.n_threads, int(n_cpus - _READ_CPUS)))
    n_most = max(1, int((n_cpus - _READ_CPUS) // n_threads))
    if pool.n_workers > n_most:
        raise ClusterError(
            f"The cluster has {n_cpus:g} CPUs, too few for {counted(pool.n_workers, 'worker')} of"
            f" {counted(n_threads, 'thread')}",
            f"ask for {n_most} with --workers, or for fewer --threads.",
        )
    return min(pool.n_workers or n_most, n_shards), {"num_cpus": n_threads}


def _dataset(ray: Any, rows: list[dict[str, str]]) -> Any:
    """A block for each row: each is a task of its own, and they are begun in order."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    return ray.data.from_items(rows, override_num_blocks=len(rows))


class _AsSentence:
    """What Ray raises of its own becomes a sentence."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and type(error).__module__.startswith("ray."):
            raise ClusterError(
                f"The cluster gave up ({type(error).__name__}: {_sentence(error)})",
                "finished shards are in the store: run the same command again.",
            ) from error


def _read_row(row: dict[str, Any], at: Workplace) -> dict[str, Any]:
    plan = Plan.from_json(row["task"])
    return {"task": row["task"], "read": json.dumps(to_plain(_guarded(plan, lambda: read_shard(plan, at))))}


class EncodeRows:
    """The actor of the pool: a model, and one shard after the other."""

    def __init__(self, at: Workplace, running: Any) -> None:
        self._encoder = ShardEncoder(at)
        self._running = running

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of plans whose words were read."""
        made = []
        for task, text in zip(batch["task"], batch["read"], strict=True):
            plan, read = Plan.from_json(str(task)), Made(**json.loads(str(text)))
            if not read.problem:
                report = TokenReport(self._running, plan.digest)
                read = _guarded(plan, partial(self._encoder.finish, plan, read, report))
            made.append(json.dumps(to_plain(read)))
        return {"made": made}


def _guarded(plan: Plan, work: Callable[[], Made]) -> Made:
    try:
        return work()
    except Exception as error:
        return Made(plan.digest, problem=_sentence(error))


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())[:_MAX_PROBLEM_CHARS]
    if isinstance(error, CodesearchError):
        return text
    return f"{type(error).__name__}: {text}"


def failures_in_words(failures: Iterable[Failure], most: int = 20) -> list[str]:
    """A line a problem, the same problem of several said once."""
    names: dict[str, list[str]] = {}
    for failure in failures:
        names.setdefault(failure.problem, []).append(failure.name)
    lines = []
    for problem, own in list(names.items())[:most]:
        shown = ", ".join(own[:3]) + (f" and {len(own) - 3} more" if len(own) > 3 else "")
        lines.append(f"{shown}: {problem}")
    return lines if len(names) <= most else [*lines, f"and {len(names) - most} more problems"]
