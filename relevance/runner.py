"""Runs strategies on an engine: legs, fusion, and the time a single query takes."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import StrategyError
from relevance.fusion import linear_combination, reciprocal_rank_fusion
from relevance.records import HITS, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import Engine, QueryBatch
    from relevance.strategies import Leg, Strategy

WARM_UP_ROUNDS, ROUNDS = 1, 3
"""How often all queries are searched before run times are taken, and for them."""

SINGLE_QUERIES = 200
"""How many single queries the latencies are taken from."""


def search(engine: Engine, strategy: Strategy, batch: QueryBatch, *, hits: int = HITS) -> Ranking:
    """Rank the products for every query of the batch; every leg of the strategy is run, none is shared or kept."""
    length = _length(strategy, hits)
    try:
        lists = {leg: search_leg(engine, leg, batch, hits=length) for leg in strategy.legs()}
    except StrategyError as error:
        raise StrategyError(f"{strategy.where}: {error}") from None
    return _combined(strategy, lists, hits)


def search_all(
    engine: Engine, strategies: Sequence[Strategy], batch: QueryBatch, *, hits: int = HITS
) -> Sequence[Ranking]:
    """Rank the products by several strategies, each as `search` does; what they share may be searched once.

    Lists of one leg that differ in length are the beginnings of the longest.
    """
    longest: dict[Leg, int] = {}
    for strategy in strategies:
        length = _length(strategy, hits)
        longest |= {leg: max(length, longest.get(leg, 0)) for leg in strategy.legs()}
    together: dict[object, list[Leg]] = {}
    for leg, length in longest.items():
        together.setdefault((length, leg.spelling, leg.reading if leg.spelling else None), []).append(leg)
    lists: dict[Leg, Ranking] = {}
    for legs in together.values():
        more = 0 if batch.own_products is None else 1
        rankings = engine.search_all(legs, batch.spelled(legs[0]), hits=longest[legs[0]] + more)
        if batch.own_products is not None:
            rankings = [_without(batch.own_products, ranking) for ranking in rankings]
        lists |= zip(legs, rankings, strict=True)
    return [_combined(strategy, lists, hits) for strategy in strategies]


def _length(strategy: Strategy, hits: int) -> int:
    """Of the lists that a strategy combines."""
    return strategy.window if strategy.is_fused else hits


def _combined(strategy: Strategy, lists: Mapping[Leg, Ranking], hits: int) -> Ranking:
    rankings = [lists[leg] for leg in strategy.legs()]
    weights, window = [strategy.weights.get(name, 1) for name in strategy.lists], strategy.window
    if strategy.combine == "rrf":
        return reciprocal_rank_fusion(rankings, window=window, k=strategy.k, hits=hits, weights=weights)
    if strategy.combine == "linear":
        return linear_combination(rankings, weights=weights, normalizer=strategy.normalizer, window=window, hits=hits)
    return Ranking(rankings[0].codes[:, :hits], rankings[0].scores[:, :hits])


def search_leg(engine: Engine, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
    """Answer one leg; the product that a query was made of is none of its hits."""
    batch = batch.spelled(leg)
    if batch.own_products is None:
        return engine.search(leg, batch, hits=hits)
    return _without(batch.own_products, engine.search(leg, batch, hits=hits + 1))


def _without(products: npt.NDArray[np.int64], ranking: Ranking) -> Ranking:
    """One hit less of each query: its product of `products`, or else the last."""
    order = np.argsort(ranking.codes == products[:, np.newaxis], axis=1, kind="stable")[:, :-1]
    return Ranking(np.take_along_axis(ranking.codes, order, axis=1), np.take_along_axis(ranking.scores, order, axis=1))


@dataclass(frozen=True)
class Latencies:
    """How long single queries take, in milliseconds: median and 95th percentile.

    Attributes:
        p50_ms: as the client sees it.
        p95_ms: likewise.
        took_p50_ms: as the server says; None where this process is the engine.
        took_p95_ms: likewise.
    """

    p50_ms: float
    p95_ms: float
    took_p50_ms: float | None
    took_p95_ms: float | None


def latencies(
    engine: Engine, strategy: Strategy, batch: QueryBatch, *, clock: Callable[[], float] = perf_counter
) -> Latencies:
    """Time queries that are asked one at a time.

    `SINGLE_QUERIES` queries, spread evenly over the batch, are asked; fewer are asked more than once.
    """
    step = max(len(batch) / SINGLE_QUERIES, 1)
    times: list[float] = []
    took: list[float] = []
    for number in range(SINGLE_QUERIES):
        at = int(number * step) % len(batch)
        one = batch[at : at + 1]
        before, start = engine.took_ms, clock()
        search(engine, strategy, one)
        times.append((clock() - start) * 1000)
        after = engine.took_ms
        if before is not None and after is not None:
            took.append(after - before)
    p50, p95 = np.percentile(times, [50, 95]).tolist()
    took_p50, took_p95 = np.percentile(took, [50, 95]).tolist() if took else (None, None)
    return Latencies(p50, p95, took_p50, took_p95)
