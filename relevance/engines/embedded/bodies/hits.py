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


def _size(parts: Sequence[Ints]) -> int:
    """One more than the last document of all parts: how long a row of cells for them has to be."""
    return max((int(docs[-1]) + 1 for docs in parts if len(docs)), default=0)


def _marked(docs: Ints, size: int) -> npt.NDArray[np.bool_]:
    """Cells that say which documents are there, as many as asked for."""
    flags = np.zeros(max(size, _size([docs])), dtype=np.bool_)
    flags[docs] = True
    return flags


def kept(hits: Hits, docs: Ints) -> Hits:
    """Keep the hits that are among some documents."""
    flags = _marked(docs, _size([hits.docs]))[hits.docs]
    return Hits(hits.docs[flags], hits.scores[flags])


def without(docs: Ints, others: Ints) -> Ints:
    """Leave some documents out."""
    return docs[~_marked(others, _size([docs]))[docs]] if len(others) else docs


def common(parts: Sequence[Ints]) -> Ints:
    """Documents that all parts hold."""
    docs, *others = sorted(parts, key=len)
    for other in others:
        docs = docs[_marked(other, _size([docs]))[docs]]
    return docs


def union(parts: Sequence[Ints]) -> Ints:
    """Documents that any part holds."""
    if len(parts) == 1:
        return parts[0]
    flags = np.zeros(_size(parts), dtype=np.bool_)
    for docs in parts:
        flags[docs] = True
    return np.flatnonzero(flags)


def sums(parts: Sequence[Hits], *, least: int = 1) -> Hits:
    """Add scores in float64 and round the sum; a document has to be in `least` of the parts."""
    if len(parts) == 1:
        return parts[0] if least <= 1 else NONE
    size = _size([part.docs for part in parts])
    totals, counts = np.zeros(size), np.zeros(size, dtype=np.int32)
    for docs, scores in parts:
        totals[docs] += scores
        counts[docs] += 1
    docs = np.flatnonzero(counts >= max(1, least))
    return Hits(docs, totals[docs].astype(np.float32))


def best(parts: Sequence[Hits], tie: float) -> Hits:
    """Take the best score of each document, and a share of its others that are added in float64."""
    size = _size([part.docs for part in parts])
    largest = np.full(size, -np.inf, dtype=np.float32)
    for docs, scores in parts:
        largest[docs] = np.maximum(largest[docs], scores)
    docs = np.flatnonzero(largest > -np.inf)
    top = largest[docs]
    if tie == 0:
        return Hits(docs, top)
    totals = np.zeros(size)
    for held, scores in parts:
        totals[held] += scores
    others = totals[docs] - top
    return Hits(docs, (top.astype(np.float64) + others * np.float64(np.float32(tie))).astype(np.float32))


def spread(hits: Hits, docs: Ints) -> Floats:
    """Scores of some documents, 0 for those that are no hits."""
    cells = np.zeros(_size([hits.docs, docs]), dtype=np.float32)
    cells[hits.docs] = hits.scores
    return cells[docs]
