"""Rankings and judgments in, one number per query and metric out.

Queries without a judgment are not evaluated, as in trec_eval. A judged query without hits scores 0 and enters the mean
(trec_eval's option -c); for `Empty` alone it is 1. The definitions are trec_eval's where it has the metric, with grades
that may be decimals; the names are those of ir_measures. Sums run rank by rank, as trec_eval's loops do, so that values
differ from trec_eval's at most where two platforms' logarithms do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from relevance.errors import InputError
from relevance.records import NO_HIT, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.records import Grades, Judgments

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

DEEPEST = 1_000
"""The largest cut-off."""


@dataclass(frozen=True, eq=False)
class Graded:
    """What a metric sees of the judged queries; ranks run along the columns, from the first.

    Attributes:
        grades: shape (queries, ranks), the grade of each hit, `UNJUDGED` where it has none or there is no hit.
        ideal: shape (queries, ranks), the query's grades in descending order, 0 behind the last.
        relevant: shape (queries,), how many products the query has at or above `relevant_from`.
        hits: shape (queries,), how many hits the query has.
        highest: the highest grade of all judgments of the data set.
    """

    grades: Grades
    ideal: Grades
    relevant: _Ints
    hits: _Ints
    relevant_from: float
    highest: float

    def relevant_hits(self, cutoff: int) -> _Bools:
        """Which of the first hits are relevant, shape (queries, at most `cutoff`)."""
        return self.grades[:, :cutoff] >= self.relevant_from


def _ratio(numerator: _Floats, denominator: _Floats | _Ints) -> _Floats:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _added_by_rank(values: _Floats) -> _Floats:
    # from left to right, which sum() does not
    added = np.zeros(len(values))
    for rank in range(values.shape[1]):
        added += values[:, rank]
    return added


def _dcg(gains: Grades) -> _Floats:
    return _added_by_rank(gains / np.log2(np.arange(2, gains.shape[1] + 2)))


def _exponential(grades: Grades, top: _Floats) -> _Floats:
    """2^grade - 1 of each grade, 0 for an unjudged hit, divided by 2^top so that high grades do not overflow."""
    gains: _Floats = np.exp2(np.maximum(grades, 0) - top) - np.exp2(-top)
    return gains


def _ndcg(graded: Graded, cutoff: int, dcg: str) -> _Floats:
    """DCG over that of the ideal ranking of all the query's judgments (`ndcg_cut`).

    K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20, 2002; discount =
    log2(rank + 1). The gain is the grade, or 2^grade - 1 (`exp-log2`): C. Burges et al., "Learning to rank using
    gradient descent", ICML 2005.
    """
    grades, ideal = graded.grades[:, :cutoff], graded.ideal[:, :cutoff]
    if dcg == "log2":
        return _ratio(_dcg(np.maximum(grades, 0)), _dcg(ideal))
    top = np.floor(ideal[:, :1].astype(np.float64))  # whole, so that dividing by 2^top rounds nothing
    return _ratio(_dcg(_exponential(grades, top)), _dcg(_exponential(ideal, top)))


def _average_precision(graded: Graded, cutoff: int, _: object) -> _Floats:
    """Sum of the precision at each relevant hit, divided by all relevant products of the query (`map_cut`)."""
    relevant = graded.relevant_hits(cutoff)
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return _ratio(_added_by_rank(np.where(relevant, precision, 0.0)), graded.relevant)


def _reciprocal_rank(graded: Graded, cutoff: int, _: object) -> _Floats:
    """1 / rank of the first relevant hit (`recip_rank` of the first hits alone)."""
    relevant = graded.relevant_hits(cutoff)
    return np.where(relevant.any(axis=1), 1.0 / (np.argmax(relevant, axis=1) + 1), 0.0)


def _count(cells: _Bools) -> _Floats:
    counts: _Floats = np.count_nonzero(cells, axis=1).astype(np.float64)
    return counts


def _precision(graded: Graded, cutoff: int, _: object) -> _Floats:
    """Share of the cut-off that relevant hits fill, however few hits there are (`P`)."""
    return _count(graded.relevant_hits(cutoff)) / cutoff


def _recall(graded: Graded, cutoff: int, _: object) -> _Floats:
    """Share of the query's relevant products that are among the first hits (`recall`)."""
    return _ratio(_count(graded.relevant_hits(cutoff)), graded.relevant)


def _success(graded: Graded, cutoff: int, _: object) -> _Floats:
    """1 where a relevant product is among the first hits (`success`)."""
    return np.where(graded.relevant_hits(cutoff).any(axis=1), 1.0, 0.0)


def _expected_reciprocal_rank(graded: Graded, cutoff: int, _: object) -> _Floats:
    """Expected 1 / rank at which a user stops who is satisfied by a hit with (2^grade - 1) / 2^highest.

    O. Chapelle, D. Metzler, Y. Zhang and P. Grinspan, "Expected reciprocal rank for graded relevance", CIKM 2009. The
    highest grade is that of the data set's judgments.
    """
    satisfied = _exponential(graded.grades[:, :cutoff], np.array([graded.highest]))
    added, going_on = np.zeros(len(satisfied)), np.ones(len(satisfied))
    for rank in range(satisfied.shape[1]):
        added += going_on * satisfied[:, rank] / (rank + 1)
        going_on *= 1 - satisfied[:, rank]
    return added


def _rank_biased_precision(graded: Graded, cutoff: int, persistence: float) -> _Floats:
    """(1 - p) times the sum of p^(rank - 1) over the relevant hits; what is behind the cut-off counts as irrelevant.

    A. Moffat and J. Zobel, "Rank-biased precision for measurement of retrieval effectiveness", ACM TOIS 27, 2008.
    """
    relevant = graded.relevant_hits(cutoff)
    weights = (1 - persistence) * np.power(persistence, np.arange(relevant.shape[1]))
    return _added_by_rank(np.where(relevant, weights, 0.0))


def _judged(graded: Graded, cutoff: int, _: object) -> _Floats:
    """Share of the first hits that are judged; fewer hits than the cut-off are divided by their number.

    That is ir_measures' rule (trec_eval has no such measure).
    """
    return _ratio(_count(graded.grades[:, :cutoff] != UNJUDGED), np.minimum(graded.hits, cutoff))


def _empty(graded: Graded, _: int, __: object) -> _Floats:
    """1 where there is no hit: the mean is the zero-result rate."""
    return np.where(graded.hits == 0, 1.0, 0.0)


@dataclass(frozen=True)
class _Kind:
    """A kind of metric.

    Attributes:
        score: values of the queries at a cut-off, with the parameter; None where a baseline is needed for it.
        example: as it is written.
        has_cutoff: whether it looks at the first hits alone.
        lower_is_better: whether less is better.
        parameter: its name, "" where there is none.
        default: of the parameter.
        choices: what the parameter may be; empty: a number above 0 and below 1.
    """

    score: Callable[[Graded, int, Any], _Floats] | None
    example: str
    has_cutoff: bool = True
    lower_is_better: bool = False
    parameter: str = ""
    default: str | float | None = None
    choices: tuple[str, ...] = ()

    def allows(self, value: object) -> bool:
        if not self.parameter or self.choices:
            return value in (self.choices or (None,))
        return isinstance(value, float) and 0 < value < 1


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "RR": _Kind(_reciprocal_rank, "RR@10"),
        "AP": _Kind(_average_precision, "AP@10"),
        "nDCG": _Kind(_ndcg, "nDCG@10", parameter="dcg", default="log2", choices=("log2", "exp-log2")),
        "P": _Kind(_precision, "P@5"),
        "R": _Kind(_recall, "R@100"),
        "ERR": _Kind(_expected_reciprocal_rank, "ERR@10"),
        "Success": _Kind(_success, "Success@1"),
        "RBP": _Kind(_rank_biased_precision, "RBP(p=0.8)@10", parameter="p", default=0.8),
        "Judged": _Kind(_judged, "Judged@10"),
        "Empty": _Kind(_empty, "Empty", has_cutoff=False, lower_is_better=True),
        "RBO": _Kind(None, "RBO(p=0.9)@10", parameter="p", default=0.9),
    }
)
"""The one place where a kind of metric is added."""

_DEFAULT: Any = object()


@dataclass(frozen=True, init=False)
class Metric:
    """A metric: its kind, how many of the first hits it looks at, and its parameter.

    Attributes:
        kind: as ir_measures calls it, with `Empty` (share of queries without hits) and `RBO` (rank-biased overlap with
            the baseline's ranking) beside.
        cutoff: from 1 to `DEEPEST`; 1 for `Empty`, which takes none.
        parameter: `dcg` of nDCG (`log2` or `exp-log2`), `p` of RBP and RBO, else None.

    Raises:
        InputError: another kind, cut-off or parameter.
    """

    kind: str
    cutoff: int
    parameter: str | float | None

    def __init__(self, kind: str, cutoff: int = 1, parameter: str | float | None = _DEFAULT) -> None:
        own = _KINDS.get(kind)
        whole = isinstance(cutoff, int) and not isinstance(cutoff, bool)
        value = own.default if own and parameter is _DEFAULT else parameter
        fits = own is not None and whole and 1 <= cutoff <= (DEEPEST if own.has_cutoff else 1) and own.allows(value)
        if not fits:
            brackets = "" if parameter in (None, _DEFAULT) else f"({parameter!r})"
            raise _unknown(f"{kind}{brackets}@{cutoff}")
        for name, one in (("kind", kind), ("cutoff", cutoff), ("parameter", value)):
            object.__setattr__(self, name, one)

    def __str__(self) -> str:
        own = _KINDS[self.kind]
        said = own.parameter and (not own.choices or self.parameter != own.default)
        brackets = f"({own.parameter}={self.parameter!r})" if said else ""
        return f"{self.kind}{brackets}{f'@{self.cutoff}' if own.has_cutoff else ''}"

    @property
    def label(self) -> str:
        """The name in tables for people: that of `LABELS`, or else the metric as printed."""
        return next((label for label, metric in LABELS.items() if metric == self), str(self))

    @property
    def lower_is_better(self) -> bool:
        """Whether a lower value is the better one."""
        return _KINDS[self.kind].lower_is_better

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares rankings with a baseline's, so that `overlap` gives it and `score` does not."""
        return _KINDS[self.kind].score is None

    @property
    def judges(self) -> bool:
        """Whether it says how good a ranking is: whether it can be gated and have a floor."""
        return self.kind not in ("Judged", "RBO")

    def score(self, graded: Graded) -> _Floats:
        """Score queries: shape (queries,), from 0 to 1.

        Raises:
            ValueError: the metric needs a baseline.
        """
        score = _KINDS[self.kind].score
        if score is None:
            raise ValueError(f"{self} compares rankings with a baseline's")
        return score(graded, self.cutoff, self.parameter)


def _unknown(text: str) -> InputError:
    examples = ", ".join([*(kind.example for kind in _KINDS.values()), "nDCG(dcg='exp-log2')@10"])
    return InputError(f"unknown metric {text!r}; allowed: {examples}, with cut-offs from 1 to {DEEPEST:,}")


_WRITTEN = re.compile(
    r"([A-Za-z]+)(?:\(([a-z]+)=(?:'([^']*)'|\"([^\"]*)\"|(0?\.[0-9]{1,15}))\))?(?:@([1-9][0-9]{0,3}))?"
)


def parse(text: str) -> Metric:
    """Read a metric as it is printed, as `nDCG@10`; a parameter that is left out is the default.

    Raises:
        InputError: not a metric.
    """
    match = _WRITTEN.fullmatch(text)
    own = _KINDS.get(match[1]) if match else None
    if match is None or own is None or own.has_cutoff != bool(match[6]) or match[2] not in (None, own.parameter):
        raise _unknown(text)
    quoted = match[3] if match[3] is not None else match[4]
    parameter = own.default if match[2] is None else quoted if quoted is not None else float(match[5])
    try:
        return Metric(match[1], int(match[6] or 1), parameter)
    except InputError:
        raise _unknown(text) from None


RR10 = Metric("RR", 10)
AP10 = Metric("AP", 10)
NDCG10 = Metric("nDCG", 10)
JUDGED10 = Metric("Judged", 10)

METRICS = (RR10, AP10, NDCG10, JUDGED10)
"""The metrics that are reported where the configuration names no others, in the order of tables."""

LABELS: Mapping[str, Metric] = MappingProxyType({"MRR": RR10, "MAP": AP10, "NDCG": NDCG10, "Judged": JUDGED10})
"""Names for people; a mean over queries is what they name."""


def named(text: str) -> Metric:
    """The metric of a name for people (`NDCG`), or of what is printed (`nDCG@10`).

    Raises:
        InputError: not a metric.
    """
    return LABELS[text] if text in LABELS else parse(text)


def overlap(before: Sequence[Sequence[str]], after: Sequence[Sequence[str]], metric: Metric) -> _Floats:
    """How alike two rankings of each query are, from 0 (nothing in common) to 1 (the same): `RBO(p=0.9)@10`.

    The extrapolated rank-biased overlap, RBO_EXT for lists of other lengths too: W. Webber, A. Moffat and J. Zobel, "A
    similarity measure for indefinite rankings", ACM TOIS 28, 2010, equation 32. Two lists without hits are the same.

    Args:
        before: product ids of each query, best first, each once; those behind the cut-off are not looked at.
        after: likewise, of the same queries.
        metric: of the kind RBO.

    Returns:
        Shape (queries,).
    """
    depth, persistence = metric.cutoff, float(metric.parameter or 0)
    pairs = zip(before, after, strict=True)
    return np.array([_overlap(old[:depth], new[:depth], persistence) for old, new in pairs], dtype=np.float64)


def _overlap(one: Sequence[str], other: Sequence[str], persistence: float) -> float:
    if one == other:
        return 1.0
    shorter, longer = sorted((one, other), key=len)
    short, long = len(shorter), len(longer)
    if not short:
        return 0.0
    seen: set[str] = set()
    common, in_short, total = 0, 0, 0.0
    for depth in range(1, long + 1):
        for product in {longer[depth - 1], *shorter[depth - 1 : depth]}:
            common += product in seen or (depth <= short and longer[depth - 1] == shorter[depth - 1])
            seen.add(product)
        in_short = common if depth <= short else in_short
        extrapolated = in_short * (depth - short) / short if depth > short else 0.0
        total += (common + extrapolated) / depth * persistence**depth
    rest = ((common - in_short) / long + in_short / short) * persistence**long
    return min((1 - persistence) / persistence * total + rest, 1.0)  # a rounding may lead above 1


# rankings and judgments become what metrics see


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one ranking.

    Attributes:
        queries: shape (judged queries,), codes of the queries with a judgment, ascending.
        per_query: for each metric its value for each of `queries`, float64.
        without_hits: codes of the judged queries that have no hit; every metric of theirs but `Empty` is 0.
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
        metrics: what is computed; none that needs a baseline.
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
    ideal, highest = _ideal(judgments, starts, ranks), float(judgments.grades.max())
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
            highest=highest,
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


def condensed(ranking: Ranking, judgments: Judgments, *, n_products: int) -> Ranking:
    """Leave out the hits that nobody judged; those behind them move up.

    T. Sakai, "Alternatives to Bpref", SIGIR 2007. What then comes first depends on how deep the ranking is.
    """
    judged = judgments.queries * n_products + judgments.products  # ascending
    rows = np.arange(len(ranking.codes), dtype=np.int64) * n_products
    kept = _grades_of(ranking.codes, rows, judged, judgments.grades) != UNJUDGED
    order = np.argsort(~kept, axis=1, kind="stable")
    there = np.take_along_axis(kept, order, axis=1)
    codes = np.where(there, np.take_along_axis(ranking.codes, order, axis=1), NO_HIT)
    return Ranking(codes, np.where(there, np.take_along_axis(ranking.scores, order, axis=1), -np.inf))


def score_hits(
    metrics: Sequence[Metric],
    hits: Sequence[Sequence[str]],
    grades: Sequence[Mapping[str, float]],
    *,
    relevant_from: float,
    highest: float,
) -> dict[Metric, _Floats]:
    """Score rankings of product ids as `evaluate` does those of codes.

    Args:
        metrics: what is computed; none that needs a baseline.
        hits: product ids of each query, best first.
        grades: of each query, by product id.
        relevant_from: the lowest grade that counts as relevant.
        highest: the highest grade of the data set, whatever the grades of these queries are.

    Returns:
        Of each metric its values, shape (queries,).
    """
    deepest = max(1, *map(len, hits), *map(len, grades))
    ranks = min(max((metric.cutoff for metric in metrics), default=1), deepest)
    # a copy of a long list takes as long as looking it up
    firsts = [products if len(products) <= ranks else products[:ranks] for products in hits]
    lengths = np.fromiter(map(len, firsts), np.int64, len(firsts))
    looked_up = (map(judged.get, first, repeat(UNJUDGED)) for first, judged in zip(firsts, grades, strict=True))
    found = chain.from_iterable(looked_up)
    hit_grades = np.full((len(hits), ranks), UNJUDGED, dtype=np.float64)
    hit_grades[np.arange(ranks) < lengths[:, np.newaxis]] = np.fromiter(found, np.float64, int(lengths.sum()))
    counts = np.fromiter(map(len, grades), np.int64, len(grades))
    values = np.fromiter(chain.from_iterable(judged.values() for judged in grades), np.float64, int(counts.sum()))
    rows = np.repeat(np.arange(len(grades)), counts)
    order = np.lexsort((-values, rows))
    columns = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = columns < ranks
    ideal = np.zeros((len(hits), ranks), dtype=np.float64)
    ideal[rows[first], columns[first]] = values[order][first]
    graded = Graded(
        grades=hit_grades,
        ideal=ideal,
        relevant=np.bincount(rows[values >= relevant_from], minlength=len(grades)).astype(np.int64),
        hits=lengths,
        relevant_from=relevant_from,
        highest=highest,
    )
    return {metric: metric.score(graded) for metric in metrics}


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
