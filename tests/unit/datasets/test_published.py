"""Home Depot, BEIR, WANDS, ESCI and Chorus: what the files become."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.datasets import (
    ATTRIBUTES,
    BEIR,
    CHORUS,
    DESCRIPTIONS,
    HOMEDEPOT,
    RATINGS,
    TEST,
    TRAIN,
    WANDS,
    as_csv,
    as_json,
    as_zip,
    attributes,
    load,
    load_pairs,
    products,
    refusal,
    triples,
    write,
)

from relevance.datasets import homedepot
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.records import Dataset

QRELS = b"query-id\tcorpus-id\tscore\n"

# Home Depot and the sample


def _home(folder: Path, rows: Sequence[Sequence[object]], **others: bytes) -> Dataset:
    written = {f"{name}.csv": content for name, content in others.items()}
    return load("homedepot", write(folder, {"train.csv": as_csv(TRAIN, rows), **written}))


@pytest.mark.parametrize(
    ("relevance", "expected"), [(1, 0), (1.33, 0), (1.5, 1), (1.67, 1), (2, 1), (2.5, 1), (2.51, 2), (2.67, 2), (3, 2)]
)
def test_grade_is_the_references(relevance: float, expected: int) -> None:
    """A half is rounded to the even neighbour: both 1.5 and 2.5 give 1."""
    assert homedepot.grade(relevance) == expected


def test_products_queries_and_judgments(tmp_path: Path) -> None:
    """Rows of products that train.csv does not name are ignored and counted; what is relevant is a setting."""
    dataset = load("homedepot", write(tmp_path, HOMEDEPOT), relevant_from=2)
    assert products(dataset) == [["p1", "steel bracket", "holds 20 kg"], ["p2", "oak shelf", ""]]
    assert attributes(dataset) == [("p1", "Colour", "grey"), ("p1", "Bolts", "4"), ("p2", "Wood", "oak")]
    assert triples(dataset) == {("shelf", "p2", 2), ("shelf", "p1", 1), ("bracket", "p1", 2)}
    note = "product_descriptions.csv: 1 row of products that train.csv does not name is ignored"
    assert (dataset.name, dataset.notes, dataset.judgments.relevant_from) == ("homedepot", (note,), 2)


def test_query_id_is_the_hash_of_the_term(tmp_path: Path) -> None:
    """Of the search term as it was read; what differs in white space or case only is noted."""
    dataset = _home(tmp_path, [(1, "p", "t", " Étagère ", 3), (2, "p", "t", "étagère", 3)])
    expected = {f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}": term for term in (" Étagère ", "étagère")}
    assert dict(zip(dataset.queries.ids, dataset.queries.texts, strict=True)) == expected
    assert any("1 query differs from another in white space or case only" in note for note in dataset.notes)


def test_what_is_settled_by_rule_is_noted(tmp_path: Path) -> None:
    """Missing files, several titles (that of the smallest id counts), repeated judgments and descriptions."""
    rows = [(10, "p", "later", "a", 3), (9, "p", "first", "b", "2"), (11, "p", "first", "b", "2.0")]
    dataset = _home(tmp_path, rows)
    assert products(dataset) == [["p", "first", ""]]
    assert dataset.notes == (
        "train.csv: 1 product has several titles: that of the row with the smallest id counts",
        "no product_descriptions.csv: products have no description",
        "no attributes.csv: products have no attributes",
        "train.csv: 1 judgment is repeated and counts once",
    )
    described = _home(tmp_path, rows, product_descriptions=as_csv(DESCRIPTIONS, [("p", "same"), ("p", "same")]))
    assert products(described) == [["p", "first", "same"]]
    assert "product_descriptions.csv: 1 row is repeated and counts once" in described.notes


def test_words_for_nothing_are_text(tmp_path: Path) -> None:
    """NA, null and None are text like any other, in every file."""
    words = ["NA", "null", "None", "nan", "N/A"]
    dataset = _home(
        tmp_path,
        [(number, word, word, word, 3) for number, word in enumerate(words)],
        attributes=as_csv(ATTRIBUTES, [("NA", "null", "None")]),
        product_descriptions=as_csv(DESCRIPTIONS, [("NA", "NA")]),
    )
    assert set(dataset.queries.texts) == set(words) == set(dataset.catalogue.products["title"])
    assert attributes(dataset) == [("NA", "null", "None")]
    assert sorted(dataset.catalogue.products["description"]) == ["", "", "", "", "NA"]


def test_attributes(tmp_path: Path) -> None:
    """A null name or value is ""; blank rows are counted; 100001.0 is 100001, unless a product is called 100001.0."""
    content = b'"product_uid","name","value"\n,,\n1.0,"Wet",\n1,,"a"\n\n5.0,"c","3"\nx.0,"d","4"\n'
    dataset = _home(tmp_path, [(n, p, "t", "q", 3) for n, p in enumerate(("1", "5", "5.0", "x"))], attributes=content)
    assert attributes(dataset) == [("1", "Wet", ""), ("1", "", "a"), ("5.0", "c", "3")]
    assert "attributes.csv: 2 blank rows are skipped" in dataset.notes
    assert "attributes.csv: 1 row of products that train.csv does not name is ignored" in dataset.notes


def test_pairs_join_test_and_solution(tmp_path: Path) -> None:
    """Pairs are joined by id and ordered by it as a number; ignored ones (relevance -1) are left out."""
    solution = b'"id","relevance","Usage"\n11,2.33,"Private"\n9,3,"Public"\n10,-1,"Ignored"\n'
    test = as_csv(TEST, [(11, "p7", "brass hook", "hook"), (10, "p1", "t", "angle"), (9, "p1", "t", "NA")])
    folder = write(tmp_path, {"test.csv": test, "solution.csv.zip": as_zip("solution.csv", solution)})
    assert load_pairs("homedepot", folder).to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "text", "relevance"],
        "data": [["NA", "p1", "t", "t", 3.0], ["hook", "p7", "brass hook", "brass hook", 2.33]],
    }


def test_the_sample_is_read_from_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package brings the sample with it; in a checkout it lies in fixtures/sample."""
    monkeypatch.setattr(homedepot, "_CHECKED_OUT_SAMPLE", write(tmp_path / "checkout", HOMEDEPOT))
    monkeypatch.setattr(homedepot, "_PACKAGED_SAMPLE", tmp_path / "packaged")
    assert len(load("sample").catalogue) == 2
    write(tmp_path / "packaged", {"train.csv": as_csv(TRAIN, [(1, "p", "t", "q", 3)])})
    assert len(load("sample").catalogue) == 1
    assert refusal("sample", tmp_path).startswith("data set 'sample' takes no path, found")


# BEIR


def test_beir(tmp_path: Path) -> None:
    """Title and text are a product's, metadata its attributes; queries of other splits are left out."""
    dataset = load("beir", write(tmp_path, BEIR))
    assert products(dataset) == [["d1", "one", "first"], ["d2", "", "two"]]
    assert attributes(dataset) == [("d2", "url", "x"), ("d2", "tags", "a"), ("d2", "tags", "b")]
    assert (dataset.queries.ids, triples(dataset)) == (("1",), {("what", "d1", 0), ("what", "d2", 2)})
    assert dataset.notes == ("queries.jsonl: 1 query without judgments is left out",)
    assert dataset.own_products is None


def test_the_test_split_counts(tmp_path: Path) -> None:
    """Of several splits it is test.tsv; a single one may have any name."""
    write(tmp_path, {**BEIR, "qrels/train.tsv": QRELS + b"2\td1\t1\n"})
    assert load("beir", tmp_path).queries.texts == ("what",)
    (tmp_path / "qrels" / "test.tsv").unlink()
    assert load("beir", tmp_path).queries.texts == ("which",)


def test_grades_below_zero_are_not_relevant(tmp_path: Path) -> None:
    """As in TREC-COVID (-1) and Touché (-2): read as 0, as trec_eval takes them, counted and noted."""
    rated = QRELS + b"1\td1\t-2\n1\td2\t1.5\n2\td1\t-1\n"
    dataset = load("beir", write(tmp_path, {**BEIR, "qrels/test.tsv": rated}), relevant_from=0.5)
    assert triples(dataset) == {("what", "d1", 0), ("what", "d2", 1.5), ("which", "d1", 0)}
    assert dataset.notes == ("test.tsv: 2 grades are below 0 and read as 0",)
    assert dataset.judgments.relevant_from == 0.5


def test_a_query_that_is_a_document(tmp_path: Path) -> None:
    """As in ArguAna: the query's own document is left out of its hits."""
    queries = b'{"_id": "d2", "text": "two"}\n{"_id": "q", "text": "other"}\n'
    rated = QRELS + b"d2\td1\t1\nq\td1\t1\n"
    dataset = load("beir", write(tmp_path, {**BEIR, "queries.jsonl": queries, "qrels/test.tsv": rated}))
    assert np.array_equal(dataset.own_products, [1, -1])
    assert dataset.notes == ("queries.jsonl: 1 query has the id of a document, which is left out of its hits",)


# WANDS


def test_wands(tmp_path: Path) -> None:
    """Class, category and features are attributes; the three labels are the grades 2, 1 and 0."""
    dataset = load("wands", write(tmp_path, WANDS))
    assert products(dataset) == [["10", "oak bed", ""], ["9", '12" stool', "round"]]
    assert attributes(dataset) == [
        ("10", "class", "Beds"),
        ("10", "category", "Rooms / Beds"),
        ("10", "width", "64.7"),
        ("10", "wood", "oak"),
        ("10", "", "plain"),
        ("10", "size", "6:4"),
    ]
    assert triples(dataset) == {("bed", "10", 2), ("bed", "9", 0), ('12" seat', "9", 1)}
    assert dataset.notes == ("query.csv: 1 query without judgments is left out",)
    settings: dict[str, Any] = {"gains": {"Exact": 1.0, "Partial": 0.5}, "relevant_from": 0.5}
    judgments = load("wands", tmp_path, **settings).judgments
    assert (judgments.grades.tolist(), judgments.relevant_from) == ([1.0, 0.0, 0.5], 0.5)


def test_products_that_are_gone(tmp_path: Path) -> None:
    """Dropped where that is asked for, with the queries that lose all theirs; nothing left is no data set."""
    product = WANDS["product.csv"].rpartition(b"9\t")[0]
    folder = write(tmp_path, {**WANDS, "product.csv": product})
    assert "line 3, column product_id: found '9'; allowed: the id of a product of the data set, or unk" in refusal(
        "wands", folder
    )
    assert load("wands", folder, unknown_products="drop").notes == (
        "label.csv: 2 judgments of 1 product that is gone are dropped",
        "label.csv: 1 query loses all its judgments and is dropped",
        "query.csv: 1 query without judgments is left out",
    )
    write(tmp_path, {"label.csv": b"query_id\tproduct_id\tlabel\n0\t9\tExact\n"})
    assert "no judgment is of a product of the data set" in refusal("wands", folder, unknown_products="drop")


# ESCI

EXAMPLES, PRODUCTS = "shopping_queries_dataset_examples.parquet", "shopping_queries_dataset_products.parquet"
Columns = dict[str, list[Any]]


def _examples() -> Columns:
    return {
        "query": ["lamp", "lamp", "lamp", "bulb", "lamp", "lampe", "lamp"],
        "query_id": [11, 11, 11, 12, 11, 13, 11],
        "product_id": ["B1", "B2", "B3", "B1", "B4", "B1", "B4"],
        "product_locale": ["us", "us", "us", "us", "us", "es", "us"],
        "esci_label": ["E", "S", "C", "I", "E", "E", "S"],
        "small_version": [1, 1, 1, 1, 0, 1, 1],
        "split": ["test", "test", "test", "test", "test", "test", "train"],
    }


def _products() -> Columns:
    return {
        "product_id": ["B2", "B1", "B3", "B1"],
        "product_title": ["table lamp", "desk lamp", "bulb", "lámpara"],
        "product_description": [None, "bright", "<p>warm</p>", "x"],
        "product_bullet_point": ["one\n\ntwo ", None, None, None],
        "product_brand": ["Acme", None, None, None],
        "product_color": [None, "Red", None, None],
        "product_locale": ["us", "us", "us", "es"],
    }


def _esci(folder: Path, examples: Columns, products: Columns) -> Path:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for name, columns in ((EXAMPLES, examples), (PRODUCTS, products)):
        parquet.write_table(arrow.table(columns), folder / name)
    return folder


def test_esci(tmp_path: Path) -> None:
    """Locale us, the small version and the split test count; brand, colour and bullet points are attributes."""
    dataset = load("esci", _esci(tmp_path, _examples(), _products()))
    assert products(dataset) == [["B1", "desk lamp", "bright"], ["B2", "table lamp", ""], ["B3", "bulb", "<p>warm</p>"]]
    assert attributes(dataset) == [
        ("B1", "color", "Red"),
        ("B2", "brand", "Acme"),
        ("B2", "bullet point", "one"),
        ("B2", "bullet point", "two"),
    ]
    assert triples(dataset) == {("lamp", "B1", 3), ("lamp", "B2", 2), ("lamp", "B3", 1), ("bulb", "B1", 0)}
    assert dataset.notes == (f"{EXAMPLES}: locale us, small version, split test",)


@pytest.mark.parametrize(
    ("settings", "grades", "relevant_from"),
    [
        ({}, [3, 2, 1, 0], 2),
        ({"gains": {"E": 1.0, "S": 0.1, "C": 0.01}}, [1, 0.1, 0.01, 0], 0.1),
        ({"gains": {"E": 1, "S": 0, "C": 0}}, [1, 0, 0, 0], 1),
        ({"relevant_from": 3}, [3, 2, 1, 0], 3),
    ],
)
def test_esci_gains(tmp_path: Path, settings: Mapping[str, Any], grades: list[float], relevant_from: float) -> None:
    """Relevant is what has at least the grade of a substitute, unless that is set; the paper's gains load."""
    judgments = load("esci", _esci(tmp_path, _examples(), _products()), **settings).judgments
    assert (judgments.grades.tolist(), judgments.relevant_from) == (grades, relevant_from)


def test_esci_in_many_batches(tmp_path: Path) -> None:
    """Rows behind the first batch count, and their numbers go on."""
    many = {name: [values[1]] * 9_000 for name, values in _products().items()}
    many["product_id"] = [f"B{number}" for number in range(1, 9_001)]
    folder = _esci(tmp_path, _examples(), many)
    assert len(load("esci", folder).catalogue) == 9_000
    many["product_id"][-1] = "B1"
    assert "row 9000, product_id: found 'B1' again (line 1)" in refusal("esci", _esci(tmp_path, _examples(), many))


@pytest.mark.parametrize(
    ("column", "row", "value", "expected"),
    [
        ("esci_label", 1, "X", "row 2, column esci_label: found 'X'; allowed: E, S, C, I"),
        ("query", 2, "other", "row 3: found 'other', another text of query 11; allowed: one text an id"),
        ("query", 0, " ", "row 1: found query_id '11', query ' '; allowed: an id and a text"),
        ("product_id", 2, "B9", "row 3, column product_id: found 'B9'; allowed: the id of a product"),
    ],
)
def test_bad_rows_of_esci(tmp_path: Path, column: str, row: int, value: object, expected: str) -> None:
    """One line names the file, the row and what is allowed."""
    examples = _examples()
    examples[column][row] = value
    assert f"{EXAMPLES}, {expected}" in refusal("esci", _esci(tmp_path, examples, _products()))


def test_bad_files_of_esci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing column, another locale, another kind of file, a Git LFS pointer, no file, and no pyarrow."""
    assert "has no rows of locale us, small version, split test" in refusal(
        "esci", _esci(tmp_path, _examples() | {"product_locale": ["jp"] * 7}, _products())
    )
    examples = _examples()
    del examples["split"]
    folder = _esci(tmp_path, examples, _products())
    assert "missing: split" in refusal("esci", folder)
    write(folder, {EXAMPLES: b"query,query_id\n"})
    assert f"{EXAMPLES} cannot be read: Parquet" in refusal("esci", folder)
    write(folder, {EXAMPLES: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"})
    assert "is a Git LFS pointer, not the file; run git lfs pull" in refusal("esci", folder)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (folder / EXAMPLES).unlink()
    assert f"has no {EXAMPLES}; it is needed as it was published" in refusal("esci", folder)
    write(folder, {EXAMPLES: b""})
    with pytest.raises(CouldNotRunError, match=r"needs pyarrow; pip install relevance-benchmarks\[esci\]$"):
        load("esci", folder)


# Chorus


def test_chorus(tmp_path: Path) -> None:
    """All products are there, judged or not; attributes stand in file order, their values as JSON writes them."""
    dataset = load("chorus", write(tmp_path, CHORUS))
    assert products(dataset) == [
        ["21", "Café mug", "0.3 l"],
        ["22", "Tea pot", ""],
        ["23", "Tea cup", "small"],
        ["24", "Tray", ""],
    ]
    assert attributes(dataset) == [
        ("21", "attr_n_volume", "0.30"),
        ("21", "attr_b_handle", "true"),
        ("21", "attr_t_colour", "rouge"),
        ("21", "attr_n_a", "1e-06"),
        ("23", "attr_n_weight", "200.0"),
    ]
    assert triples(dataset) == {("mug", "21", 3), ("mug", "23", 1), ("thé", "22", 0)}
    assert (dataset.name, dataset.notes) == ("chorus", ())


def test_equal_products_and_ratings_count_once(tmp_path: Path) -> None:
    """A product that stands in two files with the same text is one, as is a rating given twice."""
    doubled = {
        "2.json": CHORUS["1.json"],
        "3.json": as_json({"id": "23", "title": "cup"}, {"id": "23", "title": "cup"}),
        "Broad_Query_Set_rated.csv": as_csv(RATINGS, [("mug", "21", 3), ("mug", "21", 3)], "utf-8"),
    }
    dataset = load("chorus", write(tmp_path, {**CHORUS, **doubled}))
    assert (dataset.catalogue.ids, triples(dataset)) == (("21", "23", "24"), {("mug", "21", 3)})
    assert dataset.notes == (
        "1.json to 4.json: 2 products are repeated and count once",
        "Broad_Query_Set_rated.csv: 1 judgment is repeated and counts once",
    )
