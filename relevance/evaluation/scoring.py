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

__all__ = ["Evaluation", "evaluate"]

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
    _check_judgments(judgments, len(ranking.codes), n_products)
    _check_ranking(ranking.codes, n_products)
    starts = np.flatnonzero(np.diff(judgments.queries, prepend=-1))
    queries = judgments.queries[starts]
    wanted = max((metric.cutoff for metric in metrics), default=1)
    graded = _graded(ranking.codes, judgments, starts, ranks=wanted)
    scores = {metric: _read_only(metric.score(graded)) for metric in metrics}
    return Evaluation(_read_only(queries), MappingProxyType(scores), _read_only(queries[graded.hits == 0]))


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


def _graded(codes: _Ints, judgments: Judgments, starts: _Ints, *, ranks: int) -> Graded:
    """Look up what the metrics need.

    Args:
        codes: shape (all queries, hits).
        judgments: sorted by query, then product.
        starts: shape (judged queries,), each judged query's first judgment.
        ranks: how many are wanted; no more are made than hits or judgments can fill.
    """
    counts = np.diff(starts, append=len(judgments))
    rows = np.repeat(np.arange(len(starts)), counts)
    ranks = min(ranks, max(int(counts.max()), codes.shape[1]))
    first = codes[:, :ranks][judgments.queries[starts]]
    grades = np.full((len(starts), ranks), UNJUDGED, dtype=np.int64)
    grades[:, : first.shape[1]] = _grades_of(first, judgments, rows)
    relevant = judgments.grades >= judgments.relevant_from
    return Graded(
        grades=grades,
        ideal=_ideal(judgments, rows, starts, ranks),
        relevant=np.add.reduceat(relevant, starts, dtype=np.int64),
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
