"""What a query matches, and how matches are added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]
Flags: TypeAlias = npt.NDArray[np.bool_]

ONE = np.float32(1)
_CELLS = 16  # to a hit: where there are more, sorting hits is faster than a row of cells for all documents


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


def marked(docs: Ints, size: int) -> Flags:
    """Cells that say which documents are there, as many as asked for or as they need."""
    flags = np.zeros(max(size, _size([docs])), dtype=np.bool_)
    flags[docs] = True
    return flags


def common(parts: Sequence[Ints]) -> Ints:
    """Documents that all parts hold."""
    docs, *others = sorted(parts, key=len)
    for other in others:
        if len(docs) and other is not docs:
            docs = docs[marked(other, _size([docs]))[docs]]
    return docs


def union(parts: Sequence[Ints]) -> Ints:
    """Documents that any part holds."""
    parts = [docs for docs in parts if len(docs)]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to join
        return parts[0] if parts else NO_DOCS
    every, size = np.concatenate(parts), _size(parts)
    if len(every) * _CELLS < size:
        return np.unique(every)
    flags = np.zeros(size, dtype=np.bool_)
    flags[every] = True
    return np.flatnonzero(flags)


class _Joined(NamedTuple):
    """Hits of several parts, those of a document side by side, in the order of the parts.

    Attributes:
        docs: ascending, each once.
        heads: where those of each document begin.
        scores: of all hits.
    """

    docs: Ints
    heads: Ints
    scores: Floats

    def totals(self) -> npt.NDArray[np.float64]:
        """The sum of each document, added in float64 from left to right."""
        places = np.zeros(len(self.scores), dtype=np.int64)
        places[self.heads[1:]] = 1
        return added(np.cumsum(places), self.scores)


def added(places: Ints, scores: Floats) -> npt.NDArray[np.float64]:
    """Add scores at their places, one after the other, in float64."""
    return np.asarray(np.bincount(places, scores), dtype=np.float64)


def _joined(docs: Ints, scores: Floats) -> _Joined:
    order = np.argsort(docs, kind="stable")
    docs = docs[order]
    first = np.ones(len(docs), dtype=np.bool_)
    np.not_equal(docs[1:], docs[:-1], out=first[1:])
    heads = np.flatnonzero(first)
    return _Joined(docs[heads], heads, scores[order])


def sums(parts: Sequence[Hits], *, least: int = 1) -> Hits:
    """Add scores in float64 and round the sum; a document has to be in `least` of the parts."""
    parts = [part for part in parts if len(part.docs)]
    if len(parts) < max(1, least):
        return NONE
    if len(parts) == 1:
        return parts[0]
    every, scores = np.concatenate([part.docs for part in parts]), np.concatenate([part.scores for part in parts])
    size = _size([part.docs for part in parts])
    if len(every) * _CELLS < size:
        joined = _joined(every, scores)
        docs, totals = joined.docs, joined.totals()
        if least > 1:
            enough = np.diff(joined.heads, append=len(every)) >= least
            docs, totals = docs[enough], totals[enough]
        return Hits(docs, totals.astype(np.float32))
    cells = added(every, scores)
    if least > 1:
        docs = np.flatnonzero(np.bincount(every) >= least)
    else:
        docs = np.flatnonzero(cells > 0 if scores.min() > 0 else marked(every, size))
    return Hits(docs, cells[docs].astype(np.float32))


def best(parts: Sequence[Hits], tie: float) -> Hits:
    """Take the best score of each document, and a share of its others that are added in float64."""
    parts = [part for part in parts if len(part.docs)]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to choose
        return parts[0] if parts else NONE
    size = _size([part.docs for part in parts])
    is_sparse = sum(len(part.docs) for part in parts) * _CELLS < size
    if tie or is_sparse:
        every, scores = np.concatenate([part.docs for part in parts]), np.concatenate([part.scores for part in parts])
    if is_sparse:
        joined = _joined(every, scores)
        docs, top = joined.docs, np.maximum.reduceat(joined.scores, joined.heads)
        totals = joined.totals() if tie else top
    else:
        largest = np.full(size, -np.inf, dtype=np.float32)
        largest[parts[0].docs] = parts[0].scores
        for held, one in parts[1:]:
            largest[held] = np.maximum(largest[held], one)
        docs = np.flatnonzero(largest > -np.inf)
        top = largest[docs]
        totals = added(every, scores)[docs] if tie else top
    if tie == 0:
        return Hits(docs, top)
    return Hits(docs, (top.astype(np.float64) + (totals - top) * np.float64(np.float32(tie))).astype(np.float32))


def spread(hits: Hits, docs: Ints) -> Floats:
    """Scores of some documents, 0 for those that are no hits."""
    if hits.docs is docs:
        return hits.scores
    cells = np.zeros(_size([hits.docs, docs]), dtype=np.float32)
    cells[hits.docs] = hits.scores
    return cells[docs]
