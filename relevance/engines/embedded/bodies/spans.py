"""Phrases over a graph of tokens, as Lucene's span queries match them: ordered, side by side, alternatives in between.

Span queries look for matches lazily: a part that has moved on never goes back, so that of alternatives of different
lengths some matches are missed. This walk misses the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from itertools import takewhile
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Extent: TypeAlias = "tuple[int, int]"
"""Where a match begins, and the position behind it."""


@dataclass(frozen=True)
class Word:
    """A term."""

    term: str

    def terms(self) -> Iterator[str]:
        """All terms below."""
        yield self.term

    def extents(self, positions: Mapping[str, Sequence[int]]) -> list[Extent]:
        """The matches in a document, in the order in which Lucene meets them."""
        return [(position, position + 1) for position in positions.get(self.term, ())]

    def __str__(self) -> str:
        return self.term


@dataclass(frozen=True)
class Gap:
    """Positions that anything or nothing may hold."""

    width: int

    def terms(self) -> Iterator[str]:
        """A gap has none."""
        return iter(())

    def __str__(self) -> str:
        return f"SpanGap({self.width})"


@dataclass(frozen=True)
class Either:
    """Alternatives."""

    parts: tuple[Word | Near | Either, ...]

    def terms(self) -> Iterator[str]:
        """All terms below."""
        for part in self.parts:
            yield from part.terms()

    def extents(self, positions: Mapping[str, Sequence[int]]) -> list[Extent]:
        """The matches of all parts; what two of them match counts twice."""
        return list(merge(*(part.extents(positions) for part in self.parts)))

    def __str__(self) -> str:
        return f"spanOr([{', '.join(map(str, self.parts))}])"


@dataclass(frozen=True)
class Near:
    """Parts side by side, in order."""

    parts: tuple[Word | Gap | Either | Near, ...]

    def terms(self) -> Iterator[str]:
        """All terms below."""
        for part in self.parts:
            yield from part.terms()

    def extents(self, positions: Mapping[str, Sequence[int]]) -> list[Extent]:
        """The matches, one for each of the first part that the others follow without a hole."""
        leading = list(takewhile(lambda part: isinstance(part, Gap), self.parts))
        first, parts = self.parts[len(leading)], self.parts[len(leading) + (not leading) :]
        begins = [] if isinstance(first, Gap) else first.extents(positions)
        if width := sum(gap.width for gap in leading if isinstance(gap, Gap)):
            begins = [(start - width, start) for start in sorted({start for start, _ in begins}) if start >= width]
        rest = [[] if isinstance(part, Gap) else part.extents(positions) for part in parts]
        at = [0] * len(rest)
        matches: list[Extent] = []
        for begin, end in begins:
            holes = 0
            for number, (part, extents) in enumerate(zip(parts, rest, strict=True)):
                if isinstance(part, Gap):
                    end += part.width  # noqa: PLW2901 - the end moves on with the parts
                    continue
                while at[number] < len(extents) and extents[at[number]][0] < end:
                    at[number] += 1
                if at[number] == len(extents):
                    return matches
                start, stop = extents[at[number]]
                holes += start - end
                end = stop  # noqa: PLW2901
            if not holes:
                matches.append((begin, end))
        return matches

    def __str__(self) -> str:
        return f"spanNear([{', '.join(map(str, self.parts))}], 0, true)"


Span: TypeAlias = Word | Either | Near
