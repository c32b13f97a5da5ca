"""How well regions answer questions: MaxSim over rows by PyLate, cosine of single vectors, and the losses.

A score of rows is the mean over a question's rows of the best row of the region, as the product ranks by; a
region's single vector is the mean of its tokens, each of which has seen the whole window (late chunking).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from indexer.chunking.pack import pack
from indexer.light_dataclasses import dataclass
from indexer.records import Int32Array, PackedBatch, Window
from indexer.training.examples import Examples
from indexer.training.trainable import Hidden, TrainableModel

_OWN_ROWS = 256
"""Rows of questions that are compared at a time: what that takes of memory."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts with their rows laid side by side: N texts of at most L rows."""

    rows: Tensor | None
    """(N, L, D): unit norm, zeros behind a text's last row; None where the checkpoint has no rows."""
    mask: Tensor
    """(N, L): 1 where there is a row."""
    single: Tensor | None
    """(N, S): unit norm; None where the checkpoint makes none."""


@dataclass(frozen=True, slots=True)
class Scores:
    """(Q, R) each, -1 to 1; None where the checkpoint has no such vectors."""

    rows: Tensor | None
    single: Tensor | None


def pack_texts(texts: Sequence[Int32Array]) -> PackedBatch:
    """Token ids as one batch without padding."""
    windows = [Window(number, ids, 0, len(ids)) for number, ids in enumerate(texts)]
    (batch,) = pack(windows, max(1, sum(map(len, texts))))
    return batch


class TextEncoder:
    """Encodes regions and questions of one set of examples with one model."""

    def __init__(self, model: TrainableModel, skip_ids: Int32Array) -> None:
        """`skip_ids` are the tokens that get no row in a document."""
        self._model = model
        self._is_kept = np.ones(model.checkpoint.architecture.vocab_size, np.bool_)
        self._is_kept[skip_ids] = False

    def regions(self, examples: Examples, windows: Sequence[int]) -> Encoded:
        """The regions of some windows, in their order."""
        texts = [examples.windows[window] for window in windows]
        batch = pack_texts(texts)
        hidden = self._model.forward(batch)
        starts = np.empty(len(texts), np.int64)
        starts[batch.sequence_ids] = batch.cu_seqlens[:-1]
        counts = np.diff(examples.first_regions)[list(windows)]
        spans = examples.region_tokens[examples.regions_of(windows)] + np.repeat(starts, counts)[:, None]
        return self._laid_out(hidden, spans, self._is_kept[batch.input_ids])

    def questions(self, examples: Examples, questions: Sequence[int]) -> Encoded:
        """Some questions, in their order: every token has a row."""
        asked = [examples.questions[number] for number in questions]
        batch = pack_texts([question.input_ids for question in asked])
        hidden = self._model.forward(batch)
        spans = np.empty((len(asked), 2), np.int64)
        spans[batch.sequence_ids] = np.column_stack([batch.cu_seqlens[:-1], batch.cu_seqlens[1:]])
        checkpoint = self._model.checkpoint
        single = checkpoint.single
        skipped = np.zeros(len(asked), np.int64)
        if single is not None and not single.include_prompt and checkpoint.query_prompt:
            skipped += [question.n_prompt for question in asked]
        return self._laid_out(hidden, spans, np.ones(len(batch.input_ids), np.bool_), skipped)

    def _laid_out(
        self,
        hidden: Hidden,
        spans: NDArray[np.int64],
        is_kept: NDArray[np.bool_],
        skipped: NDArray[np.int64] | None = None,
    ) -> Encoded:
        """The tokens of `spans` (N, 2); `skipped` (N,) leading ones of each are no part of a mean."""
        device = self._model.device
        lengths = spans[:, 1] - spans[:, 0]
        offsets = np.arange(max(1, int(lengths.max(initial=1))))
        inside = offsets < lengths[:, None]  # (N, L)
        index = np.where(inside, spans[:, :1] + offsets, 0)
        mask = torch.from_numpy(inside & is_kept[index]).to(device)
        at = torch.from_numpy(index).to(device)
        rows = None if hidden.rows is None else hidden.rows[at] * mask[:, :, None]
        single = None
        head = self._model.checkpoint.single
        if head is not None:
            if head.pooling == "cls" and skipped is not None:
                pooled = hidden.hidden[at[:, 0]]
            else:
                counted = inside if skipped is None else inside & (offsets >= skipped[:, None])
                weights = torch.from_numpy(counted).to(device, torch.float32)
                sums = (hidden.hidden[at] * weights[:, :, None]).sum(dim=1)
                pooled = sums / weights.sum(dim=1, keepdim=True).clamp(min=1)
            single = self._model.pool(pooled)
        return Encoded(rows, mask.float(), single)


def score(questions: Encoded, regions: Encoded) -> Scores:
    """Every question against every region."""
    rows = None
    if questions.rows is not None and regions.rows is not None:
        rows = _row_scores(questions.rows, questions.mask, regions.rows, regions.mask)
    single = None
    if questions.single is not None and regions.single is not None:
        single = questions.single @ regions.single.T
    return Scores(rows, single)


def _row_scores(questions: Tensor, q_mask: Tensor, regions: Tensor, r_mask: Tensor) -> Tensor:
    """(Q, R) MaxSim, the mean of the best row for each row of a question.

    What is best is found without gradients, and only that is multiplied with them: a third of the time of
    PyLate's `colbert_scores`, whose kernels for CUDA take a mask for a length besides: here tokens without a
    row lie between others.
    """
    device, n_own = questions.device, q_mask.sum(dim=1)
    own, rows, found = questions[q_mask > 0], regions.flatten(0, 1), []  # (L, D), (R * most, D)
    with torch.no_grad():
        for first in range(0, len(own), _OWN_ROWS):
            similarity = (own[first : first + _OWN_ROWS] @ rows.T).view(-1, *r_mask.shape)
            found.append(similarity.masked_fill_(r_mask == 0, -2.0).argmax(dim=2))
    at = torch.cat(found) + torch.arange(len(regions), device=device) * regions.shape[1]  # (L, R)
    best = (rows[at] @ own[:, :, None]).squeeze(2)
    owners = torch.repeat_interleave(torch.arange(len(questions), device=device), n_own.long())
    return best.new_zeros(len(questions), len(regions)).index_add(0, owners, best) / n_own[:, None]


def contrastive_loss(scores: Tensor, answers: Tensor, temperature: float) -> Tensor:
    """InfoNCE with several right answers: -log of the share that they have of all but the unclear.

    `scores` and `answers` are (Q, R), answers as `Examples.answers` gives them; each question has one.
    """
    logits = (scores / temperature).masked_fill(answers < 0, -torch.inf)
    right = logits.masked_fill(answers != 1, -torch.inf)
    return (logits.logsumexp(dim=1) - right.logsumexp(dim=1)).mean()


def distillation_loss(scores: Tensor, before: Tensor, answers: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from the starting model's ranking over all but the unclear; (Q, R) each."""
    unclear = answers < 0
    now = F.log_softmax((scores / temperature).masked_fill(unclear, -1e4), dim=1)
    then = F.log_softmax((before / temperature).masked_fill(unclear, -1e4), dim=1)
    return F.kl_div(now, then, log_target=True, reduction="batchmean")
