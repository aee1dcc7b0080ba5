"""Terms one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.engines.embedded.bodies.expanded import Expanding, Expansion
from relevance.engines.embedded.bodies.hits import NONE, Hits, common, marked, union
from relevance.engines.embedded.bodies.leaves import Term
from relevance.engines.embedded.bodies.nodes import Bool, MatchNone, Node
from relevance.engines.embedded.bodies.proximity import POSITION_BITS, Slot, exact, sloppy
from relevance.engines.embedded.bodies.spans import Either, Gap, Near, Span, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relevance.engines.embedded.bodies.fields import TermIndex
    from relevance.engines.embedded.bodies.hits import Flags, Ints
    from relevance.engines.embedded.bodies.levels import Level, Levels

Places: TypeAlias = tuple[tuple[int, tuple[str, ...]], ...]
"""The words of a phrase: positions from 0 on, and the terms that may stand there."""

Path: TypeAlias = tuple[tuple[int, str], ...]
"""One way through a piece of a graph: terms, each with its position less that of the token before it."""


def _spelt(places: Places, levels: Levels) -> Places:
    """The same with the words of the query that is asked."""
    return tuple((position, tuple(map(levels.spelt, terms))) for position, terms in places)


def _idf(index: TermIndex, terms: Iterable[str]) -> np.float32:
    """How rare a phrase is: the float32 of each of its terms, added in float64; terms that no document has add none."""
    numbers = (index.number(term) for term in terms)
    return np.float32(sum(float(index.idf(index.df(number))) for number in numbers if number is not None))


@dataclass(frozen=True)
class Phrase(Node):
    """Terms one after the other, moved by so many positions at most.

    Attributes:
        path: of the field.
        places: of the terms.
        slop: by how many positions they may be moved.
        is_prefix: whether it was the beginning of a phrase: for Lucene it is no other phrase's equal then.
    """

    path: str
    places: Places
    slop: int = 0
    is_prefix: bool = False

    def rewritten(self, level: Level) -> Node:
        del level
        if not self.places:
            return MatchNone()
        if len(self.places) > 1:
            return self
        return Bool(should=tuple(Term(self.path, term) for term in self.places[0][1]))

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        index = level.terms(self.path)
        if index is None:
            return NONE
        places = _spelt(self.places, level.catalogue)
        key = (self.path, places, self.slop, boost)
        known = level.catalogue.remembered.get(key)
        if known is None:
            known = self._found(index, places, boost, None if among is None else marked(among, level.size))
            if among is None:
                level.catalogue.remember(key, known)
        return known

    def _found(self, index: TermIndex, words: Places, boost: np.float32, near: Flags | None) -> Hits:
        slots = []
        for position, terms in words:
            numbers = [number for term in terms if (number := index.number(term)) is not None]
            if not numbers:
                return NONE
            places = [index.positions(number) for number in numbers]
            merged = places[0] if len(places) == 1 else np.sort(np.concatenate(places))
            if near is not None:
                merged = merged[near[merged >> POSITION_BITS]]
            slots.append(Slot(position - words[0][0], terms, merged))
        docs, freqs = sloppy(slots, self.slop) if self.slop else exact(slots)
        idf = _idf(index, (term for _, terms in words for term in terms))
        return Hits(docs, index.score(docs, freqs, boost, idf))

    def is_live(self, level: Level) -> bool:
        index = level.terms(self.path)
        if index is None:
            return False
        spelt = level.catalogue.spelt
        return all(any(index.number(spelt(term)) is not None for term in terms) for _, terms in self.places)

    def __str__(self) -> str:
        words, at = [], 0
        for position, terms in self.places:
            words += ["?"] * (position - at)
            words.append(terms[0] if len(terms) == 1 else f"({' '.join(terms)})")
            at = position + 1
        return f'{self.path}:"{" ".join(words)}"{f"~{self.slop}" if self.slop else ""}'


@dataclass(frozen=True)
class PhrasePrefix(Expanding):
    """A phrase whose last term is the beginning of one; rewriting looks the first of these up."""

    path: str
    places: Places
    slop: int
    max_expansions: int

    def rewritten(self, level: Level) -> Node:
        if not self.places:
            return MatchNone()
        if len(self.places) == 1:
            return self.expanded(level.catalogue)
        if self.varies:
            return MatchNone() if level.catalogue.answer(self) == "none" else BegunPhrase(self)
        return self.phrase(level.catalogue)

    @property
    def word(self) -> object:
        beginnings = self.places[-1][1]
        return beginnings[0] if len(beginnings) == 1 else None

    def spelt(self, levels: Levels) -> PhrasePrefix:
        if not self.varies:
            return self
        return PhrasePrefix(self.path, _spelt(self.places, levels), self.slop, self.max_expansions)

    def terms(self, index: TermIndex) -> Expansion:
        numbers: dict[int, None] = {}
        for beginning in self.places[-1][1]:
            # Lucene asks whether there are enough only after it has added one.
            for number in index.run_of(beginning):
                numbers[number] = None
                if len(numbers) >= self.max_expansions:
                    break
            if len(numbers) > self.max_expansions:
                break
        held = np.fromiter(numbers, dtype=np.int64, count=len(numbers))
        return Expansion(held, np.ones(len(held), dtype=np.float32), None)

    def phrase(self, levels: Levels) -> Node:
        """The phrase of the words that are asked, with all terms at its end."""
        index, numbers = levels.terms(self.path), self.expansion(levels).numbers.tolist()
        if index is None or not numbers:
            return MatchNone()
        *before, (position, _) = _spelt(self.places, levels)
        places = (*before, (position, tuple(index.terms[number] for number in numbers)))
        return Phrase(self.path, places, self.slop, is_prefix=True)

    def __str__(self) -> str:
        return f"{Phrase(self.path, self.places, self.slop)}*"


@dataclass(frozen=True)
class BegunPhrase(Node):
    """A phrase of words that come later, the last of which is the beginning of one."""

    source: PhrasePrefix

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return self.source.phrase(level.catalogue).hits(level, boost, among)

    def is_live(self, level: Level) -> bool:
        return self.source.phrase(level.catalogue).is_live(level)

    def __str__(self) -> str:
        return str(self.source)


@dataclass(frozen=True)
class SpanNear(Node):
    """Pieces of a graph one after the other, each of them the paths that it may be.

    Attributes:
        path: of the field.
        pieces: of the graph.
        max_expansions: None; or the last term of the last piece is the beginning of one: so many are looked up.
    """

    path: str
    pieces: tuple[tuple[Path, ...], ...]
    max_expansions: int | None = None

    def rewritten(self, level: Level) -> Node:
        index = level.catalogue.terms(self.path)
        if index is None:
            return MatchNone()
        parts: list[Word | Near | Either] = []
        for number, paths in enumerate(self.pieces, 1):
            most = self.max_expansions if number == len(self.pieces) else None
            parts.append(_either([_near(path, index, most) for path in paths]))
        return Spans(self.path, parts[0] if len(parts) == 1 else Near(tuple(parts)))

    def __str__(self) -> str:
        return f"{self.path}:{self.pieces}"


@dataclass(frozen=True)
class Spans(Node):
    """A span query."""

    path: str
    span: Span

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del among
        index = level.terms(self.path)
        if index is None:
            return NONE
        held = {term: number for term in self.span.terms() if (number := index.number(term)) is not None}
        rows = [
            (doc, count)
            for doc in _candidates(self.span, index).tolist()
            if (count := len(self.span.extents(_positions(index, held, doc))))
        ]
        docs, counts = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return Hits(docs, index.score(docs, counts.astype(np.float32), boost, _idf(index, held)))

    def __str__(self) -> str:
        return f"{self.path}:{self.span}"


def _candidates(span: Span | Gap, index: TermIndex) -> Ints:
    """Documents that hold the terms of a span, wherever they stand."""
    if isinstance(span, Word):
        number = index.number(span.term)
        return NONE.docs if number is None else index.postings(number)[0]
    if isinstance(span, Either):
        return union([NONE.docs, *(_candidates(part, index) for part in span.parts)])
    if isinstance(span, Near):
        return common([_candidates(part, index) for part in span.parts if not isinstance(part, Gap)])
    return NONE.docs


def _positions(index: TermIndex, numbers: dict[str, int], doc: int) -> dict[str, list[int]]:
    positions = {}
    for term, number in numbers.items():
        places = index.positions(number)
        start, end = np.searchsorted(places, [doc << POSITION_BITS, (doc + 1) << POSITION_BITS])
        positions[term] = (places[start:end] - (doc << POSITION_BITS)).tolist()
    return positions


def _either(parts: list[Word | Near | Either]) -> Word | Near | Either:
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def _near(path: Path, index: TermIndex, max_expansions: int | None) -> Word | Near | Either:
    """A path as Elasticsearch spells it: a gap comes before the term that precedes it."""
    parts: list[Word | Gap | Near | Either] = []
    before = ""
    for step, term in path:
        if step > 1:
            parts.append(Gap(step - 1))
        if before:
            parts.append(Word(before))
        before = term
    last: Word | Either = Word(before)
    if max_expansions is not None:
        last = Either(tuple(Word(term) for term in islice(index.beginning_with(before), max_expansions)))
    return Near((*parts, last)) if parts else last
