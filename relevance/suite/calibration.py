"""The calibration: a fixed strategy on a fixed made catalogue, whose run time says how fast machine and engine are.

A strategy's run time divided by it can be compared with a baseline of another machine. Its work is of the kinds that
strategies do: matching text, nearest neighbours, fusing lists; what makes those slower makes the calibration slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance import runner
from relevance.engines.base import QueryBatch
from relevance.records import Catalogue, Vectors
from relevance.strategies import BASE, Strategy
from relevance.suite.stopwatch import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from relevance.engines.base import Engine, Indexer, VectorField

__all__ = ["STRATEGY", "Calibration", "index_made", "made_catalogue", "made_queries", "made_vectors"]

STRATEGY = Strategy("calibration", text={"title": 1}, vectors={"whole": 1}, combine="rrf", candidates=50)

PRODUCTS, QUERIES, WORDS, DIMENSIONS = 5_000, 200, 1_000, 256
_TITLE, _QUERY = 10, 8
_PRODUCT_SEED, _QUERY_SEED = 1, 2


def _texts(count: int, length: int, seed: int) -> list[str]:
    """Texts of words of which a few are frequent and most are rare, as in a shop; the same on every machine."""
    stream = np.random.PCG64(seed).random_raw(count * length)
    numbers = (stream >> np.uint64(11)).astype(np.float64) / 2**53
    words = np.minimum(WORDS * numbers**3, WORDS - 1).astype(np.int64)
    return [" ".join(f"word{word}" for word in row) for row in words.reshape(count, length).tolist()]


def _directions(count: int, seed: int) -> npt.NDArray[np.float32]:
    """Shape (count, DIMENSIONS), float32, rows of unit length, in all directions."""
    stream = np.random.PCG64(seed).random_raw(count * DIMENSIONS)
    vectors = (stream >> np.uint64(11)).astype(np.float64).reshape(count, DIMENSIONS) / 2**53 - 0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def made_catalogue() -> Catalogue:
    """`PRODUCTS` products with a title and nothing else."""
    titles = _texts(PRODUCTS, _TITLE, _PRODUCT_SEED)
    ids = [f"made{number:05}" for number in range(PRODUCTS)]
    products = pd.DataFrame({"id": ids, "title": titles, "description": ""}, dtype=str)
    return Catalogue(products, pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str))


def made_vectors() -> Mapping[VectorField, Vectors]:
    """The vectors of the products of `made_catalogue`."""
    return {(BASE, "whole"): Vectors(_directions(PRODUCTS, _PRODUCT_SEED), np.arange(PRODUCTS))}


def made_queries() -> QueryBatch:
    """`QUERIES` queries with their vectors."""
    return QueryBatch(_texts(QUERIES, _QUERY, _QUERY_SEED), {BASE: _directions(QUERIES, _QUERY_SEED)})


def index_made(indexer: Indexer) -> Engine:
    """Index the made catalogue.

    Raises:
        CouldNotRunError: the engine fails.
    """
    return indexer.index(made_catalogue(), text_fields=tuple(STRATEGY.text), vectors=made_vectors(), progress=False)


class Calibration:
    """Times the calibration in rounds that stand between those of the strategies, so that both see the same machine.

    Args:
        engine: has indexed the made catalogue; it is searched once before anything is timed.
        started: starts a stopwatch.
    """

    def __init__(self, engine: Engine, *, started: Callable[[], Callable[[], float]] = stopwatch) -> None:
        self.engine = engine
        self._started = started
        self._queries = made_queries()
        self._seconds: list[float] = []
        runner.search(engine, STRATEGY, self._queries)

    def round(self) -> None:
        """Search all queries once.

        Raises:
            CouldNotRunError: the engine failed.
        """
        took_s = self._started()
        runner.search(self.engine, STRATEGY, self._queries)
        self._seconds.append(took_s())

    @property
    def rounds(self) -> int:
        """How many there were."""
        return len(self._seconds)

    @property
    def seconds(self) -> float | None:
        """Of the fastest round; None where fewer than two were timed, one says too little."""
        return min(self._seconds) if self.rounds > 1 else None
