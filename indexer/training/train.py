"""The training itself: steps of contrastive learning within a time, kept on disk so that a kill loses little.

A loop of our own, not sentence-transformers' trainer: that one takes rectangles of texts where a file is one
text with many questions, plans by steps where people have minutes, and keeps its state in pickled files that
a kill can leave half written.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from indexer.disk.state_files import write_file
from indexer.errors import StorageError, TrainingError
from indexer.light_dataclasses import dataclass
from indexer.training.batches import Batch, epoch_batches
from indexer.training.examples import Examples
from indexer.training.scoring import (
    Encoded,
    TextEncoder,
    contrastive_loss,
    distillation_loss,
    score,
)
from indexer.training.settings import STATE_FILE, AdaptProgress, TrainSettings
from indexer.training.stored_vectors import Measure, StoredVectors, encode_examples, measure
from indexer.training.trainable import TrainableModel

_WARM_UP = 0.05
"""Share of the time in which the rate rises; it falls for the rest, to nothing."""
_SAVE_SECONDS = 60.0
_MEASURE_SHARE = 0.1
"""Of the time that measuring on the way may take."""
_N_MEASURES = 6
_LOSS_MEMORY = 0.95
"""Of the mean of the loss that is shown."""


@dataclass(slots=True)
class _State:
    """Where training stands."""

    step: int = 0
    epoch: int = 0
    n_batches: int = 0
    """Of the epoch, done."""
    n_tokens: int = 0
    """Of all steps' windows."""
    elapsed_seconds: float = 0.0
    loss: float = 0.0
    mrr: float = 0.0
    """The newest measure."""
    best: float = 0.0
    """The best measure so far, the starting model's included."""
    best_step: int = 0
    """When that was; 0: before the first."""
    losses: list[float] = field(default_factory=list)
    """Of each step."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a model is trained on and measured with."""

    examples: Examples
    held_out: Examples
    start: StoredVectors
    """Of `examples`, by the starting model."""
    hard: list[list[int]]
    """For each window of `examples`, others that are easily taken for it."""
    before: Measure
    """Of the starting model."""
    measure_seconds: float
    """What measuring takes."""


class Training:
    """One run: made anew, or from what an earlier one left in `folder`."""

    def __init__(
        self,
        model: TrainableModel,
        encoder: TextEncoder,
        settings: TrainSettings,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._parameters = model.parameters
        self._start = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        matrices = [p for p in self._parameters.values() if p.ndim > 1]
        others = [p for p in self._parameters.values() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), eps=1e-8)
        self._state = _State()

    @property
    def losses(self) -> list[float]:
        """The loss of each step."""
        return self._state.losses

    @property
    def n_steps(self) -> int:
        """Steps done."""
        return self._state.step

    @property
    def best_step(self) -> int:
        """The step after which the weights measured best; 0 for the starting ones."""
        return self._state.best_step

    @property
    def n_tokens(self) -> int:
        """Tokens of all steps' windows."""
        return self._state.n_tokens

    @property
    def elapsed_seconds(self) -> float:
        """Of all runs together."""
        return self._state.elapsed_seconds

    def run(self, material: Material, started: float, report: Callable[[AdaptProgress], None]) -> Measure:
        """Train until the time is over; the model then has the weights that measured best, see `_averaged`.

        `started` is when this run began, by the clock. Raises TrainingError where the loss is no number,
        KeyboardInterrupt when interrupted, with everything kept, StorageError or OSError where the disk
        takes nothing more.
        """
        state, before, held_out = self._state, material.before, material.held_out
        if not state.step:
            state.mrr = state.best = before.mrr
        spent = state.elapsed_seconds
        saved = measured = self._clock()
        measuring = material.measure_seconds
        best: Measure | None = None

        def fraction() -> float:
            state.elapsed_seconds = spent + self._clock() - started
            by_time = (state.elapsed_seconds + measuring) / max(self._settings.minutes * 60, 1e-9)
            return max(by_time, state.step / self._settings.max_steps)

        try:
            while fraction() < 1:
                for number, batch in enumerate(
                    epoch_batches(
                        material.examples,
                        material.hard,
                        self._settings.batch_tokens,
                        self._settings.seed,
                        state.epoch,
                    )
                ):
                    if number < state.n_batches:
                        continue
                    if fraction() >= 1:
                        break
                    self._step(material.examples, batch, material.start, fraction())
                    state.n_batches += 1
                    report(AdaptProgress("train", min(fraction(), 1.0), 1.0, state.loss, state.mrr))
                    now = self._clock()
                    pause = max(measuring / _MEASURE_SHARE, self._settings.minutes * 60 / _N_MEASURES)
                    if now - measured > pause and fraction() < 0.9:
                        best = self._measure(held_out, report) or best
                        measured = self._clock()
                        measuring = measured - now
                    if now - saved > _SAVE_SECONDS:
                        self.save()
                        saved = self._clock()
                else:
                    if not state.n_batches:
                        break
                    state.epoch, state.n_batches = state.epoch + 1, 0
            best = self._measure(held_out, report) or best
        except KeyboardInterrupt:
            self.save()
            raise
        weights = self._folder / "best.safetensors"
        if weights.is_file():
            _fill(self._parameters, _load(weights), "")
        if best is None and state.best > before.mrr:  # measured by an earlier run
            best = measure(encode_examples(self._encoder, held_out, lambda done, total: None), held_out)
        return before if best is None else best

    def _step(self, examples: Examples, batch: Batch, start: StoredVectors, fraction: float) -> None:
        state, settings = self._state, self._settings
        for group in self._optimizer.param_groups:
            group["lr"] = settings.rate * min(1.0, fraction / _WARM_UP, (1 - fraction) / (1 - _WARM_UP))
        loss = self._loss(examples, batch, start)
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"The loss is no longer a number after step {state.step}, and no model was written; run the"
                " same command with a lower --rate, which goes on from the last state kept."
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), 1.0)
        self._optimizer.step()
        state.step += 1
        state.n_tokens += sum(len(examples.windows[window]) for window in batch.windows)
        state.losses.append(loss.item())
        memory = min(_LOSS_MEMORY, 1 - 1 / state.step)
        state.loss = memory * state.loss + (1 - memory) * loss.item()

    def _loss(self, examples: Examples, batch: Batch, start: StoredVectors) -> Tensor:
        settings, device = self._settings, self._model.device
        regions = examples.regions_of(batch.windows)
        answers = examples.answers(batch.questions, regions)
        asked = np.asarray(batch.questions)[(answers == 1).any(axis=1)]
        right = torch.from_numpy(answers[(answers == 1).any(axis=1)]).to(device)
        now = score(self._encoder.questions(examples, asked), self._encoder.regions(examples, batch.windows))
        before = score(_to(start.questions.take(asked), device), _to(start.regions.take(regions), device))
        total = torch.zeros((), device=device)
        for scores, old, temperature in (
            (now.rows, before.rows, settings.row_temperature),
            (now.single, before.single, settings.single_temperature),
        ):
            if scores is not None and old is not None:
                total = total + contrastive_loss(scores, right, temperature)
                total = total + settings.distillation * distillation_loss(scores, old, right, temperature)
        return total

    def _measure(self, held_out: Examples, report: Callable[[AdaptProgress], None]) -> Measure | None:
        """The measure of now, where it is the best so far: its weights are then kept."""
        state = self._state
        with self._averaged():
            found = measure(encode_examples(self._encoder, held_out, lambda done, total: None), held_out)
            state.mrr = found.mrr
            report(AdaptProgress("measure", state.step, state.step, state.loss, state.mrr))
            if not found.mrr > state.best:
                return None
            state.best, state.best_step = found.mrr, state.step
            _save(dict(self._parameters), {}, self._folder / "best.safetensors")
        return found

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The model as it would be written: between the starting weights and those trained so far."""
        trained = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(torch.lerp(self._start[name], parameter, self._settings.learned_share))
        try:
            yield
        finally:
            _fill(self._parameters, trained, "")

    # --- what is kept ------------------------------------------------------------------------------

    def save(self) -> None:
        """Keep everything that the next run needs, whole or not at all."""
        tensors: dict[str, Tensor] = {f"weight.{name}": p for name, p in self._parameters.items()}
        for name, parameter in self._parameters.items():
            for key, value in self._optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = value
        state = self._state
        facts = {
            "step": state.step, "epoch": state.epoch, "n_batches": state.n_batches,
            "n_tokens": state.n_tokens, "elapsed_seconds": state.elapsed_seconds, "loss": state.loss,
            "mrr": state.mrr, "best": state.best, "best_step": state.best_step,
        }  # fmt: skip
        _save(tensors, {"state": json.dumps(facts)}, self._folder / STATE_FILE)

    def resume(self) -> bool:
        """Go on from what is kept; False where nothing is. Raises StorageError where it cannot be read."""
        path = self._folder / STATE_FILE
        if not path.is_file():
            return False
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                facts = json.loads((file.metadata() or {})["state"])
            tensors = _load(path)
            _fill(self._parameters, tensors, "weight.")
            for name, parameter in self._parameters.items():
                kept = {key: tensors[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}.{name}" in tensors}  # noqa: E501  # fmt: skip
                if kept:
                    self._optimizer.state[parameter] = {
                        key: value if key == "step" else value.to(parameter.device)
                        for key, value in kept.items()
                    }
            self._state = _State(**facts)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise StorageError(
                f"{path} cannot be read ({error}); start over with --restart, which removes it."
            ) from error
        return True


def _to(encoded: Encoded, device: torch.device) -> Encoded:
    if device.type == "cpu":
        return encoded
    return Encoded(
        None if encoded.rows is None else encoded.rows.to(device),
        encoded.mask.to(device),
        None if encoded.single is None else encoded.single.to(device),
    )


def _save(tensors: dict[str, Tensor], facts: dict[str, str], path: Path) -> None:
    from safetensors.torch import save

    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, facts)
    write_file(path, content)


def _load(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _fill(parameters: Mapping[str, Tensor], tensors: Mapping[str, Tensor], prefix: str) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[prefix + name])
