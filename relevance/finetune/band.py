"""Several trainings that differ in their seed alone: how far their validation nDCG lies apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.finetune.record import Curve

__all__ = ["Band", "band"]


@dataclass(frozen=True)
class Band:
    """Validation nDCG@10 over the steps.

    Attributes:
        steps: training steps, ascending, at which all trainings were evaluated; behind the first stop a mean would be
            that of the others.
        low: the lowest nDCG at each step.
        mean: the mean at each step.
        high: the highest at each step.
    """

    steps: tuple[int, ...]
    low: tuple[float, ...]
    mean: tuple[float, ...]
    high: tuple[float, ...]


def band(curves: Sequence[Curve]) -> Band:
    """The band of several trainings; empty where there is one alone, or no common step."""
    found: dict[int, list[float]] = {}
    for curve in curves:
        for step in curve.steps:
            found.setdefault(step.step, []).append(step.ndcg)
    shared = {step: values for step, values in sorted(found.items()) if len(values) == len(curves) > 1}
    return Band(
        steps=tuple(shared),
        low=tuple(min(values) for values in shared.values()),
        mean=tuple(float(np.mean(values)) for values in shared.values()),
        high=tuple(max(values) for values in shared.values()),
    )
