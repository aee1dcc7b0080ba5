"""Paired comparisons of per-query numbers: how sure a mean difference is, whatever the numbers are."""

from relevance.significance.bootstrap import RESAMPLES, Interval, paired_interval
from relevance.significance.signflip import DRAWS, SAME, Chance, SignFlips, flip_signs

__all__ = [
    "DRAWS",
    "RESAMPLES",
    "SAME",
    "Chance",
    "Interval",
    "SignFlips",
    "flip_signs",
    "paired_interval",
]
