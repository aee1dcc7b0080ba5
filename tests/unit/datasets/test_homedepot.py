"""The Home Depot layout: what its files become."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from written import ATTRIBUTES, DESCRIPTIONS, HOMEDEPOT, TEST, TRAIN, as_csv, as_zip, load, load_pairs, write

from relevance import datasets
from relevance.datasets import homedepot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from relevance.records import Dataset


def _load(folder: Path, rows: Sequence[Sequence[object]], **files: bytes) -> Dataset:
    written = {"train.csv": as_csv(TRAIN, rows)} | {f"{name}.csv": content for name, content in files.items()}
    return load("homedepot", write(folder, written))


def _attributes(dataset: Dataset) -> list[tuple[int, str, str]]:
    return [tuple(row) for row in dataset.catalogue.attributes.itertuples(index=False)]


@pytest.mark.parametrize(
    ("relevance", "expected"),
    [(1, 0), (1.33, 0), (1.5, 1), (1.67, 1), (2, 1), (2.5, 1), (2.51, 2), (2.67, 2), (3, 2)],
)
def test_grade_is_the_references(relevance: float, expected: int) -> None:
    """A half is rounded to the even neighbour: both 1.5 and 2.5 give 1."""
    assert homedepot.grade(relevance) == expected


def test_products_queries_and_judgments(tmp_path: Path) -> None:
    """Products and queries are sorted by id, and the judgments name them by their codes."""
    dataset = load("homedepot", write(tmp_path, HOMEDEPOT))
    assert dataset.name == "homedepot"
    assert dataset.catalogue.products.to_dict("list") == {
        "id": ["p1", "p2"],
        "title": ["steel bracket", "oak shelf"],
        "description": ["holds 20 kg", ""],
    }
    assert _attributes(dataset) == [(0, "Colour", "grey"), (0, "Bolts", "4"), (1, "Wood", "oak")]
    judgments = dataset.judgments
    triples = {
        (dataset.queries.texts[query], dataset.catalogue.ids[product], grade)
        for query, product, grade in zip(judgments.queries, judgments.products, judgments.grades, strict=True)
    }
    assert triples == {("shelf", "p2", 2), ("shelf", "p1", 1), ("bracket", "p1", 2)}


def test_an_alias_and_its_lowest_relevant_grade(tmp_path: Path) -> None:
    """The data set is called as its alias is, and what counts as relevant is a setting."""
    source = datasets.Source("shelves", "homedepot", write(tmp_path, HOMEDEPOT), relevant_from=2)
    dataset = datasets.load(source)
    assert (dataset.name, dataset.judgments.relevant_from) == ("shelves", 2)


def test_query_id_is_the_hash_of_the_term(tmp_path: Path) -> None:
    """An id is q and 12 hex digits of the sha256 of the search term in UTF-8, white space and case as read."""
    dataset = _load(tmp_path, [(1, "p", "t", " Étagère ", 3), (2, "p", "t", "étagère", 3)])
    expected = {f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}": term for term in (" Étagère ", "étagère")}
    assert dict(zip(dataset.queries.ids, dataset.queries.texts, strict=True)) == expected


def test_optional_files_may_be_missing(tmp_path: Path) -> None:
    """Without descriptions and attributes the products have titles only, and notes say so."""
    dataset = _load(tmp_path, [(1, "p", "t", "q", 3)])
    assert dataset.catalogue.products["description"].tolist() == [""]
    assert _attributes(dataset) == []
    assert dataset.notes == (
        "no product_descriptions.csv: products have no description",
        "no attributes.csv: products have no attributes",
    )


def test_title_of_the_smallest_id_counts(tmp_path: Path) -> None:
    """Of a product's titles that of the row with the smallest id counts, compared as a number, wherever it stands."""
    dataset = _load(tmp_path, [(10, "p", "later", "a", 3), (9, "p", "first", "b", 3), (11, "p", "first", "c", 3)])
    assert dataset.catalogue.products["title"].tolist() == ["first"]
    assert "train.csv: 1 product has several titles: that of the row with the smallest id counts" in dataset.notes


def test_repeated_equal_judgments_count_once(tmp_path: Path) -> None:
    """Rows that judge a pair alike, also 2 and 2.0, are one judgment; the notes count them."""
    dataset = _load(tmp_path, [(1, "p", "t", "q", "2"), (2, "p", "t", "q", "2.0"), (2, "p", "t", "q", "2.0")])
    assert dataset.judgments.grades.tolist() == [1]
    assert "train.csv: 2 judgments are repeated and count once" in dataset.notes


def test_words_for_nothing_are_text(tmp_path: Path) -> None:
    """NA, null and None are text like any other, in every file."""
    words = ["NA", "null", "None", "nan", "N/A"]
    dataset = _load(
        tmp_path,
        [(number, word, word, word, 3) for number, word in enumerate(words)],
        attributes=as_csv(ATTRIBUTES, [("NA", "null", "None")]),
        product_descriptions=as_csv(DESCRIPTIONS, [("NA", "NA")]),
    )
    assert set(dataset.queries.texts) == set(words) == set(dataset.catalogue.products["title"])
    assert _attributes(dataset) == [(dataset.catalogue.ids.index("NA"), "null", "None")]
    assert sorted(dataset.catalogue.products["description"]) == ["", "", "", "", "NA"]


def test_null_names_and_values_are_empty(tmp_path: Path) -> None:
    """An attribute keeps its name where the value is null, and its value where the name is."""
    attributes = b'"product_uid","name","value"\np,"Wet rated",\np,,"a value"\np,"",""\n'
    dataset = _load(tmp_path, [(1, "p", "t", "q", 3)], attributes=attributes)
    assert _attributes(dataset) == [(0, "Wet rated", ""), (0, "", "a value"), (0, "", "")]


def test_blank_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    """Rows without anything in any field are skipped, whether they hold commas or nothing."""
    attributes = b'"product_uid","name","value"\n,,\np,"a","b"\n,,\n\n'
    dataset = _load(tmp_path, [(1, "p", "t", "q", 3)], attributes=attributes)
    assert _attributes(dataset) == [(0, "a", "b")]
    assert "attributes.csv: 3 blank rows are skipped" in dataset.notes


def test_many_rows(tmp_path: Path) -> None:
    """A table far longer than what is parsed at once, with stretches of blank rows, is read whole and in order."""
    rows = [(number, f"p{number:04}", "t", f"q{number % 7}", 3) for number in range(1_300)]
    attributes = [("p0003", "a", str(number)) for number in range(1_300)]
    attributes[100:100] = [("", "", "")] * 1_200
    dataset = _load(tmp_path, rows, attributes=as_csv(ATTRIBUTES, attributes))
    assert (len(dataset.catalogue), len(dataset.judgments), len(dataset.queries)) == (1_300, 1_300, 7)
    assert _attributes(dataset) == [(3, "a", str(number)) for number in range(1_300)]
    assert "attributes.csv: 1,200 blank rows are skipped" in dataset.notes


def test_numbers_of_attributes_may_end_in_point_zero(tmp_path: Path) -> None:
    """100001.0 in attributes.csv is the product 100001, unless a product is called 100001.0."""
    attributes = as_csv(
        ATTRIBUTES, [("100001.0", "a", "1"), ("100001", "b", "2"), ("5.0", "c", "3"), ("x.0", "d", "4")]
    )
    products = ("100001", "5", "5.0", "x")
    dataset = _load(tmp_path, [(n, p, "t", "q", 3) for n, p in enumerate(products)], attributes=attributes)
    ids = dataset.catalogue.ids
    assert [(ids[code], name) for code, name, _ in _attributes(dataset)] == [
        ("100001", "a"),
        ("100001", "b"),
        ("5.0", "c"),
    ]


def test_rows_of_other_products_are_ignored(tmp_path: Path) -> None:
    """Products that train.csv does not name are not in the catalogue; the notes count the rows left out."""
    dataset = load("homedepot", write(tmp_path, HOMEDEPOT))
    note = "product_descriptions.csv: 1 row of products that train.csv does not name is ignored"
    assert dataset.notes == (note,)


def test_newlines_quotes_and_commas_in_fields(tmp_path: Path) -> None:
    """A quoted field may hold line ends of any kind, commas and doubled quotes; a CSV may end its lines by CR LF."""
    title, description = 'a "flat",\nround\r\nshelf\x85', '3/4" bolt\r'
    descriptions = as_csv(DESCRIPTIONS, [("p", description)]).replace(b'"\n"', b'"\r\n"')
    dataset = _load(tmp_path, [(1, "p", title, "q", 3)], product_descriptions=descriptions)
    assert dataset.catalogue.products[["title", "description"]].to_numpy().tolist() == [[title, description]]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    """Columns are found by name."""
    rows = [(3, "q", "t", "p", 1)]
    dataset = load("homedepot", write(tmp_path, {"train.csv": as_csv(TRAIN[::-1], rows)}))
    assert (dataset.queries.texts, dataset.catalogue.ids, dataset.judgments.grades.tolist()) == (("q",), ("p",), [2])


def test_descriptions_that_are_repeated_count_once(tmp_path: Path) -> None:
    """Two equal descriptions of a product are one."""
    descriptions = as_csv(DESCRIPTIONS, [("p", "same"), ("p", "same")])
    dataset = _load(tmp_path, [(1, "p", "t", "q", 3)], product_descriptions=descriptions)
    assert dataset.catalogue.products["description"].tolist() == ["same"]
    assert "product_descriptions.csv: 1 row is repeated and counts once" in dataset.notes


def test_pairs_join_test_and_solution(tmp_path: Path) -> None:
    """Pairs are joined by id and ordered by it as a number; ignored ones (relevance -1) are left out."""
    solution = b'"id","relevance","Usage"\n11,2.33,"Private"\n9,3,"Public"\n10,-1,"Ignored"\n'
    test = as_csv(TEST, [(11, "p7", "brass hook", "hook"), (10, "p1", "t", "angle"), (9, "p1", "t", "NA")])
    pairs = load_pairs(
        "homedepot", write(tmp_path, {"test.csv": test, "solution.csv.zip": as_zip("solution.csv", solution)})
    )
    assert pairs.to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "text", "relevance"],
        "data": [["NA", "p1", "t", "t", 3.0], ["hook", "p7", "brass hook", "brass hook", 2.33]],
    }
