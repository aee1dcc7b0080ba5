"""The diagnosis of a verdict: every rule with numbers that were worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import TEXT, VECTOR, comparison, diagnosed, measured, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from relevance.diagnosis import (
    LEAST_OTHERS,
    LEAST_QUERIES,
    Hit,
    diagnose,
    holm,
    legs_of,
    legs_without_strategy,
    score,
    segment_members,
    welch,
)
from relevance.evaluation import AP10, JUDGED10, METRICS, NDCG10, RR10, evaluate
from relevance.gate import Comparison, Finding, Limits
from relevance.records import NO_HIT, Judgments, Ranking
from relevance.report.terminal import comparison_failure

FUSED = {**TEXT, "vectors": {"whole": 1}, "combine": "rrf", "candidates": 150, "model": "base"}


def test_queries_won_lost_and_unchanged() -> None:
    before = snapshot({"own": measured([0.5, 0.75, 1.0, 0.5, 0.5, 0.25, 0.25, 0.5])})
    now = snapshot({"own": measured([0.5 + 1e-12, 0.5, 0.25, 0.25, 0.75, 0.875, 0.5, 0.5 - 1e-12])})
    (why,) = diagnosed(before, now, own="fail").strategies
    assert [one.query for one in why.lost] == ["q3", "q2", "q4"]
    assert [one.query for one in why.won] == ["q6", "q5", "q7"]
    assert why.unchanged == 2
    assert (why.lost[0].before, why.lost[0].after, why.lost[0].text) == (1.0, 0.25, "text of q3")
    assert (why.before, why.after) == (0.53125, 0.515625)


def test_only_what_is_not_a_pass_is_diagnosed() -> None:
    before, now = (snapshot({name: measured([number]) for name in ("a", "b", "c")}) for number in (0.9, 0.8))
    found = diagnosed(before, now, a="pass", b="warn", c="fail")
    assert [(one.strategy, one.status) for one in found.strategies] == [("b", "warn"), ("c", "fail")]
    assert found.of("a") is None
    assert found.differs == ("own: text.title 8 -> 1",)


def test_one_query_and_no_lost_query() -> None:
    both = snapshot({"own": measured([0.5])})
    slow = Comparison("main.json", (Finding("own", "run time", "fail", 1.0, 3.0),))
    (why,) = diagnose(both, both, slow, Limits()).strategies
    assert (why.lost, why.won, why.unchanged, why.rankings, why.legs) == ((), (), 1, (), ())
    assert (why.measures, why.metric) == (("run time",), "nDCG@10")


def test_the_metric_that_failed_tells_queries_apart() -> None:
    both = snapshot({"own": measured([0.5])})
    findings = [("nDCG@10", "warn", 0.3), ("AP@10", "fail", 0.1), ("RR@10", "fail", 0.2)]
    made = tuple(Finding("own", name, status, 0.5, 0.4, relative=drop) for name, status, drop in findings)
    (why,) = diagnose(both, both, Comparison("main.json", made), Limits()).strategies
    assert (why.metric, why.measures) == ("RR@10", ("nDCG@10", "AP@10", "RR@10"))


def test_a_metric_of_which_less_is_better() -> None:
    limits = Limits(metrics={"nDCG@10": {"worse": "higher"}})
    before, now = (
        snapshot(
            {
                "own": measured([own, 0.5], definition=FUSED),
                "titles": measured([text, 0.5]),
                "whole": measured([vector, 0.5], definition=VECTOR),
            }
        )
        for own, text, vector in ((0.1, 0.2, 0.4), (0.4, 0.3, 0.1))
    )
    (why,) = diagnose(before, now, comparison(own="fail"), limits).strategies
    assert [one.query for one in why.lost] == ["q1"]
    assert why.legs_note == "the text leg lost most"


def test_queries_in_common_alone() -> None:
    before = snapshot({"own": measured([0.9, 0.9, 0.9])}, texts=("x", "y", "z"))
    now = snapshot({"own": measured([0.1, 0.2])}, texts=("x", "other"))
    (why,) = diagnosed(before, now, own="fail").strategies
    assert [one.text for one in why.lost] == ["x"]
    assert why.unchanged == 0


def test_both_rankings_side_by_side() -> None:
    before = snapshot({"own": measured([0.9], [("a", "b", "c")])})
    now = snapshot({"own": measured([0.5], [("a", "d", "b")])})
    (why,) = diagnosed(before, now, titles={"a": "Oak table"}, own="fail").strategies
    (ranking,) = why.rankings
    same = Hit("a", "Oak table", 2, "same", 1)
    assert ranking.before == (same, Hit("b", None, 0, "moved", 3), Hit("c", None, None, "gone", None))
    assert ranking.after == (same, Hit("d", None, None, "new", None), Hit("b", None, 0, "moved", 2))


def test_three_rankings_at_most_and_all_new() -> None:
    old, new = [("a", "b")] * 5, [("x", "y")] * 5
    before = snapshot({"own": measured([1.0] * 5, old)})
    now = snapshot({"own": measured([0.5, 0.4, 0.3, 0.2, 0.1], new)})
    (why,) = diagnosed(before, now, own="fail").strategies
    assert [one.change.query for one in why.rankings] == ["q5", "q4", "q3"]
    assert {hit.mark for one in why.rankings for hit in one.before} == {"gone"}
    assert {hit.mark for one in why.rankings for hit in one.after} == {"new"}


def test_newly_empty_queries() -> None:
    before = snapshot({"own": measured([0.9, 0.0], [("a",), ()])})
    now = snapshot({"own": measured([0.0, 0.0], [(), ()])})
    (why,) = diagnosed(before, now, own="fail").strategies
    assert why.newly_empty == ("text of q1",)
    assert why.rankings[0].after == ()


@pytest.mark.parametrize(
    ("text", "vector", "note", "lost"),
    [
        ((0.9, 0.2), (0.8, 0.7), "the text leg lost most", [True, False]),
        ((0.5, 0.5), (0.8, 0.7), "the vector whole leg lost most", [False, True]),
        ((0.5, 0.6), (0.8, 0.8), "no leg lost by itself: it is how they are combined", [False, False]),
    ],
)
def test_the_leg_that_lost(text: tuple[float, float], vector: tuple[float, float], note: str, lost: list[bool]) -> None:
    of_strategy = {"own": (FUSED, (0.9, 0.4)), "titles": (TEXT, text), "whole": (VECTOR, vector)}
    before, now = (
        snapshot({name: measured([0.5, at[side]], definition=one) for name, (one, at) in of_strategy.items()})
        for side in (0, 1)
    )
    (why,) = diagnosed(before, now, own="fail").strategies
    assert [(leg.leg, leg.before, leg.after, leg.source) for leg in why.legs] == [
        ("text", *text, "titles"),
        ("vector whole", *vector, "whole"),
    ]
    assert (why.legs_note, [leg.lost for leg in why.legs]) == (note, lost)


def test_what_is_not_known_of_a_leg() -> None:
    before, now = (
        snapshot({"own": measured([number], definition=FUSED), "titles": measured([number])}) for number in (0.9, 0.4)
    )
    assert [leg.name for leg in legs_without_strategy(now, "own")] == ["vector whole"]
    searched = {"own": {"vector whole": {NDCG10: np.array([0.3])}}}
    (why,) = diagnose(before, now, comparison(own="fail"), Limits(), searched=searched).strategies
    text, vector = why.legs
    assert (text.before, text.after, text.lost) == (0.9, 0.4, True)
    assert (vector.before, vector.after, vector.source) == (None, 0.3, "")
    assert why.legs_note == (
        "the text leg lost most; not known of vector whole: no strategy is this leg alone on both sides"
    )


def test_a_leg_that_is_gone() -> None:
    alone = {**TEXT, "combine": "sum"}
    before = snapshot({"own": measured([0.9], definition=FUSED), "whole": measured([0.8], definition=VECTOR)})
    now = snapshot({"own": measured([0.4], definition=alone), "whole": measured([0.8], definition=VECTOR)})
    (why,) = diagnosed(before, now, own="fail").strategies
    assert why.legs_note.startswith("no longer searched: vector whole")


def test_searched_legs_of_queries_in_common() -> None:
    before = snapshot({"own": measured([0.9, 0.9], definition=FUSED)}, texts=("x", "y"))
    now = snapshot({"own": measured([0.4, 0.4], definition=FUSED)}, texts=("other", "y"))
    searched = {"own": {"vector whole": {NDCG10: np.array([0.2, 0.6])}, "text": {NDCG10: np.array([0.1, 0.7])}}}
    (why,) = diagnose(before, now, comparison(own="fail"), Limits(), searched=searched).strategies
    assert [leg.after for leg in why.legs] == [0.7, 0.6]
    del searched["own"]["vector whole"]
    (why,) = diagnose(before, now, comparison(own="fail"), Limits(), searched=searched).strategies
    assert [leg.after for leg in why.legs] == [0.7, None]


def test_names_of_legs_only_show() -> None:
    evil = {**FUSED, "vectors": {"a\x1b[2J": 1}}
    before, now = (snapshot({"own": measured([number], definition=evil)}) for number in (0.9, 0.4))
    text = comparison_failure("own", [comparison(own="fail")], [diagnosed(before, now, own="fail")])
    assert "vector a\\x1b[2J" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "definition",
    [{}, {"template": {"query": "x"}}, {"text": 3, "vectors": ["whole"]}, {"text": {"title": "8"}}],
)
def test_definitions_without_legs(definition: dict[str, object]) -> None:
    assert legs_of(definition) == ()


def test_a_plain_text_strategy_has_no_legs() -> None:
    before, now = (snapshot({"own": measured([number])}) for number in (0.9, 0.4))
    (why,) = diagnosed(before, now, own="fail").strategies
    assert (why.legs, why.legs_note, legs_without_strategy(now, "own")) == ((), "", ())


def test_newcomers_and_their_effect() -> None:
    # nDCG@10 with a (2) and a newcomer n that would be 2: before, `a` alone at rank 1, is 2 / (2 + 2/log2(3)) = 0.6131;
    # now, n at 1 and a at 2, is 1. The drop was 1 - 0.6309 = 0.3691 and would be 0.6131 - 1: the effect is 0.7559.
    discount = 1 / math.log2(3)
    before = snapshot({"own": measured([1.0], [("a", "b")])})
    now = snapshot({"own": measured([discount], [("n", "a")])})
    found = diagnosed(before, now, titles={"n": "New"}, own="fail")
    (one,) = found.newcomers
    assert (one.product, one.rank, one.title, one.text, one.strategy) == ("n", 1, "New", "text of q1", "own")
    assert one.effect == pytest.approx((1 - discount) - (1 / (1 + discount) - 1))
    assert one.could_change_verdict


@pytest.mark.parametrize(
    ("before", "now", "newcomers"),
    [
        (([1.0], [("a", "u")]), ([0.5], [("u", "a")]), []),  # nobody has judged u, but it was among the hits already
        (([1.0, 1.0], [("a",), ("a",)]), ([0.0, 0.0], [("b", "n"), ()]), [("n", False)]),  # the best case still fails
    ],
)
def test_newcomers_that_cannot_change_the_verdict(
    before: tuple[Any, Any], now: tuple[Any, Any], newcomers: list[tuple[str, bool]]
) -> None:
    why = diagnosed(snapshot({"own": measured(*before)}), snapshot({"own": measured(*now)}), own="fail")
    assert [(one.product, one.could_change_verdict) for one in why.newcomers] == newcomers


def test_those_that_could_change_the_verdict_come_first() -> None:
    # `own` lost 0.3691 in one query of four; judging that one newcomer is enough. The other newcomers are at rank 2 of
    # queries that are as before.
    discount = 1 / math.log2(3)
    old = [("a",), ("a",), ("a",), ("a",)]
    new = [("n", "a"), ("a", "m"), ("a",), ("a",)]
    before = snapshot({"own": measured([1.0] * 4, old), "mild": measured([1.0] * 4, old)})
    numbers = [discount, 1.0, 1.0, 1.0]
    now = snapshot({"own": measured(numbers, new), "mild": measured(numbers, new)})
    found = diagnosed(before, now, own="fail", mild="warn").newcomers
    assert [(one.strategy, one.product, one.could_change_verdict) for one in found] == [
        ("own", "n", True),
        ("mild", "n", True),
        ("own", "m", False),
        ("mild", "m", False),
    ]


@pytest.mark.parametrize(
    ("status", "drops", "marked"),
    [
        ("fail", [0.1, 0.5], ["y"]),  # of two queries with a newcomer each the second has the larger effect
        ("fail", [0.4, *[0.05] * 9], ["x"]),  # what is left of the drop would not fail
        # 0.195 of 10 are left, below 2%, but the best case of before is 9.6131
        ("fail", [0.4, *[0.06466] * 9], []),
        ("warn", [0.4, *[0.05] * 9], []),  # but is a drop
    ],
)
def test_so_many_could_change_the_verdict_as_it_takes(status: str, drops: list[float], marked: list[str]) -> None:
    size = len(drops)
    before = snapshot({"own": measured([1.0] * size, [("a",)] * size)})
    new = [("a", "x"), ("a", "y") if size < 3 else ("a",), *[("a",)] * (size - 2)]
    now = snapshot({"own": measured([1 - drop for drop in drops], new)})
    newcomers = diagnosed(before, now, own=status).newcomers
    assert [one.product for one in newcomers if one.could_change_verdict] == marked


@given(st.data())
@settings(max_examples=25)
def test_scores_are_those_of_the_evaluation(data: st.DataObject) -> None:
    queries = data.draw(st.integers(1, 3))
    hits = [data.draw(st.lists(st.integers(0, 14), unique=True, max_size=12)) for _ in range(queries)]
    judged = [
        data.draw(st.dictionaries(st.integers(0, 14), st.integers(0, 3), min_size=1, max_size=14))
        for _ in range(queries)
    ]
    width = max(1, *map(len, hits))
    codes = np.array([[*row, *[NO_HIT] * (width - len(row))] for row in hits], dtype=np.int64)
    rows = [(query, product, grade) for query, own in enumerate(judged) for product, grade in own.items()]
    columns = (np.array(column) for column in zip(*rows, strict=True))
    found = evaluate(Ranking(codes, np.zeros(codes.shape, np.float32)), Judgments(*columns), n_products=15)
    named = [[str(product) for product in row] for row in hits]
    grades = [{str(product): grade for product, grade in own.items()} for own in judged]
    for metric in METRICS:
        assert score(metric, named, grades, relevant_from=1).tolist() == found.per_query[metric].tolist()


def test_judged_hits_before_and_now() -> None:
    before, now = snapshot({"own": measured([0.8])}), snapshot({"own": measured([0.6])})
    (why,) = diagnosed(before, now, own="fail").strategies
    assert why.judged == (0.8, 0.6)
    bare = replace(now.strategies["own"], metrics={NDCG10: np.array([0.6]), AP10: np.array([0.6])})
    (why,) = diagnosed(before, snapshot({"own": bare}), own="fail").strategies
    assert why.judged is None


def test_no_metric_in_common() -> None:
    before = snapshot({"own": measured([0.8])})
    bare = replace(before.strategies["own"], metrics={JUDGED10: np.array([0.6])})
    found = diagnosed(before, snapshot({"own": bare}), own="warn")
    assert found.strategies == ()
    assert found.notes == ("own: no metric is on both sides to tell its queries apart by",)
    assert RR10 in before.strategies["own"].metrics


# segments


def _members(texts: list[str], grades: list[int] | None = None) -> dict[str, list[bool]]:
    judged = [{f"p{at}": 1 for at in range(number)} for number in grades or [1] * len(texts)]
    return {name: inside.tolist() for name, inside in segment_members(texts, judged).items()}


def test_members_by_length_and_number() -> None:
    found = _members(["oak", "oak table", "round oak table", "round oak table 3 ft", ""])
    assert found["one word"] == [True, False, False, False, True]
    assert found["two or three words"] == [False, True, True, False, False]
    assert found["four words or more"] == [False, False, False, True, False]
    assert found["with a number"] == [False, False, False, True, False]
    assert found["without a number"] == [True, True, True, False, True]


def test_members_by_judgments() -> None:
    found = _members(["a", "b", "c", "d"], [1, 4, 6, 9])
    assert found["fewer than 5 judgments"] == [True, True, False, False]
    assert found["5 judgments or more"] == [False, False, True, True]


def test_members_by_rare_words() -> None:
    found = _members(["Oak table", "oak TABLE", "oak kiosk kiosk"])
    assert found["a word that no other query has"] == [False, False, True]
    assert found["only words that other queries have"] == [True, True, False]


def test_welch_against_scipy() -> None:
    random = np.random.default_rng(5)
    for sizes in ((100, 30), (120, 400), (2, 3)):
        left, right = random.normal(0.1, 1, sizes[0]), random.normal(0, 3, sizes[1])
        expected = ttest_ind(left, right, equal_var=False, alternative="greater").pvalue
        assert welch(left, right) == pytest.approx(expected)


def test_welch_without_spread() -> None:
    assert welch(np.full(100, 0.5), np.zeros(30)) == 0
    assert welch(np.zeros(100), np.zeros(30)) == 1


def test_holm_by_hand() -> None:
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.6]) == [1, 1]
    assert holm([]) == []


def _sides(numbers: int, others: int, drop: float, other_drop: float, *, noise: float = 0.05) -> list[object]:
    """Two sessions with queries that have a number and queries that have none, each with its own drop."""
    random = np.random.default_rng(3)
    size = numbers + others
    texts = [f"same words {3 if at < numbers else 'x'}" for at in range(size)]
    before = np.full(size, 0.8)
    drops = np.where(np.arange(size) < numbers, drop, other_drop) + random.normal(0, noise, size)
    return [snapshot({"own": measured(values.tolist())}, texts=texts) for values in (before, before - drops)]


def _worse(*sides: object) -> list[str]:
    (why,) = diagnosed(*sides, own="fail").strategies
    return [one.name for one in why.segments if one.worse]


def test_a_segment_that_fell_further_is_named() -> None:
    sides = _sides(150, 200, 0.2, 0.02)
    (why,) = diagnosed(*sides, own="fail").strategies
    (found,) = [one for one in why.segments if one.worse]
    assert (found.name, found.queries) == ("with a number", 150)
    assert found.before == pytest.approx(0.8)
    assert found.relative == pytest.approx(0.25, abs=0.02)
    drops = np.subtract(*(side.strategies["own"].metrics[NDCG10] for side in sides))
    tested = [one for one in why.segments if one.adjusted_p is not None]
    assert found.adjusted_p == pytest.approx(len(tested) * welch(drops[:150], drops[150:]), rel=1e-9, abs=0)
    assert 0 < found.adjusted_p < 1e-6


@pytest.mark.parametrize(
    ("numbers", "drop", "other_drop", "noise", "worse"),
    [
        (LEAST_QUERIES - 1, 0.2, 0.02, 0.05, []),  # too few for a segment
        (LEAST_QUERIES, 0.2, 0.02, 0.05, ["with a number"]),
        (150, 0.2, 0.2, 0.05, []),  # all fell alike
        (150, 0.11, 0.1, 0.001, []),  # sure, but less than the limit of warnings (2%) beyond that of all queries
    ],
)
def test_which_segment_is_named(numbers: int, drop: float, other_drop: float, noise: float, worse: list[str]) -> None:
    assert _worse(*_sides(numbers, 200, drop, other_drop, noise=noise)) == worse


def test_a_segment_that_is_nearly_everything() -> None:
    (why,) = diagnosed(*_sides(150, LEAST_OTHERS - 1, 0.2, 0.02), own="fail").strategies
    (segment,) = [one for one in why.segments if one.name == "with a number"]
    assert (segment.adjusted_p, segment.worse) == (None, False)
