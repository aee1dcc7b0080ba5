"""Sparse matrices by row: what little of them the embedded engine needs, sums of float64 in the order of their addends.

scipy multiplies them some four times as fast, and takes half as much room as all else that a plain installation has. It
is used where it is there, as it is beside PyTorch's models; both give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    import numpy.typing as npt

    _Ints = npt.NDArray[Any]
    _Floats = npt.NDArray[Any]

_AT_ONCE = 1 << 20  # addends, and cells of sums, that are worked on together
_CELLS = 16  # so many cells to an addend are sought through faster than addends are sorted


def offsets_of(sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Say where each of some adjoining runs begins, and the end of the last."""
    return np.concatenate([[0], np.cumsum(sizes)], dtype=np.int64)


def runs(starts: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Number several runs, one after the other: [5, 0], [2, 3] gives [5, 6, 0, 1, 2]."""
    offsets = offsets_of(sizes)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)


@dataclass(eq=False)
class Rows:
    """A matrix of which few cells are stored.

    Attributes:
        data: shape (stored,), what is stored, row by row.
        indices: shape (stored,), the column of each.
        indptr: shape (rows + 1,), where each row begins, and the end of the last.
        columns: how many there are.
    """

    data: _Floats
    indices: _Ints
    indptr: _Ints
    columns: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, rows: slice) -> Rows:
        start, stop, _ = rows.indices(len(self))
        ends = self.indptr[start : max(start, stop) + 1]
        cells = slice(int(ends[0]), int(ends[-1]))
        return Rows(self.data[cells], self.indices[cells], ends - ends[0], self.columns)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Shape (rows,): how many cells of each are stored."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Shape (stored,): the row of each cell."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @classmethod
    def counted(cls, indices: _Ints, indptr: _Ints, columns: int) -> Rows:
        """Count how often each row names a column; the columns of a row ascend."""
        parts: list[tuple[_Ints, _Ints, _Ints]] = []
        for rows in _slices(indptr, 0):
            start, end = int(indptr[rows.start]), int(indptr[rows.stop])
            sizes = np.diff(indptr[rows.start : rows.stop + 1])
            keys, counts = np.unique(
                np.repeat(np.arange(len(sizes)) * columns, sizes) + indices[start:end], return_counts=True
            )
            each, column = _by_row(keys, len(sizes), columns)
            parts.append((each, column, counts))
        totals, found, counts = (np.concatenate(each) for each in zip(*parts, strict=True))
        return cls(counts.astype(np.float32), found.astype(indices.dtype), offsets_of(totals), columns)

    def transposed(self) -> Rows:
        """Turn rows into columns; the new ones' columns ascend."""
        order = np.argsort(self.indices, kind="stable")
        sizes = np.bincount(self.indices, minlength=self.columns)
        rows = self.rows.astype(np.int32 if len(self) <= np.iinfo(np.int32).max else np.int64)
        return Rows(self.data[order], rows[order], offsets_of(sizes), len(self))

    def totals(self) -> npt.NDArray[np.float64]:
        """Shape (rows,): the sum of each."""
        return np.asarray(np.bincount(self.rows, self.data, minlength=len(self)), dtype=np.float64)

    def times(self, other: Rows) -> Rows:
        """Multiply two matrices in float64; sums of 0 are not stored, the columns of a row have any order."""
        if scipy := _scipy():
            mine, its = (
                scipy.csr_array((one.data, one.indices, one.indptr), shape=(len(one), one.columns))
                for one in (self, other)
            )
            product = mine @ its
            return Rows(product.data, product.indices, product.indptr, other.columns)
        return self._times(other)

    def _times(self, other: Rows) -> Rows:
        each = other.sizes[self.indices]
        ends = offsets_of(each)[self.indptr]
        parts: list[tuple[_Ints, _Ints, _Floats]] = []
        for rows in _slices(ends, other.columns):
            cells = slice(int(self.indptr[rows.start]), int(self.indptr[rows.stop]))
            sizes = each[cells]
            places = runs(other.indptr[self.indices[cells]], sizes)
            values = np.repeat(self.data[cells], sizes) * other.data[places]
            count = rows.stop - rows.start
            keys = np.repeat(np.arange(count) * other.columns, np.diff(ends[rows.start : rows.stop + 1]))
            keys += other.indices[places]
            found, sums = _summed(keys, values, count * other.columns)
            parts.append((*_by_row(found, count, other.columns), sums))
        totals, columns, data = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Rows(data, columns, offsets_of(totals), other.columns)

    def spread(self) -> npt.NDArray[np.float64]:
        """Shape (rows, columns): every cell."""
        cells = np.zeros((len(self), self.columns))
        cells[self.rows, self.indices] = self.data
        return cells


def added(parts: Sequence[Rows]) -> Rows:
    """Add matrices of one shape in float64, in their order; cells that any of them stores are stored, but for 0."""
    parts = [part for part in parts if len(part.data)] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    rows, size = len(parts[0]), len(parts)
    stacked = Rows(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.indices for part in parts]),
        offsets_of(np.concatenate([part.sizes for part in parts])),
        parts[0].columns,
    )
    addends = np.arange(rows * size).reshape(size, rows).T.ravel()
    choice = Rows(np.ones(rows * size), addends, np.arange(0, rows * size + 1, size), rows * size)
    return choice.times(stacked)


def _slices(ends: _Ints, columns: int) -> Iterator[slice]:
    """Rows that are worked on together: about `_AT_ONCE` addends and cells, or one row; at least one slice."""
    first, last = 0, len(ends) - 1
    most = max(1, _AT_ONCE // columns) if columns else last
    while first < last:
        by_size = int(np.searchsorted(ends, ends[first] + _AT_ONCE, side="right")) - 1
        until = min(max(by_size, first + 1), first + most, last)
        yield slice(first, until)
        first = until
    if not last:
        yield slice(0, 0)


@cache
def _scipy() -> ModuleType | None:
    try:
        from scipy import sparse  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return sparse


def _by_row(keys: _Ints, rows: int, columns: int) -> tuple[_Ints, _Ints]:
    """How many of the keys, which ascend, each row has, and the column of each key."""
    sizes = np.diff(np.searchsorted(keys, np.arange(rows + 1) * columns))
    return sizes, keys - np.repeat(np.arange(rows) * columns, sizes)


def _summed(keys: npt.NDArray[np.int64], values: _Floats, cells: int) -> tuple[npt.NDArray[np.int64], _Floats]:
    """The keys, each once and ascending, with the sums of their values in the order in which they stand."""
    if len(keys) * _CELLS >= cells:
        sums = np.bincount(keys, values, minlength=cells)
        found = np.flatnonzero(sums)
        return found, sums[found]
    distinct, inverse = np.unique(keys, return_inverse=True)
    sums = np.bincount(inverse, values)
    stored = sums != 0
    return distinct[stored], sums[stored]
