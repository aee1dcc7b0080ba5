"""Made results of strategies that move together, with or without a true drop, as snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from helpers.snapshots import measured, session

from relevance.evaluation import AP10, NDCG10, RR10

if TYPE_CHECKING:
    import numpy.typing as npt

    from relevance.baseline import Snapshot

    Floats = npt.NDArray[np.float64]

Null = Literal["swapped", "sparse", "many small losses", "many small gains"]
NULLS: tuple[Null, ...] = ("swapped", "sparse", "many small losses", "many small gains")

_CHANGED = {"swapped": 0.5, "sparse": 0.05}
_TOGETHER = 0.8
_LOST = 0.3


def differences(rng: np.random.Generator, queries: int, strategies: int, null: Null) -> Floats:
    """Shape (queries, strategies): how much the quality of a query rises, 0 on average.

    `swapped` and `sparse` are symmetric: half or a twentieth of the queries change, either way. In the others three
    queries of four change, exponentially distributed around 0: most lose a little and few gain much, or the reverse.
    """
    together = np.sqrt(_TOGETHER)
    if null in _CHANGED:
        changed = rng.random((queries, 1)) < _CHANGED[null]
        common, own = rng.standard_t(4, (queries, 1)), rng.standard_t(4, (queries, strategies))
        return 0.15 * changed * (together * common + np.sqrt(1 - _TOGETHER) * own)
    changed = rng.random((queries, 1)) < 0.75
    common, own = rng.exponential(1, (queries, 1)) - 1, rng.exponential(1, (queries, strategies)) - 1
    sign = 1 if null == "many small losses" else -1
    return 0.15 * sign * changed * (together * common + np.sqrt(1 - _TOGETHER) * own)


def made_pair(
    rng: np.random.Generator, queries: int, strategies: int, *, null: Null = "swapped", drop: float = 0.0
) -> tuple[Snapshot, Snapshot]:
    """A baseline and a session without a true difference but `drop`.

    Args:
        rng: of everything.
        queries: how many.
        strategies: how many, each with three metrics.
        null: how queries change that have no reason to.
        drop: the true relative drop of every metric: three queries of ten lose, by an exponential distribution.
    """
    quality = rng.beta(1.2, 1.2, (queries, 1)) + rng.normal(0, 0.05, (queries, strategies))
    change = differences(rng, queries, strategies, null)
    lost = (rng.random((queries, 1)) < _LOST) * rng.exponential(1, (queries, 1)) * drop / _LOST
    before, after = [], []
    for strategy in range(strategies):
        base = _metrics(np.clip(quality[:, strategy], 0, 1))
        before.append(base)
        # metrics move together, each query and metric by a factor of its own; a mean is not bound to 0 and 1 here
        moved = change[:, [strategy]] * rng.normal([1.0, 1.1, 1.3], 0.4, (queries, 3))
        after.append(base + moved - lost * MEANS)
    return as_snapshot(before), as_snapshot(after)


MEANS = np.array([0.5, 0.325, 0.48])
"""Of the three metrics, about; a drop is a share of them."""


def _metrics(quality: Floats) -> Floats:
    """Shape (queries, 3): like nDCG, like AP, and one over a rank."""
    rank = np.floor(10 * (1 - quality)) + 1
    return np.column_stack([quality, quality**2, np.where(quality > 0.05, 1 / np.sqrt(rank), 0)])


def as_snapshot(numbers: list[Floats]) -> Snapshot:
    """A session whose strategies have these numbers, shape (queries, 3) each."""
    metrics = [dict(zip((NDCG10, AP10, RR10), columns.T, strict=True)) for columns in numbers]
    return session(**{f"s{number}": measured(columns) for number, columns in enumerate(metrics)})
