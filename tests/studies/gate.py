"""How often the gate fails where nothing changed and where something did, whether its p is scipy's, what it costs.

`PYTHONPATH=.:tests python -m studies.gate` writes `gate-*.csv` of `docs/studies`, run times apart; what is there is not
measured again. The results are drawn: strategies that move together, with or without a true drop, as snapshots.
"""

import math
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from helpers.snapshots import measured, session
from scipy import stats

from relevance.baseline import Snapshot
from relevance.evaluation import AP10, NDCG10, RR10
from relevance.gate import ANSWERS, Comparison, Limits, compare
from relevance.significance import DRAWS, flip_signs
from studies.store import FOLDER, collect

Null = Literal["swapped", "sparse", "many small losses", "many small gains"]
NULLS: tuple[Null, ...] = get_args(Null)
CHANGED = {"swapped": 0.5, "sparse": 0.05}
TOGETHER, LOST = 0.8, 0.3
MEANS = np.array([0.5, 0.325, 0.48])
"""Of the three metrics, about; a drop is a share of them."""

STRATEGIES = 2
DRAWS_OF_STUDIES = 1_999
SIZES = {50: 1_000, 150: 1_000, 300: 1_000, 1_000: 500, 5_000: 200}
"""Runs by the number of queries."""
RARE = {(1_000, 1): 4_000, (1_000, 2): 2_000}
"""More by queries and strategies, of the null "swapped": a rate of 1% takes many."""

VALUES = (0.0, 0.0, 0.0, 1.0, 1 / 2, 1 / 3, 0.1, 0.63092975, 0.38685281, 5 / 6)


# Drawn results


def differences(rng: np.random.Generator, queries: int, strategies: int, null: Null) -> np.ndarray:
    """Shape (queries, strategies): how much the quality of a query rises, 0 on average.

    `swapped` and `sparse` are symmetric: half or a twentieth of the queries change, either way. In the others three
    queries of four change, exponentially distributed around 0: most lose a little and few gain much, or the reverse.
    """
    changed = rng.random((queries, 1)) < CHANGED.get(null, 0.75)
    if null in CHANGED:
        common, own = rng.standard_t(4, (queries, 1)), rng.standard_t(4, (queries, strategies))
    else:
        common, own = rng.exponential(1, (queries, 1)) - 1, rng.exponential(1, (queries, strategies)) - 1
    sign = -1 if null == "many small gains" else 1
    return 0.15 * sign * changed * (np.sqrt(TOGETHER) * common + np.sqrt(1 - TOGETHER) * own)


def drawn_pair(
    rng: np.random.Generator, queries: int, strategies: int, *, null: Null = "swapped", drop: float = 0.0
) -> tuple[Snapshot, Snapshot]:
    """A baseline and a session without a true difference but `drop`, the relative one of every metric.

    Three queries of ten lose, by an exponential distribution.
    """
    quality = rng.beta(1.2, 1.2, (queries, 1)) + rng.normal(0, 0.05, (queries, strategies))
    change = differences(rng, queries, strategies, null)
    lost = (rng.random((queries, 1)) < LOST) * rng.exponential(1, (queries, 1)) * drop / LOST
    before, after = [], []
    for strategy in range(strategies):
        score = np.clip(quality[:, strategy], 0, 1)
        rank = np.floor(10 * (1 - score)) + 1
        # like nDCG, like AP, and one over a rank
        base = np.column_stack([score, score**2, np.where(score > 0.05, 1 / np.sqrt(rank), 0)])
        before.append(base)
        # metrics move together, each query and metric by a factor of its own; a mean is not bound to 0 and 1 here
        moved = change[:, [strategy]] * rng.normal([1.0, 1.1, 1.3], 0.4, (queries, 3))
        after.append(base + moved - lost * MEANS)
    return _snapshot(before), _snapshot(after)


def _snapshot(numbers: Sequence[np.ndarray]) -> Snapshot:
    metrics = [dict(zip((NDCG10, AP10, RR10), columns.T, strict=True)) for columns in numbers]
    # without texts and hits: there are no kinds of queries and no holes, and nothing to look for them in
    count = len(numbers[0])
    made = session(**{f"s{number}": measured(columns, empty=count) for number, columns in enumerate(metrics)})
    return replace(made, texts=("",) * count, grades=({},) * count)


# Verdicts


def _verdicts(runs: int, *seed: int, queries: int, strategies: int = STRATEGIES, **what: Any) -> list[Comparison]:
    rngs = (np.random.default_rng((*seed, run)) for run in range(runs))
    pairs = (drawn_pair(rng, queries, strategies, **what) for rng in rngs)
    return [compare(*pair, Limits(), baseline="drawn", draws=DRAWS_OF_STUDIES) for pair in pairs]


def _share(hits: Any) -> float:
    return round(float(np.mean(hits)), 4)


def _answers(verdicts: Sequence[Comparison]) -> dict[str, float]:
    answers = [one.answer() for one in verdicts]
    return {name: _share([answer == name for answer in answers]) for name in ANSWERS}


def _bounds(one: Comparison) -> list[float]:
    """The relative drops of the leading metric that are excluded."""
    return [finding.at_most for finding in one.findings if finding.at_most is not None]


def _shares(name: str, p: Sequence[float], *levels: float) -> dict[str, float]:
    return {f"{name}<={level}": _share(np.array(p) <= level) for level in levels}


def size(null: Null, queries: int, strategies: int, runs: int) -> dict[str, float]:
    """Shares of runs without a true drop: p of the first column, any adjusted p, answers, and bounds below 0."""
    verdicts = _verdicts(runs, 1, NULLS.index(null), queries, queries=queries, strategies=strategies, null=null)
    lowest = [min(finding.adjusted_p or 1 for finding in one.findings) for one in verdicts]
    return {
        **_shares("p", [one.findings[0].p or 1 for one in verdicts], 0.05, 0.01),
        **_shares("any adjusted", lowest, 0.05, 0.01),
        **_answers(verdicts),
        "bound wrong": _share([min(_bounds(one)) < 0 for one in verdicts]),
        "a kind of query": _share(
            [any(found.segment and found.answer == "loss" for found in one.findings) for one in verdicts]
        ),
    }


def power(queries: int, strategies: int, drop: float, runs: int) -> dict[str, float]:
    """Shares of runs with a true drop of all metrics: nDCG's adjusted p, answers, and bounds below the true drop."""
    verdicts = _verdicts(
        runs, 2, strategies, int(drop * 1_000), queries, queries=queries, strategies=strategies, drop=drop
    )
    return {
        **_shares("adjusted", [one.findings[0].adjusted_p or 1 for one in verdicts], 0.01),
        **_answers(verdicts),
        "bound wrong": _share([min(_bounds(one)) < drop for one in verdicts]),
    }


def visible(queries: int, runs: int) -> dict[str, float]:
    """The smallest visible drop of nDCG that findings name, and how often a true drop of that size fails."""
    drop = 0.02
    for number in range(3):  # a larger drop scatters more, so what is visible is found in steps
        verdicts = _verdicts(max(runs // 5, 5), 3, number, queries, queries=queries, drop=drop)
        drop = float(np.median([one.findings[0].smallest_visible or 1 for one in verdicts]))
    verdicts = _verdicts(runs, 4, queries, queries=queries, drop=drop)
    return {"smallest visible": round(drop, 4), "loss": _share([one.findings[0].answer == "loss" for one in verdicts])}


def timed(run: int, queries: int, strategies: int, draws: int) -> dict[str, object]:
    """Seconds of the whole verdict: of the clock, and of the processor (one thread); largest memory of the process."""
    pair = drawn_pair(np.random.default_rng(run), queries, strategies, drop=0.01)
    wall, work = time.perf_counter(), time.process_time()
    compare(*pair, Limits(), baseline="drawn", draws=draws)
    return {
        "wall_s": round(time.perf_counter() - wall, 2),
        "processor_s": round(time.process_time() - work, 2),
        "peak_MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


# scipy's permutation test


def agreement(block: int, cases: int, draws: int = DRAWS, their_draws: int = 19_999) -> dict[str, object]:
    """Compare cases: differences of values as metrics have them, with ties and zeros, of 4 to 120 queries.

    Returns:
        How many are exact on both sides and their largest difference; of the others, sampled on both sides, the
        largest difference and how many lie further apart than 3 standard errors of two samples (0.27% by chance).
    """
    exact, sampled, scores = [], [], []
    for case in range(cases):
        rng = np.random.default_rng((5, block, case))
        number = int(rng.integers(4, 14)) if case % 2 else int(rng.integers(17, 121))
        before, after = rng.choice(VALUES, number), rng.choice(VALUES, number)
        after = np.where(rng.random(number) < rng.random(), before, after)
        ours = float(flip_signs((before - after)[:, np.newaxis], seed=1, draws=draws).greater.p[0])
        theirs = 1.0 if np.array_equal(before, after) else _scipys(before, after, their_draws)
        if number < 17:
            exact.append(abs(ours - theirs))
            continue
        error = math.sqrt(max(theirs * (1 - theirs), 1 / their_draws) * (1 / draws + 1 / their_draws))
        sampled.append(abs(ours - theirs))
        scores.append(abs(ours - theirs) / error)
    return {
        "exact": len(exact),
        "largest difference, exact": f"{max(exact, default=0):.1e}",
        "sampled": len(sampled),
        "largest difference, sampled": round(max(sampled, default=0), 4),
        "beyond 3 standard errors": sum(score > 3 for score in scores),
    }


def _scipys(before: np.ndarray, after: np.ndarray, draws: int) -> float:
    test = stats.permutation_test(
        (before, after),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=draws,
        batch=2_000,
        rng=np.random.default_rng(6),
    )
    return float(test.pvalue)


def _tables() -> Iterator[tuple[str, Callable[..., Any], list[dict[str, Any]]]]:
    sizes = [
        {"null": null, "queries": queries, "strategies": strategies, "runs": runs // (1 if strategies < 3 else 5)}
        for queries, runs in SIZES.items()
        for strategies, nulls in ((1, NULLS[:1]), (2, NULLS), (11, NULLS))
        for null in nulls
    ]
    for cell in sizes:
        if cell["null"] == "swapped":
            cell["runs"] = RARE.get((cell["queries"], cell["strategies"]), cell["runs"])
    yield "size", size, sizes
    powers = [
        {"queries": queries, "strategies": strategies, "drop": drop, "runs": 100 if strategies < 3 else 50}
        for queries in SIZES
        for strategies in (1, 2, 11)
        for drop in (0.02, 0.05, 0.08)
    ]
    yield "power", power, powers
    yield "smallest-visible", visible, [{"queries": queries, "runs": 200} for queries in SIZES]
    yield "scipy", agreement, [{"block": block, "cases": 100} for block in range(10)]
    yield "time", timed, [{"run": run, "queries": 5_859, "strategies": 11, "draws": 100_000} for run in range(5)]


if __name__ == "__main__":
    for name, measure, cells in _tables():
        collect(FOLDER / f"gate-{name}.csv", cells, measure)
