"""What a query matches, and how matches are added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]

ONE = np.float32(1)


class Hits(NamedTuple):
    """Documents that match, ascending, and the score of each."""

    docs: Ints
    scores: Floats

    def at(self, doc: int) -> np.float32 | None:
        """Look the score of a document up; None where it does not match."""
        place = int(np.searchsorted(self.docs, doc))
        found = place < len(self.docs) and self.docs[place] == doc
        return np.float32(self.scores[place]) if found else None


NO_DOCS: Ints = np.empty(0, dtype=np.int64)
NONE = Hits(NO_DOCS, np.empty(0, dtype=np.float32))


def constant(docs: Ints, score: np.float32) -> Hits:
    """Give all documents one score."""
    return Hits(docs, np.full(len(docs), score, dtype=np.float32))


def kept(hits: Hits, docs: Ints) -> Hits:
    """Keep the hits that are among some documents."""
    if not len(hits.docs) or not len(docs):
        return NONE
    places = np.minimum(np.searchsorted(docs, hits.docs), len(docs) - 1)
    flags = docs[places] == hits.docs
    return Hits(hits.docs[flags], hits.scores[flags])


def without(docs: Ints, others: Ints) -> Ints:
    """Leave some documents out."""
    return np.setdiff1d(docs, others, assume_unique=True) if len(others) else docs


def common(parts: Sequence[Ints]) -> Ints:
    """Documents that all parts hold."""
    parts = sorted(parts, key=len)
    docs = parts[0]
    for part in parts[1:]:
        docs = np.intersect1d(docs, part, assume_unique=True)
    return docs


def union(parts: Sequence[Ints]) -> Ints:
    """Documents that any part holds."""
    return np.unique(np.concatenate(parts)) if len(parts) != 1 else parts[0]


def sums(parts: Sequence[Hits], *, least: int = 1) -> Hits:
    """Add scores in float64 and round the sum; a document has to be in `least` of the parts."""
    if len(parts) == 1:
        return parts[0] if least <= 1 else NONE
    docs, places = np.unique(np.concatenate([part.docs for part in parts]), return_inverse=True)
    scores = np.bincount(places, weights=np.concatenate([part.scores for part in parts]), minlength=len(docs))
    total = scores.astype(np.float32)
    if least <= 1:
        return Hits(docs, total)
    flags = np.bincount(places, minlength=len(docs)) >= least
    return Hits(docs[flags], total[flags])


def spread(hits: Hits, docs: Ints) -> Floats:
    """Scores of some documents, 0 for those that are no hits."""
    scores = np.zeros(len(docs), dtype=np.float32)
    if len(docs) and len(hits.docs):
        places = np.minimum(np.searchsorted(hits.docs, docs), len(hits.docs) - 1)
        flags = hits.docs[places] == docs
        scores[flags] = hits.scores[places[flags]]
    return scores
