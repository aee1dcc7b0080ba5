"""Tries values on some of the queries and compares the best with today's on the others; no text is in both."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance import runner
from relevance.errors import InputError, StrategyError
from relevance.evaluation import AP10, NDCG10, RR10, evaluate_all
from relevance.records import Judgments
from relevance.significance import Interval, paired_interval
from relevance.text import plural
from relevance.tuning.tpe import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import Engine, QueryBatch
    from relevance.evaluation import Evaluation, Metric
    from relevance.records import Dataset
    from relevance.strategies import Strategy
    from relevance.tuning.space import Combination, Space

    _Codes = npt.NDArray[np.int64]
    Ask: TypeAlias = Callable[[Sequence[Strategy]], tuple[Engine, QueryBatch]]
    """Give an engine that can answer these strategies, and all queries of the data set for it."""

SHARE, SEED = 0.5, 12
FEWEST = 10
"""Queries that each side needs."""

_BYTES = 8


@dataclass(frozen=True, eq=False)
class Split:
    """The judged queries, on two sides.

    Attributes:
        tuning: codes of the queries that values are chosen on, ascending.
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
                f"allowed: {FEWEST} or more on each side, as with {_way_out(places, share)}"
            )
    return split


def _way_out(places: npt.NDArray[np.float64], share: float) -> str:
    """The share nearest to another one that gives both sides enough; another seed where none does."""
    above, up_to = np.sort(places)[[FEWEST - 1, -FEWEST]]
    for steps in (100, 100_000):
        shares = np.arange(1, steps) / steps
        fitting = shares[(shares > above) & (shares <= up_to)]
        if len(fitting):
            return f"--share {fitting[np.abs(fitting - share).argmin()]:g}"
    return "another --seed"


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
        combination: of the space's parameters.
        means: by metric.
        same_as: the first combination that was tried and differs by a factor of all boosts, which ranks alike; itself
            where it is the first.
    """

    combination: Combination
    means: Mapping[Metric, float]
    same_as: Combination


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was tried and what it is worth.

    Attributes:
        space: what could be tried.
        split: which queries it was tried on.
        trials: how often TPE chose what is tried next; 0 where all combinations were tried.
        outcomes: of each combination that was tried, in that order.
        winner: the best of them.
        equals: the other combinations that reach its nDCG.
        idle: parameters whose value changed no mean, where all combinations were tried.
        today: means of today's values on the tuning split.
        todays: the combination that is today's values, up to a factor of boosts; one of its own where these are not
            among what was tried; None where fields are left out that have mattered.
        held_out: nDCG of each held-out query with today's values and with the winner's, shape (2, queries).
        interval: of the difference between the two.
        seconds: to rank by all combinations and to evaluate them.
    """

    space: Space
    split: Split
    trials: int
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
    def ranked(self) -> Sequence[Outcome]:
        """The outcomes, with today's values in front of them where these are not among them."""
        if self.todays is None or self.todays in self.outcomes:
            return self.outcomes
        return [self.todays, *self.outcomes]

    @property
    def falls_short(self) -> bool:
        """Whether nothing that was tried reaches today's values."""
        return max(one.means[NDCG10] for one in self.outcomes) < self.today[NDCG10] - _EQUAL

    @property
    def keeps_today(self) -> bool:
        """Whether the winner is today's values, up to a factor of boosts."""
        return self.todays is not None and self.todays.same_as == self.winner.same_as


def tune(  # noqa: PLR0913 - the last two by name
    ask: Ask,
    dataset: Dataset,
    space: Space,
    split: Split,
    *,
    trials: int | None = None,
    done: Callable[[int], object] = lambda _: None,
) -> Tuning:
    """Try all combinations, or those that TPE suggests; those that differ by a common factor are tried once.

    The winner has the highest mean nDCG@10 on the tuning split; today's values take part. Of several, it is the one
    nearest to today's values (see `Space.distance`), of these the first that was tried.

    Args:
        ask: gives an engine that holds the data set's products.
        dataset: queries, products and judgments.
        space: what may be tried.
        split: which queries it is tried on.
        trials: how many combinations are tried at most (default: see `Space.trials`).
        done: is called with the number of combinations that were tried, now and then.

    Raises:
        CouldNotRunError: the engine failed.
        StrategyError: it refuses a search body.
    """
    start = perf_counter()
    tried = _Tried(ask, dataset, space, split.tuning, done)
    asked = space.trials(trials)
    if asked:
        suggest(space, tried.measure, trials=asked, seed=split.seed)
    else:
        tried.measure(space.combinations)
    outcomes, today = tried.outcomes(), tried.means[_TODAY]
    seconds = perf_counter() - start
    # a field that is left out may have mattered: then no combination is today's values
    alike = [one for one in outcomes if one.same_as == tried.first.get(space.alike(space.todays()))]
    same = [one for one in alike if abs(one.means[NDCG10] - today[NDCG10]) <= _EQUAL]
    beside = [Outcome(space.todays(), today, space.todays())] if not same and space.base == space.today else []
    highest = max(outcome.means[NDCG10] for outcome in (*beside, *outcomes))
    best = [outcome for outcome in (*beside, *outcomes) if outcome.means[NDCG10] >= highest - _EQUAL]
    winner = min(best, key=lambda outcome: round(space.distance(outcome.combination), 9))
    pair = [space.today, space.today if winner in beside else space.strategy(winner.combination)]
    held_out = np.stack([one.per_query[NDCG10] for one in _evaluated(ask, dataset, split.held_out, pair)])
    return Tuning(
        space=space,
        split=split,
        trials=asked,
        outcomes=outcomes,
        winner=winner,
        equals=[outcome for outcome in best if outcome is not winner],
        idle=[] if asked else _idle(space, outcomes),
        today=today,
        todays=min((*same, *beside), key=lambda one: one.combination != space.todays(), default=None),
        held_out=held_out,
        interval=paired_interval(*held_out, seed=split.seed),
        seconds=seconds,
    )


_TODAY = "today"


class _Tried:
    """What was tried; combinations that rank alike are asked once, today's values beside the first of them.

    Attributes:
        means: by metric, of what ranks alike (see `Space.alike`), and of `_TODAY`.
        first: the first combination of those that rank alike.
    """

    def __init__(self, ask: Ask, dataset: Dataset, space: Space, codes: _Codes, done: Callable[[int], object]) -> None:
        self._ask, self._dataset, self._space, self._codes, self._done = ask, dataset, space, codes, done
        self._alike: dict[Combination, Hashable] = {}
        self.means: dict[Hashable, Mapping[Metric, float]] = {}
        self.first: dict[Hashable, Combination] = {}

    def measure(self, combinations: Sequence[Combination]) -> list[float]:
        """Give the mean nDCG of each; few rankings are in memory at once."""
        keys = [self._space.alike(each) for each in combinations]
        for key, each in zip(keys, combinations, strict=True):
            self._alike.setdefault(each, key)
            self.first.setdefault(key, each)
        new: dict[Hashable, Strategy] = {} if self.means else {_TODAY: self._space.today}
        new |= {key: self._space.strategy(self.first[key]) for key in keys if key not in self.means}
        strategies = list(new.values())
        for at in range(0, len(strategies), _STRATEGIES_AT_ONCE):
            some = _evaluated(self._ask, self._dataset, self._codes, strategies[at : at + _STRATEGIES_AT_ONCE])
            means = [{metric: float(one.per_query[metric].mean()) for metric in METRICS} for one in some]
            self.means |= zip(list(new)[at:], means, strict=False)
            self._done(len(means))
        return [self.means[key][NDCG10] for key in keys]

    def outcomes(self) -> list[Outcome]:
        """All combinations in the order in which they were tried."""
        return [Outcome(each, self.means[key], self.first[key]) for each, key in self._alike.items()]


def _evaluated(ask: Ask, dataset: Dataset, codes: _Codes, strategies: Sequence[Strategy]) -> list[Evaluation]:
    """Each strategy, on the queries of these codes."""
    engine, batch = ask(strategies)
    try:
        rankings = runner.search_all(engine, strategies, batch[codes])
    except StrategyError as error:
        raise StrategyError(f"{strategies[0].where}: {error}") from None
    places = np.full(len(dataset.queries), -1)
    places[codes] = np.arange(len(codes))
    judged = dataset.judgments
    rows = places[judged.queries]
    own = rows >= 0
    judgments = Judgments(rows[own], judged.products[own], judged.grades[own], relevant_from=judged.relevant_from)
    ids = [dataset.queries.ids[code] for code in codes]
    return evaluate_all(rankings, judgments, n_products=len(dataset.catalogue), metrics=METRICS, ids=ids)


def _idle(space: Space, outcomes: Sequence[Outcome]) -> list[str]:
    """Parameters whose value changes no mean, whatever the others are."""
    shape = [len(one.choices) for one in space.parameters]
    means = np.array([outcome.means[NDCG10] for outcome in outcomes]).reshape(shape)
    return [
        name for axis, name in enumerate(space.names) if shape[axis] > 1 and np.ptp(means, axis=axis).max() <= _EQUAL
    ]
