"""The sets of retrieval questions, read from outside the project; nothing of them is kept in it.

Where they lie: `$CODESEARCH_BENCH_DATA`, else `../shared/bench` beside the project, in a folder each:

- `repo_queries/repos.json` and one file of queries a repository. The repositories themselves are
  checkouts at their pinned commits in `$CODESEARCH_BENCH_REPOS/<name>/`, else in the cache folder.
- `cosqa/{corpus,queries.dev,qrels.dev}.jsonl`: Python functions and one right answer a query.
- `meetings/dev.jsonl`: transcripts, questions and the turns that answer. `localisation/dev.jsonl`: see
  `localise.py`.

All become `Collection`s: a folder to index, and questions with targets relative to that folder.
It scores nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from metrics import Target

PROJECT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CODESEARCH_BENCH_CACHE") or platformdirs.user_cache_path("codesearch-bench"))
SETS = ("repo", "cosqa")
_TURN_COLUMNS = 100


class DataMissingError(Exception):
    """The benchmark's data is not on this machine; the message says where it is looked for."""


@dataclass(frozen=True, slots=True)
class BenchQuery:
    """A question and what answers it."""

    query_id: str
    """Stable across runs: `<repository>/<position>`, or CoSQA's own id."""
    text: str
    category: str
    """`semantic`, `architecture`, `symbol`; `question` in CoSQA."""
    targets: tuple[Target, ...]
    """Relevant and secondary alike; at least one. Paths count from the collection's `source`."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder to index and the questions asked of it."""

    set_name: str
    name: str
    language: str
    source: Path
    """Read only: systems that write beside what they index get a copy."""
    queries: tuple[BenchQuery, ...]
    revision: str
    """Commit of the checkout, or a digest of the corpus."""


def data_folder() -> Path:
    """Where the sets lie. Raises DataMissingError."""
    folder = Path(os.environ.get("CODESEARCH_BENCH_DATA") or PROJECT.parent / "shared" / "bench")
    if not folder.is_dir():
        raise DataMissingError(
            "No benchmark data: set CODESEARCH_BENCH_DATA to the folder that holds repo_queries/ and cosqa/, "
            "or put it at ../shared/bench beside the project."
        )
    return folder


def checkouts_folder() -> Path:
    """Where the pinned repositories are checked out."""
    return Path(os.environ.get("CODESEARCH_BENCH_REPOS") or CACHE / "repos")


def mirrors_folder() -> Path:
    """Where bare mirrors with history lie, `<owner>+<name>/repo` each."""
    return Path(os.environ.get("CODESEARCH_BENCH_MIRRORS") or CACHE / "mirrors")


def load_collections(sets: list[str], names: list[str]) -> list[Collection]:
    """The collections asked for, in the order of the data. Raises DataMissingError."""
    collections: list[Collection] = []
    if "repo" in sets:
        collections += load_repositories(names)
    if "cosqa" in sets:
        collections.append(load_cosqa())
    return collections


def load_repositories(names: list[str]) -> list[Collection]:
    """The repositories, all or those named. Raises DataMissingError naming every checkout that lacks."""
    folder = data_folder() / "repo_queries"
    entries = json.loads((folder / "repos.json").read_text(encoding="utf-8"))
    unknown = sorted(set(names) - {entry["name"] for entry in entries})
    if unknown:
        raise DataMissingError(f"No such benchmark repository: {', '.join(unknown)}.")
    entries = [entry for entry in entries if not names or entry["name"] in names]
    checkouts = checkouts_folder()
    missing = [entry["name"] for entry in entries if not (checkouts / entry["name"]).is_dir()]
    if missing:
        raise DataMissingError(
            f"No checkout of {', '.join(missing)}: set CODESEARCH_BENCH_REPOS to the folder that "
            "checkout.py, beside the data, wrote (it lays the repositories out at their pinned commits)."
        )
    return [_load_repository(folder, entry, checkouts) for entry in entries]


def _load_repository(folder: Path, entry: dict[str, Any], checkouts: Path) -> Collection:
    name = entry["name"]
    inner = entry.get("benchmark_root") or ""
    source = checkouts / name / inner
    if not source.is_dir():
        raise DataMissingError(f"The checkout of {name} lacks its folder {inner}.")
    records = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    queries = tuple(
        BenchQuery(
            query_id=f"{name}/{position}",
            text=record["query"],
            category=record["category"],
            targets=tuple(
                target_of(item, inner, source) for item in record["relevant"] + record["secondary"]
            ),
        )
        for position, record in enumerate(records)
    )
    return Collection("repo", name, entry["language"], source, queries, entry["revision"])


def target_of(item: str | dict[str, Any], inner: str, source: Path) -> Target:
    """A target with its path counted from the indexed folder.

    The data names paths from the repository's root, a few from the indexed folder. A target outside
    the indexed folder keeps its path: it cannot be found and stays in the ideal, as in the published
    figures.
    """
    record = {"path": item} if isinstance(item, str) else item
    path = record["path"]
    if inner and path.startswith(inner + "/") and not (source / path).is_file():
        path = path.removeprefix(inner + "/")
    return Target(path, record.get("start_line", 0), record.get("end_line", 0))


def load_cosqa() -> Collection:
    """CoSQA's development queries over its functions, one file each, written below the cache folder."""
    folder = data_folder() / "cosqa"
    corpus_bytes = (folder / "corpus.jsonl").read_bytes()
    digest = hashlib.sha256(corpus_bytes).hexdigest()[:12]
    source = CACHE / f"cosqa-{digest}"
    complete = source.with_suffix(".complete")
    if not complete.is_file():
        source.mkdir(parents=True, exist_ok=True)
        for record in map(json.loads, corpus_bytes.decode("utf-8").splitlines()):
            (source / f"{record['did']}.py").write_text(record["text"], encoding="utf-8", newline="")
        complete.touch()
    answers: dict[str, list[Target]] = {}
    for record in jsonl(folder / "qrels.dev.jsonl"):
        answers.setdefault(record["qid"], []).append(Target(f"{record['did']}.py"))
    queries = tuple(
        BenchQuery(record["qid"], record["text"], "question", tuple(answers[record["qid"]]))
        for record in jsonl(folder / "queries.dev.jsonl")
    )
    return Collection("cosqa", "cosqa", "python", source, queries, digest)


def load_meetings() -> Collection:
    """QMSum's validation half: a text file a meeting, turns wrapped with an empty line between them."""
    raw = existing(data_folder() / "meetings" / "dev.jsonl").read_bytes()
    digest = hashlib.sha256(raw).hexdigest()[:12]
    source = CACHE / f"meetings-{digest}"
    source.mkdir(parents=True, exist_ok=True)
    queries = []
    for meeting in map(json.loads, raw.decode("utf-8").splitlines()):
        lines: list[str] = []
        bounds = []  # first and last line of each turn
        for speaker, text in meeting["turns"]:
            first = len(lines) + 1
            lines += textwrap.wrap(f"{speaker}: {text}", _TURN_COLUMNS) or [f"{speaker}:"]
            bounds.append((first, len(lines)))
            lines.append("")
        name = meeting["name"]
        (source / name).write_text("\n".join(lines), encoding="utf-8", newline="")
        queries += [
            BenchQuery(
                f"{name.removesuffix('.txt')}/{position}",
                asked["query"],
                "meeting",
                tuple(Target(name, bounds[first][0], bounds[last][1]) for first, last in asked["turns"]),
            )
            for position, asked in enumerate(meeting["queries"])
        ]
    return Collection("meetings", "meetings", "text", source, tuple(queries), digest)


def existing(path: Path) -> Path:
    """The path of a file of the data. Raises DataMissingError where it is not there."""
    if not path.is_file():
        raise DataMissingError(f"The benchmark data lacks {path.parent.name}/{path.name}.")
    return path


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def text_files(source: Path) -> dict[str, str]:
    """Text by relative path, for baselines that have no walk of their own: no link, binary or hidden file."""
    texts: dict[str, str] = {}
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or path.is_symlink() or not path.is_file():
            continue
        raw = path.read_bytes()
        if b"\0" in raw[:8192] or len(raw) > 1_000_000:
            continue
        try:
            texts[relative.as_posix()] = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            texts[relative.as_posix()] = raw.decode("latin-1")
    return texts
