"""Judged pairs under two models: standings and gains worked by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.changes import pairs
from hypothesis import given
from hypothesis import strategies as st

from relevance.finetune.changes import JudgedPairs, PairChanges, pair_changes, spread


def changed(labels: list[float], base: list[float], tuned: list[float], relevant_from: float = 1) -> PairChanges:
    """What became of pairs with these labels and cosines."""
    texts = tuple(str(at) for at in range(len(labels)))
    columns = (np.array(column, dtype=np.float64) for column in (labels, base, tuned))
    return pair_changes(JudgedPairs(texts, texts, texts, *columns, relevant_from))


def test_a_gain_is_the_change_of_standing_in_the_labels_direction() -> None:
    """Of four pairs the relevant second rises from rank 2 to 4, the irrelevant fourth falls from 4 to 2: 0.5 each."""
    found = changed([0, 2, 2, 0], [0.2, 0.4, 0.6, 0.8], [0.1, 0.9, 0.5, 0.3])
    assert found.base_standing.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.tuned_standing.tolist() == [0.25, 1.0, 0.75, 0.5]
    assert found.gain.tolist() == [0.0, 0.5, 0.0, 0.5]
    assert found.improved.tolist() == [1, 3]
    assert found.worsened.tolist() == []
    # equal gains go by the change of cosine: both others fell by 0.1, which is right for the irrelevant first alone
    assert found.order.tolist() == [1, 3, 0, 2]


def test_worsened_pairs_come_largest_loss_first() -> None:
    """The same moves with the labels the other way round."""
    found = changed([2, 0, 0, 2, 2], [0.2, 0.4, 0.6, 0.8, 0.1], [0.1, 0.5, 0.9, 0.3, 0.05])
    assert found.gain.tolist() == pytest.approx([0.0, -0.2, -0.2, -0.4, 0.0])
    assert found.worsened.tolist()[0] == 3
    assert set(found.worsened.tolist()) == {1, 2, 3}
    assert found.improved.tolist() == []


def test_ties_share_their_mean_rank() -> None:
    """Two pairs with one cosine stand at the mean of ranks 1 and 2 of 3."""
    assert changed([0, 1, 1], [0.5, 0.5, 0.6], [0.5, 0.5, 0.6]).base_standing.tolist() == pytest.approx([0.5, 0.5, 1])


@given(st.integers(1, 40), st.floats(0.1, 4), st.floats(-0.5, 0.5))
def test_a_shift_or_stretch_of_all_cosines_is_no_gain(number: int, stretch: float, shift: float) -> None:
    """A model whose cosines are another scale's, in the same order, changed nothing."""
    base = np.linspace(0, 1, number)
    found = changed([at % 3 for at in range(number)], base.tolist(), (base * stretch + shift).tolist())
    assert not found.gain.any()


def test_the_correlation_of_label_and_cosine_is_spearmans() -> None:
    """Label ranks 1.5, 3.5, 3.5, 1.5 against ranks 1, 2, 3, 4 and 1, 4, 3, 2: 0 and 4 / sqrt(20)."""
    found = changed([0, 2, 2, 0], [0.2, 0.4, 0.6, 0.8], [0.1, 0.9, 0.5, 0.3])
    assert found.spearman == pytest.approx((0.0, 4 / np.sqrt(20)))


def test_equal_labels_or_cosines_have_no_correlation() -> None:
    """No number instead of a division by zero, and no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert changed([1, 1], [0.1, 0.2], [0.2, 0.1]).spearman == (None, None)
        assert changed([0, 1], [0.3, 0.3], [0.2, 0.4]).spearman == (None, pytest.approx(1.0))


def test_labels_are_groups_in_ascending_order() -> None:
    """A group a label, with its side and its cosines under both models."""
    found = changed([3, 1, 2.33, 1], [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], relevant_from=2)
    assert [(group.name, group.kind) for group in found.groups] == [
        ("1", "irrelevant"),
        ("2.33", "relevant"),
        ("3", "relevant"),
    ]
    assert found.groups[0].base.tolist() == [0.2, 0.4]
    assert found.groups[0].tuned.tolist() == [0.6, 0.8]


def test_many_labels_are_put_together() -> None:
    """101 labels make seven groups of neighbours that hold every pair; the one across the border is mixed."""
    found = changed([float(at) for at in range(101)], [0.5] * 101, [0.5] * 101, relevant_from=50)
    assert len(found.groups) == 7
    assert (found.groups[0].name, found.groups[-1].name) == ("0 to 14", "87 to 100")
    assert [group.kind for group in found.groups][2:5] == ["irrelevant", "mixed", "relevant"]
    assert sum(len(group.base) for group in found.groups) == 101


def test_no_pairs_are_allowed() -> None:
    """Nothing in, nothing out."""
    found = changed([], [], [])
    assert (found.groups, found.order.tolist(), found.spearman) == ((), [], (None, None))


def test_a_spread_is_of_shares() -> None:
    """Of 0 to 100, the whiskers are 5 and 95 and the quartiles 25, 50 and 75."""
    found = spread(np.arange(101.0))
    assert (found.low, found.lower_quartile, found.median, found.upper_quartile, found.high) == (5, 25, 50, 75, 95)


def test_columns_of_different_length_and_nan_are_refused() -> None:
    """A cosine too few, or one that is no number, is the caller's mistake."""
    good = pairs(3)
    with pytest.raises(ValueError, match="columns of 3, 3, 3, 3, 3, 2"):
        JudgedPairs(good.queries, good.products, good.titles, good.labels, good.base, good.tuned[:2], 1)
    with pytest.raises(ValueError, match="tuned of judged pairs: not all finite"):
        JudgedPairs(good.queries, good.products, good.titles, good.labels, good.base, good.tuned * np.nan, 1)
