"""What a training step sees: texts in rows, a mined negative beside each, batches without false negatives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.finetune.pairs import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.finetune.pairs import Pair

    _Floats = npt.NDArray[np.float32]
    from collections.abc import Callable

    from relevance.finetune.recipe import Recipe


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


_SKIPPED = 10
"""The nearest are often relevant and not rated: of so many none is taken where there are more."""

_MARGIN = 0.95
"""A negative's cosine is at most this part of the positive's, likewise."""

_LOOKED_AT = 100
_ROWS_AT_ONCE = 1_024


def hard_negatives(
    pairs: Sequence[Pair],
    related: Mapping[str, frozenset[str]],
    products: Sequence[str],
    vectors: tuple[_Floats, _Floats],
) -> list[int]:
    """The code of a negative for each pair, in `products`.

    Args:
        pairs: positives.
        related: by query the ids of the products that are no negatives for it.
        products: ids of those to choose from; the positives are among them.
        vectors: of the pairs' queries, shape (pairs, dimensions), and of the products, shape (products, dimensions).
    """
    queries, texts = vectors
    codes = {product: code for code, product in enumerate(products)}
    found: list[int] = []
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        cosines = queries[start : start + _ROWS_AT_ONCE] @ texts.T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :_LOOKED_AT]
        for pair, row, near in zip(pairs[start : start + _ROWS_AT_ONCE], cosines, nearest.tolist(), strict=True):
            highest = _MARGIN * float(row[codes[pair.product]])
            free = [
                code
                for code in near
                if products[code] not in related.get(pair.query, ()) and products[code] != pair.product
            ]
            fitting = [code for at, code in enumerate(free) if at >= _SKIPPED and row[code] <= highest]
            found.append(next(iter(fitting or free[_SKIPPED:] or free or near)))
    return found


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training data.

    Attributes:
        columns: `anchor` (prompt and query), `positive`, and where they were mined `negative`.
        items: what of each row may not meet in a batch.
        related: by normalised query the products that are no negatives for it.
    """

    columns: Mapping[str, list[str]]
    items: Sequence[Item]
    related: Mapping[str, frozenset[str]]


def training_rows(recipe: Recipe, encode: Callable[[Sequence[str]], Any]) -> TrainingRows:
    """The rows of a recipe; `encode` gives unit vectors of texts, for mined negatives."""
    pairs = recipe.pairs.train
    related: dict[str, set[str]] = {}
    for pair in (*pairs, *recipe.pairs.related):
        related.setdefault(normalised(pair.query), set()).add(pair.product)
    frozen = {query: frozenset(products) for query, products in related.items()}
    columns = {
        "anchor": [recipe.base.prompt + pair.query for pair in pairs],
        "positive": [pair.text for pair in pairs],
    }
    negatives = _mined(recipe, frozen, encode) if recipe.options.loss == "hard" else [None] * len(pairs)
    if recipe.options.loss == "hard":
        columns["negative"] = [pair.text for pair in negatives if pair]
    return TrainingRows(columns, [_item(*both) for both in zip(pairs, negatives, strict=True)], frozen)


def _item(pair: Pair, negative: Pair | None) -> Item:
    products = (pair, negative) if negative else (pair,)
    texts = frozenset({normalised(pair.query), *(normalised(one.text) for one in products)})
    return Item(texts, normalised(pair.query), tuple(one.product for one in products))


def _mined(
    recipe: Recipe, related: Mapping[str, frozenset[str]], encode: Callable[[Sequence[str]], Any]
) -> list[Pair | None]:
    pairs = recipe.pairs.train
    products = {pair.product: pair for pair in pairs}
    by_query = {pair.query: related[normalised(pair.query)] for pair in pairs}
    queries = encode([recipe.base.prompt + pair.query for pair in pairs])
    texts = encode([pair.text for pair in products.values()])
    codes = hard_negatives(pairs, by_query, list(products), (queries, texts))
    chosen = list(products.values())
    return [chosen[code] for code in codes]
