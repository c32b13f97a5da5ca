from __future__ import annotations

import numpy as np
import pytest

from indexer.models.pooling import POOLINGS, named_pooling, pool_tokens

HIDDEN = np.array([[9, 0], [1, 2], [3, 4]], np.float32)


@pytest.mark.parametrize(
    ("pooling", "n_left_out", "expected"),
    [("mean", 0, [13 / 3, 2]), ("mean", 1, [2, 3]), ("cls", 0, [9, 0]), ("cls", 1, [9, 0])],
)
def test_a_mean_leaves_out_the_prompt_and_the_first_token_is_the_first(
    pooling: str, n_left_out: int, expected: list[float]
) -> None:
    np.testing.assert_allclose(pool_tokens(pooling, HIDDEN, n_left_out), expected, rtol=1e-6)


def test_every_pooling_that_a_checkpoint_may_name_can_be_done() -> None:
    configs = [{"pooling_mode": "mean"}, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}]
    assert [named_pooling(config) for config in configs] == ["mean", "cls"]
    assert all(pool(HIDDEN).shape == (2,) for pool in POOLINGS.values())
    with pytest.raises(ValueError, match="pooling_mode_lasttoken"):
        named_pooling({"pooling_mode": "lasttoken"})
    with pytest.raises(ValueError, match="nothing"):
        named_pooling({})
