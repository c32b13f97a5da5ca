"""The trained model as a checkpoint's folder: the starting one's files, other weights, a card.

Weights keep the names, files and number types that they had; nothing is pickled. The folder appears under its
name complete or not at all.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from indexer.disk.state_files import write_file
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.model_files import read_json, read_model_files
from indexer.models.weights import TensorFiles
from indexer.training.trainable import TrainableModel
from indexer.wording import counted

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
_KEPT_SUFFIXES = (".json", ".txt", ".model")
_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card tells beside what the model itself does."""

    sources: tuple[str, ...]
    """One line a folder: its name, commit and licence."""
    pairs: Mapping[str, int]
    """Trained on, by kind."""
    n_held_out: int
    n_tokens: int
    """Of the windows that hold the pairs."""
    n_seen_tokens: int
    """Of all steps, a window as often as it came."""
    n_steps: int
    best_step: int
    """Whose weights were kept."""
    minutes: float
    device: str
    settings: str
    before: Mapping[str, float]
    """Held-out MRR by kind of vector."""
    after: Mapping[str, float]


def write_model(model: TrainableModel, facts: CardFacts, folder: Path) -> Checkpoint:
    """Write the model as `folder`, in place of an adapted one. Raises OSError, CheckpointError.

    Its parent exists.
    """
    checkpoint = model.checkpoint
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _copy_configuration(checkpoint.folder, new)
        for file, tensors in _tensors_by_file(model).items():
            _write_tensors(tensors, new / file)
        _write_own_settings(checkpoint, facts, new)
        write_file(new / "README.md", card(checkpoint, facts, folder.name).encode(), mode=_FILE_MODE)
        open_checkpoint(str(new))
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return open_checkpoint(str(folder))


def card(checkpoint: Checkpoint, facts: CardFacts, name: str) -> str:
    """What a person should know of the model before they use it, as Markdown."""
    pairs = ", ".join(
        f"{count:,} by {kind}" for kind, count in sorted(facts.pairs.items(), key=lambda e: -e[1])
    )
    rows = "\n".join(
        f"| {kind} | {facts.before[kind]:.3f} | {facts.after[kind]:.3f} |" for kind in facts.after
    )
    sources = "\n".join(f"- {source}" for source in facts.sources)
    return f"""# {name}

{_short_name(checkpoint)} adapted to the folders below: `codesearch index --model` uses it.

| held-out MRR | before | after |
| --- | --- | --- |
{rows}

Mean reciprocal rank of the right region among all regions of the held-out files, {facts.n_held_out:,}
questions from a tenth of the pairs, file by file. The weights kept are those that measured best on them, of
step {facts.best_step:,}, so that the gain is an estimate from above.

| | |
| --- | --- |
| started from | {_short_name(checkpoint)} |
| trained on | {sum(facts.pairs.values()):,} pairs ({pairs}) in {facts.n_tokens:,} tokens |
| training | {_training(facts)} |
| hardware | {facts.device} |
| read in | passes of {checkpoint.window_tokens:,} tokens |

Data, with the licences that their own files state:

{sources}

The model is made from these folders: share it with those who may read them.
What holds for {_short_name(checkpoint)} (see its own card) holds for this model too.
"""


def _training(facts: CardFacts) -> str:
    return (
        f"{facts.n_steps:,} steps over {facts.n_seen_tokens:,} tokens, repeats counted, in"
        f" {facts.minutes:.1f} minutes; {facts.settings}"
    )


def _short_name(checkpoint: Checkpoint) -> str:
    """The name of a model without where it lies: a card is passed on."""
    return Path(checkpoint.name).name if Path(checkpoint.name).exists() else checkpoint.name


def hardware(device: str) -> str:
    """The processor or GPU that trained, in words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    name = platform.machine()
    with suppress(OSError):
        said = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        name = said[1] if said else name
    return f"{name}, {counted(torch.get_num_threads(), 'thread')}"


def _copy_configuration(source: Path, target: Path) -> None:
    """Every file that says how the weights are used; none of them is a link afterwards."""
    for path in sorted(source.rglob("*")):
        is_index = path.name.endswith(".safetensors.index.json")
        if path.is_file() and path.suffix in _KEPT_SUFFIXES and not is_index:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _write_own_settings(checkpoint: Checkpoint, facts: CardFacts, folder: Path) -> None:
    own: dict[str, Any] = {
        "window_tokens": checkpoint.window_tokens,
        "overlap_tokens": checkpoint.overlap_tokens,
        **read_json(checkpoint.folder / "codesearch.json"),
        "adapted": {
            "from": _short_name(checkpoint),
            "held_out_mrr": {"before": dict(facts.before), "after": dict(facts.after)},
        },
    }
    write_file(folder / "codesearch.json", (json.dumps(own, indent=2) + "\n").encode(), mode=_FILE_MODE)


def _tensors_by_file(model: TrainableModel) -> dict[Path, dict[str, Tensor]]:
    """File below the model's folder → its tensors by the names and in the types that they were stored."""
    checkpoint = model.checkpoint
    files = read_model_files(checkpoint.folder, checkpoint.name)
    backbone = files.backbone.relative_to(checkpoint.folder)
    stored = TensorFiles(checkpoint.weight_files)
    found: dict[Path, dict[str, Tensor]] = {}
    for name, tensor in model.parameters.items():
        number, _, rest = name.partition(".")
        if number == "0":
            file = backbone / "model.safetensors"
            own = checkpoint.tensor_prefix + rest.removeprefix("auto_model.")
            kind = stored.entries[own].dtype
        else:
            file = Path(str(files.modules[int(number)]["path"])) / "model.safetensors"
            own = rest
            kind = TensorFiles([checkpoint.folder / file]).entries[own].dtype
        found.setdefault(file, {})[own] = tensor.detach().cpu().to(_TYPES[kind]).contiguous()
    return found


def _write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save(tensors, {"format": "pt"}), mode=_FILE_MODE)
