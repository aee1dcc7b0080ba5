"""Hard negatives: for each pair a product that the base model finds near the query, and nobody rated relevant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.finetune.pairs import Pair

    _Floats = npt.NDArray[np.float32]

__all__ = ["hard_negatives"]

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
