"""Training data of several sources: shares, made pairs, and planted leaks that are dropped and counted."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from helpers import shop
from helpers.pairs import pair_dataset, rated_frame

from relevance.errors import InputError
from relevance.finetune.mixing import Mixture, described, mix, queried, rated_pairs
from relevance.finetune.pairs import Pair, Pairs, Trained, build_pairs, find_leaks, text_key
from relevance.finetune.recipe import make_validation
from relevance.finetune.sources import Source, parse_mix
from relevance.records import Dataset

# written in letters of full width, as some keyboards do
LED = "\N{FULLWIDTH LATIN CAPITAL LETTER L}\N{FULLWIDTH LATIN CAPITAL LETTER E}D Bulb"
WIDE = "\N{FULLWIDTH LATIN SMALL LETTER G}arden hose"
DATASET = pair_dataset(("garden hose", LED))
OWN = build_pairs(rated_frame(), DATASET, drop_unknown=False)
VALIDATED = OWN.validation[0].query


def _mixed(*sources: str, own: Pairs | None = OWN, dataset: Dataset = DATASET, **candidates: list[Pair]) -> Mixture:
    return mix(own, parse_mix(sources), candidates, dataset, seed=3)


def _pairs(*queries: str) -> list[Pair]:
    return [Pair(query, f"x{at}", f"text {at}") for at, query in enumerate(queries)]


def test_sources_are_names_with_a_share() -> None:
    texts = ["own", "titles=0.5", "files:a=b/c", "homedepot:DIR=1"]
    expected = (Source("own"), Source("titles", 0.5), Source("files:a=b/c"), Source("homedepot:DIR"))
    assert parse_mix(texts) == expected


@pytest.mark.parametrize("wrong", [["titles=0"], ["titles=1.5"], ["titles=half"], ["own", "own=0.5"]])
def test_a_share_that_is_none_and_a_source_that_stands_twice_are_refused(wrong: list[str]) -> None:
    with pytest.raises(InputError, match=r"^mix: "):
        parse_mix(wrong)


def test_own_pairs_alone_are_as_they_were() -> None:
    mixture = _mixed("own")
    assert mixture.pairs == OWN
    assert mixture.pairs.sha256(graded=True) == OWN.sha256(graded=True)


def test_other_pairs_are_trained_on_and_never_validated_with() -> None:
    rated = [*_pairs("a", "b"), Pair("a", "x9", "related", 2.0), Pair("a", "x8", "bad", 1.0)]
    mixture = _mixed("own", "other", other=rated)
    assert mixture.pairs.train == (*OWN.train, *rated[:2])
    assert mixture.pairs.related == (*OWN.related, *rated[:3])  # no negatives of theirs
    assert mixture.pairs.graded == (*OWN.graded, *rated)
    assert (mixture.pairs.validation, mixture.pairs.rated) == (OWN.validation, OWN.rated)
    assert mixture.validated is OWN
    assert [(one.pairs, one.dropped) for one in mixture.mixed] == [(2, 0)]
    assert mixture.pairs.sha256(graded=False) != OWN.sha256(graded=False)


def test_the_validation_is_the_same_whatever_is_mixed() -> None:
    mixtures = [_mixed("own"), _mixed("own", "other", other=_pairs("a", "b")), _mixed("other", other=_pairs("a"))]
    validations = [make_validation(one.validated, DATASET.catalogue, seed=1, distractors=5) for one in mixtures]
    assert len({one.sha256 for one in validations}) == 1
    assert mixtures[2].pairs.train == tuple(_pairs("a"))


def test_a_share_is_of_queries_and_the_same_each_time() -> None:
    many = [*_pairs(*map(str, range(40))), *_pairs(*map(str, range(40)))]
    one, again = (_mixed("own=0.5", "other=0.25", other=many) for _ in range(2))
    assert one.pairs == again.pairs
    assert one.mixed[0].pairs == 10
    queries = {pair.query for pair in OWN.train}
    kept = {pair.query for pair in one.pairs.train} & queries
    assert len(kept) == round(len(queries) / 2)
    assert [pair for pair in one.pairs.train if pair.query in kept] == [p for p in OWN.train if p.query in kept]


@pytest.mark.parametrize("leak", ["garden hose", "Garden   HOSE", "LED bulb", WIDE, f" {VALIDATED.upper()} "])
def test_a_query_that_is_evaluated_or_validated_with_is_dropped_and_counted(leak: str) -> None:
    mixture = _mixed("own", "other", other=[*_pairs("a"), Pair(leak, "x9", "planted")])
    assert [(one.pairs, one.dropped) for one in mixture.mixed] == [(1, 1)]
    assert leak not in {pair.query for pair in mixture.pairs.train}
    find_leaks(mixture.pairs.trained(graded=True), DATASET, where="here")


def test_a_text_that_is_an_evaluated_query_is_dropped_and_counted() -> None:
    mixture = _mixed("own", "other", other=[*_pairs("a"), Pair("b", "x9", "Garden  hose")])
    assert [(one.pairs, one.dropped) for one in mixture.mixed] == [(1, 1)]


def test_a_pair_that_is_there_already_counts_once() -> None:
    first = OWN.train[0]
    again = replace(first, query=first.query.upper(), product="other:1")
    assert _mixed("own", "other", other=[*_pairs("a"), again]).mixed[0].pairs == 1


def test_a_source_without_pairs_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^mix: 'other' gives no pair to train on \(1 went with queries that are"):
        _mixed("own", "other", other=_pairs("garden hose"))
    with pytest.raises(InputError, match=r"^mix: 1 pair of 1 query to train on; allowed: 10 pairs or more"):
        _mixed("other", own=None, other=_pairs("a"))


def test_without_own_pairs_a_tenth_of_the_other_queries_is_held_out() -> None:
    mixture = _mixed("other", own=None, other=_pairs(*map(str, range(30))))
    train, validation = ({pair.query for pair in side} for side in (mixture.pairs.train, mixture.pairs.validation))
    assert (len(train), len(validation), train & validation) == (27, 3, set())
    assert mixture.validated is mixture.pairs
    assert mixture.pairs.rated == mixture.pairs.validation


def test_products_of_another_data_set_are_not_taken_for_ours() -> None:
    rows = [("A", "p00", "lamp", 3.0), ("a ", "p00", "lamp", 2.0), ("b", "p01", "rug", 3.0), ("b", "p02", " ", 3.0)]
    frame = pd.DataFrame(rows, columns=["query", "product", "title", "relevance"])
    assert rated_pairs("homedepot", frame) == [
        Pair("A", "homedepot:p00", "lamp", 2.5),
        Pair("b", "homedepot:p01", "rug", 3.0),
    ]


TITLES = [
    "Acme 60-Watt LED Light Bulb (4-Pack)",
    "Acme Garden Hose with Nozzle, 50 ft.",
    "Oak Table for the Dining Room X200",
    "Table of Oak",
    "12 in. Pipe",
]


def test_queries_of_titles_have_two_to_four_words_without_brand_model_and_unit() -> None:
    catalogue = shop.catalogue((f"p{at}", title) for at, title in enumerate(TITLES))
    for seed in range(20):
        pairs = {pair.product: pair for pair in queried(catalogue, seed=seed)}
        assert pairs.keys() == {"p0", "p1", "p2", "p3"}  # a single content word is no query
        words = [set(pairs[f"p{at}"].query.split()) for at in range(4)]
        assert words[0] <= {"led", "light", "bulb"}
        assert words[1] <= {"garden", "hose", "nozzle"}
        assert words[2] <= {"oak", "table", "dining", "room"}
        assert pairs["p3"].query == "table oak"
        assert all(2 <= len(each) <= 4 for each in words)
        assert pairs["p0"].text == TITLES[0]
    assert queried(catalogue, seed=1) == queried(catalogue, seed=1)


def test_equal_queries_of_titles_are_one() -> None:
    catalogue = shop.catalogue([("p1", "Acme Oak Table"), ("p0", "Acme Oak Table 2000"), ("p2", "Acme OAK table")])
    assert [(pair.query, pair.product) for pair in queried(catalogue, seed=1)] == [("oak table", "p0")]


def test_a_made_query_or_title_that_is_evaluated_is_dropped_and_counted() -> None:
    products = [("p0", "Garden Hose 50 ft"), *((f"p{at}", f"Oak Table {chr(96 + at) * 4}") for at in range(1, 13))]
    catalogue = shop.catalogue(products)
    dataset = shop.dataset(catalogue, {"q0": "garden  HOSE", "q1": "oak table AAAA"}, [(0, 0, 1), (1, 1, 1)])
    mixture = _mixed("titles", own=None, dataset=dataset, titles=queried(catalogue, seed=1))
    assert mixture.mixed[0].dropped >= 1
    asked = {pair.query for pair in (*mixture.pairs.train, *mixture.pairs.validation)}
    assert asked.isdisjoint({"garden hose", "oak table aaaa"})
    titles = [Pair(title, product, "what it is like") for product, title in products]
    assert _mixed("descriptions", own=None, dataset=dataset, descriptions=titles).mixed[0].dropped == 1


def test_the_leak_detector_finds_what_was_mixed_past_the_rules() -> None:
    for planted in (Trained("garden HOSE", "x1", "k"), Trained("a", "x1", text_key(f" {WIDE}"))):
        with pytest.raises(InputError, match="leak in the mix: 1 query is evaluated and"):
            find_leaks([planted], DATASET, where="the mix")


def test_titles_go_with_the_rest_of_the_text() -> None:
    frame = pd.DataFrame(
        [("p0", "Oak table", "Seats four."), ("p1", "oak  table", "Seats six."), ("p2", "Rug", "")],
        columns=["id", "title", "description"],
    )
    none = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str)
    catalogue = type(DATASET.catalogue)(frame, none)
    assert described(catalogue) == [Pair("Oak table", "p0", "Seats four.")]
