"""The quality benchmark's figures, checked by hand. The benchmark itself runs outside the suite."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st


def _load_metrics():
    path = Path(__file__).parent / "benchmarks" / "metrics.py"
    spec = importlib.util.spec_from_file_location("codesearch_benchmark_metrics", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


metrics = _load_metrics()
Returned, Target = metrics.Returned, metrics.Target

ANSWER = [
    Returned("a.py", 1, 10, 300),
    Returned("b.py", 5, 24, 250),
    Returned("a.py", 50, 60, 100),
    Returned("c.py", 1, 8, 2000),
]


def test_a_file_counts_once_and_where_its_first_passage_stands():
    assert metrics.files_in_order(ANSWER) == ["a.py", "b.py", "c.py"]


def test_ndcg_by_hand():
    third = 1 / math.log2(4)
    assert metrics.ndcg_at(["a", "b", "c"], {"a"}) == 1
    assert metrics.ndcg_at(["a", "b", "c"], {"c"}) == third
    assert metrics.ndcg_at(["a", "b", "c"], {"a", "c"}) == pytest.approx((1 + third) / (1 + 1 / math.log2(3)))
    assert metrics.ndcg_at(["a", "b", "c"], {"c"}, k=2) == 0
    assert metrics.ndcg_at([], {"c"}) == 0


def test_a_target_that_cannot_be_found_stays_in_the_ideal():
    assert metrics.ndcg_at(["a"], {"a", "outside"}) == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_more_than_ten_targets_can_still_score_one():
    files = [f"f{i}" for i in range(20)]
    assert metrics.ndcg_at(files, set(files)) == pytest.approx(1)


@given(
    st.permutations([f"f{i}" for i in range(12)]),
    st.sets(st.sampled_from([f"f{i}" for i in range(12)]), min_size=1),
)
def test_ndcg_lies_between_zero_and_one_and_is_one_for_targets_first(files, relevant):
    assert 0 <= metrics.ndcg_at(files, relevant) <= 1 + 1e-12
    best = sorted(files, key=lambda path: path not in relevant)
    assert metrics.ndcg_at(best, relevant) == pytest.approx(1)


def test_reciprocal_rank_by_hand():
    assert metrics.reciprocal_rank(["a", "b"], {"b"}) == 0.5
    assert metrics.reciprocal_rank(["a", "b"], {"x"}) == 0


def test_tokens_to_a_file_count_the_passage_that_shows_it():
    assert metrics.tokens_to_file(ANSWER, "a.py") == 300
    assert metrics.tokens_to_file(ANSWER, "c.py") == 2650
    assert metrics.tokens_to_file(ANSWER, "d.py") is None


def test_tokens_to_a_span_need_half_of_it_or_ten_lines():
    assert metrics.tokens_to_span(ANSWER, Target("b.py", 20, 29)) == 550  # 5 of 10 lines
    assert metrics.tokens_to_span(ANSWER, Target("b.py", 21, 30)) is None  # 4 of 10
    assert metrics.tokens_to_span(ANSWER, Target("a.py", 9, 500)) == 650  # 2 lines, then 11 more
    assert metrics.tokens_to_span(ANSWER, Target("a.py", 10, 10)) == 300


def test_omitted_lines_are_not_seen():
    cut = [Returned("a.py", 1, 100, 80, omitted_lines=((6, 95),))]
    assert metrics.tokens_to_span(cut, Target("a.py", 40, 45)) is None
    assert metrics.tokens_to_span(cut, Target("a.py", 1, 12)) is None  # 5 of 12 lines
    assert metrics.tokens_to_span(cut, Target("a.py", 1, 10)) == 80


def test_a_query_is_scored_over_distinct_target_files():
    scores = metrics.score_query(
        ["a.py", "b.py", "c.py"], ANSWER, [Target("b.py", 5, 8), Target("b.py"), Target("z.py")]
    )
    assert scores.ndcg10 == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert scores.reciprocal_rank == 0.5
    assert scores.file_tokens == (550, None)
    assert scores.span_tokens == (550,)


def test_recall_within_a_budget():
    assert metrics.recall_within((300, 550, None, 501), 500) == 0.25
    assert metrics.recall_within((500,), 500) == 1


def test_the_bootstrap_of_equal_values_is_a_point_and_repeats_itself():
    interval = metrics.bootstrap([0.25] * 8)
    assert (interval.mean, interval.low, interval.high) == (0.25, 0.25, 0.25)
    values = [0.0, 1.0, 0.5, 0.25, 1.0]
    assert metrics.bootstrap(values) == metrics.bootstrap(values)


def test_the_bootstrap_agrees_with_the_normal_interval():
    values = [float(i % 2) for i in range(400)]
    interval = metrics.bootstrap(values)
    half = 1.96 * math.sqrt(0.25 / 400)
    assert interval.mean == 0.5
    assert interval.low == pytest.approx(0.5 - half, abs=0.006)
    assert interval.high == pytest.approx(0.5 + half, abs=0.006)


def test_drawing_repositories_is_wider_when_queries_of_one_agree():
    values = [1.0] * 20 + [0.0] * 20 + [1.0] * 20 + [0.0] * 20
    groups = ["a"] * 20 + ["b"] * 20 + ["c"] * 20 + ["d"] * 20
    by_query, by_group = metrics.bootstrap(values), metrics.bootstrap(values, groups)
    assert by_group.mean == by_query.mean == 0.5
    assert by_group.high - by_group.low > 2 * (by_query.high - by_query.low)


def test_a_paired_difference_cancels_what_both_share():
    theirs = [0.1 * (i % 10) for i in range(100)]
    ours = [value + 0.05 for value in theirs]
    difference = metrics.paired_difference(ours, theirs)
    assert difference.mean == pytest.approx(0.05)
    assert difference.low == pytest.approx(0.05)
    with pytest.raises(ValueError, match="same queries"):
        metrics.paired_difference(ours, theirs[:-1])
