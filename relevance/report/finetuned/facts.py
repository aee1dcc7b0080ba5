"""What was trained on what, as the report is told it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """What was trained on what.

    Attributes:
        dataset: name of the data set.
        base: name of the model that was trained.
        model: where the fine-tuned model is, or the hash under which it is stored.
        counts: what went into training and what was dropped, by what it counts: `training pairs`.
        options: of the training, by name.
        seeds: of the trainings; the model of the first is kept.
        notes: further lines: near queries, shared products, pairs without a title.
    """

    dataset: str
    base: str
    model: str
    counts: Mapping[str, int]
    options: Mapping[str, str | float]
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()
