"""Gains and standings worked by hand."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from helpers.changes import evaluation, judged, queries
from hypothesis import given
from hypothesis import strategies as st

from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10
from relevance.finetune.changes import Comparison, compare, label_correlations, label_groups


def compared(before: Sequence[float], *after: Sequence[float]) -> Comparison:
    """By nDCG of each query; one list a seed."""
    evaluations = [evaluation(list(ndcg)) for ndcg in (before, *after)]
    return compare(("rrf", "rrf_finetune"), evaluations[0], evaluations[1:], queries(len(before)))


def test_means_and_their_difference_are_those_of_the_queries() -> None:
    comparison = compared([0.5, 0.2, 1.0], [0.7, 0.2, 0.4])
    assert [gain.metric for gain in comparison.gains] == [RR10, AP10, NDCG10]
    ndcg = comparison.gains[-1]
    assert (ndcg.base, ndcg.tuned, ndcg.difference) == pytest.approx((17 / 30, 13 / 30, -4 / 30))
    assert comparison.over_seeds == comparison.seeds[0] == ndcg


def test_queries_go_from_gain_to_loss_by_text_where_equal() -> None:
    comparison = compared([0.5, 0.25, 1.0, 0.25, 1.0], [0.75, 0.25, 0.5, 0.5, 0.75])
    rows = [(one.query, one.change) for one in comparison.queries]
    # "pipe …" is query 0, "two lines" query 3
    assert rows == [("q00000", 0.25), ("q00003", 0.25), ("q00001", 0.0), ("q00004", -0.25), ("q00002", -0.5)]
    assert [one.query for one in comparison.gained] == ["q00000", "q00003"]
    assert [one.query for one in comparison.lost] == ["q00002", "q00004"]
    assert (comparison.lost[0].before, comparison.lost[0].after) == (1.0, 0.5)


def test_the_rounding_of_a_sum_is_no_change() -> None:
    comparison = compared([1.0, 0.3], [0.5, 0.1 + 0.2])
    assert (len(comparison.gained), len(comparison.lost)) == (0, 1)


@pytest.mark.parametrize(
    ("after", "verdict"),
    [([0.6, 0.7, 0.8], "better"), ([0.4, 0.3, 0.2], "worse"), ([0.6, 0.4, 0.5], "open"), ([1.0], "open")],
)
def test_the_verdict_is_that_of_the_interval_which_one_query_has_none_of(after: list[float], verdict: str) -> None:
    comparison = compared([0.5] * len(after), after)
    assert comparison.gains[-1].verdict == verdict
    assert [gain.interval is None for gain in comparison.gains] == [len(after) == 1] * 3


def test_seeds_are_averaged_query_by_query_and_the_first_model_is_shown() -> None:
    comparison = compared([0.5, 0.5], [0.9, 0.5], [0.5, 0.9])
    assert [gain.verdict for gain in comparison.seeds] == ["open", "open"]
    assert comparison.over_seeds.interval == pytest.approx((0.2, 0.2))
    assert [one.query for one in comparison.gained] == ["q00000"]
    assert [gain.tuned for gain in comparison.gains] == pytest.approx([0.8, 0.49, 0.7])


def test_the_gain_is_shown_once_more_by_judged_hits_alone_and_beside_the_share_that_is_judged() -> None:
    comparison = compared([0.5, 0.3], [0.8, 0.4], [0.6, 0.2])
    assert (comparison.condensed.base, comparison.condensed.tuned) == pytest.approx((0.44, 0.55))
    assert comparison.condensed.interval == pytest.approx((0.0, 0.22))
    assert (comparison.judged.metric, comparison.judged.base) == (JUDGED10, pytest.approx(0.6))
    assert comparison.judged.tuned == pytest.approx(0.625)


def test_other_queries_and_no_seed_are_refused() -> None:
    for after in ([evaluation([0.5, 0.5, 0.5])], []):
        with pytest.raises(ValueError, match="not evaluated on the same judged queries"):
            compare(("rrf", "rrf_finetune"), evaluation([0.5, 0.5]), after, queries(3))


def test_the_interval_of_many_queries_is_near_the_normal_distributions() -> None:
    generator = np.random.default_rng(5)
    before, moved = generator.random(400), generator.normal(0.02, 0.1, 400)
    half = 1.96 * moved.std() / 20
    expected = pytest.approx((moved.mean() - half, moved.mean() + half), abs=half / 10)
    assert compared(before, before + moved).gains[-1].interval == expected


def test_a_gain_is_the_change_of_standing_in_the_labels_direction() -> None:
    # the relevant second rises from rank 2 to 4, the irrelevant fourth falls from 4 to 2; of the others, which fell by
    # 0.1 and kept their rank, that is right for the irrelevant first alone
    changed = judged([0, 2, 2, 0], [0.2, 0.4, 0.6, 0.8], [0.1, 0.9, 0.5, 0.3])
    assert changed["cosine_before"].tolist() == [0.4, 0.8, 0.2, 0.6]
    assert changed["standing_before"].tolist() == [0.5, 1.0, 0.25, 0.75]
    assert changed["standing_after"].tolist() == [1.0, 0.5, 0.25, 0.75]
    assert changed["gain"].tolist() == [0.5, 0.5, 0.0, 0.0]
    assert changed["relevant"].tolist() == [True, False, False, True]
    # label ranks 1.5, 3.5, 3.5, 1.5 against ranks 1, 2, 3, 4 and 1, 4, 3, 2
    assert label_correlations(changed) == pytest.approx((0.0, 4 / np.sqrt(20)))


def test_losses_come_last_and_the_largest_at_the_end() -> None:
    changed = judged([2, 0, 0, 2, 2], [0.2, 0.4, 0.6, 0.8, 0.1], [0.1, 0.5, 0.9, 0.3, 0.05])
    assert changed["gain"].tolist() == pytest.approx([0.0, 0.0, -0.2, -0.2, -0.4])
    assert changed["cosine_before"].tolist()[-1] == 0.8


def test_ties_share_their_mean_rank() -> None:
    changed = judged([0, 1, 1], [0.5, 0.5, 0.6], [0.5, 0.5, 0.6])
    assert sorted(changed["standing_before"]) == pytest.approx([0.5, 0.5, 1])


@given(st.integers(1, 40), st.floats(0.1, 4), st.floats(-0.5, 0.5))
def test_a_shift_or_stretch_of_all_cosines_is_no_gain(number: int, stretch: float, shift: float) -> None:
    base = np.linspace(0, 1, number)
    assert not judged([at % 3 for at in range(number)], base, base * stretch + shift)["gain"].any()


def test_equal_labels_or_cosines_have_no_correlation() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert label_correlations(judged([1, 1], [0.1, 0.2], [0.2, 0.1])) == (None, None)
        assert label_correlations(judged([0, 1], [0.3, 0.3], [0.2, 0.4])) == (None, pytest.approx(1.0))


def test_labels_are_groups_in_ascending_order() -> None:
    groups = label_groups(judged([3, 1, 2.33, 1], [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], relevant_from=2))
    assert [(group.name, group.kind) for group in groups] == [
        ("1", "irrelevant"),
        ("2.33", "relevant"),
        ("3", "relevant"),
    ]
    assert sorted(zip(groups[0].base, groups[0].tuned, strict=True)) == [(0.2, 0.6), (0.4, 0.8)]


def test_of_many_labels_neighbours_are_put_together() -> None:
    groups = label_groups(judged(range(101), [0.5] * 101, [0.5] * 101, relevant_from=50))
    assert (groups[0].name, groups[-1].name) == ("0 to 14", "87 to 100")
    assert [group.kind for group in groups] == ["irrelevant"] * 3 + ["mixed"] + ["relevant"] * 3
    assert sum(len(group.base) for group in groups) == 101


def test_no_pairs_are_allowed() -> None:
    changed = judged([], [], [])
    assert (len(changed), label_groups(changed), label_correlations(changed)) == (0, [], (None, None))
