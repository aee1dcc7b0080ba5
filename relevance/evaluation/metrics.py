"""Metrics as values that can be compared, printed (`nDCG@10`) and parsed; the names are those of ir_measures.

The definitions are trec_eval's. The table `_KINDS` is the one place where a kind of metric is added. Sums run rank by
rank, as trec_eval's loops do, so that values differ from trec_eval's at most where two platforms' logarithms do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    _Floats = npt.NDArray[np.float64]
    _Ints = npt.NDArray[np.int64]

__all__ = ["AP10", "JUDGED10", "LABELS", "METRICS", "NDCG10", "RR10", "UNJUDGED", "Graded", "Metric", "parse"]

UNJUDGED = -1
"""Stands for the grade of a hit that has none; below every grade."""


@dataclass(frozen=True, eq=False)
class Graded:
    """What a metric sees of the judged queries; ranks run along the columns, from the first.

    Attributes:
        grades: shape (queries, ranks), the grade of each hit, `UNJUDGED` where it has none or there is no hit.
        ideal: shape (queries, ranks), the query's grades in descending order, 0 behind the last.
        relevant: shape (queries,), how many products the query has at or above `relevant_from`.
        hits: shape (queries,), how many hits the query has.
        relevant_from: the lowest grade that counts as relevant.
    """

    grades: _Ints
    ideal: _Ints
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


def _dcg(grades: _Ints) -> _Floats:
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


@dataclass(frozen=True)
class _Kind:
    """A row of the table: how queries are scored at a cut-off, and whether more is better."""

    score: Callable[[Graded, int], _Floats]
    higher_is_better: bool = True


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "RR": _Kind(_reciprocal_rank),
        "AP": _Kind(_average_precision),
        "nDCG": _Kind(_ndcg),
        "Judged": _Kind(_judged),
    }
)


@dataclass(frozen=True)
class Metric:
    """A metric: its kind and how many of the first hits it looks at.

    Attributes:
        kind: `RR`, `AP`, `nDCG` or `Judged`.
        cutoff: 1 or more.

    Raises:
        InputError: another kind or cut-off.
    """

    kind: str
    cutoff: int

    def __post_init__(self) -> None:
        whole = isinstance(self.cutoff, int) and not isinstance(self.cutoff, bool)
        if self.kind not in _KINDS or not whole or self.cutoff < 1:
            raise _unknown(f"{self.kind}@{self.cutoff}")

    def __str__(self) -> str:
        return f"{self.kind}@{self.cutoff}"

    @property
    def label(self) -> str:
        """The name in tables for people: that of `LABELS`, or else the metric as printed."""
        return next((label for label, metric in LABELS.items() if metric == self), str(self))

    def score(self, graded: Graded) -> npt.NDArray[np.float64]:
        """Shape (queries,), from 0 to 1."""
        return _KINDS[self.kind].score(graded, self.cutoff)

    @property
    def higher_is_better(self) -> bool:
        """The metric's direction."""
        return _KINDS[self.kind].higher_is_better


def _unknown(text: str) -> InputError:
    kinds = ", ".join(f"{kind}@k" for kind in _KINDS)
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
