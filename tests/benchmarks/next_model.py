"""Would a trained model do as the next bundled one? One table against the bundled model, paired by question.

    python tests/benchmarks/next_model.py MODEL --shares 0.35,0.5,0.75,1 --sets samples,cosqa,six   first
    python tests/benchmarks/next_model.py MODEL --shares 0.5                                        then all

MODEL is a folder that `codesearch adapt` wrote from the bundled model. A share is how much of the way from
the starting weights to the trained ones is gone: the folder holds `--written` of it, others are computed from
the two. Rows are printed as they are measured, with 95 % bootstrap intervals. Indexes are those of
`quality.py`, made where they are not there; documents are laid out by `long_documents.py`. Sets:

- `samples`: a line of the answer is among three passages of `sample_repos`.
- `cosqa`: MRR. `six`, `repositories`: NDCG@10 of six repositories and of all, whole repositories drawn.
- `documents`: NDCG@10 of questions and headings.
- `meetings`: three results show a run of turns that answers.
- `passes`: `documents` and `six` by the model in passes of 8,192 tokens, against itself in passes of 1,024;
  documents are read through here, not section by section.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import long_documents
import meetings
from bench_data import CACHE, PROJECT, Collection, load_collections, load_meetings
from bench_run import RunSettings, Workers
from metrics import bootstrap, paired_difference
from product import IndexSpec, prepare, tree_of

BUNDLED = "codesearch-edge"
SIX = ("chi", "click", "dapper", "lazy.nvim", "plug", "sinatra")
PASSES = (1024, 8192)
_refresh = False


def main() -> int:
    """Measure set by set, share by share."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("model", type=Path)
    flags.add_argument("--shares", default="0.5")
    flags.add_argument("--written", type=float, default=0.5, help="the share that MODEL holds")
    flags.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    flags.add_argument("--refresh", action="store_true", help="bring indexes up to date with the code")
    given = flags.parse_args()
    global _refresh
    _refresh = given.refresh
    unknown = set(given.sets.split(",")) - set(SETS)
    if unknown:
        flags.error(f"no such set: {', '.join(sorted(unknown))}; there are {', '.join(SETS)}")
    print("| share | measured | asked for | questions | before | after | difference |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in given.sets.split(","):
        asked, measures = SETS[name]
        for share in given.shares.split(","):
            way = float(share) / given.written
            if name == "passes":
                before, after = (_variant(given.model, way, window) for window in PASSES)
            else:
                before, after = BUNDLED, _variant(given.model, way)
            for label, measure in measures.items():
                old, new = measure(before), measure(after)
                gap = paired_difference(new.values, old.values, new.groups)
                means = f"{bootstrap(old.values).mean:.3f} | {bootstrap(new.values).mean:.3f}"
                told = f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
                print(f"| {share} | {label} | {asked} | {len(new.values)} | {means} | {told} |", flush=True)
    return 0


def _variant(written: Path, way: float, window_tokens: int | None = None) -> str:
    """A model's folder below the cache: `way` times as far from the bundled weights as the written ones."""
    from safetensors.torch import load_file, save_file

    from indexer.models.checkpoint import open_checkpoint

    start = open_checkpoint(BUNDLED).folder
    weights = sorted(path.relative_to(written) for path in written.rglob("*.safetensors"))
    digest = hashlib.sha256(b"".join((written / path).read_bytes() for path in weights)).hexdigest()[:12]
    folder = CACHE / "models" / f"{written.name}-{digest}-{way:g}-{window_tokens or 'own'}"
    if folder.is_dir():
        return str(folder)
    unfinished = folder.with_name(folder.name + ".copy")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(written, unfinished)
    for path in weights:
        old, new = load_file(start / path), load_file(written / path)
        moved = {
            name: (old[name].float() + way * (new[name].float() - old[name].float())).to(new[name].dtype)
            for name in new
        }
        save_file(moved, unfinished / path, {"format": "pt"})
    if window_tokens:
        own = json.loads((unfinished / "codesearch.json").read_text(encoding="utf-8"))
        own |= {"window_tokens": window_tokens, "section_tokens": 0}
        (unfinished / "codesearch.json").write_text(json.dumps(own))
    unfinished.rename(folder)
    return str(folder)


# --- measures, each of one model: one value a question ----------------------------------------------


class Found:
    """What one model scored."""

    def __init__(self, values: Sequence[float], groups: Sequence[str] | None = None):
        self.values, self.groups = list(values), groups


@cache
def _quality(model: str, kind: str, names: tuple[str, ...], mode: str, figure: str) -> Found:
    collections = load_collections([kind], list(names))
    _index(collections, model)
    with Workers(1) as workers:
        run = workers.run(collections, RunSettings((mode,), IndexSpec(model), 100, 0, BUNDLED))[kind]
    ids = [(query.query_id, c.name) for c in collections for query in c.queries]
    scores = run.systems[mode].scores
    groups = [name for _, name in ids] if len(collections) > 1 else None
    return Found([getattr(scores[query_id], figure) for query_id, _ in ids], groups)


@cache
def _samples(model: str, mode: str) -> Found:
    from codesearch import CodeIndex

    root = PROJECT / "sample_repos"
    questions = json.loads((root / "queries.json").read_text(encoding="utf-8"))["queries"]
    values = []
    for repo in sorted({question["repo"] for question in questions}):
        collection = Collection("samples", f"sample-{repo}", "", root / repo, (), "")
        _index([collection], model)
        with CodeIndex.open(tree_of(collection, IndexSpec(model))) as index:
            for question in questions:
                if question["repo"] != repo:
                    continue
                wanted = range(question["start_line"], question["end_line"] + 1)
                values.append(
                    float(
                        any(
                            passage.path == question["path"] and any(_shows(passage, line) for line in wanted)
                            for passage in index.search(question["query"], k=3, mode=mode)
                        )
                    )
                )
    return Found(values)


def _shows(passage: object, line: int) -> bool:
    start, end, omitted = (getattr(passage, name) for name in ("start_line", "end_line", "omitted_lines"))
    return start <= line <= end and not any(first <= line <= last for first, last in omitted)


@cache
def _documents(model: str, mode: str) -> Found:
    if model == BUNDLED:
        tree = long_documents.index_tree("whole documents")
    else:
        collection = Collection("documents", "documents", "", long_documents.CACHE / "tree", (), "")
        _index([collection], model)
        tree = tree_of(collection, IndexSpec(model))
    queries = [q for q in long_documents.make_queries(long_documents.CACHE / "tree") if q.task != "abstract"]
    return Found([row["ndcg10"] for row in long_documents.run(tree, queries, mode)])


@cache
def _meetings(model: str, mode: str) -> Found:
    collection = load_meetings()
    _index([collection], model)
    figures = meetings.run(collection, [mode], [], 0, model)
    return Found([float(value or 0) for value in figures[mode]["three"]])


def _index(collections: Sequence[Collection], model: str) -> None:
    for collection in collections:
        if not prepare(collection, IndexSpec(model), refresh=_refresh)["current"]:
            print(f"The index of {collection.name} was built by other code; see --refresh.", file=sys.stderr)


Measures = dict[str, Callable[[str], Found]]


def _of(title: str, measure: Callable[..., Found], *modes: str, **fixed: object) -> Measures:
    return {f"{title}, {mode}": partial(measure, mode=mode, **fixed) for mode in modes}


_NDCG = {"kind": "repo", "figure": "ndcg10"}
SETS: dict[str, tuple[str, Measures]] = {
    "cosqa": (
        "+0.02",
        _of("CoSQA MRR", _quality, "colbert", kind="cosqa", names=(), figure="reciprocal_rank"),
    ),
    "six": ("-0.003", _of("six repositories", _quality, "hybrid", "colbert", names=SIX, **_NDCG)),
    "samples": ("+0.03", _of("regions of sample_repos", _samples, "colbert", "hybrid")),
    "documents": ("+0.02", _of("long documents", _documents, "colbert", "hybrid")),
    "meetings": ("0.45", _of("meetings", _meetings, "colbert", "hybrid")),
    "repositories": ("-0.003", _of("all repositories", _quality, "hybrid", "colbert", names=(), **_NDCG)),
    "passes": (
        "0",
        _of("long documents in passes of 8,192 for 1,024", _documents, "colbert", "hybrid")
        | _of("six repositories so", _quality, "colbert", "hybrid", names=SIX, **_NDCG),
    ),
}
"""Name → what the next model was asked for, and what is measured."""


if __name__ == "__main__":
    raise SystemExit(main())
