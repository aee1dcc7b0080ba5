"""The rows that the trainer sees, with what the sampler has to know of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relevance.finetune.likeness import normalised
from relevance.finetune.mining import hard_negatives
from relevance.finetune.sampler import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relevance.finetune.pairs import Pair
    from relevance.finetune.recipe import Recipe

__all__ = ["TrainingRows", "training_rows"]


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
