"""Regressions that are planted on purpose, and changes that are none: what would the gate say of them?"""

from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.mutation import judged, models, rankings, server, strategies, texts, vectors
from relevance.mutation.kind import Kind
from relevance.mutation.models import other_model
from relevance.mutation.neutral import NEUTRAL
from relevance.mutation.nulls import nulls
from relevance.mutation.outcome import Mutations, Outcome, banded
from relevance.mutation.running import mutate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "KINDS",
    "NEUTRAL_KINDS",
    "SWAPPED_KINDS",
    "Kind",
    "Mutations",
    "Outcome",
    "banded",
    "mutate",
    "nulls",
    "other_model",
]

_ROOMS = (strategies, texts, vectors, models, rankings, judged, server)

KINDS: "Mapping[str, Kind]" = MappingProxyType({kind.name: kind for room in _ROOMS for kind in room.KINDS})
"""The planted regressions by name."""

SWAPPED_KINDS = tuple(kind for kind in KINDS.values() if kind.group == "strategies")
"""Changes with an effect, whose sides are swapped query by query: sessions that differ without a true change."""

NEUTRAL_KINDS: "Mapping[str, Kind]" = MappingProxyType({kind.name: kind for kind in NEUTRAL})
"""What must not fail, by name."""
