"""What a training may gain, estimated in seconds from the vectors that the base model gives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from relevance.finetune.changes import LEVEL
from relevance.finetune.pairs import normalised
from relevance.significance import paired_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.finetune.recipe import Recipe

    _Floats = npt.NDArray[np.float64]
    _Vectors = npt.NDArray[np.float32]

RIDGES = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0)
"""How much the map is held to changing nothing; which of them, the training queries say by cross-validation."""

_FOLDS = 5
_SEED = 0  # of the bootstrap's draws
_ROWS_AT_ONCE = 1_024


@dataclass(frozen=True)
class Forecast:
    """nDCG@10 of the validation queries under the base model, and with a linear map learnt from the training pairs.

    Attributes:
        interval: of the gain over the validation queries, at `LEVEL`; None with a single query.
        ridge: which of `RIDGES` was chosen; None where by the training queries no map is better than none.
    """

    base: float
    mapped: float
    interval: tuple[float, float] | None
    ridge: float | None

    @property
    def gain(self) -> float:
        """Mapped - base."""
        return self.mapped - self.base


class Probed(NamedTuple):
    """The base model's vectors, a row each: of the training pairs' queries and products, and of the validation's."""

    queries: _Vectors
    products: _Vectors
    asked: _Vectors
    pool: _Vectors


def forecast(recipe: Recipe, vectors: Probed) -> Forecast:
    """Learn a linear map of queries to their products by ridge regression, and judge it by the validation queries.

    The map W minimises |QW - P|^2 + ridge |W - I|^2 over the training pairs, all rows of unit length. Training
    changes all weights and both sides: it mostly gains more, so that this is a rough lower estimate.
    """
    queries, products, asked, pool = map(_unit, vectors)
    ridge = _chosen_ridge([pair.query for pair in recipe.pairs.train], queries, products)
    base = recipe.validation.ndcg(asked.astype(np.float32), pool.astype(np.float32))
    if ridge is None:
        mapped = base
    else:
        moved = _unit(asked @ _map(queries, products, ridge))
        mapped = recipe.validation.ndcg(moved.astype(np.float32), pool.astype(np.float32))
    ends = None
    if len(base) > 1:
        interval = paired_interval(base, mapped, seed=_SEED, confidence=LEVEL)
        ends = interval.low, interval.high
    return Forecast(float(base.mean()), float(mapped.mean()), ends, ridge)


def _unit(rows: npt.NDArray[np.floating]) -> _Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.zeros(rows.shape)
    np.divide(rows, lengths, out=unit, where=lengths > 0)
    return unit


def _map(queries: _Floats, products: _Floats, ridge: float) -> _Floats:
    held = ridge * np.eye(queries.shape[1])
    return np.asarray(np.linalg.solve(queries.T @ queries + held, queries.T @ products + held), dtype=np.float64)


def _chosen_ridge(texts: Sequence[str], queries: _Floats, products: _Floats) -> float | None:
    """That of the highest mean reciprocal rank of products among those of all pairs, by queries that were left out."""
    folds = np.array([hashlib.sha256(normalised(text).encode()).digest()[0] % _FOLDS for text in texts])
    ranks = dict.fromkeys((None, *RIDGES), 0.0)
    for fold in np.unique(folds) if len(np.unique(folds)) > 1 else ():
        out = folds == fold
        for ridge in ranks:
            moved = queries[out]
            if ridge is not None:
                moved = _unit(moved @ _map(queries[~out], products[~out], ridge))
            ranks[ridge] += _reciprocal_ranks(moved, products[out], products)
    return max(ranks, key=lambda ridge: ranks[ridge])


def _reciprocal_ranks(queries: _Floats, own: _Floats, products: _Floats) -> float:
    total = 0.0
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        highest = (queries[rows] * own[rows]).sum(axis=1, keepdims=True) + 1e-9  # the same text may stand twice
        total += float((1 / (1 + (queries[rows] @ products.T > highest).sum(axis=1))).sum())
    return total
