"""How often slow drift is found where there is some, and where there is none, over histories of many commits.

`PYTHONPATH=.:tests python -m studies.drift` writes `drift.csv` of `docs/studies`; what is there is not measured again.
Each commit moves queries without a true difference, as the gate's study draws it (`swapped`: half of the queries):

- *exchanged*: each query has two numbers, equally often the better one first, and every commit shows either.
- *redrawn*: every commit moves a twentieth of the queries anew and leaves the others where they were.

Steps of a true loss come on top of that. Every version is accepted, as where each commit updates the baseline.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from relevance.gate import Limits
from relevance.history import Commit, Version
from relevance.history.drift import looks
from studies.gate import LOST, differences
from studies.store import FOLDER, collect

HISTORIES = 200
COMMITS = 200
STEP, STEPS = 0.01, 5
START = datetime(2026, 1, 1, tzinfo=UTC)


def _moves(rng: np.random.Generator, queries: int, null: str) -> Iterator[np.ndarray]:
    """How far each version's queries are from their base, version by version."""
    moved = differences(rng, queries, 1, "swapped")[:, 0]
    while True:
        if null == "exchanged":
            yield moved * (rng.random(queries) < 0.5)
        else:
            yield moved
            anew = rng.random(queries) < 0.05
            moved = np.where(anew, differences(rng, queries, 1, "swapped")[:, 0], moved)


def _history(seed: tuple[int, ...], queries: int, null: str, commits: int, steps: int) -> list[Version]:
    """The first version, so many commits without a true difference, and so many steps that lose 1% each."""
    rng = np.random.default_rng(seed)
    base = rng.beta(1.2, 1.2, queries)
    keys = np.arange(queries, dtype=np.uint64)
    versions = []
    for at, moved in zip(range(1 + commits + steps), _moves(rng, queries, null), strict=False):
        if at > commits:
            lost = (rng.random(queries) < LOST) * rng.exponential(1, queries) * STEP / LOST
            base = base - lost * base.mean()
        values = {"s": (base + moved).astype(np.float32)}
        versions.append(Version(Commit("", START + timedelta(days=at)), accepted=True, keys=keys, values=values))
    return versions


def alarms(queries: int, null: str, commits: int, steps: int) -> dict[str, object]:
    """Of all histories: those with false alarms before there is a loss, and those in which the loss is found.

    Each counts for a session of one strategy, and for one of eleven, which share the chance of a false alarm.
    """
    found: dict[int, list[list[bool]]] = {1: [], 11: []}
    for run in range(HISTORIES):
        history = _history((11, queries, len(null), commits, steps, run), queries, null, commits, steps)
        for strategies, kept in found.items():
            kept.append([one is not None for one in looks(history, "s", Limits(), of=strategies)])
    row: dict[str, object] = {"histories": HISTORIES}
    for strategies, kept in found.items():
        false = [sum(one[:commits]) for one in kept]
        row |= {
            f"with a false alarm, {strategies}": _share([count > 0 for count in false]),
            f"most false alarms, {strategies}": max(false),
            f"found by the fourth step, {strategies}": _share([any(one[commits : commits + 4]) for one in kept]),
            f"found by the fifth step, {strategies}": _share([any(one[commits:]) for one in kept]),
        }
    return row


def _share(hits: list[bool]) -> float:
    return round(float(np.mean(hits)), 4)


def cells() -> Iterator[dict[str, Any]]:
    """Histories with a loss at once, after a hundred commits, and without one."""
    for queries in (5_000, 1_000, 300):
        for null in ("exchanged", "redrawn"):
            for commits, steps in ((0, STEPS), (COMMITS // 2, STEPS), (COMMITS, 0)):
                yield {"queries": queries, "null": null, "commits": commits, "steps": steps}


if __name__ == "__main__":
    collect(FOLDER / "drift.csv", cells(), alarms)
