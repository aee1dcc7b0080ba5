"""The stage that reorders the first hits of a strategy: by a cross-encoder, or by a Python function.

The hits that are reordered have the reranker's scores, or a weighted sum of these and of their own. Those behind them
keep their order, and their scores count down from the lowest of these, so that scores descend in the whole ranking;
they cannot be compared with the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from relevance.fusion import normalised
from relevance.records import NO_HIT, Ranking

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.outside import Query

__all__ = ["LARGEST", "Reranker", "reorder"]

LARGEST = 1e30
"""Of a score, whatever its sign: those behind it can still count down in 32 bits."""


class Reranker(ABC):
    """Scores products for queries; one thread asks at a time."""

    name: str

    @abstractmethod
    def scores(
        self, queries: Sequence[Query], products: Sequence[Sequence[int]], *, cached: bool = True
    ) -> Sequence[Sequence[float]]:
        """Score the products of each query.

        Args:
            queries: what was asked.
            products: of each query the codes of its hits.
            cached: whether scores that are kept may be taken, and new ones are kept.

        Returns:
            A finite score for each product, the higher the better.

        Raises:
            StrategyError: a user's function fails; the line names the query.
            CouldNotRunError: the model fails.
        """

    def notes(self) -> Sequence[str]:
        """Say what people should know, a line each."""
        return ()


def reorder(  # noqa: PLR0913 - by name
    ranking: Ranking, reranker: Reranker, queries: Sequence[Query], *, depth: int, weight: float = 1, cached: bool
) -> Ranking:
    """Put the first `depth` hits of each query into the order of their scores, ties by product code ascending.

    With a `weight` below 1 a score is weight * the reranker's + (1 - weight) * the hit's own, each normalised over
    these hits by `minmax` of `relevance.fusion`.

    Raises:
        StrategyError: see `Reranker.scores`.
        CouldNotRunError: likewise.
    """
    first, width = ranking.codes[:, :depth], ranking.codes.shape[1]
    hits = first != NO_HIT
    products = [row[kept].tolist() for row, kept in zip(first, hits, strict=True)]
    scores = np.full(first.shape, -np.inf)  # ordered as they are: 32 bits cannot tell the seconds of a date apart
    # hits stand before what fills a row, so that row by row they are in the order of the products
    scores[hits] = [one for row in reranker.scores(queries, products, cached=cached) for one in row]
    if weight < 1:
        own = _minmax(ranking.scores[:, :depth], hits)
        scores = np.where(hits, weight * _minmax(scores, hits) + (1 - weight) * own, -np.inf)
    order = np.lexsort((first, -scores), axis=1)
    first, shown = (
        np.take_along_axis(first, order, axis=1),
        np.take_along_axis(scores, order, axis=1).astype(np.float32),
    )
    rest = ranking.codes[:, depth:]
    counted = _counting_down(shown[:, -1:], width - first.shape[1])
    counted[rest == NO_HIT] = -np.inf
    return Ranking(np.concatenate([first, rest], axis=1), np.concatenate([shown, counted], axis=1))


def _minmax(scores: npt.NDArray[np.floating], hits: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Normalise from 0 to 1; by the server's definition scores below 0 would not reach 1."""
    lowest = np.min(scores, axis=1, keepdims=True, where=hits, initial=np.inf)
    return normalised(np.where(hits, scores - lowest, 0).astype(np.float32), hits, "minmax")


def _counting_down(lowest: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
    """From below each score down, by 1 where 32 bits can tell such scores apart."""
    with np.errstate(invalid="ignore"):  # of rows that end before
        steps = np.maximum(1, 4 * np.spacing(np.abs(lowest)).astype(np.float64))
        counted = lowest - steps * np.arange(1, length + 1)
    return counted.astype(np.float32)
