"""The losses that a model is trained with: one row each, and a further loss is a further row.

`pytest --help` names them, so nothing heavy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Loss:
    """A loss of sentence-transformers.

    Attributes:
        meaning: what a row teaches, in a few words.
        rows: the kind of rows that it is given, a key of `relevance.finetune.rows.ROWS`.
        make: makes it from the library's module of losses and a `SentenceTransformer`; what it wraps or caches and its
            own settings stand here too.
    """

    meaning: str
    rows: str
    make: Callable[[Any, Any], Any]


LOSSES = {
    "mnrl": Loss(
        "a batch's other products are a query's negatives",
        rows="pairs",
        make=lambda losses, model: losses.MultipleNegativesRankingLoss(model),
    ),
    "hard": Loss(
        "likewise, and a mined (hard) negative each",
        rows="triplets",
        make=lambda losses, model: losses.MultipleNegativesRankingLoss(model),
    ),
}
"""By the name in `Options.loss`."""
