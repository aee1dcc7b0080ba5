"""Hits without a judgment that are new: whether judging them could change what the gate says.

A hit without a judgment counts as bad. So a change that brings products that nobody has judged looks worse than it may
be. The best case is computed exactly: all newcomers of a query get the highest grade that the judgments know, on both
sides, since the ideal ranking of the query changes for the baseline as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relevance.diagnosis.record import Newcomer
from relevance.evaluation import UNJUDGED, Graded
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.diagnosis.sides import Sides
    from relevance.evaluation import Metric
    from relevance.gate import Limits, Status

    _Floats = npt.NDArray[np.float64]

__all__ = ["newcomers_of", "ordered", "score"]


def score(
    metric: Metric, hits: Sequence[Sequence[str]], grades: Sequence[Mapping[str, float]], *, relevant_from: float
) -> _Floats:
    """A metric of some queries from their hits and judgments, as `relevance.evaluation` computes it.

    Args:
        metric: what is computed.
        hits: product ids of each query, best first.
        grades: of each query, grade by product id.
        relevant_from: lowest grade that counts as relevant.
    """
    ranks = metric.cutoff
    found = np.full((len(hits), ranks), UNJUDGED, dtype=np.float64)
    ideal = np.zeros((len(hits), ranks), dtype=np.float64)
    for row, (products, judged) in enumerate(zip(hits, grades, strict=True)):
        own = [judged.get(product, UNJUDGED) for product in products[:ranks]]
        best = sorted(judged.values(), reverse=True)[:ranks]
        found[row, : len(own)], ideal[row, : len(best)] = own, best
    relevant = [sum(grade >= relevant_from for grade in judged.values()) for judged in grades]
    return metric.score(
        Graded(
            grades=found,
            ideal=ideal,
            relevant=np.array(relevant, dtype=np.int64),
            hits=np.array([min(len(products), ranks) for products in hits], dtype=np.int64),
            relevant_from=relevant_from,
        )
    )


@dataclass(frozen=True)
class _BestCase:
    """A query with newcomers: which they are, and what becomes of it if all of them are good."""

    row: int
    new: tuple[tuple[int, str], ...]
    before: float
    drop: float
    effect: float


def newcomers_of(
    sides: Sides, status: Status, limits: Limits, *, titles: Mapping[str, str], best: float
) -> list[Newcomer]:
    """All newcomers of a strategy; those that could change its verdict are marked.

    Queries are taken by the size of their effect until the drop would be one that does not fail (`Limits.fail`), or
    none at all for a strategy that warns. Where all of them together are not enough, none is marked.

    Args:
        sides: of the strategy.
        status: what the gate says of it.
        limits: of the gate.
        titles: by product id, as far as known.
        best: the highest grade that the judgments know.
    """
    cases = _best_cases(sides, best)
    enough = _enough(sides, cases, limits.of(sides.strategy, sides.metric).fail if status == "fail" else 0.0)
    return [
        Newcomer(
            strategy=sides.strategy,
            query=sides.queries[case.row],
            text=sides.texts[case.row],
            product=product,
            title=titles.get(product),
            rank=rank,
            effect=case.effect,
            could_change_verdict=place < enough,
        )
        for place, case in enumerate(cases)
        for rank, product in case.new
    ]


def _best_cases(sides: Sides, best: float) -> list[_BestCase]:
    """The largest effect first; ties by query."""
    rows, new = [], []
    for row, (was, has, judged) in enumerate(zip(sides.was.hits, sides.has.hits, sides.grades, strict=True)):
        known = {*was, *judged}
        found = tuple((rank, product) for rank, product in enumerate(has, 1) if product not in known)
        if found:
            rows.append(row)
            new.append(found)
    if not rows:
        return []
    grades = [
        {**sides.grades[row], **{product: best for _, product in found}} for row, found in zip(rows, new, strict=True)
    ]
    hits = ([side.hits[row] for row in rows] for side in (sides.was, sides.has))
    before, after = (score(sides.metric, one, grades, relevant_from=sides.relevant_from) for one in hits)
    drops = sides.drop(before, after)
    effects = sides.drops[rows] - drops
    columns = (rows, new, before.tolist(), drops.tolist(), effects.tolist())
    return sorted((_BestCase(*row) for row in zip(*columns, strict=True)), key=lambda one: (-one.effect, one.row))


def _enough(sides: Sides, cases: Sequence[_BestCase], limit: float) -> int:
    """How many of the first cases bring the relative drop below the limit, 0 where all together do not."""
    drop, before = float(sides.drops.sum()), float(sides.before.sum())
    if drop <= SAME:
        return 0
    old = sides.before.tolist()
    for number, case in enumerate(cases, 1):
        drop -= case.effect
        before += case.before - old[case.row]
        if drop <= SAME or drop < limit * before - SAME:
            return number
    return 0


def ordered(found: Sequence[Newcomer], statuses: Mapping[str, Status]) -> tuple[Newcomer, ...]:
    """Those that could change a verdict first, failures before warnings, then the largest effect."""
    return tuple(
        sorted(
            found,
            key=lambda one: (
                not one.could_change_verdict,
                statuses[one.strategy] != "fail",
                -one.effect,
                one.strategy,
                one.query,
                one.rank,
            ),
        )
    )
