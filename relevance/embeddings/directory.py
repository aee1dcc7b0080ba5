"""Which shard holds the vector of a text, as arrays: a dictionary of all texts would weigh as much as their vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.embeddings.shards import INDEX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from relevance.embeddings.shards import Shard

__all__ = ["Directory", "Found"]

_ROWS_AT_ONCE = 4096
_MAPPED_FROM = 0.9
"""Share of a file's rows that has to be wanted: a row that is not wanted is still compared with every query."""


@dataclass(frozen=True, eq=False)
class Found:
    """Vectors of texts.

    Attributes:
        matrix: shape (texts or more, dimensions), float32; a read-only memory map where one file holds hardly more.
        rows: shape (texts,), the row of each text.
        tokens: shape (texts,), lengths in tokens.
    """

    matrix: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]


class Directory:
    """Where each text's vector is; of two vectors the one with the lower checksum, which no merge can change.

    Args:
        shards: open shards.
        width: dimensions of a vector.
    """

    def __init__(self, shards: Sequence[Shard], *, width: int) -> None:
        self._shards = tuple(shards)
        self._width = width
        index = np.concatenate([np.zeros(0, dtype=INDEX), *(shard.index for shard in shards)])
        # as bytes of equal length, whose padding says nothing; records themselves have no order
        digests = np.ascontiguousarray(index["digest"]).view("S16")
        order = np.lexsort((index["crc"], digests))
        ascending = digests[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = ascending[1:] != ascending[:-1]
        held = order[first]
        self._digests = ascending[first]
        self.index: npt.NDArray[Any] = index[held]
        """The records of all texts, ascending by digest."""
        sizes = np.array([len(shard.index) for shard in shards], dtype=np.int64)
        self._shard = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)[held]
        self._row = held - (np.cumsum(sizes) - sizes)[self._shard]

    def holds(self, digests: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Shape (digests,): which texts have a vector."""
        return self._places(digests) >= 0

    def read(self, digests: Sequence[bytes]) -> Found:
        """The vectors of texts, checked; they are not copied where they can be used as they lie on disk.

        Raises:
            DamagedFileError: a vector is damaged.
            KeyError: a text is not there.
        """
        places = self._places(digests)
        if places.min(initial=0) < 0:
            raise KeyError(digests[int(np.argmin(places))])
        tokens = self.index["tokens"][places].astype(np.int64)
        used = np.unique(self._shard[places])
        if len(used) == 1 and len(places) >= _MAPPED_FROM * len(self._shards[used[0]].index):
            shard, rows = self._shards[used[0]], self._row[places]
            for piece in _pieces(rows):
                shard.read(piece)
            return Found(shard.vectors, rows, tokens)
        return Found(self._gathered(places), np.arange(len(places)), tokens)

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """The vectors of all texts in the order of `index`, piece by piece."""
        return (self._gathered(piece) for piece in _pieces(np.arange(len(self._digests))))

    def _places(self, digests: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Shape (digests,): the row of each in `index`, -1 where it has none."""
        wanted = np.frombuffer(b"".join(digests), dtype=self._digests.dtype)
        places = np.searchsorted(self._digests, wanted)
        if not len(self._digests):
            return np.full(len(wanted), -1, dtype=np.int64)
        near = np.minimum(places, len(self._digests) - 1)
        return np.where(self._digests[near] == wanted, near, -1)

    def _gathered(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Copied piece by piece: at no time does memory hold the vectors twice."""
        vectors = np.empty((len(places), self._width), dtype=np.float32)
        shards = self._shard[places]
        for number in np.unique(shards):
            for piece in _pieces(np.flatnonzero(shards == number)):
                vectors[piece] = self._shards[number].read(self._row[places[piece]])
        return vectors


def _pieces(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
