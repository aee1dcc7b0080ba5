"""Batches: nothing in one is a false negative, nothing is lost, the order is the seed's."""

from __future__ import annotations

from hypothesis import given
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


@given(_rows(), some.integers(2, 8), some.integers(0, 99))
def test_no_batch_has_a_false_negative(
    made: tuple[list[Item], dict[str, frozenset[str]]], size: int, seed: int
) -> None:
    """In a batch no text and no product stands twice, and no product of a row is relevant for another row's query."""
    items, related = made
    for batch in batches(items, related, size=size, seed=seed):
        rows = [items[row] for row in batch]
        texts = [text for row in rows for text in row.texts]
        assert len(batch) <= size
        assert len(texts) == len(set(texts))
        for row in rows:
            others = {product for other in rows if other is not row for product in other.products}
            assert others.isdisjoint(related[row.query])
            assert others.isdisjoint(row.products)


@given(_rows(), some.integers(2, 8), some.integers(0, 99))
def test_no_row_comes_twice_and_few_are_left(
    made: tuple[list[Item], dict[str, frozenset[str]]], size: int, seed: int
) -> None:
    """Each row comes once at most; all batches but the first are half full or more."""
    items, related = made
    found = list(batches(items, related, size=size, seed=seed))
    rows = [row for batch in found for row in batch]
    assert len(rows) == len(set(rows))
    assert found[0]
    assert all(len(batch) >= size / 2 for batch in found[1:])


def test_rows_that_never_meet_are_all_used() -> None:
    """Without anything in common every row is in a full batch, in an order that the seed makes."""
    items = [_item(2 * number, [2 * number]) for number in range(64)]
    related = {item.query: frozenset(item.products) for item in items}
    first, again, other = (list(batches(items, related, size=16, seed=seed)) for seed in (1, 1, 2))
    assert sorted(row for batch in first for row in batch) == list(range(64))
    assert first == again != other
