"""The data set of one's own: what its files become, what is tolerated and noted."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from helpers.datasets import SHOP, as_zip, attributes, hashes, load, load_pairs, products, refusal, triples, write

from relevance import datasets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.records import Dataset

QRELS = {("shelf", "p2", 2), ("shelf", "7", 0), ("thé mug", "7", 1)}
PRODUCTS_CSV = b"id,title,attr_x\np2,oak shelf,a\n7,Caf\xc3\xa9 mug,b\n"
BY_ID: Mapping[str, bytes | None] = {
    "qrels.txt": None,
    "judgments.csv": b"grade,query,product\n2,q1,p2\n0,q1,7\n1,q2,7\n",
}


def _load(folder: Path, changed: Mapping[str, bytes | None] = {}, **settings: object) -> Dataset:
    return load("files", write(folder, {**SHOP, **changed}), **settings)


def _csv(content: bytes, name: str = "judgments.csv") -> Mapping[str, bytes | None]:
    """Judgments that hold the text of queries."""
    return {"qrels.txt": None, "queries.tsv": None, name: content}


def test_products_queries_and_judgments(tmp_path: Path) -> None:
    """Products are there, judged or not; attributes keep their order; a whole number is an id as it is written."""
    dataset = _load(tmp_path)
    assert products(dataset) == [["7", "Café mug", ""], ["p2", "oak shelf", "holds 20 kg"]]
    assert attributes(dataset) == [("p2", "Wood", "oak"), ("p2", "Colour", "brown")]
    assert (dataset.queries.ids, triples(dataset)) == (("q1", "q2"), QRELS)
    assert (dataset.name, dataset.notes, dataset.judgments.relevant_from) == ("files", (), 1)


RATED = b"query,product,grade,rater\nshelf,p2,3,ann\nshelf,p2,4,bob\nshelf,p2,4,bob\nmug,7,1,bob\n"
MEANS = {("shelf", "p2", 3.5), ("mug", "7", 1)}, ("judgments.csv: grades are the means of 2 raters' ratings",)
JUDGMENTS: Mapping[
    str, tuple[Mapping[str, bytes | None], dict[str, Any], set[tuple[str, str, float]], tuple[str, ...]]
] = {
    "without queries.tsv the judgments hold the text": (
        _csv('query,product,grade\n"thé, mug",7,3.0\nshelf,p2,1\n'.encode()),
        {},
        {("thé, mug", "7", 3), ("shelf", "p2", 1)},
        (),
    ),
    "decimal grades are their own gain (clicks, mean ratings)": (
        _csv(b"query,product,grade\nshelf,p2,0.37\nshelf,7,1e-2\nmug,7,3.50\n"),
        {"relevant_from": 0.2},
        {("shelf", "p2", 0.37), ("shelf", "7", 0.01), ("mug", "7", 3.5)},
        (),
    ),
    "in qrels they may be below 0": (
        {"qrels.txt": b"q1 0 p2 2.0\nq1 0 7 -1\nq2 0 7 1\n"},
        {},
        QRELS,
        ("qrels.txt: 1 grade is below 0 and read as 0",),
    ),
    "each word has its grade in gains, whole or not": (
        {"qrels.txt": b"q1 0 p2 good\nq1 0 7 bad\nq2 0 7 fair\n"},
        {"gains": {"good": 1.0, "fair": 0.5, "bad": 0}, "relevant_from": 1},
        {("shelf", "p2", 1), ("shelf", "7", 0), ("thé mug", "7", 0.5)},
        (),
    ),
    "with a column that names the rater their mean counts; one rater has one opinion": (_csv(RATED), {}, *MEANS),
    "called otherwise": (_csv(RATED.replace(b"rater", b"who")), {"columns": {"rater": "who"}}, *MEANS),
    "Quepid leaves ratings out, and puts a space before what a spreadsheet would run": (
        _csv(
            b"query,docid,rating\nshelf,p2,3.0\n -25 bolt,7,1.5\n mug,7,0\nnobody,,\nmug,p2,\n", "case_1_judgements.csv"
        ),
        {},
        {("shelf", "p2", 3), ("-25 bolt", "7", 1.5), (" mug", "7", 0)},
        (
            "case_1_judgements.csv: 2 rows without a rating are left out",
            "case_1_judgements.csv: 1 field has a space in front of = + - or @, which Quepid puts there: left out",
        ),
    ),
    "white space and case make queries of their own": (
        _csv(b"query,product,grade\ndrill,7,1\ndrill ,7,1\nDrill,7,1\nsaw,7,1\n"),
        {},
        {(text, "7", 1) for text in ("drill", "drill ", "Drill", "saw")},
        ("judgments.csv: 2 queries differ from others in white space or case only ('Drill' and 'drill')",),
    ),
    "fields in a spreadsheet's quotes lose them, other quotes are text": (
        {
            "queries.tsv": b'q1\t"fawkes 36"" vanity"\n\nq2\t12" "shelf"\n"q3"\t"a\tb"\n',
            "qrels.txt": b"q1 0 p2 2\nq2 0 7 1\nq3 0 7 1\n",
        },
        {},
        {('fawkes 36" vanity', "p2", 2), ('12" "shelf"', "7", 1), ("a\tb", "7", 1)},
        ("queries.tsv: 3 fields in CSV quotes are read without them",),
    ),
    "qrels may have empty lines, and tabs for spaces": (
        {"qrels.txt": b"\nq1 0 p2 2\n\nq1\t0\t7\t0\r\nq2  Q0  7  1"},
        {},
        QRELS,
        (),
    ),
    "queries that nobody has judged are left out, two with one text are both asked": (
        {"queries.tsv": SHOP["queries.tsv"] + b"q3\tshelf\nq4\tother\n"},
        {},
        QRELS,
        ("queries.tsv: 1 query has the text of another", "queries.tsv: 2 queries without judgments are left out"),
    ),
}


@pytest.mark.parametrize("case", JUDGMENTS)
def test_judgments(tmp_path: Path, case: str) -> None:
    """What they become, and what is said of them."""
    files, settings, expected, notes = JUDGMENTS[case]
    dataset = _load(tmp_path, files, **settings)
    assert (triples(dataset), dataset.notes) == (expected, notes)
    whole = all(grade == int(grade) for _, _, grade in expected)
    assert dataset.judgments.grades.dtype.kind == ("i" if whole else "f")
    assert dataset.judgments.relevant_from == settings.get("relevant_from", 1)


def test_query_ids(tmp_path: Path) -> None:
    """The hash of the text is the id where there is none."""
    dataset = _load(tmp_path, _csv(b"query,product,grade\nshelf,p2,1\n"))
    assert dataset.queries.ids == ("q3eefa42d5206",)


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t"], ids=["commas", "semicolons", "tabs"])
def test_csv_products_and_judgments(tmp_path: Path, delimiter: bytes) -> None:
    """An attribute is called as its whole column; an empty field is none; columns stand in any order."""
    content = b"title,attr_t_wood,id,description,attr_n\noak shelf,oak,p2,holds 20 kg,\nCaf\xc3\xa9 mug,,7,,0.3\n"
    assert BY_ID["judgments.csv"]
    files = {**BY_ID, "products.jsonl": None, "products.csv": content.replace(b",", delimiter)}
    dataset = _load(tmp_path, {**files, "judgments.csv": BY_ID["judgments.csv"].replace(b",", delimiter)})
    assert products(dataset) == [["7", "Café mug", ""], ["p2", "oak shelf", "holds 20 kg"]]
    assert attributes(dataset) == [("7", "attr_n", "0.3"), ("p2", "attr_t_wood", "oak")]
    assert (triples(dataset), dataset.notes) == (QRELS, ())


def test_values_of_attributes(tmp_path: Path) -> None:
    """Numbers keep their digits, a list is an attribute for each value, null is none, an empty text is one."""
    values = b'{"n": 6.0, "b": true, "l": ["x", 1e-06, null], "z": null, "e": ""}'
    product = b'{"id": "7", "title": "t", "description": null, "attributes": ' + values + b"}\n"
    dataset = _load(tmp_path, {"products.jsonl": product, "qrels.txt": b"q1 0 7 1\n"})
    pairs = [(name, value) for _, name, value in attributes(dataset)]
    assert pairs == [("n", "6.0"), ("b", "true"), ("l", "x"), ("l", "1e-06"), ("e", "")]


@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["Windows", "old Macs"])
@pytest.mark.parametrize("name", ["products.jsonl", "products.csv", "queries.tsv", "qrels.txt", "judgments.csv"])
def test_files_of_other_systems(tmp_path: Path, name: str, end: bytes) -> None:
    """A byte order mark and other line ends change nothing; the mark is noted."""
    files: dict[str, bytes | None] = dict(SHOP)
    if name == "products.csv":
        files |= {"products.jsonl": None, name: PRODUCTS_CSV}
    if name == "judgments.csv":
        files |= BY_ID
    expected = load("files", write(tmp_path / "unix", files))
    content = files[name]
    assert content is not None
    files[name] = b"\xef\xbb\xbf" + content.replace(b"\n", end)
    dataset = load("files", write(tmp_path / "other", files))
    assert hashes(dataset) == hashes(expected)
    assert dataset.notes == (f"{name}: the byte order mark at its start is skipped",)


@pytest.mark.parametrize("packed", ["NAME.zip", "STEM.zip", "NAME.gz"])
def test_packed_files(tmp_path: Path, packed: str) -> None:
    """Each file may be packed, as macOS, Windows and gzip do it."""
    files = {}
    for name, content in SHOP.items():
        to = packed.replace("NAME", name).replace("STEM", name.partition(".")[0])
        files[to] = gzip.compress(content) if to.endswith("gz") else as_zip(f"data/{name}", content)
    assert hashes(load("files", write(tmp_path / "packed", files))) == hashes(_load(tmp_path / "plain"))
    both = write(tmp_path / "packed", {"products.jsonl": SHOP["products.jsonl"]})
    assert "has both products.jsonl and products." in refusal("files", both)


def test_files_that_nobody_reads_are_noted(tmp_path: Path) -> None:
    """A `queries.csv` beside `queries.tsv`: somebody may think that it counts."""
    others = {"queries.csv": b"id,text\n", "Judgments.xlsx": b"", "README.md": b""}
    ours = "products.jsonl, products.csv, queries.tsv, qrels.txt, judgments.csv, pairs.tsv"
    assert _load(tmp_path, others).notes == (f"not read: Judgments.xlsx, queries.csv; allowed: {ours}",)
    write(tmp_path, {"products.tsv": b""})
    (tmp_path / "products.jsonl").unlink()
    assert "has no products.jsonl and no products.csv, but 'products.tsv'; one of" in refusal("files", tmp_path)


def test_columns_of_other_names_and_what_is_not_used(tmp_path: Path) -> None:
    """A map of names finds products and judgments; what is not used is noted, also a column without a name."""
    files = {
        "products.csv": b"sku,name,attr_a;b,price,,\n1,shelf,x,9.99,,\n2,mug,,5,,\n",
        "judgments.csv": b"term,sku,stars,who\nshelf,1,2,me\n",
    }
    columns = {"id": "sku", "title": "name", "query": "term", "product": "sku", "grade": "stars"}
    dataset = load("files", write(tmp_path, files), columns=columns)
    assert (triples(dataset), products(dataset)) == ({("shelf", "1", 2)}, [["1", "shelf", ""], ["2", "mug", ""]])
    unnamed = "a column without a name, a column without a name"
    assert dataset.notes == (
        "judgments.csv: not used: who",
        f"products.csv: not used: price, {unnamed}; attributes are columns called attr_*",
    )
    product = {"id": "7", "title": "t", "descripton": "lost", **dict.fromkeys("abcdef", 1)}
    keys = {"products.jsonl": json.dumps(product).encode(), "qrels.txt": b"q1 0 7 1\nq2 0 7 1"}
    note = (
        "products.jsonl: not used: descripton, a, b, c, d and 2 more; attributes are entries of the object 'attributes'"
    )
    assert _load(tmp_path / "keys", keys).notes == (note,)


def test_pairs(tmp_path: Path) -> None:
    """Pairs hold the query's text; a pair without a relevance is a good one; titles come from the catalogue."""
    folder = write(tmp_path, {**SHOP, "pairs.tsv": b'shelf\tp2\t2.5\n"36"" mug"\t"7"\ncup\tx\t1\n'})
    assert datasets.has_pairs(datasets.Source("files", "files", folder))
    assert load_pairs("files", folder, unknown_products="drop").to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "relevance"],
        "data": [["shelf", "p2", "oak shelf", 2.5], ['36" mug', "7", "Café mug", 3.0]],
    }
