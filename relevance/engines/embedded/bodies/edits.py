"""Edit distances between a word and a vocabulary: insert, delete, replace, and swap of neighbours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from relevance.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    _Letters: TypeAlias = npt.NDArray[np.uint32]
    _Ints: TypeAlias = npt.NDArray[np.int64]
    Near: TypeAlias = tuple[_Ints, _Ints]

_AUTO = re.compile(r"AUTO(?::(\d+),(\d+))?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
MOST_EDITS = 2
ALLOWED = "AUTO, AUTO:low,high, 0, 1 or 2"


class Fuzziness(NamedTuple):
    """How many edits a word may be away, by its length in code points.

    Attributes:
        one_from: the length from which one edit is allowed.
        two_from: the length from which two are.
    """

    one_from: int
    two_from: int

    def edits(self, word: str) -> int:
        """How many edits a term may be away from this word."""
        return (len(word) >= self.one_from) + (len(word) >= self.two_from)


_NEVER = 1 << 30
_REMEMBERED = 10_000  # words of queries
_BY_NUMBER = (Fuzziness(_NEVER, _NEVER), Fuzziness(0, _NEVER), Fuzziness(0, 0))


def fuzziness(value: object) -> Fuzziness | None:
    """Read Elasticsearch's `fuzziness`; None where it is none."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if auto := _AUTO.fullmatch(text):
        low, high = (int(each) for each in auto.groups(default="0")) if auto[1] else (3, 6)
        return Fuzziness(low, high) if low <= high else None
    if _NUMBER.fullmatch(text) and float(text) in range(MOST_EDITS + 1):
        return _BY_NUMBER[int(float(text))]
    return None


class Spellings:
    """A vocabulary, laid out so that the terms near a word are found at once.

    Args:
        terms: any; their places are the numbers that are returned.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        letters = np.frombuffer("".join(terms).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        self._lengths = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
        self._starts = np.cumsum(self._lengths) - self._lengths
        masks = np.zeros(len(terms), dtype=np.uint64)
        filled = self._lengths > 0
        if filled.any():
            masks[filled] = np.bitwise_or.reduceat(_bits(letters), self._starts[filled])
        self._letters = np.append(letters, np.uint32(0))  # one more, so that there is one to look at
        # in the order of their lengths, so that those of near lengths lie side by side
        self._by_length = np.argsort(self._lengths, kind="stable")
        self._masks = masks[self._by_length]
        self._ends = np.cumsum(np.bincount(self._lengths, minlength=1))
        self._known: Remembered[tuple[str, int, int, bool], Near] = Remembered(_REMEMBERED)

    def near(self, word: str, edits: int, *, prefix: int = 0, transpositions: bool = True) -> Near:
        """Find the terms at most `edits` away: their numbers, ascending, and how far each is.

        Args:
            word: what they are compared with.
            edits: the greatest distance.
            prefix: so many code points at the start have to be the same.
            transpositions: whether a swap of neighbours is one edit, or else two.
        """
        key = (word, edits, prefix, transpositions)
        if key not in self._known:
            self._known[key] = self._near(*key)
        return self._known[key]

    def _near(self, word: str, edits: int, prefix: int, transpositions: bool) -> Near:  # noqa: FBT001 - the key
        letters = np.frombuffer(word.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        mask = np.bitwise_or.reduce(_bits(letters), initial=0)
        run = slice(self._end_of(len(letters) - edits - 1), self._end_of(len(letters) + edits))
        # One edit takes at most one letter away and brings at most one.
        theirs = self._masks[run]
        alike = (np.bitwise_count(theirs & ~mask) <= edits) & (np.bitwise_count(mask & ~theirs) <= edits)
        candidates = np.sort(self._by_length[run][alike])
        head = min(prefix, len(letters))
        candidates = candidates[self._lengths[candidates] >= head]
        for place in range(head):
            candidates = candidates[self._letters[self._starts[candidates] + place] == letters[place]]
        starts, lengths = self._starts[candidates] + head, self._lengths[candidates] - head
        measure = self._distances if edits > 1 else self._one_edit
        distances = measure(letters[head:], starts, lengths, edits, transpositions=transpositions)
        near = distances <= edits
        return candidates[near], distances[near]

    def _end_of(self, length: int) -> int:
        """How many terms are of this length or shorter."""
        return int(self._ends[min(length, len(self._ends) - 1)]) if length >= 0 else 0

    def lengths(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many code points terms have."""
        return self._lengths[numbers]

    def _one_edit(self, word: _Letters, starts: _Ints, lengths: _Ints, edits: int, *, transpositions: bool) -> _Ints:
        """The same as `_distances`, where what lies beyond one edit may be any larger number.

        What a term and the word have in common at their starts and at their ends leaves one letter at most between.
        """
        size = len(word)
        places = np.arange(size)[:, None]
        last = len(self._letters) - 1
        ahead = self._letters[np.minimum(starts + places, last)] == word[:, None]
        ahead &= places < lengths
        behind = self._letters[np.maximum(starts + lengths - 1 - places, 0)] == word[::-1, None]
        behind &= places < lengths
        prefix = np.logical_and.accumulate(ahead, axis=0).sum(axis=0)
        suffix = np.logical_and.accumulate(behind, axis=0).sum(axis=0)
        is_same = (lengths == size) & (prefix == size)
        is_near = (np.abs(lengths - size) <= 1) & (prefix + suffix >= np.maximum(lengths, size) - 1)
        if transpositions:
            for at in np.flatnonzero((lengths == size) & (prefix + suffix == size - 2)).tolist():
                first = starts[at] + prefix[at]
                is_near[at] = (self._letters[first : first + 2] == word[prefix[at] : prefix[at] + 2][::-1]).all()
        return np.where(is_same, 0, np.where(is_near, 1, edits + 2))

    def _distances(self, word: _Letters, starts: _Ints, lengths: _Ints, edits: int, *, transpositions: bool) -> _Ints:
        """Distances of terms, by where their letters begin and how many they are; beyond `edits` any larger number.

        The table of Levenshtein, row by row of the word, only so far from the diagonal as the edits reach.
        """
        longest = len(word) + edits
        places = np.arange(longest)[:, None]
        inside = places < lengths
        at = np.where(inside, starts + places, 0)
        letters = np.where(inside, self._letters[at], np.iinfo(np.uint32).max)
        beyond = np.int16(edits + 1)
        earlier = before = np.full((longest + 1, len(starts)), beyond)
        reach = min(edits, longest)
        before[: reach + 1] = np.arange(reach + 1)[:, None]
        for row in range(1, len(word) + 1):
            current = np.full(before.shape, beyond)
            if row <= edits:
                current[0] = row
            first, last = max(row - edits, 1), row + edits
            band = current[first : last + 1]
            differs = letters[first - 1 : last] != word[row - 1]
            np.minimum(before[first : last + 1] + 1, before[first - 1 : last] + differs, out=band)
            if transpositions and row > 1:
                second = max(first, 2)
                is_first = letters[second - 2 : last - 1] == word[row - 1]
                swapped = is_first & (letters[second - 1 : last] == word[row - 2])
                moved = np.where(swapped, earlier[second - 2 : last - 1] + 1, beyond)
                np.minimum(band[second - first :], moved, out=band[second - first :])
            # each is at most one more than the one before it in the row
            run = current[first - 1 : last + 1]
            steps = np.arange(len(run), dtype=np.int16)[:, None]
            np.minimum.accumulate(run - steps, axis=0, out=run)
            run += steps
            earlier, before = before, current
        return before[lengths, np.arange(len(starts))].astype(np.int64)


def _bits(letters: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    return np.uint64(1) << (letters & np.uint32(63)).astype(np.uint64)


def expansions(
    near: Near, lengths: npt.NDArray[np.int64], length: int, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Choose the terms that stand for a word: their numbers, ascending, and their boosts.

    Args:
        near: numbers of terms near the word, ascending, and their distances.
        lengths: of these, in code points.
        length: of the word.
        most: how many are chosen, those with the highest boosts; of equal ones the first in the vocabulary.
    """
    numbers, distances = near
    with np.errstate(divide="ignore", invalid="ignore"):
        boosts = np.float32(1) - distances.astype(np.float32) / np.minimum(lengths, length).astype(np.float32)
    boosts[distances == 0] = 1
    chosen = np.sort(np.lexsort((numbers, -boosts))[:most])
    return numbers[chosen], np.maximum(boosts[chosen], np.float32(0))
