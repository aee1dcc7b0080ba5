"""Exact vector search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from relevance.engines.embedded.clauses import VectorIndex
from relevance.records import Vectors

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def unit(*vectors: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """Vectors of unit length."""
    matrix = np.array(vectors, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def random_unit(seed: int, rows: int, dimensions: int) -> npt.NDArray[np.float32]:
    """Seeded vectors of unit length."""
    return unit(*np.random.default_rng(seed).normal(size=(rows, dimensions)))


def hits(vectors: Vectors, query: npt.NDArray[np.float32], candidates: int = 150, boost: float = 1) -> dict[int, float]:
    """The candidates of one query with their scores, in the order of the index."""
    found = VectorIndex(vectors).nearest(query, candidates, boost)
    return dict(zip(found.indices.tolist(), found.data.astype(np.float32).tolist(), strict=True))


def test_score_is_half_of_one_plus_the_cosine() -> None:
    """Elasticsearch's cosine: 1 for the same direction, 1/2 at a right angle, 0 for the opposite; times the boost."""
    vectors = Vectors(unit((1, 0), (0, 1), (-1, 0)), np.array([0, 1, 2]))

    assert hits(vectors, unit((1, 0)), boost=50) == {0: 50, 1: 25, 2: 0}


def test_no_vectors_at_all() -> None:
    """A field that no product has text for is searched without a hit."""
    vectors = Vectors(np.empty((0, 2), dtype=np.float32), np.array([-1, -1]))

    assert hits(vectors, unit((1, 0))) == {}


def test_of_equally_near_products_the_lower_codes_are_candidates() -> None:
    """Ties at the edge of the candidates are settled by code, and only there."""
    vectors = Vectors(unit((0, 1), (1, 0), (0, -1)), np.array([2, 0, 0, 0, 1, 0]))

    assert list(hits(vectors, unit((1, 0)), candidates=3)) == [4, 0, 1]


def test_equal_vectors_score_alike() -> None:
    """Equal rows are scored once, wherever they stand in the matrix."""
    matrix = random_unit(1, 61, 33)
    matrix[[7, 30, 60]] = matrix[0]
    vectors = Vectors(matrix, np.arange(61))
    found = hits(vectors, random_unit(2, 1, 33))

    assert len({found[row] for row in (0, 7, 30, 60)}) == 1
    assert np.count_nonzero(VectorIndex(vectors)._sizes) == 58


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 30))
def test_a_query_scores_alike_in_every_batch(seed: int, products: int, candidates: int) -> None:
    """Neither which candidates nor a bit of their scores depends on the other queries of the batch."""
    index = VectorIndex(Vectors(random_unit(seed, products, 48), np.arange(products)))
    queries = random_unit(seed + 1, 9, 48)
    together = index.nearest(queries, candidates, 1)
    alone = [index.nearest(queries[row : row + 1], candidates, 1) for row in range(9)]

    assert together.toarray().tolist() == [each.toarray()[0].tolist() for each in alone]


@given(st.integers(0, 1000), st.integers(1, 30))
def test_candidates_are_the_nearest(seed: int, candidates: int) -> None:
    """The candidates are the best of all products by score, then code, in float64 rounded to float32."""
    generator = np.random.default_rng(seed)
    query = random_unit(seed, 1, 200)
    # So near to each other that a product of float32 matrices puts them in another order.
    matrix = unit(*(random_unit(seed + 1, 1, 200) + 3e-7 * random_unit(seed + 2, 30, 200)))
    rows = generator.integers(-1, 30, size=40)
    cosines = (matrix.astype(np.float64) @ query[0].astype(np.float64)).astype(np.float32)
    scores = (np.float32(1) + cosines) / np.float32(2)
    ranked = sorted((-float(scores[row]), code) for code, row in enumerate(rows) if row >= 0)

    assert set(hits(Vectors(matrix, rows), query, candidates)) == {code for _, code in ranked[:candidates]}


def test_the_matrix_may_be_a_memory_map(tmp_path: Path) -> None:
    """Vectors are read from the cache without being copied."""
    np.save(tmp_path / "vectors.npy", random_unit(3, 5, 4))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index = VectorIndex(Vectors(mapped, np.arange(5)))

    assert np.shares_memory(index._matrix, mapped)
    assert index.nearest(random_unit(4, 2, 4), 3, 1).nnz == 6
