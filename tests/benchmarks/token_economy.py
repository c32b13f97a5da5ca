"""How many tokens a reader pays until a file that answers is shown: passages, MCP, grep, whole files.

    python tests/benchmarks/token_economy.py                        # the 21 development repositories
    python tests/benchmarks/token_economy.py --repos chi,zod        # some of them
    python tests/benchmarks/token_economy.py --label token_economy  # and keep the result in results/

Every way is read from its beginning, in its order, and everything printed counts, by one tokenizer:

- `passages`: `codesearch search`, its text format, ten passages a page.
- `compact, then read`: the MCP tool `search` as it answers by default, a whole page of ten lines at a time,
  then the tool `read` on each place of the page in turn, until one shows a target.
- `whole files`: the files of the same ranking, each printed whole.
- `grep -C 5`: ripgrep's matches of the query's words (stop words left out) with five lines around them and
  line numbers; files with the most different words first, then those with most matches.
- `grep, then read`: files in that order, each read whole. The list of files costs nothing here.

A file is shown by its first passage or window; a span of lines by half of its lines or ten of them. Where a
query has several targets the first one shown counts. Whatever is not shown within the cap costs the cap, in
every way. What an agent writes itself (its calls, its thoughts) is not counted. Intervals are percentile
bootstraps over queries, ratios are geometric means of ours over theirs, query by query.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import PROJECT, BenchQuery, Collection, DataMissingError, load_collections, text_files
from metrics import CONFIDENCE, SEED, Returned, Target, bootstrap, tokens_to_file, tokens_to_span
from numpy.typing import NDArray

sys.path.insert(0, str(PROJECT))

import bench_report
from baselines import _STOP_WORDS, BaselineMissingError, Ripgrep
from mcp import Client
from product import IndexSpec, prepare, tree_of

from codesearch.agents.mcp_server import make_server
from codesearch.answers.counting import counter_for
from codesearch.answers.findings import Findings
from codesearch.api import CodeIndex
from codesearch.render.passages import render

WAYS = ("passages", "compact, then read", "whole files", "grep -C 5", "grep, then read")
CAP = 32_000
PAGE = 10
N_PAGES = 5
AROUND = 5
"""Lines that grep shows before and after a match."""
RESAMPLES = 10_000

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one query in one way, in tokens; the cap where the target was not shown."""

    file: int
    span: int | None
    """None: the query's targets name no lines."""


def passages(pages: Iterator[Findings], count: Count) -> Iterator[Returned]:
    """Each passage as the command prints it."""
    for findings in pages:
        for passage, block in zip(findings.passages, blocks_of(findings), strict=True):
            yield Returned(
                passage.path, passage.start_line, passage.end_line, count(block), passage.omitted_lines
            )


def blocks_of(findings: Findings) -> list[str]:
    """The text format, a block a passage."""
    return [render(replace(findings, passages=(passage,)), "text") + "\n" for passage in findings.passages]


def whole_files(pages: Iterator[Findings], index: CodeIndex, count: Count) -> Iterator[Returned]:
    """The files of the passages, each once and whole."""
    for path in dict.fromkeys(passage.path for findings in pages for passage in findings.passages):
        text = index.read(path)
        yield Returned(path, 1, text.count("\n") + 1, count(f"{path}\n{text}"))


_PLACE = re.compile(r"(?P<path>.+?):(?P<first>\d+)-(?P<last>\d+)(?= |$)")


async def compact_then_read(client: Client, query: str, is_shown: Callable[[list[Returned]], bool],
                            count: Count) -> list[Returned]:  # fmt: skip
    """Pages of places, and each place read, until `is_shown`."""
    found: list[Returned] = []
    for offset in range(0, PAGE * N_PAGES, PAGE):
        page = await _call(client, "search", query=query, offset=offset)
        places = [match for line in page.splitlines() if (match := _PLACE.match(line.split(" | ")[0]))]
        found.append(Returned("", 0, 0, count(page)))
        for place in places:
            path, first, last = place["path"], int(place["first"]), int(place["last"])
            text = await _call(client, "read", path=path, start_line=first, end_line=last)
            found.append(Returned(path, first, last, count(text)))
            if is_shown(found) or sum(one.n_tokens for one in found) > CAP:
                return found
        if "more: offset=" not in page:
            break
    return found


async def _call(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    return str(getattr(result.content[0], "text", ""))


def grep_windows(texts: dict[str, str], order: Sequence[str], words: Sequence[str], count: Count
                 ) -> Iterator[Returned]:  # fmt: skip
    """Windows around matches, as `rg --heading -n -C 5` prints them, files in the order given."""
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    for path in order:
        lines = texts[path].splitlines()
        hits = [number for number, line in enumerate(lines, 1) if pattern.search(line)]
        heading = f"{path}\n"
        for first, last in windows(hits, len(lines)):
            shown = "".join(f"{number}:{lines[number - 1]}\n" for number in range(first, last + 1))
            yield Returned(path, first, last, count(heading + shown))
            heading = "--\n"


def keywords_of(query: str) -> list[str]:
    """The words that `Ripgrep` looks for."""
    words = (word for word in re.findall(r"\w+", query.lower()) if word not in _STOP_WORDS)
    return list(dict.fromkeys(words))


def windows(hits: Sequence[int], n_lines: int) -> list[tuple[int, int]]:
    """Line numbers with AROUND lines on both sides, overlapping windows joined."""
    joined: list[tuple[int, int]] = []
    for number in hits:
        first, last = max(1, number - AROUND), min(n_lines, number + AROUND)
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined


def cost_of(returned: Iterator[Returned] | Sequence[Returned], targets: Sequence[Target]) -> Cost:
    """Tokens to the first target file, and to the first target span."""
    read: list[Returned] = []
    total = 0
    for one in returned:
        read.append(one)
        total += one.n_tokens
        if total > CAP:
            break
        if one.path in {target.path for target in targets} and shown(read, targets):
            break
    files = [tokens_to_file(read, target.path) for target in targets]
    spans = [tokens_to_span(read, target) for target in targets if target.is_span]
    return Cost(_least(files), _least(spans) if spans else None)


def shown(read: Sequence[Returned], targets: Sequence[Target]) -> bool:
    """Whether a target file is shown, and a target span where the query names one."""
    spans = [target for target in targets if target.is_span]
    has_file = any(tokens_to_file(read, target.path) is not None for target in targets)
    return has_file and (not spans or any(tokens_to_span(read, target) is not None for target in spans))


def _least(costs: Sequence[int | None]) -> int:
    return min([CAP, *(cost for cost in costs if cost is not None)])


def measure(collection: Collection, tree: Path, tokenizer: str) -> dict[str, dict[str, Cost]]:
    """By query, by way."""
    return asyncio.run(_measure(collection, tree, cache(counter_for(tokenizer).count)))


async def _measure(collection: Collection, tree: Path, count: Count) -> dict[str, dict[str, Cost]]:
    texts = text_files(collection.source)
    grep = Ripgrep(collection.source, texts, count)
    found: dict[str, dict[str, Cost]] = {}
    with CodeIndex.open(tree) as index:
        async with Client(make_server([tree])) as client:
            for query in collection.queries:
                pages = cache(lambda page, text=query.text: index.find(text, PAGE, offset=PAGE * page))
                files = grep.search(query.text, len(texts))
                words = keywords_of(query.text)
                order = [one.path for one in files]
                ways = {
                    "passages": passages(all_pages(pages), count),
                    "compact, then read": await _compact(client, query, count),
                    "whole files": whole_files(all_pages(pages), index, count),
                    "grep -C 5": grep_windows(texts, order, words, count) if words else iter(()),
                    "grep, then read": iter(files),
                }
                found[query.query_id] = {way: cost_of(ways[way], query.targets) for way in WAYS}
    return found


async def _compact(client: Client, query: BenchQuery, count: Count) -> list[Returned]:
    return await compact_then_read(client, query.text, lambda read: shown(read, query.targets), count)


def all_pages(page: Callable[[int], Findings]) -> Iterator[Findings]:
    """Pages of an answer while there are any."""
    for number in range(N_PAGES):
        findings = page(number)
        if not findings.passages:
            return
        yield findings


# --- figures ---------------------------------------------------------------------------------


def median_interval(values: Sequence[int]) -> tuple[float, float, float]:
    """Median and its percentile bootstrap interval over queries."""
    array = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(SEED)
    medians: NDArray[np.float64] = np.median(
        array[random.integers(0, len(array), size=(RESAMPLES, len(array)))], axis=1
    )
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(medians, [tail, 100 - tail])
    return float(np.median(array)), float(low), float(high)


def summary(costs: dict[str, list[int]]) -> dict[str, Any]:
    """Of each way: mean, median, share shown; and the paired ratio of both of ours to it."""
    found: dict[str, Any] = {}
    for way, values in costs.items():
        mean = bootstrap(values)
        found[way] = {
            "mean": [mean.mean, mean.low, mean.high],
            "median": list(median_interval(values)),
            "shown": sum(value < CAP for value in values) / len(values),
            "ratio": {ours: _ratio(costs[ours], values) for ours in WAYS[:2] if ours != way},
        }
    return found


def _ratio(ours: Sequence[int], theirs: Sequence[int]) -> list[float]:
    logs = np.log(np.asarray(ours, dtype=np.float64)) - np.log(np.asarray(theirs, dtype=np.float64))
    interval = bootstrap(logs.tolist())
    return [float(np.exp(value)) for value in (interval.mean, interval.low, interval.high)]


def table(figures: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| way | mean tokens, 95 % | median, 95 % | shown | passages cost | compact costs |",
        "|---|---|---|---|---|---|",
    ]
    for way, values in figures.items():
        mean, median = (_numbers(values[name], "{:,.0f}") for name in ("mean", "median"))
        ratios = (
            f"× {_numbers(values['ratio'][ours], '{:.2f}')}" if ours in values["ratio"] else ""
            for ours in WAYS[:2]
        )
        lines.append(f"| {way} | {mean} | {median} | {values['shown']:.1%} | {' | '.join(ratios)} |")
    return "\n".join(lines) + "\n"


def _numbers(values: Sequence[float], form: str) -> str:
    point, low, high = (form.format(value) for value in values)
    return f"{point} [{low}, {high}]"


def report(costs: dict[str, dict[str, Cost]], facts: dict[str, Any], n_repositories: int) -> tuple[str, Any]:
    """Markdown, and the record."""
    files = {way: [query[way].file for query in costs.values()] for way in WAYS}
    with_span = [query for query in costs.values() if query[WAYS[0]].span is not None]
    spans = {way: [cost for query in with_span if (cost := query[way].span) is not None] for way in WAYS}
    record = {"facts": facts, "cap": CAP, "file": summary(files), "queries": len(costs)}
    current = "of the code's own state" if facts["settings"]["indexes_current"] else "made by earlier code"
    text = (
        f"# Tokens until a target is shown\n\n`{facts['command']}`, commit {facts['commit'][:12]}"
        f"{' with uncommitted changes' if facts['uncommitted_changes'] else ''}, x86_64, 2 cores. "
        f"{len(costs)} queries, {n_repositories} repositories, tokens of {facts['token_counter']}, cap "
        f"{CAP:,}; indexes {current}.\n\n{(__doc__ or '').split('--label', 1)[1].partition(chr(10))[2]}\n"
        f"## Until a target file is shown\n\n{table(record['file'])}"
    )
    if with_span:
        record["span"] = summary(spans)
        text += f"\n## Until a target span is shown: {len(with_span)} queries\n\n{table(record['span'])}"
    record["by_query"] = {
        name: {way: [cost.file, cost.span] for way, cost in ways.items()} for name, ways in costs.items()
    }
    return text, record


def main() -> int:
    """Measure, print, and keep where asked."""
    flags = argparse.ArgumentParser(description="Tokens until a target is shown, in five ways.")
    flags.add_argument("--repos", default="", help="names, default all 21")
    flags.add_argument("--tokenizer", default="auto", help="cl100k_base where its vocabulary is here")
    flags.add_argument(
        "--trees", type=Path, help="folder with an indexed copy by name, in place of the cache"
    )
    flags.add_argument("--jobs", type=int, default=2, help="processes that search")
    flags.add_argument("--label", default="", help="keep the result under results/ by this name")
    arguments = flags.parse_args()
    spec, counter = IndexSpec("codesearch-edge"), counter_for(arguments.tokenizer)
    costs: dict[str, dict[str, Cost]] = {}
    current = not arguments.trees
    try:
        collections = load_collections(["repo"], [name for name in arguments.repos.split(",") if name])
        with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            tasks = {}
            for collection in collections:
                if not arguments.trees:
                    current &= prepare(collection, spec, refresh=False)["current"]
                tree = arguments.trees / collection.name if arguments.trees else tree_of(collection, spec)
                tasks[pool.submit(measure, collection, tree, counter.name)] = collection.name
            for number, task in enumerate(as_completed(tasks), 1):
                costs |= task.result()
                print(f"{number}/{len(tasks)} {tasks[task]}", file=sys.stderr, flush=True)
    except (DataMissingError, BaselineMissingError) as error:
        print(error, file=sys.stderr)
        return 2
    settings = {"indexes_current": current, "page": PAGE, "pages": N_PAGES}
    facts = bench_report.facts(arguments.label, sys.argv[1:], settings, counter.name)
    facts["command"] = facts["command"].replace("quality.py", "token_economy.py")
    text, record = report(costs, facts, len(collections))
    print(text)
    if arguments.label:
        bench_report.write_json(record, bench_report.RESULTS / f"{arguments.label}.json")
        (bench_report.RESULTS / f"{arguments.label}.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
