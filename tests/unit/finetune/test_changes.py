"""Strategies compared, and judged pairs under two models: gains and standings worked by hand."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers.changes import curve, evaluation, queries
from hypothesis import given
from hypothesis import strategies as st

from relevance.evaluation import AP10, NDCG10, RR10
from relevance.finetune.changes import JudgedPairs, PairChanges, band, compare, pair_changes, spread

NAMES = ("rrf", "rrf_finetune")


def test_means_and_their_difference_are_those_of_the_queries() -> None:
    """0.5, 0.2, 1.0 against 0.7, 0.2, 0.4: the means are 17/30 and 13/30."""
    found = compare(NAMES, evaluation([0.5, 0.2, 1.0]), [evaluation([0.7, 0.2, 0.4])], queries(3))
    assert [gain.metric for gain in found.gains] == [RR10, AP10, NDCG10]
    ndcg = found.gains[-1]
    assert (ndcg.base, ndcg.tuned) == pytest.approx((17 / 30, 13 / 30))
    assert ndcg.difference == pytest.approx(-4 / 30)
    assert found.over_seeds == found.seeds[0] == ndcg


def test_queries_are_sorted_from_gain_to_loss() -> None:
    """Equal changes go by text ("pipe …" is query 0, "two lines" query 3); an unchanged one neither gains nor loses."""
    found = compare(NAMES, evaluation([0.5, 0.25, 1.0, 0.25]), [evaluation([0.75, 0.25, 0.5, 0.5])], queries(4))
    rows = [(one.query, one.change) for one in found.queries]
    assert rows == [("q00000", 0.25), ("q00003", 0.25), ("q00001", 0.0), ("q00002", -0.5)]
    assert [one.query for one in found.gained] == ["q00000", "q00003"]
    assert [(one.query, one.before, one.after) for one in found.lost] == [("q00002", 1.0, 0.5)]


def test_lost_queries_come_largest_loss_first() -> None:
    """They are sorted the other way round; the rounding of a sum, 0.1 + 0.2 against 0.3, is no change."""
    found = compare(NAMES, evaluation([1.0, 1.0, 1.0, 0.3]), [evaluation([0.5, 0.0, 0.75, 0.1 + 0.2])], queries(4))
    assert found.gained == ()
    assert [one.change for one in found.lost] == [-1.0, -0.5, -0.25]


@pytest.mark.parametrize(
    ("after", "verdict"),
    [([0.6, 0.7, 0.8], "better"), ([0.4, 0.3, 0.2], "worse"), ([0.6, 0.4, 0.5], "open"), ([1.0], "open")],
)
def test_the_verdict_is_that_of_the_interval(after: list[float], verdict: str) -> None:
    """Better or worse only where the whole interval lies on one side of 0; one query alone has no interval."""
    found = compare(NAMES, evaluation([0.5] * len(after)), [evaluation(after)], queries(len(after)))
    assert found.gains[-1].verdict == verdict
    assert [gain.interval is None for gain in found.gains] == [len(after) == 1] * 3


def test_seeds_are_averaged_query_by_query() -> None:
    """Two seeds that gain on one query each: each alone is open, their mean gains 0.2 on both and is certain."""
    before = evaluation([0.5, 0.5])
    found = compare(NAMES, before, [evaluation([0.9, 0.5]), evaluation([0.5, 0.9])], queries(2))
    assert [gain.verdict for gain in found.seeds] == ["open", "open"]
    assert found.over_seeds.interval == pytest.approx((0.2, 0.2))
    assert [one.query for one in found.gained] == ["q00000"]  # of the first seed, whose model is kept
    kept = compare(NAMES, before, [evaluation([0.9, 0.9]), before], queries(2))
    assert [gain.tuned for gain in kept.gains] == pytest.approx([1.0, 0.63, 0.9])


def test_other_queries_are_refused() -> None:
    """Evaluations of different queries cannot be paired, and without a seed there is nothing to compare."""
    two, three = evaluation([0.5, 0.5]), evaluation([0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="not evaluated on the same judged queries"):
        compare(NAMES, two, [three], queries(3))
    with pytest.raises(ValueError, match="not evaluated on the same judged queries"):
        compare(NAMES, two, [], queries(2))


def test_the_band_holds_the_extremes_at_shared_steps() -> None:
    """Where one training has stopped there is no band."""
    long, short = curve(4, seed=1), curve(3, seed=2)
    found = band([long, short])
    assert found.steps == tuple(step.step for step in short.steps)
    for at, (one, two) in enumerate(zip(long.steps, short.steps, strict=False)):
        assert found.low[at] == min(one.ndcg, two.ndcg)
        assert found.high[at] == max(one.ndcg, two.ndcg)
        assert found.mean[at] == pytest.approx((one.ndcg + two.ndcg) / 2)


def test_one_training_has_no_band() -> None:
    """A band of one is empty, and so is one of trainings without a common step."""
    one = curve(3)
    other = replace(one, steps=tuple(replace(step, step=step.step + 1) for step in one.steps))
    assert band([one]).steps == ()
    assert band([one, other]).steps == ()


def test_intervals_are_of_all_queries() -> None:
    """With 400 queries the interval is near that of the normal distribution."""
    generator = np.random.default_rng(5)
    before, moved = generator.random(400), generator.normal(0.02, 0.1, 400)
    found = compare(NAMES, evaluation(before), [evaluation(before + moved)], queries(400))
    half = 1.96 * moved.std() / 20
    assert found.gains[-1].interval == pytest.approx((moved.mean() - half, moved.mean() + half), abs=half / 10)


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
