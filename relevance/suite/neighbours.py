"""How much of the exact nearest neighbours an approximate index finds: its recall, beside what that does to metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.engines.embedded import EmbeddedEngine
from relevance.records import HITS, NO_HIT
from relevance.runner import search_leg
from relevance.strategies import Leg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.engines import Engine, QueryBatch, VectorField
    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Strategy

_TIES = 20
"""So many more are looked at for products that are exactly as near as the last."""
_AS_NEAR = 1e-6


class ExactNeighbours:
    """Nearest neighbours found by comparing with every product, in this process.

    Args:
        catalogue: the products.
        vectors: unit vectors of the products, by model and vector field.
    """

    def __init__(self, catalogue: Catalogue, vectors: Mapping[VectorField, Vectors]) -> None:
        self._exact = EmbeddedEngine.index(catalogue, text_fields=(), vectors=vectors)
        self._nearest: dict[Leg, Ranking] = {}
        self._recalls: dict[tuple[Engine, Leg], float] = {}

    def recall(self, engine: Engine, strategy: Strategy, batch: QueryBatch) -> float | None:
        """Give the share of the first `HITS` exact neighbours that an engine finds.

        That is of each query and each nearest-neighbour clause by itself, with as many candidates as the strategy asks
        for, and the mean of all; None for a strategy without such a clause. A product that is as near as the last of
        the exact ones counts as one of them. Of a search body of one's own nothing is known.
        """
        legs = [
            Leg((), ((name, 1.0),), leg.candidates, leg.model) for leg in strategy.legs() for name, _ in leg.vectors
        ]
        for leg in legs:
            if leg not in self._nearest:
                exact = replace(leg, candidates=max(leg.candidates, HITS + _TIES))
                self._nearest[leg] = search_leg(self._exact, exact, batch, hits=HITS + _TIES)
            if (engine, leg) not in self._recalls:
                self._recalls[engine, leg] = _recall(search_leg(engine, leg, batch, hits=HITS), self._nearest[leg])
        return float(np.mean([self._recalls[engine, leg] for leg in legs])) if legs else None


def _recall(found: Ranking, exact: Ranking) -> float:
    """Mean over the queries that have a neighbour."""
    shares = []
    for hits, codes, scores in zip(found.codes, exact.codes, exact.scores, strict=True):
        near = codes != NO_HIT
        size = min(HITS, int(near.sum()))
        if size:
            as_near = codes[near & (scores >= scores[size - 1] - _AS_NEAR)]
            shares.append(min(np.isin(hits[hits != NO_HIT], as_near).sum() / size, 1.0))
    return float(np.mean(shares)) if shares else 1.0
