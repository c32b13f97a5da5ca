"""Poolings: how the token vectors of a text become its one vector, and what checkpoints call each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from indexer.records import Float32Array

POOLINGS: dict[str, Callable[[Float32Array], Float32Array]] = {
    "mean": lambda hidden: hidden.mean(axis=0),
    "cls": lambda hidden: hidden[0],
}
"""(n, H) vectors of a text's tokens → (H,)."""
_LEAVES_OUT_PROMPT = frozenset({"mean"})
"""Those that do without the tokens of a prompt, where a checkpoint says so."""
_SETTINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean": "mean",
    "pooling_mode_cls": "cls",
}
"""What sentence-transformers calls them."""


def pool_tokens(pooling: str, hidden: Float32Array, n_left_out: int = 0) -> Float32Array:
    """Pool the vectors of a text, (n, H), to (H,); a mean leaves out the first `n_left_out` of them."""
    return POOLINGS[pooling](hidden[n_left_out:] if pooling in _LEAVES_OUT_PROMPT else hidden)


def named_pooling(config: Mapping[str, Any]) -> str:
    """The pooling that a module of sentence-transformers asks for.

    Raises ValueError, which names what it asks for, where that is not one of POOLINGS.
    """
    asked = sorted(key for key, value in config.items() if key.startswith("pooling_mode_") and value is True)
    if config.get("pooling_mode"):
        asked = [f"pooling_mode_{config['pooling_mode']}"]
    if len(asked) != 1 or asked[0] not in _SETTINGS:
        raise ValueError(", ".join(asked) or "nothing")
    return _SETTINGS[asked[0]]
