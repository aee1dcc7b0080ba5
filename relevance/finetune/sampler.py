"""Batches in which nothing is a false negative: no text twice, no product twice, no other product of a query's."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Item", "batches"]


@dataclass(frozen=True)
class Item:
    """A row of the training data.

    Attributes:
        texts: what is unlike in any two rows of a batch: the normalised query, the products' normalised texts.
        query: the normalised query.
        products: ids of the positive and, where there is one, of the mined negative.
    """

    texts: frozenset[str]
    query: str
    products: tuple[str, ...]


class _Batch:
    """Rows that can stand side by side."""

    def __init__(self, related: Mapping[str, frozenset[str]]) -> None:
        self.rows: list[int] = []
        self._related = related
        self._texts: set[str] = set()
        self._products: set[str] = set()
        self._relevant: set[str] = set()

    def takes(self, row: int, item: Item) -> bool:
        """Add the row, unless it would be a false negative for one that is there, or one of those for it."""
        relevant = self._related.get(item.query, frozenset())
        if not (
            self._texts.isdisjoint(item.texts)
            and self._products.isdisjoint(item.products)
            and self._relevant.isdisjoint(item.products)
            and self._products.isdisjoint(relevant)
        ):
            return False
        self.rows.append(row)
        self._texts |= item.texts
        self._products.update(item.products)
        self._relevant |= relevant
        return True


def batches(
    items: Sequence[Item], related: Mapping[str, frozenset[str]], *, size: int, seed: int
) -> Iterator[list[int]]:
    """Row numbers batch by batch; each row once at most, in a random order.

    A row that fits no batch yet waits, and is tried first in the next. A batch less than half full is left out, unless
    it is the only one: so few negatives teach little.

    Args:
        items: the rows.
        related: by normalised query the ids of the products that are no negatives for it.
        size: rows of a full batch.
        seed: of the order.
    """
    ahead = iter(np.random.default_rng(seed).permutation(len(items)).tolist())
    waiting: deque[int] = deque()
    made = 0
    while True:
        batch = _Batch(related)
        for _ in range(len(waiting)):
            row = waiting.popleft()
            if len(batch.rows) == size or not batch.takes(row, items[row]):
                waiting.append(row)
        for row in ahead if len(batch.rows) < size else ():
            if not batch.takes(row, items[row]):
                waiting.append(row)
            if len(batch.rows) == size:
                break
        if not batch.rows or (made and len(batch.rows) < size / 2):
            return
        made += 1
        yield batch.rows
