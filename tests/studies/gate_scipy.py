"""Agreement of p with scipy's permutation test on 1,000 cases.

`PYTHONPATH=.:tests python -m studies.gate_scipy` writes `docs/studies/gate-scipy.csv`, a row for 100 cases.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from relevance.significance import DRAWS, flip_signs
from studies.store import FOLDER, collect

if TYPE_CHECKING:
    import numpy.typing as npt

VALUES = (0.0, 0.0, 0.0, 1.0, 1 / 2, 1 / 3, 0.1, 0.63092975, 0.38685281, 5 / 6)
THEIR_DRAWS = 19_999


def agreement(block: int, cases: int, draws: int = DRAWS, their_draws: int = THEIR_DRAWS) -> dict[str, object]:
    """Compare cases: differences of values as metrics have them, with ties and zeros, of 4 to 120 queries.

    Returns:
        How many are exact on both sides and their largest difference; of the others, sampled on both sides, the
        largest difference and how many lie further apart than 3 standard errors of two samples (0.27% by chance).
    """
    exact, sampled, scores = [], [], []
    for case in range(cases):
        rng = np.random.default_rng((5, block, case))
        size = int(rng.integers(4, 14)) if case % 2 else int(rng.integers(17, 121))
        before, after = rng.choice(VALUES, size), rng.choice(VALUES, size)
        after = np.where(rng.random(size) < rng.random(), before, after)
        ours, theirs = _both(before, after, draws, their_draws)
        if size < 17:
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


def _both(
    before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], draws: int, their_draws: int
) -> tuple[float, float]:
    ours = flip_signs((before - after)[:, np.newaxis], seed=1, draws=draws).greater.p[0]
    if np.array_equal(before, after):
        return float(ours), 1.0
    theirs = stats.permutation_test(
        (before, after),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=their_draws,
        batch=2_000,
        rng=np.random.default_rng(6),
    )
    return float(ours), float(theirs.pvalue)


def main() -> None:
    """Measure what is missing."""
    collect(FOLDER / "gate-scipy.csv", [{"block": block, "cases": 100} for block in range(10)], agreement)


if __name__ == "__main__":
    main()
