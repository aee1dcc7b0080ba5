"""Scores rankings with judgments: tables of grades, a block of queries each, then every metric sees the same arrays."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from relevance.errors import InputError
from relevance.evaluation.metrics import METRICS, UNJUDGED, Graded, Metric
from relevance.records import NO_HIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.records import Judgments, Ranking

    _Ints = npt.NDArray[np.int64]
    _Changed = slice | npt.NDArray[np.bool_]

_Number = TypeVar("_Number", bound=np.generic)

__all__ = ["Evaluation", "evaluate", "evaluate_all"]

_BLOCK = 4096
"""Rows that are checked at a time: what bounds the memory of a check."""

_CELLS, _QUERIES = 1 << 22, 512
"""Of a table of grades, at most: what bounds the memory of scoring."""

_ALL = slice(None)


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
    changed = [_ALL, *map(_changed, codes, codes[1:])]
    _check_rankings(codes, changed, n_products)
    starts = np.flatnonzero(np.diff(judgments.queries, prepend=-1))
    bounds = np.append(starts, len(judgments))
    queries = _read_only(judgments.queries[starts])
    wanted = max((metric.cutoff for metric in metrics), default=1)
    ideal = _Ideal.of(judgments, starts, wanted=wanted, deepest=max(each.shape[1] for each in codes))
    scores = {metric: np.empty((len(codes), len(queries))) for metric in metrics}
    hits = np.empty((len(codes), len(queries)), dtype=np.int64)
    columns = np.zeros(n_products + 1, dtype=np.intp)
    for block in _blocks(bounds):
        rows = _Rows.of(codes, changed, queries[block], ranks=ideal.grades.shape[1])
        graded = Graded(
            grades=_grades_of(rows, judgments, bounds[block.start : block.stop + 1], columns),
            ideal=ideal.grades[block][rows.queries],
            relevant=ideal.relevant[block][rows.queries],
            hits=np.count_nonzero(rows.codes != NO_HIT, axis=1),
            relevant_from=judgments.relevant_from,
        )
        hits[:, block] = graded.hits[rows.at]
        for metric, values in scores.items():
            values[:, block] = metric.score(graded)[rows.at]
    return [
        Evaluation(
            queries,
            MappingProxyType({metric: _read_only(values[row]) for metric, values in scores.items()}),
            _read_only(queries[hits[row] == 0]),
        )
        for row in range(len(codes))
    ]


def _changed(before: _Ints, now: _Ints) -> _Changed:
    """Which rows of a ranking are not those of the one before."""
    return (now != before).any(axis=1) if now.shape == before.shape else _ALL


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


def _check_rankings(codes: Sequence[_Ints], changed: Sequence[_Changed], n_products: int) -> None:
    """Check the rows that changed, of all rankings of a width together."""
    for width in dict.fromkeys(each.shape[1] for each in codes):
        of_width = [(each, rows) for each, rows in zip(codes, changed, strict=True) if each.shape[1] == width]
        chosen = [each[rows] for each, rows in of_width]
        numbers = np.concatenate([np.arange(len(each))[rows] for each, rows in of_width])
        _check_rows(chosen[0] if len(chosen) == 1 else np.concatenate(chosen), numbers, n_products)


def _check_rows(codes: _Ints, numbers: _Ints, n_products: int) -> None:
    """Check rows of rankings; `numbers`, shape (rows,), are the codes of their queries."""
    for start in range(0, len(codes), _BLOCK):
        block, of = codes[start : start + _BLOCK], numbers[start : start + _BLOCK]
        behind_end = (block[:, 1:] != NO_HIT) & (block[:, :-1] == NO_HIT)
        _refuse(behind_end, of, "has a hit behind its end; allowed: hits first, then padding")
        unknown = (block < NO_HIT) | (block >= n_products)
        _refuse(unknown, of, f"has an unknown product code; allowed: 0 to {n_products - 1}, and -1 as padding")
        ordered = np.sort(block, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_HIT)
        _refuse(twice, of, "has a product twice among its hits; allowed: once")


def _refuse(cells: npt.NDArray[np.bool_], numbers: _Ints, problem: str) -> None:
    if cells.any():
        raise InputError(f"ranking: query {numbers[np.argmax(cells.any(axis=1))]} (code) {problem}")


@dataclass(frozen=True, eq=False)
class _Ideal:
    """What judgments say before a ranking is looked at.

    Attributes:
        grades: shape (judged queries, ranks), see `Graded.ideal`; no more ranks than hits or judgments can fill.
        relevant: shape (judged queries,), see `Graded.relevant`.
    """

    grades: _Ints
    relevant: _Ints

    @classmethod
    def of(cls, judgments: Judgments, starts: _Ints, *, wanted: int, deepest: int) -> _Ideal:
        """Of judgments whose queries begin at `starts`, for `wanted` ranks and rankings of at most `deepest` hits."""
        counts = np.diff(starts, append=len(judgments))
        rows = np.repeat(np.arange(len(starts)), counts)
        ranks = min(wanted, max(int(counts.max()), deepest))
        relevant = judgments.grades >= judgments.relevant_from
        return cls(_ideal(judgments, rows, starts, ranks), np.add.reduceat(relevant, starts, dtype=np.int64))


def _blocks(bounds: _Ints) -> Iterator[slice]:
    """Judged queries one after the other, so many that their table of grades has at most `_CELLS` cells, or one.

    Args:
        bounds: as for `_grades_of`, of all.
    """
    start = 0
    while start < len(bounds) - 1:
        following = bounds[start + 1 :][:_QUERIES] - bounds[start]  # at least as many as the products they name
        fitting = int(np.searchsorted(np.arange(1, len(following) + 1) * (following + 1), _CELLS, side="right"))
        stop = start + max(fitting, 1)
        yield slice(start, stop)
        start = stop


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of several rankings, those that repeat the ranking before left out.

    Attributes:
        codes: shape (rows, ranks), product codes, padded with `NO_HIT`.
        queries: shape (rows,), which of the queries a row belongs to.
        at: shape (rankings, queries), where the row of each stands.
    """

    codes: _Ints
    queries: _Ints
    at: _Ints

    @classmethod
    def of(
        cls,
        codes: Sequence[_Ints],
        changed: Sequence[_Changed],
        queries: _Ints,
        *,
        ranks: int,
    ) -> _Rows:
        """The first `ranks` hits of these queries, of rankings that `changed` from one to the next."""
        at = np.empty((len(codes), len(queries)), dtype=np.intp)
        parts, owners, number = [], [], 0
        for ranking, (each, rows) in enumerate(zip(codes, changed, strict=True)):
            own = np.arange(len(queries)) if isinstance(rows, slice) else np.flatnonzero(rows[queries])
            at[ranking] = at[ranking - 1]
            at[ranking, own] = number + np.arange(len(own))
            number += len(own)
            parts.append(_first(each[queries[own], :ranks], ranks))
            owners.append(own)
        return cls(np.concatenate(parts), np.concatenate(owners), at)


def _first(codes: _Ints, ranks: int) -> _Ints:
    short = ranks - codes.shape[1]
    return np.pad(codes, ((0, 0), (0, short)), constant_values=NO_HIT) if short else codes


def _grades_of(rows: _Rows, judgments: Judgments, bounds: _Ints, columns: npt.NDArray[np.intp]) -> _Ints:
    """The grade of each hit, from a table of all queries of the rows and all products that their judgments name.

    Args:
        rows: whose hits are graded.
        judgments: sorted by query.
        bounds: shape (queries + 1,), where the judgments of each query begin, and the end of the last.
        columns: shape (products + 1,), zeros, and zeros again afterwards; the last stands for padding.
    """
    own = slice(bounds[0], bounds[-1])
    products = judgments.products[own]
    named = np.unique(products)
    columns[named] = np.arange(1, len(named) + 1)
    kind = np.min_scalar_type(-1 - int(judgments.grades[own].max()))
    table = np.full((len(bounds) - 1, len(named) + 1), UNJUDGED, dtype=kind)
    table[np.repeat(np.arange(len(table)), np.diff(bounds)), columns[products]] = judgments.grades[own]
    grades = table[rows.queries[:, np.newaxis], columns[rows.codes]]
    columns[named] = 0
    return grades.astype(np.int64)


def _ideal(judgments: Judgments, rows: _Ints, starts: _Ints, ranks: int) -> _Ints:
    """The grades of each query in descending order; see `Graded`."""
    order = np.lexsort((-judgments.grades, rows))
    columns = np.arange(len(rows)) - starts[rows]
    kept = columns < ranks
    ideal = np.zeros((len(starts), ranks), dtype=np.int64)
    ideal[rows[kept], columns[kept]] = judgments.grades[order][kept]
    return ideal
