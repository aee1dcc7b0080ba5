from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.pairs import small_recipe
from hypothesis import given, settings
from hypothesis import strategies as some

from relevance.finetune.losses import LOSSES
from relevance.finetune.rows import ROWS, Item, batches, triplet_rows

_NAMES = some.integers(0, 12)


@some.composite
def _rows(draw: some.DrawFn) -> tuple[list[Item], dict[str, frozenset[str]]]:
    """Rows of few queries and products, some of them with a mined negative, and which belong together."""
    pairs = draw(some.lists(some.tuples(_NAMES, _NAMES, some.none() | _NAMES), min_size=1, max_size=60))
    items = [_item(query, [product, *([] if other is None else [other])]) for query, product, other in pairs]
    related: dict[str, set[str]] = {}
    for query, product, _ in pairs:
        related.setdefault(f"q{query}", set()).add(f"p{product}")
    return items, {query: frozenset(products) for query, products in related.items()}


def _item(query: int, products: list[int]) -> Item:
    # two products share each text
    texts = frozenset({f"q{query}", *(f"t{product // 2}" for product in products)})
    return Item(texts, f"q{query}", tuple(f"p{product}" for product in products))


@settings(max_examples=25, deadline=None)
@given(_rows(), some.integers(2, 8), some.integers(0, 99))
def test_no_batch_has_a_false_negative_and_no_row_comes_twice(
    rows: tuple[list[Item], dict[str, frozenset[str]]], size: int, seed: int
) -> None:
    items, related = rows
    drawn = list(batches(items, related, size=size, seed=seed))
    for batch in drawn:
        texts = [text for row in batch for text in items[row].texts]
        assert len(texts) == len(set(texts))
        for row in batch:
            others = {product for other in batch if other != row for product in items[other].products}
            assert others.isdisjoint({*related[items[row].query], *items[row].products})
    numbers = [row for batch in drawn for row in batch]
    assert len(numbers) == len(set(numbers))
    assert 0 < len(drawn[0]) <= size
    assert all(size / 2 <= len(batch) <= size for batch in drawn[1:])


def test_rows_that_never_meet_are_all_used_in_an_order_of_the_seed() -> None:
    items = [_item(2 * number, [2 * number]) for number in range(64)]
    related = {item.query: frozenset(item.products) for item in items}
    first, again, other = (list(batches(items, related, size=16, seed=seed)) for seed in (1, 1, 2))
    assert sorted(row for batch in first for row in batch) == list(range(64))
    assert first == again != other


def test_a_mined_negative_is_not_related_to_its_query(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)

    def encode(texts: list[str], _prompt: str) -> np.ndarray:
        angles = np.array([float(sum(map(ord, text))) for text in texts])
        return np.column_stack([np.cos(angles), np.sin(angles)])

    rows = triplet_rows(recipe, encode)
    assert list(rows.columns) == ["anchor", "positive", "negative"]
    for pair, item in zip(recipe.pairs.train, rows.items, strict=True):
        assert item.products[0] == pair.product
        assert item.products[1] not in rows.related[item.query]


def test_every_loss_has_rows() -> None:
    assert {loss.rows for loss in LOSSES.values()} <= set(ROWS)
