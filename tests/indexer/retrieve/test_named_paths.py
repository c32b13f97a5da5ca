"""Files that a query names by their path, however long and from whatever system."""

from __future__ import annotations

import time

import numpy as np

from indexer.retrieve.named_paths import named_files, paths_named

PATHS = ["src/lamp/wick.py", "src/lamp/__init__.py", "src/oil/__init__.py", "tests/wick.py", "src/oil/can.py"]


def test_a_path_means_the_file_that_ends_as_it_does() -> None:
    named = paths_named(r"It fails in C:\work\lamp\wick.py, I believe")
    assert named_files(named, PATHS).tolist() == [1, 0, 0, 0, 0]


def test_a_name_that_several_files_have_is_shared_among_them() -> None:
    assert named_files(paths_named("what is in __init__.py?"), PATHS).tolist() == [0, 0.5, 0.5, 0, 0]


def test_of_a_traceback_the_innermost_file_says_most() -> None:
    text = 'File "/usr/lib/oil/can.py", line 3, in pour\nFile "/home/me/src/lamp/wick.py", line 1, in burn'
    found = named_files(paths_named(text), PATHS)
    np.testing.assert_allclose(found, [1, 0, 0, 0, 0.85])


def test_what_no_file_is_called_names_none() -> None:
    assert not named_files(paths_named("Node.js and lamp.burn() and 3.5"), PATHS).any()
    assert paths_named("how a lamp burns") == ()


def test_a_pasted_key_is_read_once() -> None:
    started = time.process_time()
    paths_named("a/" * 200_000 + " " + "x." * 200_000 + "-" * 200_000)
    assert time.process_time() - started < 2
