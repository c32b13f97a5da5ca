"""The losses by hand, and which regions count as answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from indexer.models.checkpoint import open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import SourceFile, Span
from indexer.training import stored_vectors
from indexer.training.batches import epoch_batches
from indexer.training.corpus import TrainingFile
from indexer.training.examples import Examples, make_examples
from indexer.training.pair import Pair, PairKind
from indexer.training.scoring import Encoded, contrastive_loss, distillation_loss, score
from indexer.training.stored_vectors import StoredVectors, VectorTable, hard_windows, measure


def test_the_contrastive_loss_lets_several_answer_and_leaves_out_the_unclear() -> None:
    scores = torch.tensor([[1.0, 2.0, 0.0, 9.0]])
    answers = torch.tensor([[1, 1, 0, -1]])
    right, wrong = math.exp(1) + math.exp(2), math.exp(0)
    assert contrastive_loss(scores, answers, 1.0).item() == pytest.approx(
        -math.log(right / (right + wrong)), rel=1e-4
    )
    sharp = contrastive_loss(torch.tensor([[0.1, 0.2]]), torch.tensor([[1, 0]]), 0.1).item()
    assert sharp == pytest.approx(math.log(1 + math.e), rel=1e-4)


def test_distillation_is_nothing_where_nothing_changed_and_grows_with_what_did() -> None:
    before, answers = torch.tensor([[0.5, 0.1, 7.0]]), torch.tensor([[1, 0, -1]])
    assert distillation_loss(before, before, answers, 0.1).item() == pytest.approx(0.0, abs=1e-6)
    moved = before.clone()
    moved[0, 2] = -7.0
    assert distillation_loss(moved, before, answers, 0.1).item() == pytest.approx(0.0, abs=1e-6)
    moved[0, 0] = 0.0
    assert distillation_loss(moved, before, answers, 0.1).item() > 1.0


def laid_out(random: torch.Generator, *lengths: int) -> Encoded:
    """Texts of rows, with a gap within each longer one."""
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).float()
    mask[:, 4] = 0
    rows = torch.nn.functional.normalize(torch.randn(*mask.shape, 4, generator=random), dim=-1)
    return Encoded((rows * mask[..., None]).requires_grad_(), mask, None)


def test_rows_are_scored_as_pylate_does_with_its_gradients() -> None:
    from pylate.scores import colbert_scores

    random = torch.Generator().manual_seed(0)
    questions, regions = laid_out(random, 3, 1, 7), laid_out(random, 30, 12, 25, 40)
    assert questions.rows is not None
    assert regions.rows is not None
    sums = colbert_scores(questions.rows, regions.rows, questions.mask, regions.mask)
    expected = sums / questions.mask.sum(dim=1, keepdim=True)
    found = score(questions, regions).rows
    assert found is not None
    assert torch.allclose(found, expected, atol=1e-6)
    weights = torch.randn(found.shape, generator=random)
    for own, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (questions.rows, regions.rows)),
        torch.autograd.grad((expected * weights).sum(), (questions.rows, regions.rows)),
        strict=True,
    ):
        assert torch.allclose(own, theirs, atol=1e-6)


def drawn(examples: Examples) -> StoredVectors:
    """Vectors that say nothing; some regions have no row."""
    random = np.random.default_rng(0)

    def table(n: int, at_least: int) -> VectorTable:
        counts = random.integers(at_least, 9, n)
        rows, single = random.standard_normal((counts.sum(), 4)), random.standard_normal((n, 4))
        return VectorTable(rows.astype("f2"), np.concatenate([[0], counts.cumsum()]), single.astype("f2"))

    return StoredVectors(table(len(examples.region_files), 0), table(len(examples.questions), 1))


def row_scores(stored: StoredVectors, number: int) -> list[float]:
    """MaxSim of one question with each region, one by one."""
    own = stored.questions.take([number]).rows
    regions = (stored.regions.take([n]) for n in range(len(stored.regions.first_rows) - 1))
    return [
        float((own @ found.rows.mT).amax(2).mean()) if found.mask.sum() else -1.0
        for found in regions
    ]  # fmt: skip


def test_the_measure_is_of_all_regions_in_whatever_blocks(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, ranks = drawn(examples), []
    for number in range(len(examples.questions)):
        scores = np.array(row_scores(stored, number))
        answers = examples.answers([number], np.arange(len(scores)))[0]
        ranks.append(1 + int((scores[answers == 0] > max(scores[answers == 1]) + 1e-6).sum()))
    for n_questions, n_rows in ((64, 8192), (5, 50)):
        monkeypatch.setattr(stored_vectors, "_BLOCK_RANKED", n_questions)
        monkeypatch.setattr(stored_vectors, "_BLOCK_ROWS", n_rows)
        found = measure(stored, examples)
        assert found.rows == pytest.approx(np.mean(1 / np.array(ranks)), abs=1e-6)


def test_hard_windows_hold_what_questions_rank_high_wrongly(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = drawn(examples)
    assert stored.regions.single is not None
    assert stored.questions.single is not None
    window_of = np.repeat(np.arange(len(examples.windows)), np.diff(examples.first_regions))
    votes = np.zeros((len(examples.windows),) * 2)
    for number, question in enumerate(examples.questions):
        cosine = stored.regions.single.astype("f4") @ stored.questions.single[number].astype("f4")
        answers = examples.answers([number], np.arange(len(cosine)))[0]
        named = np.argsort(-cosine)[:12]
        by_rows = row_scores(stored, number)
        scores = {n: by_rows[n] + cosine[n] for n in named if answers[n] == 0}
        for rank, region in enumerate(sorted(scores, key=lambda n: -scores[n])[:4]):
            votes[question.window, window_of[region]] += 1 / (1 + rank)
    np.fill_diagonal(votes, 0)
    expected = [sorted(np.flatnonzero(row).tolist(), key=lambda w: (-row[w], w)) for row in votes]
    monkeypatch.setattr(stored_vectors, "_N_NAMED", 12)
    monkeypatch.setattr(stored_vectors, "_N_HARD", 4)
    done: list[int] = []
    for n_questions in (64, 5):
        monkeypatch.setattr(stored_vectors, "_BLOCK_RANKED", n_questions)
        assert hard_windows(stored, examples, lambda n, total: done.append(n)) == expected
        assert done[-1] == len(examples.questions)
    assert any(expected)


def bank_files() -> list[TrainingFile]:
    files = []
    for number in range(6):
        parts = [
            f"def part_{n}(value):\n" + f"    call_{number}_{n}(value, other, {n})\n" * 12 for n in range(8)
        ]
        text = "\n".join(parts)
        starts = [text.index(part) for part in parts]
        spans = tuple(
            Span("function", f"part_{n}", start, start + len(part), 1, 1)
            for n, (start, part) in enumerate(zip(starts, parts, strict=True))
        )
        pairs = tuple(
            Pair(f"f{number}.py", PairKind.DOC, f"what part {n} does", span.start_char, span.end_char)
            for n, span in enumerate(spans[:3])
        )
        files.append(TrainingFile(SourceFile(f"f{number}.py", text, "python", "", 0), spans, pairs))
    return files


@pytest.fixture(scope="module")
def examples() -> Examples:
    checkpoint = open_checkpoint("codesearch-edge")
    return make_examples(bank_files(), checkpoint, ChunkTokenizer(checkpoint), keep_all=False)


def test_little_time_takes_some_of_the_windows_with_their_questions(examples: Examples) -> None:
    checkpoint = open_checkpoint("codesearch-edge")
    some = make_examples(
        bank_files(),
        checkpoint,
        ChunkTokenizer(checkpoint),
        keep_all=False,
        max_tokens=examples.n_tokens // 2,
    )
    assert 2 <= len(some.windows) < len(examples.windows)
    assert some.n_tokens <= examples.n_tokens // 2
    assert 0 < len(some.questions) < len(examples.questions)
    regions = np.arange(len(some.region_files))
    assert (some.answers(range(len(some.questions)), regions) == 1).any(axis=1).all()


def test_answers_are_the_regions_of_the_place(examples: Examples) -> None:
    regions = np.arange(len(examples.region_files))
    answers = examples.answers(range(len(examples.questions)), regions)
    for question, row in zip(examples.questions, answers, strict=True):
        chars = examples.region_chars[row == 1]
        assert len(chars) >= 1
        assert (examples.region_files[row == 1] == question.file).all()
        assert ((chars[:, 0] < question.end_char) & (chars[:, 1] > question.start_char)).all()
        window = np.searchsorted(examples.first_regions, np.flatnonzero(row == 1), "right") - 1
        assert question.window in window


def test_an_epoch_holds_each_window_once_and_every_question(examples: Examples) -> None:
    hard = [[(window + 1) % len(examples.windows)] for window in range(len(examples.windows))]
    batches = list(epoch_batches(examples, hard, 2500, seed=0, epoch=0))
    windows = [window for batch in batches for window in batch.windows]
    asked = {question.window for question in examples.questions}
    assert len(windows) == len(set(windows)) >= len(asked) - 1
    for batch in batches:
        assert {examples.questions[number].window for number in batch.questions} == set(batch.windows)
    assert any({w, hard[w][0]} <= set(batch.windows) for batch in batches for w in batch.windows)
    assert list(epoch_batches(examples, hard, 2500, seed=0, epoch=0)) == batches
    assert list(epoch_batches(examples, hard, 2500, seed=0, epoch=1)) != batches
