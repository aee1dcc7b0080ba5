"""One search for many queries at once.

The documents of each query are a lane: document `d` of lane `l` has the number `l * size + d`. Nodes that combine what
others find take these for documents; what the others find is put into lanes: query by query where words of the queries
count, else once for all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.engines.embedded.bodies.hits import Hits, marked
from relevance.engines.embedded.bodies.levels import Level
from relevance.engines.embedded.bodies.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.engines.embedded.bodies.hits import Flags, Ints

_DOCUMENTS = 800_000
"""In all lanes together, so that a cell for each stays near the processor."""


class Lanes(Level):
    """The documents of a level, once for each query.

    Args:
        level: the documents.
        words: of each query.
    """

    def __init__(self, level: Level, words: Sequence[Sequence[str]]) -> None:
        self.path, self.catalogue, self._level, self._words = level.path, level.catalogue, level, words
        self._starts = np.arange(len(words) + 1) * level.size
        self.queries, self.size = len(words), len(words) * level.size

    @staticmethod
    def most(level: Level) -> int:
        """How many queries are best answered together."""
        return max(1, _DOCUMENTS // max(1, level.size))

    @property
    def lane(self) -> Level:
        return self._level

    def counts(self, hits: Hits) -> list[int]:
        ends = np.searchsorted(hits.docs, self._starts).tolist()
        return [end - at for at, end in pairwise(ends)]

    def in_lane(self, docs: Ints) -> Ints:
        ends = np.searchsorted(docs, self._starts)
        return np.asarray(docs - np.repeat(self._starts[:-1], np.diff(ends)))

    def split(self, hits: Hits) -> Iterator[Hits]:
        ends = np.searchsorted(hits.docs, self._starts).tolist()
        for words, start, (at, end) in zip(self._words, self._starts.tolist(), pairwise(ends), strict=False):
            self.catalogue.words = words
            yield Hits(hits.docs[at:end] - start, hits.scores[at:end])

    def best(self, hits: Hits, most: int) -> list[Hits]:
        ends = np.searchsorted(hits.docs, self._starts)
        sizes = np.diff(ends)
        edges = np.full(self.queries, -np.inf, dtype=np.float32)
        for lane in np.flatnonzero(sizes > most).tolist():
            edges[lane] = np.partition(hits.scores[ends[lane] : ends[lane + 1]], -most)[-most]
        kept = np.flatnonzero(hits.scores >= np.repeat(edges, sizes))  # with all ties of the last of each
        lanes = np.searchsorted(ends, kept, side="right") - 1
        docs, scores = hits.docs[kept] - self._starts[lanes], hits.scores[kept]
        order = np.lexsort((docs, -scores, lanes))
        docs, scores = docs[order], scores[order]
        starts = np.searchsorted(lanes, np.arange(self.queries + 1)).tolist()
        return [Hits(docs[at:end][:most], scores[at:end][:most]) for at, end in pairwise(starts)]

    def joined(self, parts: Sequence[Ints]) -> Ints:
        ends = list(accumulate(map(len, parts)))
        docs = np.empty(ends[-1], dtype=np.int64)
        for part, end, start in zip(parts, ends, self._starts.tolist(), strict=False):
            if len(part):
                np.add(part, start, out=docs[end - len(part) : end])
        return docs

    def each(self, among: Ints | None) -> Iterator[Ints | None]:
        if among is not None:
            for part in self.split(Hits(among, np.empty(len(among), dtype=np.float32))):
                yield part.docs
            return
        for words in self._words:
            self.catalogue.words = words
            yield None


@dataclass(frozen=True, eq=False)
class _Leaf(Node):
    """What a node finds, in lanes."""

    node: Node

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        if self.varies:
            parts = [self.node.hits(level.lane, boost, own) for own in level.each(among)]
        else:
            found = self.node.hits(level.lane, boost)
            if among is not None and len(found.docs) * level.queries > len(among):
                return _among(found, level, among)
            parts = [found] * level.queries
        return Hits(level.joined([part.docs for part in parts]), np.concatenate([part.scores for part in parts]))

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        if self.varies:
            return level.joined([self.node.docs(level.lane, own) for own in level.each(among)])
        if among is not None:
            return among[self.matches(level, among)]
        return level.joined([self.node.docs(level.lane)] * level.queries)

    def matches(self, level: Level, docs: Ints) -> Flags:
        return super().matches(level, docs) if self.varies else self.node.matches(level.lane, level.in_lane(docs))


def _among(found: Hits, level: Level, among: Ints) -> Hits:
    """Of some documents those that every query finds."""
    numbers = level.in_lane(among)
    held = np.flatnonzero(marked(found.docs, level.lane.size)[numbers])
    scores = np.zeros(level.lane.size, dtype=np.float32)
    scores[found.docs] = found.scores
    return Hits(among[held], scores[numbers[held]])


def in_lanes(value: Any) -> Any:
    """Put what nodes find that combine nothing into lanes."""
    if isinstance(value, Node):
        parts = value.values()
        if not value.combines or (parts and not value.varies):
            return _Leaf(value)
        names = [one.name for one in fields(value)]  # type: ignore[arg-type]
        return type(value)(**dict(zip(names, map(in_lanes, parts), strict=True)))
    if isinstance(value, tuple):
        held = map(in_lanes, value)
        return value._make(held) if hasattr(value, "_make") else tuple(held)
    return value
