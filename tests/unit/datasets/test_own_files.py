"""The data set of one's own: what its files become."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from written import as_zip, load, load_pairs, write

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.records import Dataset

PRODUCTS = [
    {"id": "p2", "title": "oak shelf", "description": "holds 20 kg", "attributes": {"Wood": "oak", "Colour": "brown"}},
    {"id": 7, "title": "Café mug"},
]
SHOP: Mapping[str, bytes] = {
    "products.jsonl": b"".join(json.dumps(product).encode() + b"\n" for product in PRODUCTS),
    "queries.tsv": "q1\tshelf\nq2\tthé mug\n".encode(),
    "qrels.txt": b"q1 0 p2 2\nq1 0 7 0\nq2 0 7 1\n",
}


def _triples(dataset: Dataset) -> set[tuple[str, str, int]]:
    judgments = dataset.judgments
    rows = zip(judgments.queries, judgments.products, judgments.grades, strict=True)
    return {(dataset.queries.ids[query], dataset.catalogue.ids[product], int(grade)) for query, product, grade in rows}


def _attributes(dataset: Dataset) -> list[tuple[int, str, str]]:
    return list(dataset.catalogue.attributes.itertuples(index=False, name=None))


def _without(files: Mapping[str, bytes], *names: str, **others: bytes) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name not in names} | others


def test_products_queries_and_judgments(tmp_path: Path) -> None:
    """Products are there, judged or not; attributes keep their order; a whole number is an id as it is written."""
    dataset = load("files", write(tmp_path, SHOP))
    assert dataset.catalogue.products.to_numpy().tolist() == [["7", "Café mug", ""], ["p2", "oak shelf", "holds 20 kg"]]
    assert _attributes(dataset) == [(1, "Wood", "oak"), (1, "Colour", "brown")]
    assert dict(zip(dataset.queries.ids, dataset.queries.texts, strict=True)) == {"q1": "shelf", "q2": "thé mug"}
    assert _triples(dataset) == {("q1", "p2", 2), ("q1", "7", 0), ("q2", "7", 1)}
    assert (dataset.name, dataset.notes, dataset.judgments.relevant_from) == ("files", (), 1)


def test_csv_products_are_the_same(tmp_path: Path) -> None:
    """An attribute is called as its whole column; an empty field is none; columns stand in any order."""
    content = "title,attr_t_wood,id,description,attr_n\noak shelf,oak,p2,holds 20 kg,\nCafé mug,,7,,0.3\n".encode()
    dataset = load("files", write(tmp_path, _without(SHOP, "products.jsonl") | {"products.csv": content}))
    assert dataset.catalogue.products.to_numpy().tolist() == [["7", "Café mug", ""], ["p2", "oak shelf", "holds 20 kg"]]
    assert _attributes(dataset) == [(0, "attr_n", "0.3"), (1, "attr_t_wood", "oak")]


def test_values_of_attributes(tmp_path: Path) -> None:
    """Numbers keep their digits, a list is an attribute for each value, null is none, an empty text is one."""
    attributes = b'{"n": 6.0, "b": true, "l": ["x", 1e-06, null], "z": null, "e": ""}'
    product = b'{"id": "7", "title": "t", "description": null, "attributes": ' + attributes + b"}\n"
    files = SHOP | {"products.jsonl": product, "qrels.txt": b"q1 0 7 1\n"}
    assert _attributes(load("files", write(tmp_path, files))) == [
        (0, "n", "6.0"),
        (0, "b", "true"),
        (0, "l", "x"),
        (0, "l", "1e-06"),
        (0, "e", ""),
    ]


def test_queries_by_their_text(tmp_path: Path) -> None:
    """Without queries.tsv the judgments hold the text, and its hash is the id."""
    judgments = 'query,product,grade\n"thé, mug",7,3.0\nshelf,p2,1\n'.encode()
    files = _without(SHOP, "queries.tsv", "qrels.txt") | {"judgments.csv": judgments}
    dataset = load("files", write(tmp_path, files))
    mug, shelf = (f"q{hashlib.sha256(text.encode()).hexdigest()[:12]}" for text in ("thé, mug", "shelf"))
    assert _triples(dataset) == {(mug, "7", 3), (shelf, "p2", 1)}


def test_judgments_by_id(tmp_path: Path) -> None:
    """With queries.tsv a CSV of judgments names queries by id."""
    files = _without(SHOP, "qrels.txt") | {"judgments.csv": b"grade,query,product\n2,q1,p2\n0,q1,7\n1,q2,7\n"}
    assert _triples(load("files", write(tmp_path, files))) == {("q1", "p2", 2), ("q1", "7", 0), ("q2", "7", 1)}


def test_what_quepid_exports(tmp_path: Path) -> None:
    """Its name, its columns, its decimal ratings; rows without a rating are left out, and counted."""
    exported = b"query,docid,rating\nshelf,p2,3.0\nshelf,7,0\nnobody rated this,,\nmug,p2,\n"
    files = _without(SHOP, "queries.tsv", "qrels.txt") | {"case_12_judgements.csv": exported}
    dataset = load("files", write(tmp_path, files))
    assert (dataset.queries.texts, sorted(dataset.judgments.grades.tolist())) == (("shelf",), [0, 3])
    assert dataset.notes == ("case_12_judgements.csv: 2 rows without a rating are left out",)


def test_empty_lines_of_qrels(tmp_path: Path) -> None:
    """Quepid's TREC export has some; tabs separate as spaces do."""
    files = SHOP | {"qrels.txt": b"\nq1 0 p2 2\n\nq1\t0\t7\t0\r\nq2  Q0  7  1"}
    assert _triples(load("files", write(tmp_path, files))) == {("q1", "p2", 2), ("q1", "7", 0), ("q2", "7", 1)}


@pytest.mark.parametrize("name", ["products.jsonl", "products.csv", "queries.tsv", "qrels.txt", "judgments.csv"])
def test_windows_files(tmp_path: Path, name: str) -> None:
    """A byte order mark and Windows line ends change nothing; the mark is noted."""
    csv_files = {
        "products.csv": "id,title,attr_x\np2,oak shelf,a\n7,Café mug,b\n".encode(),
        "judgments.csv": b"query,product,grade\nq1,p2,2\nq1,7,0\nq2,7,1\n",
    }
    twin = {"products.csv": "products.jsonl", "judgments.csv": "qrels.txt"}
    files = _without(SHOP, twin[name]) | {name: csv_files[name]} if name in csv_files else dict(SHOP)
    expected = load("files", write(tmp_path / "unix", files))
    files[name] = b"\xef\xbb\xbf" + files[name].replace(b"\n", b"\r\n")
    found = load("files", write(tmp_path / "windows", files))
    assert found.catalogue.sha256 == expected.catalogue.sha256
    assert (found.queries.sha256, _triples(found)) == (expected.queries.sha256, _triples(expected))
    assert found.notes == (f"{name}: the byte order mark at its start is skipped",)


def test_zipped_files(tmp_path: Path) -> None:
    """Each file may be packed."""
    packed = {f"{name}.zip": as_zip(name, content) for name, content in SHOP.items()}
    expected, found = load("files", write(tmp_path / "a", SHOP)), load("files", write(tmp_path / "b", packed))
    assert found.catalogue.sha256 == expected.catalogue.sha256
    assert _triples(found) == _triples(expected)


def test_columns_of_other_names(tmp_path: Path) -> None:
    """A map of names finds products and judgments; what is not used is noted."""
    files = {
        "products.csv": b"sku,name,attr_a,price\n1,shelf,x,9.99\n2,mug,,5\n",
        "judgments.csv": b"term,sku,stars,who\nshelf,1,2,me\n",
    }
    columns = {"id": "sku", "title": "name", "query": "term", "product": "sku", "grade": "stars"}
    dataset = load("files", write(tmp_path, files), columns=columns)
    assert dataset.catalogue.products["title"].tolist() == ["shelf", "mug"]
    assert dataset.judgments.grades.tolist() == [2]
    assert dataset.notes == ("products.csv: not used: price", "judgments.csv: not used: who")


def test_keys_that_are_not_used(tmp_path: Path) -> None:
    """A slip of the pen in an optional key shows itself in the notes; the first five are named."""
    product = {"id": "7", "title": "t", "descripton": "lost", **dict.fromkeys("abcdef", 1)}
    files = SHOP | {"products.jsonl": json.dumps(product).encode(), "qrels.txt": b"q1 0 7 1\nq2 0 7 1"}
    note = "products.jsonl: not used: descripton, a, b, c, d and 2 more"
    assert load("files", write(tmp_path, files)).notes == (note,)


def test_words_as_grades(tmp_path: Path) -> None:
    """Each word has its grade in `gains`, and the lowest relevant grade is a setting."""
    files = SHOP | {"qrels.txt": b"q1 0 p2 good\nq1 0 7 bad\nq2 0 7 fair\n"}
    gains = {"good": 5, "fair": 1, "bad": 0}
    dataset = load("files", write(tmp_path, files), gains=gains, relevant_from=5)
    assert _triples(dataset) == {("q1", "p2", 5), ("q1", "7", 0), ("q2", "7", 1)}
    assert dataset.judgments.relevant_from == 5


def test_products_that_are_gone(tmp_path: Path) -> None:
    """Dropped and counted: the judgments, their products, and the queries that lose all of theirs."""
    gone = b"q1 0 p2 2\nq1 0 x1 2\nq2 0 x1 1\nq2 0 x2 1\n"
    folder = write(tmp_path, SHOP | {"qrels.txt": gone})
    dataset = load("files", folder, unknown_products="drop")
    assert _triples(dataset) == {("q1", "p2", 2)}
    assert dataset.queries.ids == ("q1",)
    assert dataset.notes == (
        "qrels.txt: 3 judgments of 2 products that are gone are dropped",
        "qrels.txt: 1 query loses all its judgments and is dropped",
    )
    with pytest.raises(
        InputError, match=r"qrels\.txt, line 2, column product: found 'x1'; allowed: the id of a product"
    ):
        load("files", folder)


def test_all_products_are_gone(tmp_path: Path) -> None:
    """With nothing left to judge the catalogue is another one."""
    folder = write(tmp_path, SHOP | {"qrels.txt": b"q1 0 x1 2\n"})
    message = r"qrels\.txt: no judgment is of a product of the data set; allowed: one or more$"
    with pytest.raises(InputError, match=message):
        load("files", folder, unknown_products="drop")


def test_queries_nobody_judged(tmp_path: Path) -> None:
    """They cannot be evaluated: left out and counted. Two queries with one text are both asked, and noted."""
    files = SHOP | {"queries.tsv": SHOP["queries.tsv"] + b"q3\tshelf\nq4\tother\n"}
    dataset = load("files", write(tmp_path, files))
    assert dataset.queries.ids == ("q1", "q2")
    assert dataset.notes == (
        "queries.tsv: 1 query has the text of another",
        "queries.tsv: 2 queries without judgments are left out",
    )


def test_pairs(tmp_path: Path) -> None:
    """Pairs hold the query's text; a pair without a relevance is a good one; titles come from the catalogue."""
    folder = write(tmp_path, SHOP | {"pairs.tsv": b"shelf\tp2\t2.5\nmug\t7\ncup\tx\t1\n"})
    pairs = load_pairs("files", folder, unknown_products="drop")
    assert pairs.to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "relevance"],
        "data": [["shelf", "p2", "oak shelf", 2.5], ["mug", "7", "Café mug", 3.0]],
    }
    with pytest.raises(
        InputError, match=r"pairs\.tsv, line 3, column product: found 'x'; allowed: the id of a product"
    ):
        load_pairs("files", folder)
