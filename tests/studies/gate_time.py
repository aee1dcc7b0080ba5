"""How long the verdict takes for 5,859 queries, 11 strategies and 3 metrics with 100,000 draws.

`PYTHONPATH=.:tests python -m studies.gate_time` writes `docs/studies/gate-time.csv`.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from relevance.gate import Limits, compare
from studies.made import made_pair
from studies.store import FOLDER, collect


def timed(run: int, queries: int, strategies: int, draws: int) -> dict[str, object]:
    """Seconds of the whole verdict: of the clock, and of the processor (one thread); largest memory of the process."""
    before, now = made_pair(np.random.default_rng(run), queries, strategies, drop=0.01)
    wall, work = time.perf_counter(), time.process_time()
    compare(before, now, Limits(), baseline="made", draws=draws)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "wall_s": round(time.perf_counter() - wall, 2),
        "processor_s": round(time.process_time() - work, 2),
        "peak_MiB": round(peak),
    }


def main() -> None:
    """Measure what is missing."""
    cells = [{"run": run, "queries": 5_859, "strategies": 11, "draws": 100_000} for run in range(5)]
    collect(FOLDER / "gate-time.csv", cells, timed)


if __name__ == "__main__":
    main()
