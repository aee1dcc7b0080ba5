"""A session against a baseline whose hits are not all judged: which answer both ends of what they may be give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import measured, session

from relevance.baseline import Snapshot
from relevance.evaluation import AP10, NDCG10, RR10, score_hits
from relevance.gate import Comparison, Limits, compare

QUERIES = [f"q{at:03}" for at in range(200)]
OLD = [f"o{rank}" for rank in range(10)]
NEW = [f"n{rank}" for rank in range(10)]


def side(hits: Sequence[Sequence[str]], grades: Sequence[Mapping[str, float]]) -> Snapshot:
    metrics = score_hits((NDCG10, AP10, RR10), hits, grades, relevant_from=1, highest=1)
    return replace(session(QUERIES, own=measured(metrics, hits)), grades=tuple(grades), relevant_from=1)


def sides(good_before: int, good_new: int, judged: float = 0.0, seed: int = 5) -> tuple[Snapshot, Snapshot]:
    """Of 200 queries whose ten hits are all replaced in 60; so many of ten are relevant before, and of the new ones.

    Of the new hits `judged` is the share that was judged: the rest has no judgment.
    """
    rng = np.random.default_rng(seed)
    grades: list[dict[str, float]] = [
        {product: float(rank in good) for rank, product in enumerate(OLD)}
        for good in (rng.permutation(10)[:good_before].tolist() for _ in QUERIES)
    ]
    after = [list(OLD) for _ in QUERIES]
    for at in range(60):
        after[at] = list(NEW)
        good = rng.permutation(10)[:good_new].tolist()
        known = {product: float(rank in good) for rank, product in enumerate(NEW) if rng.random() < judged}
        grades[at] = grades[at] | known
    before = [list(OLD) for _ in QUERIES]
    return side(before, grades), side(after, grades)


def compared(sides: tuple[Snapshot, Snapshot], **settings: Any) -> Comparison:
    orders = settings.pop("orders", {})
    return compare(*sides, Limits(**settings), baseline="main.json", orders=orders, draws=2_000)


def test_all_hits_judged_are_the_gate_as_it_is() -> None:
    comparison = compared(sides(5, 5, judged=1.0))
    assert (dict(comparison.holes), {one.span for one in comparison.findings}) == ({}, {None})


def test_hits_that_nobody_judged_leave_it_undecided() -> None:
    comparison = compared(sides(5, 8))
    (leading,) = [one for one in comparison.findings if one.measure == "nDCG@10" and not one.segment]
    assert (leading.answer, leading.cause, comparison.answer("own")) == ("undecided", "holes", "undecided")
    assert leading.after < leading.before  # as trec_eval counts
    assert leading.span is not None
    assert leading.span[0] < 0 < leading.span[1]
    found = comparison.holes["own"]
    assert (found.count, found.judged, found.next_look, found.settled) == (600, 0, 50, False)
    assert found.rows == found.to_judge


@pytest.mark.parametrize(
    ("setting", "good", "fails"),
    [("fail", 8, True), ("pass", 8, False), ("advice", 8, True), ("advice", 0, True)],
)
def test_what_an_undecided_session_does_is_a_setting(setting: str, good: int, fails: bool) -> None:  # noqa: FBT001
    assert compared(sides(5, good), unjudged_hits=setting).fails() is fails


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        ({}, "likely loss with unjudged hits at their worst, no loss with them at their best"),
        (
            {"likely": 0.02, "no_loss_few": 0.008},
            "undecided with unjudged hits at their worst, no loss with them at their best",
        ),
    ],
)
@pytest.mark.parametrize("setting", ["fail", "advice", "pass"])
def test_where_the_ends_differ_and_neither_fails_hits_decide_and_nothing_blocks(
    limits: Mapping[str, float], ends: str, setting: str
) -> None:
    grades: list[dict[str, float]] = [{product: float(rank % 2 == 0) for rank, product in enumerate(OLD)}] * 200
    after = [[*OLD[:8], *NEW[:2]]] * 12 + [list(OLD)] * 188
    pair = (side([list(OLD)] * 200, grades), side(after, grades))
    comparison = compared(pair, gated=(NDCG10,), unjudged_hits=setting, **limits)
    (leading,) = [one for one in comparison.findings if one.measure == "nDCG@10" and not one.segment]
    assert (leading.answer, leading.cause, leading.needed, comparison.fails()) == ("undecided", "holes", None, False)
    assert leading.reasons[1] == f"{ends}; it fails in neither case"
    found = comparison.holes["own"]
    words = "24 hits that differ were not judged; the next 24 would tell more"
    assert (found.settled, found.next_look, found.words) == (False, 24, words)


def test_ends_that_fail_by_too_few_queries_block_as_the_setting_for_hits_says() -> None:
    grades: list[dict[str, float]] = [{product: float(rank % 2 == 0) for rank, product in enumerate(OLD)}] * 200
    after = [[*OLD[:8], *NEW[:2]]] * 12 + [list(OLD)] * 188
    pair = (side([list(OLD)] * 200, grades), side(after, grades))
    settings: dict[str, Any] = {"gated": (NDCG10,), "likely": 0.02, "no_loss_few": 0.008, "too_few_queries": "fail"}
    fails = {one: compared(pair, unjudged_hits=one, **settings).fails() for one in ("fail", "advice", "pass")}
    assert fails == {"fail": True, "advice": False, "pass": False}


def test_a_floor_that_is_not_reached_even_at_the_best_is_the_reason() -> None:
    grades: list[dict[str, float]] = [{product: float(rank % 2 == 0) for rank, product in enumerate(OLD)}] * 200
    after = [[*OLD[:8], *NEW[:2]]] * 12 + [list(OLD)] * 188
    before, now = (replace(side(hits, grades), texts=("drill",) * 200) for hits in ([list(OLD)] * 200, after))
    comparison = compared((before, now), segments={"one word": {"floor": 0.99}})
    (kind,) = [one for one in comparison.findings if one.segment == "one word"]
    said = kind.reasons[1].partition(" (")[0].partition(": is ")
    assert (kind.answer, said[0]) == ("loss", "even with unjudged hits at their best")
    assert said[2].endswith(", below its floor 0.99")


def answered(good_new: int, labels: int) -> Comparison:
    """After so many of the rows that are asked for were judged truly."""
    before, now = sides(5, good_new)
    rows = compared((before, now)).holes["own"].rows
    rng = np.random.default_rng(9)
    grades = [dict(one) for one in now.grades]
    for row in rows[:labels]:
        grades[QUERIES.index(row.query)][row.product] = float(rng.random() < good_new / 10)
    judged = (side(before.strategies["own"].hits, grades), side(now.strategies["own"].hits, grades))
    return compared(judged, orders={"own": rows})


@pytest.mark.parametrize(("good", "answers"), [(8, {"no loss"}), (1, {"loss"})])
def test_a_sample_settles_it(good: int, answers: set[str]) -> None:
    comparison = answered(good, 100)
    found = comparison.holes["own"]
    assert (found.judged, found.settled, len(found.to_judge)) == (100, True, 500)
    assert found.words.endswith(" of all; the answer is the same at both ends of that")
    leading = {one.answer for one in comparison.findings if one.measure == "nDCG@10" and not one.segment}
    assert leading == answers


def test_a_sample_that_is_too_small_settles_nothing() -> None:
    assert answered(8, 49).holes["own"].settled is False


def test_strategies_whose_hits_are_judged_are_judged_as_ever() -> None:
    before, now = sides(5, 8)
    same = before.strategies["own"]
    both = tuple(replace(one, strategies={**one.strategies, "same": same}) for one in (before, now))
    comparison = compared((both[0], both[1]))
    assert list(comparison.holes) == ["own"]
    assert comparison.answer("same") == "no loss"
    assert all(one.span is None for one in comparison.findings if one.strategy == "same")


def test_a_kind_that_fell_is_a_loss_of_its_own_where_the_mean_rose_and_its_holes_leave_that_open() -> None:
    # one word: 40 of 200 queries, whose new hits were judged and are irrelevant; the others rise, most hits unjudged
    texts = tuple("drill" if at < 40 else "cordless drill" for at in range(200))
    grades: list[dict[str, float]] = [{product: float(rank % 3 == 0) for rank, product in enumerate(OLD)}] * 200
    after = [[*NEW[:3], *OLD[3:]]] * 40 + [[*NEW[:3], *OLD[:6], NEW[9]]] * 160
    known = [{**one, **dict.fromkeys(NEW[:3], float(at >= 40))} for at, one in enumerate(grades)]
    before, now = (replace(side(hits, known), texts=texts) for hits in ([list(OLD)] * 200, after))
    comparison = compared((before, now), unjudged_hits="pass")
    of_leading = {one.segment: one for one in comparison.findings if one.measure == "nDCG@10"}
    assert of_leading[""].after > of_leading[""].before
    assert of_leading[""].answer != "loss"
    assert {name for name, one in of_leading.items() if one.answer == "loss"} == {"one word"}
    assert (comparison.holes["own"].count, comparison.answer(), comparison.fails()) == (160, "loss", True)
