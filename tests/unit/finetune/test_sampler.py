"""Batches: nothing in one is a false negative, nothing is lost, the order is the seed's."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some

from relevance.finetune.rows import Item, batches

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


@settings(max_examples=60, deadline=None)
@given(_rows(), some.integers(2, 8), some.integers(0, 99))
def test_no_batch_has_a_false_negative(
    rows: tuple[list[Item], dict[str, frozenset[str]]], size: int, seed: int
) -> None:
    """In a batch no text and no product stands twice, and no product of a row is relevant for another row's query.

    Each row comes once at most; all batches but the first are half full or more.
    """
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
    assert drawn[0]
    assert all(size / 2 <= len(batch) <= size for batch in drawn[1:])
    assert len(drawn[0]) <= size


def test_rows_that_never_meet_are_all_used() -> None:
    """Without anything in common every row is in a full batch, in an order that the seed makes."""
    items = [_item(2 * number, [2 * number]) for number in range(64)]
    related = {item.query: frozenset(item.products) for item in items}
    first, again, other = (list(batches(items, related, size=16, seed=seed)) for seed in (1, 1, 2))
    assert sorted(row for batch in first for row in batch) == list(range(64))
    assert first == again != other
