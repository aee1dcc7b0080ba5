"""Small data sets for the tests of the loaders, as the bytes of their files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING

from relevance import datasets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

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


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
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
    "1.json": as_json(
        {
            "id": "21",
            "title": "Café mug",
            "short_description": "0.3 l",
            "attr_n_volume": 0.3,
            "attr_b_handle": True,
            "attr_t_colour": "rouge",
            "price": 5,
        }
    ),
    "2.json": as_json({"id": "22", "title": "Tea pot"}),
    "3.json": as_json({"id": "23", "title": "Tea cup", "short_description": "small", "attr_n_weight": 200.0}),
    "4.json": as_json({"id": "24", "title": "Tray", "short_description": ""}),
    "Broad_Query_Set_rated.csv": as_csv(RATINGS, [("mug", "21", 3), ("mug", "23", 1), ("thé", "22", 0)], "utf-8"),
}
