"""Small data sets of every format, as the bytes of their files; and what loading them gives."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from relevance import datasets
from relevance.errors import InputError
from relevance.records import Dataset

TRAIN = ("id", "product_uid", "product_title", "search_term", "relevance")
TEST = TRAIN[:4]
SOLUTION = ("id", "relevance", "Usage")
DESCRIPTIONS = ("product_uid", "product_description")
ATTRIBUTES = ("product_uid", "name", "value")
RATINGS = ("query", "docid", "rating")


def load(format_: str, path: Path | None = None, **settings: object) -> Dataset:
    """Load a data set that is called as its format is."""
    return datasets.load(datasets.Source(format_, format_, path, **settings))  # type: ignore[arg-type]


def load_pairs(format_: str, path: Path | None = None, **settings: object) -> pd.DataFrame:
    """Load the pairs of a data set that is called as its format is."""
    return datasets.load_pairs(datasets.Source(format_, format_, path, **settings))  # type: ignore[arg-type]


def refusal(format_: str, path: Path | None = None, *, pairs: bool = False, **settings: object) -> str:
    """The one line that a data set is refused with, without the path of its folder."""
    with pytest.raises(InputError) as caught:
        (load_pairs if pairs else load)(format_, path, **settings)
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(f"{path}/", "").replace(f"{path} ", "")


def triples(dataset: Dataset) -> set[tuple[str, str, float]]:
    """Query text, product id and grade of each judgment."""
    judgments = dataset.judgments
    rows = zip(judgments.queries, judgments.products, judgments.grades.tolist(), strict=True)
    return {(dataset.queries.texts[query], dataset.catalogue.ids[product], grade) for query, product, grade in rows}


def products(dataset: Dataset) -> list[list[str]]:
    """Id, title and description of each product."""
    rows: list[list[str]] = dataset.catalogue.products.to_numpy().tolist()
    return rows


def attributes(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Product id, name and value of each attribute."""
    ids = dataset.catalogue.ids
    rows = dataset.catalogue.attributes.itertuples(index=False, name=None)
    return [(ids[code], name, value) for code, name, value in rows]


def facts(dataset: Dataset) -> dict[str, Any]:
    """What files became, by name."""
    return {
        "products": products(dataset),
        "attributes": attributes(dataset),
        "triples": triples(dataset),
        "queries": dict(zip(dataset.queries.ids, dataset.queries.texts, strict=True)),
        "notes": dataset.notes,
        "relevant_from": dataset.judgments.relevant_from,
        "own": None if dataset.own_products is None else dataset.own_products.tolist(),
    }


def hashes(dataset: Dataset) -> tuple[str, str, str]:
    """The three hashes that a baseline is bound to."""
    judgments = dataset.judgments.sha256(dataset.queries, dataset.catalogue)
    return dataset.catalogue.sha256, dataset.queries.sha256, judgments


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], encoding: str = "latin-1") -> bytes:
    """A CSV file with every field quoted."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue().encode(encoding)


def as_zip(name: str, content: bytes) -> bytes:
    """A zip file that holds one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def as_json(*products: Mapping[str, object]) -> bytes:
    """A JSON list in UTF-8."""
    return json.dumps(products, ensure_ascii=False).encode()


def write(folder: Path, files: Mapping[str, bytes | None]) -> Path:
    """Write files into a folder, which is made; None is a file that is not there."""
    for name, content in files.items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder


HOMEDEPOT: Mapping[str, bytes] = {
    "train.csv": as_csv(
        TRAIN,
        [
            (1, "p2", "oak shelf", "shelf", 3),
            (2, "p1", "steel bracket", "shelf", "1.5"),
            (3, "p1", "steel bracket", "bracket", "2.67"),
        ],
    ),
    "product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1", "holds 20 kg"), ("p9", "of another product")]),
    "attributes.csv": as_csv(ATTRIBUTES, [("p1", "Colour", "grey"), ("p2", "Wood", "oak"), ("p1", "Bolts", "4")]),
    "test.csv": as_csv(TEST, [(10, "p1", "steel bracket", "angle"), (11, "p7", "brass hook", "hook")]),
    "solution.csv": as_csv(SOLUTION, [(11, "2.33", "Private"), (10, -1, "Ignored")]),
}

CHORUS: Mapping[str, bytes] = {
    "1.json": b'[{"id": "21", "title": "Caf\xc3\xa9 mug", "short_description": "0.3 l", "attr_n_volume": 0.30,'
    b' "attr_b_handle": true, "attr_t_colour": "rouge", "attr_n_a": 1e-06, "price": 5}]',
    "2.json": as_json({"id": "22", "title": "Tea pot"}),
    "3.json": as_json({"id": "23", "title": "Tea cup", "short_description": "small", "attr_n_weight": 200.0}),
    "4.json": as_json({"id": "24", "title": "Tray", "short_description": ""}),
    "Broad_Query_Set_rated.csv": as_csv(RATINGS, [("mug", "21", 3), ("mug", "23", 1), ("thé", "22", 0)], "utf-8"),
}

SHOP: Mapping[str, bytes] = {
    "products.jsonl": b'{"id": "p2", "title": "oak shelf", "description": "holds 20 kg",'
    b' "attributes": {"Wood": "oak", "Colour": "brown"}}\n{"id": 7, "title": "Caf\xc3\xa9 mug"}\n',
    "queries.tsv": "q1\tshelf\nq2\tthé mug\n".encode(),
    "qrels.txt": b"q1 0 p2 2\nq1 0 7 0\nq2 0 7 1\n",
}

BEIR: Mapping[str, bytes] = {
    "corpus.jsonl": b'{"_id": "d2", "title": "", "text": "two", "metadata": {"url": "x", "tags": ["a", "b"]}}\n'
    b'{"_id": "d1", "title": "one", "text": "first"}\n',
    "queries.jsonl": b'{"_id": "1", "text": "what", "metadata": {}}\n{"_id": 2, "text": "which"}\n',
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\n1\td2\t2\n1\td1\t0\n",
}

WANDS_HEADER = (
    b"product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features"
    b"\trating_count\taverage_rating\treview_count\n"
)
WANDS: Mapping[str, bytes] = {
    "product.csv": WANDS_HEADER
    + b'10\toak bed\tBeds\tRooms / Beds\t\t"width : 64.7|wood:oak| : plain|size : 6:4"\t15.0\t4.5\t15.0\n'
    b'9\t"12"" stool"\t\t\tround\t\t\t\t\n',
    "query.csv": b'query_id\tquery\tquery_class\n0\tbed\tBeds\n1\t"12"" seat"\t\n2\tnever judged\tBeds\n',
    "label.csv": b"id\tquery_id\tproduct_id\tlabel\n0\t0\t10\tExact\n1\t0\t9\tIrrelevant\n2\t1\t9\tPartial\n",
}
