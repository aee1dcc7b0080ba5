"""Terms that stand for a word of a query: those spelt about like it, or those that begin with it.

Where the word is known, rewriting puts the terms into its place. In a plan (see `plans`) the word is not known: one
leaf takes the place of the terms, which looks them up with the words of each query. What rewriting would do with the
terms themselves is decided by few answers, which are asked for each query: see `Question`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from relevance.engines.embedded.bodies.hits import NO_DOCS, Floats, Hits, Ints, sums, union
from relevance.engines.embedded.bodies.leaves import Term
from relevance.engines.embedded.bodies.nodes import Bool, MatchNone, Node, boosted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.embedded.bodies.fields import TermIndex
    from relevance.engines.embedded.bodies.levels import Level, Levels


class Expansion(NamedTuple):
    """Terms by their numbers, the boost of each, and in how many documents all are taken to be; None: it is counted."""

    numbers: Ints
    boosts: Floats
    df: int | None


class Expanding(Node):
    """A query that stands for terms; rewriting looks them up.

    Attributes:
        path: of the field.
    """

    path: str

    @property
    @abstractmethod
    def word(self) -> object:
        """The word that the terms stand for; None where there are several."""

    @abstractmethod
    def spelt(self, levels: Levels) -> Expanding:
        """The same with the words of the query that is asked."""

    @abstractmethod
    def terms(self, index: TermIndex) -> Expansion:
        """Look the terms up."""

    def expansion(self, levels: Levels) -> Expansion:
        """Look the terms up, once for all."""
        known = self.spelt(levels)
        terms = levels.expansions.get(known)
        if terms is None:
            index = levels.terms(self.path)
            terms = NO_TERMS if index is None else known.terms(index)
            levels.expansions[known] = terms
        return terms

    def answer(self, levels: Levels) -> str:
        """Say whether there are terms, and whether the word is the only one."""
        numbers = self.expansion(levels).numbers
        index = levels.terms(self.path)
        if index is None or not len(numbers):
            return "none"
        is_same = len(numbers) == 1 and self.word is not None and index.terms[numbers[0]] == levels.spelt(self.word)
        return "same" if is_same else "others"

    def expanded(self, levels: Levels) -> Node:
        """The terms as one query: each is a clause, or a leaf that looks them up later."""
        if self.varies:
            answer = levels.answer(self)
            if answer == "same":
                return Term(self.path, self.word)  # type: ignore[arg-type]
            return MatchNone() if answer == "none" else Expanded(self)
        index, (numbers, boosts, df) = levels.terms(self.path), self.expansion(levels)
        if index is None or not len(numbers):
            return MatchNone()
        terms = (Term(self.path, index.terms[number], df) for number in numbers.tolist())
        return Bool(should=tuple(boosted(term, boost) for term, boost in zip(terms, boosts.tolist(), strict=True)))


NO_TERMS = Expansion(NO_DOCS, np.empty(0, dtype=np.float32), None)


@dataclass(frozen=True)
class Expanded(Node):
    """The terms of a word that comes later, added up."""

    flows = True
    source: Expanding

    def summands(self, level: Level, boost: np.float32, among: Ints | None = None) -> Sequence[Hits]:
        del among
        levels = level.catalogue
        index = level.terms(self.source.path)
        if index is None:
            return ()
        key = (self.source.spelt(levels), level.path, boost)
        known = levels.remembered.get(key)
        if known is None:
            known = _scored(index, self.source.expansion(levels), boost)
            levels.remember(key, known)
        return known.parts

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return sums(self.summands(level, boost, among))

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        del among
        index = level.terms(self.source.path)
        numbers = self.source.expansion(level.catalogue).numbers.tolist()
        return NO_DOCS if index is None else union([index.postings(number)[0] for number in numbers])

    def is_live(self, level: Level) -> bool:
        return level.terms(self.source.path) is not None

    def is_several(self, level: Level) -> bool:
        question = Several(self.source)
        return bool(question.answer(level.catalogue) if level.catalogue.words else level.catalogue.answer(question))

    def __str__(self) -> str:
        return f"({self.source})"


@dataclass(frozen=True)
class Several:
    """Whether the terms are more than one."""

    source: Expanding

    def answer(self, levels: Levels) -> bool:
        return len(self.source.expansion(levels).numbers) > 1


class _Scored(NamedTuple):
    """The documents of terms, those of each term side by side, and the hits of each."""

    docs: Ints
    parts: Sequence[Hits]


def _scored(index: TermIndex, terms: Expansion, boost: np.float32) -> _Scored:
    numbers = terms.numbers.tolist()
    postings = [index.postings(number) for number in numbers]
    counts = [len(docs) for docs, _ in postings]
    docs, freqs = (np.concatenate(each) for each in zip(*postings, strict=True))
    idfs = np.array([index.idf(count if terms.df is None else terms.df) for count in counts], dtype=np.float32)
    boosts = np.repeat(terms.boosts * boost, counts)
    scores = index.score(docs, freqs, boosts, np.repeat(idfs, counts))
    ends = np.cumsum(counts).tolist()
    runs = zip([0, *ends[:-1]], ends, strict=True)
    return _Scored(docs, [Hits(docs[start:end], scores[start:end]) for start, end in runs])
