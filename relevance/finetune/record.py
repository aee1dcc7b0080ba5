"""What a training was: its evaluations in the order of the steps, and which of them was chosen. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Curve", "Step"]


@dataclass(frozen=True)
class Step:
    """One evaluation on the validation pairs.

    Attributes:
        step: batches trained so far; 0 is the base model.
        epoch: passes over the training pairs so far.
        loss: mean training loss since the evaluation before; None before training.
        pearson: correlation of the cosine with 1 (held-out positives) and 0 (as many random pairs).
        spearman: the same of ranks.
        ndcg: nDCG@10 of the validation queries over the pool.
    """

    step: int
    epoch: float
    loss: float | None
    pearson: float
    spearman: float
    ndcg: float


@dataclass(frozen=True)
class Curve:
    """A training.

    Attributes:
        steps: its evaluations.
        best: index of the chosen one.
        seconds: that it took, evaluations included.
        stopped_early: whether it ended before its last epoch because it no longer learned.
    """

    steps: tuple[Step, ...]
    best: int
    seconds: float
    stopped_early: bool
