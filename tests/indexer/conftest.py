"""Tiny seeded ModernBERT models for the engine's tests, saved as their libraries save them; empty trees."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

WORDS = (
    "def route handle request response parse query path open close read write index search token vector "
    "Router registers a callback for each method and raises when the name is taken getUserName snake_case "
    "import numpy as np return self.value[0] = {'key': 12, \"other\": 3.5} // comment /* more */ "
    "#!:;,.()<>+-*%&|^~"
)


@contextmanager
def quiet() -> Iterator[None]:
    """Run library code that warns about things of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def tiny_tokenizer() -> Any:
    """A byte-level BPE of 400 entries, as transformers wraps it: `[CLS] text [SEP]`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([WORDS] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=512,
    )


def tiny_config(**changes: Any) -> Any:
    """A ModernBERT of four layers, its weights drawn wider than a trained model's so that errors show."""
    from transformers import ModernBertConfig

    values = {
        "vocab_size": 416,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        "local_attention": 32,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "cls_token_id": 2,
        "eos_token_id": 3,
        "sep_token_id": 3,
    }
    return ModernBertConfig(**{**values, **changes})


def save_backbone(folder: Path, **changes: Any) -> Path:
    """A seeded random backbone with its tokenizer, in transformers' own format."""
    import torch
    from transformers import ModernBertModel

    with quiet():
        torch.manual_seed(7)
        ModernBertModel(tiny_config(**changes)).save_pretrained(folder)
        tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def save_tiny() -> Callable[..., Path]:
    """`save_tiny(folder, **changes)`: a seeded random backbone of a changed `tiny_config`."""
    return save_backbone


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone alone, as `ModernBertModel.save_pretrained` leaves it. Not to be changed by a test."""
    return save_backbone(tmp_path_factory.mktemp("plain") / "tiny")


@pytest.fixture
def tree(tmp_path: Path, own_git_settings: None) -> Path:
    """An empty folder to be walked."""
    root = tmp_path / "tree"
    root.mkdir()
    return root


@pytest.fixture
def own_git_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """git has no settings of the person who runs the tests."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
