"""Unjudged hits: against the rule written down with loops, and the cases at its edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from relevance.datasets.asked import Row
from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10, Metric, parse
from relevance.gate.holes import DEPTH, Holes, Ranked, find_holes, plays

METRICS = (NDCG10, AP10, RR10)


# the rule, step by step


def number(salt: int, query: str, product: str) -> float:
    return int(sha256(f"{salt}\0{query}\0{product}".encode()).hexdigest()[:16], 16) / 2**64


def disc(hits: Sequence[str], product: str) -> float:
    return 1 / math.log2(hits.index(product) + 2) if product in hits[:10] else 0.0


def dcg(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:10], start=1))


def ndcg(grades: Mapping[str, float], hits: Sequence[str], _: float) -> float:
    ideal = dcg(sorted(grades.values(), reverse=True))
    return dcg([grades.get(hit, 0) for hit in hits]) / ideal if ideal else 0.0


def average_precision(grades: Mapping[str, float], hits: Sequence[str], relevant_from: float) -> float:
    total, good = 0.0, 0
    for rank, hit in enumerate(hits[:10], start=1):
        if grades.get(hit, 0) >= relevant_from:
            good += 1
            total += good / rank
    relevant = sum(grade >= relevant_from for grade in grades.values())
    return total / relevant if relevant else 0.0


def reciprocal_rank(grades: Mapping[str, float], hits: Sequence[str], relevant_from: float) -> float:
    for rank, hit in enumerate(hits[:10], start=1):
        if grades.get(hit, 0) >= relevant_from:
            return 1 / rank
    return 0.0


SCORES = {NDCG10: ndcg, AP10: average_precision, RR10: reciprocal_rank}


def holes_of(ranked: Ranked) -> list[tuple[int, str, float]]:
    """Query, product and x of each hole of queries whose sides differ."""
    found: list[tuple[int, str, float]] = []
    for at, (before, after, grades) in enumerate(zip(ranked.before, ranked.after, ranked.grades, strict=True)):
        if before[:10] != after[:10]:
            unjudged = sorted({*before[:10], *after[:10]} - grades.keys())
            found += [(at, product, disc(after, product) - disc(before, product)) for product in unjudged]
    return found


def overall(ranked: Ranked) -> tuple[float, float, float]:
    """Share of relevant ones, mean grade of these, highest grade of all."""
    grades = [grade for known in ranked.grades for grade in known.values()]
    good = [grade for grade in grades if grade >= ranked.relevant_from]
    return len(good) / len(grades), sum(good) / len(good), max(grades)


def order_of(ranked: Ranked) -> list[tuple[str, str, str, float, float]]:
    """Query, product, cell, w and u in the order of judging."""
    m, h, _ = overall(ranked)
    found = []
    for at, product, x in holes_of(ranked):
        own = [hole for where, hole, _ in holes_of(ranked) if where == at]
        ideal = max(0.5, dcg(sorted([*ranked.grades[at].values(), *[m * h] * len(own)], reverse=True)))
        if x:
            u = max(number(1, ranked.queries[at], product), 1e-12)
            found.append((ranked.queries[at], product, "A" if x >= 0 else "B", abs(x) / ideal, u))
    return sorted(found, key=lambda row: -row[3] / row[4])


def played(ranked: Ranked, share: Mapping[str, float], grade: Mapping[str, float], metric: Metric) -> Any:
    """Before, after, difference and variance of each query."""
    found = []
    for at, query in enumerate(ranked.queries):
        own = [(product, "A" if x >= 0 else "B") for where, product, x in holes_of(ranked) if where == at]
        sides = []
        for draw in range(16):
            grades = dict(ranked.grades[at])
            for product, cell in own:
                if math.modf(number(2, query, product) + draw / 16)[0] < share[cell]:
                    grades[product] = grade[cell]
            sides.append(
                [SCORES[metric](grades, side[at], ranked.relevant_from) for side in (ranked.before, ranked.after)]
            )
        before, after = np.array(sides).T
        found.append([before.mean(), after.mean(), (after - before).mean(), (after - before).var()])
    return np.array(found).T


def estimated(ranked: Ranked, rows: Sequence[Row], n: int, z: float) -> tuple[dict[str, float], dict[str, float]]:
    """Shares and grades by cell at an end: z above for what helps the new side, below for what helps the baseline."""
    tau = rows[n].w / rows[n].u
    known = dict(zip(ranked.queries, ranked.grades, strict=True))
    numbers = {}
    for cell in ("A", "B"):
        own = [row for row in rows[:n] if row.cell == cell]
        own = own if len(own) >= 10 else list(rows[:n])
        k, y, g = [], [], []
        for row in own:
            pi = min(1, row.w / tau)
            k.append(row.w / pi * (1 - pi))
            g.append(known[row.query][row.product])
            y.append(float(g[-1] >= ranked.relevant_from))
        s = sum(a * b for a, b in zip(k, y, strict=True)) / sum(k)
        e = sum(a * b for a, b in zip(k, g, strict=True)) / sum(k)
        bessel = math.sqrt(len(own) / (len(own) - 1))
        se, se_g = (
            math.sqrt(sum(a**2 * (b - mean) ** 2 for a, b in zip(k, values, strict=True))) / sum(k) * bessel
            for values, mean in ((y, s), (g, e))
        )
        grade = min(max(e / s, ranked.relevant_from), overall(ranked)[2])
        numbers[cell] = (s, se, grade, se_g * sum(row.w for row in rows[n:] if row.cell == cell))
    a, b = numbers["A"][3], numbers["B"][3]
    f = math.hypot(a, b) / (a + b)
    share = {
        cell: min(max(numbers[cell][0] + sign * z * f * numbers[cell][1], 0), 1) for cell, sign in (("A", 1), ("B", -1))
    }
    return share, {cell: numbers[cell][2] for cell in ("A", "B")}


# rankings in which much is unjudged


def drawn(seed: int, *, queries: int = 60, decimal: bool = False, relevant_from: float = 1) -> Ranked:
    rng = np.random.default_rng(seed)
    before, after, grades = [], [], []
    for _ in range(queries):
        products = [f"p{number}" for number in rng.permutation(25)]
        first = products[: rng.integers(0, 12)]
        # a fifth of the queries stay as they are, others exchange some hits or all
        second = (
            list(first) if rng.random() < 0.2 else [*rng.permutation(products[:14])[: rng.integers(0, 12)].tolist()]
        )
        judged = [product for product in products if rng.random() < 0.4]
        values = rng.uniform(0, 3, len(judged)).round(2) if decimal else rng.integers(0, 4, len(judged))
        before.append(first)
        after.append(second)
        grades.append(dict(zip(judged, values.tolist(), strict=True)))
    return Ranked(tuple(f"q{number}" for number in range(queries)), before, after, grades, relevant_from)


def judge(ranked: Ranked, rows: Sequence[Row], seed: int = 0) -> Ranked:
    """The same, with these rows judged."""
    rng = np.random.default_rng(seed)
    grades = [dict(known) for known in ranked.grades]
    for row in rows:
        grades[ranked.queries.index(row.query)][row.product] = int(rng.integers(0, 4)) if rng.random() < 0.5 else 0
    return replace(ranked, grades=grades)


GRADES: dict[str, Any] = {
    "whole": {},
    "relevant from the second on": {"relevant_from": 2},
    "decimal": {"decimal": True, "relevant_from": 1.33},
}
KINDS = pytest.mark.parametrize("grades", GRADES.values(), ids=GRADES)


def assert_played(holes: Holes, shares: Any, ranked: Ranked, share: Any, grade: Any) -> None:
    for metric, ours in holes.play(shares, METRICS).items():
        theirs = played(ranked, share, grade, metric)
        for mine, reference in zip((ours.before, ours.after, ours.difference, ours.variance), theirs, strict=True):
            assert mine == pytest.approx(reference, abs=1e-12)


@KINDS
def test_the_order_is_the_rules(grades: dict[str, Any]) -> None:
    ranked = drawn(1, **grades)
    holes = find_holes(ranked)
    order = order_of(ranked)
    assert [(row.query, row.product, row.cell) for row in holes.rows] == [row[:3] for row in order]
    assert [row.w for row in holes.rows] == pytest.approx([row[3] for row in order])
    assert [row.u for row in holes.rows] == [row[4] for row in order]
    assert (holes.count, holes.judged, holes.to_judge) == (len(order), 0, holes.rows)
    first = holes.rows[0]
    at = ranked.queries.index(first.query)
    ranks = [
        side[at].index(first.product) + 1 if first.product in side[at][:DEPTH] else None
        for side in (ranked.before, ranked.after)
    ]
    assert [first.rank_before, first.rank_after] == ranks


@KINDS
def test_both_bounds_are_what_the_rule_plays(grades: dict[str, Any]) -> None:
    ranked = drawn(2, **grades)
    holes, highest = find_holes(ranked), overall(ranked)[2]
    best, worst = holes.bounds()
    grade = {"A": highest, "B": highest}
    assert_played(holes, best, ranked, {"A": 1, "B": 0}, grade)
    assert_played(holes, worst, ranked, {"A": 0, "B": 1}, grade)


@KINDS
def test_both_ends_are_what_the_rule_plays(grades: dict[str, Any]) -> None:
    ranked = drawn(3, **grades)
    order = find_holes(ranked).rows
    ranked = judge(ranked, order[:70])
    holes = find_holes(ranked, order)
    assert (holes.rows, holes.judged, holes.count) == (order, 70, len(order) - 70)
    estimate = holes.estimate()
    assert estimate is not None
    for shares, z in ((estimate.against_loss, 1.28), (estimate.against_no_loss, -2.58), (estimate.middle, 0)):
        assert_played(holes, shares, ranked, *estimated(ranked, order, 70, z))


def test_a_cell_with_few_judged_rows_takes_the_share_of_all() -> None:
    ranked = drawn(4, queries=120)
    # what only the new side shows, but for some queries in which a baseline's hit is unjudged
    grades = [
        {**known, **(dict.fromkeys(set(before) - known.keys(), 1) if at % 12 else {})}
        for at, (known, before) in enumerate(zip(ranked.grades, ranked.before, strict=True))
    ]
    ranked = replace(ranked, grades=grades)
    order = find_holes(ranked).rows
    judged = judge(ranked, order[:50])
    assert 0 < sum(row.cell == "B" for row in order[:50]) < 10
    estimate = find_holes(judged, order).estimate()
    assert estimate is not None
    assert estimate.cells["B"] == estimate.all != estimate.cells["A"]
    assert_played(find_holes(judged, order), estimate.middle, judged, *estimated(judged, order, 50, 0))


@pytest.mark.parametrize("grade", [0, 3])
def test_rows_that_are_all_alike_do_not_make_the_share_certain(grade: float) -> None:
    ranked = drawn(6, queries=120)
    order = find_holes(ranked).rows
    grades = [dict(known) for known in ranked.grades]
    for row in order[:100]:
        grades[ranked.queries.index(row.query)][row.product] = grade
    estimate = find_holes(replace(ranked, grades=grades), order).estimate()
    assert estimate is not None
    for share in (estimate.all, *estimate.cells.values()):
        # no nearer than n rows of one size would be: n of n is as likely as not at 0.5 ** (1 / n)
        least = 1 - 0.5 ** (1 / share.judged)
        assert share.high - share.low > least
        assert share.relevant == float(grade > 0)
    ends = [(estimate.against_loss, 1.28), (estimate.against_no_loss, 2.58)]
    reached = [float(np.abs(one.relevant - share.relevant).max()) for one, _ in ends]
    assert 0 < reached[0] < reached[1] < 0.5


def test_what_was_judged_out_of_order_is_known_and_no_sample() -> None:
    ranked = drawn(5)
    order = find_holes(ranked).rows
    prefix = find_holes(judge(ranked, order[:60]), order)
    gap = find_holes(judge(ranked, [*order[:60], *order[61:65]]), order)
    assert (gap.judged, gap.count) == (60, prefix.count - 4)
    assert gap.to_judge == (order[60], *order[65:])
    estimates = [one.estimate() for one in (prefix, gap)]
    assert estimates[0] is not None
    assert estimates[1] is not None
    assert estimates[0].all == estimates[1].all


def test_a_judgment_that_was_taken_back_is_asked_for_behind_the_others() -> None:
    ranked = drawn(6)
    query, product = next((at, hole) for at, hole, x in holes_of(ranked) if x)
    grades = [dict(known) for known in ranked.grades]
    grades[query][product] = 2
    order = find_holes(replace(ranked, grades=grades)).rows
    later = find_holes(ranked, order).rows
    assert later[:-1] == order
    assert (later[-1].query, later[-1].product) == (ranked.queries[query], product)


@pytest.mark.parametrize(
    ("judged", "look"), [(0, 50), (49, 50), (50, 100), (149, 150), (400, 600), (800, 1066), (1066, 1422)]
)
def test_looks_are_further_apart_the_more_is_judged(judged: int, look: int) -> None:
    ranked = drawn(7, queries=400)
    order = find_holes(ranked).rows
    assert len(order) > 1422
    assert find_holes(judge(ranked, order[:judged]), order).next_look == look


def test_there_is_no_estimate_of_fewer_than_fifty_nor_of_all() -> None:
    ranked = drawn(8, queries=20)
    order = find_holes(ranked).rows
    assert find_holes(judge(ranked, order[:49]), order).estimate() is None
    assert find_holes(judge(ranked, order[:50]), order).estimate() is not None
    everything = find_holes(judge(ranked, order), order)
    assert everything.estimate() is None
    assert (everything.count, everything.judged, everything.next_look) == (0, len(order), len(order))


def test_where_all_is_judged_there_are_no_holes_and_metrics_are_those_of_the_judgments() -> None:
    ranked = drawn(9)
    grades = [
        {**dict.fromkeys({*before, *after}, 0), **known}
        for before, after, known in zip(ranked.before, ranked.after, ranked.grades, strict=True)
    ]
    ranked = replace(ranked, grades=grades)
    holes = find_holes(ranked)
    assert (holes.count, holes.rows, holes.estimate()) == (0, (), None)
    for metric, ours in holes.play(holes.bounds()[0], METRICS).items():
        sides = [
            [SCORES[metric](known, hits, 1) for known, hits in zip(grades, side, strict=True)]
            for side in (ranked.before, ranked.after)
        ]
        assert [ours.before, ours.after] == pytest.approx(np.array(sides))
        assert not ours.variance.any()


def test_equal_lists_have_no_holes_and_no_difference() -> None:
    ranked = drawn(10)
    same = replace(ranked, after=[tuple(hits) for hits in ranked.before])
    holes = find_holes(same)
    assert (holes.count, holes.rows) == (0, ())
    assert not holes.play(holes.bounds()[1], [NDCG10])[NDCG10].difference.any()


def test_a_hit_that_keeps_its_rank_is_not_asked_for() -> None:
    ranked = Ranked(("q",), [["a", "b", "c"]], [["a", "c", "b"]], [{"b": 1}], 1)
    assert [row.product for row in find_holes(ranked).rows] == ["c"]


def test_holes_of_one_side_alone_have_one_cell() -> None:
    ranked = Ranked(("q",), [["a"]], [["b"]], [{"a": 1}], 1)
    holes = find_holes(ranked)
    assert [(row.product, row.cell, row.rank_before, row.rank_after) for row in holes.rows] == [("b", "A", None, 1)]
    best, worst = (holes.play(shares, [NDCG10])[NDCG10] for shares in holes.bounds())
    # relevant and alone in front it is half of the ideal, as the one before was
    assert best.difference == pytest.approx([0])
    assert worst.difference == pytest.approx([-1])
    assert find_holes(Ranked((), [], [], [], 1)).count == 0


def test_advice_is_by_the_querys_own_judgments() -> None:
    ranked = drawn(11)
    holes = find_holes(ranked)
    advice = holes.advice()
    m, h, _ = overall(ranked)
    for number_, (at, _, x) in enumerate(holes_of(ranked)):
        known = ranked.grades[at].values()
        own = (sum(grade >= 1 for grade in known) + 5 * m) / (len(known) + 5)
        assert advice.relevant[number_] == pytest.approx(own * (0.4 if x >= 0 else 1))
    assert advice.grade.tolist() == pytest.approx([h] * len(holes_of(ranked)))


def test_what_depends_on_other_things_than_grades_of_the_first_hits_is_not_played() -> None:
    names = ("nDCG@10", "P@5", "Empty", "R@10", "nDCG@20", "RBO(p=0.9)@10")
    assert [name for name in names if plays(parse(name))] == ["nDCG@10", "P@5", "Empty", "R@10"]
    assert not plays(JUDGED10)


def test_words_say_what_was_judged_and_what_is_next() -> None:
    ranked = drawn(12)
    order = find_holes(ranked).rows
    total = len(order)
    assert find_holes(ranked).words(settled=False) == (
        f"{total} hits that differ were not judged; the next 50 would tell more"
    )
    holes = find_holes(judge(ranked, order[:60]), order)
    estimate = holes.estimate()
    assert estimate is not None
    share = f"{estimate.all.relevant:.0%} relevant, {estimate.all.low:.0%} to {estimate.all.high:.0%}"
    assert share in holes.words(settled=True)
    assert holes.words(settled=False).endswith("the next 40 would tell more")
    assert 0 < estimate.all.low < estimate.all.relevant < estimate.all.high < 1
