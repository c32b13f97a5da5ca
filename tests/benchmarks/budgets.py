"""Do token budgets hold, in every front end and format, and are they used?

    python tests/benchmarks/budgets.py REPOSITORY [--queries 200] [--seed 1] [--output FILE]

Queries are random lines and random handfuls of words of the index itself, each with a budget drawn between
100 and 16,000 (the logarithm is drawn evenly). A context block is asked for through the API, the command
line, the MCP server and `ask`, in every format, and counted anew; a search through the first three, with the
budget on the text of its passages. `use` is tokens over budget, over the answers that had material enough:
where the same question with four times the budget got more than one and a half times as many tokens. Hits
of a query are searched once and answer all of its questions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from mcp import Client

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from codesearch.agents.ask import Conversation, question_with_excerpts
from codesearch.agents.mcp_server import make_server
from codesearch.answers.counting import NamedCounter, counter_for
from codesearch.api import CodeIndex
from codesearch.choices import CONTEXT_FORMATS
from codesearch.cli.main import cli
from codesearch.workspace import Workspace
from indexer.search import Searcher

SEARCHED = 100
"""Passages that a search asks for, so that its budget is what ends it."""


def search_once() -> None:
    """Let equal requests share one answer of the engine: budgets are filled after the search."""
    engine_search, kept = Searcher.search, {}

    def search(self: Searcher, request: Any) -> Any:
        if (id(self), request) not in kept:
            kept[id(self), request] = engine_search(self, request)
        return kept[id(self), request]

    Searcher.search = search  # type: ignore[method-assign]


def random_query(index: CodeIndex, rng: random.Random) -> str:
    """A line of a random file, or some of its words in another order."""
    while True:
        lines = [line.strip() for line in index.read(rng.choice(index.paths())).split("\n")]
        line = rng.choice(lines)[:300]
        words = line.split()
        if len(line) < 4 or not words:
            continue
        return line if rng.random() < 0.5 else " ".join(rng.sample(words, min(len(words), rng.randint(1, 8))))


class FrontEnds:
    """One index behind every front end."""

    def __init__(self, index: CodeIndex, client: Client) -> None:
        self._index = index
        self._client = client
        self._repositories = Workspace([index.root])
        self._conversation = Conversation(self._repositories, None)

    async def blocks(self, query: str, budget: int, form: str) -> dict[str, str]:
        """The context block of one question through each front end; `ask` has one form."""
        found = {"api": self._index.context(query, budget, format=form).text}
        found["cli"] = self._command("context", query, "--budget", str(budget), "--format", form)
        if form != "messages":
            found["mcp"] = await self._tool("context", query=query, budget_tokens=budget, format=form)
        if form == "text":
            self._conversation._budget_tokens = budget
            turn = self._conversation.retrieve(query)
            found["ask"] = question_with_excerpts(turn).removesuffix(f"\n\nQuestion: {turn.question}")
        return found

    async def passages(self, query: str, budget: int) -> dict[str, list[str]]:
        """The texts of a search's passages through each front end."""
        found = self._index.find(query, SEARCHED, budget_tokens=budget)
        answers = {
            "cli": self._command(
                "search", query, "-k", str(SEARCHED), "--budget", str(budget), "--format", "json"
            ),
            "mcp": await self._tool("search", query=query, k=SEARCHED, budget_tokens=budget, format="json"),
        }
        texts = {name: _texts(answer) for name, answer in answers.items()}
        return {"api": [passage.text for passage in found.passages], **texts}

    def close(self) -> None:
        """Close what was opened here."""
        self._repositories.close()

    def _command(self, name: str, query: str, *options: str) -> str:
        arguments = [name, *options, "--no-refresh", "--", query, str(self._index.root)]
        return CliRunner().invoke(cli, arguments).stdout

    async def _tool(self, name: str, **arguments: Any) -> str:
        result = await self._client.call_tool(name, arguments)
        return str(getattr(result.content[0], "text", ""))


def _texts(answer: str) -> list[str]:
    return [passage["text"] for passage in json.loads(answer)["passages"]]


async def measure(index: CodeIndex, n_queries: int, seed: int) -> dict[str, Any]:
    """All answers counted; see the module."""
    rng = random.Random(seed)
    counter: NamedCounter = counter_for(None)
    n_answers: Counter[str] = Counter()
    over: list[list[Any]] = []
    different: list[list[Any]] = []
    use: dict[str, list[float]] = {"context": [], "search": []}
    async with Client(make_server([index.root])) as client:
        ends = FrontEnds(index, client)
        for number in range(n_queries):
            query = random_query(index, rng)
            budget = round(100 * 160 ** rng.random())
            form = CONTEXT_FORMATS[number % len(CONTEXT_FORMATS)]
            blocks = await ends.blocks(query, budget, form)
            counts = {f"context {name}": counter.count(text) for name, text in blocks.items()}
            same = {text for name, text in blocks.items() if name != "ask" and text}
            if len(same) > 1 and counts["context api"]:
                different.append([query, budget, form])
            if index.context(query, 4 * budget, format=form).n_tokens > 1.5 * budget:
                use["context"].append(counts["context api"] / budget)
            lists = await ends.passages(query, budget)
            counts |= {f"search {name}": sum(map(counter.count, texts)) for name, texts in lists.items()}
            if len({tuple(texts) for texts in lists.values()}) > 1:
                different.append([query, budget, "search"])
            more = index.search(query, k=SEARCHED, budget_tokens=4 * budget)
            if sum(passage.n_tokens for passage in more) > 1.5 * budget:
                use["search"].append(counts["search api"] / budget)
            n_answers.update(counts.keys())
            over += [[query, budget, form, name, n] for name, n in counts.items() if n > budget]
        ends.close()
    return {
        "tokenizer": counter.name,
        "queries": n_queries,
        "answers": dict(n_answers),
        "over_budget": over,
        "front_ends_that_differ": different,
        "use": {name: summary(shares) for name, shares in use.items()},
    }


def summary(shares: Sequence[float]) -> dict[str, float | int]:
    """Least, fifth percentile, median, and how many stay below nine tenths."""
    ordered = sorted(shares) or [1.0]
    return {
        "answers": len(shares),
        "least": round(ordered[0], 3),
        "p5": round(ordered[len(ordered) // 20], 3),
        "median": round(statistics.median(ordered), 3),
        "below_0.9": sum(share < 0.9 for share in ordered),
    }


def markdown(result: dict[str, Any]) -> str:
    """The result as a page."""
    use = "".join(
        f"| {name} | {' | '.join(str(figure) for figure in one.values())} |\n"
        for name, one in result["use"].items()
    )
    answers = "".join(f"| {name} | {n} |\n" for name, n in result["answers"].items())
    return (
        f"# Token budgets\n\n`{result['command']}`, commit {result['commit']}, x86_64, 2 cores; "
        f"{result['queries']} random queries × budgets of 100 to 16,000, tokens of {result['tokenizer']}.\n\n"
        f"Over their budget: {len(result['over_budget'])} of {sum(result['answers'].values()):,} answers. "
        f"Questions that front ends answered differently: {len(result['front_ends_that_differ'])}.\n\n"
        f"| answers of | counted |\n|---|---|\n{answers}\n"
        "Share of the budget that is used, where four times the budget brings more than one and a half times "
        "as much:\n\n"
        f"| kind | answers | least | 5th percentile | median | below 0.9 |\n|---|---|---|---|---|---|\n{use}"
    )


def main() -> int:
    """Measure and print; 1 where a budget is exceeded or front ends differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", type=Path)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="file to write; .md and .json differ in form")
    arguments = parser.parse_args()
    search_once()
    started = time.process_time()
    with CodeIndex.open(arguments.repository) as index:
        result = asyncio.run(measure(index, arguments.queries, arguments.seed))
    result["processor_seconds"] = round(time.process_time() - started, 1)
    shown = [Path(part).name if Path(part).is_absolute() else part for part in sys.argv[1:]]
    result["command"] = " ".join(["python tests/benchmarks/budgets.py", *shown])
    git = ["git", "rev-parse", "--short=12", "HEAD"]
    run = subprocess.run(git, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    result["commit"] = run.stdout.strip()
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    sys.stdout.write(text)
    if arguments.output:
        page = markdown(result) if arguments.output.suffix == ".md" else text
        arguments.output.write_text(page, encoding="utf-8")
    return 1 if result["over_budget"] or result["front_ends_that_differ"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
