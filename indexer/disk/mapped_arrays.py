"""Arrays in .npy files, mapped: never unpickled, and whatever is wrong with a file is one error."""

from __future__ import annotations

import errno
import os
import threading
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_one_header = threading.Lock()
"""NumPy parses headers as Python, and CPython 3.11 counts the depth of all threads' trees as one."""


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write a .npy file. Raises OSError, of a full disk with its number, which NumPy leaves out."""
    try:
        np.save(path, array, allow_pickle=False)
    except OSError as error:
        if error.errno is not None:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def map_array(path: Path) -> NDArray[Any]:
    """The array of a .npy file, read as it is used.

    Raises OSError where the file cannot be opened, ValueError where it is no whole array.
    """
    try:
        with _one_header:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, SyntaxError, tokenize.TokenError, OverflowError, MemoryError, TypeError) as error:
        # NumPy reads the header as a Python literal, and lets what goes wrong there escape.
        raise ValueError(f"{path.name} is damaged ({error})") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path.name} is damaged (it is an archive)")
    return array.view(np.ndarray)  # a memmap costs microseconds a slice
