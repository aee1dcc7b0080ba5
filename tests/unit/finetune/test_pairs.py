from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from helpers.pairs import pair_dataset, rated_frame
from hypothesis import given, settings
from hypothesis import strategies as some

from relevance.errors import InputError
from relevance.finetune.pairs import (
    Trained,
    build_pairs,
    find_leaks,
    normalised,
    one_edit_keys,
    split_off,
    stems,
    text_key,
)
from relevance.records import Judgments, Queries

built = partial(build_pairs, dataset=pair_dataset(), drop_unknown=False)


def test_positives_are_split_by_query_whatever_the_order_of_the_rows() -> None:
    pairs, turned = built(rated_frame()), built(rated_frame().iloc[::-1])
    held_out = {pair.query for pair in pairs.validation}
    assert len(pairs.train) + len(pairs.validation) == 20
    assert {pair.relevance for pair in (*pairs.train, *pairs.validation)} == {3.0}
    assert sorted(pair.relevance for pair in pairs.rated) == [1.0, 3.0, 3.0]
    assert len(held_out) == 1
    assert held_out.isdisjoint(pair.query for pair in pairs.train)
    assert held_out == {pair.query for pair in turned.validation}
    assert len({pair.query for seed in range(9) for pair in built(rated_frame(), seed=seed).validation}) > 1


def test_lower_positives_are_trained_on_beside_the_same_held_out_queries() -> None:
    frame = rated_frame(
        ("hoses", "p03", "t", 2.5), ("lamp number 0", "p29", "t", 2.5), ("rug number 3", "p28", "t", 2.2)
    )
    strict, wide = built(frame), built(frame, positive_from=2.5)
    assert (wide.validation, wide.rated) == (strict.validation, strict.rated)
    assert wide.validation[0].query not in {"lamp number 0", "rug number 3"}
    assert {(pair.query, pair.product) for pair in {*wide.train} - {*strict.train}} == {
        ("lamp number 0", "p29"),
        ("hoses", "p03"),
    }
    assert {*strict.train} < {*wide.train}
    # what is rated 2 or more for a query that is trained on is no negative of it
    assert [pair.product for pair in strict.related if pair.query == "hoses"] == []
    assert [pair.product for pair in wide.related if pair.query == "hoses"] == ["p03"]


def test_graded_pairs_are_all_of_the_queries_that_are_not_held_out() -> None:
    pairs = built(rated_frame(("sofas", "p05", "t", 1.0)))
    held_out = {pair.query for pair in pairs.validation}
    assert len(pairs.graded) == 31 - 3 * len(held_out)
    assert held_out.isdisjoint(pair.query for pair in pairs.graded)
    assert {("sofas", "p05")} == {(one.query, one.product) for one in pairs.trained(graded=True)} - {
        (one.query, one.product) for one in (*pairs.trained(graded=False), *pairs.graded[:-1])
    }


@pytest.mark.parametrize("query", ["garden hose", "GARDEN Hose", " garden   hose\t", "\uff47arden hose"])
def test_evaluated_queries_are_dropped_and_counted(query: str) -> None:
    pairs = built(rated_frame((query, "p01", "t", 3.0), (query, "p02", "t", 2.0)))
    assert (pairs.dropped, pairs.dropped_pairs) == ((query,), 2)
    assert len(pairs.train) + len(pairs.validation) == 20


def test_a_pair_whose_product_is_an_evaluated_query_is_dropped() -> None:
    pairs = built(rated_frame(("hoses", "x", "Garden  HOSE", 3.0)))
    assert (pairs.dropped, pairs.dropped_pairs) == ((), 1)


def test_the_catalogues_text_outranks_the_title() -> None:
    pairs = built(rated_frame(("hoses", "x", "a hose", 3.0)))
    texts = {pair.product: pair.text for pair in (*pairs.train, *pairs.validation)}
    assert (texts["p00"], texts["x"]) == ("red lamp", "a hose")


def test_products_without_a_title_are_an_error_or_dropped() -> None:
    frame = rated_frame(("hoses", "x", " ", 3.0))
    with pytest.raises(InputError, match=r"1 of 31 pairs are of products that no file gives a title of, such as 'x';"):
        built(frame)
    assert built(frame, drop_unknown=True).unknown == 1


def test_ratings_of_a_pair_are_averaged_over_the_spellings_of_its_query() -> None:
    pairs = built(rated_frame(("Lamp NUMBER 0", "p00", "t", 2.0)))
    assert len(pairs.train) + len(pairs.validation) == 19
    assert {pair.relevance for pair in pairs.related} == {3.0, 2.5}


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (rated_frame().iloc[1:14], "data set 'made': 9 pairs of relevance 3 to train on; allowed: 10 or more"),
        (
            rated_frame(*(("sofa", f"x{at}", "t", 3.0) for at in range(12))).query("query == 'sofa'"),
            "data set 'made': all 12 pairs are of one query, 'sofa'; allowed: pairs of two queries or more",
        ),
    ],
    ids=["too few", "one query"],
)
def test_too_few_pairs_are_refused(frame: object, line: str) -> None:
    with pytest.raises(InputError, match=re.escape(line)):
        built(frame)


def test_a_share_of_the_queries_leaves_the_benchmark() -> None:
    dataset = pair_dataset(tuple(f"query {number}" for number in range(20)))
    left, frame = split_off(dataset, 0.3, seed=12)
    assert len(left.queries) == 14
    assert {*frame["query"], *left.queries.texts} == set(dataset.queries.texts)
    assert set(frame["relevance"]) == {3.0}
    assert left.notes[-1] == "6 of 20 queries are trained on and not evaluated"
    assert split_off(dataset, 0.3, seed=12)[0].queries.ids == left.queries.ids
    assert [left.queries.ids[code] for code in left.judgments.queries] == list(left.queries.ids)


def test_a_share_keeps_decimal_grades_parameters_weights_and_own_products() -> None:
    dataset = pair_dataset(tuple(f"query {number}" for number in range(4)))
    judgments = Judgments(np.arange(4), np.zeros(4, dtype=np.int64), np.array([1.5, 0.75, 1.5, 0.75]))
    own = np.array([3, -1, 5, -1])
    ids, texts = dataset.queries.ids, dataset.queries.texts
    params = [{"text": text} for text in texts]
    marks = {"weight": [int(text[-1]) for text in texts], "tags": [(text[-1],) for text in texts]}
    dataset = replace(dataset, queries=Queries(pd.DataFrame({"id": ids, "text": texts, "params": params, **marks})))
    left, frame = split_off(replace(dataset, judgments=judgments, own_products=own), 0.5, seed=12)
    # half of the highest grade is relevance 2, whatever the scale
    assert frame["relevance"].tolist() == [[3.0, 2.0][int(query[-1]) % 2] for query in frame["query"]]
    assert left.queries.params == tuple({"text": text} for text in left.queries.texts)
    assert left.queries.weights == tuple(int(text[-1]) for text in left.queries.texts)
    assert left.queries.tags == tuple((text[-1],) for text in left.queries.texts)
    assert left.own_products is not None
    assert left.own_products.tolist() == [own[int(text[-1])] for text in left.queries.texts]


@pytest.mark.parametrize(("share", "what"), [(0.01, "train on"), (0.99, "evaluate")])
def test_a_share_that_leaves_one_side_empty_is_refused(share: float, what: str) -> None:
    with pytest.raises(InputError, match=f"of 3 queries leaves none to {what}; allowed"):
        split_off(pair_dataset(("a", "b", "c")), share, seed=12)


LEAKS = {
    "same text": ("café garden hose", "p99", "a hose"),
    "other case": ("CAFÉ Garden hose", "p99", "a hose"),
    "other spacing": ("  café garden\u00a0\those ", "p99", "a hose"),
    "other Unicode form": ("cafe\u0301 garden hose", "p99", "a hose"),
    "the query as the whole product text": ("a hose", "p99", "Café garden hose"),
}


@pytest.mark.parametrize(("query", "product", "text"), LEAKS.values(), ids=LEAKS)
def test_a_leak_among_clean_pairs_is_refused(query: str, product: str, text: str) -> None:
    pairs = [Trained("a chair", "p01", text_key("red chair")), Trained(query, product, text_key(text))]
    line = r"leak in the pairs: 1 query is evaluated and .*: 'café garden hose'; allowed"
    with pytest.raises(InputError, match=line):
        find_leaks(pairs, pair_dataset(("café garden hose",)), where="the pairs")


def test_pairs_that_were_built_have_no_leak() -> None:
    dataset = pair_dataset(("café garden hose",))
    pairs = built(rated_frame(*((*leak, 3.0) for leak in LEAKS.values())), dataset=dataset)
    assert pairs.dropped_pairs == len(LEAKS)
    trained = pairs.trained(graded=True)
    leaks = find_leaks(trained, dataset, where="the pairs")
    assert leaks.near_queries == ()
    assert leaks.products == len({pair.product for pair in trained})


def test_near_queries_and_shared_products_are_counted() -> None:
    queries = {"hoses garden": "p01", "garden hoes": "x", "garden hos": "x", "lamp": "x"}
    trained = [Trained(query, product, "k") for query, product in queries.items()]
    leaks = find_leaks(trained, pair_dataset(("garden hose",)), where="the pairs")
    assert leaks.near_queries == (("garden hos", "garden hose"), ("hoses garden", "garden hose"))
    assert (leaks.shared_products, leaks.products) == (("p01",), 2)


@pytest.mark.parametrize(
    "text",
    [
        "wa\u200bter pro\u200bof headlamp",
        "\ufeffwater\u00ad proof head\u2060lamp",
        "water proof headlamp\ufe0f",
        "water proof head\u034flamp",
        "water proof\u3164 headlamp\uffa0",
        "water\U000e0041 proof headlamp",
    ],
)
def test_characters_that_are_not_seen_do_not_tell_texts_apart(text: str) -> None:
    assert normalised(text) == "water proof headlamp"


def test_what_composes_once_an_unseen_character_is_gone_is_composed() -> None:
    assert normalised("cafe\u200b\u0301") == "café"


@settings(max_examples=30, deadline=None)
@given(some.text(max_size=30))
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(some.text(alphabet="ab", max_size=5), some.text(alphabet="ab", max_size=5))
def test_different_texts_share_a_key_where_their_edit_distance_is_one(left: str, right: str) -> None:
    shared = left != right and not one_edit_keys(left).isdisjoint(one_edit_keys(right))
    assert shared == (_distance(left, right) == 1)


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        before, row = row, [i]
        for j, b in enumerate(right, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def test_plurals_are_stemmed_by_the_three_rules_of_the_s_stemmer() -> None:
    words = {"batteries": "battery", "boxes": "boxe", "shoes": "shoe", "glass": "glass", "bus": "bus", "eies": "eies"}
    assert {word: stems(f"a {word}")[1] for word in words} == words | {"eies": "eie"}
