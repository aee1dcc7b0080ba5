"""Runs strategies on an engine: legs, fusion, reranking, and the time a single query takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from relevance.bodies import NO_PARAMS
from relevance.errors import StrategyError
from relevance.fusion import linear_combination, reciprocal_rank_fusion
from relevance.outside import Query
from relevance.records import HITS, NO_HIT, Ranking
from relevance.reranking import reorder
from relevance.strategies import Leg, all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import Engine, QueryBatch
    from relevance.strategies import Strategy

WARM_UP_ROUNDS, ROUNDS = 1, 3
"""How often all queries are searched before run times are taken, and for them."""

SINGLE_QUERIES = 200
"""How many single queries the latencies are taken from."""

_UNTIMED = 3
RERANKED_QUERIES = 40
"""Likewise of a strategy that reranks: a model takes a hundred times as long as a search."""


def search(engine: Engine, strategy: Strategy, batch: QueryBatch, *, hits: int = HITS) -> Ranking:
    """Rank the products for every query of the batch; every leg of the strategy is run once, none is kept."""
    return _reranked(strategy, retrieve(engine, strategy, batch, hits=hits), batch, hits)


def retrieve(
    engine: Engine, strategy: Strategy, batch: QueryBatch, *, hits: int = HITS, cached: bool = True
) -> Ranking:
    """Rank the products without the reranking of the strategy, for so many hits as that needs.

    `cached`: whether strategies that are fused may take scores of their rerankers that are kept.
    """
    try:
        lengths = _lengths([strategy], hits, engine)
        lists = {leg: search_leg(engine, leg, batch, hits=length) for leg, length in lengths.items()}
        return _combined(engine, strategy, lists, batch, _before_reranking(strategy, hits), cached=cached)
    except StrategyError as error:
        raise StrategyError(f"{strategy.where}: {error}") from None


def _before_reranking(strategy: Strategy, hits: int) -> int:
    return hits if strategy.reranking is None else max(hits, strategy.reranking.depth)


def _reranked(strategy: Strategy, ranking: Ranking, batch: QueryBatch, hits: int, *, cached: bool = True) -> Ranking:
    rerank = strategy.reranking
    if rerank is None:
        return ranking
    ids, params = batch.ids or [""] * len(batch), batch.params or [NO_PARAMS] * len(batch)
    queries = list(map(Query, batch.texts, ids, params))
    try:
        if rerank.weight < 1:
            _check_scores(strategy, ranking, batch, rerank.depth)
        ordered = reorder(
            ranking, batch.rerankers[rerank], queries, depth=rerank.depth, weight=rerank.weight, cached=cached
        )
    except StrategyError as error:
        raise StrategyError(f"{strategy.where}: {error}") from None
    return Ranking(ordered.codes[:, :hits], ordered.scores[:, :hits])


def search_all(
    engine: Engine, strategies: Sequence[Strategy], batch: QueryBatch, *, hits: int = HITS
) -> Sequence[Ranking]:
    """Rank the products by several strategies, each as `search` does; what they share may be searched once.

    Lists of one leg that differ in length are the beginnings of the longest.
    """
    longest = _lengths(strategies, hits, engine)
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
    return [_answered(engine, strategy, lists, batch, hits) for strategy in strategies]


def _served(strategy: Strategy, engine: Engine) -> Leg | None:
    """The one request whose answer the engine has fused; None where its lists are ours to fuse."""
    return strategy.served if strategy.served is not None and engine.fuses else None


def _lengths(strategies: Sequence[Strategy], hits: int, engine: Engine) -> dict[Leg, int]:
    """The legs of strategies, and how long a list each of them has to give."""
    longest: dict[Leg, int] = {}
    for strategy in strategies:
        served, whole = _served(strategy, engine), _before_reranking(strategy, hits)
        length = strategy.window if strategy.is_fused and served is None else whole
        legs = dict.fromkeys(strategy.legs() if served is None else (served,), length)
        legs = _lengths(strategy.members, length, engine) if strategy.members else legs
        longest |= {leg: max(one, longest.get(leg, 0)) for leg, one in legs.items()}
    return longest


def _answered(  # noqa: PLR0913 - the last by name
    engine: Engine,
    strategy: Strategy,
    lists: Mapping[Leg, Ranking],
    batch: QueryBatch,
    hits: int,
    *,
    cached: bool = True,
) -> Ranking:
    ranking = _combined(engine, strategy, lists, batch, _before_reranking(strategy, hits), cached=cached)
    return _reranked(strategy, ranking, batch, hits, cached=cached)


def _combined(  # noqa: PLR0913 - the last by name
    engine: Engine, strategy: Strategy, lists: Mapping[Leg, Ranking], batch: QueryBatch, hits: int, *, cached: bool
) -> Ranking:
    if (served := _served(strategy, engine)) is not None:
        return Ranking(lists[served].codes[:, :hits], lists[served].scores[:, :hits])
    if strategy.members:
        rankings = [_answered(engine, one, lists, batch, strategy.window, cached=cached) for one in strategy.members]
    else:
        rankings = [lists[leg] for leg in strategy.legs()]
    weights, window = [strategy.weights.get(name, 1) for name in strategy.lists], strategy.window
    if strategy.combine == "rrf":
        return reciprocal_rank_fusion(rankings, window=window, k=strategy.k, hits=hits, weights=weights)
    if strategy.combine == "linear":
        for one, ranking in zip(strategy.members, rankings, strict=False):  # legs of ours descend
            if one.reranking is None:
                _check_scores(one, ranking, batch, window)
        return linear_combination(rankings, weights=weights, normalizer=strategy.normalizer, window=window, hits=hits)
    return Ranking(rankings[0].codes[:, :hits], rankings[0].scores[:, :hits])


def _check_scores(strategy: Strategy, ranking: Ranking, batch: QueryBatch, window: int) -> None:
    """Refuse scores that rise along the order where they are added: what ranks from outside may give distances."""
    if strategy.outside is None:
        return
    codes, scores = ranking.codes[:, :window], ranking.scores[:, :window]
    rows = np.flatnonzero(((scores[:, 1:] > scores[:, :-1]) & (codes[:, 1:] != NO_HIT)).any(axis=1))
    if len(rows):
        query = Query(batch.texts[rows[0]], batch.ids[rows[0]] if batch.ids else "")
        allowed = "allowed where scores are added: the best hit has the highest, or none has one"
        raise StrategyError(f"{strategy.outside.name}: {query}: the scores rise from hit to hit; {allowed}")


def search_part(engine: Engine, part: Leg | Strategy, batch: QueryBatch, *, hits: int) -> Ranking:
    """Give one of the lists that a strategy fuses."""
    if isinstance(part, Leg):
        return search_leg(engine, part, batch, hits=hits)
    return search(engine, part, batch, hits=hits)


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
        stages: median and 95th percentile of parts, as the client sees them: of the embedding of the query (`encode`),
            which is in none of the times above, of what is before the reranking (`retrieve`), of that (`rerank`), and
            of all together (`total`); empty where the query is not embedded and nothing is reranked.
    """

    p50_ms: float
    p95_ms: float
    took_p50_ms: float | None
    took_p95_ms: float | None
    stages: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def latencies(
    engine: Engine,
    strategy: Strategy,
    batch: QueryBatch,
    *,
    encode: Callable[[str], object] | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Latencies:
    """Time queries that are asked one at a time; what reranks does it anew, without the scores that are kept.

    `SINGLE_QUERIES` queries, or `RERANKED_QUERIES`, spread evenly over the batch, are asked; fewer are asked more than
    once. `encode` embeds a query anew, and is timed apart.
    """
    reranks = any(one.reranking is not None for one in all_of([strategy]))
    count = RERANKED_QUERIES if reranks else SINGLE_QUERIES
    step = max(len(batch) / count, 1)
    times: list[float] = []
    took: list[float] = []
    stages: dict[str, list[float]] = {"encode": [], "retrieve": [], "rerank": [], "total": []}
    if strategy.reranking is not None:  # which loads its model
        _reranked(strategy, retrieve(engine, strategy, batch[:1], cached=False), batch[:1], HITS, cached=False)
    if encode is not None:  # the first loads its model
        list(map(encode, batch.texts[:_UNTIMED]))
    for number in range(count):
        at = int(number * step) % len(batch)
        one = batch[at : at + 1]
        if encode is not None:
            start = clock()
            encode(batch.texts[at])
            stages["encode"].append((clock() - start) * 1000)
        before, start = engine.took_ms, clock()
        ranking = retrieve(engine, strategy, one, cached=False)
        if encode is not None or strategy.reranking is not None:
            between = clock()
            stages["retrieve"].append((between - start) * 1000)
        if strategy.reranking is not None:
            _reranked(strategy, ranking, one, HITS, cached=False)
            stages["rerank"].append((clock() - between) * 1000)
        times.append((clock() - start) * 1000)
        if encode is not None:
            stages["total"].append(stages["encode"][-1] + times[-1])
        after = engine.took_ms
        if before is not None and after is not None:
            took.append(after - before)
    p50, p95 = np.percentile(times, [50, 95]).tolist()
    took_p50, took_p95 = np.percentile(took, [50, 95]).tolist() if took else (None, None)
    of_stages = {name: tuple(np.percentile(one, [50, 95]).tolist()) for name, one in stages.items() if one}
    return Latencies(p50, p95, took_p50, took_p95, of_stages)
