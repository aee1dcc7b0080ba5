"""Terms that are spelt about like a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.engines.embedded.bodies.edits import expansions, fuzziness
from relevance.engines.embedded.bodies.leaves import Term
from relevance.engines.embedded.bodies.nodes import Bool, MatchNone, Node, boosted
from relevance.engines.embedded.bodies.words import NotPlannedError

if TYPE_CHECKING:
    from relevance.engines.embedded.bodies.levels import Level

_REMEMBERED = 2_000  # words, each with the query that stands for it


@dataclass(frozen=True)
class Fuzzy(Node):
    """Terms a few edits away from a word; rewriting looks them up."""

    path: str
    term: str
    fuzziness: str = "AUTO"
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True

    def rewritten(self, level: Level) -> Node:
        if self.varies:
            raise NotPlannedError
        known = level.catalogue.spellings.get(self)
        if known is None:
            if len(level.catalogue.spellings) >= _REMEMBERED:
                level.catalogue.spellings.clear()
            known = level.catalogue.spellings[self] = self._terms(level)
        return known

    def _terms(self, level: Level) -> Node:
        index, allowed = level.catalogue.terms(self.path), fuzziness(self.fuzziness)
        if index is None or allowed is None:
            return MatchNone()
        near = index.spellings.near(
            self.term,
            allowed.edits(self.term) if self.term else 0,  # no term is similar to an empty one
            prefix=self.prefix_length,
            transpositions=self.transpositions,
        )
        chosen = expansions(index.terms, *near, self.term, self.max_expansions)
        if not chosen:
            return MatchNone()
        numbers = (index.number(term) for term, _ in chosen)
        most = max(index.df(number) for number in numbers if number is not None)
        return Bool(should=tuple(boosted(Term(self.path, term, most), float(boost)) for term, boost in chosen))

    def __str__(self) -> str:
        return f"{self.path}:{self.term}~{self.fuzziness}"
