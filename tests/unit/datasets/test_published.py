"""BEIR, WANDS, ESCI and Chorus: what the files become, and how bad ones are refused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from helpers.datasets import (
    BEIR,
    CHORUS,
    RATINGS,
    WANDS,
    WANDS_HEADER,
    as_csv,
    as_json,
    attributes,
    load,
    products,
    refusal,
    triples,
    write,
)

from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Files: TypeAlias = "Mapping[str, bytes | None]"
Bad: TypeAlias = "list[tuple[Files, str]]"
QRELS = b"query-id\tcorpus-id\tscore\n"

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


BAD_BEIR: Bad = [
    ({"corpus.jsonl": None}, "has no corpus.jsonl; corpus.jsonl is needed"),
    ({"qrels/test.tsv": None, "qrels/readme": b""}, "qrels has no file .tsv; allowed: test.tsv among others"),
    ({"qrels/test.tsv": None}, "qrels cannot be read: No such file or directory"),
    ({"qrels/test.tsv": None, "qrels/dev.tsv": b"", "qrels/train.tsv": b""}, "qrels has dev.tsv, train.tsv; allowed"),
    ({"qrels/test.tsv": b"1\td1\t0\n"}, "qrels/test.tsv, line 1: found columns '1, d1, 0'; expected: query-id, cor"),
    ({"qrels/test.tsv": QRELS + b"1\td1\tx\n"}, "column score: found 'x'; allowed: a number from 0 to 999,999,999"),
    ({"qrels/test.tsv": QRELS + b"9\td1\t1\n"}, "column query-id: found '9'; allowed: the id of one of the 2 queries"),
    ({"queries.jsonl": b'{"_id": "1", "text": "a"}\n{"_id": 1, "text": "b"}\n'}, "line 2, _id: found '1' again (line"),
    ({"queries.jsonl": b'{"_id": "1", "text": " "}\n'}, "queries.jsonl, line 1, text: found ' '"),
    ({"corpus.jsonl": b'{"id": "d1", "text": "a"}\n'}, "line 1, key '_id': found nothing; allowed: an id"),
    ({"corpus.jsonl": b"\n"}, "corpus.jsonl, line 1: found no document; allowed: one or more"),
]  # fmt: skip

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


LABELS = WANDS["label.csv"]
BAD_WANDS: Bad = [
    ({"label.csv": LABELS.replace(b"\t", b",")}, "expected among them: query_id, product_id, label, separated by t"),
    ({"label.csv": LABELS + b"3\t1\t10\tBad\n"}, "line 5, column label: found 'Bad'; allowed: Exact, Partial, Irr"),
    ({"label.csv": LABELS + b"3\t0\t10\tPartial\n"}, "lines 2 and 5, column label: found '2' and '1' for the same"),
    ({"query.csv": b"query_id\tquery\n0\tbed\n0\tseat\n"}, "line 3, column query_id: found '0' again (line 2)"),
    ({"query.csv": b"query_id\tquery\n0\t \n"}, "line 2, column query: found ' '"),
    ({"product.csv": WANDS_HEADER + b"1\ta\n"}, "product.csv, line 2: found 2 fields; allowed: 9"),
    ({"product.csv": WANDS_HEADER}, "product.csv, line 1: found no product; allowed: one or more"),
]


def test_a_label_that_is_none(tmp_path: Path) -> None:
    """A gain for a label that the format does not have would do nothing."""
    line = refusal("wands", write(tmp_path, WANDS), gains={"exact": 3})
    assert "gains: unknown label 'exact' (did you mean 'Exact'?)" in line


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


def _one(content: bytes) -> Files:
    return {"1.json": content}


def _rated(*rows: tuple[object, ...]) -> Files:
    return {"Broad_Query_Set_rated.csv": as_csv(RATINGS, rows, "utf-8")}


BAD_CHORUS: Bad = [
    ({"3.json": None}, "has no 3.json; 3.json is needed"),
    (_one(b'[{"id": "21",\n"title": "caf\xe9"}]'), "1.json: byte 27 is not UTF-8"),
    (_one(b'[{"id": "21",\n "title":'), "1.json: not JSON: Expecting value: line 2 column 10"),
    (_one(b'{"id": "21"}'), "1.json: not a JSON list, but an object; a JSON list of products is expected there"),
    (_one(b'["21"]'), "1.json, item 1: found '21'; allowed: an object"),
    (_one(as_json({"title": "a"})), "1.json, item 1, key 'id': found nothing; allowed: an id"),
    (_one(as_json({"id": "5", "title": "a"}, {"id": "2\u2003", "title": "a"})), "1.json, item 2, key 'id': found '2\\"),
    (_one(as_json({"id": "21"})), "1.json, item 1, key 'title': found nothing; allowed: text"),
    (_one(as_json({"id": "2", "title": "a", "short_description": None})), "key 'short_description': found null"),
    (_one(as_json({"id": "2", "title": "a", "attr_t_x": ["a"]})), "key 'attr_t_x': found a list; allowed: text, a num"),
    ({"2.json": as_json({"id": "21", "title": "Other"})}, "2.json, item 1, key 'id': found '21'; allowed: an id that "),
    (_rated(("mug", "21", 3), ("cup", "21", 4)), "line 3, column rating: found '4'; allowed: 0, 1, 2, 3"),
    (_rated(("mug", "21", 3), ("mug", "99", 0)), "line 3, column docid: found '99'; allowed: the id of a product of"),
    (_rated(("mug", "21", 3), (" ", "21", 2)), "line 3, column query: found ' '; allowed: a query of at least"),
]  # fmt: skip


BAD = [
    *(("beir", BEIR, *case) for case in BAD_BEIR),
    *(("wands", WANDS, *case) for case in BAD_WANDS),
    *(("chorus", CHORUS, *case) for case in BAD_CHORUS),
]


@pytest.mark.parametrize(("format_", "good", "bad", "expected"), BAD)
def test_a_bad_file(tmp_path: Path, format_: str, good: Files, bad: Files, expected: str) -> None:
    """One line names file, line and column, or item and key, and what is allowed; no setting that is refused."""
    line = refusal(format_, write(tmp_path, {**good, **bad}))
    assert expected in line
    assert "gains" not in line


def test_no_format_takes_what_it_would_not_use(tmp_path: Path) -> None:
    """A setting that does nothing is refused, with those that the format takes."""
    for format_, setting in (("beir", "gains"), ("chorus", "columns"), ("homedepot", "gains"), ("wands", "columns")):
        with pytest.raises(InputError, match=f"format '{format_}' does not use {setting}; settings it takes: "):
            load(format_, tmp_path, **{setting: {"title": "x"} if setting == "columns" else {"good": 1}})
