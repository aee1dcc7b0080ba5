"""Rankings and judgments in, one number per query and metric out.

Queries without a judgment are not evaluated, as in trec_eval. A judged query without hits scores 0 and enters the mean
(trec_eval's option -c). The definitions are trec_eval's, with grades that may be decimals; the names are those of
ir_measures. Sums run rank by rank, as trec_eval's loops do, so that values differ from trec_eval's at most where two
platforms' logarithms do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from relevance.errors import InputError
from relevance.records import NO_HIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.records import Grades, Judgments, Ranking

    _Floats = npt.NDArray[np.float64]
    _Ints = npt.NDArray[np.int64]
    _Bools = npt.NDArray[np.bool_]

_Number = TypeVar("_Number", bound=np.generic)

UNJUDGED = -1
"""Stands for the grade of a hit that has none; below every grade."""

_ROWS_CHECKED_AT_ONCE = 4096
_CELLS = 1 << 19
"""Hits whose grades are looked up at a time: what bounds the memory of scoring."""


# metrics as values


@dataclass(frozen=True, eq=False)
class Graded:
    """What a metric sees of the judged queries; ranks run along the columns, from the first.

    Attributes:
        grades: shape (queries, ranks), the grade of each hit, `UNJUDGED` where it has none or there is no hit.
        ideal: shape (queries, ranks), the query's grades in descending order, 0 behind the last.
        relevant: shape (queries,), how many products the query has at or above `relevant_from`.
        hits: shape (queries,), how many hits the query has.
    """

    grades: Grades
    ideal: Grades
    relevant: _Ints
    hits: _Ints
    relevant_from: float


def _ratio(numerator: _Floats, denominator: _Floats | _Ints) -> _Floats:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _added_by_rank(values: _Floats) -> _Floats:
    # from left to right, which sum() does not
    added = np.zeros(len(values))
    for rank in range(values.shape[1]):
        added += values[:, rank]
    return added


def _dcg(grades: Grades) -> _Floats:
    return _added_by_rank(np.maximum(grades, 0) / np.log2(np.arange(2, grades.shape[1] + 2)))


def _ndcg(graded: Graded, cutoff: int) -> _Floats:
    """DCG (gain = grade, discount = log2(rank + 1)) over that of the ideal ranking of all the query's judgments."""
    return _ratio(_dcg(graded.grades[:, :cutoff]), _dcg(graded.ideal[:, :cutoff]))


def _average_precision(graded: Graded, cutoff: int) -> _Floats:
    """Sum of the precision at each relevant hit, divided by all relevant products of the query (`map_cut`)."""
    relevant = graded.grades[:, :cutoff] >= graded.relevant_from
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return _ratio(_added_by_rank(np.where(relevant, precision, 0.0)), graded.relevant)


def _reciprocal_rank(graded: Graded, cutoff: int) -> _Floats:
    """1 / rank of the first relevant hit (`recip_rank` of the first hits alone)."""
    relevant = graded.grades[:, :cutoff] >= graded.relevant_from
    return np.where(relevant.any(axis=1), 1.0 / (np.argmax(relevant, axis=1) + 1), 0.0)


def _judged(graded: Graded, cutoff: int) -> _Floats:
    """Share of the first hits that are judged; fewer hits than the cut-off are divided by their number.

    That is ir_measures' rule (trec_eval has no such measure).
    """
    judged = np.count_nonzero(graded.grades[:, :cutoff] != UNJUDGED, axis=1)
    return _ratio(judged.astype(np.float64), np.minimum(graded.hits, cutoff))


_SCORES: Mapping[str, Callable[[Graded, int], _Floats]] = MappingProxyType(
    {"RR": _reciprocal_rank, "AP": _average_precision, "nDCG": _ndcg, "Judged": _judged}
)
"""The one place where a kind of metric is added: scores of the queries at a cut-off; more is better."""


@dataclass(frozen=True)
class Metric:
    """A metric: its kind (`RR`, `AP`, `nDCG` or `Judged`) and how many of the first hits it looks at, 1 or more.

    Raises:
        InputError: another kind or cut-off.
    """

    kind: str
    cutoff: int

    def __post_init__(self) -> None:
        whole = isinstance(self.cutoff, int) and not isinstance(self.cutoff, bool)
        if self.kind not in _SCORES or not whole or self.cutoff < 1:
            raise _unknown(f"{self.kind}@{self.cutoff}")

    def __str__(self) -> str:
        return f"{self.kind}@{self.cutoff}"

    @property
    def label(self) -> str:
        """The name in tables for people: that of `LABELS`, or else the metric as printed."""
        return next((label for label, metric in LABELS.items() if metric == self), str(self))

    def score(self, graded: Graded) -> _Floats:
        """Score queries: shape (queries,), from 0 to 1."""
        return _SCORES[self.kind](graded, self.cutoff)


def _unknown(text: str) -> InputError:
    kinds = ", ".join(f"{kind}@k" for kind in _SCORES)
    return InputError(f"unknown metric {text!r}; allowed: {kinds}, with a whole number k of 1 or more (nDCG@10)")


def parse(text: str) -> Metric:
    """Read a metric as it is printed, as `nDCG@10`.

    Raises:
        InputError: not a metric.
    """
    match = re.fullmatch(r"([A-Za-z]+)@([1-9][0-9]{0,8})", text)
    if match is None:
        raise _unknown(text)
    return Metric(match[1], int(match[2]))


RR10 = Metric("RR", 10)
AP10 = Metric("AP", 10)
NDCG10 = Metric("nDCG", 10)
JUDGED10 = Metric("Judged", 10)

METRICS = (RR10, AP10, NDCG10, JUDGED10)
"""The metrics that are always reported, in the order of tables."""

LABELS: Mapping[str, Metric] = MappingProxyType({"MRR": RR10, "MAP": AP10, "NDCG": NDCG10, "Judged": JUDGED10})
"""Names for people; a mean over queries is what they name."""


# rankings and judgments become what metrics see


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one ranking.

    Attributes:
        queries: shape (judged queries,), codes of the queries with a judgment, ascending.
        per_query: for each metric its value for each of `queries`, float64.
        without_hits: codes of the judged queries that have no hit; every metric of theirs is 0.
    """

    queries: _Ints
    per_query: Mapping[Metric, _Floats]
    without_hits: _Ints

    def mean(self, metric: Metric) -> float:
        """Average over all judged queries."""
        return float(self.per_query[metric].mean())


def evaluate(
    ranking: Ranking,
    judgments: Judgments,
    *,
    n_products: int,
    metrics: Sequence[Metric] = METRICS,
    ids: Sequence[str] = (),
) -> Evaluation:
    """Score every judged query.

    Args:
        ranking: row q holds the hits of the query with code q.
        judgments: grades of 0 or more; a hit that they do not name has grade 0.
        n_products: how many products there are; their codes are the numbers below it.
        metrics: what is computed.
        ids: of the queries, for messages; without them these say the code.

    Raises:
        InputError: there is no judgment, or one of a query that the ranking has no row for or of a product that does
            not exist; or a row of the ranking holds a product twice, an unknown one, or a hit behind its end.
    """
    return evaluate_all([ranking], judgments, n_products=n_products, metrics=metrics, ids=ids)[0]


def evaluate_all(
    rankings: Sequence[Ranking],
    judgments: Judgments,
    *,
    n_products: int,
    metrics: Sequence[Metric] = METRICS,
    ids: Sequence[str] = (),
) -> list[Evaluation]:
    """Score several rankings of the same queries, each as `evaluate` does; what they share is looked at once.

    That is what judgments alone say, and each row that equals the one of the ranking before, as most do that differ by
    a boost.

    Raises:
        InputError: as for `evaluate`.
    """
    for size in {len(ranking.codes) for ranking in rankings}:
        _check_judgments(judgments, size, n_products)
    if not rankings:
        return []
    codes = [ranking.codes for ranking in rankings]
    changed = [np.ones(len(codes[0]), dtype=bool), *map(_changed, codes, codes[1:])]
    for width in {each.shape[1] for each in codes}:
        alike = [(each, rows) for each, rows in zip(codes, changed, strict=True) if each.shape[1] == width]
        numbers = np.concatenate([np.flatnonzero(rows) for _, rows in alike])
        _check_rows(np.concatenate([each[rows] for each, rows in alike]), numbers, n_products, ids)
    starts = np.flatnonzero(np.diff(judgments.queries, prepend=-1))
    queries = _read_only(judgments.queries[starts])
    # no more ranks than hits or judgments can fill
    deepest = max(int(np.diff(starts, append=len(judgments)).max()), *(each.shape[1] for each in codes))
    ranks = min(max((metric.cutoff for metric in metrics), default=1), deepest)
    judged = judgments.queries * n_products + judgments.products  # ascending
    ideal = _ideal(judgments, starts, ranks)
    relevant = np.add.reduceat(judgments.grades >= judgments.relevant_from, starts, dtype=np.int64)
    scores = {metric: np.empty((len(codes), len(queries))) for metric in metrics}
    hits = np.empty((len(codes), len(queries)), dtype=np.int64)
    at_once = max(1, _CELLS // (len(codes) * max(ranks, 1)))
    for start in range(0, len(queries), at_once):
        block = slice(start, start + at_once)
        rows, of_query, at = _distinct_rows(codes, changed, queries[block], ranks)
        graded = Graded(
            grades=_grades_of(rows, queries[block][of_query] * n_products, judged, judgments.grades),
            ideal=ideal[block][of_query],
            relevant=relevant[block][of_query],
            hits=np.count_nonzero(rows != NO_HIT, axis=1),
            relevant_from=judgments.relevant_from,
        )
        hits[:, block] = graded.hits[at]
        for metric, values in scores.items():
            values[:, block] = metric.score(graded)[at]
    return [
        Evaluation(
            queries,
            MappingProxyType({metric: _read_only(values[row]) for metric, values in scores.items()}),
            _read_only(queries[hits[row] == 0]),
        )
        for row in range(len(codes))
    ]


def _changed(before: _Ints, now: _Ints) -> _Bools:
    """Which rows of a ranking are not those of the one before."""
    return (now != before).any(axis=1) if now.shape == before.shape else np.ones(len(now), dtype=bool)


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


def _check_rows(codes: _Ints, queries: _Ints, n_products: int, ids: Sequence[str]) -> None:
    """Check rows of rankings, which belong to these queries."""
    for start in range(0, len(codes), _ROWS_CHECKED_AT_ONCE):
        block = codes[start : start + _ROWS_CHECKED_AT_ONCE]
        ordered = np.sort(block, axis=1)
        behind_end = (block[:, 1:] != NO_HIT) & (block[:, :-1] == NO_HIT)
        unknown = (block < NO_HIT) | (block >= n_products)
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_HIT)
        for cells, problem in (
            (behind_end, "has a hit behind its end; allowed: hits first, then padding"),
            (unknown, f"has an unknown product code; allowed: 0 to {n_products - 1}, and -1 as padding"),
            (twice, "has a product twice among its hits; allowed: once"),
        ):
            if cells.any():
                code = queries[start + np.argmax(cells.any(axis=1))]
                raise InputError(f"ranking: query {repr(ids[code]) if ids else f'{code} (code)'} {problem}")


def _ideal(judgments: Judgments, starts: _Ints, ranks: int) -> Grades:
    """The first grades of each query in descending order; see `Graded`."""
    rows = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(judgments)))
    order = np.lexsort((-judgments.grades, rows))
    columns = np.arange(len(rows)) - starts[rows]
    kept = columns < ranks
    ideal = np.zeros((len(starts), ranks), dtype=judgments.grades.dtype)
    ideal[rows[kept], columns[kept]] = judgments.grades[order][kept]
    return ideal


def _distinct_rows(
    codes: Sequence[_Ints], changed: Sequence[_Bools], queries: _Ints, ranks: int
) -> tuple[_Ints, _Ints, npt.NDArray[np.intp]]:
    """The first `ranks` hits of these queries, those that repeat the ranking before left out.

    Returns:
        Shape (rows, ranks), product codes; shape (rows,), which of the queries a row belongs to; and shape (rankings,
        queries), where the row of each stands.
    """
    at = np.empty((len(codes), len(queries)), dtype=np.intp)
    owners = [np.flatnonzero(rows[queries]) for rows in changed]
    rows = np.full((sum(map(len, owners)), ranks), NO_HIT, dtype=np.int64)
    start = 0
    for ranking, (each, own) in enumerate(zip(codes, owners, strict=True)):
        end = start + len(own)
        at[ranking] = at[ranking - 1]
        at[ranking, own] = np.arange(start, end)
        first = each[queries[own], :ranks]
        rows[start:end, : first.shape[1]] = first
        start = end
    return rows, np.concatenate(owners), at


def _grades_of(rows: _Ints, offsets: _Ints, judged: _Ints, grades: Grades) -> Grades:
    """The grade of each hit, of product codes of shape (rows, ranks).

    `offsets` say by how much their query moves the codes of a row, shape (rows,); `judged` are the codes that have a
    grade, moved likewise, ascending.
    """
    hits = offsets[:, np.newaxis] + rows
    at = np.minimum(np.searchsorted(judged, hits), len(judged) - 1)
    return np.where((judged[at] == hits) & (rows != NO_HIT), grades[at], UNJUDGED)
