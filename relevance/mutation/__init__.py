"""Regressions that are planted on purpose, and changes that are none: what would the gate say of them?"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.mutation import content, plans, searches
from relevance.mutation.engine import Mutation, around
from relevance.mutation.plans import other_model
from relevance.mutation.run import SAID, Outcome, Outcomes, Said, mutate, nulls, said
from relevance.mutation.withheld import LOOKS, POOLS, Tried, Truth, withhold

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "KINDS",
    "LOOKS",
    "NEUTRAL_KINDS",
    "POOLS",
    "SAID",
    "SWAPPED_KINDS",
    "Mutation",
    "Outcome",
    "Outcomes",
    "Said",
    "Tried",
    "Truth",
    "mutate",
    "nulls",
    "other_model",
    "said",
    "withhold",
]

_REGRESSIONS = (
    *plans.STRATEGIES,
    *content.TEXTS,
    *content.QUERIES,
    *content.VECTORS,
    *content.MODELS,
    *plans.MODELS,
    *content.RANKINGS,
    *plans.JUDGMENTS,
    *plans.SERVER,
    *searches.ANALYSIS,
    *searches.SEARCHES,
)
_SAME_AGAIN = "nothing: all is indexed and searched again"
_NEUTRAL = (
    Mutation("same_again", "noise", _SAME_AGAIN, lambda plan, _: around(plan), anew=True),
    *content.NOISE,
    *plans.NOISE,
)

KINDS: Mapping[str, Mutation] = MappingProxyType({one.name: one for one in _REGRESSIONS})
"""The planted regressions by name."""

NEUTRAL_KINDS: Mapping[str, Mutation] = MappingProxyType({one.name: one for one in _NEUTRAL})
"""What must not fail, however often it is repeated with other seeds, by name: what a system does by itself."""

SWAPPED_KINDS = tuple(plans.STRATEGIES)
"""Changes with an effect, whose sides are swapped query by query: sessions that differ without a true change."""
