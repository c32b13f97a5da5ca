"""Issue reports: given the whole text of one, which files does its fix change?

    python tests/benchmarks/localise.py                              # four modes, BM25, ripgrep
    python tests/benchmarks/localise.py --no-vectors --modes lexical # quick: indexes made without the model
    python tests/benchmarks/localise.py --every 4 --modes hybrid     # every fourth issue
    python tests/benchmarks/localise.py --label first                # and keep the result in results/

106 issues of SWE-bench Lite and Verified on pytest, pylint and sphinx. Each is asked of the tree at its own
revision; answers are Python files that are no tests. Bare mirrors with history are looked for in
`$CODESEARCH_BENCH_MIRRORS/<owner>+<name>/repo`. Indexes are kept in the cache folder, a revision each, and
share their vectors. `--part python` indexes the trees' Python files that are no tests and nothing else: a
quarter of the encoding, and a question without the documents and tests that stand between it and its answer.

Figures: `acc@k`, a right file is among the first k; `rr`, reciprocal rank of the first right one; `unnamed`,
`acc@1` and `acc@5` of issues that do not write the name of a right file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import bench_report
from baselines import BASELINES, BaselineMissingError, open_baseline
from bench_data import CACHE, PROJECT, Collection, DataMissingError, data_folder, existing, mirrors_folder
from bench_run import apply_override
from metrics import reciprocal_rank
from paired_figures import Figures, Run, finish
from product import MODES, write_path_digest

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

CUTS = (1, 3, 5, 10)
PARTS = {"all": ["."], "python": ["*.py", ":(exclude,glob)**/test*/**", ":(exclude,glob)**/test_*"]}
_DEPTH = 1000
"""Hits: some hundred files, of which the answers are chosen."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One report and what its fix changed."""

    issue_id: str
    repository: str
    revision: str
    text: str
    files: tuple[str, ...]

    @property
    def names_a_file(self) -> bool:
        """Whether it writes the name of a right file, as a file or as a module."""
        for path in self.files:
            bare = path.removesuffix(".py")
            if PurePosixPath(path).name in self.text or bare.replace("/", ".") in self.text:
                return True
        return False


def load_issues(every: int = 1) -> list[Issue]:
    """The issues, every n-th, by repository and then by the date of their revision."""
    lines = existing(data_folder() / "localisation" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    issues = [
        Issue(r["id"], r["repository"], r["revision"], r["issue"], tuple(r["files"]))
        for r in map(json.loads, lines)
    ][::every]
    return sorted(issues, key=lambda issue: (issue.repository, _date(issue)))


def _mirror(repository: str) -> Path:
    found = mirrors_folder() / repository.replace("/", "+") / "repo"
    if not found.is_dir():
        raise DataMissingError(
            f"No mirror of {repository} at {found}: set CODESEARCH_BENCH_MIRRORS to the folder of mirrors."
        )
    return found


def _date(issue: Issue) -> int:
    git = ["git", f"--git-dir={_mirror(issue.repository)}", "log", "-1", "--format=%ct", issue.revision]
    return int(subprocess.run(git, capture_output=True, text=True, check=True).stdout)


# --- trees and their indexes -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndexKind:
    """Which of a tree is indexed, and with what."""

    part: str
    has_vectors: bool

    @property
    def folder(self) -> Path:
        """Where trees of this kind and their indexes lie."""
        return CACHE / "localisation" / f"{self.part}-{'edge' if self.has_vectors else 'no-vectors'}"


def check_out(issue: Issue, kind: IndexKind) -> Path:
    """The tree at the issue's revision; its files of other revisions go, its index stays."""
    tree = kind.folder / "trees" / issue.repository.replace("/", "+")
    if not tree.is_dir():
        clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(_mirror(issue.repository))]
        subprocess.run([*clone, str(tree)], check=True)
    git = ["git", "-C", str(tree), "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"]
    subprocess.run([*git, "reset", "--quiet", "--soft", issue.revision], check=True)
    subprocess.run([*git, "read-tree", "--reset", issue.revision], check=True)
    wanted = _listed([*git, "ls-files", "-z", "--", *PARTS[kind.part]])
    for path in set(_files_below(tree)) - set(wanted):
        (tree / path).unlink()
    for folder in sorted((path for path in tree.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):  # not empty: it stays
            if folder.relative_to(tree).parts[0] not in (".git", ".codesearch"):
                folder.rmdir()
    subprocess.run(
        [*git, "checkout-index", "--force", "--quiet", "-z", "--stdin"],
        input="".join(f"{path}\0" for path in wanted).encode(), check=True,
    )  # fmt: skip
    return tree


def _listed(command: Sequence[str]) -> list[str]:
    names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    return [name for name in names if name]


def _files_below(tree: Path) -> list[str]:
    return [
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if (path.is_file() or path.is_symlink())
        and path.relative_to(tree).parts[0] not in (".git", ".codesearch")
    ]


def kept_at(issue: Issue, kind: IndexKind) -> Path:
    """Where the index of the issue's revision is kept, or would be."""
    repository = issue.repository.replace("/", "+")
    return kind.folder / f"{repository}-{issue.revision[:12]}" / repository.partition("+")[2]


def indexed(issue: Issue, kind: IndexKind) -> Path:
    """A folder that holds the index of the issue's revision, built unless it is there."""
    kept = kept_at(issue, kind)
    note = kept.parent / "built-with"
    if note.is_file():
        return kept
    from codesearch import CodeIndex

    if not kind.has_vectors:
        _use_no_model()
    tree = check_out(issue, kind)
    started = time.monotonic()
    CodeIndex.build(tree).close()
    shutil.rmtree(kept, ignore_errors=True)
    # Linked, not copied: what a generation reads is never changed, segments only grow.
    shutil.copytree(tree / ".codesearch", kept / ".codesearch", copy_function=os.link)
    note.write_text(write_path_digest(), encoding="utf-8")
    print(f"{issue.issue_id}: indexed in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return kept


def _use_no_model() -> None:
    """A table of random vectors in place of the model, as the reliability tests have it."""
    from tests.reliability.build_process import use_table_encoder

    if "indexer.encoders.encoder" not in sys.modules:
        use_table_encoder()


# --- asking ----------------------------------------------------------------------------------


def run(issues: Sequence[Issue], kind: IndexKind, modes: Sequence[str], rivals: Sequence[str]) -> Figures:
    """Every issue put to every system."""
    from codesearch.request import make_request
    from indexer.search import Searcher

    figures: Figures = {system: {} for system in (*modes, *rivals)}
    for issue in issues:
        if modes:
            with Searcher.open(indexed(issue, kind)) as searcher:
                for mode in modes:
                    started = time.perf_counter()
                    hits = searcher.search(make_request(issue.text, k=_DEPTH, mode=mode)).hits
                    seconds = time.perf_counter() - started
                    files = dict.fromkeys(searcher.chunk(hit.chunk_id).path for hit in hits)
                    _note(figures[mode], issue, answers(files))
                    figures[mode].setdefault("seconds", []).append(round(seconds, 4))
        if rivals:
            # Rivals rank the answers alone.
            python = check_out(issue, IndexKind("python", has_vectors=False))
            for name in rivals:
                collection = Collection("localisation", issue.issue_id, "python", python, (), issue.revision)
                found = open_baseline(name, collection, len).search(issue.text, 200)
                _note(figures[name], issue, answers(dict.fromkeys(returned.path for returned in found)))
    return figures


def answers(files: Sequence[str] | dict[str, None]) -> list[str]:
    """Those that can be right: Python files that are no tests."""
    from indexer.path_roles import is_test

    return [path for path in files if path.endswith(".py") and not is_test(path)]


def _note(columns: dict[str, list[float | None]], issue: Issue, files: Sequence[str]) -> None:
    right = set(issue.files)
    values: dict[str, float | None] = {f"acc@{k}": float(not right.isdisjoint(files[:k])) for k in CUTS}
    values["rr"] = reciprocal_rank(files, right)
    for k in (1, 5):
        values[f"unnamed acc@{k}"] = None if issue.names_a_file else values[f"acc@{k}"]
    for name, value in values.items():
        columns.setdefault(name, []).append(value)


def main() -> int:
    """Index, ask, report."""
    arguments = parser().parse_args()
    for override in arguments.set:
        apply_override(override)
    kind = IndexKind(arguments.part, not arguments.no_vectors)
    modes, rivals = (
        [] if names == "none" else names.split(",") for names in (arguments.modes, arguments.baselines)
    )
    if arguments.no_vectors and set(modes) - {"lexical"}:
        print("Without vectors there is lexical mode alone.", file=sys.stderr)
        return 2
    try:
        issues = load_issues(arguments.every)
        if arguments.built:
            issues = [issue for issue in issues if (kept_at(issue, kind).parent / "built-with").is_file()]
        figures = run(issues, kind, modes, rivals)
    except (DataMissingError, BaselineMissingError) as error:
        print(error, file=sys.stderr)
        return 2
    seconds = {mode: figures[mode].pop("seconds") for mode in modes}
    settings = {"set": arguments.set, "part": arguments.part, "every": arguments.every}
    facts = bench_report.facts(arguments.label or "unrecorded", sys.argv[1:], settings, "none", "localise.py")
    times = ", ".join(f"{mode} {1000 * _median(values):.0f}" for mode, values in seconds.items())
    notes = f"Of a tree: {arguments.part}. Median of a search in ms: {times or 'none'}."
    rival = "lexical" if "lexical" in figures else next(iter(figures))
    with suppress(BrokenPipeError):
        found = Run("localise", facts, [issue.issue_id for issue in issues], figures, rival, notes)
        finish(found, arguments.label, arguments.compare)
    return 0


def _median(values: Sequence[float | None]) -> float:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2]


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--modes", default=",".join(MODES))
    flags.add_argument("--baselines", default="bm25-files,rg", help=f"{', '.join(BASELINES)} or none")
    flags.add_argument("--part", default="all", choices=PARTS, help="what of a tree is indexed")
    flags.add_argument("--every", type=int, default=1, metavar="N", help="every n-th issue alone")
    flags.add_argument("--built", action="store_true", help="only issues whose index is there already")
    flags.add_argument("--no-vectors", action="store_true", help="index without the model")
    flags.add_argument("--set", action="append", default=[], metavar="PATH=NUMBER", help="as in quality.py")
    flags.add_argument("--label", default="", help="record the run under results/ by this name")
    flags.add_argument("--compare", default="", help="a result's file, `none`; default: newest recorded")
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
