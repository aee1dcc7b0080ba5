"""Words of a query that no product has, corrected to words that products have."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from relevance.analysis.standard import analyze
from relevance.engines.embedded.bodies.edits import Fuzziness, Spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relevance.analysis import Stream

# chosen on the fine-tuning queries of Home Depot alone, see docs/studies/text-strategies.csv
_EDITS = Fuzziness(one_from=4, two_from=6)
_FEWEST_PRODUCTS = 2
_SHORTEST_PART = 2


class Speller:
    """Corrects queries by the words of the products.

    A word is left alone where the products have all that its analysis makes of it, where it has anything but letters,
    or less than four of them. Else it becomes the nearest word that two products or more have: one edit away, or two
    for words of six letters or more, a swap of neighbours being one, or two words run together being one; of several at
    one distance that of the most products, then the first in the order of the alphabet.

    Args:
        products: the texts of each product.
        analyzer: of the fields that are matched.
    """

    def __init__(self, products: Iterable[Sequence[str]], analyzer: Callable[[str], Stream]) -> None:
        counts: Counter[str] = Counter()
        for texts in products:
            counts.update({word for text in texts for word in analyze(text)})
        self._counts = counts
        self._tokens = cache(lambda word: tuple(token.term for token in analyzer(word).tokens))
        self._known = {token for word in counts for token in self._tokens(word)}
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
        if not edits or not word.isalpha() or self._known.issuperset(self._tokens(word)):
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
