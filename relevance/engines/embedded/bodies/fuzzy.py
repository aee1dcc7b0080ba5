"""Terms that are spelt about like a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relevance.engines.embedded.bodies.edits import expansions, fuzziness
from relevance.engines.embedded.bodies.expanded import NO_TERMS, Expanding, Expansion

if TYPE_CHECKING:
    from relevance.engines.embedded.bodies.fields import TermIndex
    from relevance.engines.embedded.bodies.levels import Level, Levels
    from relevance.engines.embedded.bodies.nodes import Node


@dataclass(frozen=True)
class Fuzzy(Expanding):
    """Terms a few edits away from a word."""

    path: str
    term: str
    fuzziness: str = "AUTO"
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True

    def rewritten(self, level: Level) -> Node:
        return self.expanded(level.catalogue)

    @property
    def word(self) -> object:
        return self.term

    def spelt(self, levels: Levels) -> Fuzzy:
        if not self.varies:
            return self
        term, more = levels.spelt(self.term), (self.prefix_length, self.max_expansions, self.transpositions)
        return Fuzzy(self.path, term, self.fuzziness, *more)

    def terms(self, index: TermIndex) -> Expansion:
        allowed = fuzziness(self.fuzziness)
        if allowed is None:
            return NO_TERMS
        edits = allowed.edits(self.term) if self.term else 0  # no term is similar to an empty one
        if edits:
            near = index.spellings.near(self.term, edits, prefix=self.prefix_length, transpositions=self.transpositions)
            lengths = index.spellings.lengths(near[0])
            numbers, boosts = expansions(near, lengths, len(self.term), self.max_expansions)
        else:
            number = index.number(self.term)
            numbers = np.array([] if number is None else [number], dtype=np.int64)[: self.max_expansions]
            boosts = np.ones(len(numbers), dtype=np.float32)
        most = max((index.df(number) for number in numbers.tolist()), default=0)
        return Expansion(numbers, boosts, most) if most else NO_TERMS

    def __str__(self) -> str:
        return f"{self.path}:{self.term}~{self.fuzziness}"
