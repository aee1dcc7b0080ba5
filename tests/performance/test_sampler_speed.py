"""Batches without duplicates: ours against those of sentence-transformers, on made pairs; no time is asserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from parity.rounds import alternate, spread

from relevance.finetune.rows import Item, batches

if TYPE_CHECKING:
    from helpers.tables import Show

ROUNDS, BATCH = 3, 32
TITLE = "seconds: an epoch's batches of 32 without duplicates (made pairs, three a query)"


@pytest.mark.parametrize("pairs", [5_000, 50_000])
def test_against_the_library(show: Show, pairs: int) -> None:
    """The library compares texts alone; ours keeps products and what is relevant for a query apart as well."""
    import torch  # noqa: PLC0415 - seconds
    from datasets import Dataset  # noqa: PLC0415
    from sentence_transformers.base.sampler import NoDuplicatesBatchSampler  # noqa: PLC0415

    rng = np.random.default_rng(4)
    queries = [f"query {number // 3}" for number in range(pairs)]
    products = [f"p{number}" for number in rng.integers(pairs // 2, size=pairs)]
    texts = [f"the product {product} with a title of some words" for product in products]
    items = [
        Item(frozenset((query, text)), query, (product,))
        for query, text, product in zip(queries, texts, products, strict=True)
    ]
    related: dict[str, frozenset[str]] = {}
    for query, product in zip(queries, products, strict=True):
        related[query] = related.get(query, frozenset()) | {product}
    rows = Dataset.from_dict({"anchor": queries, "positive": texts})

    def ours() -> list[list[int]]:
        return list(batches(items, related, size=BATCH, seed=1))

    def theirs() -> list[list[int]]:
        generator = torch.Generator().manual_seed(1)
        return list(NoDuplicatesBatchSampler(rows, BATCH, drop_last=False, generator=generator, seed=1))

    assert sum(map(len, ours())) == pytest.approx(pairs, rel=0.01)
    rounds = alternate(ours, theirs, rounds=ROUNDS)
    show(
        TITLE,
        {
            "pairs": pairs,
            "ours": float(np.median(rounds.ours)),
            "library": float(np.median(rounds.theirs)),
            **spread(rounds.ratios()),
        },
    )
