"""A baseline and a session by the session's data: what is scored anew, refilled, counted apart, or left out by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from helpers.snapshots import TEXT, measured

from relevance.baseline import (
    DIGITS,
    KEPT,
    DatasetIdentity,
    Measurement,
    ProductsSeen,
    Snapshot,
    by_todays_data,
    judged_as_before,
)
from relevance.evaluation import AP10, JUDGED10, METRICS, NDCG10, Metric, score_hits

OTHER = "e" * 64
SEED = 7
SIZE, QUERIES = 400, 200


def scored(hits: Sequence[Sequence[str]], grades: Sequence[Mapping[str, float]], *metrics: Metric) -> Measurement:
    values = score_hits(metrics or METRICS, hits, grades, relevant_from=1, highest=3)
    numbers = {metric: np.round(one, DIGITS) for metric, one in values.items()}
    return measured(numbers, [row[:KEPT] for row in hits])


def world(
    products: Sequence[str], rankings: Sequence[Sequence[str]], grades: Sequence[Mapping[str, float]], **changed: Any
) -> Snapshot:
    """What a session on these products has measured: an engine that leaves out what is not there."""
    there = {*products}
    hits = [[one for one in row if one in there] for row in rankings]
    known = tuple({product: grade for product, grade in one.items() if product in there} for one in grades)
    values: dict[str, Any] = {
        "dataset": DatasetIdentity("shop", f"{crc32(repr(products).encode()):064x}", "a" * 64, "b" * 64, len(products)),
        "queries": tuple(f"q{row:04}" for row in range(len(rankings))),
        "texts": tuple(f"text {row}" for row in range(len(rankings))),
        "grades": known,
        "relevant_from": 1,
        "strategies": {"own": scored(hits, known)},
        "engine": {},
        "models": {},
        "versions": {},
        "calibration_s": None,
        "products_seen": ProductsSeen.of(products),
    }
    return Snapshot(**(values | changed))


def shop(seed: int = SEED) -> tuple[list[str], list[list[str]], list[dict[str, float]]]:
    """Products, whole rankings of them and judgments, which are better in front."""
    random = np.random.default_rng(seed)
    products = [f"p{at:03}" for at in range(SIZE)]
    rankings = [[products[at] for at in random.permutation(SIZE)[:60]] for _ in range(QUERIES)]
    grades = [{one: int(random.integers(0, 4) * (random.random() < 0.6)) for one in row[:30]} for row in rankings]
    return products, rankings, grades


def means(snapshot: Snapshot) -> list[float]:
    return [float(values.mean()) for values in snapshot.strategies["own"].metrics.values()]


def test_the_same_data_are_left_as_they_are() -> None:
    products, rankings, grades = shop()
    before, now = (world(products, rankings, grades) for _ in range(2))
    sides = by_todays_data(before, now)
    assert sides.before is before
    assert sides.now is now
    assert (sides.notes, sides.compared, sides.of, sides.refilled) == ((), QUERIES, QUERIES, 0)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_an_unchanged_strategy_shows_no_difference_where_products_are_gone(share: float) -> None:
    products, rankings, grades = shop()
    random = np.random.default_rng(3)
    left = [one for one in products if random.random() >= share]
    before, now = world(products, rankings, grades), world(left, rankings, grades)
    assert means(before) != means(now)
    sides = by_todays_data(before, now, frozenset(left))
    assert means(sides.before) == means(sides.now)
    for metric, values in sides.now.strategies["own"].metrics.items():
        assert (sides.before.strategies["own"].metrics[metric] == values).all(), metric
    assert (sides.compared, sides.of) == (QUERIES, QUERIES)
    assert sides.refilled > 0
    assert sides.gone_products > share * SIZE / 2
    # without the catalogue's ids the session's own filter tells them, but for one in a thousand
    assert means(by_todays_data(before, now).before) == pytest.approx(means(now), abs=2e-3)


def test_a_list_of_nine_is_compared_with_nine() -> None:
    products, rankings, grades = shop()
    left = products[20:]
    whole = world(products, rankings, grades)
    own = whole.strategies["own"]
    shallow = replace(own, hits=tuple(hits[:10] for hits in own.hits))
    before = replace(whole, kept=10, products_seen=None, strategies={"own": shallow})
    now = world(left, rankings, grades)
    sides = by_todays_data(before, now, frozenset(left))
    short = sum(any(one in products[:20] for one in row[:10]) for row in rankings)
    assert f"{short} lists compared on fewer than 10 hits: 10 are kept, and products are gone or new" in sides.notes
    assert means(sides.before) == means(sides.now)
    assert "which hits are products new since is not known" in sides.notes


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "unjudged"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.6])
def test_an_unchanged_strategy_shows_no_difference_where_products_are_new(share: float, *, judged: bool) -> None:
    products, rankings, grades = shop()
    random = np.random.default_rng(3)
    old = [one for one in products if random.random() >= share]
    before = world(old, rankings, grades)
    now = world(
        products, rankings, grades if judged else [{one: row[one] for one in row if one in old} for row in grades]
    )
    sides = by_todays_data(before, now, frozenset(products))
    for metric, values in sides.now.strategies["own"].metrics.items():
        assert (sides.before.strategies["own"].metrics[metric] == values).all(), metric
    assert (sides.compared, sides.lost) == (QUERIES, 0)
    assert sides.new_products["own"] > 0
    # only where more than half of all products are new does a list run out of those that both have
    assert any("fewer than 10 hits" in note for note in sides.notes) == (share > 0.5)


def test_products_that_are_new_are_counted_apart() -> None:
    products, rankings, grades = shop()
    before = world(products, rankings, grades)
    fresh = [["new1", *row] if at < 5 else row for at, row in enumerate(rankings)]
    now = world([*products, "new1"], fresh, [{**judged, "new1": 3} for judged in grades])
    sides = by_todays_data(before, now)
    assert sides.new_products == {"own": 5}
    was, with_them = (float(one.strategies["own"].metrics[NDCG10].mean()) for one in (sides.now, now))
    said = f"own 5 (nDCG@10 {with_them:.4f} with them, {was:.4f} without)"
    assert f"products new since, among the first 10 hits, left out: {said}" in sides.notes
    assert means(sides.now) == means(sides.before) == means(before)
    untold = by_todays_data(before, replace(now, products_seen=None))
    assert "which products are gone is not known: they stay in the baseline's rankings" in untold.notes


def renamed(names: Mapping[str, str], products: Sequence[str], rankings: Any, grades: Any) -> tuple[Any, ...]:
    """The same shop with other ids."""
    return (
        [names.get(one, one) for one in products],
        [[names.get(one, one) for one in row] for row in rankings],
        [{names.get(one, one): grade for one, grade in judged.items()} for judged in grades],
    )


def small_shop() -> tuple[list[str], list[list[str]], list[dict[str, float]]]:
    """Sixty queries with a good product and a bad one each."""
    rankings = [[f"g{at}", f"b{at}"] for at in range(60)]
    return [one for row in rankings for one in row], rankings, [{good: 2, bad: 0} for good, bad in rankings]


@pytest.mark.parametrize(("how_many", "kinds"), [(20, "g"), (60, "gb")])
def test_a_query_whose_relevant_products_have_other_ids_is_not_compared(how_many: int, kinds: str) -> None:
    shop = small_shop()
    names = {f"{kind}{at}": f"x{kind}{at}" for at in range(how_many) for kind in kinds}
    before, other = world(*shop), renamed(names, *shop)
    sides = by_todays_data(before, world(*other), frozenset(other[0]))
    assert (sides.compared, sides.lost) == (60 - how_many, how_many)
    assert f"not compared: {how_many} queries whose relevant products are gone, or have other ids now" in sides.notes[0]
    assert (sides.before.strategies["own"].metrics[NDCG10] == sides.now.strategies["own"].metrics[NDCG10]).all()
    # the other side of it: a strategy that ranks them worse in these queries cannot hide it by their names
    worse = [row[::-1] if at < 20 else row for at, row in enumerate(other[1])]
    assert by_todays_data(before, world(other[0], worse, other[2])).lost == how_many


@pytest.mark.parametrize(
    ("relevant", "gone", "new", "lost"),
    [(3, 1, 1, False), (3, 2, 2, True), (3, 2, 0, False), (3, 3, 0, True), (2, 1, 1, False), (1, 1, 0, True)],
)
def test_a_query_is_compared_by_the_relevant_products_that_are_left(
    relevant: int, gone: int, new: int, *, lost: bool
) -> None:
    good = [f"g{at}" for at in range(relevant)]
    today = [f"n{at}" for at in range(new)] + good[gone:]
    sides = by_todays_data(
        world([*good, "b"], [[*good, "b"]], [{**dict.fromkeys(good, 2), "b": 0}]),
        world([*today, "b"], [[*today, "b"]], [{**dict.fromkeys(today, 2), "b": 0}]),
    )
    assert (sides.compared, sides.lost) == (1 - lost, int(lost))


JUDGED: dict[str, Callable[[Mapping[str, float], Sequence[str]], dict[str, float]]] = {
    "grown": lambda judged, row: {**judged, row[35]: 3, row[9]: 2},
    "changed": lambda judged, _: {product: 3 - grade for product, grade in judged.items()},
    "fewer": lambda judged, row: {product: grade for product, grade in judged.items() if product != row[0]},
}


@pytest.mark.parametrize("change", JUDGED.values(), ids=JUDGED)
def test_both_sides_are_scored_by_todays_judgments(change: Callable[..., dict[str, float]]) -> None:
    products, rankings, grades = shop()
    before = world(products, rankings, grades)
    others = [
        change(judged, row) if at % 2 else judged
        for at, (judged, row) in enumerate(zip(grades, rankings, strict=False))
    ]
    now = world(products, rankings, others, relevant_from=1)
    sides = by_todays_data(before, now)
    assert means(before) != means(now)
    for metric, values in now.strategies["own"].metrics.items():
        assert (sides.before.strategies["own"].metrics[metric] == values).all(), metric
    assert sides.before.grades == now.grades
    assert (sides.compared, sides.notes) == (QUERIES, ())


def test_both_sides_are_scored_by_what_is_relevant_today() -> None:
    products, rankings, grades = shop()
    before = world(products, rankings, grades)
    values = score_hits(METRICS, before.strategies["own"].hits, grades, relevant_from=2, highest=3)
    numbers = {metric: np.round(one, DIGITS) for metric, one in values.items()}
    now = replace(before, relevant_from=2, strategies={"own": measured(numbers, before.strategies["own"].hits)})
    sides = by_todays_data(before, now)
    assert sides.before.relevant_from == 2
    assert (sides.before.strategies["own"].metrics[AP10] == numbers[AP10]).all()
    assert (numbers[AP10] != before.strategies["own"].metrics[AP10]).any()


def test_queries_that_ask_something_else_are_left_out_by_name() -> None:
    products, rankings, grades = shop()
    before = world(products, rankings[:6], grades[:6], params=tuple({"a": at} for at in range(6)))
    texts = ("text 0", "other", *before.texts[2:])
    params = ({"a": 9}, *before.params[1:5], {"a": 7})
    queries = (*before.queries[:5], "q9")
    now = replace(
        before, queries=queries, texts=texts, params=params, strategies=before.strategies, weights=(5, 1, 2, 3, 4, 9)
    )
    sides = by_todays_data(before, now)
    assert sides.now.queries == sides.before.queries == ("q0002", "q0003", "q0004")
    assert sides.now.weights == sides.before.weights == (2, 3, 4)
    assert len(sides.now.strategies["own"].hits) == len(sides.before.strategies["own"].metrics[NDCG10]) == 3
    assert (sides.compared, sides.of) == (3, 6)
    assert sides.notes == (
        "not compared: 1 query new since the baseline (q9)",
        "not compared: 1 query gone, or without a judgment now (q0005)",
        "not compared: 2 queries with another text or other parameters (q0000, q0001)",
    )


def test_metrics_deeper_than_what_is_kept_stay_as_they_were() -> None:
    products, rankings, grades = shop()
    deep, shallow, more = Metric("AP", 50), Metric("AP", 15), Metric("RR", 3)
    before = world(products, rankings, grades, strategies={"own": scored(rankings, grades, deep, shallow)})
    others = [{**judged, row[5]: 3} for judged, row in zip(grades, rankings, strict=True)]
    now = world(products, rankings, others, strategies={"own": scored(rankings, others, deep, shallow, more)})
    sides = by_todays_data(before, now)
    metrics = sides.before.strategies["own"].metrics
    assert (metrics[deep] == before.strategies["own"].metrics[deep]).all()
    for metric in (shallow, more):
        assert (metrics[metric] == now.strategies["own"].metrics[metric]).all()
    changed = sum(left != right for left, right in zip(grades, others, strict=True))
    line = "AP@50 looks deeper than the 20 hits that are kept: compared as it was scored"
    assert sides.notes == (f"{line}, {changed} queries of it by other data",)


def test_a_metric_that_is_new_is_computed_from_the_baselines_hits() -> None:
    products, rankings, grades = shop()
    before = world(products, rankings, grades)
    more = Metric("RR", 3)
    now = world(products, rankings, grades, strategies={"own": scored(rankings, grades, *METRICS, more)})
    sides = by_todays_data(before, now)
    metrics = sides.before.strategies["own"].metrics
    assert (metrics[more] == now.strategies["own"].metrics[more]).all()
    assert all(metrics[metric] is values for metric, values in before.strategies["own"].metrics.items())
    assert JUDGED10 in metrics
    assert before.strategies["own"].definition == TEXT


HITS = [["a", "b", "c"], ["d", "e"], ["a", "e"]]
GRADES: list[Mapping[str, float]] = [{"a": 2, "b": 0}, {"d": 1}, {"e": 2}]


@pytest.mark.parametrize(
    ("grades", "others", "as_before", "changes"),
    [
        (GRADES, {}, GRADES, ""),
        # what is new counts as it is today
        ([{"a": 2, "b": 0, "c": 1}, {"d": 1}, {"e": 2}], {}, [{"a": 2, "b": 0, "c": 1}, {"d": 1}, {"e": 2}], ""),
        ([{"a": 0, "b": 2}, {"e": 1}, {"e": 2}], {}, [{"a": 2, "b": 0}, {"d": 1, "e": 1}, {"e": 2}],
         "2 judgments changed and 1 judgment removed, of 2 queries"),
        ([{"a": 2, "b": 0}, {"d": 1}, {"e": 1}], {"weights": (1, 0, 1), "tags": ((), ("x",), ())}, GRADES,
         "1 judgment changed, of 1 query, weight of 1 query, tags of 1 query"),
        (GRADES, {"relevant_from": 2}, GRADES, "the lowest relevant grade"),
    ],
)  # fmt: skip
def test_as_if_no_judgment_had_been_changed(
    grades: Sequence[Mapping[str, float]], others: Mapping[str, Any], as_before: object, changes: str
) -> None:
    before, now = (world("abcde", HITS, one) for one in (GRADES, grades))
    now = replace(now, **others)
    found, words = judged_as_before(before, now)
    assert ([*found.grades], words, found is now) == (as_before, changes, not changes)
    if changes:
        assert ({*found.weights} | {1}, {*found.tags} | {()}, found.relevant_from) == ({1}, {()}, 1)
        highest = max(grade for judged in found.grades for grade in judged.values())
        expected = score_hits(METRICS, HITS, found.grades, relevant_from=1, highest=highest)
        for metric, values in found.strategies["own"].metrics.items():
            assert values == pytest.approx(expected[metric], abs=1e-6), metric


def test_judgments_of_products_that_are_gone_are_not_missed() -> None:
    before, now = world("abcde", HITS, GRADES), world("abce", HITS, GRADES)
    assert judged_as_before(before, now) == (now, "")
    assert judged_as_before(before, replace(now, products_seen=None))[1] == "1 judgment removed, of 1 query"
