"""Search for better values of a strategy on some of the queries, and what they are worth on the others."""

from relevance.tuning.search import Outcome, Split, Tuning, split_queries, tune
from relevance.tuning.space import (
    KINDS,
    Combination,
    Parameter,
    Space,
    check_texts,
    make_grid,
    make_space,
    parse_axis,
    value_text,
)

__all__ = [
    "KINDS",
    "Combination",
    "Outcome",
    "Parameter",
    "Space",
    "Split",
    "Tuning",
    "check_texts",
    "make_grid",
    "make_space",
    "parse_axis",
    "split_queries",
    "tune",
    "value_text",
]
