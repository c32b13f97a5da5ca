"""`adapt`: from folders to a model of one's own. The door to this folder.

Reads the folders into examples, measures the starting model on the held-out tenth, trains, measures again,
and writes a model only where it is better. What is unfinished lies beside the model in `NAME.partial`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.disk.state_files import FOLDER_MODE, refuse_links, write_file
from indexer.disk.write_lock import write_lock
from indexer.errors import (
    BuildInterruptedError,
    CheckpointError,
    CodesearchError,
    IndexBusyError,
    InputError,
    MissingExtraError,
    StorageError,
    TrainingError,
)
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.hub import BUNDLED_FOLDER
from indexer.models.model_files import read_json
from indexer.models.tokens import ChunkTokenizer
from indexer.settings import BuildSettings
from indexer.training.corpus import Corpus, read_corpus
from indexer.training.examples import Examples, make_examples
from indexer.training.settings import STATE_FILE, AdaptProgress, TrainSettings
from indexer.training.sources import describe
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.training.scoring import TextEncoder
    from indexer.training.stored_vectors import Measure, StoredVectors

MIN_PAIRS = 200
"""Fewer would teach the model little but by heart, and a tenth of them measures nothing."""
_BYTES_OF_TOKEN = 6
"""Times hidden size and layers: what a backward pass needs kept of a token, in units of 4 bytes and more."""

_PREPARE_SHARE = 0.25
"""Of the time, for what the starting model says of the examples: what does not fit is not trained on."""

Report = Callable[[AdaptProgress], None]


@dataclass(frozen=True, slots=True)
class AdaptReport:
    """What an adaptation did."""

    folder: Path
    """Of the model."""
    is_written: bool
    """False: the model is no better, and nothing was written."""
    n_pairs: int
    """Trained on."""
    n_held_out: int
    """Questions measured with."""
    n_steps: int
    n_tokens: int
    """Of the windows of all steps, each as often as it was trained on."""
    elapsed_seconds: float
    before: dict[str, float]
    """Held-out MRR of `rows` and `single`, those that the model makes; of the better of the starting model
    and one that lies in `folder` already."""
    after: dict[str, float]
    losses: tuple[float, ...]
    """Of each step of this run."""


def adapt(
    folders: Sequence[Path],
    out: Path,
    start: str,
    settings: TrainSettings,
    report: Report,
    *,
    restart: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> AdaptReport:
    """Train `start` on the folders' own pairs and write it to `out` if that made it better.

    An unfinished run of the same folders and settings is gone on with, or removed by `restart`. Raises
    TrainingError where there is too little to train on or the loss is no number, CheckpointError where the
    model cannot be trained, InputError for an `out` that is something else, BuildInterruptedError when
    interrupted, StorageError and OSError where the disk takes nothing more, MissingExtraError.
    """
    began = clock()
    checkpoint = open_checkpoint(start)
    if checkpoint.format == "plain":
        raise CheckpointError(
            f"{checkpoint.name} was not trained to retrieve; adapt a PyLate or sentence-transformers"
            " checkpoint, or leave the default."
        )
    rival = _check_target(out)
    _require_extra()
    corpus = _read(folders, settings, report)
    partial = out.with_name(out.name + ".partial")
    if restart and partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    refuse_links(partial)
    try:
        with write_lock(partial):
            _check_facts(partial, checkpoint, corpus, settings)
            run = _Run(checkpoint, corpus, settings, report, partial, clock)
            done = run.train(out, rival, began, tuple(map(describe, folders)))
    except IndexBusyError:
        raise StorageError(
            f"Another process trains {out}; wait for it to end, or stop it, then run the same command again."
        ) from None
    except KeyboardInterrupt:
        raise BuildInterruptedError(
            f"Interrupted; the same command goes on from there ({partial} holds what was done)."
        ) from None
    except CodesearchError:
        if not (partial / STATE_FILE).is_file():
            shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(partial)
    return done


class _Run:
    """One run, once its folder is locked."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        corpus: Corpus,
        settings: TrainSettings,
        report: Report,
        partial: Path,
        clock: Callable[[], float],
    ) -> None:
        self._checkpoint = checkpoint
        self._corpus = corpus
        self._settings = settings
        self._report = report
        self._partial = partial
        self._clock = clock
        self._tokenizer = ChunkTokenizer(checkpoint)

    def train(
        self, out: Path, rival: Checkpoint | None, began: float, sources: tuple[str, ...]
    ) -> AdaptReport:
        """The whole of it behind reading."""
        import torch

        from indexer.training.result import CardFacts, hardware, write_model
        from indexer.training.scoring import TextEncoder
        from indexer.training.stored_vectors import hard_windows
        from indexer.training.train import Material, Training
        from indexer.training.trainable import TrainableModel, pick_device

        settings, skip_ids = self._settings, self._tokenizer.skip_ids()
        torch.manual_seed(settings.seed)
        device = pick_device()
        model = TrainableModel(self._checkpoint, device)
        model.low_memory = _needs_low_memory(self._checkpoint, device, settings.batch_tokens)
        encoder = TextEncoder(model, skip_ids)
        held_out = self._examples(held_out=True)
        if not held_out.questions:
            raise _too_few(self._corpus, 0)
        measured = self._clock()
        before = self._measured(encoder, held_out)
        measure_seconds = self._clock() - measured
        max_tokens = self._max_tokens(held_out.n_tokens, measure_seconds)
        examples = self._examples(held_out=False, max_tokens=max_tokens)
        n_pairs = len(examples.questions)
        if n_pairs < MIN_PAIRS or len(examples.windows) < 2:
            if max_tokens is not None and examples.n_tokens > max_tokens // 2:
                raise TrainingError(
                    f"This time is enough for {counted(n_pairs, 'pair')}, and {MIN_PAIRS} are needed; give"
                    " it more --minutes."
                )
            raise _too_few(self._corpus, n_pairs)
        stored = self._start_vectors(encoder, examples)
        hard = hard_windows(stored, examples, self._tick("compare"))
        training = Training(model, encoder, settings, self._partial, self._clock)
        training.resume()
        material = Material(examples, held_out, stored, hard, before, measure_seconds)
        after = training.run(material, began, self._report)
        best = before
        if rival is not None:
            other = self._of(rival)._measured_anew(device)
            best = max(before, other, key=lambda measure: measure.mrr)
        is_better = after.mrr > best.mrr
        done = AdaptReport(
            folder=out,
            is_written=is_better,
            n_pairs=len(examples.questions),
            n_held_out=len(held_out.questions),
            n_steps=training.n_steps,
            n_tokens=training.n_tokens,
            elapsed_seconds=training.elapsed_seconds,
            before=best.values,
            after=after.values,
            losses=tuple(training.losses),
        )
        if is_better:
            facts = CardFacts(
                sources=sources,
                pairs=Counter(str(question.kind) for question in examples.questions),
                n_held_out=done.n_held_out,
                n_tokens=examples.n_tokens,
                n_seen_tokens=done.n_tokens,
                n_steps=done.n_steps,
                best_step=training.best_step,
                minutes=done.elapsed_seconds / 60,
                device=hardware(device),
                settings=_settings_words(settings),
                before=before.values,
                after=after.values,
            )
            write_model(model, facts, out)
        return done

    def _examples(self, *, held_out: bool, max_tokens: int | None = None) -> Examples:
        files = [file for file in self._corpus.files if file.is_held_out == held_out]
        return make_examples(
            files, self._checkpoint, self._tokenizer,
            keep_all=held_out, max_tokens=max_tokens, seed=self._settings.seed,
        )  # fmt: skip

    def _max_tokens(self, n_tokens: int, seconds: float) -> int | None:
        """Tokens that there is time to prepare, where `n_tokens` took `seconds`; a first answer stays."""
        path = self._partial / "limit.json"
        if path.is_file():
            known = read_json(path).get("max_tokens")
            return None if known is None else int(known)
        share = _PREPARE_SHARE * self._settings.minutes * 60
        found = int(n_tokens * share / seconds) if seconds > 0 else None
        write_file(path, json.dumps({"max_tokens": found}).encode())
        return found

    def _measured(self, encoder: TextEncoder, held_out: Examples) -> Measure:
        from indexer.training.stored_vectors import encode_examples, measure

        return measure(encode_examples(encoder, held_out, self._tick("measure")), held_out)

    def _start_vectors(self, encoder: TextEncoder, examples: Examples) -> StoredVectors:
        from indexer.training import stored_vectors

        found = stored_vectors.kept(self._partial, examples)
        if found is None:
            found = stored_vectors.encode_examples(encoder, examples, self._tick("encode"))
            stored_vectors.keep(found, self._partial)
        return found

    def _of(self, checkpoint: Checkpoint) -> _Run:
        """The same for another model, which may read the same files in other pieces."""
        return _Run(checkpoint, self._corpus, self._settings, self._report, self._partial, self._clock)

    def _measured_anew(self, device: str) -> Measure:
        from indexer.training.scoring import TextEncoder
        from indexer.training.trainable import TrainableModel

        encoder = TextEncoder(TrainableModel(self._checkpoint, device), self._tokenizer.skip_ids())
        return self._measured(encoder, self._examples(held_out=True))

    def _tick(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self._report(AdaptProgress(stage, done, total))


def _check_target(out: Path) -> Checkpoint | None:
    """The model that `out` is already, or None where it is nothing yet."""
    if out.resolve().is_relative_to(BUNDLED_FOLDER):
        raise InputError(f"{out} is where the bundled models lie; give the new model another name.")
    if not out.exists():
        return None
    try:
        found = open_checkpoint(str(out))
    except CheckpointError as error:
        raise InputError(f"{out} is there already and is no model ({error}); name another place.") from error
    if "adapted" not in read_json(out / "codesearch.json"):
        raise InputError(f"{out} is a model that was not adapted here; give the new model another name.")
    return found


def _require_extra() -> None:
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("torch", "pylate", "safetensors", "sentence_transformers")):
        raise MissingExtraError("Adapting a model needs packages: pip install 'codesearch-local[train]'.")


def _read(folders: Sequence[Path], settings: TrainSettings, report: Report) -> Corpus:
    build = BuildSettings()
    corpus = read_corpus(
        folders, build, settings.seed, lambda done, total: report(AdaptProgress("read", done, total))
    )
    if corpus.count(held_out=False).total() < MIN_PAIRS:
        raise _too_few(corpus, corpus.count(held_out=False).total())
    return corpus


def _too_few(corpus: Corpus, n_pairs: int) -> TrainingError:
    from indexer.training.pair import PairKind

    n_docs = corpus.count(held_out=False)[PairKind.DOC]
    lack = "none of them from docstrings or comments in front of functions" if not n_docs else (
        f"{n_docs:,} of them from docstrings and comments"
    )  # fmt: skip
    return TrainingError(
        f"Found {counted(n_pairs, 'training pair')} in {counted(len(corpus.files), 'file')}, {lack}, and"
        f" {MIN_PAIRS} are needed; name more folders, with documentation or with their git history."
    )


def _check_facts(partial: Path, checkpoint: Checkpoint, corpus: Corpus, settings: TrainSettings) -> None:
    """Remember what this run is of; refuse to go on with another's work."""
    digest = hashlib.sha256()
    for file in corpus.files:
        digest.update(
            f"{file.source.path}\0{file.source.sha256}\0{file.is_held_out}\n".encode("utf-8", "surrogatepass")
        )
    same = asdict(replace(settings, minutes=0.0, rate=0.0, max_steps=0))
    facts = {"model": checkpoint.fingerprint, "files": digest.hexdigest(), "settings": same}
    path = partial / "facts.json"
    if path.is_file():
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            known = None
        if known != facts:
            raise InputError(
                f"{partial} holds an unfinished run of other files, another model or other settings; start"
                " over with --restart, which removes it, or name another --out."
            )
        return
    write_file(path, json.dumps(facts).encode())


def _needs_low_memory(checkpoint: Checkpoint, device: str, batch_tokens: int) -> bool:
    """Whether what a backward pass needs would fill half of the memory that is free."""
    import torch

    a = checkpoint.architecture
    of_layer = 4 * _BYTES_OF_TOKEN * (4 * a.hidden_size + 2 * a.intermediate_size)
    of_layer += 6 * a.n_heads * checkpoint.window_tokens // 2
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info()
    else:
        free = (
            os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 1 << 33
        )
    return bool(2 * batch_tokens * a.n_layers * of_layer > free)


def _settings_words(settings: TrainSettings) -> str:
    return (
        f"seed {settings.seed}, rate {settings.rate:g}, {settings.batch_tokens:,} tokens a step, temperatures"
        f" {settings.row_temperature:g} and {settings.single_temperature:g}, distillation"
        f" {settings.distillation:g}, {settings.learned_share:.0%} of what the weights learned"
    )
