"""The data set of one's own: what its files become, what is tolerated and noted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import SHOP, as_zip, facts, hashes, load, load_pairs, refusal, write

from relevance import datasets
from relevance.suite.compare import snapshot_of_data

QRELS = {("shelf", "p2", 2), ("shelf", "7", 0), ("thé mug", "7", 1)}
PRODUCTS_CSV = b"id,title,attr_x\np2,oak shelf,a\n7,Caf\xc3\xa9 mug,b\n"
BY_ID = b"grade,query,product\n2,q1,p2\n0,q1,7\n1,q2,7\n"
CSV_PRODUCTS = b"title,attr_t_wood,id,description,attr_n\noak shelf,oak,p2,holds 20 kg,\nCaf\xc3\xa9 mug,,7,,0.3\n"
NO_JSON = {"products.jsonl": None, "qrels.txt": None}


def rated(content: bytes, name: str = "judgments.csv") -> Any:
    """Judgments that hold the text of queries."""
    return {"qrels.txt": None, "queries.tsv": None, name: content}


def separated(delimiter: bytes) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    files = {"products.csv": CSV_PRODUCTS.replace(b",", delimiter), "judgments.csv": BY_ID.replace(b",", delimiter)}
    return (
        {**NO_JSON, **files},
        {},
        {
            "products": [["7", "Café mug", ""], ["p2", "oak shelf", "holds 20 kg"]],
            "attributes": [("7", "attr_n", "0.3"), ("p2", "attr_t_wood", "oak")],
            "triples": QRELS,
            "notes": (),
        },
    )


RATED = b"query,product,grade,rater\nshelf,p2,3,ann\nshelf,p2,4,bob\nshelf,p2,4,bob\nmug,7,1,bob\n"
MEANS = {
    "triples": {("shelf", "p2", 3.5), ("mug", "7", 1)},
    "notes": ("judgments.csv: 1 rating is repeated and counts once",
              "judgments.csv: grades are the means of 2 raters' ratings"),
}  # fmt: skip
NUMBERS = b'{"n": 6.0, "b": true, "l": ["x", 1e-06, null], "z": null, "e": ""}'
UNNAMED = "a column without a name, a column without a name"
# files beside those of SHOP, settings, and what becomes what
BECOMES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "products, queries and judgments": ({}, {},
        {"products": [["7", "Café mug", ""], ["p2", "oak shelf", "holds 20 kg"]],
         "attributes": [("p2", "Wood", "oak"), ("p2", "Colour", "brown")], "queries": {"q1": "shelf", "q2": "thé mug"},
         "triples": QRELS, "notes": (), "relevant_from": 1}),
    "commas": separated(b","),
    "semicolons": separated(b";"),
    "tabs": separated(b"\t"),
    "values of attributes": (
        {
            "products.jsonl": b'{"id": "7", "title": "t", "description": null, "attributes": ' + NUMBERS + b"}\n",
            "qrels.txt": b"q1 0 7 1\n",
        }, {},
        {"attributes": [("7", *pair) for pair in (("n", "6.0"), ("b", "true"), ("l", "x"), ("l", "1e-06"), ("e", ""))]},
    ),
    "no title": ({"products.jsonl": None, "products.csv": b"id,title\n7,\np2, \n8,mug\n9,\n10,\n"}, {},
                 {"notes": ("4 products have no title: '10', '7', '9' and 1 more",), "triples": QRELS}),
    "the text is the query's id": (rated('query,product,grade\n"thé, mug",7,3.0\nshelf,p2,1\n'.encode()), {},
        {"triples": {("thé, mug", "7", 3), ("shelf", "p2", 1)},
         "queries": {"q3eefa42d5206": "shelf", "qdb39f9b95e6f": "thé, mug"}, "notes": ()}),
    "decimal grades (clicks, mean ratings)": (rated(b"query,product,grade\nshelf,p2,0.37\nshelf,7,1e-2\nmug,7,3.50\n"),
        {"relevant_from": 0.2},
        {"triples": {("shelf", "p2", 0.37), ("shelf", "7", 0.01), ("mug", "7", 3.5)}, "relevant_from": 0.2}),
    "grades below 0 in qrels": ({"qrels.txt": b"q1 0 p2 2.0\nq1 0 7 -1\nq2 0 7 1\n"}, {},
        {"triples": QRELS, "notes": ("qrels.txt: 1 grade is below 0 and read as 0",)}),
    "words with their gains": ({"qrels.txt": b"q1 0 p2 good\nq1 0 7 bad\nq2 0 7 fair\n"},
        {"gains": {"good": 1.0, "fair": 0.5, "bad": 0}, "relevant_from": 1},
        {"triples": {("shelf", "p2", 1), ("shelf", "7", 0), ("thé mug", "7", 0.5)}, "notes": ()}),
    "of several raters the mean counts, one rater has one opinion": (rated(RATED), {}, MEANS),
    "raters called otherwise": (rated(RATED.replace(b"rater", b"who")), {"columns": {"rater": "who"}}, MEANS),
    # Quepid leaves ratings out, and puts a space before what a spreadsheet would run
    "Quepid": (
        rated(b"query,docid,rating\nshelf,p2,3.0\n -25 bolt,7,1.5\n mug,7,0\nnobody,,\nmug,p2,\n",
              "case_1_judgements.csv"), {},
        {
            "triples": {("shelf", "p2", 3), ("-25 bolt", "7", 1.5), (" mug", "7", 0)},
            "notes": (
                "case_1_judgements.csv: 2 rows without a rating are left out",
                "case_1_judgements.csv: 1 field has a space in front of = + - or @, which Quepid puts there: left out",
            ),
        },
    ),
    "white space and case": (rated(b"query,product,grade\ndrill,7,1\ndrill ,7,1\nDrill,7,1\nsaw,7,1\n"), {},
        {"triples": {(text, "7", 1) for text in ("drill", "drill ", "Drill", "saw")},
         "notes": ("judgments.csv: 2 queries differ from others in white space or case only ('Drill' and 'drill')",)}),
    "a spreadsheet's quotes": ({"queries.tsv": b'q1\t"fawkes 36"" vanity"\n\nq2\t12" "shelf"\n"q3"\t"a\tb"\n',
                                "qrels.txt": b"q1 0 p2 2\nq2 0 7 1\nq3 0 7 1\n"}, {},
        {"triples": {('fawkes 36" vanity', "p2", 2), ('12" "shelf"', "7", 1), ("a\tb", "7", 1)},
         "notes": ("queries.tsv: 3 fields in CSV quotes are read without them",)}),
    "empty lines and tabs in qrels": ({"qrels.txt": b"\nq1 0 p2 2\n\nq1\t0\t7\t0\r\nq2  Q0  7  1"}, {},
        {"triples": QRELS, "notes": ()}),
    "queries that nobody has judged, and two with one text": (
        {"queries.tsv": SHOP["queries.tsv"] + b"q3\tshelf\nq4\tother\n"}, {},
        {
            "triples": QRELS,
            "notes": (
                "queries.tsv: 1 query has the text of another", "queries.tsv: 2 queries without judgments are left out",
            ),
        },
    ),
    "columns of other names, and some that are not used": (
        {
            "products.jsonl": None,
            "products.csv": b"sku,name,attr_a;b,price,,\n1,shelf,x,9.99,,\n2,mug,,5,,\n",
            **rated(b"term,sku,stars,who\nshelf,1,2,me\n"),
        },
        {"columns": {"id": "sku", "title": "name", "query": "term", "product": "sku", "grade": "stars"}},
        {
            "products": [["1", "shelf", ""], ["2", "mug", ""]],
            "triples": {("shelf", "1", 2)},
            "notes": (
                "judgments.csv: not used: who",
                f"products.csv: not used: price, {UNNAMED}; attributes are columns called attr_*",
            ),
        },
    ),
    "keys that are not used": (
        {
            "products.jsonl": json.dumps({"id": "7", "title": "t", "tags": [], **dict.fromkeys("abcdef", 1)}).encode(),
            "qrels.txt": b"q1 0 7 1\nq2 0 7 1",
        }, {},
        {"notes": (("products.jsonl: not used: tags, a, b, c, d and 2 more; attributes are entries of the object "
                   "'attributes'"),)},
    ),
    # somebody may think that they count
    "files that nobody reads": (
        {"queries.xlsx": b"", "Judgments.xlsx": b"", "README.md": b""}, {},
        {"notes": (("not read: Judgments.xlsx, queries.xlsx; allowed: products.jsonl, products.csv, products.ndjson, "
                   "products.tsv, queries.tsv, queries.csv, queries.jsonl, qrels.txt, judgments.csv, pairs.tsv"),)},
    ),
    # over an index that exists: its products and no others, with the texts of the files
    "an index": ({"qrels.txt": SHOP["qrels.txt"] + b"q2 0 new 1\n"}, {"over": ("p2", "new", "7", "other")},
        {"products": [["7", "Café mug", ""], ["new", "", ""], ["other", "", ""], ["p2", "oak shelf", "holds 20 kg"]],
         "attributes": [("p2", "Wood", "oak"), ("p2", "Colour", "brown")],
         "triples": {*QRELS, ("thé mug", "new", 1)},
         "notes": ("2 products of the index are not in the files: no title here",)}),
    "judgments that the index lacks": ({}, {"over": ("p2",), "unknown_products": "drop"},
        {"triples": {("shelf", "p2", 2)},
         "notes": ("1 product of the files is not in the index: left out",
                   "qrels.txt: 2 judgments of 1 product that is gone are dropped",
                   "qrels.txt: 1 query loses all its judgments and is dropped")}),
    "no title, of those in the index": (
        {"products.jsonl": None, "products.csv": b"id,title\n7,\np2,\n8,\n", "qrels.txt": b"q1 0 7 1\nq2 0 7 1\n"},
        {"over": ("7", "new")},
        {"notes": ("1 product has no title: '7'", "1 product of the index is not in the files: no title here",
                   "2 products of the files are not in the index: left out")}),
    "an index, and no file of products": ({"products.jsonl": None}, {"over": ("p2", "7"), "columns": {"title": "name"}},
        {"products": [["7", "", ""], ["p2", "", ""]],
         "notes": ("no products.jsonl and no products.csv: products have no title here",)}),
}  # fmt: skip


@pytest.mark.parametrize(("files", "settings", "expected"), BECOMES.values(), ids=BECOMES)
def test_what_files_become(tmp_path: Path, files: Any, settings: dict[str, Any], expected: dict[str, Any]) -> None:
    dataset = load("files", write(tmp_path, {**SHOP, **files}), **settings)
    found = facts(dataset)
    assert {name: found[name] for name in expected} == expected
    whole = all(grade == int(grade) for _, _, grade in found["triples"])
    assert dataset.judgments.grades.dtype.kind == ("i" if whole else "f")


PARAMS = ({"locale": "de", "groups": ["a", "b"]}, {"locale": "fr"})
IN_JSON = """{"id": "q1", "text": "shelf", "locale": "de", "params": {"groups": ["a", "b"], "none": null}}
{"id": "q2", "text": "thé mug", "locale": "fr", "params": null}
""".encode()
# the file of the queries, and the parameters of both
ASKED: dict[str, tuple[str, bytes, Any]] = {
    "tabs": ("queries.tsv", 'id\ttext\tlocale\tgroups\nq1\tshelf\tde\t["a", "b"]\nq2\tthé mug\tfr\n'.encode(), PARAMS),
    "tabs and quotes": ("queries.tsv",
        '"id"\ttext\tlocale\tgroups\nq1\tshelf\tde\t"[""a"", ""b""]"\nq2\t"thé mug"\tfr\t\n'.encode(), PARAMS),
    "commas": ("queries.csv", 'locale,id,groups,text\nde,q1,"[""a"",""b""]",shelf\nfr,q2,,thé mug\n'.encode(), PARAMS),
    "semicolons": ("queries.csv", "id;text;locale\nq1;shelf;de\nq2;thé mug;\n".encode(), ({"locale": "de"}, {})),
    "JSON": ("queries.jsonl", IN_JSON, PARAMS),
    "types": ("queries.jsonl",
        b'{"id": 1, "text": "a", "n": 10, "x": 2.50, "b": true, "o": {"k": [1e3]}}\n{"id": "2", "text": "b"}',
        ({"b": True, "n": 10, "o": {"k": [1000.0]}, "x": 2.5}, {})),
    "cells are text": ("queries.csv", b"id,text,n,b,s\nq1,a,10,true,[x\nq2,b,1e3,, \n",
        ({"b": "true", "n": "10", "s": "[x"}, {"n": "1e3", "s": " "})),
    "a first line of names, no further columns": ("queries.tsv", b"id\ttext\nq1\tshelf\nq2\tmug\n", ()),
    "no value anywhere": ("queries.csv", b"id,text,locale\nq1,shelf,\nq2,mug,\n", ()),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "params"), ASKED.values(), ids=ASKED)
def test_parameters_of_queries(tmp_path: Path, name: str, content: bytes, params: Any) -> None:
    ids = ("1", "2") if b'"id": 1' in content else ("q1", "q2")
    qrels = "".join(f"{one} 0 7 1\n" for one in ids).encode()
    queries = load("files", write(tmp_path, {**SHOP, "queries.tsv": None, name: content, "qrels.txt": qrels})).queries
    assert (queries.ids, queries.params) == (ids, params)
    assert repr(queries.params) == repr(tuple(dict(sorted(one.items())) for one in params)), "types, too"


# the file of the queries; weights and tags of both
MARKED: dict[str, tuple[str, bytes, Any, Any]] = {
    "tabs": ("queries.tsv", b"id\ttext\tweight\ttags\nq1\tshelf\t12.5\thead| part no \nq2\tmug\n",
        (12.5, 1), (("head", "part no"), ())),
    "commas, a list": ("queries.csv",
        b'tags,weight,id,text,locale\n"[""b"",""a"",""b""]",0,q1,shelf,de\n,2.0,q2,mug,fr\n', (0, 2), (("a", "b"), ())),
    "JSON": ("queries.jsonl", (
        b'{"id": "q1", "text": "shelf", "weight": 3, "tags": ["a"], "params": {"tags": [1]}}\n'
        b'{"id": "q2", "text": "mug", "weight": null, "tags": "b|c"}\n'), (3, 1), (("a",), ("b", "c"))),
    "weights of 1": ("queries.csv", b"id,text,weight,tags\nq1,shelf,1,\nq2,mug,,|\n", (), ()),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "weights", "tags"), MARKED.values(), ids=MARKED)
def test_weights_and_tags_of_queries(tmp_path: Path, name: str, content: bytes, weights: Any, tags: Any) -> None:
    files = {**SHOP, "queries.tsv": None, name: content, "qrels.txt": b"q1 0 7 1\nq2 0 7 1\n"}
    dataset = load("files", write(tmp_path / "marked", files))
    assert (dataset.queries.weights, dataset.queries.tags) == (weights, tags)
    params = {"JSON": ({"tags": [1]}, {}), "commas, a list": ({"locale": "de"}, {"locale": "fr"})}
    assert dataset.queries.params in ((), *params.values())
    data = snapshot_of_data(dataset)
    assert (data.weights, data.tags) == (weights, tags)
    if not dataset.queries.params:
        plain = {**files, name: None, "queries.tsv": b"q1\tshelf\nq2\tmug\n"}
        assert dataset.queries.sha256 == load("files", write(tmp_path / "plain", plain)).queries.sha256


def test_parameters_tell_queries_apart(tmp_path: Path) -> None:
    content = b"id,text,store\nq1,shelf,5\nq2,shelf,6\nq3,Shelf,5\nq4,shelf,5\n"
    qrels = b"".join(b"q%d 0 7 1\n" % number for number in range(1, 5))
    dataset = load("files", write(tmp_path, {**SHOP, "queries.tsv": None, "queries.csv": content, "qrels.txt": qrels}))
    assert dataset.notes == (
        "queries.csv: 1 query has the text of another",
        (
            "queries.csv: 1 query differs from another in white space or case only "
            "('Shelf {store=5}' and 'shelf {store=5}')"
        ),
    )


def test_a_query_without_parameters_hashes_as_ever(tmp_path: Path) -> None:
    def hashed(name: str, content: bytes) -> str:
        folder = write(tmp_path / name, {**SHOP, "queries.tsv": None, "queries.jsonl": content})
        return load("files", folder).queries.sha256

    plain = load("files", write(tmp_path / "plain", SHOP)).queries.sha256
    bare = '{"id": "q1", "text": "shelf", "x": null}\n{"id": "q2", "text": "thé mug"}\n'
    assert hashed("bare", bare.encode()) == plain
    one = hashed("one", bare.replace("null", '{"a": 1, "b": 2}').encode())
    assert one == hashed("turned", bare.replace("null", '{"b": 2, "a": 1}').encode()) != plain
    assert one != hashed("other", bare.replace("null", '{"a": 1, "b": "2"}').encode())


@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["Windows", "old Macs"])
@pytest.mark.parametrize("name", ["products.jsonl", "products.csv", "queries.tsv", "qrels.txt", "judgments.csv"])
def test_marks_and_line_ends_of_other_systems_change_nothing(tmp_path: Path, name: str, end: bytes) -> None:
    files: dict[str, Any] = dict(SHOP)
    if name == "products.csv":
        files |= {"products.jsonl": None, name: PRODUCTS_CSV}
    if name == "judgments.csv":
        files |= {"qrels.txt": None, name: BY_ID}
    expected = load("files", write(tmp_path / "unix", files))
    files[name] = b"\xef\xbb\xbf" + files[name].replace(b"\n", end)
    dataset = load("files", write(tmp_path / "other", files))
    assert hashes(dataset) == hashes(expected)
    assert dataset.notes == (f"{name}: the byte order mark at its start is skipped",)


@pytest.mark.parametrize("packed", ["NAME.zip", "STEM.zip", "NAME.gz"])
def test_each_file_may_be_packed(tmp_path: Path, packed: str) -> None:
    files = {}
    for name, content in SHOP.items():
        to = packed.replace("NAME", name).replace("STEM", name.partition(".")[0])
        files[to] = gzip.compress(content) if to.endswith("gz") else as_zip(f"data/{name}", content)
    plain = load("files", write(tmp_path / "plain", SHOP))
    assert hashes(load("files", write(tmp_path / "packed", files))) == hashes(plain)
    both = write(tmp_path / "packed", {"products.jsonl": SHOP["products.jsonl"]})
    assert "has both products.jsonl and products." in refusal("files", both)


def test_pairs_hold_the_query_and_are_good_where_nothing_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path, {**SHOP, "pairs.tsv": b'shelf\tp2\t2.5\n"36"" mug"\t"7"\ncup\tx\t1\n'})
    assert datasets.has_pairs(datasets.Source("files", "files", folder))
    assert load_pairs("files", folder, unknown_products="drop").to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "relevance"],
        # what trains on them leaves out what has no title, and counts it
        "data": [["shelf", "p2", "oak shelf", 2.5], ['36" mug', "7", "Café mug", 3.0], ["cup", "x", "", 1.0]],
    }
