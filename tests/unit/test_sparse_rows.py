"""Sparse matrices by row beside scipy's: the same cells to the last bit, with scipy and without."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from relevance.engines.embedded import rows
from relevance.engines.embedded.rows import Rows, added


def made(shape: tuple[int, int], share: float, seed: int) -> tuple[Rows, Any]:
    """A matrix of random numbers, and scipy's with the same."""
    theirs = sparse.random_array(shape, density=share, rng=np.random.default_rng(seed), format="csr")
    return Rows(theirs.data, theirs.indices, theirs.indptr, shape[1]), theirs


@pytest.fixture(params=["scipy", "no scipy", "no scipy, in many parts"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "scipy":
        monkeypatch.setattr(rows, "_scipy", lambda: None)
    if request.param == "no scipy, in many parts":
        monkeypatch.setattr(rows, "_AT_ONCE", 40)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("share", "cells"), [(0.3, 16), (0.3, 0), (0.01, 16), (0.0, 16)])
def test_a_product_is_scipys_to_the_last_bit(share: float, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_CELLS", cells)
    (left, theirs), (right, of_right) = made((30, 50), share, 1), made((50, 40), share, 2)
    product = left.times(right)
    assert np.array_equal(product.spread(), (theirs @ of_right).toarray())
    assert len(product.data) == (theirs @ of_right).nnz


@pytest.mark.usefixtures("way")
def test_a_sum_adds_in_the_order_of_its_parts() -> None:
    parts = [made((20, 30), 0.2, seed) for seed in (3, 4, 5)]
    together = added([part for part, _ in parts])
    (_, first), (_, second), (_, third) = parts
    assert np.array_equal(together.spread(), ((first + second) + third).toarray())


@pytest.mark.usefixtures("way")
def test_turned_and_cut_matrices_and_totals_are_scipys() -> None:
    ours, theirs = made((20, 30), 0.2, 6)
    assert np.array_equal(ours.transposed().spread(), theirs.T.toarray())
    assert np.array_equal(ours[5:9].spread(), theirs[5:9].toarray())
    assert np.array_equal(ours[7:7].spread(), theirs[7:7].toarray())
    assert ours.totals() == pytest.approx(theirs.sum(axis=1), rel=1e-12)


@pytest.mark.usefixtures("way")
def test_columns_are_counted_by_row() -> None:
    counts = Rows.counted(np.array([2, 0, 2, 1, 1, 1], dtype=np.int32), np.array([0, 3, 3, 6]), 3)
    assert counts.spread().tolist() == [[1, 0, 2], [0, 0, 0], [0, 3, 0]]
    assert (counts.data.dtype, counts.indices.dtype) == (np.float32, np.int32)
    assert len(Rows.counted(np.array([], dtype=np.int32), np.array([0]), 0)) == 0
