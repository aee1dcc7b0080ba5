"""True nulls: a change without effect, made of one with an effect by swapping both sides of queries at random."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.suite import Baseline, compare_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.gate import Limits

__all__ = ["nulls", "swapped"]


def swapped(before: Snapshot, after: Snapshot, chosen: npt.NDArray[np.bool_]) -> tuple[Snapshot, Snapshot]:
    """Both sides with the chosen queries' numbers and hits exchanged, of the strategies that both have.

    Args:
        before: one side.
        after: the other, of the same queries in the same order.
        chosen: shape (queries,).
    """
    names = [name for name in before.strategies if name in after.strategies]
    sides = (before, after)
    made = []
    for own, other in (sides, sides[::-1]):
        strategies = {name: _mixed(own.strategies[name], other.strategies[name], chosen) for name in names}
        made.append(replace(own, strategies=MappingProxyType(strategies)))
    return made[0], made[1]


def _mixed(own: Measurement, other: Measurement, chosen: npt.NDArray[np.bool_]) -> Measurement:
    metrics = {name: np.where(chosen, other.metrics[name], numbers) for name, numbers in own.metrics.items()}
    hits = tuple(
        theirs if swap else ours for ours, theirs, swap in zip(own.hits, other.hits, chosen.tolist(), strict=True)
    )
    return replace(own, metrics=MappingProxyType(metrics), hits=hits, run_time_s=None)


def nulls(before: Snapshot, measured: Sequence[Snapshot], limits: Limits, *, number: int, seed: int) -> Counter[str]:
    """How often sessions without a true change fail, warn and pass.

    Args:
        before: the system as it is.
        measured: the same with changes, in turn the other side; one or more.
        limits: of the gate.
        number: of sessions.
        seed: of what is swapped.
    """
    found: Counter[str] = Counter({"fail": 0, "warn": 0, "pass": 0})
    for at in range(number):
        chosen = np.random.default_rng((seed, at)).random(len(before.queries)) < 0.5  # noqa: PLR2004 - a coin
        left, right = swapped(before, measured[at % len(measured)], chosen)
        found[compare_with(Baseline("null", left), right, limits, complete=True).status()] += 1
    return found
