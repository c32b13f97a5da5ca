"""What a config says, in both of transformers' spellings, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from indexer.errors import CheckpointError
from indexer.models.architecture import read_architecture


def config(**changes: Any) -> dict[str, Any]:
    return {"model_type": "modernbert", **changes}


def test_defaults_are_those_of_modernbert_base() -> None:
    architecture = read_architecture(config(), "m")
    assert (architecture.n_layers, architecture.hidden_size, architecture.head_dim) == (22, 768, 64)
    assert architecture.layer_is_global[:5] == (True, False, False, True, False)
    assert (architecture.global_theta, architecture.local_theta) == (160_000.0, 10_000.0)
    assert architecture.half_window == 64
    assert architecture.n_parameters == 149_014_272


def test_expected_tensors_are_those_that_transformers_makes() -> None:
    from transformers import ModernBertConfig, ModernBertModel

    sizes: dict[str, Any] = {
        "hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 2,
        "vocab_size": 50, "norm_bias": True, "attention_bias": True,
        "pad_token_id": 0, "bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 2, "sep_token_id": 2,
    }  # fmt: skip
    made = {
        name: tuple(x.shape) for name, x in ModernBertModel(ModernBertConfig(**sizes)).state_dict().items()
    }
    architecture = read_architecture(config(**sizes), "m")
    assert architecture.expected_shapes() == made


def test_old_and_new_spelling_of_rotary_bases() -> None:
    old = read_architecture(config(global_rope_theta=5.0, local_rope_theta=3.0), "m")
    new = read_architecture(
        config(
            rope_parameters={
                "full_attention": {"rope_type": "default", "rope_theta": 5.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 3.0},
            }
        ),
        "m",
    )
    assert (old.global_theta, old.local_theta) == (new.global_theta, new.local_theta) == (5.0, 3.0)
    # A null local base, as some hub configs have it, means the global one.
    assert read_architecture(config(global_rope_theta=5.0, local_rope_theta=None), "m").local_theta == 5.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "m is a bert, not ModernBERT"),
        ({"model_type": None}, "model of unstated type"),
        ({"num_attention_heads": 7}, "7 heads in a hidden size of 768"),
        ({"local_attention": 1}, "local_attention below 2"),
        ({"hidden_activation": "mish"}, "activation mish"),
        ({"layer_types": ["full_attention"]}, "layer_types"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "scales its positions"),
        ({"hidden_size": "wide"}, "wrong kind"),
    ],
)
def test_what_the_encoders_cannot_compute_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_architecture(config(**changes), "m")
