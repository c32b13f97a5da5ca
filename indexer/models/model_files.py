"""The configuration files of a model's folder, read and checked for form.

What they mean is for `checkpoint.py`. Nothing outside the folder is ever opened, and no pickled file at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.errors import CheckpointError
from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder and its JSON files; a file that is absent is an empty mapping."""

    name: str
    """For messages."""
    root: Path
    backbone: Path
    """The folder of weights, `config.json` and tokenizer: `root`, or where `modules.json` says."""
    config: Mapping[str, Any]
    """`config.json`"""
    library: Mapping[str, Any]
    """`config_sentence_transformers.json`, which PyLate writes too."""
    sentence: Mapping[str, Any]
    """`sentence_bert_config.json`"""
    own: Mapping[str, Any]
    """`codesearch.json`"""
    modules: tuple[Mapping[str, Any], ...]
    """`modules.json`: the backbone, then what lies behind it."""

    @property
    def tokenizer(self) -> Path:
        """The fast tokenizer."""
        return self.backbone / "tokenizer.json"

    def module_config(self, module: Mapping[str, Any]) -> dict[str, Any]:
        """The `config.json` of one of `modules`."""
        return read_json(self.root / str(module["path"]) / "config.json")

    def weights(self) -> tuple[Path, ...]:
        """The backbone's safetensors files. Raises CheckpointError where they are missing."""
        whole = self.backbone / "model.safetensors"
        if whole.is_file():
            return (whole,)
        index = read_json(self.backbone / "model.safetensors.index.json")
        names = sorted({str(file) for file in (index.get("weight_map") or {}).values()})
        if any("/" in file or not (self.backbone / file).is_file() for file in names):
            raise CheckpointError(
                f"{self.name}: weight files that its index lists are missing; download the model again."
            )
        if not names:
            pickled = (
                ", only a pickled .bin file, which is never opened"
                if list(self.backbone.glob("*.bin"))
                else ""
            )
            raise CheckpointError(
                f"{self.name} has no model.safetensors{pickled}; save the model as safetensors."
            )
        return tuple(self.backbone / file for file in names)

    def configuration(self) -> list[Path]:
        """Every file read here that exists: part of what makes a model this model."""
        named = ("config_sentence_transformers.json", "modules.json", "codesearch.json")
        behind = [self.root / str(module["path"]) / "config.json" for module in self.modules[1:]]
        in_backbone = [self.backbone / "config.json", self.backbone / "sentence_bert_config.json"]
        found = {*(self.root / name for name in named), *in_backbone, *behind}
        return [file for file in found if file.is_file()]


def read_model_files(root: Path, name: str) -> ModelFiles:
    """Read a model's folder.

    Raises CheckpointError where a file is not what its name says or a needed one is missing.
    """
    modules = _read_modules(root / "modules.json", name)
    backbone = root / str(modules[0].get("path", "")) if modules else root
    config = read_json(backbone / "config.json")
    if not config:
        raise CheckpointError(f"{name}: {backbone} has no config.json, so that it is not a model's folder.")
    files = ModelFiles(
        name=name,
        root=root,
        backbone=backbone,
        config=config,
        library=read_json(root / "config_sentence_transformers.json"),
        sentence=read_json(backbone / "sentence_bert_config.json"),
        own=read_json(root / "codesearch.json"),
        modules=modules,
    )
    if not files.tokenizer.is_file():
        raise CheckpointError(f"{name} has no tokenizer.json; save its fast tokenizer beside the weights.")
    return files


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    if not file.is_file():
        return {}
    value = _load(file)
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} does not hold a JSON object; save the model again.")
    return value


def _read_modules(file: Path, name: str) -> tuple[Mapping[str, Any], ...]:
    if not file.is_file():
        return ()
    modules = _load(file)
    if not isinstance(modules, list) or not modules or any(not isinstance(entry, dict) for entry in modules):
        raise CheckpointError(f"{name}: modules.json does not list modules; save the model again.")
    for module in modules:
        path = str(module.setdefault("path", ""))
        if path.startswith("/") or ".." in path.split("/"):
            raise CheckpointError(f"{name}: modules.json points outside the model's folder ({path}).")
    return tuple(modules)


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON ({error}); save the model again.") from error
