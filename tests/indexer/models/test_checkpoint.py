"""What is read from a checkpoint's folder, and one clear sentence for everything that is wrong with one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from indexer.errors import CheckpointError
from indexer.models.checkpoint import open_checkpoint

SaveTiny = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, plain_folder: Path) -> Path:
    """A copy of the tiny backbone that a test may damage."""
    return Path(shutil.copytree(plain_folder, tmp_path / "m"))


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def edit(path: Path, **changes: Any) -> None:
    write(path, {**json.loads(path.read_text()), **changes})


def test_the_bundled_model() -> None:
    checkpoint = open_checkpoint("codesearch-edge")
    assert (checkpoint.name, checkpoint.format, checkpoint.kind) == ("codesearch-edge", "pylate", "both")
    assert (checkpoint.window_tokens, checkpoint.overlap_tokens, checkpoint.max_tokens) == (1024, 128, 8192)
    assert checkpoint.section_tokens == 480
    assert (checkpoint.query_prefix, checkpoint.document_prefix, checkpoint.query_tokens) == (
        "[Q]",
        "[D]",
        128,
    )
    assert checkpoint.single is not None
    assert checkpoint.rows is not None
    assert (checkpoint.single.dim, checkpoint.single.pooling, checkpoint.rows.dim) == (256, "mean", 64)
    assert not checkpoint.rows.expand_queries
    assert len(checkpoint.rows.skip_words) == 5382
    assert checkpoint.architecture.n_parameters == 13_635_840
    assert checkpoint.warning == ""


def test_a_plain_backbone_loads_with_a_warning(folder: Path) -> None:
    checkpoint = open_checkpoint(str(folder))
    assert (checkpoint.format, checkpoint.kind) == ("plain", "single-vector")
    assert checkpoint.single is not None
    assert (checkpoint.single.pooling, checkpoint.single.dim) == ("mean", 32)
    assert "not trained to retrieve" in checkpoint.warning
    assert checkpoint.window_tokens == 512
    assert checkpoint.tensor_prefix == ""


def test_a_masked_language_model_is_a_backbone_with_more_tensors(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    more = {f"model.{name}": values for name, values in tensors.items()}
    save_file({**more, "decoder.bias": np.zeros(416, np.float32)}, folder / "model.safetensors")
    assert open_checkpoint(str(folder)).tensor_prefix == "model."


def test_weights_in_several_files(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[:9], "model-2.safetensors": names[9:]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file)
    (folder / "model.safetensors").unlink()
    write(
        folder / "model.safetensors.index.json",
        {"weight_map": {name: file for file, part in parts.items() for name in part}},
    )
    assert [file.name for file in open_checkpoint(str(folder)).weight_files] == sorted(parts)
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match="that its index lists are missing"):
        open_checkpoint(str(folder))


def test_own_settings_are_read_and_checked(folder: Path) -> None:
    write(folder / "codesearch.json", {"window_tokens": 64, "overlap_tokens": 8, "truncate_dim": 16})
    checkpoint = open_checkpoint(str(folder))
    assert (checkpoint.window_tokens, checkpoint.overlap_tokens, checkpoint.section_tokens) == (64, 8, 0)
    assert checkpoint.single is not None
    assert checkpoint.single.dim == 16
    assert open_checkpoint(str(folder), truncate_dim=4).single != checkpoint.single
    write(folder / "codesearch.json", {"window_tokens": 100_000})
    with pytest.raises(CheckpointError, match="read 100000 tokens at once; it must be 32 to 512"):
        open_checkpoint(str(folder))
    (folder / "codesearch.json").unlink()
    with pytest.raises(CheckpointError, match="vectors of 32 values, which cannot be cut to 33"):
        open_checkpoint(str(folder), truncate_dim=33)


def test_the_fingerprint_follows_every_file_that_makes_the_vectors(folder: Path) -> None:
    seen = {open_checkpoint(str(folder)).fingerprint}
    assert open_checkpoint(str(folder)).fingerprint in seen
    seen.add(open_checkpoint(str(folder), truncate_dim=8).fingerprint)
    edit(folder / "config.json", norm_eps=1e-4)
    seen.add(open_checkpoint(str(folder)).fingerprint)
    edit(folder / "tokenizer.json", version="1.0 ")
    seen.add(open_checkpoint(str(folder)).fingerprint)
    tensors = load_file(folder / "model.safetensors")
    tensors["final_norm.weight"] = tensors["final_norm.weight"] + 1
    save_file(tensors, folder / "model.safetensors")
    seen.add(open_checkpoint(str(folder)).fingerprint)
    write(folder / "codesearch.json", {"window_tokens": 64})
    seen.add(open_checkpoint(str(folder)).fingerprint)
    assert len(seen) == 6


def test_a_moved_model_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    before = open_checkpoint(str(folder)).fingerprint
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert open_checkpoint(str(moved)).fingerprint == before


# --- what is wrong with a folder ---------------------------------------------------------------


def damage_shape(folder: Path) -> None:
    edit(folder / "config.json", intermediate_size=64)


def damage_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["layers.2.mlp.Wo.weight"]
    save_file(tensors, folder / "model.safetensors")


def damage_nan(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["layers.1.attn.Wo.weight"] = tensors["layers.1.attn.Wo.weight"] * np.nan
    save_file(tensors, folder / "model.safetensors")


def damage_names(folder: Path) -> None:
    save_file({"x": np.zeros(3, np.float32)}, folder / "model.safetensors")


def only_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: edit(folder / "config.json", model_type="bert"), "is a bert, not ModernBERT"),
    (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as JSON"),
    (lambda folder: (folder / "config.json").write_text("[1]"), "does not hold a JSON object"),
    (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
    (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors; save"),
    (only_pickled, "only a pickled .bin file, which is never opened"),
    (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 40), "not a complete safetensors"),
    (damage_shape, r"layers.0.mlp.Wi.weight has shape \[96, 32\] where config.json asks for \[128, 32\]"),
    (damage_tensor, "layers.2.mlp.Wo.weight is missing"),
    (damage_nan, "layers.1.attn.Wo.weight holds values that are not numbers"),
    (damage_names, "not a ModernBERT's"),
    (lambda folder: write(folder / "modules.json", {}), "does not list modules"),
    (lambda folder: write(folder / "modules.json", [{"path": "../up"}]), "outside the model's folder"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[message for _, message in DAMAGES])
def test_damage_is_one_clear_sentence(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(str(folder))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


# --- modules -----------------------------------------------------------------------------------


def with_modules(folder: Path, *behind: tuple[str, dict[str, Any]]) -> Path:
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    for number, (kind, config) in enumerate(behind, 1):
        write(folder / f"{number}_{kind}" / "config.json", config)
        modules.append({"path": f"{number}_{kind}", "type": f"sentence_transformers.models.{kind}"})
    write(folder / "modules.json", modules)
    return folder


MEAN = ("Pooling", {"pooling_mode_mean_tokens": True})


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        ([("Pooling", {"pooling_mode_max_tokens": True})], "pools by pooling_mode_max_tokens"),
        ([("Pooling", {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True})], "pools by"),
        ([("Pooling", {"pooling_mode": "lasttoken"})], "pools by pooling_mode_lasttoken"),
        ([("Pooling", {})], "pools by nothing"),
        ([("Normalize", {})], "lists Normalize behind its backbone"),
        ([], "lists nothing behind its backbone"),
        ([MEAN, ("LSTM", {})], "module of type LSTM"),
        ([MEAN, ("Normalize", {}), ("Dense", {})], "Pooling, then Dense, then Normalize"),
        ([MEAN, ("Dense", {"activation_function": "torch.nn.Mish"})], "activation Mish"),
        ([MEAN, ("Dense", {"in_features": 32, "out_features": 8})], "has no model.safetensors"),
    ],
)
def test_modules_that_are_not_supported(
    folder: Path, behind: list[tuple[str, dict[str, Any]]], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(str(with_modules(folder, *behind)))


def test_a_dense_module_of_another_shape(folder: Path) -> None:
    with_modules(folder, MEAN, ("Dense", {"in_features": 32, "out_features": 8}))
    save_file({"linear.weight": np.zeros((8, 30), np.float32)}, folder / "2_Dense" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"shape \(8, 30\) where its config declares \(8, 32\)"):
        open_checkpoint(str(folder))


def test_prompts_are_those_that_the_library_would_use(folder: Path) -> None:
    with_modules(folder, MEAN)
    library = folder / "config_sentence_transformers.json"
    write(library, {"prompts": {"query": "q: ", "passage": "p: "}})
    checkpoint = open_checkpoint(str(folder))
    assert (checkpoint.query_prompt, checkpoint.document_prompt) == ("q: ", "p: ")
    write(library, {"prompts": {"query": "q: ", "document": "d: ", "passage": "p: "}})
    assert open_checkpoint(str(folder)).document_prompt == "d: "
    write(library, {"prompts": {"code": "c: "}, "default_prompt_name": "code"})
    checkpoint = open_checkpoint(str(folder))
    assert (checkpoint.query_prompt, checkpoint.document_prompt) == ("c: ", "c: ")
    write(library, {"prompts": {}, "default_prompt_name": None})
    assert open_checkpoint(str(folder)).query_prompt == ""


def test_the_librarys_length_is_the_window(folder: Path) -> None:
    with_modules(folder, MEAN)
    write(folder / "sentence_bert_config.json", {"max_seq_length": 200, "do_lower_case": True})
    checkpoint = open_checkpoint(str(folder))
    assert (checkpoint.window_tokens, checkpoint.query_tokens, checkpoint.lower_case) == (200, 200, True)


def test_a_pylate_folder_without_a_projection(folder: Path) -> None:
    write(folder / "config_sentence_transformers.json", {"model_type": "ColBERT"})
    with pytest.raises(CheckpointError, match="no projection"):
        open_checkpoint(str(folder))
