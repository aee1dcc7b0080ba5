"""Home Depot, BEIR, WANDS, ESCI and Chorus: what the files become."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    facts,
    load,
    load_pairs,
    refusal,
    write,
)

from relevance.datasets import homedepot
from relevance.errors import CouldNotRunError

QRELS = b"query-id\tcorpus-id\tscore\n"
UNDESCRIBED = "no product_descriptions.csv: products have no description"
BARE = "no attributes.csv: products have no attributes"
WORDS = ["NA", "null", "None", "nan", "N/A"]


def home(rows: Sequence[Sequence[object]], **others: bytes) -> dict[str, bytes]:
    return {"train.csv": as_csv(TRAIN, rows), **{f"{name}.csv": content for name, content in others.items()}}


def query_id(term: str) -> str:
    return f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}"


TITLES = [(10, "p", "later", "a", 3), (9, "p", "first", "b", "2"), (11, "p", "first", "b", "2.0")]
# format, files, settings and what of them becomes what
BECOMES: dict[str, tuple[str, Any, dict[str, Any], dict[str, Any]]] = {
    "Home Depot": ("homedepot", HOMEDEPOT, {"relevant_from": 2},
                   {"products": [["p1", "steel bracket", "holds 20 kg"], ["p2", "oak shelf", ""]],
                    "attributes": [("p1", "Colour", "grey"), ("p1", "Bolts", "4"), ("p2", "Wood", "oak")],
                    "triples": {("shelf", "p2", 2), ("shelf", "p1", 1), ("bracket", "p1", 2)},
                    "notes": ("product_descriptions.csv: 1 row of products that train.csv does not name is ignored",),
                    "relevant_from": 2}),
    "a query's id is the hash of its term": (
        "homedepot", home([(1, "p", "t", " Étagère ", 3), (2, "p", "t", "étagère", 3)]), {},
        {
            "queries": {query_id(term): term for term in sorted((" Étagère ", "étagère"), key=query_id)},
            "notes": (UNDESCRIBED, BARE, ("train.csv: 1 query differs from another in white space or case only "
                      "(' Étagère ' and 'étagère')")),
        },
    ),
    "the title of the smallest id counts, and a judgment once": ("homedepot",
        home(TITLES, product_descriptions=as_csv(DESCRIPTIONS, [("p", "same"), ("p", "same")])), {},
        {"products": [["p", "first", "same"]],
         "notes": ("train.csv: 1 product has several titles: that of the row with the smallest id counts",
                   "product_descriptions.csv: 1 row is repeated and counts once", BARE,
                   "train.csv: 1 judgment is repeated and counts once")}),
    "an empty title is none": ("homedepot", home([(1, "p", "", "q", 3), (2, "r", " ", "q", 3), (3, "s", "t", "q", 3)]),
        {}, {"notes": (UNDESCRIBED, BARE, "2 products have no title: 'p', 'r'")}),
    "words for nothing are text": ("homedepot",
        home([(number, word, word, word, 3) for number, word in enumerate(WORDS)],
             attributes=as_csv(ATTRIBUTES, [("NA", "null", "None")]),
             product_descriptions=as_csv(DESCRIPTIONS, [("NA", "NA")])), {},
        {"products": [[word, word, "NA" if word == "NA" else ""] for word in sorted(WORDS)],
         "attributes": [("NA", "null", "None")], "triples": {(word, word, 2) for word in WORDS}}),
    # 100001.0 is 100001, unless a product is called 100001.0
    "attributes": (
        "homedepot",
        home(
            [(n, p, "t", "q", 3) for n, p in enumerate(("1", "5", "5.0", "x"))],
            attributes=b'"product_uid","name","value"\n,,\n1.0,"Wet",\n1,,"a"\n\n5.0,"c","3"\nx.0,"d","4"\n',
        ), {},
        {
            "attributes": [("1", "Wet", ""), ("1", "", "a"), ("5.0", "c", "3")],
            "notes": (
                UNDESCRIBED,
                "attributes.csv: 2 blank rows are skipped",
                "attributes.csv: 1 row of products that train.csv does not name is ignored",
            ),
        },
    ),
    "BEIR": ("beir", BEIR, {},
             {"products": [["d1", "one", "first"], ["d2", "", "two"]],
              "attributes": [("d2", "url", "x"), ("d2", "tags", "a"), ("d2", "tags", "b")], "queries": {"1": "what"},
              "triples": {("what", "d1", 0), ("what", "d2", 2)},
              "notes": ("1 product has no title: 'd2'", "queries.jsonl: 1 query without judgments is left out"),
              "own": None}),
    "of several splits the test's counts": ("beir", {**BEIR, "qrels/train.tsv": QRELS + b"2\td1\t1\n"}, {},
        {"queries": {"1": "what"}}),
    "one split may have any name": ("beir", {**BEIR, "qrels/test.tsv": None, "qrels/dev.tsv": QRELS + b"2\td1\t1\n"},
        {}, {"queries": {"2": "which"}}),
    # TREC-COVID has -1, Touché -2
    "grades below 0 are not relevant": ("beir",
        {**BEIR, "qrels/test.tsv": QRELS + b"1\td1\t-2\n1\td2\t1.5\n2\td1\t-1\n"}, {"relevant_from": 0.5},
        {"triples": {("what", "d1", 0), ("what", "d2", 1.5), ("which", "d1", 0)},
         "notes": ("test.tsv: 2 grades are below 0 and read as 0", "1 product has no title: 'd2'"),
         "relevant_from": 0.5}),
    "a query that is a document": ("beir",
        {"corpus.jsonl": b'{"_id": "d1", "title": "one", "text": ""}\n{"_id": "d2", "title": "two", "text": ""}\n',
         "queries.jsonl": b'{"_id": "d2", "text": "two"}\n{"_id": "q", "text": "other"}\n',
         "qrels/test.tsv": QRELS + b"d2\td1\t1\nq\td1\t1\n"}, {},
        {"own": [1, -1], "notes": ("queries.jsonl: 1 query has the id of a document, which is left out of its hits",)}),
    "WANDS": (
        "wands", WANDS, {},
        {
            "products": [["10", "oak bed", ""], ["9", '12" stool', "round"]],
            "attributes": [
                ("10", "class", "Beds"),
                ("10", "category", "Rooms / Beds"),
                *[("10", name, value) for name, value in (("width", "64.7"), ("wood", "oak"), ("", "plain"))],
                ("10", "size", "6:4"),
            ],
            "triples": {("bed", "10", 2), ("bed", "9", 0), ('12" seat', "9", 1)},
            "notes": ("query.csv: 1 query without judgments is left out",),
        },
    ),
    "labels with grades of one's own": ("wands", WANDS, {"gains": {"Exact": 1.0, "Partial": 0.5}, "relevant_from": 0.5},
        {"triples": {("bed", "10", 1), ("bed", "9", 0), ('12" seat', "9", 0.5)}, "relevant_from": 0.5}),
    "products that are gone": ("wands", {**WANDS, "product.csv": WANDS["product.csv"].rpartition(b"9\t")[0]},
        {"unknown_products": "drop"},
        {"notes": ("label.csv: 2 judgments of 1 product that is gone are dropped",
                   "label.csv: 1 query loses all its judgments and is dropped",
                   "query.csv: 1 query without judgments is left out")}),
    "Chorus": ("chorus", CHORUS, {},
               {"products": [["21", "Café mug", "0.3 l"], ["22", "Tea pot", ""], ["23", "Tea cup", "small"],
                             ["24", "Tray", ""]],
                "attributes": [("21", "attr_n_volume", "0.30"), ("21", "attr_b_handle", "true"),
                               ("21", "attr_t_colour", "rouge"), ("21", "attr_n_a", "1e-06"),
                               ("23", "attr_n_weight", "200.0")],
                "triples": {("mug", "21", 3), ("mug", "23", 1), ("thé", "22", 0)}, "notes": ()}),
    "equal products and ratings count once": ("chorus",
        {**CHORUS, "2.json": CHORUS["1.json"], "3.json": as_json({"id": "23", "title": ""}, {"id": "23", "title": ""}),
         "Broad_Query_Set_rated.csv": as_csv(RATINGS, [("mug", "21", 3), ("mug", "21", 3)], "utf-8")}, {},
        {"products": [["21", "Café mug", "0.3 l"], ["23", "", ""], ["24", "Tray", ""]], "triples": {("mug", "21", 3)},
         "notes": ("1.json to 4.json: 2 products are repeated and count once", "1 product has no title: '23'",
                   "Broad_Query_Set_rated.csv: 1 judgment is repeated and counts once")}),
    # over an index that exists
    "an index and Home Depot": ("homedepot", HOMEDEPOT, {"over": ("0-new", "p2", "p1")},
        {"products": [["0-new", "", ""], ["p1", "steel bracket", "holds 20 kg"], ["p2", "oak shelf", ""]],
         "triples": {("shelf", "p2", 2), ("shelf", "p1", 1), ("bracket", "p1", 2)}}),
    "an index and Chorus": ("chorus", CHORUS, {"over": ("0-new", "23", "22", "21")},
        {"products": [["0-new", "", ""], ["21", "Café mug", "0.3 l"], ["22", "Tea pot", ""],
                      ["23", "Tea cup", "small"]],
         "triples": {("mug", "21", 3), ("mug", "23", 1), ("thé", "22", 0)}}),
    "an index and no corpus": ("beir", {**BEIR, "corpus.jsonl": None}, {"over": ("d1", "d2", "1")},
        {"products": [["1", "", ""], ["d1", "", ""], ["d2", "", ""]], "own": [0],
         "notes": ("no corpus.jsonl: products have no title here",
                   "queries.jsonl: 1 query without judgments is left out",
                   "queries.jsonl: 1 query has the id of a document, which is left out of its hits")}),
}  # fmt: skip


@pytest.mark.parametrize(("format_", "files", "settings", "expected"), BECOMES.values(), ids=BECOMES)
def test_what_files_become(tmp_path: Path, format_: str, files: Any, settings: Any, expected: dict[str, Any]) -> None:
    found = facts(load(format_, write(tmp_path, files), **settings))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("relevance", "grade"), [(1, 0), (1.33, 0), (1.5, 1), (1.67, 1), (2, 1), (2.5, 1), (2.51, 2), (2.67, 2), (3, 2)]
)
def test_a_half_is_rounded_to_the_even_neighbour(relevance: float, grade: int) -> None:
    assert homedepot.grade(relevance) == grade


def test_pairs_join_test_and_solution_by_id_without_those_that_are_ignored(tmp_path: Path) -> None:
    solution = b'"id","relevance","Usage"\n11,2.33,"Private"\n9,3,"Public"\n10,-1,"Ignored"\n'
    test = as_csv(TEST, [(11, "p7", "brass hook", "hook"), (10, "p1", "t", "angle"), (9, "p1", "t", "NA")])
    folder = write(tmp_path, {"test.csv": test, "solution.csv.zip": as_zip("solution.csv", solution)})
    assert load_pairs("homedepot", folder).to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "text", "relevance"],
        "data": [["NA", "p1", "t", "t", 3.0], ["hook", "p7", "brass hook", "brass hook", 2.33]],
    }


def test_the_sample_is_read_from_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homedepot, "_CHECKED_OUT_SAMPLE", write(tmp_path / "checkout", HOMEDEPOT))
    monkeypatch.setattr(homedepot, "_PACKAGED_SAMPLE", tmp_path / "packaged")
    assert len(load("sample").catalogue) == 2
    write(tmp_path / "packaged", {"train.csv": as_csv(TRAIN, [(1, "p", "t", "q", 3)])})
    assert len(load("sample").catalogue) == 1
    assert refusal("sample", tmp_path).startswith("data set 'sample' takes no path, found")


EXAMPLES, PRODUCTS = "shopping_queries_dataset_examples.parquet", "shopping_queries_dataset_products.parquet"
ESCI_EXAMPLES: dict[str, list[Any]] = {
    "query": ["lamp", "lamp", "lamp", "bulb", "lamp", "lampe", "lamp"],
    "query_id": [11, 11, 11, 12, 11, 13, 11],
    "product_id": ["B1", "B2", "B3", "B1", "B4", "B1", "B4"],
    "product_locale": ["us", "us", "us", "us", "us", "es", "us"],
    "esci_label": ["E", "S", "C", "I", "E", "E", "S"],
    "small_version": [1, 1, 1, 1, 0, 1, 1],
    "split": ["test", "test", "test", "test", "test", "test", "train"],
}
ESCI_PRODUCTS: dict[str, list[Any]] = {
    "product_id": ["B2", "B1", "B3", "B1"],
    "product_title": ["table lamp", "desk lamp", None, "lámpara"],
    "product_description": [None, "bright", "<p>warm</p>", "x"],
    "product_bullet_point": ["one\n\ntwo ", None, None, None],
    "product_brand": ["Acme", None, None, None],
    "product_color": [None, "Red", None, None],
    "product_locale": ["us", "us", "us", "es"],
}


def esci(folder: Path, examples: Any = ESCI_EXAMPLES, products: Any = ESCI_PRODUCTS) -> Path:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for name, columns in ((EXAMPLES, examples), (PRODUCTS, products)):
        parquet.write_table(arrow.table(columns), folder / name)
    return folder


def test_esci_is_locale_us_the_small_version_and_the_split_test(tmp_path: Path) -> None:
    found = facts(load("esci", esci(tmp_path)))
    assert found["products"] == [["B1", "desk lamp", "bright"], ["B2", "table lamp", ""], ["B3", "", "<p>warm</p>"]]
    assert found["attributes"] == [
        ("B1", "color", "Red"),
        ("B2", "brand", "Acme"),
        ("B2", "bullet point", "one"),
        ("B2", "bullet point", "two"),
    ]
    assert found["triples"] == {("lamp", "B1", 3), ("lamp", "B2", 2), ("lamp", "B3", 1), ("bulb", "B1", 0)}
    assert found["notes"] == (f"{EXAMPLES}: locale us, small version, split test", "1 product has no title: 'B3'")


@pytest.mark.parametrize(
    ("settings", "grades", "relevant_from"),
    [
        ({}, [3, 2, 1, 0], 2),
        ({"gains": {"E": 1.0, "S": 0.1, "C": 0.01}}, [1, 0.1, 0.01, 0], 0.1),
        ({"gains": {"E": 1, "S": 0, "C": 0}}, [1, 0, 0, 0], 1),
        ({"relevant_from": 3}, [3, 2, 1, 0], 3),
    ],
)
def test_relevant_from_the_grade_of_a_substitute(
    tmp_path: Path, settings: Any, grades: list[float], relevant_from: float
) -> None:
    judgments = load("esci", esci(tmp_path), **settings).judgments
    assert (judgments.grades.tolist(), judgments.relevant_from) == (grades, relevant_from)


def test_rows_behind_the_first_batch_count(tmp_path: Path) -> None:
    many = {name: [values[1]] * 9_000 for name, values in ESCI_PRODUCTS.items()}
    many["product_id"] = [f"B{number}" for number in range(1, 9_001)]
    assert len(load("esci", esci(tmp_path, products=many)).catalogue) == 9_000
    many["product_id"][-1] = "B1"
    assert "row 9000, product_id: found 'B1' again (line 1)" in refusal("esci", esci(tmp_path, products=many))


@pytest.mark.parametrize(
    ("column", "row", "value", "expected"),
    [
        ("esci_label", 1, "X", "row 2, column esci_label: found 'X'; allowed: E, S, C, I"),
        ("query", 2, "other", "row 3: found 'other', another text of query 11; allowed: one text an id"),
        ("query", 0, " ", "row 1: found query_id '11', query ' '; allowed: an id and a text"),
        ("product_id", 2, "B9", "row 3, column product_id: found 'B9'; allowed: the id of a product"),
    ],
)
def test_a_bad_row_of_esci(tmp_path: Path, column: str, row: int, value: object, expected: str) -> None:
    values = list(ESCI_EXAMPLES[column])
    values[row] = value
    assert f"{EXAMPLES}, {expected}" in refusal("esci", esci(tmp_path, {**ESCI_EXAMPLES, column: values}))


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        ({**ESCI_EXAMPLES, "product_locale": ["jp"] * 7}, "has no rows of locale us, small version, split test"),
        ({name: ESCI_EXAMPLES[name] for name in ESCI_EXAMPLES if name != "split"}, "missing: split"),
        (b"query,query_id\n", f"{EXAMPLES} cannot be read: Parquet"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not the file; run git lfs pull"),
        (None, f"has no {EXAMPLES}; it is needed as it was published"),
    ],
)
def test_a_bad_file_of_esci(tmp_path: Path, examples: Any, expected: str) -> None:
    folder = esci(tmp_path, examples if isinstance(examples, dict) else ESCI_EXAMPLES)
    if not isinstance(examples, dict):
        (folder / EXAMPLES).unlink()
        write(folder, {EXAMPLES: examples})
    assert expected in refusal("esci", folder)


def test_esci_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {EXAMPLES: b"", PRODUCTS: b""})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    line = r"^format 'esci' needs the package pyarrow: pip install 'relevance-benchmarks\[esci\]'$"
    with pytest.raises(CouldNotRunError, match=line):
        load("esci", tmp_path)
