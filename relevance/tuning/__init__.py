"""Search for better boosts on some of the queries, and what they are worth on the others."""

from relevance.tuning.grid import KINDS, Combination, Grid, check_texts, make_grid, parse_axis
from relevance.tuning.search import Outcome, Split, Tuning, split_queries, tune

__all__ = [
    "KINDS",
    "Combination",
    "Grid",
    "Outcome",
    "Split",
    "Tuning",
    "check_texts",
    "make_grid",
    "parse_axis",
    "split_queries",
    "tune",
]
