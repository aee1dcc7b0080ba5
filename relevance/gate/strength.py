"""What a comparison could have shown: the smallest true drop that would have failed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy.special import ndtri

if TYPE_CHECKING:
    from relevance.gate.effect import Effect
    from relevance.gate.limits import Limit

__all__ = ["POWER", "smallest_visible"]

POWER = 0.8
"""How often a drop of that size would fail."""


def smallest_visible(effect: Effect, limit: Limit, *, critical: float) -> float | None:
    """The smallest true relative drop that would fail four times of five, were differences as scattered as here.

    A drop fails where the measured mean reaches both what the rule asks for and what chance makes rare enough. A true
    drop 0.84 standard errors above that is measured above it four times of five (J. Cohen, "Statistical Power Analysis
    for the Behavioral Sciences", 1988, chapter 1).

    Args:
        effect: what was measured.
        limit: what holds for it.
        critical: the sum / sqrt(sum of squares) from which on a column is sure, see `SignFlips.critical`.

    Returns:
        None where no drop would fail: too few queries, or too few of them changed.
    """
    if effect.before <= 0 or effect.queries < limit.least_queries:
        return None
    ways = [max(_mean_at(critical, effect), limit.fail * effect.before)]
    if limit.large_fails(effect.queries):
        ways.append(max(_mean_at(float(-ndtri(limit.p_large)), effect), limit.fail_large * effect.before))
    needed = max(min(ways), limit.least_drop) + float(ndtri(POWER)) * effect.error
    return needed / effect.before if math.isfinite(needed) else None


def _mean_at(critical: float, effect: Effect) -> float:
    """The mean difference whose sum / sqrt(sum of squares) is `critical`, with the spread that was seen."""
    if critical * critical >= effect.queries:
        return math.inf
    return critical * effect.error * math.sqrt((effect.queries - 1) / (effect.queries - critical * critical))
