"""What training is told and what it tells: values, for those who wait for no model library."""

from __future__ import annotations

from indexer.light_dataclasses import dataclass

STATE_FILE = "state.safetensors"
"""What an interrupted run leaves of weights and optimizer."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a model is trained."""

    minutes: float = 10.0
    """In all, what comes before and after the steps included."""
    seed: int = 0
    rate: float = 1e-4
    """Of learning, at its highest."""
    batch_tokens: int = 8192
    """Tokens of the windows of one step."""
    row_temperature: float = 0.03
    single_temperature: float = 0.05
    distillation: float = 0.5
    """Weight of staying with the starting model's ranking."""
    learned_share: float = 0.5
    """Of the way from the starting weights to the trained ones, how much the model goes that is measured and
    written: what was learned stays for the most part, and little of what was known is lost (Wortsman et al.
    2022, arXiv:2109.01903)."""
    max_steps: int = 1_000_000_000
    """Steps at most; where it is reached before the time, the rate falls by steps."""


@dataclass(frozen=True, slots=True)
class AdaptProgress:
    """One event of an adaptation."""

    stage: str
    """`read`, `measure`, `encode`, `compare`, `train`."""
    done: float
    total: float
    loss: float | None = None
    """Of late."""
    mrr: float | None = None
    """The newest held-out measure."""
