"""Texts as counts of the standard analyzer's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.analysis.standard import chunk_tokens
from relevance.engines.embedded.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt


class Vocabulary:
    """The tokens of all fields, numbered as they are met until the vocabulary is settled.

    The tokens of a piece of text between spaces are remembered: nearly all of a text was seen before.
    """

    _REMEMBERED = 500_000
    _AT_ONCE = 1_000_000
    """So many tokens are a list, which weighs thrice what an array does."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._pieces: dict[str, list[int]] = {}
        self._settled = False

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, text: str) -> dict[str, int | None]:
        """The tokens of a text, in their order, with their numbers; None for one that no field has."""
        tokens = (token for piece in text.split(" ") for token in chunk_tokens(piece))
        return {token: self._numbers.get(token) for token in tokens}

    def settle(self) -> None:
        """From now on leave out tokens that have no number."""
        self._settled = True
        self._pieces.clear()

    def count(self, texts: Iterable[str]) -> Rows:
        """Count the tokens of texts, a row each; there are as many columns as tokens have a number afterwards."""
        parts: list[npt.NDArray[np.int32]] = []
        tokens: list[int] = []
        ends = [0]
        before = 0
        for text in texts:
            for piece in text.split(" "):
                known = self._pieces.get(piece)
                tokens += self._numbered(piece) if known is None else known
            ends.append(before + len(tokens))
            if len(tokens) >= self._AT_ONCE:
                parts.append(np.array(tokens, dtype=np.int32))
                before += len(tokens)
                tokens.clear()
        numbers = np.concatenate([*parts, np.array(tokens, dtype=np.int32)])
        return Rows.counted(numbers, np.array(ends), len(self))

    def _numbered(self, piece: str) -> list[int]:
        if self._settled:
            numbers = [self._numbers[token] for token in chunk_tokens(piece) if token in self._numbers]
        else:
            numbers = [self._numbers.setdefault(token, len(self._numbers)) for token in chunk_tokens(piece)]
        if len(self._pieces) >= self._REMEMBERED:
            self._pieces.clear()
        self._pieces[piece] = numbers
        return numbers
