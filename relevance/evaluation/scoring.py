"""Scores rankings with judgments: grades are looked up in one pass, then every metric sees the same arrays."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from relevance.errors import InputError
from relevance.evaluation.metrics import METRICS, UNJUDGED, Graded, Metric
from relevance.records import NO_HIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.records import Judgments, Ranking

    _Ints = npt.NDArray[np.int64]

_Number = TypeVar("_Number", bound=np.generic)

__all__ = ["Evaluation", "evaluate", "evaluate_all"]

_BLOCK = 4096
"""Rows that are checked at a time: what bounds the memory of a check."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one ranking.

    Attributes:
        queries: shape (judged queries,), codes of the queries with a judgment, ascending.
        per_query: for each metric its value for each of `queries`, float64.
        without_hits: codes of the judged queries that have no hit; every metric of theirs is 0.
    """

    queries: npt.NDArray[np.int64]
    per_query: Mapping[Metric, npt.NDArray[np.float64]]
    without_hits: npt.NDArray[np.int64]

    def mean(self, metric: Metric) -> float:
        """The mean over all judged queries."""
        return float(self.per_query[metric].mean())


def evaluate(
    ranking: Ranking, judgments: Judgments, *, n_products: int, metrics: Sequence[Metric] = METRICS
) -> Evaluation:
    """Score every judged query.

    Args:
        ranking: row q holds the hits of the query with code q.
        judgments: grades of 0 or more; a hit that they do not name has grade 0.
        n_products: how many products there are; their codes are the numbers below it.
        metrics: what is computed.

    Raises:
        InputError: there is no judgment, or one of a query that the ranking has no row for or of a product that does
            not exist; or a row of the ranking holds a product twice, an unknown one, or a hit behind its end.
    """
    return evaluate_all([ranking], judgments, n_products=n_products, metrics=metrics)[0]


def evaluate_all(
    rankings: Sequence[Ranking], judgments: Judgments, *, n_products: int, metrics: Sequence[Metric] = METRICS
) -> list[Evaluation]:
    """Score several rankings of the same queries, each as `evaluate` does; what judgments alone say is looked at once.

    Raises:
        InputError: as for `evaluate`.
    """
    for size in {len(ranking.codes) for ranking in rankings}:
        _check_judgments(judgments, size, n_products)
    starts = np.flatnonzero(np.diff(judgments.queries, prepend=-1))
    queries = _read_only(judgments.queries[starts])
    wanted = max((metric.cutoff for metric in metrics), default=1)
    deepest = max((ranking.codes.shape[1] for ranking in rankings), default=0)
    ideal = _Ideal.of(judgments, starts, wanted=wanted, deepest=deepest)
    found = []
    for ranking in rankings:
        _check_ranking(ranking.codes, n_products)
        graded = _graded(ranking.codes[queries], judgments, ideal)
        scores = {metric: _read_only(metric.score(graded)) for metric in metrics}
        found.append(Evaluation(queries, MappingProxyType(scores), _read_only(queries[graded.hits == 0])))
    return found


def _read_only(array: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    array.flags.writeable = False
    return array


def _check_judgments(judgments: Judgments, n_queries: int, n_products: int) -> None:
    if not len(judgments):
        raise InputError("no judgments; at least one is needed to evaluate a ranking")
    for codes, number, what in ((judgments.queries, n_queries, "query"), (judgments.products, n_products, "product")):
        for code in (int(codes.min()), int(codes.max())):
            if not 0 <= code < number:
                raise InputError(f"a judgment names the {what} code {code}; allowed: 0 to {number - 1}")


def _check_ranking(codes: _Ints, n_products: int) -> None:
    for start in range(0, len(codes), _BLOCK):
        block = codes[start : start + _BLOCK]
        behind_end = (block[:, 1:] != NO_HIT) & (block[:, :-1] == NO_HIT)
        _refuse(behind_end, start, "has a hit behind its end; allowed: hits first, then padding")
        unknown = (block < NO_HIT) | (block >= n_products)
        _refuse(unknown, start, f"has an unknown product code; allowed: 0 to {n_products - 1}, and -1 as padding")
        ordered = np.sort(block, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_HIT)
        _refuse(twice, start, "has a product twice among its hits; allowed: once")


def _refuse(cells: npt.NDArray[np.bool_], first_row: int, problem: str) -> None:
    if cells.any():
        row = first_row + int(np.argmax(cells.any(axis=1)))
        raise InputError(f"ranking: query {row} (code) {problem}")


@dataclass(frozen=True, eq=False)
class _Ideal:
    """What judgments say before a ranking is looked at.

    Attributes:
        rows: shape (judgments,), which of the judged queries a judgment belongs to.
        grades: shape (judged queries, ranks), see `Graded.ideal`; no more ranks than hits or judgments can fill.
        relevant: shape (judged queries,), see `Graded.relevant`.
    """

    rows: _Ints
    grades: _Ints
    relevant: _Ints

    @classmethod
    def of(cls, judgments: Judgments, starts: _Ints, *, wanted: int, deepest: int) -> _Ideal:
        """Of judgments whose queries begin at `starts`, for `wanted` ranks and rankings of at most `deepest` hits."""
        counts = np.diff(starts, append=len(judgments))
        rows = np.repeat(np.arange(len(starts)), counts)
        ranks = min(wanted, max(int(counts.max()), deepest))
        relevant = judgments.grades >= judgments.relevant_from
        return cls(
            rows,
            _ideal(judgments, rows, starts, ranks),
            np.add.reduceat(relevant, starts, dtype=np.int64),
        )


def _graded(codes: _Ints, judgments: Judgments, ideal: _Ideal) -> Graded:
    """Look up what the metrics need; `codes` has the shape (judged queries, hits)."""
    ranks = ideal.grades.shape[1]
    first = codes[:, :ranks]
    grades = np.full((len(codes), ranks), UNJUDGED, dtype=np.int64)
    grades[:, : first.shape[1]] = _grades_of(first, judgments, ideal.rows)
    return Graded(
        grades=grades,
        ideal=ideal.grades,
        relevant=ideal.relevant,
        hits=np.count_nonzero(first != NO_HIT, axis=1),
        relevant_from=judgments.relevant_from,
    )


def _grades_of(codes: _Ints, judgments: Judgments, rows: _Ints) -> _Ints:
    """The grade of each hit, found by one search of all judgments among all hits.

    Args:
        codes: shape (judged queries, ranks).
        judgments: sorted by query, then product.
        rows: shape (judgments,), the row of `codes` that a judgment belongs to.
    """
    queries, ranks = codes.shape
    grades = np.full(codes.shape, UNJUDGED, dtype=np.int64)
    if not codes.size:
        return grades
    # (row, product, rank) as one number, ascending when each row is sorted; padding is product 0, the others follow
    products = 2 + max(int(codes.max()), int(judgments.products.max()))
    hits = np.sort((codes + 1) * ranks + np.arange(ranks), axis=1)
    hits += np.arange(queries)[:, np.newaxis] * (products * ranks)
    wanted = (rows * products + judgments.products + 1) * ranks
    found = hits.ravel()[np.minimum(np.searchsorted(hits.ravel(), wanted), hits.size - 1)]
    at = found - wanted
    hit = (at >= 0) & (at < ranks)
    grades[rows[hit], at[hit]] = judgments.grades[hit]
    return grades


def _ideal(judgments: Judgments, rows: _Ints, starts: _Ints, ranks: int) -> _Ints:
    """The grades of each query in descending order; see `Graded`."""
    order = np.lexsort((-judgments.grades, rows))
    columns = np.arange(len(rows)) - starts[rows]
    kept = columns < ranks
    ideal = np.zeros((len(starts), ranks), dtype=np.int64)
    ideal[rows[kept], columns[kept]] = judgments.grades[order][kept]
    return ideal
