"""Many clients at one server, on loopback and for a bounded time: errors, wrong answers, latency, memory.

    python tests/benchmarks/serve_load.py INDEXED_FOLDER [--clients 50] [--seconds 60] [--updates 20]

Starts its own server over a Unix socket. Every answer is compared with the one that a lone client got for the
same question; with updates, which change how rare words are, the best file must be one of its best three. An
update is timed from the save until a search, which waits in line with all others, finds it. Prints a JSON
object; exit code 1 where an answer was wrong, a request failed, an update was not found within FOUND_SECONDS,
or resident memory grew by 10 % from the tenth to the last second. Memory is read from the system each second:
all that is resident, what is the server's alone, and pages of mapped files, which the system takes back at
will. `server_cpu_seconds` is the server's time, with its start; `client_cpu_seconds` what the clients
themselves took of the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

QUESTIONS = (
    "how long to wait before another attempt",
    "where are errors logged",
    "parse the configuration file",
    "open a connection",
    "what happens when a job fails",
    "read command line arguments",
)
WARM_SECONDS = 10.0
BUSY = 503
FOUND_SECONDS = 30.0


@dataclass
class Tally:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    n_busy: int = 0
    failures: list[str] = field(default_factory=list)
    n_wrong: int = 0
    update_seconds: list[float] = field(default_factory=list)


def client_of(path: Path) -> httpx.AsyncClient:
    """A client over the server's socket."""
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://codesearch", timeout=60
    )


async def ready(path: Path) -> None:
    """Wait until the server answers, a minute at most."""
    for _ in range(600):
        if path.exists():
            try:
                async with client_of(path) as client:
                    if (await client.get("/readyz")).status_code == 200:
                        return
            except httpx.TransportError:
                pass
        await asyncio.sleep(0.1)
    raise SystemExit("The server did not get ready.")


async def places(client: httpx.AsyncClient, question: str) -> tuple[int, Any]:
    """Status and ranked places of an answer, or the seconds after which to come back."""
    asked = {"query": question, "k": 10, "encode_seconds": 0}
    response = await client.post("/v1/search", json=asked)
    if response.status_code != 200:
        return response.status_code, float(response.headers.get("retry-after", 0))
    return 200, [(p["path"], p["start_line"], p["end_line"]) for p in response.json()["passages"]]


def is_wrong(found: list[Any], expected: list[Any], updates: bool) -> bool:
    """Whether an answer is not the lone client's; see the head of this file."""
    if updates:
        return not found or found[0][0] not in [place[0] for place in expected[:3]]
    return found != expected


async def ask_on(
    path: Path, number: int, until: float, expected: dict[str, Any], tally: Tally, updates: bool
) -> None:
    """One client, which asks until the time is over and comes back when it is told to."""
    async with client_of(path) as client:
        while time.monotonic() < until:
            question = QUESTIONS[(number + len(tally.seconds)) % len(QUESTIONS)]
            started_at = time.monotonic()
            try:
                status, found = await places(client, question)
            except httpx.HTTPError as error:
                tally.failures.append(type(error).__name__)
                continue
            if status == BUSY:
                tally.n_busy += 1
                await asyncio.sleep(found)
            elif status != 200:
                tally.failures.append(str(status))
            else:
                tally.seconds.append(time.monotonic() - started_at)
                tally.n_wrong += is_wrong(found, expected[question], updates)


async def misbehave(path: Path, until: float) -> None:
    """Clients that leave, send half a request, or read slowly."""
    request = b"GET /v1/search?query=open+a+connection HTTP/1.1\r\nHost: x\r\n\r\n"
    while time.monotonic() < until:
        slow_reader, slow = await asyncio.open_unix_connection(str(path))
        _, gone = await asyncio.open_unix_connection(str(path))
        _, half = await asyncio.open_unix_connection(str(path))
        gone.write(request)
        half.write(request[:20])
        slow.write(request)
        gone.transport.abort()
        await asyncio.sleep(1)
        await slow_reader.read(10)
        half.close()
        slow.close()


async def update(root: Path, socket: Path, n_updates: int, seconds: float, tally: Tally) -> None:
    """Save a file again and again, and look for what it says."""
    path = root / "serve_load_changes.py"
    try:
        async with client_of(socket) as client:
            for number in range(n_updates):
                name = f"changed{number}by{time.monotonic_ns()}"
                path.write_text(f"def {name}():\n    return {number}\n", encoding="utf-8")
                saved_at = time.monotonic()
                while time.monotonic() - saved_at < FOUND_SECONDS:
                    asked = {"query": name, "mode": "lexical", "k": 1}
                    response = await client.post("/v1/search", json=asked)
                    if any(name in each["text"] for each in response.json().get("passages", ())):
                        tally.update_seconds.append(time.monotonic() - saved_at)
                        break
                else:
                    tally.failures.append("an update was not found")
                await asyncio.sleep(max(0.0, seconds / n_updates - (time.monotonic() - saved_at)))
    finally:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, at one moment."""

    resident_mb: float
    own_mb: float
    """Without what other processes map too, and without pages of files."""
    files_mb: float
    """Pages of mapped files, counted as often as they are mapped."""
    n_descriptors: int


def memory_of(pid: int) -> Memory:
    """Memory and open files of a process, as Linux tells them."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    resident, own, mapped = (
        int(found[1]) / 1024 if (found := re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)) else 0.0
        for name in ("VmRSS", "RssAnon", "RssFile")
    )
    n_descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Memory(round(resident, 1), round(own, 1), round(mapped, 1), n_descriptors)


async def watch_memory(pid: int, until: float) -> list[Memory]:
    """Once a second."""
    seen = []
    while time.monotonic() < until:
        seen.append(memory_of(pid))
        await asyncio.sleep(1)
    return [*seen, memory_of(pid)]


async def load(
    root: Path, path: Path, pid: int, n_clients: int, seconds: float, n_updates: int
) -> dict[str, Any]:
    """The figures of one run."""
    await ready(path)
    tally = Tally()
    async with client_of(path) as client:
        expected = {question: (await places(client, question))[1] for question in QUESTIONS}
        started_at = time.monotonic()
        until = started_at + seconds
        tasks = [
            asyncio.create_task(ask_on(path, number, until, expected, tally, n_updates > 0))
            for number in range(n_clients)
        ]
        tasks.append(asyncio.create_task(misbehave(path, until)))
        if n_updates:
            tasks.append(asyncio.create_task(update(root, path, n_updates, seconds, tally)))
        memory = await watch_memory(pid, until)
        await asyncio.gather(*tasks)
        elapsed = time.monotonic() - started_at
    warm = memory[int(min(WARM_SECONDS, seconds / 2))]
    ranked = sorted(tally.seconds)
    return {
        "clients": n_clients,
        "seconds": round(elapsed, 1),
        "answers": len(ranked),
        "answers_per_second": round(len(ranked) / elapsed, 1),
        "p50_ms": round(1000 * ranked[len(ranked) // 2], 1),
        "p95_ms": round(1000 * ranked[int(len(ranked) * 0.95)], 1),
        "told_to_wait": tally.n_busy,
        "failures": tally.failures[:20],
        "wrong": tally.n_wrong,
        "updates_found": len(tally.update_seconds),
        "update_seconds_p50": round(median(tally.update_seconds), 2) if tally.update_seconds else None,
        "update_seconds_max": round(max(tally.update_seconds), 2) if tally.update_seconds else None,
        "memory": {"start": asdict(memory[0]), "warm": asdict(warm), "end": asdict(memory[-1])},
        "memory_mb_each_second": [each.resident_mb for each in memory],
        "memory_growth": round(memory[-1].resident_mb / warm.resident_mb - 1, 3),
        "own_memory_growth": round(memory[-1].own_mb / warm.own_mb - 1, 3),
    }


def main() -> int:
    """Start a server, load it, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--updates", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.sock"
        command = [sys.executable, "-m", "codesearch", "serve", str(given.folder), "--socket", str(path)]
        server = subprocess.Popen([*command, "--socket-only"])
        try:
            figures = asyncio.run(
                load(given.folder, path, server.pid, given.clients, given.seconds, given.updates)
            )
        finally:
            server.terminate()
            server.wait(timeout=30)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures["server_cpu_seconds"] = round(used.ru_utime + used.ru_stime, 1)
    figures["client_cpu_seconds"] = round(time.process_time(), 1)
    print(json.dumps(figures, indent=2))
    return int(bool(figures["failures"] or figures["wrong"] or figures["memory_growth"] >= 0.1))


if __name__ == "__main__":
    sys.exit(main())
