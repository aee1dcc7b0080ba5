"""Why a product has its rank for a query: what each request of a strategy gives it, and how the lists are combined."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance import runner
from relevance.errors import InputError, did_you_mean
from relevance.files import quoted
from relevance.records import NO_HIT, Judgments, Queries

if TYPE_CHECKING:
    from relevance.baseline import Snapshot
    from relevance.engines.explanation import Explanation
    from relevance.records import Dataset, Ranking
    from relevance.strategies import Leg, Strategy
    from relevance.suite.measure import Suite
    from relevance.suite.plan import Plan

DEPTH = 1_000
"""So far a product is looked for in a ranking."""

_SIZED = ("knn", "rank", "retriever")
"""Parts of a template that find other products where more hits are asked for."""


@dataclass(frozen=True)
class LegRank:
    """A product in one of the lists that a strategy combines.

    Attributes:
        name: of the leg.
        rank: from 1; None where it is not among the first `depth`.
        explanation: of its score there.
        share: what the list adds to the fused score; None where nothing is fused.
    """

    name: str
    rank: int | None
    depth: int
    explanation: Explanation
    share: float | None = None


@dataclass(frozen=True)
class ProductRank:
    """A product in the ranking of a query.

    Attributes:
        query: its id, and `label` the query as people read it.
        grade: the product's judgment; None where it has none.
        rank: from 1; None where it is not among the first `depth`.
        score: in the ranking; None where the product is not in it.
        legs: the lists that were combined.
        before: a line for each baseline: its rank there.
    """

    strategy: Strategy
    query: str
    label: str
    product: str
    title: str
    grade: float | None
    engine: str
    rank: int | None
    depth: int
    score: float | None
    legs: tuple[LegRank, ...]
    before: tuple[tuple[str, str], ...] = ()


def only_query(plan: Plan, query: str) -> Plan:
    """Reduce a plan to one of its queries, by id or by text.

    Raises:
        InputError: there is no such query, or several have that text.
    """
    dataset, queries = plan.dataset, plan.dataset.queries
    codes = [queries.ids.index(query)] if query in queries.ids else []
    codes = codes or [code for code, text in enumerate(queries.texts) if text == query]
    if not codes:
        near = did_you_mean(query, (*queries.texts, *queries.ids))
        allowed = f"the id or the text of a query of data set {dataset.name!r}"
        raise InputError(f"no query {quoted(query)}{near}; allowed: {allowed}")
    if len(codes) > 1:
        ids = ", ".join(queries.ids[code] for code in codes[:5])
        raise InputError(f"{len(codes)} queries have the text {quoted(query)}; allowed: an id, such as {ids}")
    (code,) = codes
    params = {"params": [queries.params[code]]} if queries.params else {}
    frame = pd.DataFrame({"id": [queries.ids[code]], "text": [queries.texts[code]], **params}, dtype=object)
    of_query = dataset.judgments.queries == code
    judgments = Judgments(
        np.zeros(int(of_query.sum()), dtype=np.int64),
        dataset.judgments.products[of_query],
        dataset.judgments.grades[of_query],
        relevant_from=dataset.judgments.relevant_from,
    )
    own = None if dataset.own_products is None else dataset.own_products[[code]]
    return replace(plan, dataset=replace(dataset, queries=Queries(frame), judgments=judgments, own_products=own))


def product_code(dataset: Dataset, product: str) -> int:
    """The code of a product.

    Raises:
        InputError: there is no such product.
    """
    ids = dataset.catalogue.ids
    if product not in ids:
        near = did_you_mean(product, ids)
        raise InputError(f"no product {quoted(product)}{near}; allowed: the id of one of data set {dataset.name!r}")
    return ids.index(product)


def explain(suite: Suite, strategy: Strategy, code: int) -> ProductRank:
    """Explain the rank of a product for the only query of a suite.

    Raises:
        CouldNotRunError: the engine fails.
        InputError: the engine cannot explain what the strategy asks.
    """
    dataset, batch, engine = suite.plan.dataset, suite.batch, suite.engine
    fused = strategy.combine == "rrf"
    legs = []
    for leg in strategy.legs():
        depth = _depth(leg)
        ranking = runner.search_leg(engine, leg, batch, hits=strategy.window if fused else depth)
        rank, _ = _place(ranking, code)
        share = 0.0 if rank is None else 1 / (strategy.k + rank)
        explanation = runner.explain_leg(engine, leg, batch, code)
        length = strategy.window if fused else depth
        legs.append(LegRank(leg.name, rank, length, explanation, share if fused else None))
    depth = DEPTH if fused else legs[0].depth
    ranking = runner.search(engine, strategy, batch, hits=depth)
    rank, score = _place(ranking, code)
    judged = dataset.judgments.grades[dataset.judgments.products == code].tolist()
    return ProductRank(
        strategy=strategy,
        query=dataset.queries.ids[0],
        label=dataset.queries.labels[0],
        product=dataset.catalogue.ids[code],
        title=dataset.catalogue.titles[code],
        grade=judged[0] if judged else None,
        engine=f"{suite.plan.engine.name} {engine.version}",
        rank=rank,
        depth=depth,
        score=score,
        legs=tuple(legs),
    )


def _depth(leg: Leg) -> int:
    sized = leg.template and any(key in json.loads(leg.template) for key in _SIZED)
    return runner.HITS if sized else DEPTH


def _place(ranking: Ranking, code: int) -> tuple[int | None, float | None]:
    """Rank and score of a product in the ranking of one query."""
    codes = ranking.codes[0].tolist()
    if code == NO_HIT or code not in codes:
        return None, None
    return codes.index(code) + 1, float(ranking.scores[0, codes.index(code)])


def rank_before(snapshot: Snapshot, strategy: str, query: str, product: str) -> str:
    """Say which rank a product had in a baseline."""
    if strategy not in snapshot.strategies:
        return f"no strategy {strategy!r}"
    if query not in snapshot.queries:
        return f"no query {query!r}"
    hits = snapshot.strategies[strategy].hits[snapshot.queries.index(query)]
    return f"rank {hits.index(product) + 1}" if product in hits else f"not among the first {runner.HITS}"
