"""Which queries boosts are chosen on, and which they are reported on: no text stands on both sides."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from relevance.records import Dataset

__all__ = ["FEWEST", "SEED", "SHARE", "Split", "split_queries"]

SHARE, SEED = 0.5, 12
FEWEST = 10
"""Queries that each side needs."""

_BYTES = 8


@dataclass(frozen=True, eq=False)
class Split:
    """The judged queries, on two sides.

    Attributes:
        tuning: codes of the queries that boosts are chosen on, ascending.
        held_out: codes of those that they are reported on, ascending.
        share: of the queries that the first side gets, on average.
        seed: of the hash.
    """

    tuning: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.int64]
    share: float
    seed: int


def split_queries(dataset: Dataset, *, share: float = SHARE, seed: int = SEED) -> Split:
    """Split the judged queries by a hash of their text.

    The side of a query depends on its text and the seed alone, so it stays when other queries come or go; texts that
    differ in case, white space or Unicode form alone are on one side.

    Raises:
        InputError: a share that is not between 0 and 1, a seed below 0, or fewer than `FEWEST` queries on a side.
    """
    if not 0 < share < 1:
        raise InputError(f"--share {share:g}; allowed: between 0 and 1")
    if seed < 0:
        raise InputError(f"--seed {seed}; allowed: a whole number of 0 or more")
    judged = np.unique(dataset.judgments.queries)
    places = np.array([_place(dataset.queries.texts[code], seed) for code in judged])
    split = Split(judged[places < share], judged[places >= share], share, seed)
    for side, codes in (("tuning", split.tuning), ("held-out", split.held_out)):
        if len(codes) < FEWEST:
            raise InputError(
                f"the {side} split has {len(codes)} of {len(judged)} judged queries (--share {share:g}); "
                f"allowed: {FEWEST} or more on each side"
            )
    return split


def _place(text: str, seed: int) -> float:
    """From 0 up to 1, evenly spread over texts."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    digest = sha256(f"{seed}\0{folded}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big") / (1 << 8 * _BYTES)
