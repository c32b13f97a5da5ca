"""A process that builds indexes in children of its own and kills them where it is told to.

Started once by the tests (`Builder` in trees.py), so that imports are paid once. The model is a table
of random vectors, one a token: everything else is the product. Reads one JSON object a line and answers
with one: root, rebuild, repair (in place of a build), include_secrets; kill_at (the n-th call that
touches a file or a database, 0: never), kill_after (seconds, null: never), kill_in (a function, as
`module:name`, at whose first call it is killed), interrupt (the signal is SIGINT), count (calls are counted
though none kills), in_steps (words are published first, and again after each block), file_limit (bytes that
any file may have, null: none), vectors (the family, auto), encode (false: words alone), ask (a question that
is asked afterwards, and encodes what it names), build (false: it is only asked), unprivileged (root may
write no more than others).
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
import types
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np


class TableEncoder:
    """In place of the model: the vectors of a token are its own, whatever stands around it."""

    def __init__(self, checkpoint: Any, **_: Any) -> None:
        self.batch_tokens, self.short_lane_tokens, self.block_tokens = 256, 0, 1
        dims = (checkpoint.architecture.vocab_size, checkpoint.architecture.hidden_size, checkpoint.rows.dim)
        self._hidden, self._rows = tables(*dims)

    def encode_all(self, batches: Any) -> Any:
        from indexer.records import TokenVectors

        for batch in batches:
            ids = batch.input_ids
            yield TokenVectors(self._hidden[ids], self._rows[ids], batch.cu_seqlens, batch.sequence_ids)


@lru_cache
def tables(n_words: int, n_hidden: int, n_row: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(11)
    rows = draw.standard_normal((n_words, n_row), np.float32)
    return draw.standard_normal((n_words, n_hidden), np.float32), rows / np.linalg.norm(
        rows, axis=1, keepdims=True
    )


def use_table_encoder() -> None:
    module = types.ModuleType("indexer.encoders.encoder")
    module.Encoder = TableEncoder  # type: ignore[attr-defined]
    sys.modules["indexer.encoders.encoder"] = module


class KillSwitch:
    """Counts calls into files and databases, in all threads, and sends a signal at the n-th."""

    MODULES = frozenset({"posix", "_io", "sqlite3", "fcntl", "numpy"})

    def __init__(self, at: int, number: int) -> None:
        self.n_calls = 0
        self.at = at
        self.number = number

    def __call__(self, frame: Any, event: str, called: Any) -> None:
        if event != "c_call":
            return
        owner = getattr(called, "__self__", None)
        name = owner.__name__ if isinstance(owner, types.ModuleType) else type(owner).__module__
        if name in self.MODULES:
            self.n_calls += 1
            if self.n_calls == self.at:
                os.kill(os.getpid(), self.number)

    def install(self) -> None:
        threading.setprofile(self)
        sys.setprofile(self)


def build_once(order: dict[str, Any], answer: int) -> None:
    """In the child: build, and write what came of it to a pipe."""
    from indexer import build as engine
    from indexer.doctor import repair
    from indexer.errors import CodesearchError
    from indexer.ingest import backlog, encoding
    from indexer.settings import BuildSettings, WalkSettings
    from indexer.storage import compaction
    from indexer.vectors import faiss_index

    settings = BuildSettings(
        walk=WalkSettings(include_secrets=order.get("include_secrets", False)),
        vectors=order.get("vectors", "auto"),
    )
    backlog.BLOCK_TOKENS = 512
    encoding._COMMIT_SECONDS = 0.0
    if order.get("in_steps", True):
        engine._AT_ONCE_TOKENS, engine._PUBLISH_SECONDS, engine._ENCODING_SHARE = 0, 0.0, 0.0
    compaction.MIN_BYTES = 1000
    if order.get("file_limit") is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], order["file_limit"]))
    if order.get("unprivileged"):
        give_up_privileges()
    if order.get("kill_in"):
        faiss_index.MAX_FLAT_ROWS, faiss_index.lists_for = 0, lambda n_rows: 2  # a small tree has lists too
        kill_in(order["kill_in"])
    if order.get("interrupt"):  # what a shell starts in the background ignores the signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
    switch = KillSwitch(order.get("kill_at", 0), signal.SIGINT if order.get("interrupt") else signal.SIGKILL)
    if order.get("count") or switch.at:
        switch.install()
    result: dict[str, Any] = {}
    try:
        if order.get("repair"):
            result = {"findings": [finding.sentence for finding in repair(Path(order["root"])).findings]}
        if order.get("build", not order.get("repair")):
            rebuild, encode = order.get("rebuild", False), order.get("encode", True)
            report = engine.build(Path(order["root"]), settings, rebuild=rebuild, encode=encode)
            result = {
                "n_encoded": report.n_encoded_chunks,
                "n_chunks": report.n_chunks,
                "n_files": report.n_files,
            }
        if order.get("ask"):
            result |= ask(Path(order["root"]), order["ask"])
    except CodesearchError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    os.write(answer, json.dumps(result | {"n_calls": switch.n_calls}).encode())


def ask(root: Path, question: str) -> dict[str, Any]:
    """Search with time enough for all vectors that the question needs: excerpts first, then whole chunks."""
    from indexer.ingest import excerpts, on_demand
    from indexer.records import SearchRequest
    from indexer.search import Searcher

    on_demand._FIRST_TOKENS, excerpts.EXCERPT_TOKENS, excerpts.LEAST_SAVED = 0, 40, 1.0  # chunks are long
    with Searcher.open(root) as searcher:
        found = searcher.search(SearchRequest(question, k=5, encode_seconds=60.0)).hits
        return {
            "hits": [[searcher.chunk(hit.chunk_id).path, hit.start_char] for hit in found],
            "has_vectors": [hit.scores.colbert is not None for hit in found],
        }


def give_up_privileges() -> None:
    """Let file modes hold for root too: this process loses what overrides them. Raises OSError."""
    import ctypes

    version, all_but_modes = 0x20080522, 0xFFFFFFFF & ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(version, 0)
    sets = (ctypes.c_uint32 * 6)()
    library = ctypes.CDLL(None, use_errno=True)
    if library.capget(header, sets) == 0:
        sets[0] &= all_but_modes  # effective
        if library.capset(header, sets) == 0:
            return
    raise OSError(ctypes.get_errno(), "capset")


def kill_in(place: str) -> None:
    """Be killed where a function is called for the first time."""
    module, _, names = place.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = names.split(".")
    for each in outer:
        owner = getattr(owner, each)
    setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))


def warm_up() -> None:
    """Build once here, so that imports and loaded files are paid once for all children."""
    from indexer.build import build
    from indexer.settings import BuildSettings

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.py").write_text("def f(): pass\n")
        build(Path(folder), BuildSettings())


def serve() -> None:
    os.fsync = lambda handle: os.fstat(handle) and None  # the disk outlives a killed process
    use_table_encoder()
    warm_up()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            code = 1
            try:
                build_once(order, writer)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(writer)
        if order.get("kill_after") is not None:
            time.sleep(order["kill_after"])
            os.kill(child, signal.SIGKILL)
        content = b""
        while part := os.read(reader, 65536):
            content += part
        os.close(reader)
        _, status, usage = os.wait4(child, 0)
        answer = json.loads(content) if content else {}
        of_child = {"killed": os.WIFSIGNALED(status), "code": status, "peak_bytes": usage.ru_maxrss * 1024}
        print(json.dumps(answer | of_child), flush=True)


if __name__ == "__main__":
    serve()
