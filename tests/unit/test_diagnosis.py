"""The diagnosis of a verdict: every rule with numbers that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import TEXT, VECTOR, comparison, diagnosed, measured, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.baseline import Snapshot
from relevance.datasets.asked import Row
from relevance.diagnosis import Hit, changed_rankings, diagnose, parts_of, parts_without_strategy
from relevance.evaluation import AP10, JUDGED10, METRICS, NDCG10, Metric, evaluate, parse, score_hits
from relevance.gate import EMPTY, Comparison, Finding, Limits
from relevance.gate.comparing import HolesFound
from relevance.gate.segments import kinds_of_queries
from relevance.records import NO_HIT, Judgments, Ranking
from relevance.report.terminal import comparison_failure, comparison_lines, differences_of, queries_words

FUSED = {**TEXT, "vectors": {"whole": 1}, "combine": "rrf", "candidates": 150, "model": "base"}


def own(numbers: Any, hits: Any = (), *, texts: Any = None, definition: Any = TEXT, **beside: Any) -> Snapshot:
    """A session of the strategy `own` and of others, with these numbers of its queries."""
    strategies = {"own": measured(numbers, hits, definition=definition), **beside}
    return snapshot(strategies, **({} if texts is None else {"texts": texts}))


def why(before: Snapshot, now: Snapshot, *, limits: Any = None, **known: Any) -> Any:
    """What is said of `own`, which failed."""
    (one,) = diagnose(before, now, comparison(own="loss"), limits or Limits(), **known).strategies
    return one


def test_queries_are_won_lost_or_unchanged_but_for_rounding() -> None:
    before = own([0.5, 0.75, 1.0, 0.5, 0.5, 0.25, 0.25, 0.5])
    found = why(before, own([0.5 + 1e-12, 0.5, 0.25, 0.25, 0.75, 0.875, 0.5, 0.5 - 1e-12]))
    # the largest change first, ties by id
    assert [one.query for one in found.lost] == ["q3", "q2", "q4"]
    assert [one.query for one in found.won] == ["q6", "q5", "q7"]
    assert found.unchanged == 2
    assert (found.lost[0].before, found.lost[0].after, found.lost[0].text) == (1.0, 0.25, "text of q3")
    assert (found.before, found.after) == (0.53125, 0.515625)


def test_every_strategy_in_which_a_query_changed_is_diagnosed_the_worst_first() -> None:
    names = ("same", "moved", "a", "b", "c", "d")
    before = snapshot({name: measured([0.9]) for name in names})
    other = {"same": measured([0.9]), "moved": measured([0.9], [("b", "a")])}
    now = snapshot({name: other.get(name, measured([0.8])) for name in names})
    answers: Any = {"a": "no loss", "b": "undecided", "c": "likely loss", "d": "loss"}
    found = diagnosed(before, now, same="no loss", moved="no loss", **answers)
    told = [(one.strategy, one.answer) for one in found.strategies]
    # of equal answers in the order of the comparison
    assert told == [*[*reversed(answers.items())][:3], ("moved", "no loss"), ("a", "no loss")]
    assert found.of("same") is None
    moved = found.of("moved")
    assert moved is not None
    assert (moved.unchanged, moved.reranked) == (1, 1)
    assert found.differs == ("own: text.title 8 -> 1",)


def test_a_strategy_without_a_loss_shows_its_worst_query_alone_or_else_its_best() -> None:
    before = own([0.5] * 5)
    found = diagnosed(before, own([0.4, 0.3, 0.9, 0.5, 0.5]), own="no loss").strategies[0]
    assert [one.change.query for one in found.rankings] == ["q2"]
    found = diagnosed(before, own([0.5, 0.6, 0.9, 0.5, 0.5]), own="no loss").strategies[0]
    assert [one.change.query for one in found.rankings] == ["q3"]


@pytest.mark.parametrize(
    ("findings", "metric"),
    [
        ([("run time", "loss", 2.0)], "nDCG@10"),
        ([("nDCG@10", "likely loss", 0.3), ("AP@10", "loss", 0.1), ("RR@10", "loss", 0.2)], "RR@10"),
        ([("AP@10", "loss", 0.3), ("nDCG@10", "loss", 0.1)], "nDCG@10"),
    ],
)
def test_the_metric_that_failed_tells_queries_apart(findings: list[tuple[str, Any, float]], metric: str) -> None:
    failed = tuple(Finding("own", name, answer, 0.5, 0.4, relative=drop) for name, answer, drop in findings)
    (one,) = diagnose(own([0.5]), own([0.5]), Comparison("main.json", failed), Limits()).strategies
    assert (one.metric, one.measures) == (metric, tuple(name for name, _, _ in findings))
    assert (one.lost, one.won, one.unchanged, one.rankings, one.legs) == ((), (), 1, (), ())


def test_both_rankings_side_by_side() -> None:
    before, now = own([0.9], [("a", "b", "c")]), own([0.5], [("a", "d", "b")])
    (ranking,) = why(before, now, titles={"a": "Oak table"}).rankings
    same = Hit("a", "Oak table", 2, "same", 1)
    assert ranking.before == (same, Hit("b", None, 0, "moved", 3), Hit("c", None, None, "gone", None))
    assert ranking.after == (same, Hit("d", None, None, "new", None), Hit("b", None, 0, "moved", 2))


def test_three_rankings_at_most() -> None:
    rankings = why(own([1.0] * 5), own([0.5, 0.4, 0.3, 0.2, 0.1])).rankings
    assert [one.change.query for one in rankings] == ["q5", "q4", "q3"]


@pytest.mark.parametrize("most", [0, 3, 6, 99])
def test_changed_rankings_in_turns_what_lost_first_then_what_won_then_what_was_reordered(most: int) -> None:
    values, hits = [0.5] * 5, [("a", "b")] * 5
    other = [*hits[:4], ("b", "a")]  # of the same value
    before = snapshot({"own": measured(values, hits), "worse": measured(values, hits)})
    now = snapshot(
        {"own": measured([0.25, 0.5, 0.125, 0.75, 0.5], other), "worse": measured([0.5, 0.0, 0.5, 0.5, 0.5])}
    )
    found = diagnosed(before, now, own="loss", worse="loss")
    told = [(name, one.change.query) for name, one in changed_rankings(before, now, found, most=most)]
    order = [("own", "q3"), ("worse", "q2"), *(("own", query) for query in ("q1", "q4", "q5"))]
    assert told == order[:most]
    (*_, (_, last)) = changed_rankings(before, now, found, most=99, titles={"b": "Pine"})
    assert (last.before[0].mark, last.after[0].title, last.change.before, last.change.after) == (
        "moved",
        "Pine",
        0.5,
        0.5,
    )


def test_newly_empty_queries() -> None:
    found = why(own([0.9, 0.0], [("a",), ()]), own([0.0, 0.0], [(), ()]))
    assert found.newly_empty == ("text of q1",)
    assert found.rankings[0].after == ()


def with_legs(
    side: int, whole: Any, text: Any = None, vector: Any = None, *, metrics: tuple[Metric, ...] = METRICS
) -> Snapshot:
    """A strategy of two legs, and those strategies that are one of them alone; of the second query, before or now."""
    beside = {"titles": (TEXT, text), "whole": (VECTOR, vector)}
    alone = {
        name: measured({metric: [0.5, numbers[side]] for metric in metrics}, definition=one)
        for name, (one, numbers) in beside.items()
        if numbers
    }
    return own({metric: [0.5, whole[side]] for metric in metrics}, definition=FUSED, **alone)


@pytest.mark.parametrize(
    ("text", "vector", "note", "lost"),
    [
        ((0.9, 0.2), (0.8, 0.7), "the text leg lost most", [True, False]),
        ((0.5, 0.5), (0.8, 0.7), "the vector whole leg lost most", [False, True]),
        ((0.5, 0.6), (0.8, 0.8), "no leg lost by itself: it is how they are combined", [False, False]),
    ],
)
def test_the_leg_that_lost(text: tuple[float, float], vector: tuple[float, float], note: str, lost: list[bool]) -> None:
    found = why(*(with_legs(side, (0.9, 0.4), text, vector) for side in (0, 1)))
    assert [(leg.leg, leg.before, leg.after, leg.source) for leg in found.legs] == [
        ("text", *text, "titles"),
        ("vector whole", *vector, "whole"),
    ]
    assert (found.legs_note, [leg.lost for leg in found.legs]) == (note, lost)


def test_of_a_metric_of_which_less_is_better_a_rise_is_lost() -> None:
    empty = Metric("Empty")
    sides = (with_legs(side, (0.1, 0.4), (0.2, 0.3), (0.4, 0.1), metrics=(empty,)) for side in (0, 1))
    found = why(*sides, limits=Limits(gated=(empty,), leading=empty))
    assert [one.query for one in found.lost] == ["q2"]
    assert found.legs_note == "the text leg lost most"


def test_what_is_not_known_of_a_leg() -> None:
    before, now = (with_legs(side, (0.9, 0.4), (0.9, 0.4)) for side in (0, 1))
    assert [*parts_without_strategy(now, "own")] == ["vector whole"]
    found = why(before, now, searched={"own": {"vector whole": {NDCG10: np.array([0.0, 0.3])}}})
    text, vector = found.legs
    assert (text.before, text.after, text.lost) == (0.9, 0.4, True)
    assert (vector.before, vector.after, vector.source) == (None, 0.3, "")
    assert found.legs_note == (
        "the text leg lost most; not known of vector whole: no strategy is this leg alone on both sides"
    )


def test_a_leg_that_is_gone() -> None:
    whole = measured([0.8], definition=VECTOR)
    found = why(own([0.9], definition=FUSED, whole=whole), own([0.4], whole=whole))
    assert found.legs_note.startswith("no longer searched: vector whole")


def test_searched_legs_of_the_queries_that_were_lost() -> None:
    before, now = own([0.4, 0.9], definition=FUSED), own([0.4, 0.4], definition=FUSED)
    legs = {"vector whole": {NDCG10: np.array([0.2, 0.6])}, "text": {NDCG10: np.array([0.1, 0.7])}}
    assert [leg.after for leg in why(before, now, searched={"own": legs}).legs] == [0.7, 0.6]
    del legs["vector whole"]
    assert [leg.after for leg in why(before, now, searched={"own": legs}).legs] == [0.7, None]


def test_names_of_legs_only_show() -> None:
    before, now = (own([number], definition={**FUSED, "vectors": {"a\x1b[2J": 1}}) for number in (0.9, 0.4))
    text = comparison_failure("own", [comparison(own="loss")], [diagnosed(before, now, own="loss")])
    assert "vector a\\x1b[2J" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "definition",
    [{}, {"template": {"query": "x"}}, {"text": 3, "vectors": ["whole"]}, {"text": {"title": "8"}}],
)
def test_definitions_without_legs(definition: dict[str, object]) -> None:
    assert parts_of(definition) == {}


READ = {"reading": {"analyzer": "english", "k1": 1.2, "b": 0.75}}


@pytest.mark.parametrize(
    ("fused", "alone", "missing"),
    [
        ({}, {}, []),
        (READ, READ, []),
        (READ, {}, ["text"]),
        ({}, READ, ["text"]),
        ({"spelling": True}, {}, ["text"]),
        ({"spelling": True}, {"spelling": True}, []),
        ({}, {"rerank": {"model": "judge", "depth": 50}}, ["text"]),
    ],
)
def test_a_strategy_is_a_leg_alone_that_reads_and_ranks_as_it_does(
    fused: dict[str, Any], alone: dict[str, Any], missing: list[str]
) -> None:
    whole = measured([0.8], definition=VECTOR)
    titles = measured([0.8], definition={**TEXT, **alone})
    session = own([0.5], definition={**FUSED, **fused}, titles=titles, whole=whole)
    assert [*parts_without_strategy(session, "own")] == missing


def test_a_plain_text_strategy_has_no_legs() -> None:
    found = why(own([0.9]), own([0.4]))
    assert (found.legs, found.legs_note, parts_without_strategy(own([0.4]), "own")) == ((), "", {})


def test_hits_to_judge_stand_in_the_order_of_the_gate_those_that_decide_first() -> None:
    rows = [Row("q1", product, "A", 1.0, 0.5, None, 2) for product in ("x", "y", "z")]
    rows[1] = replace(rows[1], rank_before=4, rank_after=None)
    found: dict[str, Any] = {"settled": True, "words": "", "rows": tuple(rows)}
    holes = {
        "mild": HolesFound(count=1, judged=0, next_look=50, to_judge=tuple(rows[:1]), **found),
        "own": HolesFound(count=3, judged=1, next_look=2, to_judge=tuple(rows[1:]), **found | {"settled": False}),
    }
    side = snapshot({"own": measured([0.5]), "mild": measured([0.5])})
    compared = replace(comparison(own="undecided", mild="no loss"), holes=holes)
    asked = diagnose(side, side, compared, Limits(), titles={"y": "Oak"}).to_judge
    assert [(one.strategy, one.place, one.product, one.title, one.rank, one.needed) for one in asked] == [
        ("own", 2, "y", "Oak", 4, True),
        ("own", 3, "z", None, 2, False),
        ("mild", 1, "x", None, 2, False),
    ]
    assert {one.text for one in asked} == {"text of q1"}


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
    metrics = (*METRICS, *map(parse, ("nDCG(dcg='exp-log2')@5", "P@5", "R@20", "ERR@10", "RBP(p=0.8)@10", "Empty")))
    ranking, highest = Ranking(codes, np.zeros(codes.shape, np.float32)), max(max(own.values()) for own in judged)
    found = evaluate(ranking, Judgments(*columns), n_products=15, metrics=metrics)
    named = [[str(product) for product in row] for row in hits]
    grades = [{str(product): grade for product, grade in own.items()} for own in judged]
    for metric in metrics:
        scores = score_hits([metric], named, grades, relevant_from=1, highest=highest)[metric]
        assert scores.tolist() == found.per_query[metric].tolist()


def test_metrics_that_are_not_gated_are_reported_and_so_is_the_overlap() -> None:
    deep, rbo = parse("P@5"), parse("RBO(p=0.9)@10")
    numbers = ({NDCG10: [0.5, 0.5, 0.5], deep: [0.2, 0.4, 0.6]}, {NDCG10: [0.5, 0.5, 0.6], deep: [0.2, 0.4, 0.9]})
    before, now = (own(one, [("a", "b"), ("a",), hits]) for one, hits in zip(numbers, [("a",), ("b",)], strict=True))
    told = diagnose(before, now, comparison(own="no loss"), Limits(), overlaps=[rbo]).reported
    assert [(one.measure, one.queries, one.changed) for one in told] == [("P@5", 3, 1), ("RBO(p=0.9)@10", 3, 1)]
    precision, overlapping = told
    assert (precision.before, precision.after) == (pytest.approx(0.4), pytest.approx(0.5))
    # 0.1 and 4.303 (t, 2 degrees of freedom) standard errors of 0.1
    assert precision.interval == pytest.approx((-0.33027, 0.53027), abs=1e-5)
    assert (overlapping.before, overlapping.after) == (None, pytest.approx(2 / 3))
    text = "\n".join(
        line.text
        for line in comparison_lines(
            comparison(own="no loss"), diagnose(before, now, comparison(own="no loss"), Limits(), overlaps=[rbo])
        )
    )
    assert "own       P@5            0.4000  0.5000     +0.1000  [-0.3303, +0.5303]" in text


def test_judged_hits_before_and_now() -> None:
    before, hits = own([0.8], [("a",)]), [("a",)]
    assert why(before, own([0.6], hits)).judged == (0.8, 0.6)
    assert why(before, own({NDCG10: [0.6], AP10: [0.6]}, hits)).judged is None


def test_a_query_without_hits_needs_no_judgment() -> None:
    before = own([0.8, 1.0], [("a",), ("b",)])
    assert why(before, own([0.8, 0.0], [("a",), ()])).judged == (0.9, 0.8)
    found = why(before, own([0.0, 0.0], [(), ()]))
    assert (found.judged, found.has_empty) == ((0.9, 1.0), True)
    assert queries_words(found).endswith("hits with a judgment 90% → 100%, queries without hits left out")


def test_what_newly_returns_nothing_is_a_row_of_the_differences_where_it_is_worse() -> None:
    told: dict[Any, list[str]] = {"loss": ["nDCG@10", "empty results"], "no loss": ["nDCG@10"]}
    for answer, rows in told.items():
        findings = (*comparison(own="undecided").findings, Finding("own", EMPTY, answer, 0.0, 0.5, changed=1))
        assert [one.measure for one in differences_of(Comparison("main.json", findings))] == rows


def test_a_kind_of_query_between_two_numbers_of_judgments_has_a_whole_one() -> None:
    grades = [{f"p{at}": 1.0 for at in range(size)} for size in (2, 3)]
    kinds = kinds_of_queries(["oak", "pine"], grades)
    assert [kinds[name].tolist() for name in ("fewer than 3 judgments", "3 judgments or more")] == [
        [True, False],
        [False, True],
    ]


def test_no_metric_in_common_is_a_note() -> None:
    found = diagnosed(own([0.8]), own({JUDGED10: [0.6]}), own="likely loss")
    assert found.strategies == ()
    assert found.notes == ("own: no metric is on both sides to tell its queries apart by",)


def test_kinds_of_queries_are_those_of_the_gate_and_those_that_lost_are_among_the_measures() -> None:
    told: list[tuple[str, Any, float]] = [("", "no loss", 0.6), ("with a digit", "loss", 0.3)]
    of_all, lost, same = (
        Finding("own", "nDCG@10", answer, 0.5, after, relative=1 - after / 0.5, segment=kind)
        for kind, answer, after in [*told, ("one word", "undecided", 0.49)]
    )
    compared = Comparison("main.json", (of_all, lost, same))
    (one,) = diagnose(own([0.5]), own([0.5]), compared, Limits()).strategies
    assert one.segments == (lost, same)
    assert (one.answer, one.metric, one.measures) == ("loss", "nDCG@10", ("nDCG@10 (with a digit)",))
