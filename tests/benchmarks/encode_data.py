"""Real files and model folders for `encode.py`: Python's own standard library, and two sizes of model.

The texts are the same for every contender; a seeded sample in a fixed order, cut to 8,192 tokens.
"""

from __future__ import annotations

import ast
import json
import shutil
import sysconfig
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BUNDLED = Path(__file__).parents[2] / "indexer" / "models" / "codesearch-edge"
MAX_TOKENS = 8192
SETS = ("functions", "files", "long")
SIZES = ("edge", "base")
BASE_CONFIG = {
    "hidden_size": 768,
    "intermediate_size": 1152,
    "num_hidden_layers": 22,
    "num_attention_heads": 12,
}


@dataclass(frozen=True, slots=True)
class TextSet:
    """Texts to encode, and how many tokens each is, specials included."""

    name: str
    texts: list[str]
    n_tokens: list[int]

    @property
    def total(self) -> int:
        """Tokens of all texts; padding is never counted."""
        return sum(self.n_tokens)


def load_set(name: str, n_tokens: int, root: Path | None = None) -> TextSet:
    """About `n_tokens` tokens of `functions`, of `files` as they come, or of `long` ones of 8,192 each."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
    texts, lengths = [], []
    for text in _candidates(name, root or Path(sysconfig.get_paths()["stdlib"])):
        encoding = tokenizer.encode(text)
        if name == "long" and len(encoding.ids) < MAX_TOKENS:
            continue
        if len(encoding.ids) > MAX_TOKENS:
            # Two places are specials; one is left for a prefix token, and one for a merge across the cut.
            text = text[: encoding.offsets[MAX_TOKENS - 4][1]]
            encoding = tokenizer.encode(text)
        if len(encoding.ids) < 16:
            continue
        texts.append(text)
        lengths.append(len(encoding.ids))
        if sum(lengths) >= n_tokens:
            break
    return TextSet(name, texts, lengths)


def _candidates(name: str, root: Path) -> list[str]:
    files = sorted(
        path for path in root.rglob("*.py") if "site-packages" not in path.parts and "test" not in path.parts
    )
    rng = np.random.default_rng(11)
    texts = [
        files[i].read_text(encoding="utf-8", errors="replace") for i in rng.permutation(len(files))[:600]
    ]
    texts = [text for text in texts if text.strip()]
    if name != "functions":
        return texts
    functions = []
    for text in texts[:200]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        functions += [source for node in nodes if (source := ast.get_source_segment(text, node))]
    return [functions[i] for i in rng.permutation(len(functions))]


def model_folder(size: str, cache: Path) -> Path:
    """A PyLate folder that reads 8,192 tokens at once: the bundled weights, or base size with random ones."""
    folder = cache / f"encode-model-{size}"
    if (folder / "codesearch.json").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BUNDLED, folder)
    if size == "base":
        _make_base(folder)
    # Equal work for all contenders: one pass over up to 8,192 tokens, as the libraries do it.
    _write(folder / "codesearch.json", {"window_tokens": MAX_TOKENS, "single_vector": "mean"})
    return folder


def _make_base(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import ModernBertConfig, ModernBertModel

    config = json.loads((folder / "config.json").read_text())
    sizes = {name: config[name] for name in ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")}
    more = {"cls_token_id": config["cls_token_id"], "sep_token_id": config["sep_token_id"]}
    torch.manual_seed(0)
    ModernBertModel(ModernBertConfig(**BASE_CONFIG, **sizes, **more)).save_pretrained(folder)
    dense = json.loads((folder / "1_Dense" / "config.json").read_text())
    _write(folder / "1_Dense" / "config.json", {**dense, "in_features": 768, "out_features": 128})
    save_file({"linear.weight": torch.randn(128, 768) / 28}, folder / "1_Dense" / "model.safetensors")


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
