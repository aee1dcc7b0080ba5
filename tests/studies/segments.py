"""How often the gate finds a loss in one kind of query while the total is flat, and how often where nothing changed.

`PYTHONPATH=.:tests python -m studies.segments` writes `segments.csv` of `docs/studies`; what is there is not measured
again. The results are drawn, as those of `studies.gate`; each query has one of twenty tags.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from relevance.baseline import Snapshot
from relevance.gate import Comparison, Limits, compare
from studies.gate import DRAWS_OF_STUDIES, drawn_pair
from studies.store import FOLDER, collect

KINDS = 20
LOST = 0.2


def tagged_pair(
    rng: np.random.Generator, queries: int, strategies: int, *, lost: float, null: Any
) -> tuple[Snapshot, Snapshot]:
    """A baseline and a session of queries with a tag each; those of the first tag lose, the others gain as much."""
    before, now = drawn_pair(rng, queries, strategies, null=null)
    tags = tuple((f"t{at % KINDS}",) for at in range(queries))
    first = np.array([at % KINDS == 0 for at in range(queries)])
    moved = {}
    for name, own in now.strategies.items():
        metrics = {}
        for metric, values in own.metrics.items():
            loss = lost * before.strategies[name].metrics[metric][first].mean()
            metrics[metric] = values - np.where(first, loss, -loss * first.sum() / (~first).sum())
        moved[name] = replace(own, metrics=metrics)
    return replace(before, tags=tags), replace(now, tags=tags, strategies=moved)


def _losses(one: Comparison, *, segment: bool) -> bool:
    return any(found.answer == "loss" and bool(found.segment) is segment for found in one.findings)


def _warned(one: Comparison) -> bool:
    return any(found.segment and found.answer in ("loss", "likely loss") for found in one.findings)


def segments(queries: int, strategies: int, null: str, lost: float, runs: int) -> dict[str, float]:
    """Shares of runs with a loss in the first tag, in any kind, in all queries, and a likely loss or one in a kind."""
    comparisons = []
    for run in range(runs):
        rng = np.random.default_rng((17, queries, strategies, int(lost * 100), len(null), run))
        pair = tagged_pair(rng, queries, strategies, lost=lost, null=null)
        comparisons.append(compare(*pair, Limits(), baseline="drawn", draws=DRAWS_OF_STUDIES))
    named = [any(found.segment == "tag t0" and found.answer == "loss" for found in one.findings) for one in comparisons]
    return {
        "first tag": _share(named),
        "any kind": _share([_losses(one, segment=True) for one in comparisons]),
        "all queries": _share([_losses(one, segment=False) for one in comparisons]),
        "kind, likely": _share([_warned(one) for one in comparisons]),
    }


def _share(hits: Sequence[bool]) -> float:
    return round(float(np.mean(hits)), 4)


def _cells() -> Iterator[dict[str, Any]]:
    for queries in (5_000, 1_000, 300):
        for lost in (LOST, 0.0):
            for strategies in (1, 11):
                runs = 200 if strategies == 1 or queries < 5_000 else 50
                if queries == 5_000 and not lost:  # a rate of 1% takes more
                    runs = 1_000 if strategies == 1 else 200
                yield {"queries": queries, "strategies": strategies, "null": "swapped", "lost": lost, "runs": runs}


if __name__ == "__main__":
    collect(FOLDER / "segments.csv", list(_cells()), segments)
