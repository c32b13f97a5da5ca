"""Loading a model before it is needed: in a thread, beside what is done until then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from indexer.models.checkpoint import Checkpoint

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder

Result = TypeVar("Result")
_loading: dict[str, Future[Encoder]] = {}
"""Models that are being loaded for whoever comes first, by fingerprint."""


def load_encoder(checkpoint: Checkpoint, max_memory_bytes: int, is_brief: bool = False) -> Encoder:
    """The model, in the library that computes it, which is imported here and not before.

    `is_brief` as of `Encoder`.
    """
    from indexer.encoders.encoder import Encoder

    return Encoder(checkpoint, max_memory_bytes=max_memory_bytes, is_brief=is_brief)


def load_ahead(checkpoint: Checkpoint, max_memory_bytes: int, is_brief: bool = False) -> Future[Encoder]:
    """Begin to load a model, for the first in this process that needs it; `is_brief` as of `Encoder`."""
    begun = in_thread(lambda: load_encoder(checkpoint, max_memory_bytes, is_brief))
    _loading[checkpoint.fingerprint] = begun
    return begun


def is_loading(checkpoint: Checkpoint) -> bool:
    """Whether a model was loaded ahead that nobody has taken yet."""
    return checkpoint.fingerprint in _loading


def take(checkpoint: Checkpoint) -> Future[Encoder] | None:
    """A model that was loaded ahead, or is being loaded still; each is given once."""
    return _loading.pop(checkpoint.fingerprint, None)


def in_thread(work: Callable[[], Result]) -> Future[Result]:
    """Begin work that needs a model, in a thread that ends with it."""
    pool = ThreadPoolExecutor(1, "encoder")
    begun = pool.submit(work)
    pool.shutdown(wait=False)
    return begun
