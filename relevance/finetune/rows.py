"""What a training step sees: the rows that a loss needs, and batches of them without false negatives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.finetune.pairs import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from relevance.finetune.pairs import Pair
    from relevance.finetune.recipe import Recipe

    _Related = Mapping[str, frozenset[str]]
    _Encode = Callable[[Sequence[str]], Any]

# the nearest are often relevant and not rated: of so many none is taken where there are more
_SKIPPED = 10
# a negative's cosine is at most this part of the positive's, likewise
_MARGIN = 0.95
_LOOKED_AT = 100
_ROWS_AT_ONCE = 1_024


@dataclass(frozen=True)
class Item:
    """What of a row may not meet in a batch.

    Attributes:
        texts: the normalised query, the products' normalised texts.
        query: the normalised query.
        products: ids of the row's products.
    """

    texts: frozenset[str]
    query: str
    products: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training data.

    Attributes:
        columns: what the loss is given, by name: `anchor` (prompt and query), `positive`, `negative` where it has one.
        items: one a row.
        related: by normalised query the ids of the products that are no negatives for it.
    """

    columns: Mapping[str, list[str]]
    items: Sequence[Item]
    related: _Related


def pair_rows(recipe: Recipe, encode: _Encode) -> TrainingRows:
    """A query and its product."""
    del encode
    return _rows(recipe, positive=recipe.pairs.train)


def triplet_rows(recipe: Recipe, encode: _Encode) -> TrainingRows:
    """A query, its product, and a product that the base model mistakes for one; `encode` gives unit vectors."""
    pairs, related = recipe.pairs.train, _related(recipe)
    products = list({pair.product: pair for pair in pairs}.values())
    codes = {pair.product: code for code, pair in enumerate(products)}
    queries = encode([recipe.base.prompt + pair.query for pair in pairs])
    texts = encode([pair.text for pair in products])
    negatives: list[Pair] = []
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        cosines = queries[start : start + _ROWS_AT_ONCE] @ texts.T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :_LOOKED_AT].tolist()
        for pair, row, near in zip(pairs[start : start + _ROWS_AT_ONCE], cosines, nearest, strict=True):
            highest = _MARGIN * float(row[codes[pair.product]])
            taken = related[normalised(pair.query)]
            free = [code for code in near if products[code].product not in taken]
            fitting = [code for code in free[_SKIPPED:] if row[code] <= highest]
            negatives.append(products[(fitting or free[_SKIPPED:] or free or near)[0]])
    return _rows(recipe, positive=pairs, negative=negatives)


def _rows(recipe: Recipe, **products: Sequence[Pair]) -> TrainingRows:
    pairs = recipe.pairs.train
    columns = {"anchor": [recipe.base.prompt + pair.query for pair in pairs]}
    columns |= {name: [pair.text for pair in column] for name, column in products.items()}
    items = []
    for pair, row in zip(pairs, zip(*products.values(), strict=True), strict=True):
        query = normalised(pair.query)
        texts = frozenset({query, *(normalised(one.text) for one in row)})
        items.append(Item(texts, query, tuple(one.product for one in row)))
    return TrainingRows(columns, items, _related(recipe))


def _related(recipe: Recipe) -> _Related:
    related: dict[str, set[str]] = {}
    for pair in (*recipe.pairs.train, *recipe.pairs.related):
        related.setdefault(normalised(pair.query), set()).add(pair.product)
    return {query: frozenset(products) for query, products in related.items()}


def batches(items: Sequence[Item], related: _Related, *, size: int, seed: int) -> Iterator[list[int]]:
    """Row numbers batch by batch; each row once at most, in a random order.

    A row that fits no batch yet waits, and is tried first in the next. A batch less than half full is left out, unless
    it is the only one: so few negatives teach little.

    Args:
        items: the rows.
        related: by normalised query the ids of the products that are no negatives for it.
        size: rows of a full batch.
        seed: of the order.
    """
    rows = deque(np.random.default_rng(seed).permutation(len(items)).tolist())
    first = True
    while rows:
        batch: list[int] = []
        waiting: list[int] = []
        texts: set[str] = set()
        products: set[str] = set()
        relevant: set[str] = set()
        while rows and len(batch) < size:
            row = rows.popleft()
            item = items[row]
            own = related.get(item.query, frozenset())
            if (
                texts.isdisjoint(item.texts)
                and products.isdisjoint(item.products)
                and relevant.isdisjoint(item.products)
                and products.isdisjoint(own)
            ):
                batch.append(row)
                texts |= item.texts
                products.update(item.products)
                relevant |= own
            else:
                waiting.append(row)
        rows.extendleft(reversed(waiting))
        if not first and len(batch) < size / 2:
            return
        first = False
        yield batch
