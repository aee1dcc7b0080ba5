"""Numbers as people read them, on the page and in the pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relevance.finetune.changes import Gain

__all__ = ["NONE", "fixed", "gain_text", "percent_text", "signed"]

NONE = "-"
"""Where there is no number."""

_NO_INTERVAL = "not shown: a single query has no interval"


def fixed(value: float | None) -> str:
    """Four decimals."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.4f}"


def signed(value: float) -> str:
    """Four decimals with a sign; what rounds to zero has a plus."""
    text = f"{value:+.4f}"
    return "+0.0000" if text == "-0.0000" else text


def gain_text(gain: Gain) -> str:
    """The mean difference, never without its interval."""
    if gain.interval is None:
        return _NO_INTERVAL
    low, high = gain.interval
    return f"{signed(gain.difference)} [{signed(low)}, {signed(high)}]"


def percent_text(gain: Gain) -> str:
    """The same in percent of the base strategy's mean."""
    if gain.interval is None or not gain.base:
        return NONE
    value, low, high = (f"{number / gain.base:+.1%}" for number in (gain.difference, *gain.interval))
    return f"{value} [{low}, {high}]"
