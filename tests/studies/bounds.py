"""How often bounds of a loss are wrong by several ways to widen them where differences are skewed.

`PYTHONPATH=.:tests python -m studies.bounds` writes `bounds.csv` of `docs/studies`; what is there is not measured
again.
The differences of nDCG@10 are drawn as those of `studies.gate`; the gate itself is not asked.
"""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from studies.gate import LOST, MEANS, NULLS, differences
from studies.store import FOLDER, collect

DRAWS = 999
EXCLUDED = 0.05
CELLS = (
    ("swapped", 50, 11, 0.0, 600),
    ("swapped", 150, 2, 0.0, 600),
    ("sparse", 50, 2, 0.0, 1_000),
    ("sparse", 50, 11, 0.0, 300),
    ("sparse", 50, 1, 0.05, 3_000),
    ("sparse", 50, 2, 0.05, 3_000),
    ("sparse", 150, 2, 0.05, 1_500),
    ("sparse", 300, 2, 0.05, 600),
    ("many small gains", 50, 2, 0.0, 2_000),
    ("many small gains", 50, 11, 0.0, 1_000),
    ("many small gains", 50, 1, 0.05, 2_000),
    ("many small gains", 50, 2, 0.05, 2_000),
    ("many small gains", 50, 11, 0.05, 1_000),
    ("many small gains", 150, 11, 0.0, 500),
    ("many small gains", 150, 2, 0.05, 1_500),
    ("many small gains", 150, 11, 0.05, 500),
)


def reaches(rng: np.random.Generator, differences: np.ndarray) -> Mapping[str, np.ndarray]:
    """How many standard errors above its mean each way puts the bound of each column; none where nothing scatters."""
    queries = len(differences)
    centred = differences - differences.mean(axis=0)
    signs = rng.integers(0, 2, (DRAWS, queries)) * 2.0 - 1
    z = np.quantile((signs @ (centred / np.sqrt((centred**2).sum(axis=0)))).max(axis=1), 0.95)
    t = z * np.sqrt((queries - 1) / max(queries - z * z, 1))
    own = np.maximum(stats.skew(differences, bias=False), 0) / np.sqrt(queries)
    largest = np.full_like(own, own.max())
    together = stats.skew(centred, axis=None) * np.sqrt(queries * (queries - 1)) / (queries - 2) / np.sqrt(queries)

    def johnson(skew: np.ndarray) -> np.ndarray:
        return t + skew * (2 * t * t + 1) / 6

    def hall(skew: np.ndarray) -> np.ndarray:
        skew = np.maximum(skew, 1e-9)
        return (1 - np.cbrt(1 - skew * (t + skew / 6))) * 3 / skew

    def expansion(skew: np.ndarray) -> np.ndarray:
        return johnson(skew) + 5 * skew**2 * t * (4 * t * t - 1) / 72

    return {
        "flips alone": np.full_like(own, z),
        "Student": np.full_like(own, t),
        "Johnson": johnson(own),
        "Hall": hall(own),
        "expansion": expansion(own),
        "Johnson, largest": johnson(largest),
        "expansion, largest": expansion(largest),
        "expansion, at least of all together": expansion(np.maximum(own, together)),
    }


def bounds(null: str, queries: int, strategies: int, drop: float, runs: int) -> dict[str, float]:
    """Shares of runs with a bound below the true drop, and with all bounds within 5%, by each way."""
    wrong, within = {}, {}
    for run in range(runs):
        rng = np.random.default_rng((77, NULLS.index(null), queries, strategies, int(drop * 1_000), run))
        before = np.clip(rng.beta(1.2, 1.2, (queries, 1)) + rng.normal(0, 0.05, (queries, strategies)), 0, 1)
        moved = differences(rng, queries, strategies, null) * rng.normal(1, 0.4, (queries, strategies))
        lost = (rng.random((queries, 1)) < LOST) * rng.exponential(1, (queries, 1)) * drop / LOST
        drops = lost * MEANS[0] - moved
        if not drops.any():  # nothing changed: the bound is 0
            within = {way: count + 1 for way, count in within.items()}
            continue
        errors = drops.std(axis=0, ddof=1) / np.sqrt(queries)
        for way, reach in reaches(rng, drops).items():
            at_most = (drops.mean(axis=0) + reach * errors) / before.mean(axis=0)
            wrong[way] = wrong.get(way, 0) + bool(at_most.min() < drop)
            within[way] = within.get(way, 0) + bool(at_most.max() <= EXCLUDED)
    rates = {f"wrong: {way}": round(count / runs, 3) for way, count in wrong.items()}
    return rates | {f"no loss: {way}": round(count / runs, 3) for way, count in within.items()}


if __name__ == "__main__":
    names = ("null", "queries", "strategies", "drop", "runs")
    collect(FOLDER / "bounds.csv", [dict(zip(names, cell, strict=True)) for cell in CELLS], bounds)
