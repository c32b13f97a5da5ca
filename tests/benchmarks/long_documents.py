"""Long documents: does a question find its document, and the section of it that answers?

    python tests/benchmarks/long_documents.py --lay-out      fetch the documents (git, network)
    python tests/benchmarks/long_documents.py                index, search, write results/

150 of Python's PEPs, Rust's RFCs and Go's proposals at pinned revisions, drawn by a seed. Three tasks:

- `abstract`: the first words of a document's abstract (its title or name where it has none) → the document.
- `heading`: a heading that occurs once in the collection → its section.
- `question`: a hundred questions written before anything was searched
  (`long_document_questions.json`) → the section that answers.

Two ways to encode: whole documents (chunks of up to 8,192 tokens, as the product does) and chunks of
512 tokens. NDCG@10 over documents (`abstract`) or over passages, where the first passage counts with
which the answer shows half of the section or ten lines of it; the share of answers that do where three
passages are asked for; recall of the section within 1k, 2k and 4k returned tokens.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metrics import Returned, Target, bootstrap, ndcg_at, paired_difference, tokens_to_span

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

CACHE = Path(os.environ.get("CODESEARCH_BENCH", Path.home() / ".cache" / "codesearch-bench")) / "documents"
MODES = ("hybrid", "colbert", "single", "lexical")
WAYS = {"whole documents": {}, "512-token chunks": {"max_tokens": 512}}
BUDGETS = (1000, 2000, 4000)
N_HEADINGS = 150
SEED = 9
_MIN_BYTES, _MAX_BYTES = 8_000, 80_000
_QUERY_WORDS = 40


@dataclass(frozen=True, slots=True)
class Source:
    """A public repository of documents."""

    name: str
    url: str
    revision: str
    pattern: str
    n_documents: int


SOURCES = (
    Source(
        "peps",
        "https://github.com/python/peps",
        "ba4deeb7969588d937da609008d05bb83a47b1ab",
        "peps/pep-*.rst",
        60,
    ),
    Source(
        "rfcs",
        "https://github.com/rust-lang/rfcs",
        "354518a8c9025f40be6f730452c1bfe71a12dc22",
        "text/*.md",
        50,
    ),
    Source(
        "proposal",
        "https://github.com/golang/proposal",
        "f6e2e6b7f89c932d16aaa20b2aabddd599e5b468",
        "design/*.md",
        40,
    ),
)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one task and where its answer is."""

    task: str
    text: str
    target: Target


# --- the collection --------------------------------------------------------------------------


def lay_out(mirrors: dict[str, str]) -> None:
    """Fetch the repositories and copy the drawn documents to the cache; nothing is run."""
    tree = CACHE / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    draw = random.Random(SEED)
    for source in SOURCES:
        checkout = CACHE / "checkouts" / source.name
        if not checkout.is_dir():
            url = mirrors.get(source.name, source.url)
            subprocess.run(["git", "clone", "--quiet", "--no-checkout", url, str(checkout)], check=True)
            subprocess.run(
                ["git", "-C", str(checkout), "checkout", "--quiet", source.revision, "--", "."], check=True
            )
        files = sorted(
            file for file in checkout.glob(source.pattern) if _MIN_BYTES <= file.stat().st_size <= _MAX_BYTES
        )
        for file in sorted(draw.sample(files, source.n_documents)):
            target = tree / source.name / file.relative_to(checkout)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    print(f"{sum(1 for file in tree.rglob('*') if file.is_file())} documents in {tree}")


def make_queries(tree: Path) -> list[Query]:
    """All three tasks; sections are those that the product's own parser sees."""
    from indexer.languages import language_of
    from indexer.reading.parse import parse
    from indexer.records import SourceFile

    sections: dict[str, dict[str, Target]] = {}
    texts: dict[str, list[str]] = {}
    for file in sorted(tree.rglob("*")):
        if not file.is_file():
            continue
        path = file.relative_to(tree).as_posix()
        text = file.read_text(encoding="utf-8", errors="replace")
        source = SourceFile(path, text, language_of(path, text[:400]), "", len(text))
        spans = [span for span in parse(source, 10).spans if span.kind == "section"]
        texts[path] = text.split("\n")
        sections[path] = {span.name: Target(path, span.start_line, span.end_line) for span in spans}
    queries = [
        Query("abstract", _abstract(path, texts[path], sections[path]), Target(path)) for path in texts
    ]
    queries += _heading_queries(sections)
    questions = json.loads((HERE / "long_document_questions.json").read_text(encoding="utf-8"))
    for entry in questions:
        target = sections[entry["document"]][entry["section"]]
        queries.append(Query("question", entry["question"], target))
    return queries


def _abstract(path: str, lines: list[str], sections: dict[str, Target]) -> str:
    for name, target in sections.items():
        if re.search(r"\b(?:abstract|summary)\b", name.rpartition(" > ")[2].lower()):
            body = [line for line in lines[target.start_line : target.end_line] if not _is_markup(line)]
            words = " ".join(body).split()[:_QUERY_WORDS]
            if len(words) >= 8:
                return " ".join(words)
    title = next((line[6:] for line in lines[:20] if line.startswith("Title:")), "")
    return title.strip() or re.sub(r"[-_\d]+", " ", Path(path).stem).strip()


def _is_markup(line: str) -> bool:
    return not line.strip() or line.startswith(("[", "..", "#")) or not re.search(r"\w", line)


def _heading_queries(sections: dict[str, dict[str, Target]]) -> list[Query]:
    last = Counter(name.rpartition(" > ")[2].lower() for names in sections.values() for name in names)
    wanted = [
        Query("heading", re.sub(r"[`*]|\[|\]", "", name.rpartition(" > ")[2]), target)
        for _, names in sorted(sections.items())
        for name, target in names.items()
        if last[name.rpartition(" > ")[2].lower()] == 1
        and len(name.rpartition(" > ")[2].split()) >= 3
        and target.end_line - target.start_line >= 5
    ]
    return random.Random(SEED).sample(wanted, min(N_HEADINGS, len(wanted)))


# --- searching -------------------------------------------------------------------------------


def index_tree(way: str) -> Path:
    """A copy of the tree with its index, made by the product."""
    from codesearch import BuildSettings, CodeIndex

    tree = CACHE / "indexed" / re.sub(r"\W+", "-", way)
    if not tree.is_dir():
        shutil.copytree(CACHE / "tree", tree)
    started = time.monotonic()
    CodeIndex.build(tree, settings=BuildSettings(**WAYS[way])).close()
    print(f"{way}: indexed in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return tree


def run(tree: Path, queries: list[Query], mode: str) -> list[dict[str, Any]]:
    """One row a query: rank of the answer and, for questions, what each budget reached."""
    from codesearch import CodeIndex

    rows: list[dict[str, Any]] = []
    with CodeIndex.open(tree) as index:
        for query in queries:
            started = time.perf_counter()
            if query.task == "abstract":
                files = [file.path for file in index.files(query.text, k=10, mode=mode)]
                ndcg = ndcg_at(files, {query.target.path})
                row: dict[str, Any] = {"ndcg10": ndcg, "first3": float(query.target.path in files[:3])}
            else:
                rank = _rank(_returned(index.search(query.text, k=10, mode=mode)), query.target)
                three = _rank(_returned(index.search(query.text, k=3, mode=mode)), query.target)
                row = {"ndcg10": 1 / math.log2(rank + 1) if rank else 0.0, "first3": float(three > 0)}
            row |= {"task": query.task, "seconds": round(time.perf_counter() - started, 4)}
            if query.task == "question":
                for budget in BUDGETS:
                    passages = index.search(query.text, k=50, mode=mode, budget_tokens=budget)
                    reached = tokens_to_span(_returned(passages), query.target)
                    row[f"recall_{budget}"] = float(reached is not None)
            rows.append(row)
    return rows


def _returned(passages: Iterable[Any]) -> list[Returned]:
    return [
        Returned(item.path, item.start_line, item.end_line, item.n_tokens, item.omitted_lines)
        for item in passages
    ]


def _rank(returned: list[Returned], target: Target) -> int:
    """How many passages it takes until enough of the section is shown; 0: they never do."""
    for n in range(1, len(returned) + 1):
        if tokens_to_span(returned[:n], target) is not None:
            return n
    return 0


# --- the table -------------------------------------------------------------------------------


def table(results: dict[str, dict[str, list[dict[str, Any]]]], tasks: list[str]) -> str:
    """Markdown: one row a task, way and mode; means with 95 % bootstrap intervals."""
    lines = [
        "| task | encoding | mode | queries | NDCG@10 | first three | within 1k | 2k | 4k tokens |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for task in tasks:
        for way, modes in results.items():
            for mode, rows in modes.items():
                chosen = [row for row in rows if row["task"] == task]
                keys = ["ndcg10", "first3", *(f"recall_{budget}" for budget in BUDGETS)]
                cells = [_cell([row[key] for row in chosen]) if key in chosen[0] else "" for key in keys]
                lines.append(f"| {task} | {way} | {mode} | {len(chosen)} | {' | '.join(cells)} |")
    if set(results) == set(WAYS):
        lines.append("\nWhole documents minus 512-token chunks, NDCG@10, paired:\n")
        whole, small = (results[way] for way in WAYS)
        for task in tasks:
            for mode in sorted(whole.keys() & small.keys()):
                ours, theirs = (
                    [row["ndcg10"] for row in side[mode] if row["task"] == task] for side in (whole, small)
                )
                gap = paired_difference(ours, theirs)
                lines.append(f"- {task}, {mode}: {gap.mean:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})")
    return "\n".join(lines) + "\n"


def _cell(values: list[float]) -> str:
    interval = bootstrap(values)
    return f"{interval.mean:.3f} ({interval.low:.2f}–{interval.high:.2f})"


def main() -> None:
    """Lay out, or index and search and write results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lay-out", action="store_true", help="fetch the documents into the cache")
    parser.add_argument("--mirror", action="append", default=[], metavar="NAME=URL", help="fetch from here")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--ways", default=",".join(WAYS), help="encodings: " + ", ".join(WAYS))
    parser.add_argument("--tasks", default="question,heading,abstract")
    parser.add_argument("--label", default="", help="what was measured, for the report: a commit, the load")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "long_documents.json")
    arguments = parser.parse_args()
    if arguments.lay_out:
        lay_out(dict(pair.split("=", 1) for pair in arguments.mirror))
        return
    if not (CACHE / "tree").is_dir():
        sys.exit(f"no documents in {CACHE / 'tree'}; run with --lay-out first")
    tasks = arguments.tasks.split(",")
    queries = [query for query in make_queries(CACHE / "tree") if query.task in tasks]
    print(dict(Counter(query.task for query in queries)), file=sys.stderr)
    about = {
        "command": " ".join(["python", "tests/benchmarks/long_documents.py", *sys.argv[1:]]),
        "label": arguments.label,
        "revisions": {source.name: source.revision for source in SOURCES},
        "machine": {"python": platform.python_version(), "cores": os.cpu_count()},
    }
    results: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for way in arguments.ways.split(","):
        tree = index_tree(way)
        for mode in arguments.modes.split(","):
            started = time.monotonic()
            results.setdefault(way, {})[mode] = run(tree, queries, mode)
            print(f"{way}, {mode}: {time.monotonic() - started:.0f} s", file=sys.stderr)
            # Written as it goes, so that a killed run keeps what it has.
            write(arguments.out, about, results, tasks)
    print(table(results, tasks))


def write(out: Path, about: dict[str, Any], results: dict[str, Any], tasks: list[str]) -> None:
    """Rows as JSON and the table as Markdown beside it."""
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(about | {"results": results}) + "\n", encoding="utf-8")
    head = f"# Long documents\n\n`{about['command']}`\n\n"
    note = f"{about['label']}\n\n" if about["label"] else ""
    out.with_suffix(".md").write_text(head + note + table(results, tasks), encoding="utf-8")


if __name__ == "__main__":
    main()
