"""What a training step sees: the rows that a loss is given, and batches of them without false negatives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.finetune.pairs import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from relevance.finetune.pairs import Pair
    from relevance.finetune.recipe import Recipe

    Encode = Callable[[Sequence[str], str], Any]  # texts and their prompt to unit vectors

QUERY = "anchor"
"""The column that holds queries; all others with texts hold products."""

# the nearest are often relevant and not rated: of so many none is taken where there are more
_SKIPPED = 10
# a negative's cosine is at most this part of the positive's, likewise
_MARGIN = 0.95
_LOOKED_AT = 100
_ROWS_AT_ONCE = 1_024


@dataclass(frozen=True)
class Item:
    """What of a row may not meet in a batch: its normalised texts, its normalised query, its products' ids."""

    texts: frozenset[str]
    query: str
    products: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training data of a loss.

    Attributes:
        columns: in the order in which the loss takes them: `QUERY` first, then texts of products; `label` holds a
            number, or a list of them, a row (grades, margins, a teacher's scores).
        items: one a row; none where the products of a batch are no negatives of its other queries.
        related: by normalised query the ids of the products that are no negatives for it.
    """

    columns: Mapping[str, Sequence[Any]]
    items: Sequence[Item] = ()
    related: Mapping[str, frozenset[str]] = field(default_factory=dict)


def pair_rows(recipe: Recipe, _encode: Encode) -> TrainingRows:
    """A query and its product."""
    return _rows(recipe, _related(recipe), positive=recipe.pairs.train)


def triplet_rows(recipe: Recipe, encode: Encode) -> TrainingRows:
    """A query, its product, and a product that the base model mistakes for one."""
    pairs, related = recipe.pairs.train, _related(recipe)
    trained = list({pair.product: pair for pair in pairs}.values())
    codes = {pair.product: code for code, pair in enumerate(trained)}
    queries = encode([pair.query for pair in pairs], recipe.base.query_prompt)
    products = encode([pair.text for pair in trained], recipe.base.document_prompt)
    negatives: list[Pair] = []
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        cosines = queries[start : start + _ROWS_AT_ONCE] @ products.T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :_LOOKED_AT].tolist()
        for pair, row, near in zip(pairs[start : start + _ROWS_AT_ONCE], cosines, nearest, strict=True):
            highest = _MARGIN * float(row[codes[pair.product]])
            free = [code for code in near if trained[code].product not in related[normalised(pair.query)]]
            fitting = [code for code in free[_SKIPPED:] if row[code] <= highest]
            negatives.append(trained[(fitting or free[_SKIPPED:] or free or near)[0]])
    return _rows(recipe, related, positive=pairs, negative=negatives)


ROWS = {"pairs": pair_rows, "triplets": triplet_rows}
"""By the name in `Loss.rows`: makes them of a recipe, and of what encodes texts by its base model."""


def _rows(recipe: Recipe, related: Mapping[str, frozenset[str]], **products: Sequence[Pair]) -> TrainingRows:
    pairs = recipe.pairs.train
    columns = {QUERY: [pair.query for pair in pairs]}
    columns |= {name: [pair.text for pair in column] for name, column in products.items()}
    items = []
    for pair, row in zip(pairs, zip(*products.values(), strict=True), strict=True):
        query = normalised(pair.query)
        texts = frozenset({query, *(normalised(one.text) for one in row)})
        items.append(Item(texts, query, tuple(one.product for one in row)))
    return TrainingRows(columns, items, related)


def _related(recipe: Recipe) -> Mapping[str, frozenset[str]]:
    related: dict[str, set[str]] = {}
    for pair in (*recipe.pairs.train, *recipe.pairs.related):
        related.setdefault(normalised(pair.query), set()).add(pair.product)
    return {query: frozenset(products) for query, products in related.items()}


def batches(
    items: Sequence[Item], related: Mapping[str, frozenset[str]], *, size: int, seed: int
) -> Iterator[list[int]]:
    """Give row numbers batch by batch, up to `size`; each row once at most, in a random order.

    In a batch no text and no product stands twice, and no product is related to the query of another row. A row that
    fits no batch yet waits, and is tried first in the next. A batch less than half full is left out, unless it is the
    only one: so few negatives teach little.
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
