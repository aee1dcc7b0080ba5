"""The kinds of mutations by name: the tables beside the changes, put together."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.mutation import content, plans
from relevance.mutation.engine import Mutation, around

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAME_AGAIN = "nothing: all is indexed and searched again"
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
)
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
