"""Pairs: what is trained on, what is held out, what is dropped and why; and the leak detector on planted leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.pairs import made_dataset, made_frame
from hypothesis import given, settings
from hypothesis import strategies as some

from relevance.errors import InputError
from relevance.finetune.pairs import (
    Trained,
    build_pairs,
    find_leaks,
    normalised,
    one_edit_apart,
    split_off,
    stems,
    text_key,
)
from relevance.records import Judgments


def test_only_the_highest_relevance_is_trained_on() -> None:
    """Pairs of relevance 3 are split into training and validation; the others are trained on nowhere."""
    pairs = build_pairs(made_frame(), made_dataset(), drop_unknown=False)
    assert len(pairs.train) + len(pairs.validation) == 20
    assert {pair.relevance for pair in (*pairs.train, *pairs.validation)} == {3.0}
    assert {pair.relevance for pair in pairs.rated} == {1.0, 3.0}


def test_the_split_is_by_query_and_does_not_depend_on_the_order() -> None:
    """A tenth of the queries is held out, no query stands on both sides, and the rows' order means nothing."""
    frame = made_frame()
    pairs = build_pairs(frame, made_dataset(), drop_unknown=False)
    again = build_pairs(frame.iloc[::-1], made_dataset(), drop_unknown=False)
    held_out = {pair.query for pair in pairs.validation}
    assert len(held_out) == 1
    assert held_out.isdisjoint(pair.query for pair in pairs.train)
    assert held_out == {pair.query for pair in again.validation}
    others = {pair.query for seed in range(9) for pair in _held_out(seed)}
    assert len(others) > 1


def _held_out(seed: int) -> tuple[object, ...]:
    return build_pairs(made_frame(), made_dataset(), drop_unknown=False, seed=seed).validation


@pytest.mark.parametrize("query", ["garden hose", "GARDEN Hose", " garden   hose\t", "\uff47arden hose"])
def test_evaluated_queries_are_dropped_and_counted(query: str) -> None:
    """A query that the benchmark evaluates is dropped, whatever its case, spacing and Unicode form; it is shown."""
    frame = made_frame([(query, "p01", "t", 3.0), (query, "p02", "t", 2.0)])
    pairs = build_pairs(frame, made_dataset(), drop_unknown=False)
    assert pairs.dropped == (query,)
    assert pairs.dropped_pairs == 2
    assert len(pairs.train) + len(pairs.validation) == 20


def test_a_product_that_is_an_evaluated_query_is_dropped() -> None:
    """A pair whose product's whole text is an evaluated query is not trained on."""
    pairs = build_pairs(made_frame([("hoses", "x", "Garden  HOSE", 3.0)]), made_dataset(), drop_unknown=False)
    assert pairs.dropped_pairs == 1
    assert pairs.dropped == ()


def test_texts_come_from_the_catalogue_first() -> None:
    """A product of the catalogue has the catalogue's text, another one its title."""
    pairs = build_pairs(made_frame([("hoses", "x", "a hose", 3.0)]), made_dataset(), drop_unknown=False)
    texts = {pair.product: pair.text for pair in (*pairs.train, *pairs.validation)}
    assert texts["p00"] == "red lamp"
    assert texts["x"] == "a hose"


def test_products_without_a_title_are_an_error_or_dropped() -> None:
    """A product that no file gives a title of is one line, or is dropped and counted."""
    frame = made_frame([("hoses", "x", " ", 3.0)])
    with pytest.raises(InputError, match=r"1 of 31 pairs are of products that no file gives a title of, such as 'x';"):
        build_pairs(frame, made_dataset(), drop_unknown=False)
    assert build_pairs(frame, made_dataset(), drop_unknown=True).unknown == 1


def test_two_ratings_of_a_pair_are_one_pair_of_their_mean() -> None:
    """A pair that is rated 3 and 2 is no positive; spellings of one query are one query."""
    frame = made_frame([("Lamp NUMBER 0", "p00", "t", 2.0)])
    pairs = build_pairs(frame, made_dataset(), drop_unknown=False)
    assert len(pairs.train) + len(pairs.validation) == 19


def test_too_few_pairs_are_one_line() -> None:
    """Fewer than ten pairs, and pairs of one query alone, are errors that say what was found."""
    with pytest.raises(InputError, match=r"data set 'made': 9 pairs of relevance 3 to train on; allowed: 10 or more"):
        build_pairs(made_frame().iloc[:14].iloc[1:], made_dataset(), drop_unknown=False)
    frame = made_frame([("sofa", f"x{at}", "t", 3.0) for at in range(12)])
    with pytest.raises(InputError, match=r"all 12 pairs are of one query, 'sofa'; allowed: pairs of two queries"):
        build_pairs(frame[frame["query"] == "sofa"], made_dataset(), drop_unknown=False)


@settings(max_examples=30, deadline=None)
@given(some.text(max_size=30))
def test_normalising_is_done_once(text: str) -> None:
    """What is normalised stays as it is."""
    assert normalised(normalised(text)) == normalised(text)


def test_a_share_of_the_queries_leaves_the_benchmark() -> None:
    """The queries that are trained on are not evaluated, the others are; the same share gives the same choice."""
    dataset = made_dataset(tuple(f"query {number}" for number in range(20)))
    left, frame = split_off(dataset, 0.3, seed=12)
    assert len(left.queries) == 14
    assert set(frame["query"]).isdisjoint(left.queries.texts)
    assert set(frame["relevance"]) == {3.0}
    assert left.notes[-1] == "6 of 20 queries are trained on and not evaluated"
    assert split_off(dataset, 0.3, seed=12)[0].queries.ids == left.queries.ids
    assert [left.queries.ids[code] for code in left.judgments.queries] == list(left.queries.ids)


def test_a_share_keeps_decimal_grades_and_own_products() -> None:
    """Half of the highest grade is relevance 2, whatever the scale; a query keeps the product that it leaves out."""
    dataset = made_dataset(tuple(f"query {number}" for number in range(4)))
    judgments = Judgments(np.arange(4), np.zeros(4, dtype=np.int64), np.array([1.5, 0.75, 1.5, 0.75]))
    own = np.array([3, -1, 5, -1])
    left, frame = split_off(replace(dataset, judgments=judgments, own_products=own), 0.5, seed=12)
    relevance = [3.0, 2.0, 3.0, 2.0]
    assert frame["relevance"].tolist() == [relevance[int(query[-1])] for query in frame["query"]]
    assert left.own_products is not None
    assert left.own_products.tolist() == [own[int(text[-1])] for text in left.queries.texts]


@pytest.mark.parametrize(("share", "what"), [(0.01, "train on"), (0.99, "evaluate")])
def test_a_share_that_leaves_nothing_is_an_error(share: float, what: str) -> None:
    """A share by which one of the sides would be empty is one line."""
    with pytest.raises(InputError, match=f"of 3 queries leaves none to {what}; allowed"):
        split_off(made_dataset(("a", "b", "c")), share, seed=12)


PLANTED = {
    "same text": ("café garden hose", "p99", "a hose"),
    "other case": ("CAFÉ Garden hose", "p99", "a hose"),
    "other spacing": ("  café garden\u00a0\those ", "p99", "a hose"),
    "other Unicode form": ("cafe\u0301 garden hose", "p99", "a hose"),
    "the query as the whole product text": ("a hose", "p99", "Café garden hose"),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_planted_leaks_are_errors(planted: tuple[str, str, str]) -> None:
    """Each of the five is found among clean pairs and is one line that shows the evaluated query."""
    query, product, text = planted
    clean = Trained("a chair", "p01", text_key("red chair"))
    with pytest.raises(
        InputError, match=r"leak in the pairs: 1 query is evaluated and .*: 'café garden hose'; allowed"
    ):
        find_leaks(
            [clean, Trained(query, product, text_key(text))], made_dataset(("café garden hose",)), where="the pairs"
        )


def test_what_the_builder_made_is_clean() -> None:
    """The pairs of the builder pass, with every planted leak in its input."""
    dataset = made_dataset(("café garden hose",))
    extra = [(*planted, 3.0) for planted in PLANTED.values()]
    pairs = build_pairs(made_frame(extra), dataset, drop_unknown=False)
    leaks = find_leaks(pairs.trained, dataset, where="the pairs")
    assert pairs.dropped_pairs == 5
    assert leaks.near_queries == ()
    assert leaks.products == len({pair.product for pair in pairs.trained})


def test_near_queries_and_shared_products_are_counted() -> None:
    """The same words in another order or number, and one edit, are near; neither they nor shared products fail."""
    trained = [
        Trained("hoses garden", "p01", "k"),
        Trained("garden hoes", "x", "k"),
        Trained("garden hos", "x", "k"),
        Trained("lamp", "x", "k"),
    ]
    leaks = find_leaks(trained, made_dataset(("garden hose",)), where="the pairs")
    assert leaks.near_queries == (("garden hos", "garden hose"), ("hoses garden", "garden hose"))
    assert leaks.shared_products == ("p01",)
    assert leaks.products == 2


@given(some.text(alphabet="ab", max_size=5), some.text(alphabet="ab", max_size=5))
def test_one_edit_is_a_distance_of_one(left: str, right: str) -> None:
    """One edit apart means an edit distance (Levenshtein) of exactly 1."""
    assert one_edit_apart(left, right) == (_distance(left, right) == 1)


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        before, row = row, [i]
        for j, b in enumerate(right, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


@pytest.mark.parametrize(
    ("word", "stem"),
    [("batteries", "battery"), ("boxes", "boxe"), ("shoes", "shoe"), ("glass", "glass"), ("bus", "bus")],
)
def test_plurals_are_stemmed(word: str, stem: str) -> None:
    """The S stemmer's three rules, with their exceptions."""
    assert stems(f"a {word}") == ("a", stem)
