"""Records: order by id, frozen contents, and hashes that follow the content and nothing else."""

from __future__ import annotations

import hashlib
import re
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.shop import catalogue

from relevance.errors import InputError
from relevance.fields import DEFAULT_FIELDS
from relevance.records import Catalogue, Judgments, Queries, Vectors, attribute_texts, embedded_texts

PRODUCTS = [("p2", "Desk lamp", "Warm light"), ("p10", "Floor lamp", ""), ("p1", "Bulb, E27", "60 W")]
ATTRIBUTES = [("p2", "colour", "red"), ("p1", "base", "E27"), ("p2", "height", "40 cm"), ("p1", "watts", "60")]
JUDGMENTS = [(2, 0, 1), (0, 1, 0), (2, 1, 2), (0, 0, 3)]
CATALOGUE = catalogue(PRODUCTS, ATTRIBUTES)


def queries_of(rows: list[tuple[str, str]]) -> Queries:
    return Queries(pd.DataFrame(rows, columns=["id", "text"], dtype=str))


def judgments_of(rows: list[tuple[int, int, int]]) -> Judgments:
    return Judgments(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def sha256(*lines: bytes) -> str:
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


QUERIES = queries_of([("q3", "lamp"), ("q1", "red lamp"), ("q2", "bulb")])


def test_products_are_sorted_by_id_with_all_that_is_theirs() -> None:
    assert CATALOGUE.ids == ("p1", "p10", "p2")
    assert CATALOGUE.products["title"].tolist() == ["Bulb, E27", "Floor lamp", "Desk lamp"]
    attributes = [[0, "base", "E27"], [0, "watts", "60"], [2, "colour", "red"], [2, "height", "40 cm"]]
    assert CATALOGUE.attributes.to_numpy().tolist() == attributes
    assert CATALOGUE.attribute_offsets.tolist() == [0, 2, 2, 4]
    assert catalogue(PRODUCTS).attribute_offsets.tolist() == [0, 0, 0, 0]


def test_ids_are_ordered_as_python_orders_text() -> None:
    # by code point, beyond the basic plane too, whatever the string type of a frame does
    ids = ["\U0001f600", "\uff5e", "\u00e9", "a", "Z", "a\0", "aa", "\uff5e\U0001f600"]
    assert catalogue([(id_,) for id_ in ids]).ids == tuple(sorted(ids))
    assert queries_of([(id_, "") for id_ in ids]).ids == tuple(sorted(ids))


def test_judgments_are_sorted_by_query_then_product() -> None:
    judgments = judgments_of(JUDGMENTS)
    rows = zip(judgments.queries.tolist(), judgments.products.tolist(), judgments.grades.tolist(), strict=True)
    assert list(rows) == sorted(JUDGMENTS)
    assert len(judgments) == 4


def test_hashes_stay_what_they_were() -> None:
    # results and files of floors hold them
    assert CATALOGUE.sha256 == sha256(
        b'["p1","Bulb, E27","60 W",[["base","E27"],["watts","60"]]]',
        b'["p10","Floor lamp","",[]]',
        b'["p2","Desk lamp","Warm light",[["colour","red"],["height","40 cm"]]]',
    )
    assert QUERIES.sha256 == sha256(b'["q1","red lamp"]', b'["q2","bulb"]', b'["q3","lamp"]')
    judged = (b'["q1","p1",3]', b'["q1","p10",0]', b'["q3","p1",1]', b'["q3","p10",2]')
    assert judgments_of(JUDGMENTS).sha256(QUERIES, CATALOGUE) == sha256(b'["relevant_from",1]', *judged)


def test_the_hash_follows_the_order_of_attributes_alone() -> None:
    others = {catalogue(rows, ATTRIBUTES[::-1]).sha256 for rows in permutations(PRODUCTS)}
    assert len(others) == 1
    assert others != {CATALOGUE.sha256}
    products = pd.DataFrame(PRODUCTS, columns=["id", "title", "description"], index=[7, 7, 1]).assign(price=3)
    attributes = pd.DataFrame(ATTRIBUTES, columns=["id", "name", "value"], index=[9, 9, 9, 0]).assign(unit="cm")
    assert Catalogue(products, attributes).sha256 == CATALOGUE.sha256


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_the_hash_is_the_same_however_many_are_hashed_at_once(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relevance.records._HASHED_AT_ONCE", at_once)
    assert catalogue(PRODUCTS, ATTRIBUTES).sha256 == CATALOGUE.sha256


def test_text_cannot_forge_a_boundary() -> None:
    variants = [
        [("a", "b c", "")],
        [("a", "b", "c")],
        [("a", "", "b c")],
        [("a", 'b","c', "")],
        [("a", "b", 'c",[]]\n["d","e","f"')],
        [("a", "b", "c"), ("d", "e", "f")],
    ]
    assert len({catalogue(rows).sha256 for rows in variants}) == len(variants)


def test_the_hash_of_judgments_follows_ids_and_not_codes() -> None:
    more = catalogue([*PRODUCTS, ("p0",)])
    shifted = judgments_of([(query, product + 1, grade) for query, product, grade in JUDGMENTS])
    assert shifted.sha256(QUERIES, more) == judgments_of(JUDGMENTS).sha256(QUERIES, CATALOGUE)


ODD = [
    ("a", "Desk lamp", "Warm light."),
    ("b", "Bulb", ""),
    ("c", " \t", "Only a description"),
    ("d", "", "\n"),
    ("e", " Floor lamp ", "two\nlines"),
]
OF_ODD = [
    ("e", "height", "150 cm"),
    ("a", "colour", "red"),
    ("a", "", "40 cm"),
    ("d", " ", ""),
    ("a", "dimmable", " "),
    ("e", "", "\N{NO-BREAK SPACE}"),
]


def test_the_texts_of_products_leave_out_what_is_only_white_space() -> None:
    odd, bare = catalogue(ODD, OF_ODD), catalogue(ODD)
    assert {field: embedded_texts(odd, field) for field in DEFAULT_FIELDS.embedded} == {
        "title": ["Desk lamp", "Bulb", "", "", " Floor lamp "],
        "description": ["Warm light.", "", "Only a description", "", "two\nlines"],
        "attributes": ["colour red 40 cm dimmable", "", "", "", "height 150 cm"],
        "whole": [
            "Desk lamp Warm light. colour red 40 cm dimmable",
            "Bulb",
            "Only a description",
            "",
            " Floor lamp  two\nlines height 150 cm",
        ],
    }
    assert attribute_texts(odd) == ["colour red", "40 cm", "dimmable", "", "height 150 cm", ""]
    assert (attribute_texts(bare), embedded_texts(bare, "attributes")) == ([], [""] * 5)
    assert embedded_texts(bare, "whole")[0] == "Desk lamp Warm light."
    with pytest.raises(KeyError, match="titel"):
        embedded_texts(bare, "titel")


def test_frames_are_the_callers() -> None:
    products = pd.DataFrame(PRODUCTS, columns=["id", "title", "description"])
    attributes = pd.DataFrame(ATTRIBUTES, columns=["id", "name", "value"])
    own = Catalogue(products, attributes)
    assert products["id"].tolist() == ["p2", "p10", "p1"]
    for frame, column in (
        (products, "title"),
        (attributes, "value"),
        (own.products, "title"),
        (own.attributes, "value"),
    ):
        frame.loc[0, column] = "x"
        frame["id"] = "x"
    pd.testing.assert_frame_equal(own.products, CATALOGUE.products)
    pd.testing.assert_frame_equal(own.attributes, CATALOGUE.attributes)
    assert own.sha256 == CATALOGUE.sha256


def test_arrays_are_copied_and_read_only() -> None:
    columns = [np.array([value]) for value in (0, 1, 2)]
    judgments: Any = Judgments(*columns)
    for array in columns:
        array[0] = 9
    own = (judgments.queries, judgments.products, judgments.grades)
    assert [array.tolist() for array in own] == [[0], [1], [2]]
    for array in (CATALOGUE.attribute_offsets, *own):
        assert array.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError, match="is frozen"):
        judgments.grades = own[0]


def test_vectors_expand_to_a_row_an_item() -> None:
    vectors = Vectors(np.array([[1, 0], [0, 1]], dtype=np.float32), np.array([1, 0, 1]))
    assert vectors.expanded().tolist() == [[0, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize("id_", ["p1", "", "p'1\n"])
def test_an_id_may_occur_once(id_: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"product {id_!r} occurs twice; an id may occur once")):
        catalogue([(id_, "a"), ("p5", "b"), (id_, "a")])
    with pytest.raises(InputError, match=re.escape(f"query {id_!r} occurs twice")):
        queries_of([(id_, "a"), ("q2", "b"), (id_, "c")])


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(InputError, match="an attribute names the product 'p7', which is not in the catalogue"):
        catalogue(PRODUCTS, [*ATTRIBUTES, ("p7", "a", "b"), ("p1", "a", "b")])
    with pytest.raises(InputError, match=re.escape("query 2 and product 0 (codes) are judged twice")):
        judgments_of([*JUDGMENTS, (2, 0, 1)])


def test_there_may_be_nothing() -> None:
    nothing = catalogue([])
    assert (len(nothing), len(queries_of([])), len(judgments_of([]))) == (0, 0, 0)
    assert nothing.attribute_offsets.tolist() == [0]
    assert judgments_of([]).sha256(queries_of([]), nothing) != nothing.sha256


def test_grades_are_whole_where_all_of_them_are() -> None:
    queries, products = np.zeros(3, dtype=np.int64), np.arange(3)
    whole = [Judgments(queries, products, np.array(grades), relevant_from=1.0) for grades in ([0, 2, 1], [0.0, 2.0, 1])]
    assert [each.grades.dtype for each in whole] == [np.int64, np.int64]
    assert repr(whole[1].relevant_from) == "1"
    assert whole[0].sha256(QUERIES, CATALOGUE) == whole[1].sha256(QUERIES, CATALOGUE)
    decimal = Judgments(queries, products, np.array([0.37, 2, 1]), relevant_from=0.5)
    assert (decimal.grades.tolist(), decimal.relevant_from) == ([0.37, 2.0, 1.0], 0.5)
    lines = (b'["relevant_from",0.5]', b'["q1","p1",0.37]', b'["q1","p10",2.0]', b'["q1","p2",1.0]')
    assert decimal.sha256(QUERIES, CATALOGUE) == sha256(*lines)


@pytest.mark.parametrize(
    ("grade", "relevant_from"),
    [(-1, 1), (-0.5, 1), (np.nan, 1), (np.inf, 1), (1.5, 0), (1.5, -1), (1.5, np.nan), (1, np.inf)],
)
def test_what_is_no_grade_is_refused(grade: float, relevant_from: float) -> None:
    with pytest.raises(InputError):
        Judgments(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([grade]), relevant_from=relevant_from)


@pytest.mark.parametrize("columns", [([-1], [0]), ([0], [-1]), ([0.0], [0])])
def test_what_is_no_code_is_refused(columns: Any) -> None:
    with pytest.raises(InputError, match=r"code is .*; allowed: whole numbers of 0 or more"):
        Judgments(*map(np.array, columns), np.array([1]))
