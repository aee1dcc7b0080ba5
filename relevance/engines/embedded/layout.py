"""The hits of queries as few rectangles: rows of about the same length are worked on together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from relevance.engines.embedded.scores import offsets_of

if TYPE_CHECKING:
    import numpy.typing as npt

    _Ints: TypeAlias = npt.NDArray[np.int64]

_Number = TypeVar("_Number", bound=np.generic)

__all__ = ["Block", "Layout"]

_NARROWEST = 16


@dataclass(frozen=True, eq=False)
class Block:
    """Queries with about as many hits each, their hits as a rectangle.

    Attributes:
        queries: shape (rows,).
        start: its first cell among all.
        width: cells of a row; a row's hits stand first, in the order in which they were given.
    """

    queries: _Ints
    start: int
    width: int

    @property
    def cells(self) -> slice:
        """Where it lies."""
        return slice(self.start, self.start + len(self.queries) * self.width)

    def of(self, cells: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
        """Shape (rows, width)."""
        return cells[self.cells].reshape(-1, self.width)


class Layout:
    """Where the hits of queries lie, as few rectangles.

    Args:
        query: shape (hits,), ascending; hits of one query may have any order.
        queries: how many there are.
    """

    def __init__(self, query: _Ints, queries: int) -> None:
        sizes = np.bincount(query, minlength=queries)
        widths = np.exp2(np.ceil(np.log2(np.maximum(sizes, _NARROWEST)))).astype(np.int64)
        starts = np.zeros(queries, dtype=np.int64)
        self.blocks: list[Block] = []
        self.size = 0
        for width in np.unique(widths[sizes > 0]).tolist():
            rows = np.flatnonzero((widths == width) & (sizes > 0))
            starts[rows] = self.size + width * np.arange(len(rows))
            self.blocks.append(Block(rows, self.size, width))
            self.size += width * len(rows)
        self.places = (starts - offsets_of(sizes)[:-1])[query] + np.arange(len(query))

    def laid(self, values: npt.NDArray[_Number], rest: float = 0) -> npt.NDArray[_Number]:
        """The values of the hits, in their order, at their places, and `rest` at all others; shape (cells,)."""
        cells = np.full(self.size, rest, dtype=values.dtype)
        cells[self.places] = values
        return cells
