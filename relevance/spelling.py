"""Words of a query that no product has, corrected to words that products have."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from relevance.analysis import Analysis
from relevance.analysis.standard import analyze
from relevance.engines.embedded.bodies.edits import Fuzziness, Spellings
from relevance.engines.mapping import NOTHING_OVER, OwnMapping, body_with
from relevance.fields import K1, B
from relevance.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relevance.analysis import Stream
    from relevance.fields import Reading
    from relevance.records import Catalogue
    from relevance.strategies import Leg

# chosen on the fine-tuning queries of Home Depot alone, see docs/studies/text-strategies.csv
_EDITS = Fuzziness(one_from=4, two_from=6)
_FEWEST_PRODUCTS = 2
_SHORTEST_PART = 2


class Analyzers(NamedTuple):
    """What makes words of text fields: of what products hold, and of queries."""

    of_texts: Callable[[str], Stream]
    of_queries: Callable[[str], Stream]


class Speller:
    """Corrects queries by the words of the products.

    A word is left alone where the products have all that its analysis makes of it, in fields of one analyzer; where it
    has anything but letters, or less than four of them. Else it becomes the nearest word that two products or more
    have: one edit away, or two for words of six letters or more, a swap of neighbours being one, or two words run
    together being one; of several at one distance that of the most products, then the first in the order of the
    alphabet.

    Args:
        products: of each product, the texts of each of `analyzers`.
        analyzers: of the fields whose words count, each once.
    """

    def __init__(self, products: Iterable[Sequence[Iterable[str]]], analyzers: Sequence[Analyzers]) -> None:
        counts: Counter[str] = Counter()
        held: list[set[str]] = [set() for _ in analyzers]
        for product in products:
            words = [{word for text in texts for word in analyze(text)} for texts in product]
            counts.update(set().union(*words))
            for known, own in zip(held, words, strict=True):
                known.update(own)
        self._counts = counts
        self._known = [
            (each.of_queries, {token.term for word in words for token in each.of_texts(word).tokens})
            for each, words in zip(analyzers, held, strict=True)
        ]
        self._words = sorted(
            word for word, products in counts.items() if products >= _FEWEST_PRODUCTS and word.isalpha()
        )
        self._spellings = Spellings(self._words)
        self._corrected = cache(self._correct)

    def __call__(self, text: str) -> str:
        """Give a query as it is, or its words with the corrections."""
        words = analyze(text)
        corrected = [self._corrected(word) for word in words]
        return text if corrected == words else " ".join(corrected)

    def _correct(self, word: str) -> str:
        edits = _EDITS.edits(word)
        if not edits or not word.isalpha() or self._is_known(word):
            return word
        numbers, distances = self._spellings.near(word, edits)
        near = [
            (distance, -self._counts[self._words[number]], self._words[number])
            for number, distance in zip(numbers.tolist(), distances.tolist(), strict=True)
        ]
        parts = ((word[:at], word[at:]) for at in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1))
        for part in parts:
            products = min(self._counts[each] for each in part)
            if products >= _FEWEST_PRODUCTS:
                near.append((1, -products, " ".join(part)))
        return min(near)[2] if near else word

    def _is_known(self, word: str) -> bool:
        return any(known.issuperset(token.term for token in analyze(word).tokens) for analyze, known in self._known)


class Spellers:
    """Gives what corrects the queries of a leg; made of the products' words where it is first asked for.

    Args:
        catalogue: the products.
        own: settings and mappings that are laid over those of their fields.
        release: of Elasticsearch, as which words are made.
    """

    def __init__(self, catalogue: Catalogue, own: OwnMapping = NOTHING_OVER, *, release: int = 9) -> None:
        self._catalogue, self._own, self._release = catalogue, own, release
        self._of = cache(self._speller_of)

    def __call__(self, leg: Leg) -> Speller:
        """Give what corrects the queries of a leg."""
        reading = leg.reading and replace(leg.reading, k1=K1, b=B)  # how words are made is all that counts
        return self._of(reading, leg.spelling)

    def _speller_of(self, reading: Reading | None, names: tuple[str, ...]) -> Speller:
        fields = self._catalogue.fields.read([reading] if reading else [])
        body = body_with(fields, {}, self._own)
        schema, analysis = Schema.of(body), Analysis(body["settings"], release=self._release)
        names_of: dict[tuple[str, str], list[str]] = {}
        for name in names:
            field = schema.fields[fields.text[reading.of(name) if reading else name].path]
            names_of.setdefault((field.analyzer, field.search_analyzer), []).append(name)
        columns = [zip(*map(self._catalogue.values, alike), strict=True) for alike in names_of.values()]
        products = (
            [[text for values in row for text in values] for row in rows] for rows in zip(*columns, strict=True)
        )
        return Speller(products, [Analyzers(*map(analysis.analyzer, each)) for each in names_of])
