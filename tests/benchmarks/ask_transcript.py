"""A transcript of `codesearch ask` for the README, against a test server that answers from its excerpts.

    python tests/benchmarks/ask_transcript.py [FOLDER] [QUESTION]

The server is no language model: it speaks the OpenAI protocol, reads the first two excerpts of the question
it is sent, names the symbols in their headings, cites them, and adds one citation that does not exist. What
is printed after the command is what the command printed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_HEADING = re.compile(r"^\[(\d+)\] (\S+?):\d+-\d+(?: (.+))?$", re.MULTILINE)


class TestServer(BaseHTTPRequestHandler):
    """Streams an answer made of the headings in the question."""

    def do_POST(self) -> None:
        """One chat completion, word by word."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = _HEADING.findall(body["messages"][-1]["content"])[:2]
        named = " and ".join(f"`{symbol or path}` [{number}]" for number, path, symbol in found)
        answer = f"See {named}. An excerpt that was never given says more [42]."
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in re.findall(r"\S+\s*", answer):
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "test-server"}
            event["choices"] = [choice]
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> int:
    """Index a copy, ask, print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "sample_repos" / "task_queue"
    question = sys.argv[2] if len(sys.argv) > 2 else "when is a failed job tried again?"
    server = ThreadingHTTPServer(("127.0.0.1", 0), TestServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    codesearch = [sys.executable, "-m", "codesearch"]
    with tempfile.TemporaryDirectory() as parent:
        tree = Path(parent) / folder.name
        shutil.copytree(folder, tree, ignore=shutil.ignore_patterns(".codesearch", ".git"))
        subprocess.run([*codesearch, "index", "-q", str(tree)], cwd=PROJECT, check=True)
        url = f"http://127.0.0.1:{server.server_port}/v1"
        options = ["--base-url", url, "--model", "test-server", "--budget", "1000"]
        done = subprocess.run(
            [*codesearch, "ask", question, str(tree), *options],
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    server.shutdown()
    print(f'$ codesearch ask "{question}" {folder.name} --budget 1000\n{done.stdout}', end="")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
