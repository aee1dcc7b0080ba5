"""Hits that nobody judged: which of them decide a comparison, in which order to judge them, and what follows from some.

A hole is a hit of either side without a judgment. Counted as irrelevant, as metrics count it, holes make nearly every
better change a loss where judgments came from what the baseline shows. No guess without judgments tells better from
worse: what does is how good the new hits are. So a random sample of them is judged, the range in which their share of
relevant ones lies is taken from it, and the comparison is made at both ends of the range: the same answer twice is the
answer, whatever the others are.

The parts are known: the order is priority sampling (N. Duffield, C. Lund and M. Thorup, "Priority
sampling for estimation of arbitrary subset sums", JACM 54, 2007), whose first rows are a probability sample however
many are judged; the shares are ratio estimates in two post-strata; the grades of the rest are imputed many times
(D. B. Rubin, "Multiple Imputation for Nonresponse in Surveys", 1987), with one systematic sample of draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from operator import mul
from typing import TYPE_CHECKING

import numpy as np

from relevance.datasets.asked import Row
from relevance.evaluation import UNJUDGED, Graded
from relevance.records import HITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.datasets.asked import Cell
    from relevance.evaluation import Metric

    _Floats = npt.NDArray[np.float64]
    _Ints = npt.NDArray[np.int64]
    _Bools = npt.NDArray[np.bool_]

DEPTH = HITS
"""How many of the first hits of a side are looked at."""

LEAST_JUDGED = 50
"""So many judged rows are needed for a share: intervals of fewer are too short."""

_LOOKS = (50, 100, 150, 200, 300, 400, 600, 800)
_LOOKS_GROW = 4 / 3
_DRAWS = 16
_LEAST_IDEAL = 0.5
"""A query with next to nothing relevant would come first with every hit."""
_LEAST_NUMBER = 1e-12
_OF_A_CELL = 10
"""A cell with fewer judged rows takes the share of all."""
_Z_LOSS, _Z_NO_LOSS = 1.28, 2.58
"""Standard errors at either end: what passes is to be surer than what fails, since the spread of the draws makes that
end careful as it is. With 1.645 at both, one loss of seven passed."""
_Z_SHOWN = 1.96
ADVICE = 0.4
"""New hits are hardly ever relevant less often than that times what was judged of their query."""
_SHRINKS_BY = 5.0
"""A query's own share counts as much as the overall one where so many of its products were judged."""
_NOT_PLAYED = frozenset({"Judged", "RBO"})


@dataclass(frozen=True, eq=False)
class Ranked:
    """Both sides of one strategy, of the queries that are compared.

    Attributes:
        queries: their ids.
        before: of each query the products that the baseline finds, best first; the first `DEPTH` count.
        after: likewise, of this session.
        grades: of each query the grades that are known, by product.
        relevant_from: the lowest grade that is relevant.
    """

    queries: tuple[str, ...]
    before: Sequence[Sequence[str]]
    after: Sequence[Sequence[str]]
    grades: Sequence[Mapping[str, float]]
    relevant_from: float


@dataclass(frozen=True, eq=False)
class Shares:
    """What is assumed of the holes.

    Attributes:
        relevant: shape (holes,), how likely each is relevant.
        grade: shape (holes,), its grade where it is.
    """

    relevant: _Floats
    grade: _Floats


@dataclass(frozen=True, eq=False)
class Played:
    """A metric where grades are drawn for the holes, of all queries; shapes (queries,).

    Attributes:
        before: mean over the draws.
        after: likewise.
        difference: after - before; exactly 0 where both sides have the same hits.
        variance: of the query's difference over the draws.
    """

    before: _Floats
    after: _Floats
    difference: _Floats
    variance: _Floats


@dataclass(frozen=True)
class Share:
    """The share of relevant ones among the holes of a cell (or of both), from those judged, with its 95% interval."""

    judged: int
    relevant: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Estimate:
    """What the judged rows say of the others.

    Attributes:
        against_loss: the end that is best for the new side: what is a loss here is one.
        against_no_loss: the end that is worst for it: what is no loss here is none.
        middle: the shares themselves.
        all: over both cells.
        cells: by cell.
    """

    against_loss: Shares
    against_no_loss: Shares
    middle: Shares
    all: Share
    cells: Mapping[Cell, Share]


def plays(metric: Metric) -> bool:
    """Whether grades can be drawn for a metric: it looks no deeper than the lists, and at grades alone."""
    return metric.cutoff <= DEPTH and metric.kind not in _NOT_PLAYED


def find_holes(ranked: Ranked, order: Sequence[Row] | None = None) -> Holes:
    """Find the hits without a judgment, and what the judged ones of the order say of them.

    Args:
        ranked: both sides, and what is known by now.
        order: the rows of this comparison when it was first made, where it was made before: the order depends on what
            was judged then, and the rows judged since are a sample of the others in that order alone.
    """
    return Holes(ranked, order)


def _number(salt: int, query: str, product: str) -> float:
    digest = sha256(f"{salt}\0{query}\0{product}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


_DISCOUNTS = (0.0, *(1 / math.log2(rank + 1) for rank in range(1, DEPTH + 1)))
"""By rank; 0 stands for no rank."""


class _Query:
    """A query: ranks on both sides, what is known, and its holes in the order of the ids.

    A query whose sides agree has none: nothing changes, whatever its hits are.
    """

    def __init__(self, before: Sequence[str], after: Sequence[str], grades: Mapping[str, float]) -> None:
        self._sides = before, after
        self.grades = grades
        self.holes = [] if list(before) == list(after) else sorted({*before, *after} - grades.keys())

    @cached_property
    def ranks(self) -> list[dict[str, int]]:
        return [dict(zip(side, range(1, DEPTH + 1), strict=False)) for side in self._sides]

    @cached_property
    def known(self) -> list[float]:
        return sorted(self.grades.values(), reverse=True)

    def gain(self, product: str) -> float:
        """How much more the new side's rank of a product counts than the baseline's."""
        before, after = self.ranks
        return _DISCOUNTS[after.get(product, 0)] - _DISCOUNTS[before.get(product, 0)]

    def ideal(self, expected: float) -> float:
        """DCG of the ideal ranking, were every hole of the expected grade; at least `_LEAST_IDEAL`."""
        best = sorted([*self.known[:DEPTH], *[expected] * len(self.holes)], reverse=True)[:DEPTH]
        gain: float = sum(map(mul, best, _DISCOUNTS[1:]))
        return max(gain, _LEAST_IDEAL)


class Holes:
    """The hits of both sides that nobody judged, of queries whose sides differ.

    Attributes:
        count: how many could move the difference and are not judged; 0: there is nothing to assume.
        judged: how many rows at the head of the order are judged by now, without a gap.
        rows: the order of judging, as it was when the comparison was first made.
    """

    def __init__(self, ranked: Ranked, order: Sequence[Row] | None) -> None:
        self._ranked = ranked
        self._relevant_from = ranked.relevant_from
        grades = [grade for known in ranked.grades for grade in known.values()]
        relevant = [grade for grade in grades if grade >= ranked.relevant_from]
        self._best = max([*grades, ranked.relevant_from])
        self._share = len(relevant) / len(grades) if grades else 0.0
        self._grade = math.fsum(relevant) / len(relevant) if relevant else ranked.relevant_from
        self._all = [
            _Query(before[:DEPTH], after[:DEPTH], known)
            for before, after, known in zip(ranked.before, ranked.after, ranked.grades, strict=True)
        ]
        self._queries = {at: query for at, query in enumerate(self._all) if query.holes}
        self._holes = [
            (at, product, query.gain(product)) for at, query in self._queries.items() for product in query.holes
        ]
        self._query = np.array([at for at, _, _ in self._holes], dtype=np.int64)
        self._helps = np.array([gain >= 0 for _, _, gain in self._holes], dtype=bool)
        self._drawn = np.array([_number(2, ranked.queries[at], product) for at, product, _ in self._holes])
        self.rows = self._ordered(order or ())
        known_now = dict(zip(ranked.queries, ranked.grades, strict=True))
        self._given = [known_now.get(row.query, {}).get(row.product) for row in self.rows]
        self.judged = next((at for at, grade in enumerate(self._given) if grade is None), len(self.rows))
        self.count = sum(1 for _, _, gain in self._holes if gain)

    def _ordered(self, order: Sequence[Row]) -> tuple[Row, ...]:
        """The order as it was, and behind it the holes that it lacks (a judgment was taken back)."""
        there = {(row.query, row.product) for row in order}
        ideal = {at: query.ideal(self._share * self._grade) for at, query in self._queries.items()}
        more = []
        for at, product, gain in self._holes:
            query = self._ranked.queries[at]
            if gain and (query, product) not in there:
                before, after = (ranks.get(product) for ranks in self._queries[at].ranks)
                u = max(_number(1, query, product), _LEAST_NUMBER)
                w = abs(gain) / ideal[at]
                more.append(Row(query, product, "A" if gain > 0 else "B", w, u, before, after))
        more.sort(key=lambda row: (-row.w / row.u, row.query, row.product))
        return (*order, *more)

    @property
    def to_judge(self) -> tuple[Row, ...]:
        """The rows that are not judged by now, in order."""
        return tuple(row for row, grade in zip(self.rows, self._given, strict=True) if grade is None)

    @property
    def next_look(self) -> int:
        """How many rows have to be judged before it is worth while to compare again; all of them at most."""
        look = float(next((one for one in _LOOKS if one > self.judged), _LOOKS[-1]))
        while math.floor(look) <= self.judged:
            look *= _LOOKS_GROW
        return min(math.floor(look), len(self.rows))

    # what is assumed of them

    def _by_cell(self, share: Mapping[Cell, float], grade: Mapping[Cell, float]) -> Shares:
        return Shares(
            np.where(self._helps, share["A"], share["B"]).clip(0, 1), np.where(self._helps, grade["A"], grade["B"])
        )

    def bounds(self) -> tuple[Shares, Shares]:
        """What would be best for the new side, and worst: all that helps it of the best grade, the rest irrelevant."""
        best: Mapping[Cell, float] = {"A": self._best, "B": self._best}
        return self._by_cell({"A": 1, "B": 0}, best), self._by_cell({"A": 0, "B": 1}, best)

    def advice(self) -> Shares:
        """Shares without any judged row, at the worst that new hits may well be.

        New hits of a query are taken to be relevant 0.4 times as often as its judged products, and hits of the baseline
        that nobody has judged as often as those. In the study by which that was chosen one change in twenty brought
        worse ones: it is advice, not an answer.
        """
        counts = np.array([len(query.known) for query in self._queries.values()])
        relevant = np.array(
            [sum(grade >= self._relevant_from for grade in query.known) for query in self._queries.values()]
        )
        own = (relevant + _SHRINKS_BY * self._share) / (counts + _SHRINKS_BY)
        expected = own[np.searchsorted(np.fromiter(self._queries, np.int64), self._query)]
        return Shares(expected * np.where(self._helps, ADVICE, 1), np.full(len(expected), self._grade))

    def estimate(self) -> Estimate | None:
        """Estimate the shares of relevant ones from the judged head of the order; None where it is too short."""
        if self.judged < LEAST_JUDGED or self.judged == len(self.rows):
            return None
        head, rest = self.rows[: self.judged], self.rows[self.judged :]
        grades = np.array([grade for grade in self._given[: self.judged] if grade is not None], dtype=np.float64)
        w = np.array([row.w for row in head])
        threshold = rest[0].w / rest[0].u
        chance = np.minimum(1, w / threshold)
        k = w / chance * (1 - chance)
        of_cell: dict[Cell, _Bools] = {cell: np.array([row.cell == cell for row in head]) for cell in ("A", "B")}
        everywhere = self._ratio(k, grades)
        ratios: dict[Cell, _Ratio] = {}
        for cell, own in of_cell.items():
            ratios[cell] = self._ratio(k[own], grades[own]) if own.sum() >= _OF_A_CELL else everywhere
        # both cells are rarely at their ends together
        still_open = {cell: math.fsum(row.w for row in rest if row.cell == cell) for cell in of_cell}
        reach = [ratios[cell].grade_error * still_open[cell] for cell in of_cell]
        together = math.hypot(*reach) / math.fsum(reach) if any(reach) else 1.0
        grade = {cell: ratio.grade for cell, ratio in ratios.items()}

        def end(z: float) -> Shares:
            moved: dict[Cell, float] = {
                cell: ratio.share + sign * together * ratio.reach(z)
                for (cell, ratio), sign in zip(ratios.items(), (1, -1), strict=True)
            }
            return self._by_cell(moved, grade)

        return Estimate(
            end(_Z_LOSS),
            end(-_Z_NO_LOSS),
            end(0),
            everywhere.shown(),
            {cell: ratio.shown() for cell, ratio in ratios.items()},
        )

    def _ratio(self, k: _Floats, grades: _Floats) -> _Ratio:
        if not k.any():  # all were sure to be drawn
            k = np.ones(len(k))
        total, relevant = k.sum(), (grades >= self._relevant_from).astype(np.float64)
        correction = math.sqrt(len(k) / max(len(k) - 1, 1))
        share, mean = (float((k * values).sum() / total) for values in (relevant, grades))
        errors = [
            float(np.sqrt((k**2 * (values - middle) ** 2).sum()) / total * correction)
            for values, middle in ((relevant, share), (grades, mean))
        ]
        grade = min(max(mean / share, self._relevant_from), self._best) if share else self._grade
        return _Ratio(len(k), share, errors[0], grade, errors[1], float(total**2 / (k**2).sum()))

    def words(self, *, settled: bool) -> str:
        """Say for people what was judged, and what is to be done where that does not settle it."""
        new = f"{len(self.rows):,} hits that differ were not judged"
        estimate, rest = self.estimate(), "whichever of the others are relevant"
        if estimate is not None:
            rest = "at both ends of that"
            good = estimate.all
            share = f"{good.relevant:.0%} relevant, {good.low:.0%} to {good.high:.0%} of all"
            new = f"of {len(self.rows):,} hits that differ and were not judged, {self.judged:,} are by now: {share}"
        elif self.judged:
            new += f", {self.judged} are by now"
        if settled:
            return f"{new}; the answer is the same {rest}"
        return f"{new}; the next {self.next_look - self.judged} would tell more"

    # drawing grades

    def play(self, shares: Shares, metrics: Iterable[Metric]) -> Mapping[Metric, Played]:
        """Give metrics of both sides, with grades drawn for the holes as `shares` say.

        In 16 draws a hole is relevant as often as its share says, evenly spread over the draws. What is ideal, and how
        many products are relevant, follow from each draw: of mean grades the ideal would be far too small.

        Args:
            shares: of `bounds`, `advice` or `estimate`.
            metrics: those that `plays` allows.
        """
        metrics = list(metrics)
        lists = self._lists
        static = lists.as_they_are(metrics).copy()
        draws = 1 if np.isin(shares.relevant, (0, 1)).all() else _DRAWS
        drawn = np.zeros((len(metrics), 2, draws, len(lists.at)))
        for draw in range(draws if len(lists.at) else 0):
            relevant = np.mod(self._drawn + draw / _DRAWS, 1) < shares.relevant
            drawn[:, :, draw] = lists.scored(metrics, np.where(relevant, shares.grade, 0.0))
        played = {}
        for metric, sides, (before, after) in zip(metrics, drawn, static, strict=True):
            difference, variance = after - before, np.zeros(len(before))
            before[lists.at], after[lists.at] = sides.mean(axis=1)
            moved = sides[1] - sides[0]
            difference[lists.at], variance[lists.at] = moved.mean(axis=0), moved.var(axis=0)
            played[metric] = Played(before, after, difference, variance)
        return played

    @cached_property
    def _lists(self) -> _Lists:
        return _Lists(self._all, self._ranked, self._best)


@dataclass(frozen=True)
class _Ratio:
    """Estimates of one cell: the share of relevant ones, its error, their grade, and the error of the mean grade.

    `effective`: so many rows of one size would tell as much.
    """

    judged: int
    share: float
    error: float
    grade: float
    grade_error: float
    effective: float

    def reach(self, z: float) -> float:
        """How far the share may be off, `z` standard errors (below 0: as far below).

        Where all rows are relevant, or none is, they have no spread, but the next may be otherwise: there it is the
        score interval's (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
        22, 1927).
        """
        return z * self.error if self.error else math.copysign(z**2 / (self.effective + z**2), z)

    def shown(self) -> Share:
        reach = self.reach(_Z_SHOWN)
        return Share(self.judged, self.share, max(self.share - reach, 0.0), min(self.share + reach, 1.0))


class _Lists:
    """Both sides as arrays of grades, and where in them the holes stand.

    Attributes:
        at: shape (queries with holes,), which of the queries they are.
    """

    def __init__(self, queries: Sequence[_Query], ranked: Ranked, best: float) -> None:
        self._relevant_from, self._best = ranked.relevant_from, best
        self._static: dict[tuple[Metric, ...], _Floats] = {}
        self._grades = np.full((2, len(queries), DEPTH), UNJUDGED, dtype=np.float64)
        self._ideal = np.zeros((len(queries), DEPTH))
        self._hits = np.array([[len(query.ranks[side]) for query in queries] for side in (0, 1)], dtype=np.int64)
        self._relevant = np.array(
            [sum(grade >= ranked.relevant_from for grade in query.known) for query in queries], dtype=np.int64
        )
        self.at = np.array([at for at, query in enumerate(queries) if query.holes], dtype=np.int64)
        widest = max((len(query.holes) for query in queries), default=0)
        # -1 is the place behind the last hole, whose grade is always 0
        self._hole_of_rank = np.full((2, len(self.at), DEPTH), -1, dtype=np.int64)
        self._holes = np.full((len(self.at), widest), -1, dtype=np.int64)
        first = row = 0
        for at, query in enumerate(queries):
            self._ideal[at, : len(query.known)] = query.known[:DEPTH]
            for side, ranks in enumerate(query.ranks):
                known = [query.grades.get(product, UNJUDGED) for product in ranks]
                self._grades[side, at, : len(known)] = known
            if query.holes:
                number = {product: first + each for each, product in enumerate(query.holes)}
                for side, ranks in enumerate(query.ranks):
                    self._hole_of_rank[side, row, : len(ranks)] = [number.get(product, -1) for product in ranks]
                self._holes[row, : len(number)] = list(number.values())
                first, row = first + len(number), row + 1

    def as_they_are(self, metrics: Sequence[Metric]) -> _Floats:
        """Score both sides of all queries, holes as irrelevant, once for the same metrics; shape as of `scored`."""
        key = tuple(metrics)
        if key not in self._static:
            self._static[key] = self.scored(key)
        return self._static[key]

    def scored(self, metrics: Sequence[Metric], drawn: _Floats | None = None) -> _Floats:
        """Score both sides, shape (metrics, 2, queries).

        Of the queries with holes where `drawn` says of each hole its grade, shape (holes,); else of all, as they are.
        """
        if drawn is None:
            grades, ideal, relevant, hits = self._grades, self._ideal, self._relevant, self._hits
        else:
            padded = np.append(drawn, 0.0)
            grades = np.where(self._hole_of_rank >= 0, padded[self._hole_of_rank], self._grades[:, self.at])
            holes = padded[self._holes]
            ideal = -np.sort(-np.hstack([self._ideal[self.at], holes]), axis=1)[:, :DEPTH]
            relevant = self._relevant[self.at] + np.count_nonzero(holes >= self._relevant_from, axis=1)
            hits = self._hits[:, self.at]
        graded = Graded(
            grades=grades.reshape(-1, DEPTH),
            ideal=np.tile(ideal, (2, 1)),
            relevant=np.tile(relevant, 2),
            hits=hits.reshape(-1),
            relevant_from=self._relevant_from,
            highest=self._best,
        )
        scores = np.empty((len(metrics), *hits.shape))
        for values, metric in zip(scores, metrics, strict=True):
            values[:] = metric.score(graded).reshape(hits.shape)
        return scores
