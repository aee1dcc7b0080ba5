"""Regressions that are planted on purpose, and changes that are none: what would the gate say of them?"""

from relevance.mutation.engine import Mutation
from relevance.mutation.kinds import KINDS, NEUTRAL_KINDS, SWAPPED_KINDS
from relevance.mutation.plans import other_model
from relevance.mutation.run import Outcome, Outcomes, mutate, nulls

__all__ = [
    "KINDS",
    "NEUTRAL_KINDS",
    "SWAPPED_KINDS",
    "Mutation",
    "Outcome",
    "Outcomes",
    "mutate",
    "nulls",
    "other_model",
]
