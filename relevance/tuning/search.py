"""Tries a grid on some of the queries and compares the best boosts with today's on the others; no text is in both."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from relevance import runner
from relevance.errors import InputError
from relevance.evaluation import AP10, NDCG10, RR10, evaluate_all
from relevance.records import Judgments
from relevance.significance import Interval, paired_interval
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import Engine, QueryBatch
    from relevance.evaluation import Evaluation, Metric
    from relevance.records import Dataset
    from relevance.strategies import Strategy
    from relevance.tuning.grid import Combination, Grid

    _Codes = npt.NDArray[np.int64]

SHARE, SEED = 0.5, 12
FEWEST = 10
"""Queries that each side needs."""

_BYTES = 8


@dataclass(frozen=True, eq=False)
class Split:
    """The judged queries, on two sides.

    Attributes:
        tuning: codes of the queries that boosts are chosen on, ascending.
        held_out: codes of those that they are reported on, ascending.
        share: of the queries that the first side gets, on average.
        seed: of the hash.
    """

    tuning: _Codes
    held_out: _Codes
    share: float
    seed: int


def split_queries(dataset: Dataset, *, share: float = SHARE, seed: int = SEED) -> Split:
    """Split the judged queries by a hash of their text.

    The side of a query depends on its text and the seed alone, so it stays when other queries come or go; texts that
    differ in case, white space or Unicode form alone are on one side.

    Raises:
        InputError: a share that is not between 0 and 1, a seed below 0, or fewer than `FEWEST` queries on a side.
    """
    if not 0 < share < 1:
        raise InputError(f"--share {share:g}; allowed: between 0 and 1")
    if seed < 0:
        raise InputError(f"--seed {seed}; allowed: a whole number of 0 or more")
    judged = dataset.judgments.judged_queries
    places = np.array([_place(dataset.queries.texts[code], seed) for code in judged])
    if len(judged) < 2 * FEWEST:
        have = f"data set {dataset.name!r} has {plural(len(judged), 'judged query')}"
        why = f"{FEWEST} to choose boosts on and {FEWEST} to judge them by"
        raise InputError(f"{have}; a tuning needs {2 * FEWEST} or more, {why}; allowed: more judgments")
    split = Split(judged[places < share], judged[places >= share], share, seed)
    for side, codes in (("tuning", split.tuning), ("held-out", split.held_out)):
        if len(codes) < FEWEST:
            raise InputError(
                f"the {side} split has {len(codes)} of {len(judged)} judged queries (--share {share:g}); "
                f"allowed: {FEWEST} or more on each side, by another --share or --seed"
            )
    return split


def _place(text: str, seed: int) -> float:
    """From 0 up to 1, evenly spread over texts."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    digest = sha256(f"{seed}\0{folded}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big") / (1 << 8 * _BYTES)


METRICS = (RR10, AP10, NDCG10)
_EQUAL = 1e-9
"""Means of the same numbers in another order differ by less."""

_STRATEGIES_AT_ONCE = 64


@dataclass(frozen=True)
class Outcome:
    """What a combination reached on the tuning split.

    Attributes:
        boosts: of the grid's fields.
        means: by metric.
        same_as: the first combination of the grid that differs by a factor of all boosts, which ranks alike; itself
            where it is the first.
    """

    boosts: Combination
    means: Mapping[Metric, float]
    same_as: Combination


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was tried and what it is worth.

    Attributes:
        grid: what was tried.
        split: which queries it was tried on.
        outcomes: of each combination, in the grid's order.
        winner: the best of them.
        equals: the other combinations that reach its nDCG.
        idle: fields whose boost changed no mean.
        today: means of today's boosts on the tuning split.
        todays: the combination that is today's boosts, up to a factor; None where the grid has none.
        held_out: nDCG of each held-out query with today's boosts and with the winner's, shape (2, queries).
        interval: of the difference between the two.
        seconds: to rank by all combinations and to evaluate them.
    """

    grid: Grid
    split: Split
    outcomes: Sequence[Outcome]
    winner: Outcome
    equals: Sequence[Outcome]
    idle: Sequence[str]
    today: Mapping[Metric, float]
    todays: Outcome | None
    held_out: npt.NDArray[np.float64]
    interval: Interval
    seconds: float

    @property
    def keeps_today(self) -> bool:
        """Whether the winner is today's boosts, up to a factor."""
        return self.todays is not None and self.todays.same_as == self.winner.same_as


def tune(engine: Engine, batch: QueryBatch, dataset: Dataset, grid: Grid, split: Split) -> Tuning:
    """Try all combinations; those that differ by a common factor are tried once.

    The winner has the highest mean nDCG@10 on the tuning split. Of several, it is the one nearest to today's boosts
    (see `Grid.distance`), of these the first of the grid.

    Args:
        engine: holds the data set's products, indexed for today's strategy.
        batch: all queries of the data set.
        dataset: queries, products and judgments.
        grid: what is tried.
        split: which queries it is tried on.

    Raises:
        CouldNotRunError: the engine failed.
    """
    start = perf_counter()
    combinations = grid.combinations
    rays = [grid.ray(combination) for combination in combinations]
    first: dict[Combination, Combination] = {}
    for ray, combination in zip(rays, combinations, strict=True):
        first.setdefault(ray, combination)
    strategies = [grid.today, *(grid.strategies[one] for one in first.values())]
    today, *others = _means(engine, batch, dataset, split.tuning, strategies)
    means = dict(zip(first, others, strict=True))
    outcomes = [Outcome(each, means[ray], first[ray]) for each, ray in zip(combinations, rays, strict=True)]
    seconds = perf_counter() - start
    highest = max(outcome.means[NDCG10] for outcome in outcomes)
    best = [outcome for outcome in outcomes if outcome.means[NDCG10] >= highest - _EQUAL]
    winner = min(best, key=lambda outcome: round(grid.distance(outcome.boosts), 9))
    # a field that is left out may have mattered: then no combination is today's boosts
    alike = [one for one in outcomes if one.same_as == first.get(grid.ray(grid.todays()))]
    same = [one for one in alike if abs(one.means[NDCG10] - today[NDCG10]) <= _EQUAL]
    pair = [grid.today, grid.strategies[winner.boosts]]
    held_out = np.stack([one.per_query[NDCG10] for one in _evaluated(engine, batch, dataset, split.held_out, pair)])
    return Tuning(
        grid=grid,
        split=split,
        outcomes=outcomes,
        winner=winner,
        equals=[outcome for outcome in best if outcome is not winner],
        idle=_idle(grid, outcomes),
        today=today,
        todays=min(same, key=lambda one: one.boosts != grid.todays(), default=None),
        held_out=held_out,
        interval=paired_interval(*held_out, seed=split.seed),
        seconds=seconds,
    )


def _means(
    engine: Engine, batch: QueryBatch, dataset: Dataset, codes: _Codes, strategies: Sequence[Strategy]
) -> list[Mapping[Metric, float]]:
    """By metric, of each strategy; few rankings are in memory at once."""
    means: list[Mapping[Metric, float]] = []
    for at in range(0, len(strategies), _STRATEGIES_AT_ONCE):
        some = _evaluated(engine, batch, dataset, codes, strategies[at : at + _STRATEGIES_AT_ONCE])
        means += [{metric: float(one.per_query[metric].mean()) for metric in METRICS} for one in some]
    return means


def _evaluated(
    engine: Engine, batch: QueryBatch, dataset: Dataset, codes: _Codes, strategies: Sequence[Strategy]
) -> list[Evaluation]:
    """Each strategy, on the queries of these codes."""
    rankings = runner.search_all(engine, strategies, batch[codes])
    places = np.full(len(dataset.queries), -1)
    places[codes] = np.arange(len(codes))
    judged = dataset.judgments
    rows = places[judged.queries]
    own = rows >= 0
    judgments = Judgments(rows[own], judged.products[own], judged.grades[own], relevant_from=judged.relevant_from)
    return evaluate_all(rankings, judgments, n_products=len(dataset.catalogue), metrics=METRICS)


def _idle(grid: Grid, outcomes: Sequence[Outcome]) -> list[str]:
    """Fields whose boost changes no mean, whatever the others' boosts are."""
    shape = [len(boosts) for boosts in grid.axes.values()]
    means = np.array([outcome.means[NDCG10] for outcome in outcomes]).reshape(shape)
    return [
        name for axis, name in enumerate(grid.fields) if shape[axis] > 1 and np.ptp(means, axis=axis).max() <= _EQUAL
    ]
