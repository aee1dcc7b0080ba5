"""Nearest vectors by Elasticsearch's similarities, exactly, as over a `flat` index.

The last bits of a float32 dot product depend on the processor, on the server's side too: scores agree within 1e-6.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.engines.embedded.engine import cosine_scores, inner_product_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]
    Scores = npt.NDArray[np.float32]

_ONE = np.float32(1)


def _distance(squares: Scores) -> Scores:
    return np.asarray(_ONE / (_ONE + squares), dtype=np.float32)


_SCORE: Mapping[str, Callable[[Scores], Scores]] = MappingProxyType(
    {
        "cosine": cosine_scores,
        "dot_product": cosine_scores,
        "l2_norm": _distance,
        "max_inner_product": inner_product_scores,
    }
)
SIMILARITIES = tuple(_SCORE)


_UNIT = 1e-3


def lengths(vectors: Vector) -> Vector:
    """By what a server divides vectors for their cosine: not at all where the square of the length is near enough to 1.

    Args:
        vectors: shape (…, dimensions).
    """
    squares = np.vecdot(vectors, vectors)
    return np.where(np.abs(squares - _ONE) > _UNIT, np.sqrt(squares), _ONE)


def scores(matrix: Vector, query: Vector, similarity: str, divisors: Vector | None = None) -> Scores:
    """Score vectors: shape (vectors,).

    Args:
        matrix: shape (vectors, dimensions); any length, for cosine too.
        query: shape (dimensions,).
        similarity: one of `SIMILARITIES`.
        divisors: the `lengths` of the vectors, where they are known already.
    """
    if similarity == "l2_norm":
        away = matrix - query
        with np.errstate(over="ignore"):
            return _distance(np.vecdot(away, away))
    products = matrix @ query
    if similarity == "cosine":
        both = (lengths(matrix) if divisors is None else divisors) * lengths(query)
        products = products / np.where(both > 0, both, _ONE)
    return _SCORE[similarity](products.astype(np.float32))


def least_score(similarity: str, threshold: float) -> np.float32:
    """Say which score the `similarity` of a `knn` asks for: a cosine or product at least, a distance at most."""
    value = np.float32(threshold)
    return np.float32(_SCORE[similarity](np.asarray(value * value if similarity == "l2_norm" else value)))


def nearest(
    docs: npt.NDArray[np.int64], scored: Scores, most: int, least: np.float32 | None = None
) -> tuple[npt.NDArray[np.int64], Scores]:
    """Keep the best: documents ascending and their scores; of equally near ones those with the lower documents.

    Args:
        docs: ascending.
        scored: of these.
        most: how many are kept.
        least: those of the kept that score less go too.
    """
    if 0 < most < len(docs):
        edge = np.partition(scored, -most)[-most]
        above = np.flatnonzero(scored > edge)
        kept = np.sort(np.concatenate([above, np.flatnonzero(scored == edge)[: most - len(above)]]))
        docs, scored = docs[kept], scored[kept]
    if least is not None:
        docs, scored = docs[scored >= least], scored[scored >= least]
    return docs, scored
