"""Texts to the terms of a field, numbered: what texts have in common is analyzed once."""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from relevance.engines.embedded.rows import offsets_of, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from relevance.analysis import Stream

_PARTS_AT_ONCE = 1 << 19
"""Parts whose tokens are laid out together; temporary arrays take some 100 bytes for each."""


class Tokens(NamedTuple):
    """All tokens of a field, those of each document in the order of their places.

    Attributes:
        terms: the term of each, as a number of `names`.
        docs: the document of each, ascending.
        positions: the place of each in its document.
        is_beside: whether it stands at the place of the one before it.
        names: the terms in the order of their code points, which is that of UTF-8.
    """

    terms: npt.NDArray[np.int32]
    docs: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    is_beside: npt.NDArray[np.bool_]
    names: list[str]


class _Numbers(dict[str, int]):
    """Numbers texts in the order in which they are first met."""

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number


class Lexicon:
    """What the parts of texts become; fields that are analyzed alike share it.

    Args:
        cut: a text to parts that can be analyzed one by one.
        analyze: a part to its tokens, whose positions follow those of the part before it.
    """

    def __init__(self, cut: Callable[[str], Sequence[str]], analyze: Callable[[str], Stream]) -> None:
        self._cut, self._analyze = cut, analyze
        self._parts, self._terms = _Numbers(), _Numbers()
        # of each part: how many tokens it has, and how far the next one is
        self._sizes, self._lengths = array("i"), array("i")
        # of the tokens of all parts, one after the other
        self._numbers, self._places, self._beside = array("i"), array("i"), array("b")

    def tokens(self, docs: Iterable[int], texts: Iterable[str], gap: int) -> Tokens:
        """Give the tokens of texts.

        Args:
            docs: the document of each text, ascending.
            texts: a document may have several.
            gap: positions between two texts of a document.
        """
        chunks = [self._laid_out(array("i"), array("i"), array("i"), gap)]
        of_text, counts, parts = array("i"), array("i"), array("i")
        number, last = self._parts.__getitem__, -1
        for doc, text in zip(docs, texts, strict=True):
            if len(parts) >= _PARTS_AT_ONCE and doc != last:
                chunks.append(self._laid_out(of_text, counts, parts, gap))
                of_text, counts, parts = array("i"), array("i"), array("i")
            cut = self._cut(text)
            parts.extend(map(number, cut))
            counts.append(len(cut))
            of_text.append(doc)
            last = doc
        chunks.append(self._laid_out(of_text, counts, parts, gap))
        terms, of_token, positions, is_beside = map(np.concatenate, zip(*chunks, strict=True))
        used = np.flatnonzero(np.bincount(terms, minlength=len(self._terms)))
        every = list(self._terms)
        names = [every[one] for one in used.tolist()]
        order = sorted(range(len(names)), key=names.__getitem__)
        ranks = np.empty(len(every), dtype=np.int32)
        ranks[used[order]] = np.arange(len(names), dtype=np.int32)
        return Tokens(ranks[terms], of_token, positions, is_beside, [names[one] for one in order])

    def _laid_out(
        self, of_text: array[int], counts: array[int], parts: array[int], gap: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """Term, document, position and `is_beside` of each token of some texts, each of some of the parts."""
        self._learn()
        docs, flat = np.array(of_text, dtype=np.int32), np.array(parts, dtype=np.int32)
        ends = offsets_of(np.array(counts, dtype=np.int32))
        lengths = np.array(self._lengths, dtype=np.int64)[flat]
        lengths[ends[1:] - 1] += gap
        begins = offsets_of(lengths)
        firsts = np.flatnonzero(np.diff(docs, prepend=-1))  # the first text of each document
        origins = np.repeat(begins[ends[firsts]], np.diff(ends[firsts], append=len(flat)))
        sizes = np.array(self._sizes, dtype=np.int32)
        sizes_here = sizes[flat]
        tokens = runs(offsets_of(sizes)[flat], sizes_here)
        positions = np.repeat((begins[:-1] - origins - 1).astype(np.int32), sizes_here)
        return (
            np.array(self._numbers, dtype=np.int32)[tokens],
            np.repeat(np.repeat(docs, np.diff(ends)), sizes_here),
            positions + np.array(self._places, dtype=np.int32)[tokens],
            np.array(self._beside, dtype=np.bool_)[tokens],
        )

    def _learn(self) -> None:
        """Analyze the parts that are new."""
        number = self._terms.__getitem__
        for part in islice(self._parts, len(self._sizes), None):
            tokens, rest = self._analyze(part)
            place = 0
            for token in tokens:
                place += token.step
                self._numbers.append(number(token.term))
                self._places.append(place)
                self._beside.append(token.step == 0)
            self._sizes.append(len(tokens))
            self._lengths.append(place + rest)
