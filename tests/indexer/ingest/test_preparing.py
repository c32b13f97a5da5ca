"""Files are prepared in other processes as they are in this one, whatever happens to those processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.ingest import prepare, preparing
from indexer.ingest.messages import _arrays
from indexer.ingest.prepare import PreparedFile, Preparer, lots_of
from indexer.ingest.preparing import Task, prepare_all
from indexer.models.checkpoint import open_checkpoint
from indexer.records import FoundFile
from indexer.settings import BuildSettings
from indexer.storage.manifest import FORMAT_VERSION, Manifest

N_FILES = 12
NO_ARRAYS = {"input_ids": None, "token_chars": None}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number in range(N_FILES):
        body = f"def handler_{number}(request):\n    return respond(request, {number})\n" * (number + 1)
        (tmp_path / f"file_{number:02}.py").write_text(body, "utf-8")
    (tmp_path / "empty.py").write_bytes(b"")
    (tmp_path / "key.py").write_text("password = 'h7Gq-2kLmZ9xQw4T'\nname = 'é 端口'\n", "utf-8")
    (tmp_path / "long.md").write_text("# Fog\n\nThe lamp burns all night.\n\n## Horn\n\n" * 3_000, "utf-8")
    return tmp_path


@pytest.fixture
def preparer(tree: Path) -> Preparer:
    settings = BuildSettings()
    checkpoint = open_checkpoint(settings.model)
    manifest = Manifest("", FORMAT_VERSION, "m", checkpoint.fingerprint, 8192, 1024, 128, "int4")
    return Preparer(tree, settings, checkpoint, manifest)


@pytest.fixture
def tasks(tree: Path) -> list[Task]:
    paths = sorted(tree.iterdir())
    return [(FoundFile(path.name, path.stat().st_size, path.stat().st_mtime_ns), None) for path in paths]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[preparing._Process]]:
    """Those that are started: two, for batches of two files."""
    started: list[preparing._Process] = []

    class Noted(preparing._Process):
        def __init__(self, preparer: Preparer, with_tokens: bool) -> None:
            super().__init__(preparer, with_tokens)
            started.append(self)

    monkeypatch.setattr(preparing, "_Process", Noted)
    monkeypatch.setattr(prepare, "_LOT_FILES", 2)
    monkeypatch.setattr(preparing, "_n_processes", lambda files: 2)
    yield started
    assert len(started) == 2
    assert all(process._process.returncode is not None for process in started)


def content(file: PreparedFile) -> tuple[object, ...]:
    chunks = [
        (each.chunk, each.key, *map(np.ndarray.tolist, _arrays(each)), replace(each.tokenized, **NO_ARRAYS))
        for each in file.chunks
    ]
    return file.found, file.source, file.problem, file.n_redacted, file.skipped, file.same_content, chunks


def test_processes_prepare_what_this_one_would(
    preparer: Preparer,
    tasks: list[Task],
    processes: list[preparing._Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = [content(preparer.prepare(*task)) for task in tasks]
    here: list[list[Task]] = []
    monkeypatch.setattr(preparing._Process, "_prepared_here", lambda self, batch: here.append(batch) or [])
    with closing(prepare_all(preparer, tasks)) as files:
        assert [content(file) for lot in files for file in lot] == expected
    assert not here


def test_words_are_prepared_without_tokens(
    preparer: Preparer, tasks: list[Task], processes: list[preparing._Process]
) -> None:
    """All else is the same; tokens would be two thirds of what goes through the pipes."""
    expected = [preparer.prepare(*task) for task in tasks]
    with closing(prepare_all(preparer, tasks, with_tokens=False)) as files:
        for file, same in zip((file for lot in files for file in lot), expected, strict=True):
            for chunk, with_tokens in zip(file.chunks, same.chunks, strict=True):
                assert with_tokens.tokenized.input_ids.size
                assert not chunk.tokenized.input_ids.size + chunk.tokenized.token_chars.size
                assert (chunk.chunk, chunk.key) == (with_tokens.chunk, with_tokens.key)
                assert chunk.regions.chars.tolist() == with_tokens.regions.chars.tolist()


def test_what_a_killed_process_leaves_is_prepared_here(
    preparer: Preparer, tasks: list[Task], processes: list[preparing._Process]
) -> None:
    expected = [content(preparer.prepare(*task)) for task in tasks]
    with closing(prepare_all(preparer, tasks)) as files:
        found = [*map(content, next(files))]
        for process in processes:
            process._process.kill()
        found += [content(file) for lot in files for file in lot]
    assert found == expected


def test_what_fails_there_fails_here_with_its_own_error(
    preparer: Preparer, tasks: list[Task], processes: list[preparing._Process]
) -> None:
    broken = (FoundFile("file_05.py\0", 10, 0), None)
    with closing(prepare_all(preparer, [*tasks, tasks[0], broken])) as files:
        for _ in lots_of(tasks):
            next(files)
        with pytest.raises(ValueError, match="not a path inside"):
            list(files)


def test_leaving_early_ends_the_processes(
    preparer: Preparer, tasks: list[Task], processes: list[preparing._Process]
) -> None:
    with closing(prepare_all(preparer, tasks * 20)) as files:
        next(files)


def test_the_program_ends_with_the_process_that_asks() -> None:
    command = [sys.executable, "-P", "-m", "indexer.ingest.prepare_worker"]
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"")


def test_processes_are_for_many_files_and_for_machines_with_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    def n(n_files: int, n_bytes: int, n_cores: int) -> int:
        monkeypatch.setattr(preparing, "usable_cores", lambda: n_cores)
        return preparing._n_processes([FoundFile(f"{at}.py", n_bytes, 0) for at in range(n_files)])

    assert [n(100, 10_000, 8), n(1_000, 10_000, 1), n(1_000, 10_000, 2), n(20_000, 100, 8)] == [0, 0, 2, 3]
