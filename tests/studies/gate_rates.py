"""How often the gate fails and warns where nothing changed, and where something did.

`PYTHONPATH=.:tests python -m studies.gate_rates` writes `docs/studies/gate-size.csv`, `gate-power.csv`,
`gate-smallest-visible.csv` and `gate-large-drop.csv`; what is there already is not measured again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.gate import Limits, compare
from studies.made import NULLS, made_pair
from studies.store import FOLDER, collect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relevance.baseline import Snapshot
    from relevance.gate import Comparison
    from studies.made import Null

DRAWS = 1_999
SIZES = (50, 150, 1_000, 5_000)
STRATEGIES = 2
DROPS = (0.01, 0.02, 0.03, 0.05, 0.08)


def _verdict(pair: tuple[Snapshot, Snapshot]) -> Comparison:
    return compare(*pair, Limits(), baseline="made", draws=DRAWS)


def _streams(runs: int, *seed: int) -> Iterator[np.random.Generator]:
    return (np.random.default_rng((*seed, run)) for run in range(runs))


def size(null: Null, queries: int, strategies: int, runs: int) -> dict[str, float]:
    """Shares of runs without a true drop: p of the first column, any adjusted p, and verdicts."""
    streams = _streams(runs, 1, NULLS.index(null), queries)
    found = [_verdict(made_pair(rng, queries, strategies, null=null)) for rng in streams]
    p = np.array([one.findings[0].p or 1 for one in found])
    any_p = np.array([min(finding.adjusted_p or 1 for finding in one.findings) for one in found])
    status = [one.status() for one in found]
    return {
        "p<=0.05": _share(p <= 0.05),
        "p<=0.01": _share(p <= 0.01),
        "any adjusted<=0.05": _share(any_p <= 0.05),
        "any adjusted<=0.01": _share(any_p <= 0.01),
        "fail": _share(np.array(status) == "fail"),
        "warn": _share(np.array(status) == "warn"),
    }


def power(queries: int, drop: float, runs: int) -> dict[str, float]:
    """Shares of runs with a true drop of all metrics: nDCG's adjusted p, and verdicts."""
    streams = _streams(runs, 2, int(drop * 1_000), queries)
    found = [_verdict(made_pair(rng, queries, STRATEGIES, drop=drop)) for rng in streams]
    adjusted = np.array([one.findings[0].adjusted_p or 1 for one in found])
    status = [one.status() for one in found]
    return {
        "adjusted<=0.01": _share(adjusted <= 0.01),
        "fail": _share(np.array(status) == "fail"),
        "at least warn": _share(np.array(status) != "pass"),
    }


def large_drop(strategies: int, queries: int, drop: float, runs: int) -> dict[str, float]:
    """Shares of runs that fail by what is sure alone, and with one of three rules for drops of nDCG of 5% or more."""
    hits: dict[str, list[bool]] = {"sure": [], "p<=0.10": [], "p<=0.05": [], "adjusted<=0.10": []}
    for rng in _streams(runs, 9, strategies, queries, int(drop * 100)):
        found = [one for one in _verdict(made_pair(rng, queries, strategies, drop=drop)).findings if one.p is not None]
        fell = [(one, one.relative or 0, one.p or 1, one.adjusted_p or 1) for one in found]
        sure = any(relative >= 0.02 and adjusted <= 0.01 for _, relative, _, adjusted in fell)
        large = [(p, adjusted) for one, relative, p, adjusted in fell if one.measure == "nDCG@10" and relative >= 0.05]
        hits["sure"].append(sure)
        hits["p<=0.10"].append(sure or any(p <= 0.10 for p, _ in large))
        hits["p<=0.05"].append(sure or any(p <= 0.05 for p, _ in large))
        hits["adjusted<=0.10"].append(sure or any(adjusted <= 0.10 for _, adjusted in large))
    return {name: _share(np.array(found)) for name, found in hits.items()}


def visible(queries: int, runs: int) -> dict[str, float]:
    """The smallest visible drop of nDCG that findings name, and how often a true drop of that size fails."""
    drop = 0.02
    for number in range(3):  # a larger drop scatters more, so what is visible is found in steps
        streams = _streams(max(runs // 5, 5), 3, number, queries)
        found = [_verdict(made_pair(rng, queries, STRATEGIES, drop=drop)).findings[0] for rng in streams]
        drop = float(np.median([one.smallest_visible or 1 for one in found]))
    streams = _streams(runs, 4, queries)
    found = [_verdict(made_pair(rng, queries, STRATEGIES, drop=drop)).findings[0] for rng in streams]
    return {"smallest visible": round(drop, 4), "fail": _share(np.array([one.status == "fail" for one in found]))}


def _share(hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    return round(float(hits.mean()), 4)


def main() -> None:
    """Measure what is missing."""
    runs = {50: 3_000, 150: 3_000, 1_000: 2_000, 5_000: 1_000}
    cells = [
        {"null": null, "queries": queries, "strategies": STRATEGIES, "runs": runs[queries]}
        for queries in SIZES
        for null in NULLS
    ]
    cells.append({"null": "swapped", "queries": 150, "strategies": 11, "runs": 1_000})
    collect(FOLDER / "gate-size.csv", cells, size)
    drops = [{"queries": queries, "drop": drop, "runs": 200} for queries in SIZES for drop in DROPS]
    collect(FOLDER / "gate-power.csv", drops, power)
    collect(FOLDER / "gate-smallest-visible.csv", [{"queries": queries, "runs": 500} for queries in SIZES], visible)
    several = [
        {"strategies": strategies, "queries": queries, "drop": drop, "runs": 200}
        for strategies in (2, 11)
        for queries in (50, 150, 260, 1_000)
        for drop in (0.0, 0.05, 0.08)
    ]
    collect(FOLDER / "gate-large-drop.csv", several, large_drop)


if __name__ == "__main__":
    main()
