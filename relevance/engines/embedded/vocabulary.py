"""Texts as counts of numbered tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

from relevance.engines.embedded.analysis import chunk_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Counts", "Vocabulary"]

Counts: TypeAlias = "sparse.csr_array[np.float32, tuple[int, int]]"
"""Shape (texts, tokens): how often a token occurs in a text."""


class Vocabulary:
    """The tokens of all fields, numbered as they are met until the vocabulary is settled.

    The tokens of a piece of text between spaces are remembered: nearly all of a text was seen before.
    """

    _REMEMBERED = 500_000

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._pieces: dict[str, list[int]] = {}
        self._settled = False

    def __len__(self) -> int:
        return len(self._numbers)

    def settle(self) -> None:
        """From now on leave out tokens that have no number."""
        self._settled = True
        self._pieces.clear()

    def count(self, texts: Iterable[str]) -> Counts:
        """Count the tokens of texts; there are as many columns as tokens have a number afterwards."""
        tokens: list[int] = []
        ends = [0]
        for text in texts:
            for piece in text.split(" "):
                known = self._pieces.get(piece)
                tokens += self._learnt(piece) if known is None else known
            ends.append(len(tokens))
        ones = np.ones(len(tokens), dtype=np.float32)
        shape = (len(ends) - 1, len(self))
        counts = sparse.csr_array((ones, np.array(tokens, dtype=np.int32), np.array(ends)), shape=shape)
        counts.sum_duplicates()
        return counts

    def _learnt(self, piece: str) -> list[int]:
        if self._settled:
            numbers = [self._numbers[token] for token in chunk_tokens(piece) if token in self._numbers]
        else:
            numbers = [self._numbers.setdefault(token, len(self._numbers)) for token in chunk_tokens(piece)]
        if len(self._pieces) >= self._REMEMBERED:
            self._pieces.clear()
        self._pieces[piece] = numbers
        return numbers
